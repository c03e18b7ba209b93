# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What Gateway API routes name, and whether it is there and lets them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import selectors
from ..snapshot import Obj, dig, name_of, namespace_of
from .hosts import full, overlap
from .model import Judged, some
from .scene import GATEWAY, HTTP_ROUTE, NAMESPACE, REFERENCE_GRANT, SERVICE, SERVICE_ENTRY, kind_of
from .traffic import mixed, unknown_host
from .view import View, parents

_HOSTNAME = "networking.istio.io/Hostname"


def route(view: View, obj: Obj) -> Iterator[Judged]:
    """All that may be wrong with a route."""
    yield from _weights(obj)
    yield from route_refs(view, obj)
    if kind_of(obj) == HTTP_ROUTE:
        yield from _mixed(view, obj)


def route_refs(view: View, obj: Obj) -> Iterator[Judged]:
    """What a route names that is not there, or does not let it."""
    on_gateway = False
    for kind, namespace, name, given in parents(obj):
        if kind == GATEWAY:
            on_gateway = True
            yield from _gateway_parent(view, obj, namespace, name, given)
        elif kind in (SERVICE, SERVICE_ENTRY):
            yield from _service_parent(view, obj, kind, namespace, name, given)
    seen = set()
    for where, backend in backends(obj):
        identity = (backend.get("kind"), backend.get("namespace"), backend.get("name"), backend.get("port"))
        if identity not in seen:
            seen.add(identity)
            yield from _backend(view, obj, where, backend, on_gateway)


def backends(obj: Obj) -> Iterator[tuple[str, Any]]:
    """Every backendRef with where it stands, mirrors' among them."""
    for at, rule in enumerate(dig(obj, "spec", "rules") or ()):
        for backend in rule.get("backendRefs") or ():
            yield f"rules[{at}]", backend
            for given in backend.get("filters") or ():
                if mirror := dig(given, "requestMirror", "backendRef"):
                    yield f"rules[{at}] (mirror)", mirror
        for given in rule.get("filters") or ():
            if mirror := dig(given, "requestMirror", "backendRef"):
                yield f"rules[{at}] (mirror)", mirror


def _weights(obj: Obj) -> Iterator[Judged]:
    for at, rule in enumerate(dig(obj, "spec", "rules") or ()):
        refs = rule.get("backendRefs") or ()
        weights = [1 if backend.get("weight") is None else backend["weight"] for backend in refs]
        where = f"rules[{at}]"
        if any(weight < 0 for weight in weights):
            yield Judged("weights", obj, f"{where} has a negative weight", "Give weights of 0 or more.", subject=where)
        elif weights and sum(weights) == 0:
            yield Judged(
                "weights",
                obj,
                f"{where} has no backend with a weight above 0: its requests get 500",
                "Give at least one backendRef a weight.",
                subject=where,
            )


# -- parents -------------------------------------------------------------------------------------------------------


def _gateway_parent(view: View, obj: Obj, namespace: str, name: str, given: Any) -> Iterator[Judged]:
    gateway = view.scene.get(GATEWAY, namespace, name)
    subject = f"Gateway {namespace}/{name}"
    if gateway is None:
        if view.scene.knows(GATEWAY, namespace):
            yield Judged(
                "unknown-gateway",
                obj,
                f"has the parent {subject} (gateway.networking.k8s.io), which does not exist: nothing is exposed there",
                "Apply that Gateway in the same task, or give parentRefs its namespace.",
                subject=subject,
            )
        return
    listeners = list(dig(gateway, "spec", "listeners") or ())
    section, port = given.get("sectionName"), given.get("port")
    chosen = [one for one in listeners if section in (None, one.get("name")) and port in (None, one.get("port"))]
    if not chosen:
        # A ListenerSet may add some, but then it is the parent.
        which = f"listener {section}" if section else f"listener on port {port}"
        there = some([f"{one.get('name')} ({one.get('port')})" for one in listeners])
        yield Judged(
            "unknown-section",
            obj,
            f"wants the {which} of {subject}, which has {there or 'none'}",
            "Correct sectionName or port.",
            subject=f"{subject} {which}",
        )
        return
    admitting = [one for one in chosen if _admits(view, gateway, one, obj)]
    if not admitting:
        yield Judged(
            "parent-refuses",
            obj,
            f"may not attach to {subject}: its listeners admit no {obj.get('kind')} from namespace {namespace_of(obj)}",
            "Open listeners[].allowedRoutes for it.",
            subject=f"{subject} namespace",
        )
        return
    hosts = [str(host) for host in dig(obj, "spec", "hostnames") or ()]
    offered = [str(one["hostname"]) for one in admitting if one.get("hostname")]
    every = len(offered) == len(admitting)
    if hosts and every and not any(overlap(host, offer) for host in hosts for offer in offered):
        yield Judged(
            "parent-refuses",
            obj,
            f"has hostnames ({some(hosts)}) that no listener of {subject} serves ({some(offered)})",
            "Let hostnames and a listener's hostname meet.",
            subject=f"{subject} hostnames",
        )


