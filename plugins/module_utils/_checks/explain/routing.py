# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The route that a request to a Service takes: who carries it out, what it names, faults, weights, subsets. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..policy.hosts import exported, full, matches
from ..policy.judge import judge
from ..policy.model import Judged
from ..policy.scene import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE
from ..policy.view import is_on_mesh, mesh_hosts
from ..snapshot import Obj, dig, name_of, namespace_of, ref
from .client import Client
from .model import Step
from .mtls import rule_for
from .passage import Passage
from .reach import host_of, scope_steps, sent_steps
from .server import Server, is_http
from .sight import Sight, some

_ROUTE, _RULE = "The route chosen", "Traffic policy"
# Judged elsewhere on the way, or of no matter to one client.
_PASSED_OVER = ("waypoint-absent", "waypoint-down", "waypoint-for-others", "routing-without-waypoint")


def routing_steps(sight: Sight, client: Client, server: Server, passage: Passage) -> Iterator[Step]:
    """The routes for the Service's host, and whether the client's proxy or its waypoint carries them out."""
    service = server.service
    if service is None:
        return
    spaces = sorted({namespace_of(service), client.namespace} - {""})
    if reason := sight.unread(VIRTUAL_SERVICE, *spaces) or sight.unread(HTTP_ROUTE, *spaces):
        yield Step("route", _ROUTE, "unknown", reason, (ref(service),))
        return
    hidden = list(scope_steps(sight, client, service))
    yield from hidden
    routes = list(_routes(sight, client, service))
    carried = client.mode in ("sidecar", "gateway") or passage.used
    if not routes:
        yield Step("route", _ROUTE, "ok", "No route is for this host: its endpoints take turns.", (ref(service),))
    elif not carried:
        yield Step(
            "route",
            _ROUTE,
            "info" if client.mode == "none" else "warning",
            f"{some(ref(one) for one in routes)} route for this host, but nobody on this way carries that out: "
            + (
                "the client is outside of the mesh."
                if client.mode == "none"
                else "ztunnel does not route, and no waypoint is on the way."
            ),
            tuple(ref(one) for one in routes),
            (),
            "" if client.mode == "none" else "Make a waypoint (meshwright.istio.waypoint) and label the Service.",
        )
    else:
        yield from _carried(sight, service, server, routes, passage)
    yield from _rules(sight, client, service, passage)
    yield from sent_steps(sight, client, service, "warning" if hidden else "broken")


def _routes(sight: Sight, client: Client, service: Obj) -> Iterator[Obj]:
    host, home = host_of(service), namespace_of(service)
    seen = []
    for one in sight.scene.all(VIRTUAL_SERVICE):
        to = exported(one)
        visible = to is None or (client.namespace or home) in to
        if is_on_mesh(one) and visible and any(matches(full(name, ""), host) for name in mesh_hosts(one)):
            seen.append(one)
    # The most exact host wins, and of the same the older one.
    yield from sorted(seen, key=lambda one: (host not in mesh_hosts(one), _age(one)))
    yield from sight.view.routes_to.get((home, name_of(service)), ())


def _age(obj: Obj) -> str:
    return str(dig(obj, "metadata", "creationTimestamp") or "9")


def _carried(sight: Sight, service: Obj, server: Server, routes: list[Obj], passage: Passage) -> Iterator[Step]:
    by = f"the waypoint {passage.named}" if passage.used else "the client's own proxy"
    if is_http(server.port) is False and any(
        dig(one, "spec", "http") or one.get("kind") == "HTTPRoute" for one in routes
    ):
        yield Step(
            "route",
            _ROUTE,
            "warning",
            f"{some(ref(one) for one in routes)} route by HTTP, and the port is declared to speak something else: they "
            "do not apply.",
            tuple(ref(one) for one in routes),
            (f"port name {(server.port or {}).get('name') or 'none'}",),
            "Name the port http-..., or set appProtocol: http.",
        )
        return
    for route in routes[:4]:
        problems = [one for one in judge(sight.view, route) if one.rule not in _PASSED_OVER]
        yield from _problems("route", _ROUTE, problems)
        facts = tuple(_told(route))
        aborted = _aborts(route)
        if any(problem.severity == "error" for problem in problems):
            continue
        yield Step(
            "route",
            _ROUTE,
            "broken" if aborted >= 100 else "warning" if aborted or _faults(route) else "ok",
            f"{ref(route)} is carried out by {by}"
            + (
                f", and aborts {aborted:g}% of the requests on purpose (fault)."
                if aborted
                else ": " + some(facts, 3) + "."
            ),
            (ref(route),),
            facts,
            f"Take the fault out of {ref(route)} when the test is over." if _faults(route) else "",
        )


