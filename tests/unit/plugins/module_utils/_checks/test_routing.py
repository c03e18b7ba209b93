# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check 34: routes lead somewhere, and only one is for each host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run_one
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source

from .policy import policies as given
from .policy.policies import AMBIENT, GATEWAY_API, NETWORKING, SIDECAR, Obj
from .policy.seeing import findings, snapshot

CHECK = "MW0034"


def shop(*more: Obj, labels: Obj | None = None) -> list[Obj]:
    """A namespace with sidecars, a Service and its pods."""
    pods = [given.pod(mode="sidecar", labels={"version": "v1"})]
    return [given.space(labels=SIDECAR if labels is None else labels), given.service(), *pods, *more]


def told(*more: Obj, **kw: Any) -> list[str]:
    return [f"{one.severity}: {one.title}" for one in findings(CHECK, *shop(*more, **kw))]


def gateway(name: str = "edge", *servers: Obj, selector: Obj | None = None, **meta: Any) -> Obj:
    return obj_gateway(name, list(servers) or [server()], selector or {"istio": "ingressgateway"}, **meta)


def obj_gateway(name: str, servers: list[Obj], selector: Obj, **meta: Any) -> Obj:
    return given.obj(NETWORKING, "Gateway", name, "shop", {"selector": selector, "servers": servers}, **meta)


def server(host: str = "a.example", port: int = 80, protocol: str = "HTTP", **more: Any) -> Obj:
    return {"hosts": [host], "port": {"number": port, "name": f"p-{port}", "protocol": protocol}, **more}


EDGE = given.pod("ingress", labels={"istio": "ingressgateway"})
TLS: Any = {"tls": {"mode": "SIMPLE", "credentialName": "cert"}}


def test_routes_that_lead_somewhere() -> None:
    split = given.routes(given.to(subset="v1", weight=100))
    rule = given.rule(subsets=[given.subset("v1")])
    entry = given.obj(
        NETWORKING, "ServiceEntry", "api", spec={"hosts": ["api.example"], "ports": [{"number": 443, "name": "tls"}]}
    )
    out = given.virtual_service("out", hosts=["api.example"], http=given.routes(given.to("api.example")))
    edge = given.virtual_service("edge", hosts=["a.example"], gateways=["edge"], http=given.routes(given.to()))
    assert told(given.virtual_service(http=split), rule, entry, out, edge, gateway(), EDGE) == []


@pytest.mark.parametrize(
    ("route", "severity", "words"),
    [
        (given.virtual_service(http=given.routes(given.to("lost"))), "error", "lost.shop.svc.cluster.local"),
        (given.virtual_service(http=given.routes(given.to(subset="v3"))), "error", "names the subset v3"),
        (given.virtual_service(http=given.routes(given.to(port={"number": 8080}))), "error", "names port 8080"),
        (given.virtual_service(hosts=["lost"]), "warning", "for the host lost.shop"),
        (given.virtual_service(hosts=["a.example"], gateways=["lost"]), "error", "names the Gateway shop/lost"),
        (given.virtual_service(http=[{"delegate": {"name": "lost"}}]), "error", "delegates to the VirtualService"),
        (
            given.virtual_service(http=given.routes(given.to(weight=20), given.to(weight=20))),
            "warning",
            "weights that sum to 40",
        ),
        (given.rule(host="lost"), "warning", "has no effect"),
        (given.rule(subsets=[given.subset("v9")]), "warning", "has the subset v9"),
        (given.http_route(parent=given.to_service("lost")), "error", "has the parent Service shop/lost"),
        (
            given.http_route(parent=given.to_service(), backends=[{"name": "lost", "port": 80}]),
            "error",
            "has the backend Service shop/lost",
        ),
    ],
    ids=[
        "host",
        "subset",
        "port",
        "route-host",
        "gateway",
        "delegate",
        "weights",
        "rule",
        "empty",
        "parent",
        "backend",
    ],
)
def test_what_is_named_and_is_not_there(route: Obj, severity: str, words: str) -> None:
    found = told(route)
    assert len(found) == 1 and found[0].startswith(f"{severity}: {route['kind']} shop/reviews "), found
    assert words in found[0]


