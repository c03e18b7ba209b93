# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A Gateway of networking.istio.io: the pods that it selects, its servers, certificates and VirtualServices. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import selectors
from ..model import counted
from ..policy.hosts import full, service_of
from ..policy.judge import judge
from ..policy.scene import VIRTUAL_SERVICE
from ..policy.traffic import destinations, gateway_name
from ..policy.view import MESH
from ..snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from .connected import connected_steps
from .gateway_address import is_pending, pending_step
from .gateway_backends import services_behind
from .model import Step
from .sight import SECRETS, Sight, guarded, is_ready, some

_PODS, _ADDRESS, _SERVERS, _ROUTES = "Its pods", "Its address", "Its servers", "Its routes"


def istio_gateway_steps(sight: Sight, gateway: Obj) -> list[Step]:
    chosen = dict(dig(gateway, "spec", "selector") or {})
    pods = [
        sight.full(pod)
        for each in sight.scene.pods.values()
        for pod in each
        if chosen and selectors.selects(chosen, labels_of(pod))
    ]
    steps = guarded("pods", _PODS, lambda: _pods(sight, gateway, chosen, pods))
    if pods:
        steps += guarded("address", _ADDRESS, lambda: _address(sight, gateway, pods))
    steps += guarded("servers", _SERVERS, lambda: _servers(sight, gateway, pods))
    routes = routes_of(sight, gateway)
    steps += guarded("routes", _ROUTES, lambda: _routes(sight, gateway, routes))
    steps += guarded("backends", "Backends", lambda: services_behind(sight, backends_of(routes)))
    return steps


def routes_of(sight: Sight, gateway: Obj) -> list[Obj]:
    """The VirtualServices that name a Gateway."""
    key = (namespace_of(gateway), name_of(gateway))
    return [
        one
        for one in sight.scene.all(VIRTUAL_SERVICE)
        if any(
            name != MESH and gateway_name(str(name), namespace_of(one)) == key
            for name in dig(one, "spec", "gateways") or ()
        )
    ]


def backends_of(routes: list[Obj]) -> list[tuple[str, str]]:
    """(namespace, name) of the Services that VirtualServices lead to."""
    found: dict[tuple[str, str], None] = {}
    for route in routes:
        for _where, destination in destinations(route):
            named = service_of(full(str(destination.get("host") or ""), namespace_of(route)))
            if named:
                found[named] = None
    return list(found)


def _pods(sight: Sight, gateway: Obj, chosen: dict[str, str], pods: list[Obj]) -> Iterator[Step]:
    wanted = ", ".join(f"{key}={value}" for key, value in sorted(chosen.items())) or "nothing"
    if not pods:
        named = sorted(
            {f"istio={labels_of(pod)['istio']}" for each in sight.scene.pods.values() for pod in each if _serves(pod)}
        )
        yield Step(
            "pods",
            _PODS,
            "broken",
            f"It selects {wanted}, and no pod has that: nobody listens for it.",
            (ref(gateway),),
            (f"gateways there are: {some(named) or 'none'}",),
            "Correct spec.selector, or install the gateway (Helm chart gateway, or a Gateway of the Gateway API).",
        )
        return
    ready = [pod for pod in pods if is_ready(pod)]
    yield Step(
        "pods",
        _PODS,
        "ok" if ready else "broken",
        f"{len(ready)} of {counted(len(pods), 'pod')} with {wanted} are ready{'.' if ready else ': nobody listens.'}",
        tuple(ref(pod) for pod in pods),
        () if ready else sight.events(pods[0]),
        "" if ready else f"explain: pod {namespace_of(pods[0])}/{name_of(pods[0])}",
    )
    if ready:
        yield from guarded("connected", "Connected to istiod", lambda: connected_steps(sight, ready[0]))


def _serves(pod: Obj) -> bool:
    return str(labels_of(pod).get("istio", "")).endswith("gateway")


def _services(sight: Sight, pods: list[Obj]) -> list[Obj]:
    return list({ref(one): one for pod in pods for one in sight.scene.services_of(pod)}.values())


