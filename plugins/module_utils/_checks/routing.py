# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of routing: what routes name, and who gets into whose way. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from .model import Check, Finding
from .policy import scene as kinds
from .policy import seen
from .policy.clashing import both, same_hosts, same_servers, shown
from .policy.model import Judged, some
from .policy.scene import kind_of
from .policy.view import View
from .snapshot import Obj, Snapshot, dig, namespace_of, ref

_NAMED = (
    "unknown-host",
    "unknown-subset",
    "unknown-port",
    "unknown-delegate",
    "unknown-gateway",
    "unknown-section",
    "unknown-parent",
    "no-reference-grant",
    "parent-refuses",
    "routing-without-waypoint",
    "weights",
    "unknown-route-host",
    "host-not-on-gateway",
    "empty-subset",
    "two-destination-rules",
)
# What istiod says of a route.
_NEGATIVE = ("Accepted", "ResolvedRefs", "Programmed")
_ROUTES = seen.sources_of(
    kinds.VIRTUAL_SERVICE,
    kinds.DESTINATION_RULE,
    kinds.SERVICE_ENTRY,
    kinds.ISTIO_GATEWAY,
    kinds.GATEWAY,
    kinds.REFERENCE_GRANT,
    *kinds.ROUTES,
)


def routes(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0034."""
    seen.mesh_here(snapshot)
    view, problems = seen.view_of(snapshot), seen.judged(snapshot)
    yield from _two_for_a_host(problems.get("two-virtual-services", []))
    yield from _mixed(problems.get("mixed-routing", []))
    yield from _servers(view)
    yield from _unreachable(view)
    yield from _protocols(view)
    named: set[str] = set()
    for rule in _NAMED:
        for one in problems.get(rule, ()):
            # What istiod would refuse is another check.
            if "negative weight" not in one.message:
                named.add(ref(one.obj))
                # A DestinationRule for nobody harms nobody.
                harmless = rule == "unknown-host" and kind_of(one.obj) == kinds.DESTINATION_RULE
                yield seen.finding(replace(one, severity="warning") if harmless else one)
    yield from _not_accepted(view, named)
    seen.need(snapshot, _ROUTES)


def _two_for_a_host(problems: list[Judged]) -> Iterator[Finding]:
    """One finding for all VirtualServices of a host."""
    hosts: dict[str, dict[str, Obj]] = defaultdict(dict)
    for one in problems:
        hosts[one.subject.partition(" ")[0]][ref(one.obj)] = one.obj
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for host, objects in hosts.items():
        groups[tuple(sorted(objects))].append(host)
    for names, shared in groups.items():
        same = [hosts[shared[0]][name] for name in names]
        yield Finding(
            "error",
            f"{both(same)} are for the same host on the mesh ({some(shared)}): only one of them takes effect.",
            names,
            (),
            "Put them into one VirtualService, use delegates, or narrow exportTo.",
        )


def _mixed(problems: list[Judged]) -> Iterator[Finding]:
    told: set[frozenset[str]] = set()
    for one in problems:
        pair = frozenset((ref(one.obj), " ".join(one.subject.split()[-2:])))
        if pair not in told:
            told.add(pair)
            yield seen.finding(one)


def _servers(view: View) -> Iterator[Finding]:
    for same in same_servers(view):
        labels = tuple(map(ref, same.gateways))
        what = f"port {same.port} and {'host' if len(same.hosts) == 1 else 'hosts'} {some(list(same.hosts))}"
        verb = "have" if len(labels) > 1 else "has"
        who = f"{both(same.gateways)} {verb} more than one server for {what} on the same pods"
        evidence = tuple(
            f"{ref(gateway)} selects {shown(dig(gateway, 'spec', 'selector') or {})}" for gateway in same.gateways
        )
        if same.ignored:
            yield Finding(
                "error",
                f"{who}: istiod takes the first and leaves the other out, with its certificate and its routes.",
                labels,
                evidence,
                "Give each host to one server, or put both into one Gateway.",
            )
        elif same.redirects:
            yield Finding(
                "warning",
                f"{who}, and only some send clients on to HTTPS: which of them counts is not told.",
                labels,
                evidence,
                "Let all of them say tls.httpsRedirect, or none.",
            )
        else:
            yield Finding(
                "info",
                f"{who}: istiod merges them, so routes that name one of these Gateways are not told apart by it.",
                labels,
                evidence,
                "Put the host into one Gateway, which all its VirtualServices name.",
            )


def _unreachable(view: View) -> Iterator[Finding]:
    """Ports on which a Gateway listens, and that no Service before its pods has."""
    scene = view.scene
    for gateway in scene.all(kinds.ISTIO_GATEWAY):
        pods = scene.selected(scene.root, dig(gateway, "spec", "selector") or {})
        services = {ref(service): service for pod in pods for service in scene.services_of(pod)}
        seen_all = scene.knows(kinds.POD) and all(scene.knows(kinds.SERVICE, namespace_of(pod)) for pod in pods)
        if not services or not seen_all:
            # Pods without any Service are reached by the host's network, or not yet.
            continue
        there = {
            number
            for service in services.values()
            for port in dig(service, "spec", "ports") or ()
            for number in (port.get("port"), port.get("targetPort"))
            # A port by name may be any.
            if isinstance(number, int)
        }
        wanted = [dig(server, "port", "number") for server in dig(gateway, "spec", "servers") or ()]
        missing = sorted({number for number in wanted if isinstance(number, int) and number not in there})
        if missing:
            yield Finding(
                "warning",
                f"{ref(gateway)} listens on port {some([str(number) for number in missing])}, which no Service before "
                "its pods has: nobody reaches it from there.",
                (ref(gateway),),
                tuple(f"{name} has {some(_ports(service))}" for name, service in sorted(services.items())),
                "Add the port to the Service, or let the server listen on one that it has.",
                tuple(sorted(services)),
            )


def _ports(service: Obj) -> list[str]:
    return [f"{port.get('port')}->{port.get('targetPort')}" for port in dig(service, "spec", "ports") or ()]


def _protocols(view: View) -> Iterator[Finding]:
    for same in same_hosts(view):
        yield Finding(
            "warning",
            f"{both(same.entries)} {'give' if len(same.entries) > 1 else 'gives'} port {same.port} of host {same.host} "
            f"several protocols ({some(list(same.protocols))}): which of them proxies take is not told.",
            tuple(map(ref, same.entries)),
            (),
            "Give the port one protocol, or narrow exportTo.",
        )


def _not_accepted(view: View, named: set[str]) -> Iterator[Finding]:
    """Routes that istiod itself says it does not carry out, where nothing else says why."""
    for kind in kinds.ROUTES:
        for route in view.scene.all(kind):
            if ref(route) in named:
                continue
            for parent in dig(route, "status", "parents") or ():
                if not str(parent.get("controllerName") or "").startswith("istio.io/"):
                    continue
                for condition in parent.get("conditions") or ():
                    if condition.get("status") == "False" and condition.get("type") in _NEGATIVE:
                        to = parent.get("parentRef") or {}
                        home = to.get("namespace") or namespace_of(route)
                        at = f"{to.get('kind') or 'Gateway'} {home}/{to.get('name')}"
                        yield Finding(
                            "error",
                            f"{ref(route)} is not carried out at {at}: istiod says {condition['type']} False, "
                            f"{condition.get('reason') or 'no reason'}.",
                            (ref(route),),
                            (str(condition.get("message") or "no message"),),
                            "Correct what the message names.",
                            (at,),
                        )


CHECKS: tuple[Check, ...] = (
    Check(
        34,
        "Routes lead somewhere, and only one is for each host",
        "routing",
        "error",
        _ROUTES,
        "What VirtualServices, DestinationRules and Gateway API routes name has to be there: hosts (by the registry: "
        "Services, ServiceEntries, exportTo), ports, subsets, Gateways with their listeners, delegates, parents, "
        "backends in other namespaces by a ReferenceGrant; and weights have to route. Two VirtualServices on the mesh "
        "for one host, a VirtualService and an HTTPRoute for one Service, servers of Gateways that share host and port "
        "on the same pods, and ServiceEntries with several protocols for a port of one host get into each other's way. "
        "A Gateway has to listen on ports that a Service before its pods has. Routes for ambient Services without a "
        "waypoint have no effect, since ztunnel does not route. In a mesh of several clusters a missing host is a "
        "warning: another one may have it. docs/policy-guards.md lists the rules.",
        routes,
        seen.BESIDE,
    ),
)