def test_a_backend_elsewhere_needs_a_grant() -> None:
    edge = given.obj(
        GATEWAY_API,
        "Gateway",
        "edge",
        spec={"gatewayClassName": "istio", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    )
    other = [given.space("other"), given.service("far", "other")]
    route = given.http_route(parent={"name": "edge"}, backends=[{"name": "far", "namespace": "other", "port": 80}])
    assert "grants it no reference" in told(edge, *other, route)[0]
    grant = {
        "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}],
        "to": [{"group": "", "kind": "Service"}],
    }
    given_grant = given.obj("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "from-shop", "other", grant)
    assert told(edge, *other, route, given_grant) == []
    section = given.http_route(parent={"name": "edge", "sectionName": "https"})
    assert "wants the listener https" in told(edge, section)[0]


def test_two_virtual_services_for_a_host_are_one_finding() -> None:
    found = findings(CHECK, *shop(*[given.virtual_service(name) for name in ("a", "b", "c")]))
    assert [one.title for one in found] == [
        "VirtualService shop/a, shop/b and shop/c are for the same host on the mesh "
        "(reviews.shop.svc.cluster.local): only one of them takes effect."
    ]
    assert found[0].objects == ("VirtualService shop/a", "VirtualService shop/b", "VirtualService shop/c")
    assert told(given.virtual_service("a"), given.virtual_service("b", exportTo=["other"], hosts=["reviews"])) != []
    own = [given.virtual_service("a", exportTo=["."]), given.virtual_service("b", exportTo=["other"])]
    assert told(*own) == []


def test_both_kinds_of_routes_for_a_host_are_one_finding() -> None:
    found = told(given.virtual_service(), given.http_route(parent=given.to_service()))
    assert len(found) == 1 and "VirtualService and HTTPRoute for one host are undefined" in found[0]


def test_routing_in_ambient_needs_a_waypoint() -> None:
    route = given.http_route(parent=given.to_service())
    assert "ztunnel does not route" in told(route, labels=AMBIENT)[0]
    use = {**AMBIENT, "istio.io/use-waypoint": "waypoint"}
    assert told(route, *given.waypoint(), labels=use) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (server(), server("b.example"), ""),
        (server(), server(port=8080), ""),
        (server(), server(), "info"),
        (server(tls={"httpsRedirect": True}), server(), "warning"),
        (server(port=443, protocol="HTTPS", **TLS), server(port=443, protocol="HTTPS", **TLS), "error"),
        (server(port=443, protocol="HTTPS", **TLS), server("b.example", 443, "HTTPS", **TLS), ""),
        (
            server("./a.example", 443, "HTTPS", **TLS),
            server("shop/a.example", 443, "HTTPS", **TLS),
            "error",
        ),
        (server(bind="10.0.0.1"), server(bind="10.0.0.2"), ""),
    ],
    ids=["other-host", "other-port", "plain", "redirect", "tls", "tls-other-host", "same-scope", "other-address"],
)
def test_servers_that_share_a_host(one: Obj, other: Obj, expected: str) -> None:
    found = told(gateway("a", one), gateway("b", other), EDGE)
    assert [each.partition(":")[0] for each in found] == ([expected] if expected else [])
    assert all(each.partition(": ")[2].startswith("Gateway shop/a and shop/b have more than one") for each in found)


def test_the_older_gateway_is_named_first() -> None:
    tls = server(port=443, protocol="HTTPS", **TLS)
    new = gateway("a", tls, creationTimestamp="2026-02-01T00:00:00Z")
    old = gateway("b", tls, creationTimestamp="2026-01-01T00:00:00Z")
    assert "Gateway shop/b and shop/a have" in told(new, old, EDGE)[0]


def test_servers_of_other_pods_do_not_meet() -> None:
    tls = server(port=443, protocol="HTTPS", **TLS)
    one, other = gateway("a", tls), gateway("b", tls, selector={"istio": "other"})
    elsewhere = given.pod("other", labels={"istio": "other"})
    assert told(one, other, EDGE, elsewhere) == []
    # Both labels on one pod: there they do.
    shared = gateway("b", tls, selector={"app": "ingress"})
    assert len(told(one, shared, EDGE)) == 1


