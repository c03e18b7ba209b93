# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VirtualServices, DestinationRules and routes against what they name."""

from __future__ import annotations

from typing import Any

import pytest

from .policies import (
    AMBIENT,
    GATEWAY_API,
    NETWORKING,
    SIDECAR,
    Obj,
    found,
    http_route,
    obj,
    pod,
    routes,
    rule,
    service,
    space,
    subset,
    to,
    to_service,
    told,
    virtual_service,
    waypoint,
)

MESH = space("shop", SIDECAR)
GATEWAY = obj(NETWORKING, "Gateway", "web", "edge", {"servers": [{"hosts": ["shop.example.com"]}]})
EDGE = obj(
    GATEWAY_API,
    "Gateway",
    "web",
    "edge",
    {
        "gatewayClassName": "istio",
        "listeners": [
            {"name": "http", "port": 80, "hostname": "*.example.com", "allowedRoutes": {"namespaces": {"from": "All"}}},
            {"name": "own", "port": 81},
        ],
    },
)


def entry(host: str, **spec: Any) -> Obj:
    body = {"hosts": [host], "ports": [{"number": 443, "name": "tls"}], **spec}
    return obj(NETWORKING, "ServiceEntry", host.strip("*.").replace(".", "-"), "egress", body)


@pytest.mark.parametrize(
    ("http", "others", "expected"),
    [
        pytest.param(routes(to()), [], [], id="short name"),
        pytest.param(routes(to("reviews.shop.svc.cluster.local")), [], [], id="full name"),
        pytest.param(routes(to("reviews.shop.svc.example.org")), [], [], id="another domain"),
        pytest.param(routes(to("reviews.shop")), [], ["unknown-host error"], id="half a name is no name"),
        pytest.param(routes(to("ratings")), [], ["unknown-host error"], id="missing"),
        pytest.param(routes(to("reviews.other.svc.cluster.local")), [], ["unknown-host error"], id="other namespace"),
        pytest.param(routes(to("api.example.com")), [], ["unknown-host error"], id="external"),
        pytest.param(routes(to("api.example.com")), [entry("api.example.com")], [], id="external with an entry"),
        pytest.param(routes(to("api.example.com")), [entry("*.example.com")], [], id="wildcard entry"),
        pytest.param(
            routes(to("api.example.com")),
            [entry("api.example.com", exportTo=["."])],
            ["unknown-host error"],
            id="hidden",
        ),
        pytest.param(
            routes(to("api.example.com")), [entry("api.example.com", exportTo=["shop"])], [], id="exported to us"
        ),
        pytest.param(routes(to("x.y.svc.clusterset.local")), [], [], id="another cluster's: cannot be said"),
        pytest.param(routes(to(port={"number": 80})), [], [], id="port"),
        pytest.param(routes(to(port={"number": 8080})), [], ["unknown-port error"], id="target port"),
        pytest.param(
            routes(to("api.example.com", port={"number": 80})),
            [entry("api.example.com")],
            ["unknown-port error"],
            id="port of an entry",
        ),
        pytest.param(routes(to(subset="v1")), [], ["unknown-subset error"], id="subset without a rule"),
        pytest.param(routes(to(subset="v1")), [rule(subsets=[subset("v1")])], [], id="subset"),
        pytest.param(
            routes(to(subset="v3")), [rule(subsets=[subset("v1")])], ["unknown-subset error"], id="other subset"
        ),
        pytest.param(
            routes(to(subset="v1")),
            [rule(host="*.shop.svc.cluster.local", subsets=[subset("v1")])],
            [],
            id="subset of a wildcard rule",
        ),
        pytest.param(routes(to(weight=90), to(weight=10)), [], [], id="100"),
        pytest.param(routes(to(weight=80), to(weight=10)), [], ["weights warning"], id="90"),
        pytest.param(routes(to(weight=0), to(weight=0)), [], ["weights error"], id="nothing"),
        pytest.param(routes(to(weight=-3), to(weight=103)), [], ["weights error"], id="negative"),
        pytest.param(routes(to(weight=1)), [], [], id="one destination has all"),
        pytest.param([{**routes(to())[0], "mirror": {"host": "gone"}}], [], ["unknown-host error"], id="mirror"),
        pytest.param(
            [{**routes(to())[0], "mirrors": [{"destination": {"host": "gone"}}]}],
            [],
            ["unknown-host error"],
            id="mirrors",
        ),
        pytest.param(
            [{"delegate": {"name": "rest", "namespace": "shop"}}], [], ["unknown-delegate error"], id="delegate"
        ),
        pytest.param([{"redirect": {"uri": "/"}}], [], [], id="no destination"),
    ],
)
def test_destinations(http: list[Obj], others: list[Obj], expected: list[str]) -> None:
    assert told(found(virtual_service(http=http), MESH, service(), *others)) == expected


