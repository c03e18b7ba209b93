# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`gateways`: its page, what it refuses, and that both APIs mean the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import Planes

from . import edge

PAGE = list(edge.examples("gateways"))
ISTIO = {"api": "istio", "selector": {"istio": "ingressgateway"}}
ROUTE = {"service": "reviews", "port": 9080}
TLS = {"mode": "simple", "credential": "cert"}


@pytest.mark.parametrize(
    ("heading", "short", "kinds", "expected"), PAGE, ids=[f"{each[0]}-{each[2][0]}" for each in PAGE]
)
def test_the_page_says_what_is_made(heading: str, short: str, kinds: tuple[str, ...], expected: str) -> None:
    assert heading
    edge.holds("gateways", short, kinds, expected)


def short(**entry: Any) -> str:
    given = {"namespace": "shop", "name": "public", "hosts": ["a.example.com"], "routes": [ROUTE], **entry}
    return json.dumps({"gateways": [given]})


def made(**entry: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """The specs, by kind and name."""
    found = edge.made("gateways", short(**entry), Planes())
    return {(each["kind"], each["metadata"]["name"]): each["spec"] for each in found}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"namespace": None}, "it has no namespace"),
        ({"api": "istio"}, "selector: Istio's Gateway needs the labels"),
        ({**ISTIO, "class": "istio"}, "class: means nothing with api: istio"),
        ({"selector": {"a": "b"}}, "selector: means nothing with api: gateway_api"),
        ({"section": "https"}, "section: is for a `gateway` that is there"),
        ({"hosts": []}, "hosts: give at least one"),
        ({"hosts": ["reviews"]}, "hosts: reviews is no name from outside"),
        ({"hosts": ["a_b.example.com"]}, "'a_b.example.com' is no host"),
        ({"hosts": ["*", "a.example.com"]}, "`*` covers all others"),
        ({"hosts": ["a.example.com", "a.example.com"]}, "hosts: one is given twice"),
        ({"port": 70000}, "port: 70000 is no port"),
        ({"tls": {"mode": "simple"}}, "tls.credential: name the Secret"),
        ({"tls": {"mode": "simple", "credential": "a/b/c"}}, "tls.credential: 'a/b/c' is no name"),
        ({"tls": {"mode": "passthrough", "credential": "cert"}}, "the service itself has the certificate"),
        ({"tls": {"mode": "passthrough"}, "routes": [{**ROUTE, "prefix": "/a"}]}, "no paths, headers or timeouts"),
        ({"tls": {"mode": "passthrough"}, "hosts": ["*"]}, "told apart by its host"),
        ({**ISTIO, "tls": {**TLS, "credential": "certs/cert"}}, "Secrets from its pods' namespace alone"),
        ({"redirect_https": True}, "redirect_https: needs `tls`"),
        ({"redirect_https": True, "tls": TLS, "port": 80}, "http_port: is the same as `port`"),
        ({"gateway": "ingress/public", "tls": TLS}, "tls: is a matter of ingress/public"),
        ({"gateway": "ingress/public", "class": "istio"}, "class: is a matter of ingress/public"),
        ({"gateway": "ingress/public", "routes": []}, "without any there is nothing to make"),
        ({"gateway": "In gress"}, "gateway: 'In gress' is no name"),
        ({"routes": [{**ROUTE, "prefix": "api"}]}, "routes[0].prefix: 'api' does not begin with a slash"),
        ({"routes": [{**ROUTE, "timeout": "soon"}]}, "routes[0].timeout: 'soon' is no duration"),
        ({"routes": [{**ROUTE, "service": "reviews.shop"}]}, "routes[0].service: 'reviews.shop' is no name"),
    ],
)
def test_refused(entry: dict[str, Any], why: str) -> None:
    assert why in edge.refusal("gateways", short(**entry), Planes())


