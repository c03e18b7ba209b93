# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What istiod's validation would refuse in an object that is there: the common part of it, in its own order. Pure.

After istio's pkg/config/validation. What its webhook refuses only rarely gets in: while it is away, or is told to
ignore failures. Not looked at: headers, regular expressions, durations, load balancing, TLS of gateways and
DestinationRules, JWT rules, plugins, Telemetry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..snapshot import Obj, dig
from .hosts import overlap
from .model import some
from .scene import (
    AUTHORIZATION,
    DESTINATION_RULE,
    ISTIO_GATEWAY,
    PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION,
    SERVICE_ENTRY,
    SIDECAR,
    VIRTUAL_SERVICE,
    kind_of,
)
from .schema_edges import gateway, service_entry, sidecar
from .schema_hosts import bad_host, bad_port, exported, is_address, is_label, no_wildcards
from .schema_security import authorization, peer_authentication, selected

VALIDATED = (
    VIRTUAL_SERVICE,
    DESTINATION_RULE,
    ISTIO_GATEWAY,
    SERVICE_ENTRY,
    SIDECAR,
    AUTHORIZATION,
    PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION,
)


def refused(obj: Obj) -> Iterator[str]:
    """Why istiod would refuse this object: each reason goes on from `... would be refused:`."""
    kind = kind_of(obj)
    if kind == VIRTUAL_SERVICE:
        yield from _virtual_service(obj)
    elif kind == DESTINATION_RULE:
        yield from _destination_rule(obj)
    elif kind == ISTIO_GATEWAY:
        yield from gateway(obj)
    elif kind == SERVICE_ENTRY:
        yield from service_entry(obj)
    elif kind == SIDECAR:
        yield from sidecar(obj)
    elif kind == AUTHORIZATION:
        yield from authorization(obj)
    elif kind == PEER_AUTHENTICATION:
        yield from peer_authentication(obj)
    elif kind == REQUEST_AUTHENTICATION:
        yield from selected(obj)


# -- VirtualService ------------------------------------------------------------------------------------------------


def _virtual_service(obj: Obj) -> Iterator[str]:
    spec = obj.get("spec") or {}
    hosts, gateways = spec.get("hosts") or [], spec.get("gateways") or []
    delegate = not hosts
    if delegate:
        for name in ("gateways", "tls", "tcp"):
            if spec.get(name):
                yield f"it has no hosts, so it is a delegate, which must not have {name}"
    good = True
    for host in hosts:
        why = bad_host(host)
        if why and not (str(host).startswith("outbound_") or is_address(str(host))):
            good = False
            yield f"it has {why}"
        elif host == "*" and (not gateways or "mesh" in gateways):
            good = False
            yield "host * is not allowed on the mesh"
    if good:
        yield from _covered_twice([str(host) for host in hosts])
    if not (spec.get("http") or spec.get("tls") or spec.get("tcp")):
        yield "it has neither http nor tls nor tcp"
    for at, route in enumerate(spec.get("http") or ()):
        for why in _http(route or {}, delegate):
            yield f"http[{at}] {why}"
        for why in _destinations(route or {}):
            yield f"http[{at}] {why}"
    for name in ("tls", "tcp"):
        for at, route in enumerate(spec.get(name) or ()):
            if not (route or {}).get("route"):
                yield f"{name}[{at}] has no route"
            if name == "tls" and not (route or {}).get("match"):
                yield f"tls[{at}] has no match"
            for why in _destinations(route or {}):
                yield f"{name}[{at}] {why}"
    yield from exported(obj)


def _covered_twice(hosts: list[str]) -> Iterator[str]:
    for at, one in enumerate(hosts):
        for other in hosts[at + 1 :]:
            if overlap(one, other):
                yield f"the hosts {one} and {other} cover each other"


