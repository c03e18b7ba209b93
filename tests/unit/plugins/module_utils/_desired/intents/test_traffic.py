# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Traffic of a host: what is refused and why, and what the page of the short forms does not show."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.expand import expand
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes

from .traffic_entries import HTTP, REVIEWS, SIDECAR, STANDARD, WAYPOINT, elements, expanded, planes, refused, service

CANARY = {"v1": 90, "v2": 10}
HASH = {"consistent_hash": {"use_source_ip": True}}


def named(objects: list[dict[str, Any]]) -> list[str]:
    return [f"{each['kind']} {each['metadata']['name']}" for each in objects]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "asks for nothing"),
        ({"canary": {"v1": 90}}, "are 90"),
        ({"canary": {}}, "they are 0"),
        ({"canary": {"v1": 110, "v2": -10}}, "0 to 100 each"),
        ({"canary": {"v1": "most"}}, "whole numbers"),
        ({"canary": {"v1": 99.5, "v2": 0.5}}, "whole numbers"),
        ({"canary": {"v1": True, "v2": 99}}, "whole numbers"),
        ({"canary": {"v1.2": 100}}, "'v1.2' is no name"),
        ({"canary": CANARY, "versions": {"v1": {"version": "v1"}}}, "routes to v2, but `versions` has v1"),
        ({"mirror": {"version": "v9"}, "versions": {"v1": None}}, "routes to v9, but `versions` has v1"),
        ({"versions": {"v1": {"version": 1}}}, "versions.v1: labels are texts"),
        ({"versions": {"v1": {}}}, "versions.v1: it has no labels"),
        ({"header_route": [{"headers": {}, "version": "v2"}]}, "header_route[0]: `headers` is empty"),
        ({"header_route": [{"headers": {"a": {"suffix": "b"}}, "version": "v2"}]}, "the header a needs one of"),
        ({"header_route": [{"headers": {"a": {"exact": "b", "regex": "c"}}, "version": "v2"}]}, "the header a needs"),
        ({"header_route": [{"headers": {"a": "b"}, "host": "A!"}]}, "header_route[0].host: 'A!' is no host"),
        ({"timeout": "10"}, "timeout: '10' is no duration"),
        ({"retries": {"attempts": -1}}, "-1 attempts"),
        ({"retries": {"attempts": 2, "retry_on": ["5xx", "always", "302"]}}, "retry_on has always, 302;"),
        ({"retries": {"attempts": 0, "per_try_timeout": "1s"}}, "with no attempts"),
        ({"retries": {"attempts": 1, "per_try_timeout": "3s"}, "timeout": "2500ms"}, "longer than the whole timeout"),
        ({"mirror": {"version": "v2", "percent": 101}}, "mirror.percent: 101 is no percentage"),
        ({"fault": {"delay": {"duration": "0s"}}}, "fault.delay.duration"),
        ({"fault": {"abort": {"status": 99}}}, "99 is no HTTP status"),
        ({"circuit_breaker": {"max_connections": 0}}, "circuit_breaker.max_connections: 0 is not 1 to"),
        ({"outlier_detection": {"max_ejection_percent": 101}}, "101 is not 1 to 100"),
        ({"outlier_detection": {"consecutive_local_origin_failures": 3}}, "needs `split_external_local_origin_errors"),
        ({"load_balancer": {"algorithm": "random", "warmup": "10s"}}, "`warmup` for `round_robin`"),
        ({"load_balancer": {"consistent_hash": {"use_source_ip": False}}}, "says nothing"),
        ({"load_balancer": {"locality": {"failover": [{"from": "a", "to": "b"}]}}}, "needs `outlier_detection`"),
        (
            {"load_balancer": {"locality": {"failover": [{"from": "a/b", "to": "c"}]}}, "outlier_detection": {}},
            "from a/b to c: give two regions",
        ),
        (
            {"load_balancer": {"locality": {"distribute": [{"from": "a/*", "to": {"b/*": 90}}]}}},
            "from a/* must be 100 together",
        ),
        (
            {"connection_pool": {"http": {"use_client_protocol": True, "h2_upgrade_policy": "upgrade"}}},
            "contradict",
        ),
        ({"port": 70000, "timeout": "1s"}, "port: 70000 is no port"),
        ({"name": "Reviews", "timeout": "1s"}, "name: 'Reviews' is no name"),
        ({"gateway_hosts": ["a.example.com"], "timeout": "1s"}, "without `gateways`"),
    ],
)
def test_what_is_wrong_on_any_data_plane(more: dict[str, Any], words: str) -> None:
    for plane in (SIDECAR, WAYPOINT):
        lines = refused(planes(plane), {"host": "reviews", **more})
        assert any(words in line for line in lines), lines
        assert all(line.startswith("traffic[0] (reviews): ") for line in lines)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"host": "reviews.till.svc.cluster.local", "timeout": "1s"}, "give `namespace: till`"),
        ({"host": "api.example.com", "timeout": "1s"}, "api.example.com is no Service"),
        ({"gateways": ["mesh", "gw/public"], "timeout": "1s"}, "leave `mesh` out"),
        ({"mirror": {"host": "api.example.com"}}, "api.example.com is no Service, and an HTTPRoute"),
        ({"host": "ratings", "timeout": "1s"}, "the Service ratings is not there to be read: apply it first"),
        ({"host": "ratings", "port": 80, "canary": CANARY}, "which is not there to be read: apply it first"),
        ({"port": 80, "timeout": "1s"}, "has no port 80; it has 9080 http"),
        ({"canary": {"v" * 60: 100}}, "reviews-vvv"),
        ({"retries": {"attempts": 0}}, "cannot turn them off"),
        ({"retries": {"attempts": 1, "retry_on": ["5xx", "500"]}}, "cannot say retry_on 5xx."),
        ({"header_route": [{"headers": {"a": str(n)}, "version": "v2"} for n in range(16)]}, "at most 16 rules"),
        (
            {
                "header_route": [
                    {"headers": {"a": "1"}, "version": "v1"},
                    {"headers": {"a": "2", "b": "1"}, "version": "v1"},
                    {"headers": {"A": "1", "b": "1"}, "version": "v2"},
                ]
            },
            "header_route[2] has more headers than header_route[0]",
        ),
    ],
)
def test_what_a_waypoint_cannot_do(more: dict[str, Any], words: str) -> None:
    known = planes(DataPlane("ambient", "shop/waypoint"), route_fields=STANDARD | {"retry"})
    lines = refused(known, {"host": "reviews", **more})
    assert any(words in line for line in lines), lines
    assert len(lines) == 1, "an order that makes no difference is no mistake"