def _address(sight: Sight, gateway: Obj, pods: list[Obj]) -> Iterator[Step]:
    services = _services(sight, pods)
    if not services:
        yield Step(
            "address",
            _ADDRESS,
            "broken",
            "No Service leads to its pods: they have no stable address.",
            (ref(gateway), *(ref(pod) for pod in pods[:3])),
            (),
            "Install the gateway's Service (the Helm chart gateway makes one).",
        )
        return
    pending = [one for one in services if is_pending(one)]
    if pending:
        yield pending_step(pending[0])
        return
    told = [f"{ref(one)} ({_told(one)})" for one in services]
    yield Step("address", _ADDRESS, "ok", f"It is reached at {some(told)}.", tuple(ref(one) for one in services))


def _told(service: Obj) -> str:
    outside = [
        str(one.get("ip") or one.get("hostname")) for one in dig(service, "status", "loadBalancer", "ingress") or ()
    ]
    return ", ".join(outside) or f"{dig(service, 'spec', 'type') or 'ClusterIP'} {dig(service, 'spec', 'clusterIP')}"


def _servers(sight: Sight, gateway: Obj, pods: list[Obj]) -> Iterator[Step]:
    ports = {int(entry.get("port") or 0) for one in _services(sight, pods) for entry in dig(one, "spec", "ports") or ()}
    for server in dig(gateway, "spec", "servers") or ():
        number = int(dig(server, "port", "number") or 0)
        told = f"Server {number} {dig(server, 'port', 'protocol')} for {some(map(str, server.get('hosts') or ()))}"
        if ports and number not in ports:
            yield Step(
                "servers",
                _SERVERS,
                "broken",
                f"{told}: the gateway's Service has no port {number}, so nothing comes in there.",
                (ref(gateway),),
                (f"ports of the Service: {some(map(str, sorted(ports)))}",),
                "Add the port to the Service, or serve at one that it has.",
            )
            continue
        missing = _missing(sight, server, {namespace_of(pod) for pod in pods})
        if missing:
            yield Step(
                "servers",
                _SERVERS,
                "broken",
                f"{told}: {missing} does not exist, and TLS handshakes fail.",
                (ref(gateway), missing),
                (f"credentialName {dig(server, 'tls', 'credentialName')}",),
                "Make that Secret in the namespace of the gateway's pods (not of the Gateway).",
            )
        else:
            yield Step("servers", _SERVERS, "ok", f"{told} is served.", (ref(gateway),))


def _missing(sight: Sight, server: Any, spaces: set[str]) -> str:
    """The Secret that a server's TLS names and that is not there; empty when it is, or when that is not known."""
    name = str(dig(server, "tls", "credentialName") or "")
    source = sight.snapshot.sources.get(SECRETS)
    if not name or "://" in name or source is None or source.error or not spaces:
        return ""
    there = {(namespace_of(one), name_of(one)) for one in source.items}
    lost = [space for space in sorted(spaces) if (space, name) not in there]
    return f"Secret {lost[0]}/{name}" if lost else ""


def _routes(sight: Sight, gateway: Obj, routes: list[Obj]) -> Iterator[Step]:
    if not routes:
        yield Step(
            "routes",
            _ROUTES,
            "broken",
            "No VirtualService names this Gateway: every request gets 404.",
            (ref(gateway),),
            (),
            f"Apply a VirtualService with gateways: [{namespace_of(gateway)}/{name_of(gateway)}] and one of its hosts.",
        )
        return
    for route in routes:
        # What it says of the mesh's own traffic is no matter here.
        problems = [
            one
            for one in judge(sight.view, route)
            if one.rule
            in ("weights", "unknown-host", "unknown-port", "unknown-subset", "host-not-on-gateway", "unknown-delegate")
        ]
        for one in problems:
            fails = one.severity == "error" or one.rule == "host-not-on-gateway"
            yield Step(
                "routes",
                _ROUTES,
                "broken" if fails else "warning",
                f"{ref(route)} {one.message}.",
                (ref(route), ref(gateway)),
                (),
                one.hint.replace(" in the same task", ""),
            )
        if not problems:
            hosts = [str(one) for one in dig(route, "spec", "hosts") or ()]
            yield Step("routes", _ROUTES, "ok", f"{ref(route)} routes {some(hosts)}.", (ref(route),))
