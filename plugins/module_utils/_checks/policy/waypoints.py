# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What relies on a waypoint: targetRefs, labels, routing of the mesh; and whether it is there and stands. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import selectors
from ..snapshot import Obj, dig, labels_of, name_of, namespace_of
from .model import Judged
from .scene import GATEWAY, GATEWAY_CLASS, NAMESPACE, SERVICE, SERVICE_ENTRY, Waypoint, kind_of
from .view import View, target_kind, targets

_TARGETS = (SERVICE, SERVICE_ENTRY, GATEWAY, GATEWAY_CLASS)
_WAYPOINT_CLASS = "istio-waypoint"
_FOR = "istio.io/waypoint-for"


def target_refs(view: View, obj: Obj) -> Iterator[Judged]:
    """What a policy's targetRefs name: whether it is there, and whether a waypoint stands before it."""
    scene, home = view.scene, namespace_of(obj)
    for given in targets(obj):
        kind, name = target_kind(given), str(given.get("name"))
        subject = f"{given.get('kind')} {home}/{name}"
        if kind not in _TARGETS:
            continue
        if given.get("namespace") not in (None, "", home):
            yield Judged(
                "unknown-target",
                obj,
                f"has a targetRef in namespace {given['namespace']}: a policy is only for targets of its own namespace",
                "Move the policy there.",
                subject=subject,
            )
            continue
        if kind == GATEWAY_CLASS:
            yield from _class_target(view, obj, name)
            continue
        target = scene.get(kind, home, name)
        if target is None:
            if scene.knows(kind, home):
                yield Judged(
                    "unknown-target",
                    obj,
                    f"has the targetRef {subject}, which does not exist: nobody carries this policy out",
                    "Apply it in the same task, or correct the name.",
                    subject=subject,
                )
        elif kind == GATEWAY:
            if scene.is_waypoint(target):
                yield from waypoint(view, obj, Waypoint(home, name), services=False)
        else:
            yield from _bound(view, obj, target, subject)


def _class_target(view: View, obj: Obj, name: str) -> Iterator[Judged]:
    if namespace_of(obj) != view.scene.root or name != _WAYPOINT_CLASS:
        yield Judged(
            "unknown-target",
            obj,
            f"has the targetRef GatewayClass {name}, which works only for {_WAYPOINT_CLASS} in the root namespace "
            f"{view.scene.root}",
            "Name a Gateway or a Service of this namespace.",
            subject=f"GatewayClass {name}",
        )


def _bound(view: View, obj: Obj, target: Obj, subject: str) -> Iterator[Judged]:
    label = view.scene.waypoint_of(target)
    if label is None:
        if view.scene.knows(NAMESPACE):
            yield Judged(
                "target-without-waypoint",
                obj,
                f"is for {subject}, which uses no waypoint: nobody carries this policy out",
                "Label the Service or its namespace istio.io/use-waypoint. Sidecars take policies with a selector.",
                subject=subject,
            )
        return
    yield from waypoint(view, obj, label)


def waypoint(view: View, obj: Obj, named: Waypoint, *, services: bool = True) -> Iterator[Judged]:
    """A waypoint that something is to go by; `services`: traffic to Services."""
    if services:
        yield from _for_services(view, obj, named)
    state = view.scene.waypoint_state(named)
    if state == "absent":
        yield Judged(
            "waypoint-absent",
            obj,
            f"relies on the waypoint {named}, which does not exist. This is a hole: traffic goes straight, and what "
            "the waypoint is to enforce is not enforced",
            "Make it (meshwright.istio.waypoint), or correct the label istio.io/use-waypoint.",
            subject=f"Gateway {named}",
        )
    elif state == "down":
        yield Judged(
            "waypoint-down",
            obj,
            f"relies on the waypoint {named}, which has no ready pod. This is an outage: connections to what it stands "
            "before fail",
            "Let its Deployment run again.",
            subject=f"Gateway {named}",
        )
    elif state != "unknown":
        yield from _admitted(view, obj, named)


def _for_services(view: View, obj: Obj, named: Waypoint) -> Iterator[Judged]:
    """Is the waypoint one for Services at all?"""
    gateway = view.scene.get(GATEWAY, *named)
    kind = labels_of(gateway).get(_FOR, "service") if gateway is not None else "service"
    if kind not in ("service", "all"):
        yield Judged(
            "waypoint-for-others",
            obj,
            f"relies on the waypoint {named}, which is for {kind} (istio.io/waypoint-for), not for Services. This is a "
            "hole: traffic goes straight",
            "Label that Gateway istio.io/waypoint-for: service, or all.",
            subject=f"Gateway {named}",
        )


def _admitted(view: View, obj: Obj, named: Waypoint) -> Iterator[Judged]:
    """Does the waypoint take what is in another namespace?"""
    gateway = view.scene.get(GATEWAY, *named)
    home = name_of(obj) if obj.get("kind") == "Namespace" else namespace_of(obj)
    if gateway is None or takes(gateway, home, view.scene.namespaces.get(home)):
        return
    yield Judged(
        "waypoint-absent",
        obj,
        f"relies on the waypoint {named}, whose listeners take nothing of namespace {home}. This is a hole: "
        "traffic goes straight",
        "Open listeners[].allowedRoutes.namespaces of that Gateway.",
        subject=f"Gateway {named} namespace {home}",
    )


def takes(gateway: Obj, namespace: str, labels: Mapping[str, str] | None) -> bool:
    """Whether a waypoint takes what is in a namespace with these labels, None where they are not known.

    Its HBONE listener says so; without one it takes its own namespace only.
    """
    for listener in dig(gateway, "spec", "listeners") or ():
        if listener.get("protocol") == "HBONE":
            allowed = dig(listener, "allowedRoutes", "namespaces") or {}
            if allowed.get("from") == "Selector":
                return labels is None or selectors.matches(allowed.get("selector"), labels)
            return allowed.get("from") == "All" or namespace == namespace_of(gateway)
    return namespace == namespace_of(gateway)


def labelled(view: View, obj: Obj) -> Iterator[Judged]:
    """A Namespace, Service or ServiceEntry that names a waypoint."""
    named = view.scene.waypoint_label(obj)
    if named is not None:
        yield from waypoint(view, obj, named, services=kind_of(obj) != NAMESPACE)


def routed(view: View, obj: Obj, services: list[tuple[str, str]], *, elsewhere: bool) -> Iterator[Judged]:
    """HTTP routing of the mesh for Services of ambient namespaces: only a waypoint carries it out.

    `elsewhere`: it is for gateways too, which do follow it.
    """
    scene = view.scene
    who = [*(["clients with a sidecar"] if scene.sidecars else []), *(["its gateways"] if elsewhere else [])]
    for key in services:
        service = scene.get(SERVICE, *key)
        if service is None or scene.mode(key[0]) != "ambient":
            continue
        named = scene.waypoint_of(service)
        if named is not None:
            yield from waypoint(view, obj, named)
            continue
        yield Judged(
            "routing-without-waypoint",
            obj,
            f"routes for Service {key[0]}/{key[1]} of an ambient namespace without a waypoint: ztunnel does not route"
            + (f", only {' and '.join(who)} follow it" if who else ""),
            "Make a waypoint (meshwright.istio.waypoint), and label Service or namespace istio.io/use-waypoint.",
            "warning" if who else "error",
            subject=f"Service {key[0]}/{key[1]}",
        )
