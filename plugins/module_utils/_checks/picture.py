# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The picture of a mesh that one snapshot gives: what there is, who runs what, what it costs. Pure.

Each part is made of sources of its own. What could not be read is null, and `unread` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from . import picture_gateways, picture_inside, picture_namespaces, picture_planes, picture_waves
from .picture_looking import MOST, Looking
from .proxies import Amount, PodKey, proxy_of, usage_of
from .resources import Account, account
from .snapshot import Snapshot, Undecided
from .sources import INSIDE, POD_METRICS, PODS

_UNSERVED = "the cluster serves no metrics.k8s.io"
_RESOURCE_SOURCES = (PODS, POD_METRICS, "nodes")

_Made = Callable[[Looking], dict[str, Any]]


def picture(
    snapshot: Snapshot, parts: Collection[str] = (), namespaces: Collection[str] | None = None
) -> dict[str, Any]:
    """The parts asked for (without any, all), and `unread`; see the module mesh_info for the shape.

    `namespaces`: tell only of these, where a part is about namespaces.
    """
    wanted = tuple(name for name in PARTS if not parts or name in parts)
    look = Looking(snapshot, None if namespaces is None else frozenset(namespaces))
    shown: dict[str, Any] = {}
    for name in wanted:
        try:
            shown.update(_MAKERS[name](look))
        except Undecided:
            shown.update(_MISSING.get(name, {name: None}))
    look.note(sources_of(wanted))
    return {**shown, "unread": dict(sorted(look.unread.items()))}


def sources_of(parts: Iterable[str]) -> tuple[str, ...]:
    """The names of what these parts read."""
    return tuple(dict.fromkeys(source for part in parts for source in _SOURCES[part]))


def _one(name: str, make: Callable[[Looking], Any]) -> _Made:
    return lambda look: {name: make(look)}


def _namespaces(look: Looking) -> dict[str, Any]:
    found, left_out = picture_namespaces.namespaces(look)
    return {"namespaces": found, "namespaces_left_out": left_out}


def _gateways(look: Looking) -> dict[str, Any]:
    found = picture_gateways.gateways(look)
    return {"gateways": found[:MOST], "gateways_left_out": max(0, len(found) - MOST)}


def _resources(look: Looking) -> dict[str, Any]:
    found = cost(look)
    chosen = sorted(name for name in {*found.tallies, *found.captured} if look.asked(name))[:MOST]
    return {"resources": found.shown(chosen)}


def cost(look: Looking) -> Account:
    """What all proxies request, and use where that is known. Raises `Undecided` when the pods could not be read."""
    snapshot, scene = look.snapshot, look.scene
    proxies = [proxy for proxy in map(proxy_of, snapshot.items(PODS)) if proxy is not None]
    captured = {
        name: count
        for name, pods in scene.pods.items()
        if (count := sum(scene.enrolled(pod) == "ambient" for pod in pods))
    }
    nodes = look.maybe(lambda: len(snapshot.items("nodes")))
    usage, unmeasured = _usage(snapshot)
    return account(proxies, usage=usage, unmeasured=unmeasured, nodes=nodes, captured=captured)


def _usage(snapshot: Snapshot) -> tuple[dict[PodKey, dict[str, Amount]], str]:
    """What proxies use, or why that is not known."""
    try:
        found = usage_of(snapshot.items(POD_METRICS))
        return found, "" if snapshot.served(POD_METRICS) else _UNSERVED
    except Undecided as reason:
        return {}, str(reason)


_MAKERS: dict[str, _Made] = {
    "mode": _one("mode", picture_planes.mode),
    "control_planes": _one("control_planes", picture_planes.control_planes),
    "tags": _one("tags", picture_planes.tags),
    "components": _one("components", picture_planes.components),
    "gateways": _gateways,
    "namespaces": _namespaces,
    "policies": _one("policies", picture_namespaces.policies),
    "versions": _one("versions", picture_planes.versions_of),
    "proxies": _one("proxies", picture_inside.proxies),
    "certificates": _one("certificates", picture_inside.certificates),
    "resources": _resources,
    "waves": _one("waves", picture_waves.waves),
}
# Where a part is not one key.
_MISSING: dict[str, dict[str, Any]] = {
    "namespaces": {"namespaces": None, "namespaces_left_out": None},
    "gateways": {"gateways": None, "gateways_left_out": None},
}
_SOURCES: dict[str, tuple[str, ...]] = {
    "mode": picture_planes.MODE_SOURCES,
    "control_planes": picture_planes.PLANE_SOURCES,
    "tags": picture_planes.TAG_SOURCES,
    "components": picture_planes.COMPONENT_SOURCES,
    "gateways": picture_gateways.SOURCES,
    "namespaces": picture_namespaces.SOURCES,
    "policies": picture_namespaces.POLICY_SOURCES,
    "versions": picture_planes.VERSION_SOURCES,
    "proxies": picture_inside.PROXY_SOURCES,
    "certificates": picture_inside.CERTIFICATE_SOURCES,
    "resources": _RESOURCE_SOURCES,
    "waves": picture_waves.SOURCES,
}

PARTS: tuple[str, ...] = tuple(_MAKERS)
SOURCES: tuple[str, ...] = tuple(name for name in sources_of(PARTS) if name not in INSIDE)
INSIDE_SOURCES: tuple[str, ...] = tuple(name for name in sources_of(PARTS) if name in INSIDE)
