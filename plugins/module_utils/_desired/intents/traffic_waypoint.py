# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Traffic of a host through a waypoint: HTTPRoutes, a Service for each version, and DestinationRules. Pure.

A waypoint takes a DestinationRule by the Service that a request ends at (istiod's buildWaypointInboundVIP), so each
version's Service needs one of its own; and it hashes requests only where a route says where they go (istio 61045).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from .planes import Planes
from .texts import Host, dns_label
from .traffic_model import HeaderRoute, Retries, Target, Traffic, is_code
from .traffic_policy import consistent_hash
from .traffic_ports import Port, http_ports, ports_of
from .traffic_sidecar import destination_rule

Obj = dict[str, Any]
_MOST_RULES = 16
# What istiod retries on for every route that says `retry`, and what Envoy's short names mean as codes.
_ALWAYS = frozenset({"connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"})
_CODES = {"gateway-error": (502, 503, 504), "retriable-4xx": (409,)}
_BY_HAND = (
    "A VirtualService in `definitions` could, but those are alpha on waypoints and must not share a host with routes."
)


def objects(traffic: Traffic, planes: Planes) -> list[Obj]:
    """The host's objects: Services first, then DestinationRules, then HTTPRoutes. Notes what a waypoint cannot do."""
    wrong = traffic.element.wrong
    if not traffic.host.service:
        wrong(f"{traffic.host.text} is no Service. Routes of a waypoint to hosts outside are written in `definitions`.")
        return []
    if traffic.host.namespace != traffic.namespace:
        wrong(
            "a waypoint takes routes from the namespace of its Service only: "
            f"give `namespace: {traffic.host.namespace}`."
        )
        return []
    before = len(traffic.element.complaints.found)
    _refusals(traffic, planes)
    live = planes.service(traffic.namespace, traffic.host.service)
    ports = http_ports(traffic, live)
    selector = traffic.selector or ((live or {}).get("spec") or {}).get("selector") or {}
    if live and (live.get("spec") or {}).get("type") == "ExternalName":
        wrong(f"the Service {traffic.host.service} is an ExternalName, whose traffic passes no waypoint.")
    elif traffic.versions and not selector:
        wrong(
            f"each version becomes a Service that selects some of the pods of {traffic.host.service}, which "
            + (
                "has no selector: give `selector`."
                if live
                else "is not there to be read: apply it first, or give `selector`."
            )
        )
    named = {name: f"{traffic.host.service}-{name}" for name in traffic.versions}
    for name in named.values():
        traffic.element.read("versions", dns_label, name)
    if len(traffic.element.complaints.found) > before:
        return []
    found = [_service(traffic, planes, name, selector, ports, live) for name in named]
    if traffic.policy:
        found.append(destination_rule(traffic, traffic.name, traffic.host.text, []))
        found += [destination_rule(traffic, f"{traffic.name}-{name}", host, []) for name, host in named.items()]
    if traffic.routed or consistent_hash(traffic.policy):
        found += [_route(traffic, planes, port, alone=len(ports) == 1) for port in ports]
    return found


def _refusals(traffic: Traffic, planes: Planes) -> None:
    wrong = traffic.element.wrong
    if traffic.gateways:
        wrong(f"`gateways` with `mesh` among them is for sidecars; {traffic.namespace} is ambient: leave `mesh` out.")
    if traffic.fault:
        wrong(f"`fault`: an HTTPRoute has no faults, so a waypoint gets none from it. {_BY_HAND}")
    for target in (*(route.target for route in traffic.routes), traffic.mirror):
        if target and target.host and not target.host.service:
            wrong(f"{target.host.text} is no Service, and an HTTPRoute of a waypoint leads to Services.")
    if len(traffic.routes) >= _MOST_RULES:
        wrong(f"header_route: an HTTPRoute has at most {_MOST_RULES} rules, the last of them for all other requests.")
    _order(traffic)
    if traffic.retries is not None:
        _refuse_retries(traffic, traffic.retries, planes)


def _refuse_retries(traffic: Traffic, retries: Retries, planes: Planes) -> None:
    if planes.route_fields is not None and "retry" not in planes.route_fields:
        traffic.element.wrong(
            "`retries`: an HTTPRoute says them in `retry`, which the installed CRDs of the Gateway API do not have: it "
            "is of the experimental channel. Install that, or leave `retries` out: a waypoint retries twice what "
            f"failed to connect. {_BY_HAND}"
        )
    if retries.attempts == 0:
        traffic.element.wrong("retries: an HTTPRoute cannot turn them off; `attempts` is 1 at least.")
    unsaid = [text for text in retries.retry_on if text not in _ALWAYS and text not in _CODES and not is_code(text)]
    if unsaid:
        traffic.element.wrong(
            f"retries: an HTTPRoute cannot say retry_on {', '.join(unsaid)}. Give HTTP codes, such as 500, or "
            f"{', '.join(sorted(_CODES))}; what failed to connect is always retried."
        )


def _order(traffic: Traffic) -> None:
    """The Gateway API prefers the rule with more headers, whatever the order; so where it matters, refuse."""
    for number, later in enumerate(traffic.routes):
        for place, earlier in enumerate(traffic.routes[:number]):
            if len(later.headers) > len(earlier.headers) and not _apart(earlier, later):
                traffic.element.wrong(
                    f"header_route[{number}] has more headers than header_route[{place}] before it, so a waypoint "
                    "prefers it: put it first."
                )


def _apart(one: HeaderRoute, other: HeaderRoute) -> bool:
    """Whether no request can fit both: they want the same header to have two values."""
    return any(
        kind == "exact" and other.headers.get(name, ("", ""))[0] == "exact" and other.headers[name][1] != value
        for name, (kind, value) in one.headers.items()
    )


def _service(
    traffic: Traffic,
    planes: Planes,
    version: str,
    selector: Mapping[str, str],
    ports: list[Port],
    live: Mapping[str, Any] | None,
) -> Obj:
    metadata: Obj = {"name": f"{traffic.host.service}-{version}", "namespace": traffic.namespace}
    # A Service that names its waypoint itself has versions that do, else they would have another or none.
    waypoint = planes.of(traffic.namespace).services.get(traffic.host.service)
    if waypoint:
        space, name = waypoint.split("/") if "/" in waypoint else (traffic.namespace, waypoint)
        metadata["labels"] = {"istio.io/use-waypoint": name}
        if space != traffic.namespace:
            metadata["labels"]["istio.io/use-waypoint-namespace"] = space
    all_ports = ports_of(live) if live else ports
    spec = {
        "ports": [port.obj() for port in all_ports],
        "selector": {**selector, **traffic.versions[version]},
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _route(traffic: Traffic, planes: Planes, port: Port, *, alone: bool) -> Obj:
    rules = []
    for route in traffic.routes:
        headers = [_header(name, kind, value) for name, (kind, value) in route.headers.items()]
        refs = [{**_backend(traffic, planes, route.target, port), "weight": 1}]
        rules.append(_rule(traffic, planes, port, {"headers": headers}, refs))
    split = [
        {**_backend(traffic, planes, Target(version=name), port), "weight": weight}
        for name, weight in traffic.canary.items()
    ]
    refs = split or [{**_backend(traffic, planes, Target(), port), "weight": 1}]
    rules.append(_rule(traffic, planes, port, {}, refs))
    parent = {"group": "", "kind": "Service", "name": traffic.host.service, "port": port.port}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": traffic.name if alone else f"{traffic.name}-{port.port}", "namespace": traffic.namespace},
        "spec": {"parentRefs": [parent], "rules": rules},
    }


def _rule(traffic: Traffic, planes: Planes, port: Port, match: Obj, refs: list[Obj]) -> Obj:
    """What the server would fill in is written out, since a list that differs by it would be applied each time."""
    rule: Obj = {"matches": [{**match, "path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": refs}
    if traffic.mirror:
        mirror: Obj = {"backendRef": _backend(traffic, planes, traffic.mirror, port)}
        share = Fraction(str(traffic.mirror_percent))
        if share.denominator == 1:
            mirror["percent"] = int(share)
        else:
            mirror["fraction"] = {"numerator": share.numerator, "denominator": share.denominator * 100}
        rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    timeouts = {"request": traffic.timeout} if traffic.timeout else {}
    if traffic.retries is not None:
        rule["retry"] = {"attempts": traffic.retries.attempts}
        codes = [code for text in traffic.retries.retry_on for code in (_CODES.get(text) or _code(text))]
        if codes:
            rule["retry"]["codes"] = sorted(set(codes))
        if traffic.retries.per_try_timeout:
            timeouts["backendRequest"] = traffic.retries.per_try_timeout
    if timeouts:
        rule["timeouts"] = timeouts
    return rule


def _code(text: str) -> tuple[int, ...]:
    return (int(text),) if is_code(text) else ()


def _header(name: str, kind: str, value: str) -> Obj:
    if kind == "exact":
        return {"name": name, "type": "Exact", "value": value}
    if kind == "prefix":
        value = "".join(f"\\{char}" if char in r"\.+*?()|[]{}^$" else char for char in value) + ".*"
    return {"name": name, "type": "RegularExpression", "value": value}


def _backend(traffic: Traffic, planes: Planes, target: Target, port: Port) -> Obj:
    host = target.host
    name = f"{traffic.host.service}-{target.version}" if target.version else (host or traffic.host).service
    found: Obj = {"group": "", "kind": "Service", "name": name, "port": port.port}
    if host:
        found["port"] = target.port or _only_port(planes, host) or port.port
        if host.namespace != traffic.namespace:
            found["namespace"] = host.namespace
    return found


def _only_port(planes: Planes, host: Host) -> int:
    ports = ports_of(planes.service(host.namespace, host.service) or {})
    return ports[0].port if len(ports) == 1 else 0
