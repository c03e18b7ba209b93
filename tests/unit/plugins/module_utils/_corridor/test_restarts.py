# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a restart is written, for each kind, and over the writes of others."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.restarts import restart
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import Workload
from ansible_collections.meshwright.istio.plugins.module_utils._errors import (
    BadInput,
    Conflict,
    GuardRefused,
    SettleTimeout,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Deadline

Obj = dict[str, Any]
# Over all pods, without headroom.
FULL: Obj = {
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "all", "namespace": "demo"},
    "spec": {"selector": {}},
    "status": {"observedGeneration": 1, "expectedPods": 2, "disruptionsAllowed": 0},
}


class Cluster:
    """Objects by name, ready at once; `conflicts` writes fail first because others write, too."""

    def __init__(self, *objects: Obj, conflicts: int = 0) -> None:
        self.objects = {obj["metadata"]["name"]: obj for obj in objects}
        self.conflicts = conflicts
        self.patches: list[tuple[str, Obj]] = []
        self.budgets: list[Obj] = []

    def with_deadline(self, _deadline: Deadline) -> Cluster:
        return self

    def many(self, call: Any, items: Any) -> list[Any]:
        return [call(item) for item in items]

    def get(self, _kind: Any, name: str, _namespace: str) -> Obj | None:
        return self.objects.get(name)

    def list(self, kind: Any, *_args: Any, **_more: Any) -> list[Obj]:
        return self.budgets if kind.kind == "PodDisruptionBudget" else []

    def patch(self, _kind: Any, name: str, _namespace: str, patch: Obj, *, resource_version: str) -> None:
        live = self.objects[name]
        if self.conflicts:
            self.conflicts -= 1
            live["metadata"]["resourceVersion"] += "0"
            raise Conflict("it was changed")
        assert resource_version == live["metadata"]["resourceVersion"]
        self.patches.append((name, patch))


def live(kind: str, name: str, restart_id: str = "") -> Obj:
    marked = {"annotations": {"meshwright.io/restart": restart_id}} if restart_id else {}
    obj: Obj = {
        "apiVersion": "argoproj.io/v1alpha1" if kind == "Rollout" else "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "demo", "resourceVersion": "1", "generation": 1},
        "spec": {"replicas": 1, "template": {"metadata": {}}},
        "status": {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1},
    }
    if kind == "Rollout":
        obj["metadata"] |= marked
    else:
        obj["spec"]["template"]["metadata"] = marked
    return obj


def workload(kind: str, name: str = "web", *blockers: str) -> Workload:
    return Workload(kind, "demo", name, "old", ("web-1",), blockers=blockers)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_the_id_goes_into_the_template(kind: str) -> None:
    cluster: Any = Cluster(live(kind, "web"))
    assert restart(cluster, [workload(kind)], "id-1", Deadline(5)).restarted == [f"{kind} demo/web"]
    template = {"metadata": {"annotations": {"meshwright.io/restart": "id-1"}}}
    assert cluster.patches == [("web", {"spec": {"template": template}})]


def test_a_rollout_is_told_to_restart_and_keeps_its_template() -> None:
    cluster: Any = Cluster(live("Rollout", "web"))
    restart(cluster, [workload("Rollout")], "id-1", Deadline(5))
    ((_name, patch),) = cluster.patches
    assert patch["metadata"] == {"annotations": {"meshwright.io/restart": "id-1"}}
    assert list(patch["spec"]) == ["restartAt"]


@pytest.mark.parametrize("kind", ["Deployment", "Rollout"])
def test_the_same_id_restarts_nothing_and_another_does(kind: str) -> None:
    cluster: Any = Cluster(live(kind, "web", "id-1"))
    assert restart(cluster, [workload(kind)], "id-1", Deadline(5)).already == [f"{kind} demo/web"]
    assert cluster.patches == []
    assert restart(cluster, [workload(kind)], "id-2", Deadline(5)).restarted == [f"{kind} demo/web"]


def test_others_writes_are_read_again_and_not_for_ever() -> None:
    cluster: Any = Cluster(live("Deployment", "web"), conflicts=3)
    assert restart(cluster, [workload("Deployment")], "id-1", Deadline(5)).restarted
    with pytest.raises(Conflict):
        restart(Cluster(live("Deployment", "web"), conflicts=99), [workload("Deployment")], "id-1", Deadline(5))  # type: ignore[arg-type]


def test_a_blocked_one_stops_all_before_anything_is_written() -> None:
    cluster: Any = Cluster(live("Deployment", "web"), live("Deployment", "other"))
    both = [workload("Deployment", "other"), workload("Deployment", "web", "the Deployment is paused")]
    with pytest.raises(GuardRefused, match="Deployment demo/web: the Deployment is paused"):
        restart(cluster, both, "id-1", Deadline(5))
    assert cluster.patches == []


def test_without_time_nothing_more_is_begun() -> None:
    cluster: Any = Cluster(live("Deployment", "web"))
    with pytest.raises(SettleTimeout, match="No time is left to restart Deployment demo/web") as caught:
        restart(cluster, [workload("Deployment")], "id-1", Deadline(0))
    assert caught.value.details["untouched"] == ["Deployment demo/web"]
    assert cluster.patches == []