@pytest.mark.parametrize(
    ("spec", "others", "expected"),
    [
        pytest.param({"gateways": ["edge/web"]}, [GATEWAY], ["host-not-on-gateway warning"], id="not its host"),
        pytest.param({"gateways": ["edge/web"], "hosts": ["shop.example.com"]}, [GATEWAY], [], id="its host"),
        pytest.param(
            {"gateways": ["web"], "hosts": ["shop.example.com"]}, [GATEWAY], ["unknown-gateway error"], id="own"
        ),
        pytest.param({"gateways": ["edge/wen"]}, [GATEWAY], ["unknown-gateway error"], id="unknown"),
        pytest.param({"gateways": ["edge/web"]}, [EDGE], ["unknown-gateway error"], id="not the Gateway API's"),
        pytest.param({"gateways": ["mesh"]}, [], [], id="mesh"),
        pytest.param({"gateways": ["shop/x-istio-autogenerated-k8s-gateway-http"]}, [], [], id="internal"),
        pytest.param({"hosts": ["gone"]}, [], ["unknown-route-host warning"], id="host of its own that is not there"),
        pytest.param({"hosts": ["any.example.com"]}, [], [], id="external host of its own"),
        pytest.param({"hosts": ["*.local"]}, [], [], id="wildcard"),
        pytest.param({}, [virtual_service("other")], ["two-virtual-services error"], id="two for one host"),
        pytest.param({}, [virtual_service("other", gateways=["edge/web"])], [], id="one of them on a gateway"),
        pytest.param(
            {},
            [virtual_service("other", "b", hosts=["reviews.shop.svc.cluster.local"], exportTo=["."])],
            ["two-virtual-services error"],
            id="seen from there both count",
        ),
        pytest.param(
            {"exportTo": ["."]},
            [virtual_service("other", "b", hosts=["reviews.shop.svc.cluster.local"], exportTo=["."])],
            [],
            id="nobody sees both",
        ),
        pytest.param({}, [http_route(parent=to_service())], ["mixed-routing error"], id="with an HTTPRoute"),
    ],
)
def test_gateways_and_rivals(spec: Obj, others: list[Obj], expected: list[str]) -> None:
    assert told(found(virtual_service(**spec), MESH, service(), *others)) == expected


def test_two_ports_on_a_gateway_want_a_choice() -> None:
    subject = virtual_service(gateways=["edge/web"], hosts=["shop.example.com"])
    assert told(found(subject, MESH, GATEWAY, service(ports=(80, 81)))) == ["unknown-port warning"]
    assert told(found(virtual_service(), MESH, service(ports=(80, 81)))) == []


@pytest.mark.parametrize(
    ("subject", "others", "expected"),
    [
        pytest.param(rule(), [], [], id="good"),
        pytest.param(rule(host="gone"), [], ["unknown-host error"], id="unknown"),
        pytest.param(rule(host="*.local"), [], [], id="wildcard"),
        pytest.param(rule(host="*.shop.svc.cluster.local"), [], [], id="namespace"),
        pytest.param(rule(host="*.com"), [entry("*.example.com")], [], id="above a wildcard entry"),
        pytest.param(rule(host="*.gone.svc.cluster.local"), [], ["unknown-host error"], id="namespace without any"),
        pytest.param(rule(subsets=[subset("v1")]), [pod(labels={"version": "v1"})], [], id="subset"),
        pytest.param(
            rule(subsets=[subset("v2")]), [pod(labels={"version": "v1"})], ["empty-subset warning"], id="empty"
        ),
        pytest.param(rule(subsets=[subset("v2")]), [], [], id="no pods at all yet"),
        pytest.param(
            rule(subsets=[{"name": "zone", "labels": {"topology.kubernetes.io/zone": "a"}}]),
            [pod()],
            [],
            id="platform's",
        ),
        pytest.param(
            rule(subsets=[subset("v1")]),
            [rule("other", subsets=[subset("v1", version="one")])],
            ["two-destination-rules warning"],
            id="clash",
        ),
        pytest.param(rule(subsets=[subset("v1")]), [rule("other", subsets=[subset("v2")])], [], id="they add up"),
        pytest.param(
            rule(subsets=[subset("v1")]),
            [rule("other", "client", host="reviews.shop.svc.cluster.local", subsets=[subset("v1", version="one")])],
            [],
            id="a client's own",
        ),
    ],
)
def test_destination_rules(subject: Obj, others: list[Obj], expected: list[str]) -> None:
    assert told(found(subject, MESH, service(), *others)) == expected