def test_all_that_is_wrong_is_told_at_once_by_element() -> None:
    lines = refused(
        planes(SIDECAR),
        {"host": "reviews", "timeout": "soon", "canary": {"v1": 1}},
        {"host": "ratings", "timeout": "1s"},
        {"host": "ratings.shop.svc.cluster.local", "retries": {"attempts": 1}},
        {"host": "details", "name": "ratings", "timeout": "1s"},
        {"host": "details", "namespace": "unheard", "timeout": "1s"},
    )
    assert [line.split(":")[0] for line in lines] == [
        "traffic[0] (reviews)",
        "traffic[0] (reviews)",
        "traffic[2] (ratings.shop.svc.cluster.local)",
        "traffic[3] (details)",
        "traffic[4] (details)",
    ]
    assert "traffic[1] (ratings) is for this host too: merge" in lines[2]
    assert "give `name`" in lines[3]
    assert "unheard is not known" in lines[4]


def test_documents_say_which_element_they_come_from() -> None:
    given = elements({"host": "ratings", "timeout": "1s"}, {"host": "reviews", "canary": CANARY})
    found = expand({"traffic": given}, planes(SIDECAR))
    assert [each.origin for each in found] == ["traffic[0] (ratings)", *["traffic[1] (reviews)"] * 2]


