# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a host's connections are like: the trafficPolicy of a DestinationRule. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import texts
from .texts import Element

Obj = dict[str, Any]
Given = Mapping[str, Any]
_CIRCUIT_BREAKER = {
    "max_connections": ("tcp", "maxConnections"),
    "max_pending_requests": ("http", "http1MaxPendingRequests"),
    "max_requests": ("http", "http2MaxRequests"),
    "max_retries": ("http", "maxRetries"),
}
_TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")


def traffic_policy(element: Element, entry: Given) -> Obj:
    """From `connection_pool`, `circuit_breaker`, `outlier_detection` and `load_balancer`; {} without any of them."""
    found: Obj = {}
    pool = _connection_pool(element, entry.get("connection_pool"), entry.get("circuit_breaker"))
    if pool:
        found["connectionPool"] = pool
    if entry.get("load_balancer"):
        found["loadBalancer"] = _load_balancer(element, entry["load_balancer"], entry.get("outlier_detection"))
    if entry.get("outlier_detection") is not None:
        found["outlierDetection"] = _outlier_detection(element, entry["outlier_detection"])
    return found


def consistent_hash(policy: Obj) -> bool:
    """Whether requests are told apart to reach the same pod."""
    return "consistentHash" in policy.get("loadBalancer", {})


def _connection_pool(element: Element, given: Given | None, breaker: Given | None) -> Obj:
    found: dict[str, Obj] = {"tcp": {}, "http": {}}
    tcp = (given or {}).get("tcp") or {}
    http = (given or {}).get("http") or {}
    for option, name in (
        ("connect_timeout", "connectTimeout"),
        ("idle_timeout", "idleTimeout"),
        ("max_connection_duration", "maxConnectionDuration"),
    ):
        _duration(element, f"connection_pool.tcp.{option}", tcp.get(option), found["tcp"], name)
    if tcp.get("tcp_keepalive") is not None:
        alive: Obj = {}
        found["tcp"]["tcpKeepalive"] = alive
        option = "connection_pool.tcp.tcp_keepalive"
        _count(element, f"{option}.probes", tcp["tcp_keepalive"].get("probes"), alive, "probes")
        for name in ("time", "interval"):
            _duration(element, f"{option}.{name}", tcp["tcp_keepalive"].get(name), alive, name)
    _duration(element, "connection_pool.http.idle_timeout", http.get("idle_timeout"), found["http"], "idleTimeout")
    for option, name in (
        ("max_requests_per_connection", "maxRequestsPerConnection"),
        ("max_concurrent_streams", "maxConcurrentStreams"),
    ):
        _count(element, f"connection_pool.http.{option}", http.get(option), found["http"], name)
    if http.get("h2_upgrade_policy"):
        found["http"]["h2UpgradePolicy"] = http["h2_upgrade_policy"].upper()
    if http.get("use_client_protocol") is not None:
        found["http"]["useClientProtocol"] = http["use_client_protocol"]
        if http["use_client_protocol"] and http.get("h2_upgrade_policy") == "upgrade":
            element.wrong("connection_pool.http: `use_client_protocol` and `h2_upgrade_policy: upgrade` contradict.")
    for option, (part, name) in _CIRCUIT_BREAKER.items():
        _count(element, f"circuit_breaker.{option}", (breaker or {}).get(option), found[part], name)
    return {part: fields for part, fields in found.items() if fields}


def _outlier_detection(element: Element, given: Given) -> Obj:
    found: Obj = {}
    for option, name in (
        ("consecutive_5xx_errors", "consecutive5xxErrors"),
        ("consecutive_gateway_errors", "consecutiveGatewayErrors"),
        ("consecutive_local_origin_failures", "consecutiveLocalOriginFailures"),
    ):
        # Here 0 has a meaning: it turns this way of detecting off.
        _count(element, f"outlier_detection.{option}", given.get(option), found, name, least=0)
    if given.get("split_external_local_origin_errors") is not None:
        found["splitExternalLocalOriginErrors"] = given["split_external_local_origin_errors"]
    if found.get("consecutiveLocalOriginFailures") and not found.get("splitExternalLocalOriginErrors"):
        element.wrong(
            "outlier_detection: `consecutive_local_origin_failures` needs `split_external_local_origin_errors: true`."
        )
    for option, name in (("interval", "interval"), ("base_ejection_time", "baseEjectionTime")):
        _duration(element, f"outlier_detection.{option}", given.get(option), found, name)
    for option, name, least in (
        ("max_ejection_percent", "maxEjectionPercent", 1),
        ("min_health_percent", "minHealthPercent", 0),
    ):
        _count(element, f"outlier_detection.{option}", given.get(option), found, name, least=least, most=100)
    return found


