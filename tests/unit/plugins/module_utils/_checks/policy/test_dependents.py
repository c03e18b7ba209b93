# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who counts on a waypoint, and what would become of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.dependents import Dependents
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Scene, Waypoint

from .policies import (
    NETWORKING,
    SECURITY,
    Obj,
    authorization,
    http_route,
    obj,
    rule,
    service,
    space,
    to_service,
    virtual_service,
    waypoint,
)

BOUND = {"istio.io/use-waypoint": "waypoint"}
SHARED = {"istio.io/use-waypoint": "shared", "istio.io/use-waypoint-namespace": "infra"}
HOLE, OUTAGE, LOST = "waypoint-hole", "waypoint-outage", "waypoint-lost"


def dependents(*objects: Obj | list[Obj], name: str = "waypoint", namespace: str = "shop") -> Dependents:
    flat = [one for each in objects for one in (each if isinstance(each, list) else [each])]
    return Dependents(Scene.of(flat, everything=True), Waypoint(namespace, name))


def counted(*objects: Obj | list[Obj], **where: str) -> list[str]:
    return [f"{one.label} {one.effect}" for one in dependents(*objects, **where).found()]


def entry(name: str = "api", **meta: Any) -> Obj:
    return obj(NETWORKING, "ServiceEntry", name, spec={"hosts": ["api.example"]}, **meta)


def target(kind: str, name: str, group: str = "") -> list[Obj]:
    return [{"group": group, "kind": kind, "name": name}]


def to_waypoint(name: str = "waypoint") -> list[Obj]:
    return target("Gateway", name, "gateway.networking.k8s.io")


DENY: Obj = {"rules": [{"to": [{"operation": {"methods": ["POST"]}}]}], "action": "DENY"}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(authorization(targetRefs=to_waypoint(), **DENY), HOLE, id="deny at the Gateway"),
        pytest.param(authorization(targetRefs=to_waypoint(), rules=[{}]), HOLE, id="allow at the Gateway"),
        pytest.param(authorization(targetRefs=to_waypoint("other"), **DENY), None, id="another Gateway"),
        pytest.param(authorization(namespace="elsewhere", targetRefs=to_waypoint(), **DENY), None, id="elsewhere"),
        pytest.param(authorization(targetRefs=target("Service", "reviews"), **DENY), HOLE, id="at a Service"),
        pytest.param(authorization(targetRefs=target("Service", "reviews", "core"), **DENY), HOLE, id="core"),
        pytest.param(authorization(targetRefs=target("Service", "other"), **DENY), None, id="another Service"),
        pytest.param(authorization(targetRef=to_waypoint()[0], **DENY), HOLE, id="the older targetRef"),
        pytest.param(
            authorization(targetRefs=target("ServiceEntry", "api", "networking.istio.io"), **DENY),
            HOLE,
            id="at an entry",
        ),
        pytest.param(authorization(action="AUDIT", rules=[{}], targetRefs=to_waypoint()), LOST, id="audit"),
        pytest.param(authorization(action="CUSTOM", rules=[{}], targetRefs=to_waypoint()), HOLE, id="custom"),
        pytest.param(
            authorization(targetRefs=[*to_waypoint("other"), *target("Service", "reviews")], **DENY),
            HOLE,
            id="of several",
        ),
        pytest.param(
            obj(SECURITY, "RequestAuthentication", "policy", spec={"targetRefs": to_waypoint()}), HOLE, id="tokens"
        ),
        pytest.param(
            obj("telemetry.istio.io/v1", "Telemetry", "policy", spec={"targetRefs": to_waypoint()}),
            LOST,
            id="telemetry",
        ),
        pytest.param(
            obj(
                "extensions.istio.io/v1alpha1",
                "WasmPlugin",
                "policy",
                spec={"targetRefs": target("Service", "reviews")},
            ),
            LOST,
            id="plugin",
        ),
        pytest.param(
            obj("networking.istio.io/v1alpha3", "EnvoyFilter", "policy", spec={"targetRefs": to_waypoint()}),
            LOST,
            id="filter",
        ),
        pytest.param(
            obj("extensions.istio.io/v1alpha1", "TrafficExtension", "policy", spec={"targetRefs": to_waypoint()}),
            LOST,
            id="extension",
        ),
        pytest.param(authorization(selector={"matchLabels": {"app": "reviews"}}, **DENY), None, id="at workloads"),
    ],
)
def test_policies(policy: Obj, expected: str | None) -> None:
    found = counted(space(labels=BOUND), service(), entry(), waypoint(), policy)
    assert found == ([f"{policy['kind']} shop/policy {expected}"] if expected else [])


CLASS = target("GatewayClass", "istio-waypoint", "gateway.networking.k8s.io")


@pytest.mark.parametrize(
    ("labels", "namespace", "counts"),
    [
        pytest.param(BOUND, "istio-system", True, id="for all waypoints"),
        pytest.param({}, "istio-system", False, id="nothing is bound"),
        pytest.param(BOUND, "shop", False, id="not in the root namespace"),
    ],
)
def test_gateway_class(labels: Obj, namespace: str, counts: bool) -> None:
    policy = authorization(namespace=namespace, targetRefs=CLASS, **DENY)
    assert bool(counted(space(labels=labels), service(), waypoint(), policy)) == counts