def _admits(view: View, gateway: Obj, listener: Any, obj: Obj) -> bool:
    allowed = listener.get("allowedRoutes") or {}
    kinds = allowed.get("kinds")
    if kinds and not any(str(one.get("kind")) == obj.get("kind") for one in kinds):
        return False
    namespaces = allowed.get("namespaces") or {}
    source, home = namespaces.get("from") or "Same", namespace_of(obj)
    if source == "Same":
        return home == namespace_of(gateway)
    if source == "Selector":
        labels = view.scene.namespaces.get(home)
        if labels is None:
            return not view.scene.knows(NAMESPACE)
        return selectors.matches(namespaces.get("selector"), labels)
    return bool(source != "None")


def _service_parent(view: View, obj: Obj, kind: str, namespace: str, name: str, given: Any) -> Iterator[Judged]:
    parent = view.scene.get(kind, namespace, name)
    subject = f"{kind.partition('/')[2]} {namespace}/{name}"
    if parent is None:
        if view.scene.knows(kind, namespace):
            yield Judged(
                "unknown-parent",
                obj,
                f"has the parent {subject}, which does not exist: it routes nothing",
                "Apply it in the same task, or correct the name.",
                subject=subject,
            )
        return
    ports = [one.get("port") or one.get("number") for one in dig(parent, "spec", "ports") or ()]
    if given.get("port") and given["port"] not in ports:
        yield Judged(
            "unknown-port",
            obj,
            f"wants port {given['port']} of {subject}, which has {', '.join(map(str, ports))}",
            "Use the Service's port.",
            subject=f"{subject}:{given['port']}",
        )


# -- backends ------------------------------------------------------------------------------------------------------


def _backend(view: View, obj: Obj, where: str, backend: Any, on_gateway: bool) -> Iterator[Judged]:
    kind = f"{backend.get('group') or ''}/{backend.get('kind') or 'Service'}"
    home, name = namespace_of(obj), str(backend.get("name"))
    if kind == _HOSTNAME:
        found, _hosts = view.hosts.find(name, home)
        if found in ("absent", "hidden"):
            yield unknown_host(obj, where, name, home, found)
        return
    if kind != SERVICE:
        return
    namespace = str(backend.get("namespace") or home)
    service = view.scene.get(SERVICE, namespace, name)
    if service is None:
        if view.scene.knows(SERVICE, namespace):
            yield Judged(
                "unknown-host",
                obj,
                f"{where} has the backend Service {namespace}/{name}, which does not exist: its requests get 500",
                f"Apply it in the same task, or correct the name (it would be {full(name, namespace)}).",
                subject=f"Service {namespace}/{name}",
            )
        return
    ports = [one.get("port") for one in dig(service, "spec", "ports") or ()]
    if ports and backend.get("port") not in ports:
        asked = backend.get("port")
        yield Judged(
            "unknown-port",
            obj,
            f"{where} names {f'port {asked}' if asked else 'no port'} of Service {namespace}/{name}, which has "
            f"{', '.join(map(str, ports))}",
            "Use the Service's port, not its pods' targetPort.",
            subject=f"Service {namespace}/{name}:{asked}",
        )
    # Istio asks for no grant where the route is attached to a Service.
    if on_gateway and namespace != home and not _granted(view, obj, namespace, name):
        yield Judged(
            "no-reference-grant",
            obj,
            f"{where} has a backend in namespace {namespace}, which grants it no reference: its requests get 500",
            f"Apply a ReferenceGrant in {namespace}: from {obj.get('kind')} in {home}, to Service.",
            subject=f"ReferenceGrant {namespace}",
        )


def _granted(view: View, obj: Obj, namespace: str, name: str) -> bool:
    if not view.scene.knows(REFERENCE_GRANT, namespace):
        return True
    group, _slash, kind = kind_of(obj).partition("/")
    for grant in view.scene.all(REFERENCE_GRANT):
        if namespace_of(grant) != namespace:
            continue
        spec = grant.get("spec") or {}
        gives = any(
            (one.get("group"), one.get("kind"), one.get("namespace")) == (group, kind, namespace_of(obj))
            for one in spec.get("from") or ()
        )
        takes = any(
            not one.get("group") and one.get("kind") == "Service" and one.get("name") in (None, "", name)
            for one in spec.get("to") or ()
        )
        if gives and takes:
            return True
    return False


def _mixed(view: View, obj: Obj) -> Iterator[Judged]:
    for kind, namespace, name, _given in parents(obj):
        if kind == SERVICE:
            host = full(name, namespace)
            for other in view.on_mesh.get(host, ()):
                yield mixed(obj, other, host)


def attached(obj: Obj) -> list[tuple[str, str]]:
    """(namespace, name) of the Services that a route is attached to."""
    return [(namespace, name) for kind, namespace, name, _given in parents(obj) if kind == SERVICE and name_of(obj)]
