# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which workloads a move restarts, and what stands in the way."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Scene
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.moving import (
    WithHbone,
    workloads_to_move,
    workloads_without_hbone,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.survey import Survey
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.usage import Usage
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Expectation, Goal, Plane
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.move import Move

Obj = dict[str, Any]
HBONE = {"networking.istio.io/tunnel": "http"}


def pod(
    name: str,
    owner: str = "Deployment web",
    *,
    runs: str = "",
    captured: bool = False,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> Obj:
    """`runs` is the revision of its proxy."""
    kind, _space, made_by = owner.partition(" ")
    noted = dict(annotations or {})
    if runs:
        noted["sidecar.istio.io/status"] = f'{{"revision":"{runs}"}}'
    if captured:
        noted["ambient.istio.io/redirection"] = "enabled"
    meta: Obj = {"name": name, "namespace": "demo", "labels": {"app": made_by, **(labels or {})}, "annotations": noted}
    if kind == "Deployment":
        kind, made_by = "ReplicaSet", f"{made_by}-abc"
        meta["labels"]["pod-template-hash"] = "abc"
    if kind:
        meta["ownerReferences"] = [{"kind": kind, "name": made_by, "controller": True}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta}


def owner(kind: str, name: str, *, restart_id: str = "", ready: bool = True, template: Any = None, **spec: Any) -> Obj:
    metadata: Obj = {"annotations": {"meshwright.io/restart": restart_id}} if restart_id else {}
    done = 2 if ready else 0
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "demo", "generation": 1},
        "spec": {"replicas": 2, "template": {"metadata": {**metadata, **(template or {})}}, **spec},
        "status": {
            "observedGeneration": 1,
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": done,
            "availableReplicas": done,
        },
    }


def survey(*pods: Obj, owners: Any = (), on_host: Any = (), budgets: Any = ()) -> Survey:
    return Survey(
        scene=Scene.of(pods),
        usage=Usage(),
        owners={"demo": owners or [owner("Deployment", "web")]},
        budgets={"demo": budgets},
        on_host=frozenset(("demo", name) for name in on_host),
    )


def move(mode: Any, revision: str = "") -> Move:
    return Move("demo", Plane(), Goal(mode, revision), Expectation(mode, revision))


@pytest.mark.parametrize(
    ("mode", "revision", "seen", "moved"),
    [
        ("ambient", "", pod("p", runs="old"), True),
        ("none", "", pod("p", runs="old"), True),
        # ztunnel captures running pods: no restart helps one that it has not.
        ("ambient", "", pod("p"), False),
        ("ambient", "", pod("p", captured=True), False),
        ("none", "", pod("p", captured=True), False),
        ("sidecar", "new", pod("p"), True),
        ("sidecar", "new", pod("p", captured=True), True),
        ("sidecar", "new", pod("p", runs="old"), True),
        ("sidecar", "new", pod("p", runs="new"), False),
        ("sidecar", "", pod("p", runs="old"), False),
        # What opts out itself stays as it is.
        ("sidecar", "new", pod("p", labels={"sidecar.istio.io/inject": "false"}), False),
        ("sidecar", "new", pod("p", annotations={"sidecar.istio.io/inject": "false"}), False),
        ("sidecar", "new", pod("p", labels={"istio.io/dataplane-mode": "none"}), True),
        ("ambient", "", pod("p", runs="old", labels={"istio.io/dataplane-mode": "none"}), False),
        ("none", "", pod("p", runs="old", labels={"istio.io/dataplane-mode": "none"}), True),
        # Gateways and waypoints have a proxy by their own right.
        ("ambient", "", pod("p", runs="old", annotations={"inject.istio.io/templates": "gateway"}), False),
        ("sidecar", "new", pod("p", labels={"gateway.istio.io/managed": "istio.io-mesh-controller"}), False),
    ],
)
def test_only_what_a_restart_brings_there_is_moved(mode: str, revision: str, seen: Obj, moved: bool) -> None:
    # A pod without an owner, so that its own labels are the only ones.
    seen["metadata"].pop("ownerReferences")
    found = workloads_to_move(survey(seen), move(mode, revision))
    assert [one.ref for one in found] == ["Pod demo/p"] * moved


def test_the_template_says_what_comes_back_not_the_pod() -> None:
    out = owner("Deployment", "web", template={"labels": {"sidecar.istio.io/inject": "false"}})
    assert workloads_to_move(survey(pod("p"), owners=[out]), move("sidecar")) == []


def test_the_hosts_network_gets_no_proxy() -> None:
    seen = survey(pod("a", "DaemonSet agent"), pod("b"), on_host=["a"])
    assert [one.ref for one in workloads_to_move(seen, move("sidecar"))] == ["Deployment demo/web"]


def test_pods_lead_to_their_workload_and_its_proxies_revision() -> None:
    seen = survey(pod("web-2", runs="old"), pod("web-1", runs="old"), pod("web-3"), pod("db-0", "StatefulSet db"))
    (found,) = workloads_to_move(seen, move("ambient"))
    assert (found.ref, found.pods, found.revision) == ("Deployment demo/web", ("web-1", "web-2"), "old")


