# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which workloads are restarted, and what keeps others from it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import workloads_of

Obj = dict[str, Any]


def owned(name: str, kind: str, owner: str, revision: str = "old", **more: Any) -> Obj:
    meta: Obj = {
        "name": name,
        "namespace": "demo",
        "labels": {"app": owner},
        "annotations": {"sidecar.istio.io/status": f'{{"revision":"{revision}"}}'},
        **more,
    }
    if kind:
        meta["ownerReferences"] = [{"kind": kind, "name": owner, "controller": True}]
    return {"kind": "Pod", "metadata": meta}


def owner(kind: str, name: str, **spec: Any) -> Obj:
    return {"kind": kind, "metadata": {"name": name, "namespace": "demo"}, "spec": {"replicas": 2, **spec}}


def replica_set(name: str, kind: str, owner_name: str) -> Obj:
    return owned(name, kind, owner_name)


def test_pods_lead_to_who_makes_them() -> None:
    found = workloads_of(
        "old",
        pods=[
            owned("web-1", "ReplicaSet", "web-abc"),
            owned("web-2", "ReplicaSet", "web-abc"),
            owned("roll-1", "ReplicaSet", "roll-xyz"),
            owned("db-0", "StatefulSet", "db"),
            owned("agent-1", "DaemonSet", "agent"),
            owned("other", "ReplicaSet", "new-abc", revision="new"),
        ],
        replica_sets=[
            replica_set("web-abc", "Deployment", "web"),
            replica_set("roll-xyz", "Rollout", "roll"),
            replica_set("new-abc", "Deployment", "new"),
        ],
        owners=[
            owner("Deployment", "web"),
            owner("Rollout", "roll"),
            owner("StatefulSet", "db"),
            owner("DaemonSet", "agent"),
            owner("Deployment", "new"),
        ],
    )
    assert [(one.ref, one.pods, one.blockers, one.notes) for one in found] == [
        ("DaemonSet demo/agent", ("agent-1",), (), ()),
        ("Deployment demo/web", ("web-1", "web-2"), (), ()),
        ("Rollout demo/roll", ("roll-1",), (), ()),
        ("StatefulSet demo/db", ("db-0",), (), ()),
    ]


@pytest.mark.parametrize(
    ("pod", "owners", "blocker"),
    [
        (owned("a", "", ""), [], "nobody would make the pod anew"),
        (owned("a", "Job", "j"), [], "a Job's pods run to their end"),
        (owned("a", "ReplicaSet", "lone"), [], "how a ReplicaSet restarts"),
        (owned("a", "CloneSet", "c"), [], "how a CloneSet restarts"),
        (owned("a", "StatefulSet", "gone"), [], "does not exist any more"),
        (
            owned("a", "StatefulSet", "db"),
            [owner("StatefulSet", "db", updateStrategy={"type": "OnDelete"})],
            "OnDelete",
        ),
        (
            owned("a", "StatefulSet", "db"),
            [owner("StatefulSet", "db", updateStrategy={"rollingUpdate": {"partition": 1}})],
            "partition 1",
        ),
        (owned("a", "DaemonSet", "d"), [owner("DaemonSet", "d", updateStrategy={"type": "OnDelete"})], "OnDelete"),
        (owned("a", "Rollout", "r"), [owner("Rollout", "r", paused=True)], "the Rollout is paused"),
    ],
)
def test_what_cannot_be_restarted_says_why(pod: Obj, owners: list[Obj], blocker: str) -> None:
    (found,) = workloads_of("old", pods=[pod], owners=owners)
    assert len(found.blockers) == 1
    assert blocker in found.blockers[0]


@pytest.mark.parametrize(
    ("owners", "budgets", "note"),
    [
        ([owner("Deployment", "web", replicas=1)], [], "single replica"),
        ([owner("Deployment", "web", replicas=None)], [], "single replica"),
        ([owner("Deployment", "web", strategy={"type": "Recreate"})], [], "Recreate"),
        ([owner("Deployment", "web")], [("web", 2, 0)], "PodDisruptionBudget demo/budget allows no disruption"),
        ([owner("Deployment", "web")], [("web", 2, 1)], ""),
        ([owner("Deployment", "web")], [("web", 0, 0)], ""),
        ([owner("Deployment", "web")], [("other", 2, 0)], ""),
    ],
)
def test_what_a_person_should_know(owners: list[Obj], budgets: list[tuple[str, int, int]], note: str) -> None:
    pod = owned("web-1", "ReplicaSet", "web-abc", labels={"app": "web"})
    made = [
        {
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "budget", "namespace": "demo"},
            "spec": {"selector": {"matchLabels": {"app": app}}},
            "status": {"expectedPods": expected, "disruptionsAllowed": allowed},
        }
        for app, expected, allowed in budgets
    ]
    (found,) = workloads_of(
        "old", pods=[pod], replica_sets=[replica_set("web-abc", "Deployment", "web")], owners=owners, budgets=made
    )
    assert found.blockers == ()
    assert len(found.notes) == bool(note)
    assert not note or note in found.notes[0]


@pytest.mark.parametrize(
    "pod",
    [
        owned("ending", "DaemonSet", "d", deletionTimestamp="2026-01-01T00:00:00Z"),
        owned("plain", "DaemonSet", "d", annotations={}),
        owned("waypoint", "DaemonSet", "d", labels={"gateway.istio.io/managed": "istio.io-mesh-controller"}),
    ],
)
def test_pods_that_are_none_of_ours_are_left_out(pod: Obj) -> None:
    assert workloads_of("old", pods=[pod], owners=[owner("DaemonSet", "d")]) == []


@pytest.mark.parametrize(
    ("restart_id", "ready", "found"),
    [("id-1", False, True), ("id-1", True, False), ("id-2", False, False), ("", False, False)],
)
@pytest.mark.parametrize("kind", ["StatefulSet", "Rollout"])
def test_what_a_killed_run_left_unready_is_found_again(kind: str, restart_id: str, ready: bool, found: bool) -> None:
    """Its old pods are gone already: nothing but the id tells that somebody still has to wait for it."""
    db = owner(kind, "db")
    mark = {"annotations": {"meshwright.io/restart": "id-1"}}
    if kind == "Rollout":
        db["metadata"] |= mark
        db["status"] = {"conditions": [{"type": "Available", "status": "True" if ready else "False"}]}
    else:
        db |= {"apiVersion": "apps/v1", "status": {"observedGeneration": 1, "readyReplicas": 2 if ready else 0}}
        db["status"]["updatedReplicas"] = 2
        db["spec"]["template"] = {"metadata": mark}
    seen = workloads_of("old", pods=[], owners=[db], restart_id=restart_id)
    assert [one.ref for one in seen] == [f"{kind} demo/db"] * found
    assert all(one.pods == () for one in seen)