def test_one_gateway_with_itself() -> None:
    tls = server(port=443, protocol="HTTPS", **TLS)
    assert (
        "Gateway shop/a has more than one server for port 443 and host a.example"
        in told(gateway("a", tls, tls), EDGE)[0]
    )


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([{"port": 80, "targetPort": 8080}], False),
        ([{"port": 8000, "targetPort": 80}], False),
        ([{"port": 8443, "targetPort": 8443}], True),
        ([], True),
    ],
    ids=["port", "target", "other", "none"],
)
def test_a_gateway_listens_where_its_service_leads(ports: list[Obj], expected: bool) -> None:
    spec = {"selector": {"istio": "ingressgateway"}, "ports": ports}
    found = told(gateway("a"), EDGE, given.obj("v1", "Service", "edge", spec=spec))
    assert len(found) == expected
    assert all(
        one.startswith("warning: Gateway shop/a listens on port 80, which no Service before its") for one in found
    )


def test_a_gateway_may_have_pods_that_were_not_seen() -> None:
    spec = {"selector": {"istio": "ingressgateway"}, "ports": [{"port": 8443}]}
    objects = shop(gateway("a"), EDGE, given.obj("v1", "Service", "edge", spec=spec))
    taken = snapshot(*objects, istiods=[given.istiod()])
    assert len(run_one(BY_ID[CHECK], taken).findings) == 1
    part = Source("pods", taken.items("pods"), namespaces=frozenset({"shop"}), unseen="may not list all")
    assert run_one(BY_ID[CHECK], Snapshot({**taken.sources, "pods": part})).findings == ()


def test_a_gateway_without_a_service_is_reached_otherwise() -> None:
    assert told(gateway("a"), EDGE) == []


@pytest.mark.parametrize(
    ("protocol", "export", "expected"),
    [("HTTP", ["*"], False), ("tcp", ["*"], True), ("TCP", ["."], True), ("TCP", ["other"], True)],
    ids=["same", "other", "own-namespace", "elsewhere"],
)
def test_protocols_of_a_host(protocol: str, export: list[str], expected: bool) -> None:
    def entry(name: str, protocol: str, exported: list[str]) -> Obj:
        ports = [{"number": 80, "name": "p", "protocol": protocol}]
        return given.obj(
            NETWORKING, "ServiceEntry", name, spec={"hosts": ["x.example"], "ports": ports, "exportTo": exported}
        )

    found = told(entry("a", "HTTP", ["*"]), entry("b", protocol, export))
    assert [one.partition(" (")[0] for one in found] == (
        ["warning: ServiceEntry shop/a and shop/b give port 80 of host x.example several protocols"] if expected else []
    )
    # Two that no namespace sees both of do not meet.
    assert told(entry("a", "HTTP", ["."]), entry("b", protocol, ["other"])) == []


@pytest.mark.parametrize(
    ("controller", "status", "expected"),
    [
        ("istio.io/gateway-controller", "False", True),
        ("istio.io/gateway-controller", "True", False),
        ("example.com/other", "False", False),
    ],
)
def test_what_istiod_says_of_a_route(controller: str, status: str, expected: bool) -> None:
    condition = {"type": "ResolvedRefs", "status": status, "reason": "InvalidFilter", "message": "no such filter"}
    parent = {"controllerName": controller, "parentRef": given.to_service(), "conditions": [condition]}
    route = {**given.http_route(parent=given.to_service()), "status": {"parents": [parent]}}
    found = told(route)
    assert found == (
        [
            "error: HTTPRoute shop/reviews is not carried out at Service shop/reviews: istiod says ResolvedRefs False, "
            "InvalidFilter."
        ]
        if expected
        else []
    )
    # Where it is known why, that is told alone.
    lost = given.http_route(parent=given.to_service(), backends=[{"name": "lost", "port": 80}])
    assert len(told({**lost, "status": {"parents": [parent]}})) == 1


def test_what_istiod_would_refuse_is_another_check() -> None:
    assert told(given.virtual_service(http=given.routes(given.to(weight=-3)))) == []


def test_unknown_where_routes_could_not_be_read() -> None:
    taken = snapshot(*shop(given.virtual_service()), istiods=[given.istiod()])
    for name in BY_ID[CHECK].sources:
        blind = Snapshot({**taken.sources, name: Source(name, error="may not list this")})
        assert run_one(BY_ID[CHECK], blind).status == "unknown", name
    assert run_one(BY_ID[CHECK], snapshot(*shop(), istiods=[])).status == "skipped"
