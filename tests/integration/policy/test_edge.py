# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What limits, gateways, egress and telemetry expand to, before the real API server and istiod's real webhooks."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ApiError, MeshError
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshwright.istio.plugins.module_utils._kube.deadline import Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import POD
from ansible_collections.meshwright.istio.plugins.module_utils._kube.portforward import pod_get

from ...unit.plugins.module_utils._desired.intents import edge
from ..harness.support import eventually
from ..support import modules
from .conftest import Policy

BOTH = ["envoy.filters.http.local_ratelimit", "envoy.filters.http.ratelimit"]


@pytest.fixture
def client(policy: Policy) -> Client:
    return modules.client(policy.cluster.kubeconfig, policy.cluster.context, seconds=300)


def _expansions(family: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a family's page, with where it stands."""
    for heading, _short, kinds, expected in edge.examples(family):
        if not expected.startswith("refused: "):
            for obj in yaml.safe_load_all(expected):
                yield f"{heading} ({kinds[0]}): {obj['kind']} {obj['metadata']['name']}", obj


@pytest.mark.parametrize("family", ["limits", "gateways", "egress", "telemetry"])
def test_the_server_takes_every_expansion(policy: Policy, client: Client, family: str) -> None:
    namespace = policy.namespace()
    refused = []
    seen = 0
    for where, obj in _expansions(family):
        obj["metadata"]["namespace"] = namespace
        seen += 1
        try:
            client.apply(obj, manager="edge-test", dry_run=True)
        except MeshError as error:
            refused.append(f"{where}: {error}")
    assert seen and not refused, "\n".join(refused)


def test_the_server_would_tell(policy: Policy, client: Client) -> None:
    """That those dry runs could fail: Envoy's types are known to the webhook, Istio's to it and to the schema."""
    namespace = policy.namespace()
    short = """
limits:
  - {namespace: shop, workload: {app: reviews}, local: {requests: 1, per: 1s}}
"""
    (limit,) = edge.made("limits", short, edge.PLANES["sidecars"])
    limit["metadata"]["namespace"] = namespace
    limit["spec"]["configPatches"][0]["patch"]["value"]["typed_config"]["token_bucket"] = "full"
    with pytest.raises(ApiError, match="LocalRateLimit"):
        client.apply(limit, manager="edge-test", dry_run=True)


def _workload(namespace: str, name: str) -> list[dict[str, Any]]:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app"}]}}
    meta = {"name": name, "namespace": namespace}
    ports = [{"name": "http", "port": 9080}]
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {"selector": {"matchLabels": labels}, "template": pod},
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": labels, "ports": ports}},
    ]


def _waypoint(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "waypoint", "namespace": namespace},
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }


def test_proxies_get_what_was_asked_for(policy: Policy, client: Client) -> None:
    """One task for two data planes; then what istiod makes of it for a sidecar, a waypoint and a gateway."""
    sidecars = policy.namespace("sidecar")
    ambient = policy.namespace("ambient", **{"istio.io/use-waypoint": "waypoint"})
    names = [(sidecars, "reviews"), (ambient, "reviews"), (ambient, "ratings"), (ambient, "ratelimit")]
    policy.kubectl.apply(*(obj for each in names for obj in _workload(*each)), _waypoint(ambient))
    limit = {
        "local": {"requests": 9, "per": "1s", "rules": [{"prefix": "/a", "requests": 3}]},
        "global": {
            "domain": "edge",
            "service": f"ratelimit.{ambient}.svc:9080",
            "descriptors": [{"entries": [{"remote_address": True}]}],
        },
    }
    outside = {"ports": [{"number": 80, "protocol": "HTTP"}], "tls_origination": {"mode": "simple"}}
    asked: dict[str, Any] = {
        "limits": [
            {"namespace": sidecars, "service": "reviews", **limit},
            {"namespace": ambient, "service": "reviews", "unsupported": True, **limit},
            {"namespace": ambient, "gateway": "public", **limit},
        ],
        "gateways": [
            {
                "namespace": ambient,
                "name": "public",
                "hosts": ["shop.example.com"],
                "routes": [{"prefix": "/reviews", "service": "reviews", "port": 9080}],
            }
        ],
        "egress": [
            {"namespace": sidecars, "registry_only": True},
            {"namespace": sidecars, "hosts": [f"{sidecars}.example.com"], **outside},
            {"namespace": ambient, "hosts": [f"{ambient}.example.com"], **outside},
        ],
        "telemetry": [
            {"namespace": sidecars, "access_log": {"providers": ["envoy"], "filter": "response.code >= 417"}},
            {"namespace": ambient, "access_log": {"providers": ["envoy"], "filter": "response.code >= 416"}},
            {
                "namespace": ambient,
                "service": "reviews",
                "access_log": {"providers": ["envoy"], "filter": "response.code >= 418"},
            },
        ],
    }
    assert policy(**asked).ok().result["changed"]
    assert policy(**asked).ok().changed == 0
    assert _finally(
        {
            "virtualInbound": (BOTH, True, "417"),
            "main_internal": (BOTH, True, "417"),
            f"tls {sidecars}.example.com": True,
            "block_all": True,
        },
        lambda: _sidecar(client, sidecars),
    )
    reviews, ratings = (f"inbound-vip|9080|http|{name}.{ambient}.svc.cluster.local" for name in ("reviews", "ratings"))
    assert _finally(
        {reviews: (BOTH, False, "418"), ratings: ([], False, "416"), f"tls {ambient}.example.com": True, "asked": True},
        lambda: _waypoint_of(client, ambient, (reviews, ratings)),
    )
    assert _finally(
        {"filters": BOTH, "asked": True, "hosts": [("shop.example.com:80", True)]}, lambda: _public(client, ambient)
    )


