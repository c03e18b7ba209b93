# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many go together, room in budgets, and pods that are not as expected."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import rolling
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.rolling import (
    at_a_time,
    wait_for_pods,
    with_headroom,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import Workload
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Expectation
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, SettleTimeout
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Deadline

Obj = dict[str, Any]
NOW = Deadline(0)


class Cluster:
    """Answers lists by kind, the next answer each time, the last one for ever; pods also by name."""

    def __init__(self, **answers: list[list[Obj]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def many(self, call: Any, items: Any) -> list[Any]:
        return [call(item) for item in items]

    def list(self, kind: Any, namespace: str, **_more: Any) -> list[Obj]:
        self.asked.append(f"{kind.kind} {namespace}")
        mine = self.answers.get(kind.kind, [[]])
        return mine.pop(0) if len(mine) > 1 else mine[0]

    def with_deadline(self, _deadline: Deadline) -> Cluster:
        return self

    def get(self, kind: Any, name: str, _namespace: str) -> Obj | None:
        return next((each for each in self.answers[kind.kind][-1] if each["metadata"]["name"] == name), None)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "_PAUSE", 0.0)
    monkeypatch.setattr(rolling, "_GRACE", 0.0)


def workload(name: str, kind: str = "Deployment") -> Workload:
    return Workload(kind, "demo", name, "old", ())


def pod(name: str, owner: str, *, kind: str = "ReplicaSet", status: str = "", redirected: bool = False) -> Obj:
    noted = {"sidecar.istio.io/status": status} if status else {}
    if redirected:
        noted["ambient.istio.io/redirection"] = "enabled"
    meta: Obj = {"name": name, "namespace": "demo", "annotations": noted, "labels": {"pod-template-hash": "abc"}}
    meta["ownerReferences"] = [{"kind": kind, "name": owner, "controller": True}]
    return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": "node-7"}}


def budget(name: str, allowed: int, *, app: str = "", expected: int = 2, **more: Any) -> Obj:
    return {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "demo", "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": app}} if app else {}},
        "status": {"observedGeneration": 2, "expectedPods": expected, "disruptionsAllowed": allowed, **more},
    }


@pytest.mark.parametrize(
    ("text", "count", "together"),
    [(1, 9, 1), ("3", 2, 3), ("25%", 8, 2), ("25%", 3, 1), ("100%", 7, 7), (" 50% ", 5, 2), ("10%", 0, 1)],
)
def test_how_many_go_together(text: int | str, count: int, together: int) -> None:
    assert at_a_time(text, count) == together


@pytest.mark.parametrize("text", [0, -1, "", "0%", "101%", "half", "1.5", "%", "5 %"])
def test_anything_else_is_refused(text: int | str) -> None:
    with pytest.raises(BadInput, match="max_unavailable"):
        at_a_time(text, 4)


@pytest.mark.parametrize(
    ("budgets", "labels", "room"),
    [
        ([], [{"app": "a"}, {"app": "b"}], 2),
        # One budget over both has room for one of them; the other comes with the next group.
        ([budget("all", 1)], [{"app": "a"}, {"app": "b"}], 1),
        ([budget("all", 2)], [{"app": "a"}, {"app": "b"}], 2),
        ([budget("b", 0, app="b")], [{"app": "a"}, {"app": "b"}], 1),
        ([budget("c", 0, app="c")], [{"app": "a"}, {"app": "b"}], 2),
        # It counts no pods: nothing would be lost.
        ([budget("a", 0, app="a", expected=0)], [{"app": "a"}], 1),
        # What a killed run has begun needs no room: it is itself what takes it.
        ([budget("all", 0)], [None], 1),
    ],
)
def test_budgets_say_how_many(budgets: list[Obj], labels: list[Any], room: int) -> None:
    cluster: Any = Cluster(PodDisruptionBudget=[budgets])
    group = [(workload(f"web-{number}"), each) for number, each in enumerate(labels)]
    assert with_headroom(cluster, group, NOW) == room