def test_istio_takes_routes_in_the_gateway_apis_order() -> None:
    routes = [
        {**ROUTE, "service": "all"},
        {**ROUTE, "service": "short", "prefix": "/a"},
        {**ROUTE, "service": "headers", "prefix": "/a", "headers": {"x": "1"}},
        {**ROUTE, "service": "long", "prefix": "/a/b"},
        {**ROUTE, "service": "exact", "path": "/a"},
        {**ROUTE, "service": "method", "prefix": "/a", "method": "get"},
    ]
    spec = made(**ISTIO, routes=routes)["VirtualService", "public"]
    order = [each["route"][0]["destination"]["host"] for each in spec["http"]]
    assert order == ["exact", "long", "method", "headers", "short", "all"]
    assert "match" not in spec["http"][-1]
    assert spec["http"][2]["match"] == [
        {"uri": {"exact": "/a"}, "method": {"exact": "GET"}},
        {"uri": {"prefix": "/a/"}, "method": {"exact": "GET"}},
    ]


@pytest.mark.parametrize(
    ("route", "rewritten"),
    [
        ({"path": "/a", "rewrite": "/b"}, [({"exact": "/a"}, "/b")]),
        ({"prefix": "/a/", "rewrite": "/b"}, [({"exact": "/a"}, "/b"), ({"prefix": "/a/"}, "/b/")]),
        ({"prefix": "/a", "rewrite": "/"}, [({"exact": "/a"}, "/"), ({"prefix": "/a/"}, "/")]),
        ({"rewrite": "/b"}, [({"prefix": "/"}, "/b/")]),
    ],
)
def test_istio_rewrites_whole_segments(route: dict[str, Any], rewritten: list[tuple[dict[str, str], str]]) -> None:
    spec = made(**ISTIO, routes=[{**ROUTE, **route}])["VirtualService", "public"]
    assert [(each["match"][0]["uri"], each["rewrite"]["uri"]) for each in spec["http"]] == rewritten


def test_a_condition_without_a_path() -> None:
    route = {**ROUTE, "headers": {"x": "1"}}
    istio = made(**ISTIO, routes=[route])["VirtualService", "public"]
    assert istio["http"][0]["match"] == [{"headers": {"x": {"exact": "1"}}}]
    k8s = made(routes=[route])["HTTPRoute", "public"]
    assert k8s["rules"][0]["matches"] == [{"headers": [{"name": "x", "value": "1"}]}]


def test_a_service_elsewhere_by_istio_has_its_full_name() -> None:
    spec = made(**ISTIO, routes=[{**ROUTE, "namespace": "far"}])["VirtualService", "public"]
    assert spec["http"][0]["route"][0]["destination"]["host"] == "reviews.far.svc.cluster.local"


def test_all_hosts_and_a_port_of_ones_own() -> None:
    found = made(hosts=["*"], port=8443, tls=TLS, redirect_https=True, http_port=8080, routes_from="all")
    http, https = found["Gateway", "public"]["listeners"]
    assert "hostname" not in https
    assert (http["port"], https["port"]) == (8080, 8443)
    assert https["allowedRoutes"] == {"namespaces": {"from": "All"}}
    redirect = found["HTTPRoute", "public-redirect"]
    assert redirect["rules"][0]["filters"][0]["requestRedirect"]["port"] == 8443
    assert "hostnames" not in redirect
    assert found["HTTPRoute", "public"]["parentRefs"] == [{"name": "public", "sectionName": "https"}]


def test_with_several_hosts_routes_leave_the_plain_listeners_to_the_redirect() -> None:
    found = made(hosts=["a.example.com", "*.b.example.com"], tls=TLS, redirect_https=True)
    names = [each["name"] for each in found["Gateway", "public"]["listeners"]]
    assert names == ["http-a-example-com", "http-any-b-example-com", "https-a-example-com", "https-any-b-example-com"]
    parents = [each["sectionName"] for each in found["HTTPRoute", "public"]["parentRefs"]]
    assert parents == names[2:]
    assert [each["sectionName"] for each in found["HTTPRoute", "public-redirect"]["parentRefs"]] == names[:2]


def test_a_gateway_without_routes() -> None:
    assert list(made(routes=None)) == [("Gateway", "public")]
    assert list(made(**ISTIO, routes=None)) == [("Gateway", "public")]


def test_one_grant_for_a_namespace() -> None:
    routes = [{**ROUTE, "namespace": "far", "service": name, "prefix": f"/{name}"} for name in ("b", "a", "b")]
    grant = made(routes=routes)["ReferenceGrant", "public-from-shop"]
    assert [each["name"] for each in grant["to"]] == ["a", "b"]