def test_percentages_are_of_all() -> None:
    """Two at a time: the third is untouched when the first two never get ready."""
    objects = [live("Deployment", name) for name in "abcd"]
    objects[0]["status"]["readyReplicas"] = 0
    cluster: Any = Cluster(*objects)
    with pytest.raises(SettleTimeout) as caught:
        restart(
            cluster,
            [workload("Deployment", name) for name in "abcd"],
            "id-1",
            Deadline(5),
            max_unavailable="50%",
            each=0.2,
        )
    assert [name for name, _patch in cluster.patches] == ["a", "b"]
    assert caught.value.details["untouched"] == ["Deployment demo/c", "Deployment demo/d"]
    with pytest.raises(BadInput, match="max_unavailable"):
        restart(cluster, [workload("Deployment", "a")], "id-1", Deadline(5), max_unavailable="0%")


@pytest.mark.parametrize(
    ("kind", "labels", "patched"),
    [
        ("Deployment", {"a": "1", "b": None}, {"labels": {"a": "1", "b": None}}),
        ("Deployment", {"b": "0", "c": None}, {}),
        ("Rollout", {"b": None}, {"labels": {"b": None}}),
    ],
)
def test_labels_go_into_the_template_with_the_id(kind: str, labels: dict[str, str | None], patched: Obj) -> None:
    web = live(kind, "web")
    web["spec"]["template"]["metadata"]["labels"] = {"b": "0"}
    cluster: Any = Cluster(web)
    restart(cluster, [workload(kind)], "id-1", Deadline(5), template_labels=labels)
    ((_name, patch),) = cluster.patches
    mark = {"annotations": {"meshwright.io/restart": "id-1"}}
    if kind == "Rollout":
        # A change of its template makes new pods already.
        assert patch == {"metadata": mark, "spec": {"template": {"metadata": patched}}}
    else:
        assert patch == {"spec": {"template": {"metadata": {**mark, **patched}}}}


def test_labels_are_not_written_into_the_template_of_another() -> None:
    web = live("Rollout", "web")
    web["spec"] = {"workloadRef": {"kind": "Deployment", "name": "origin"}}
    cluster: Any = Cluster(live("Deployment", "other"), web)
    both = [workload("Deployment", "other"), workload("Rollout")]
    with pytest.raises(GuardRefused, match="has its pod template in Deployment demo/origin"):
        restart(cluster, both, "id-1", Deadline(5), template_labels={"a": "1"})
    assert cluster.patches == []


def test_what_begins_is_told_before_it_is_written_and_only_once() -> None:
    cluster: Any = Cluster(live("Deployment", "a", "id-1"), live("Deployment", "b"), conflicts=2)
    told: list[Any] = []
    done = restart(
        cluster,
        [workload("Deployment", name) for name in "abc"],
        "id-1",
        Deadline(5),
        started=lambda one: told.append((one.name, len(cluster.patches))),
        said=told.append,
    )
    assert told == ["Deployment demo/a", ("b", 0), "Deployment demo/b"]
    assert (done.already, done.gone) == (["Deployment demo/a"], ["Deployment demo/c"])


def test_an_error_of_who_is_told_leaves_the_rest_untouched() -> None:
    def refuse(one: Workload) -> None:
        if one.name == "b":
            raise GuardRefused("the lease is another's")

    cluster: Any = Cluster(live("Deployment", "a"), live("Deployment", "b"))
    with pytest.raises(GuardRefused) as caught:
        restart(cluster, [workload("Deployment", name) for name in "ab"], "id-1", Deadline(5), started=refuse)
    assert [name for name, _patch in cluster.patches] == ["a"]
    assert caught.value.details == {
        "restarted": ["Deployment demo/a"],
        "already": [],
        "untouched": ["Deployment demo/b"],
    }


@pytest.mark.parametrize(("headroom", "patched"), [(True, False), (lambda one: one.name != "web", True), (False, True)])
def test_budgets_are_asked_where_that_is_wanted(headroom: Any, patched: bool) -> None:
    cluster: Any = Cluster(live("Deployment", "web"))
    cluster.budgets = [FULL]
    if patched:
        assert restart(cluster, [workload("Deployment")], "id-1", Deadline(5), headroom=headroom).restarted
    else:
        with pytest.raises(SettleTimeout, match="PodDisruptionBudget demo/all allows no disruption") as caught:
            restart(cluster, [workload("Deployment")], "id-1", Deadline(5), each=0.1, headroom=headroom)
        assert caught.value.details["untouched"] == ["Deployment demo/web"]
    assert bool(cluster.patches) == patched


def test_what_a_killed_run_began_needs_no_room() -> None:
    cluster: Any = Cluster(live("Deployment", "web", "id-1"))
    cluster.budgets = [FULL]
    done = restart(cluster, [workload("Deployment")], "id-1", Deadline(5), each=0.1, headroom=True)
    assert done.already == ["Deployment demo/web"]