def test_both_apis_come_to_the_same_routes(policy: Policy, client: Client) -> None:
    """Through a gateway that istiod makes, and through one of Istio's own that is there; a service is far away."""
    near, far = policy.namespace(), policy.namespace()
    services = [_workload(*each)[1] for each in ((near, "all"), (near, "reviews"), (far, "orders"))]
    policy.kubectl.apply(*services, _classic(near))
    routes = [
        {"service": "all", "port": 9080},
        {"prefix": "/a", "rewrite": "/b", "service": "reviews", "port": 9080, "timeout": "7s"},
        {"path": "/x", "method": "post", "service": "orders", "namespace": far, "port": 9080},
    ]
    common = {"namespace": near, "hosts": ["shop.example.com"], "routes": routes}
    istio = {"name": "classic", "api": "istio", "selector": {"istio": "classic"}, **common}
    policy(gateways=[{"name": "public", **common}, istio]).ok()
    assert _finally(
        {"public": [("orders", "", "0s"), ("reviews", "/b", "7s"), ("all", "", "0s")]},
        lambda: {"public": _routes(client, near, "gateway.networking.k8s.io/gateway-name=public")},
    )
    reviews = [("reviews", "/b", "7s"), ("reviews", "/b/", "7s")]
    assert _finally(
        {"classic": [("orders", "", "0s"), *reviews, ("all", "", "0s")]},
        lambda: {"classic": _routes(client, near, "istio=classic")},
    )


