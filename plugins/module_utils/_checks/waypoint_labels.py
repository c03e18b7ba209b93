# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of the labels by which traffic is to go by a waypoint: whether it does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from . import sources
from .model import Check, Finding, NotApplicable, Severity
from .policy import scene as kinds
from .policy.scene import Scene, Waypoint, kind_of
from .policy.seen import mesh_here, need, scene_of, sources_of
from .policy.waypoints import takes
from .snapshot import Obj, Snapshot, annotations_of, dig, labels_of, name_of, namespace_of, ref

FOR = "istio.io/waypoint-for"
_BOUND = "istio.io/WaypointBound"
_LABELLED = (kinds.NAMESPACE, kinds.SERVICE, kinds.SERVICE_ENTRY, kinds.WORKLOAD_ENTRY, kinds.POD)
_MAKE = "Make it (meshwright.istio.waypoint), or correct the label istio.io/use-waypoint."
_OPEN = (
    "That fails open: traffic goes straight, and what the waypoint is to do (policies with targetRefs, routes) is not "
    "done."
)
# Reasons of WaypointBound=False that other findings here say better.
_MISMATCH = "UnsupportedTrafficType"


class _Cause(NamedTuple):
    severity: Severity
    sentence: str
    concerns: str
    remedy: str


def dangling(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0027."""
    mesh_here(snapshot)
    scene = scene_of(snapshot)
    _applicable(snapshot, scene)
    groups: dict[_Cause, list[Obj]] = defaultdict(list)
    explained: set[Waypoint] = set()
    for obj in _labelled(scene):
        named = scene.waypoint_label(obj)
        cause = _misspelt(obj) if named is None else _unusable(scene, obj, named)
        if cause is not None:
            groups[cause].append(obj)
            if named is not None:
                explained.add(named)
    for obj in (*scene.all(kinds.SERVICE), *scene.all(kinds.SERVICE_ENTRY)):
        cause = _unbound(scene, obj, explained)
        if cause is not None:
            groups[cause].append(obj)
    for cause, objs in groups.items():
        yield _told(cause, objs)
    need(snapshot, _SOURCES)


def mismatched(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0028."""
    mesh_here(snapshot)
    scene = scene_of(snapshot)
    _applicable(snapshot, scene)
    groups: dict[_Cause, list[Obj]] = defaultdict(list)
    for obj in _labelled(scene):
        named = scene.waypoint_label(obj)
        gateway = scene.get(kinds.GATEWAY, *named) if named else None
        if named is None or gateway is None:
            continue
        cause = _wrong_kind(scene, obj, named, traffic_of(scene, gateway))
        if cause is not None:
            groups[cause].append(obj)
    for cause, objs in groups.items():
        yield _told(cause, objs)
    need(snapshot, _SOURCES)


def traffic_of(scene: Scene, gateway: Obj) -> str:
    """What a waypoint is for: as its own label says, else its class's, else Services."""
    found = scene.get(kinds.GATEWAY_CLASS, "", str(dig(gateway, "spec", "gatewayClassName")))
    by_class = labels_of(found).get(FOR) if found is not None else None
    return str(labels_of(gateway).get(FOR) or by_class or "service")


def _applicable(snapshot: Snapshot, scene: Scene) -> None:
    if not snapshot.served(sources.OF_KIND[kinds.GATEWAY]):
        if any(True for _obj in _labelled(scene)):
            return
        raise NotApplicable("the Gateway API is not installed, and no label asks for a waypoint")


def _labelled(scene: Scene) -> Iterator[Obj]:
    """What carries a label or annotation of waypoints itself."""
    for kind in _LABELLED:
        for obj in scene.all(kind):
            labels = labels_of(obj)
            if (
                kinds.USE_WAYPOINT in labels
                or kinds.USE_WAYPOINT_NAMESPACE in labels
                or kinds.USE_WAYPOINT in annotations_of(obj)
            ):
                yield obj


def _misspelt(obj: Obj) -> _Cause | None:
    """Labels and annotations that istiod does not read."""
    labels = labels_of(obj)
    if kinds.USE_WAYPOINT in labels:
        # "none", which opts out
        return None
    if kinds.USE_WAYPOINT in annotations_of(obj):
        return _Cause(
            "warning",
            f"{{who}} {{name}} a waypoint by the annotation {kinds.USE_WAYPOINT} (as once in ns/name or #none), which "
            f"istiod reads no more: without the label no waypoint is used. {_OPEN}",
            "",
            f"Use labels: {kinds.USE_WAYPOINT}=NAME, and {kinds.USE_WAYPOINT_NAMESPACE}=NAMESPACE for a waypoint "
            "elsewhere; none opts out.",
        )
    return _Cause(
        "warning",
        f"{{who}} {{carry}} {kinds.USE_WAYPOINT_NAMESPACE} without {kinds.USE_WAYPOINT}: no waypoint is used by that.",
        "",
        f"Add the label {kinds.USE_WAYPOINT}=NAME, or take {kinds.USE_WAYPOINT_NAMESPACE} away.",
    )


def _unusable(scene: Scene, obj: Obj, named: Waypoint) -> _Cause | None:
    """Why the waypoint that an object names is none for it."""
    label = f"Gateway {named}"
    gateway = scene.get(kinds.GATEWAY, *named)
    if gateway is None:
        if not scene.knows(kinds.GATEWAY, named.namespace):
            return None
        return _Cause("error", f"{{who}} {{name}} the waypoint {named}, which does not exist. {_OPEN}", label, _MAKE)
    if not scene.is_waypoint(gateway):
        told = f"which is no waypoint but of class {dig(gateway, 'spec', 'gatewayClassName')}"
        return _Cause("error", f"{{who}} {{name}} Gateway {named}, {told}: no waypoint is used.", label, _MAKE)
    if not dig(gateway, "status", "addresses"):
        return _Cause(
            "error",
            f"{{who}} {{name}} the waypoint {named}, which is not programmed yet. {_OPEN}",
            label,
            "Wait for it, or see why not: MW0026.",
        )
    home = name_of(obj) if kind_of(obj) == kinds.NAMESPACE else namespace_of(obj)
    if not takes(gateway, home, scene.namespaces.get(home) or {}):
        return _Cause(
            "error",
            f"{{who}} {{name}} the waypoint {named}, whose listener takes nothing of namespace {home}. {_OPEN}",
            label,
            f"Open listeners[].allowedRoutes.namespaces of Gateway {named}, or make a waypoint in {home}.",
        )
    return None


def _unbound(scene: Scene, obj: Obj, explained: Iterable[Waypoint]) -> _Cause | None:
    """What istiod itself says of a Service that is not bound, where no label of it says why."""
    for state in dig(obj, "status", "conditions") or ():
        if state.get("type") != _BOUND or state.get("status") != "False" or state.get("reason") == _MISMATCH:
            continue
        named = scene.waypoint_of(obj)
        if named is None or named in explained:
            # the condition stays behind for a moment when the label goes
            return None
        said = str(state.get("message") or state.get("reason")).rstrip(".")
        return _Cause(
            "error",
            f"istiod has not bound {{who}} to the waypoint {named} ({said}). {_OPEN}",
            f"Gateway {named}",
            _MAKE,
        )
    return None


def _wrong_kind(scene: Scene, obj: Obj, named: Waypoint, traffic: str) -> _Cause | None:
    kind, label = kind_of(obj), f"Gateway {named}"
    if kind == kinds.NAMESPACE:
        if traffic in ("service", "all"):
            return None
        if traffic == "workload":
            return _Cause(
                "warning",
                f"{{who}} {{name}} the waypoint {named} for all that is there, but it is for workloads only: what is "
                "sent to a Service, which is nearly all, goes straight past it.",
                label,
                f"Label that Gateway {FOR}=all, or service; leave it if only traffic to pods' own addresses is meant.",
            )
    elif kind in (kinds.POD, kinds.WORKLOAD_ENTRY):
        if traffic in ("workload", "all"):
            return None
        return _Cause(
            "error",
            f"{{who}} {{name}} the waypoint {named}, which is for {traffic} ({FOR}), not for workloads. {_OPEN}",
            label,
            f"Label that Gateway {FOR}=all, or put the label {kinds.USE_WAYPOINT} on the Service instead.",
        )
    elif traffic in ("service", "all"):
        return None
    return _Cause(
        "error",
        f"{{who}} {{name}} the waypoint {named}, which is for {traffic} ({FOR}), not for Services. {_OPEN}",
        label,
        f"Label that Gateway {FOR}=service, or all.",
    )


def _told(cause: _Cause, objs: list[Obj]) -> Finding:
    names = list(dict.fromkeys(ref(obj) for obj in objs))
    one = len(names) == 1
    who = names[0] if one else f"{len(names)} objects"
    sentence = cause.sentence
    # no format(): words of istiod's may have braces of their own
    for place, word in (("who", who), ("name", "names" if one else "name"), ("carry", "carries" if one else "carry")):
        sentence = sentence.replace(f"{{{place}}}", word)
    evidence = tuple(dict.fromkeys(text for obj in objs for text in _facts(obj)))
    related = (cause.concerns,) if cause.concerns else ()
    return Finding(cause.severity, sentence, tuple(names), evidence, cause.remedy, related)


def _facts(obj: Obj) -> Iterator[str]:
    for key in (kinds.USE_WAYPOINT, kinds.USE_WAYPOINT_NAMESPACE):
        if key in labels_of(obj):
            yield f"label {key}={labels_of(obj)[key]}"
    if kinds.USE_WAYPOINT not in labels_of(obj) and kinds.USE_WAYPOINT in annotations_of(obj):
        yield f"annotation {kinds.USE_WAYPOINT}: {annotations_of(obj)[kinds.USE_WAYPOINT]}"
    for state in dig(obj, "status", "conditions") or ():
        if state.get("type") == _BOUND:
            yield f"{_BOUND} is {state.get('status')}, reason {state.get('reason')}"


_SOURCES = sources_of(*_LABELLED, kinds.GATEWAY, kinds.GATEWAY_CLASS)

CHECKS = (
    Check(
        27,
        "Labels name waypoints that are there",
        "gateways",
        "error",
        _SOURCES,
        "Does every `istio.io/use-waypoint` of a Namespace, Service, ServiceEntry, WorkloadEntry or pod name a Gateway "
        "that is a waypoint, is programmed, and takes what is in that namespace (allowedRoutes)? If not, traffic goes "
        "straight and nobody enforces what the waypoint is to: it fails open, without a word to clients. Also what "
        "istiod says in the condition istio.io/WaypointBound, and the annotation that older versions read.",
        dangling,
    ),
    Check(
        28,
        "Waypoints are for what is labelled to use them",
        "gateways",
        "error",
        _SOURCES,
        "Compares `istio.io/waypoint-for` of a waypoint (service, workload, all, none; by default service) with what "
        "is labelled to use it: a Service behind a waypoint for workloads, or a pod behind one for Services, goes "
        "straight.",
        mismatched,
    ),
)
