# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a waypoint is ready, and whether something is bound to it, by what the objects say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Waypoint
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint import settle
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.bound import bound_to
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.settle import (
    Retired,
    settle_bound,
    settle_waypoint,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.state import Seen, unready
from ansible_collections.meshwright.istio.plugins.module_utils._errors import SettleTimeout
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Deadline

from ..._intent.waypoint_options import intent

Obj = dict[str, Any]
WAYPOINT = Waypoint("shop", "waypoint")
META: Obj = {"name": "waypoint", "namespace": "shop", "generation": 2, "uid": "u1"}
ATTACHED = "Successfully attached to waypoint shop/waypoint"


def gateway(status: str = "True", *, seen: int = 2) -> Obj:
    conditions = [
        {"type": name, "status": status, "reason": name, "message": "so", "observedGeneration": seen}
        for name in ("Accepted", "Programmed")
    ]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": META,
        "status": {"conditions": conditions},
    }


def deployment(*, ready: int = 1, replicas: int = 1, revision: str = "default", seen: int = 2) -> Obj:
    template = {"metadata": {"annotations": {"istio.io/rev": revision}}, "spec": {"serviceAccountName": "waypoint"}}
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), ready)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": META,
        "spec": {"replicas": replicas, "template": template},
        "status": {"observedGeneration": seen, **counts},
    }


def autoscaler(most: int = 3) -> Obj:
    spec = {"minReplicas": 1, "maxReplicas": most, "scaleTargetRef": {"name": "waypoint"}}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": META, "spec": spec}


def pod(ready: str = "True") -> Obj:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "waypoint-1"}, "status": status}


def seen(**more: Any) -> Seen:
    return Seen(WAYPOINT, **{"gateway": gateway(), "deployment": deployment(), "pods": (pod(),), **more})


SCALED: Obj = {"autoscaling": {"min": 1, "max": 3}}


@pytest.mark.parametrize(
    ("found", "options", "expected"),
    [
        pytest.param(seen(), {}, {}, id="ready"),
        pytest.param(seen(autoscaler=autoscaler()), SCALED, {}, id="ready, with an autoscaler"),
        pytest.param(seen(gateway=None), {}, {"Gateway": "does not exist"}, id="no Gateway"),
        pytest.param(seen(gateway=gateway("False")), {}, {"Gateway": "Accepted is False (Accepted): so"}, id="refused"),
        pytest.param(seen(gateway=gateway(seen=1)), {}, {"Gateway": "no Accepted condition yet"}, id="of before"),
        pytest.param(seen(deployment=None), {}, {"Deployment": "istiod has made nothing"}, id="no Deployment"),
        pytest.param(seen(deployment=deployment(ready=0)), {}, {"Deployment": "0 of 1 replicas"}, id="not rolled out"),
        pytest.param(seen(deployment=deployment(seen=1)), {}, {"Deployment": "generation 2"}, id="not seen yet"),
        pytest.param(seen(pods=(pod("False"),)), {}, {"Deployment": "no pod of it is ready"}, id="no ready pod"),
        pytest.param(
            seen(deployment=deployment(revision="old")),
            {},
            {"Deployment": "still of revision old"},
            id="another istiod",
        ),
        pytest.param(seen(), {"replicas": 2}, {"Deployment": "spec.replicas"}, id="a patch has not arrived"),
        pytest.param(seen(), SCALED, {"HorizontalPodAutoscaler": "does not exist yet"}, id="no autoscaler yet"),
        pytest.param(
            seen(autoscaler=autoscaler(5)), SCALED, {"HorizontalPodAutoscaler": "spec.maxReplicas"}, id="another range"
        ),
    ],
)
def test_what_keeps_it_from_being_ready(found: Seen, options: Obj, expected: dict[str, str]) -> None:
    said = {one.kind.kind: reason for one, reason in unready(found, intent(**options), "default").items()}
    assert said.keys() == expected.keys()
    for kind, part in expected.items():
        assert part in said[kind]


class Cluster:
    """Stands in for a client: answers lists, remembers what was deleted."""

    def __init__(self, objects: list[Obj] | None = None) -> None:
        self.objects = objects or []
        self.deleted: list[str] = []

    def with_deadline(self, _deadline: Deadline) -> Cluster:
        return self

    def many(self, call: Callable[[Any], Any], items: Any) -> list[Any]:
        return [call(item) for item in items]

    def get(self, kind: kinds.Kind, name: str, namespace: str | None = None) -> Obj | None:
        return next((one for one in self.list(kind, namespace) if one["metadata"]["name"] == name), None)

    def list(self, kind: kinds.Kind, namespace: str | None = None, **_more: Any) -> list[Obj]:
        return [
            one
            for one in self.objects
            if one["kind"] == kind.kind and namespace in (None, one["metadata"].get("namespace"))
        ]

    def delete(self, kind: kinds.Kind, name: str, _namespace: str, *, uid: str) -> bool:
        self.deleted.append(f"{kind.kind} {name} {uid}")
        self.objects = [one for one in self.objects if one["kind"] != kind.kind]
        return True


def cluster_with(*objects: Obj) -> Any:
    return Cluster(list(objects))


READY = (gateway(), deployment(), {**pod(), "metadata": {"name": "waypoint-1", "namespace": "shop"}})