def _http(route: Any, delegate: bool) -> Iterator[str]:
    has = {name for name in ("route", "redirect", "directResponse", "fault", "rewrite") if route.get(name)}
    if route.get("delegate") and not delegate:
        for name in ("redirect", "route"):
            if name in has:
                yield f"has a delegate, and {name} beside it"
        return
    if route.get("delegate"):
        yield "has a delegate in a delegate"
    for name in ("redirect", "directResponse"):
        if name in has:
            for other in sorted(has - {name}):
                if other != "redirect":
                    yield f"has both {name} and {other}"
            break
    else:
        if "route" not in has:
            yield "has neither route nor redirect nor directResponse"
    if route.get("mirror") and route.get("mirrors"):
        yield "has both mirror and mirrors"
    redirect = route.get("redirect")
    if redirect:
        if not any(
            redirect.get(name) for name in ("uri", "prefixRewrite", "authority", "scheme", "port", "derivePort")
        ):
            yield "has a redirect without uri, authority, scheme or port"
        code = redirect.get("redirectCode")
        if code and not 300 <= code <= 399:
            yield f"redirects with code {code}, which is not 3xx"
    status = (route.get("directResponse") or {}).get("status")
    if "directResponse" in has and (not isinstance(status, int) or not 200 <= status <= 599):
        yield f"answers directly with status {status}"
    value = (route.get("mirrorPercentage") or {}).get("value")
    if isinstance(value, int | float) and not 0 <= value <= 100:
        yield f"mirrors {value} per cent"


def _destinations(route: Any) -> Iterator[str]:
    entries = [one or {} for one in route.get("route") or ()]
    weights = [one.get("weight") or 0 for one in entries]
    for weight in weights:
        if weight < 0:
            yield f"has weight {weight}, which is below 0"
    if len(weights) > 1 and sum(weights) == 0:
        yield "has weights that sum to 0"
    for one in entries:
        destination = one.get("destination")
        if not destination:
            yield "has a route without a destination"
            continue
        host = destination.get("host")
        why = "host *" if host == "*" else bad_host(host)
        if why and not is_address(str(host)):
            yield f"routes to {why}"
        subset = destination.get("subset")
        if subset and not is_label(str(subset)):
            yield f"names the subset {subset}, which is no label"
        port = destination.get("port")
        if port and bad_port(port.get("number")):
            yield f"routes to port {port.get('number')}"


# -- DestinationRule -----------------------------------------------------------------------------------------------


def _destination_rule(obj: Obj) -> Iterator[str]:
    spec = obj.get("spec") or {}
    if why := bad_host(spec.get("host")):
        yield f"it is for {why}"
    yield from _traffic(spec.get("trafficPolicy"), "trafficPolicy")
    subsets = [one or {} for one in spec.get("subsets") or ()]
    twice = [str(name) for name, count in Counter(one.get("name") for one in subsets).items() if count > 1]
    if twice:
        yield f"it has the subset {some(twice)} twice"
    for one in subsets:
        if not is_label(str(one.get("name") or "")):
            yield f"it has a subset named {one.get('name') or 'nothing'}, which is no label"
        yield from _traffic(one.get("trafficPolicy"), f"the trafficPolicy of subset {one.get('name')}")
    yield from exported(obj)
    selector = dig(spec, "workloadSelector", "matchLabels") or {}
    yield from no_wildcards(selector)


def _traffic(policy: Any, what: str) -> Iterator[str]:
    if policy is None:
        return
    if not policy:
        yield f"{what} is empty"
        return
    if policy.get("tunnel") and policy.get("proxyProtocol"):
        yield f"{what} has both tunnel and proxyProtocol"
    for one in policy.get("portLevelSettings") or ():
        if not dig(one or {}, "port", "number"):
            yield f"{what} has settings for a port that it does not name"
        elif not any(
            one.get(name) is not None for name in ("outlierDetection", "connectionPool", "loadBalancer", "tls")
        ):
            yield f"{what} has nothing to say for port {one['port']['number']}"
