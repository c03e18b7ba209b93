# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a restart is written, for each kind, and over the writes of others."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.restarts import restart
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import Workload
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Conflict, GuardRefused, SettleTimeout
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Deadline

Obj = dict[str, Any]


class Cluster:
    """Objects by name, ready at once; `conflicts` writes fail first because others write, too."""

    def __init__(self, *objects: Obj, conflicts: int = 0) -> None:
        self.objects = {obj["metadata"]["name"]: obj for obj in objects}
        self.conflicts = conflicts
        self.patches: list[tuple[str, Obj]] = []

    def with_deadline(self, _deadline: Deadline) -> Cluster:
        return self

    def many(self, call: Any, items: Any) -> list[Any]:
        return [call(item) for item in items]

    def get(self, _kind: Any, name: str, _namespace: str) -> Obj | None:
        return self.objects.get(name)

    def list(self, *_args: Any, **_more: Any) -> list[Obj]:
        return []

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