@pytest.mark.parametrize(
    ("blocked", "said"),
    [
        (
            budget("a", 0, currentHealthy=1, desiredHealthy=2),
            r"demo/a allows no disruption \(1 pods healthy, 2 wanted\)",
        ),
        (budget("a", 1, observedGeneration=1), "demo/a has not been looked at by its controller"),
    ],
)
def test_a_budget_is_waited_for_and_named(blocked: Obj, said: str) -> None:
    group = [(workload("web"), {"app": "a"})]
    cluster: Any = Cluster(PodDisruptionBudget=[[blocked], [blocked], [budget("a", 1)]])
    assert with_headroom(cluster, group, Deadline(5)) == 1
    assert len(cluster.asked) == 3
    with pytest.raises(
        SettleTimeout, match=f"Deployment demo/web was not restarted: PodDisruptionBudget {said}"
    ) as caught:
        with_headroom(Cluster(PodDisruptionBudget=[[blocked]]), group, NOW)  # type: ignore[arg-type]
    assert caught.value.details["unready"][0]["object"] == "Deployment demo/web"


def test_pods_are_waited_for_with_one_list_for_all() -> None:
    new = [pod("a-1", "a-abc", redirected=True), pod("b-1", "b-abc", redirected=True)]
    late = [new[0], pod("b-1", "b-abc")]
    # Somebody else's, with the same labels.
    other = pod("a-job-1", "a-job", kind="Job", status="{}")
    cluster: Any = Cluster(Pod=[[*late, other], [*new, other]])
    wait_for_pods(cluster, [workload("a"), workload("b")], Deadline(5), expect=Expectation("ambient"))
    assert cluster.asked == ["Pod demo", "Pod demo"]


def test_replica_sets_are_listed_once_where_no_name_tells() -> None:
    found = pod("a-1", "odd-name", redirected=True)
    odd = {
        "kind": "ReplicaSet",
        "metadata": {"name": "odd-name", "ownerReferences": [{"kind": "Deployment", "name": "a", "controller": True}]},
    }
    cluster: Any = Cluster(Pod=[[pod("a-1", "odd-name")], [found]], ReplicaSet=[[odd]])
    wait_for_pods(cluster, [workload("a")], Deadline(5), expect=Expectation("ambient"))
    assert cluster.asked == ["Pod demo", "ReplicaSet demo", "Pod demo"]


@pytest.mark.parametrize(
    ("expect", "seen", "said", "look_at"),
    [
        (Expectation("sidecar"), {}, "pod a-1 on node-7 has no proxy", "the injector's webhook"),
        (
            Expectation("sidecar", "new"),
            {"status": '{"revision":"old"}'},
            "runs a proxy of revision old",
            "the injector's webhook",
        ),
        (Expectation("ambient"), {"status": "{}"}, "still has a proxy", "what still injects there"),
        (Expectation("none"), {"status": "{}"}, "still has a proxy", "what still injects there"),
    ],
)
def test_what_no_waiting_mends_is_told_at_once(expect: Expectation, seen: Obj, said: str, look_at: str) -> None:
    cluster: Any = Cluster(Pod=[[pod("a-1", "a-abc", **seen)]])
    with pytest.raises(SettleTimeout, match=said) as caught:
        wait_for_pods(cluster, [workload("a")], Deadline(3600), expect=expect)
    assert look_at in caught.value.hint
    assert caught.value.details["unready"][0]["object"] == "Deployment demo/a"


@pytest.mark.parametrize(
    ("kind", "owner_kind", "owner", "seen"),
    [("Deployment", "ReplicaSet", "a-abc", {}), ("Rollout", "ReplicaSet", "a-abc", {"status": "{}"})],
)
def test_what_may_come_still_is_waited_for(kind: str, owner_kind: str, owner: str, seen: Obj) -> None:
    """Being captured comes later than the pod; and a Rollout replaces its pods after it has said that it is ready."""

    def made(**more: Any) -> Obj:
        found = pod("a-1", owner, kind=owner_kind, **more)
        if kind == "Rollout":
            found["metadata"]["labels"] = {"rollouts-pod-template-hash": "abc"}
        return found

    cluster: Any = Cluster(Pod=[[made(**seen)]] * 3 + [[made(redirected=True)]])
    wait_for_pods(cluster, [workload("a", kind)], Deadline(60), expect=Expectation("ambient"))
    assert len(cluster.asked) == 4


def test_a_pod_that_is_not_captured_names_its_node() -> None:
    cluster: Any = Cluster(Pod=[[pod("a-1", "a-abc")]])
    with pytest.raises(SettleTimeout, match="pod a-1 on node-7 is not captured") as caught:
        wait_for_pods(cluster, [workload("a")], NOW, expect=Expectation("ambient"))
    assert "istio-cni and ztunnel are ready on node-7" in caught.value.hint