def _problems(step: str, title: str, problems: list[Judged]) -> Iterator[Step]:
    for one in problems:
        yield Step(
            step,
            title,
            "broken" if one.severity == "error" else "warning",
            f"{ref(one.obj)} {one.message}.",
            (ref(one.obj),),
            (),
            one.hint.replace(" in the same task", ""),
        )


def _told(route: Obj) -> Iterator[str]:
    """Each rule in a line: what it matches, where to, with which weights, timeout and retries."""
    for at, rule in enumerate((dig(route, "spec", "http") or ())[:6]):
        backends = [f"{dig(one, 'destination', 'host')}{_subset(one)}{_weight(one)}" for one in rule.get("route") or ()]
        yield _line(at, rule, backends, rule.get("timeout"))
    for at, rule in enumerate((dig(route, "spec", "rules") or ())[:6]):
        backends = [f"{one.get('name')}:{one.get('port')}{_weight(one)}" for one in rule.get("backendRefs") or ()]
        yield _line(at, {"match": rule.get("matches"), **rule}, backends, dig(rule, "timeouts", "request"))
    for name in ("tcp", "tls"):
        for at, rule in enumerate((dig(route, "spec", name) or ())[:3]):
            backends = [
                f"{dig(one, 'destination', 'host')}{_subset(one)}{_weight(one)}" for one in rule.get("route") or ()
            ]
            yield _line(at, rule, backends, None)


def _line(at: int, rule: Any, backends: list[str], timeout: Any) -> str:
    matched = [_match(one) for one in rule.get("match") or ()]
    more = [f"timeout {timeout}"] if timeout else []
    if attempts := dig(rule, "retries", "attempts"):
        more.append(f"{attempts} retries")
    if rule.get("fault"):
        more.append(f"fault {', '.join(sorted(rule['fault']))}")
    for name in ("redirect", "directResponse", "delegate"):
        if rule.get(name):
            more.append(name)
    where = some(backends, 4) or "nowhere"
    told = f"rule {at} ({' or '.join(matched[:3]) or 'all requests'}) to {where}"
    return f"{told} ({', '.join(more)})" if more else told


def _match(one: Any) -> str:
    parts = []
    for name in ("uri", "path", "method"):
        given = one.get(name)
        if isinstance(given, dict):
            # {prefix: /v1} of a VirtualService, {type: PathPrefix, value: /v1} of an HTTPRoute.
            words = given.values() if "value" in given else (word for pair in given.items() for word in pair)
            parts.append(f"{name} {' '.join(str(word) for word in words)}")
        elif given:
            parts.append(f"{name} {given}")
    if one.get("headers"):
        parts.append("headers")
    return " and ".join(parts) or "other fields"


def _subset(one: Any) -> str:
    subset = dig(one, "destination", "subset")
    return f" subset {subset}" if subset else ""


def _weight(one: Any) -> str:
    return f" {one['weight']}%" if one.get("weight") not in (None, 100) else ""


def _faults(route: Obj) -> bool:
    return any(rule.get("fault") for rule in dig(route, "spec", "http") or ())


def _aborts(route: Obj) -> float:
    """The share of requests that the first rule with a fault aborts, in percent."""
    for rule in dig(route, "spec", "http") or ():
        abort = dig(rule, "fault", "abort")
        if abort:
            return float(dig(abort, "percentage", "value") or abort.get("percent") or 0)
    return 0.0


def _rules(sight: Sight, client: Client, service: Obj, passage: Passage) -> Iterator[Step]:
    """DestinationRules that count for this client: what they limit, and what is wrong with them."""
    if DESTINATION_RULE not in sight.scene.objects or not (client.mode in ("sidecar", "gateway") or passage.used):
        return
    home = namespace_of(service)
    for rule in rule_for(sight, host_of(service), client.namespace or home, home):
        yield from _problems(
            "destination-rule", _RULE, [one for one in judge(sight.view, rule) if one.rule != "disable-against-strict"]
        )
        policy = dig(rule, "spec", "trafficPolicy") or {}
        names = [str(one.get("name")) for one in dig(rule, "spec", "subsets") or ()]
        told = [name for name in ("loadBalancer", "connectionPool", "outlierDetection", "tls") if name in policy]
        yield Step(
            "destination-rule",
            _RULE,
            "info",
            f"{ref(rule)} counts here: {some(told) or 'no traffic policy'}; subsets {some(names) or 'none'}.",
            (ref(rule),),
        )
