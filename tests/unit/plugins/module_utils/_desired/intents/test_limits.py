# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`limits`: its page, what it refuses, and where in the proxies it puts Envoy's filters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes

from . import edge

PAGE = list(edge.examples("limits"))
LOCAL = {"requests": 5, "per": "1s"}
GLOBAL = {
    "domain": "d",
    "service": "ratelimit.limits.svc:8081",
    "descriptors": [{"entries": [{"remote_address": True}]}],
}


@pytest.mark.parametrize(
    ("heading", "short", "kinds", "expected"), PAGE, ids=[f"{each[0]}-{each[2][0]}" for each in PAGE]
)
def test_the_page_says_what_is_made(heading: str, short: str, kinds: tuple[str, ...], expected: str) -> None:
    assert heading
    edge.holds("limits", short, kinds, expected)


def short(**entry: Any) -> str:
    return json.dumps({"limits": [{"namespace": "shop", **({} if "global" in entry else {"local": LOCAL}), **entry}]})


@pytest.mark.parametrize(
    ("kind", "entry", "why"),
    [
        ("outside", {}, "the namespace shop is not in the mesh"),
        ("ambient", {}, "knows no requests to count"),
        ("waypoint", {}, "accept it with `unsupported: true`"),
        ("waypoint", {"gateway": "waypoint"}, "an EnvoyFilter on the waypoint shop/waypoint"),
        ("waypoint", {"workload": {"app": "a"}, "unsupported": True}, "a waypoint, which ignores selectors"),
        ("waypoint", {"service": "ratings", "unsupported": True}, "so that its ports are not either"),
        ("sidecars", {"service": "ratings"}, "the Service shop/ratings is not known"),
        ("sidecars", {"namespace": "istio-system"}, "mesh's root namespace"),
        ("sidecars", {"local": {**LOCAL, "per": "10ms"}}, "Envoy refills no more often than every 50ms"),
        ("sidecars", {"local": {**LOCAL, "per": "soon"}}, "local.per: 'soon' is no duration"),
        ("sidecars", {"local": {**LOCAL, "requests": 0}}, "0 is no number of requests"),
        ("sidecars", {"local": {**LOCAL, "burst": 4}}, "local.burst: 4 is fewer than the 5 requests"),
        ("sidecars", {"local": {**LOCAL, "status": 200}}, "local.status: 200 is no refusal"),
        ("sidecars", {"local": {**LOCAL, "rules": [{"path": "api", "requests": 1}]}}, "does not begin with a slash"),
        (
            "sidecars",
            {"local": {**LOCAL, "rules": [{"path": "/api", "requests": 1, "per": "1500ms"}]}},
            "local.rules[0].per: Envoy wants a multiple of `local.per`",
        ),
        ("sidecars", {"global": {**GLOBAL, "service": "ratelimit.limits.svc"}}, "has no port"),
        ("sidecars", {"global": {**GLOBAL, "service": "ratelimit:99999"}}, "99999 is no port"),
        ("sidecars", {"global": {**GLOBAL, "timeout": "quick"}}, "global.timeout: 'quick' is no duration"),
        ("sidecars", {"global": {**GLOBAL, "descriptors": []}}, "the service is asked nothing"),
    ],
)
def test_refused(kind: str, entry: dict[str, Any], why: str) -> None:
    assert why in edge.refusal("limits", short(**entry), edge.PLANES[kind])


def test_a_waypoint_of_another_namespace() -> None:
    planes = Planes({"shop": DataPlane("ambient", "shared/waypoint")}, edge.SERVICES)
    assert "another namespace's" in edge.refusal("limits", short(unsupported=True), planes)
    (made,) = edge.made("limits", short(service="reviews", unsupported=True), planes)
    assert made["metadata"] == {"name": "reviews-limit", "namespace": "shared"}


def test_two_of_one_name() -> None:
    both = json.dumps({"limits": [{"namespace": "shop", "local": LOCAL}] * 2})
    told = edge.refusal("limits", both, edge.PLANES["sidecars"])
    assert told == "limits[1]: limits[0] makes the EnvoyFilter shop/limit too; give one a `name`."


def places(made: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(what is patched, context, listener) of each patch."""
    patches = made["spec"]["configPatches"]
    return [
        (each["applyTo"], each["match"]["context"], each["match"].get("listener", {}).get("name", ""))
        for each in patches
    ]


def test_tunnels_are_not_counted() -> None:
    (made,) = edge.made("limits", short(workload={"app": "a"}), edge.PLANES["sidecars"])
    assert places(made) == [
        ("HTTP_FILTER", "SIDECAR_INBOUND", "virtualInbound"),
        ("HTTP_FILTER", "SIDECAR_INBOUND", "main_internal"),
    ]
    (made,) = edge.made("limits", short(unsupported=True), edge.PLANES["waypoint"])
    assert places(made) == [("HTTP_FILTER", "SIDECAR_INBOUND", "main_internal")]


def test_a_gateway_of_istios_own() -> None:
    entry = {"gateway_workload": {"istio": "ingressgateway"}, "global": GLOBAL}
    (made,) = edge.made("limits", short(**entry), edge.PLANES["outside"])
    assert made["spec"]["workloadSelector"] == {"labels": {"istio": "ingressgateway"}}
    assert places(made) == [("HTTP_FILTER", "GATEWAY", ""), ("VIRTUAL_HOST", "GATEWAY", "")]


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("ratelimit:8081", "ratelimit.shop.svc.cluster.local"),
        ("ratelimit.shop.svc:8081", "ratelimit.shop.svc.cluster.local"),
        ("ratelimit.limits.svc:8081", "ratelimit.limits.svc.cluster.local"),
        ("ratelimit.limits.svc.my.domain:8081", "ratelimit.limits.svc.my.domain"),
        ("ratelimit.shop.svc.my.domain:8081", "ratelimit.shop.svc.my.domain"),
        ("limits.example.com:8081", "limits.example.com"),
    ],
)
def test_the_cluster_that_envoy_asks(given: str, host: str) -> None:
    (made,) = edge.made("limits", short(**{"global": {**GLOBAL, "service": given}}), edge.PLANES["sidecars"])
    config = made["spec"]["configPatches"][0]["patch"]["value"]["typed_config"]
    asked = config["rate_limit_service"]["grpc_service"]["envoy_grpc"]
    assert asked == {"cluster_name": f"outbound|8081||{host}", "authority": host}


def test_a_path_is_whole_but_for_its_query() -> None:
    rule = {"path": "/a.b", "requests": 1}
    (made,) = edge.made("limits", short(local={**LOCAL, "rules": [rule]}), edge.PLANES["sidecars"])
    config = made["spec"]["configPatches"][0]["patch"]["value"]["typed_config"]
    (header,) = config["rate_limits"][0]["actions"][0]["header_value_match"]["headers"]
    assert header["string_match"] == {"safe_regex": {"regex": "/a\\.b(\\?.*)?"}}