@pytest.mark.parametrize(
    ("labels", "meta", "shared", "counts"),
    [
        pytest.param(BOUND, {}, True, True, id="by its namespace"),
        pytest.param({}, {"labels": BOUND}, True, True, id="by its own label"),
        pytest.param(BOUND, {"labels": {"istio.io/use-waypoint": "none"}}, True, False, id="opted out"),
        pytest.param(BOUND, {"labels": SHARED}, True, False, id="by another waypoint"),
        pytest.param(SHARED, {"labels": BOUND}, True, False, id="falls back to its namespace's"),
        pytest.param(SHARED, {"labels": BOUND}, False, True, id="falls back to one that is not there"),
        pytest.param({}, {}, True, False, id="not at all"),
    ],
)
def test_services_that_lose_it(labels: Obj, meta: Obj, shared: bool, counts: bool) -> None:
    policy = authorization(targetRefs=target("Service", "reviews"), **DENY)
    others = waypoint("shared", "infra") if shared else []
    found = counted(space(labels=labels), service(**meta), waypoint(), others, policy)
    assert bool(found) == counts


def test_a_waypoint_for_workloads_carries_nothing_out_for_services() -> None:
    gateway = waypoint()
    gateway[0]["metadata"]["labels"] = {"istio.io/waypoint-for": "workload"}
    policy = authorization(targetRefs=target("Service", "reviews"), **DENY)
    assert counted(space(labels=BOUND), service(), gateway, policy) == []


def test_the_waypoint_itself_uses_none() -> None:
    own = service("waypoint", labels={"gateway.istio.io/managed": "istio.io-mesh-controller"})
    found = dependents(space(labels=BOUND), service(), own, waypoint())
    assert [one["metadata"]["name"] for one in found.bound] == ["reviews"]


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"])
def test_routes(kind: str) -> None:
    route = {**http_route(parent=to_service()), "kind": kind}
    assert counted(space(labels=BOUND), service(), waypoint(), route) == [f"{kind} shop/reviews {LOST}"]
    assert counted(space(), service(), waypoint(), route) == []


def test_routes_of_elsewhere() -> None:
    here = http_route("away", "other", parent=to_service(namespace="shop"))
    of_gateway = http_route("direct", parent={"name": "waypoint"})
    ingress = http_route("in", parent={"name": "ingress"})
    found = counted(space(labels=BOUND), service(), waypoint(), here, of_gateway, ingress)
    assert found == [f"HTTPRoute other/away {LOST}", f"HTTPRoute shop/direct {LOST}"]


@pytest.mark.parametrize(
    ("policy", "counts"),
    [
        ({"rules": [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/waypoint"]}}]}]}, True),
        ({"rules": [{"from": [{"source": {"serviceAccounts": ["shop/waypoint"]}}]}]}, True),
        ({"rules": [{"from": [{"source": {"serviceAccounts": ["waypoint"]}}]}]}, True),
        ({"rules": [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}]}]}, False),
        ({"rules": [{"from": [{"source": {"principals": ["*"]}}]}]}, False),
        ({"action": "DENY", "rules": [{"from": [{"source": {"notPrincipals": ["*/ns/shop/sa/waypoint"]}}]}]}, True),
        ({"action": "DENY", "rules": [{"from": [{"source": {"principals": ["x/ns/shop/sa/waypoint"]}}]}]}, False),
    ],
)
def test_identities(policy: Obj, counts: bool) -> None:
    found = counted(space(labels=BOUND), service(), waypoint(), authorization(**policy))
    assert found == ([f"AuthorizationPolicy shop/policy {OUTAGE}"] if counts else [])


def test_an_identity_of_its_own_name() -> None:
    gateway = waypoint()
    gateway[0]["metadata"]["annotations"] = {"gateway.istio.io/service-account": "proxy"}
    policy = authorization(rules=[{"from": [{"source": {"serviceAccounts": ["shop/proxy"]}}]}])
    assert counted(gateway, policy) == [f"AuthorizationPolicy shop/policy {OUTAGE}"]


def test_holes_come_first() -> None:
    found = counted(
        space(labels=BOUND),
        service(),
        waypoint(),
        http_route(parent=to_service()),
        authorization("b", targetRefs=to_waypoint(), **DENY),
        authorization("a", rules=[{"from": [{"source": {"serviceAccounts": ["shop/waypoint"]}}]}]),
    )
    assert [each.rpartition(" ")[2] for each in found] == [HOLE, OUTAGE, LOST]


def test_notes_on_what_only_others_follow_then() -> None:
    objects: list[Obj | list[Obj]] = [
        service(),
        entry(),
        waypoint(),
        virtual_service(),
        rule(host="*.shop.svc.cluster.local"),
    ]
    named = dependents(space(labels=BOUND), *objects).followed()
    assert [note.partition(" ")[0] for note in named] == ["VirtualService", "DestinationRule"]
    assert all("reviews.shop.svc.cluster.local" in note and "sidecar" not in note for note in named)
    assert dependents(space(), *objects).followed() == []
    away = space("old", {"istio-injection": "enabled"})
    assert all("clients with a sidecar" in note for note in dependents(space(labels=BOUND), away, *objects).followed())


def test_gateway_api_group_of_targets() -> None:
    """Istio's own kind Gateway of the same name is no waypoint."""
    policy = authorization(targetRefs=target("Gateway", "waypoint", "networking.istio.io"), **DENY)
    assert counted(waypoint(), policy) == []