def test_the_same_host_in_two_namespaces_is_two_hosts() -> None:
    known = Planes(fallback=SIDECAR)
    found = expanded(
        known, {"host": "reviews", "timeout": "1s"}, {"host": "reviews", "namespace": "till", "timeout": "1s"}
    )
    assert [each["metadata"]["namespace"] for each in found] == ["shop", "till"]


def test_a_host_of_another_namespace_is_named_in_full_by_its_clients_sidecars() -> None:
    rule, routes = expanded(planes(SIDECAR), {"host": "reviews.till.svc", "canary": CANARY})
    assert rule["metadata"] == routes["metadata"] == {"name": "reviews.till", "namespace": "shop"}
    assert rule["spec"]["host"] == routes["spec"]["hosts"][0] == "reviews.till.svc.cluster.local"


def test_a_wildcard_has_connections_and_no_routes() -> None:
    (rule,) = expanded(planes(SIDECAR), {"host": "*.example.com", "outlier_detection": {}})
    assert rule["metadata"]["name"] == "any.example.com"
    assert rule["spec"]["host"] == "*.example.com"
    (line,) = refused(planes(SIDECAR), {"host": "*.example.com", "timeout": "1s"})
    assert "routes lead to one host" in line


def test_a_port_limits_the_rules_of_sidecars_and_not_those_of_gateways() -> None:
    element = {"host": "reviews", "port": 9080, "header_route": [{"headers": {"a": "b"}, "host": "other", "port": 80}]}
    (mesh,) = expanded(planes(SIDECAR), element)
    assert [rule["match"] for rule in mesh["spec"]["http"]] == [
        [{"headers": {"a": {"exact": "b"}}, "port": 9080}],
        [{"port": 9080}],
    ]
    assert [rule["route"][0]["destination"] for rule in mesh["spec"]["http"]] == [
        {"host": "other", "port": {"number": 80}},
        {"host": "reviews", "port": {"number": 9080}},
    ]
    (gateway,) = expanded(planes(SIDECAR), {**element, "gateways": ["gw/public"]})
    assert gateway["spec"]["http"][0]["match"] == [{"headers": {"a": {"exact": "b"}}}]
    assert "match" not in gateway["spec"]["http"][1]
    (both,) = expanded(planes(SIDECAR), {**element, "gateways": ["mesh", "gw/public"]})
    assert both["spec"]["http"][1]["match"] == [{"gateways": ["mesh"], "port": 9080}, {"gateways": ["gw/public"]}]


@pytest.mark.parametrize("mode", ["none", "ambient"])
def test_gateways_alone_need_no_data_plane(mode: Any) -> None:
    element = {"host": "reviews", "gateways": ["gw/public"], "timeout": "1s"}
    assert named(expanded(planes(DataPlane(mode)), element)) == ["VirtualService reviews"]


def test_each_port_that_may_speak_http_has_a_route_of_its_own() -> None:
    ports: list[dict[str, Any]] = [
        HTTP,
        {"name": "grpc-api", "port": 9090, "targetPort": "grpc"},
        {"name": "extra", "port": 9091, "appProtocol": "kubernetes.io/h2c"},
        {"name": "tcp-repl", "port": 9092},
        {"name": "secure", "port": 9443, "appProtocol": "https"},
        {"name": "dns", "port": 9053, "protocol": "UDP"},
        {"port": 3306},
    ]
    known = planes(WAYPOINT, service("reviews", *ports))
    found = expanded(known, {"host": "reviews", "canary": {"v1": 100}, "timeout": "1s"})
    assert named(found) == ["Service reviews-v1", *(f"HTTPRoute reviews-{port}" for port in (9080, 9090, 9091))]
    assert [port["port"] for port in found[0]["spec"]["ports"]] == [9080, 9090, 9091, 9092, 9443, 9053, 3306]
    assert found[0]["spec"]["ports"][1]["targetPort"] == "grpc"
    for route in found[1:]:
        port = route["spec"]["parentRefs"][0]["port"]
        assert route["metadata"]["name"].endswith(f"-{port}")
        assert route["spec"]["rules"][0]["backendRefs"][0]["port"] == port
    assert named(expanded(known, {"host": "reviews", "port": 9092, "timeout": "1s"})) == ["HTTPRoute reviews"]