ON_EDGE = {"name": "web", "namespace": "edge", "sectionName": "http"}


@pytest.mark.parametrize(
    ("route", "others", "expected"),
    [
        pytest.param({"parent": ON_EDGE}, [], [], id="good"),
        pytest.param({"parent": {"name": "web"}}, [], ["unknown-gateway error"], id="own namespace"),
        pytest.param({"parent": {**ON_EDGE, "sectionName": "https"}}, [], ["unknown-section error"], id="section"),
        pytest.param(
            {"parent": {"name": "web", "namespace": "edge", "port": 82}}, [], ["unknown-section error"], id="port"
        ),
        pytest.param({"parent": {**ON_EDGE, "sectionName": "own"}}, [], ["parent-refuses error"], id="not from there"),
        pytest.param({"parent": ON_EDGE, "hostnames": ["shop.example.com"]}, [], [], id="hostname"),
        pytest.param(
            {"parent": ON_EDGE, "hostnames": ["shop.example.org"]}, [], ["parent-refuses error"], id="other host"
        ),
        pytest.param({"parent": to_service("gone")}, [], ["unknown-parent error"], id="no such Service"),
        pytest.param({"parent": to_service(port=81)}, [], ["unknown-port error"], id="no such port"),
        pytest.param({"parent": to_service()}, [virtual_service()], ["mixed-routing error"], id="mixed"),
        pytest.param(
            {"parent": to_service(), "backends": [{"name": "gone", "port": 80}]},
            [],
            ["unknown-host error"],
            id="backend",
        ),
        pytest.param(
            {"parent": to_service(), "backends": [{"name": "reviews", "port": 8080}]},
            [],
            ["unknown-port error"],
            id="backend's port",
        ),
        pytest.param(
            {"parent": to_service(), "backends": [{"name": "reviews"}]}, [], ["unknown-port error"], id="no port"
        ),
        pytest.param(
            {"parent": to_service(), "backends": [{"name": "reviews", "port": 80, "weight": 0}]},
            [],
            ["weights error"],
            id="weightless",
        ),
        pytest.param({"parent": to_service(), "backends": []}, [], [], id="no backend: a redirect or 404"),
        pytest.param(
            {
                "parent": to_service(),
                "backends": [{"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "x"}],
            },
            [],
            [],
            id="kinds that are not known pass",
        ),
        pytest.param(
            {
                "parent": to_service(),
                "backends": [
                    {"group": "networking.istio.io", "kind": "Hostname", "name": "api.example.com", "port": 443}
                ],
            },
            [],
            ["unknown-host error"],
            id="hostname",
        ),
    ],
)
def test_routes(route: Obj, others: list[Obj], expected: list[str]) -> None:
    assert told(found(http_route(**route), MESH, service(), EDGE, *others)) == expected


def test_backends_of_other_namespaces_need_a_grant_on_gateways_only() -> None:
    backends = [{"name": "ratings", "namespace": "other", "port": 80}]
    others = [MESH, EDGE, service(), service("ratings", "other")]
    grant = obj(
        "gateway.networking.k8s.io/v1beta1",
        "ReferenceGrant",
        "shop",
        "other",
        {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}],
            "to": [{"group": "", "kind": "Service"}],
        },
    )
    on_edge = http_route(parent=ON_EDGE, backends=backends)
    assert told(found(on_edge, *others)) == ["no-reference-grant error"]
    assert told(found(on_edge, *others, grant)) == []
    assert told(found(http_route(parent=to_service(), backends=backends), *others)) == []


def test_routing_in_ambient_takes_a_waypoint() -> None:
    plain, using = space("shop", AMBIENT), space("shop", {**AMBIENT, "istio.io/use-waypoint": "waypoint"})
    for subject in (virtual_service(), http_route(parent=to_service())):
        assert told(found(subject, plain, service())) == ["routing-without-waypoint error"]
        assert told(found(subject, plain, service(), space("old", SIDECAR))) == ["routing-without-waypoint warning"]
        assert told(found(subject, using, service(), waypoint())) == []
        assert told(found(subject, using, service())) == ["waypoint-absent error"]
        assert told(found(subject, using, service(), waypoint(ready=False))) == ["waypoint-down error"]
        assert told(found(subject, using, service(), waypoint(ready=None))) == []
    assert (
        told(found(virtual_service(gateways=["edge/web"], hosts=["shop.example.com"]), plain, service(), GATEWAY)) == []
    )
    both = virtual_service(gateways=["edge/web", "mesh"], hosts=["shop.example.com", "reviews"])
    assert told(found(both, plain, service(), GATEWAY)) == ["routing-without-waypoint warning"]