@pytest.mark.parametrize("name", ["demo/Deployment/web", "Deployment demo/web", "demo/web", "Deployment/demo/web"])
def test_what_is_excluded_is_left_out(name: str) -> None:
    seen = survey(pod("p", runs="old"), pod("db-0", "StatefulSet db", runs="old"))
    assert [one.ref for one in workloads_to_move(seen, move("none"), excluded=[name])] == ["StatefulSet demo/db"]


@pytest.mark.parametrize(
    ("template", "asks"),
    [
        ({"labels": {"sidecar.istio.io/inject": "true"}}, "label sidecar.istio.io/inject=true"),
        ({"labels": {"istio.io/rev": "old"}}, "label istio.io/rev=old"),
        ({"annotations": {"sidecar.istio.io/status": "{}"}}, "a proxy written into it"),
        ({"labels": {"istio.io/rev": "old", "sidecar.istio.io/inject": "false"}}, ""),
        ({}, ""),
    ],
)
def test_what_would_be_injected_again_is_a_hindrance_on_the_way_from_sidecars(template: Obj, asks: str) -> None:
    seen = survey(pod("p", runs="old"), owners=[owner("Deployment", "web", template=template)])
    for mode in ("ambient", "none"):
        (found,) = workloads_to_move(seen, move(mode))
        assert [one.id for one in found.hindrances] == ["asks-itself"] * bool(asks)
        assert all(asks in words for words in found.blockers)
        assert len(found.blockers) == bool(asks)
    if "inject" not in str(template):
        (found,) = workloads_to_move(seen, move("sidecar", "new"))
        assert found.hindrances == ()


@pytest.mark.parametrize(
    ("kind", "spec", "ids"),
    [
        ("Job", {}, ["job"]),
        ("CloneSet", {}, ["unknown-owner"]),
        ("Deployment", {"paused": True}, ["paused"]),
        ("Deployment", {"replicas": 1, "strategy": {"type": "Recreate"}}, ["single-replica", "recreate"]),
        ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, ["on-delete"]),
        ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 1}}}, ["partition"]),
    ],
)
def test_hindrances_have_ids_and_words(kind: str, spec: Obj, ids: list[str]) -> None:
    seen = survey(pod("p", f"{kind} web", runs="old"), owners=[owner(kind, "web", **spec)])
    (found,) = workloads_to_move(seen, move("ambient"))
    assert [one.id for one in found.hindrances] == ids
    assert sorted(found.blockers + found.notes) == sorted(one.message for one in found.hindrances)
    assert all(one.obj == f"{kind} demo/web" and one.hint for one in found.hindrances)


def test_a_pod_alone_and_one_whose_owner_is_gone_are_told_apart() -> None:
    lone = pod("lone", " ", runs="old")
    found = workloads_to_move(survey(lone, pod("db-0", "StatefulSet gone", runs="old")), move("none"))
    assert {one.ref: [each.id for each in one.hindrances] for one in found} == {
        "Pod demo/lone": ["lone-pod"],
        "StatefulSet demo/gone": ["owner-gone"],
    }


def test_what_a_killed_run_began_comes_first_whatever_became_of_its_pods() -> None:
    """Neither ready nor old; ready, but not captured; and half way, with a budget that it has used up itself."""
    budget = {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "all", "namespace": "demo"},
        "spec": {"selector": {}},
        "status": {"expectedPods": 2, "disruptionsAllowed": 0},
    }
    seen = survey(
        pod("a-1", "Deployment a", runs="old"),
        pod("late-1", "Deployment late"),
        pod("half-1", "Deployment half", runs="old"),
        pod("done-1", "Deployment done", captured=True),
        owners=[
            owner("Deployment", "a"),
            owner("Deployment", "late", restart_id="id-1"),
            owner("Deployment", "half", restart_id="id-1", ready=False),
            owner("Deployment", "done", restart_id="id-1"),
            owner("Deployment", "without-pods", restart_id="id-1", ready=False),
        ],
        budgets=[budget],
    )
    found = workloads_to_move(seen, move("ambient"), restart_id="id-1")
    assert [one.name for one in found] == ["half", "late", "without-pods", "a"]
    assert [[each.id for each in one.hindrances] for one in found] == [[], [], [], ["budget-without-headroom"]]
    assert [one.name for one in workloads_to_move(seen, move("ambient"), restart_id="id-2")] == ["a", "half"]


def test_proxies_without_hbone_are_found() -> None:
    seen = survey(
        pod("web-1", runs="old"),
        pod("new-1", "Deployment new", runs="old", labels=HBONE),
        pod("plain-1", "Deployment plain"),
    )
    assert [one.ref for one in workloads_without_hbone(seen, "demo")] == ["Deployment demo/web"]


@pytest.mark.parametrize(
    ("seen", "missed"),
    [
        (pod("p"), "has no proxy"),
        (pod("p", runs="x"), "does not speak HBONE"),
        (pod("p", runs="x", labels=HBONE), ""),
    ],
)
def test_hbone_is_expected_of_the_proxy(seen: Obj, missed: str) -> None:
    assert missed in WithHbone().missed(seen)
    assert bool(WithHbone().missed(seen)) == bool(missed)