def test_another_host_is_reached_at_its_own_only_port() -> None:
    other = service("other", {"port": 80})
    known = planes(WAYPOINT, REVIEWS, other)
    (route,) = expanded(known, {"host": "reviews", "mirror": {"host": "other"}})
    (apart,) = expanded(known, {"host": "reviews", "mirror": {"host": "other.till.svc", "port": 81}})
    refs = [each["spec"]["rules"][0]["filters"][0]["requestMirror"]["backendRef"] for each in (route, apart)]
    assert refs == [
        {"group": "", "kind": "Service", "name": "other", "port": 80},
        {"group": "", "kind": "Service", "name": "other", "namespace": "till", "port": 81},
    ]


def test_offline_the_port_and_selector_given_make_the_versions_services() -> None:
    known = Planes(fallback=DataPlane("ambient", "waypoint"))
    found = expanded(known, {"host": "reviews", "port": 80, "selector": {"app": "r"}, "canary": CANARY})
    assert named(found) == ["Service reviews-v1", "Service reviews-v2", "HTTPRoute reviews"]
    assert found[0]["spec"] == {
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}],
        "selector": {"app": "r", "version": "v1"},
    }


@pytest.mark.parametrize(
    ("waypoint", "labels"),
    [
        ("shop/own", {"istio.io/use-waypoint": "own"}),
        ("infra/own", {"istio.io/use-waypoint": "own", "istio.io/use-waypoint-namespace": "infra"}),
    ],
)
def test_the_versions_of_a_service_with_a_waypoint_of_its_own_have_it_too(
    waypoint: str, labels: dict[str, str]
) -> None:
    known = planes(DataPlane("ambient", "", {"reviews": waypoint}))
    found = expanded(known, {"host": "reviews", "versions": {"v1": None}})
    assert named(found) == ["Service reviews-v1"]
    assert found[0]["metadata"]["labels"] == labels
    assert "labels" not in expanded(planes(WAYPOINT), {"host": "reviews", "versions": {"v1": None}})[0]["metadata"]


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (service("reviews", HTTP, selector=None), "has no selector: give `selector`"),
        (service("reviews", HTTP, type="ExternalName"), "is an ExternalName"),
        (service("reviews", {"name": "tcp", "port": 1}), "has no port for HTTP; it has 1 tcp"),
    ],
)
def test_services_that_cannot_be_split(live: dict[str, Any], words: str) -> None:
    lines = refused(planes(WAYPOINT, live), {"host": "reviews", "canary": CANARY})
    assert len(lines) == 1
    assert words in lines[0]


def test_every_service_that_requests_can_end_at_has_the_policy() -> None:
    found = expanded(planes(WAYPOINT), {"host": "reviews", "canary": CANARY, "load_balancer": HASH})
    rules = [each["spec"] for each in found if each["kind"] == "DestinationRule"]
    assert [rule["host"] for rule in rules] == ["reviews", "reviews-v1", "reviews-v2"]
    assert all(rule["trafficPolicy"] == {"loadBalancer": {"consistentHash": {"useSourceIp": True}}} for rule in rules)


def test_nothing_is_shared_between_objects() -> None:
    element = {"host": "reviews", "canary": CANARY, "load_balancer": HASH}
    found = expanded(planes(WAYPOINT), element)
    found[2]["spec"]["trafficPolicy"]["loadBalancer"].clear()
    assert found[3]["spec"]["trafficPolicy"]["loadBalancer"]


@pytest.mark.parametrize("known", [None, STANDARD | {"retry"}])
def test_retries_of_a_waypoint_pass_unless_their_field_is_missing(
    known: frozenset[str] | None,
) -> None:
    element = {"host": "reviews", "retries": {"attempts": 2, "retry_on": ["retriable-4xx", "500"]}}
    (route,) = expanded(planes(WAYPOINT, route_fields=known), element)
    assert route["spec"]["rules"][0]["retry"] == {"attempts": 2, "codes": [409, 500]}