def _load_balancer(element: Element, given: Given, outlier: Given | None) -> Obj:
    found: Obj = {}
    algorithm = given.get("algorithm")
    if algorithm:
        found["simple"] = algorithm.upper()
    if given.get("consistent_hash"):
        found["consistentHash"] = _consistent_hash(element, given["consistent_hash"])
    if given.get("locality"):
        found["localityLbSetting"] = _locality(element, given["locality"], outlier)
    warmup = element.read("load_balancer.warmup", texts.duration, given.get("warmup"))
    if warmup:
        found["warmup"] = {"duration": warmup}
        if algorithm not in (None, "round_robin", "least_request"):
            element.wrong("load_balancer: Envoy has `warmup` for `round_robin` and `least_request` only.")
    return found


def _consistent_hash(element: Element, given: Given) -> Obj:
    found: Obj = {}
    for option, name in (
        ("http_header_name", "httpHeaderName"),
        ("http_query_parameter_name", "httpQueryParameterName"),
        ("use_source_ip", "useSourceIp"),
    ):
        if given.get(option):
            found[name] = given[option]
    cookie = given.get("http_cookie")
    if cookie:
        found["httpCookie"] = {key: cookie[key] for key in ("name", "path") if cookie.get(key)}
        # With a time to live the proxy makes the cookie; 0s is a session's.
        if str(cookie.get("ttl") or "") in ("0", "0s"):
            found["httpCookie"]["ttl"] = "0s"
        else:
            _duration(
                element, "load_balancer.consistent_hash.http_cookie.ttl", cookie.get("ttl"), found["httpCookie"], "ttl"
            )
    if not found:
        element.wrong("load_balancer.consistent_hash: say by what: `use_source_ip: false` says nothing.")
    size = given.get("minimum_ring_size")
    if size is not None:
        ring: Obj = {}
        found["ringHash"] = ring
        _count(element, "load_balancer.consistent_hash.minimum_ring_size", size, ring, "minimumRingSize")
    return found


def _locality(element: Element, given: Given, outlier: Given | None) -> Obj:
    found: Obj = {}
    option = "load_balancer.locality"
    if given.get("enabled") is not None:
        found["enabled"] = given["enabled"]
    if given.get("distribute"):
        found["distribute"] = [{"from": each["from"], "to": dict(each["to"])} for each in given["distribute"]]
        for each in found["distribute"]:
            weights = list(each["to"].values())
            if not all(isinstance(weight, int) and 1 <= weight <= 100 for weight in weights) or sum(weights) != 100:
                element.wrong(f"{option}: the weights of `distribute` from {each['from']} must be 100 together.")
    if given.get("failover"):
        found["failover"] = [{"from": each["from"], "to": each["to"]} for each in given["failover"]]
        for each in found["failover"]:
            if each["from"] == each["to"] or "/" in each["from"] + each["to"] or "*" in each["from"] + each["to"]:
                element.wrong(f"{option}: `failover` from {each['from']} to {each['to']}: give two regions.")
    if given.get("failover_priority"):
        found["failoverPriority"] = list(given["failover_priority"])
        both = [name for name in found["failoverPriority"] if name in _TOPOLOGY]
        if both and "failover" in found:
            element.wrong(f"{option}: `failover` and {both[0]} in `failover_priority` exclude each other.")
    if ("failover" in found or "failoverPriority" in found) and outlier is None:
        element.wrong(f"{option}: failing over needs `outlier_detection`, which tells what has failed.")
    return found


def _duration(element: Element, option: str, value: Any, into: Obj, name: str) -> None:
    found = element.read(option, texts.duration, value)
    if found is not None:
        into[name] = found


def _count(
    element: Element, option: str, value: int | None, into: Obj, name: str, *, least: int = 1, most: int = 2**31 - 1
) -> None:
    if value is None:
        return
    if least <= value <= most:
        into[name] = value
    else:
        element.wrong(f"{option}: {value} is not {least} to {most}.")