def test_what_is_retired_goes_once_the_waypoint_stands() -> None:
    cluster = cluster_with(*READY, autoscaler())
    found = settle_waypoint(cluster, intent(), Deadline(5), retired=[Retired(kinds.HPA, autoscaler())])
    assert cluster.deleted == ["HorizontalPodAutoscaler waypoint u1"]
    assert found.autoscaler is None and found.ready_pods == 1


def test_what_istiod_makes_anew_goes_again() -> None:
    cluster = cluster_with(*READY, autoscaler())
    delete = cluster.delete

    def once_more(*args: Any, **more: Any) -> bool:
        delete(*args, **more)
        if len(cluster.deleted) == 1:
            cluster.objects.append({**autoscaler(), "metadata": {**META, "uid": "u2"}})
        return True

    cluster.delete = once_more
    settle_waypoint(cluster, intent(), Deadline(5), retired=[Retired(kinds.HPA, autoscaler())])
    assert cluster.deleted == ["HorizontalPodAutoscaler waypoint u1", "HorizontalPodAutoscaler waypoint u2"]


def test_a_timeout_tells_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "_FIRST_PAUSE", 0.01)
    cluster = cluster_with(gateway("False"), deployment(ready=0))
    with pytest.raises(SettleTimeout) as late:
        settle_waypoint(cluster, intent(), Deadline(0.05))
    assert "2 objects are not ready after 0.05 s" in late.value.message
    assert [one["object"] for one in late.value.details["unready"]] == [
        "Gateway shop/waypoint",
        "Deployment shop/waypoint",
    ]


def test_a_gateway_that_nobody_takes_up_is_said_to_be_so() -> None:
    waiting = gateway("Unknown")
    for one in waiting["status"]["conditions"]:
        one["message"] = "Waiting for controller"
    with pytest.raises(SettleTimeout) as late:
        settle_waypoint(cluster_with(waiting), intent(), Deadline(0.05))
    assert "No controller has taken the Gateway up" in late.value.hint


# -- bound ---------------------------------------------------------------------------------------------------------


def service(
    name: str, message: str | None = ATTACHED, *, status: str = "True", kind: str = "Service", **meta: Any
) -> Obj:
    said = {"type": "istio.io/WaypointBound", "status": status, "reason": "Why", "message": message}
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop", **meta},
        "spec": {},
        "status": {"conditions": [said] if message else []},
    }


@pytest.mark.parametrize(
    ("live", "canary", "bound", "awaited"),
    [
        pytest.param(service("cart"), False, True, True, id="bound"),
        pytest.param(service("cart", f"{ATTACHED}. Ingress traffic will"), False, True, True, id="and more said"),
        pytest.param(service("cart", None), False, False, True, id="nothing said"),
        pytest.param(service("cart", 'waypoint "x" is not ready', status="False"), False, False, True, id="refused"),
        pytest.param(service("cart", f"{ATTACHED}-two"), False, False, True, id="another waypoint"),
        pytest.param(
            service("cart", f"{ATTACHED}. Canary waypoint not attached: x"), True, False, True, id="no canary"
        ),
        pytest.param(service("cart", f"{ATTACHED}. Canary waypoint not attached: x"), False, True, True, id="unasked"),
        pytest.param(service("cart", None, kind="Pod"), False, False, False, id="a pod that names none"),
        pytest.param(
            service("cart", None, kind="Pod", labels={"istio.io/use-waypoint": "waypoint"}),
            False,
            True,
            False,
            id="a pod that names it",
        ),
    ],
)
def test_whether_it_is_bound(live: Obj, canary: bool, bound: bool, awaited: bool) -> None:
    (found,) = bound_to(cluster_with(live), WAYPOINT, [live], canary=canary, services=True)
    assert (found.bound, found.awaited) == (bound, awaited)
    assert found.reason


def test_of_a_namespace_the_services_that_follow_it_count() -> None:
    space: Obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    own = service("own", None, labels={"istio.io/use-waypoint": "none"})
    itself = service("waypoint", None, labels={"gateway.istio.io/managed": "istio.io-mesh-controller"})
    outside = {**service("outside", None), "spec": {"type": "ExternalName"}}
    cluster = cluster_with(service("cart"), own, itself, outside)
    found = bound_to(cluster, WAYPOINT, [space], canary=False, services=True)
    assert [one.target.name for one in found] == ["cart"]
    assert bound_to(cluster, WAYPOINT, [space], canary=False, services=False) == []


def test_what_is_not_bound_in_time_is_named_with_what_istiod_says() -> None:
    denied = service("cart", "we are not permitted to attach", status="False")
    cluster = cluster_with(denied)
    with pytest.raises(SettleTimeout) as late:
        settle_bound(
            cluster,
            WAYPOINT,
            lambda client: bound_to(client, WAYPOINT, [denied], canary=False, services=True),
            Deadline(0.05),
        )
    assert "1 object is not bound to the waypoint shop/waypoint" in late.value.message
    assert late.value.details["unready"] == [
        {"object": "Service shop/cart", "reason": "Why: we are not permitted to attach"}
    ]


def test_where_istiod_says_nothing_it_may_not_look() -> None:
    cart = service("cart", None)
    cluster = cluster_with(cart)
    with pytest.raises(SettleTimeout, match="discoverySelectors"):
        settle_bound(
            cluster,
            WAYPOINT,
            lambda client: bound_to(client, WAYPOINT, [cart], canary=False, services=True),
            Deadline(0.05),
        )