def _classic(namespace: str) -> dict[str, Any]:
    """A gateway as the charts make it, less all but what the injector and istiod look at."""
    meta = {
        "labels": {"istio": "classic", "sidecar.istio.io/inject": "true"},
        "annotations": {"inject.istio.io/templates": "gateway"},
    }
    pod = {"metadata": meta, "spec": {"containers": [{"name": "istio-proxy", "image": "auto"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "classic", "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"istio": "classic"}}, "template": pod},
    }


def _routes(client: Client, namespace: str, labels: str) -> list[tuple[str, str, str]]:
    """(service, what a path is rewritten to, timeout) of each route, in the order in which the proxy tries them."""
    hosts = [each for route in _configuration(client, namespace, labels)["routes"] for each in route["virtualHosts"]]
    found = [each["route"] for host in hosts if "shop.example.com" in host["domains"] for each in host["routes"]]
    return [
        (each["cluster"].split("|")[3].split(".")[0], each.get("prefixRewrite", ""), each["timeout"]) for each in found
    ]


def _finally(expected: dict[str, Any], probe: Callable[[], dict[str, Any]]) -> bool:
    with contextlib.suppress(AssertionError):
        eventually("as expected", lambda: probe() == expected)
    assert probe() == expected
    return True


def _configuration(client: Client, namespace: str, labels: str) -> dict[str, list[dict[str, Any]]]:
    """What istiod has for the namespace's simulated proxy: listeners, routes and clusters."""
    found: dict[str, list[dict[str, Any]]] = {"listeners": [], "routes": [], "clusters": []}
    pods = client.list(POD, namespace, labels=labels)
    istiod = client.list(POD, "istio-system", labels="app=istiod")[0]["metadata"]["name"]
    if not pods:
        return found
    query = {"proxyID": f"{pods[0]['metadata']['name']}.{namespace}"}
    path = "/debug/config_dump"
    answer = pod_get(client, "istio-system", istiod, 15014, path, deadline=Deadline(30), query=query)
    for part in answer.json()["configs"] if answer.status == 200 else ():
        found["listeners"] += [each["activeState"]["listener"] for each in part.get("dynamicListeners", ())]
        found["routes"] += [each["routeConfig"] for each in part.get("dynamicRouteConfigs", ())]
        found["clusters"] += [each["cluster"] for each in part.get("dynamicActiveClusters", ())]
    return found


def _http(listener: dict[str, Any]) -> Iterator[tuple[str, list[str], list[dict[str, Any]], str]]:
    """(chain, rate limit filters, virtual hosts, its access log) of each HTTP connection manager."""
    for chain in [*listener.get("filterChains", ()), *filter(None, [listener.get("defaultFilterChain")])]:
        for each in chain["filters"]:
            manager = each["typedConfig"]
            if "httpFilters" in manager:
                filters = [name for name in (one["name"] for one in manager["httpFilters"]) if "ratelimit" in name]
                hosts = manager.get("routeConfig", {}).get("virtualHosts", [])
                yield chain.get("name", ""), filters, hosts, json.dumps(manager.get("accessLog"))


def _logged(log: str) -> str:
    """Which of the codes that are logged here is in the filter."""
    return ", ".join(code for code in ("416", "417", "418") if f"response.code >= {code}" in log)


def _with_tls(clusters: list[dict[str, Any]], host: str) -> bool:
    """Whether the host's port 443 is spoken to by TLS."""
    (cluster,) = [each for each in clusters if each["name"].endswith(f"|{host}")] or [{}]
    address = cluster.get("loadAssignment", {}).get("endpoints", [{}])[0].get("lbEndpoints", [{}])[0]
    port = address.get("endpoint", {}).get("address", {}).get("socketAddress", {}).get("portValue")
    sockets = [each["transportSocket"] for each in cluster.get("transportSocketMatches", ()) if each["name"] == "user"]
    return port == 443 and "UpstreamTlsContext" in json.dumps([*sockets, cluster.get("transportSocket")])


def _sidecar(client: Client, namespace: str) -> dict[str, Any]:
    dump = _configuration(client, namespace, "app=reviews")
    found: dict[str, Any] = {}
    for listener in dump["listeners"]:
        for _chain, filters, hosts, log in _http(listener):
            if filters:
                found[listener["name"]] = (filters, all(each.get("rateLimits") for each in hosts), _logged(log))
    host = f"{namespace}.example.com"
    blocked = any(each["name"] == "block_all" for route in dump["routes"] for each in route.get("virtualHosts", ()))
    return {**found, f"tls {host}": _with_tls(dump["clusters"], host), "block_all": blocked}


def _waypoint_of(client: Client, namespace: str, chains: tuple[str, ...]) -> dict[str, Any]:
    dump = _configuration(client, namespace, "gateway.networking.k8s.io/gateway-name=waypoint")
    found: dict[str, Any] = {}
    for listener in dump["listeners"]:
        for chain, filters, hosts, log in _http(listener):
            if filters or chain in chains:
                found[chain] = (filters, any(each.get("rateLimits") for each in hosts), _logged(log))
    host = f"{namespace}.example.com"
    asked = any(each["name"] == f"outbound|9080||ratelimit.{namespace}.svc.cluster.local" for each in dump["clusters"])
    return {**found, f"tls {host}": _with_tls(dump["clusters"], host), "asked": asked}


def _public(client: Client, namespace: str) -> dict[str, Any]:
    dump = _configuration(client, namespace, "gateway.networking.k8s.io/gateway-name=public")
    filters = [found for listener in dump["listeners"] for _chain, found, _hosts, _log in _http(listener)]
    hosts = [
        (each["name"], bool(each.get("rateLimits")))
        for route in dump["routes"]
        for each in route.get("virtualHosts", ())
    ]
    asked = any(each["name"] == f"outbound|9080||ratelimit.{namespace}.svc.cluster.local" for each in dump["clusters"])
    return {"filters": filters[0] if filters else [], "asked": asked, "hosts": hosts}
