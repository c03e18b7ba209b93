# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What istiod says of an object, what decides whether it says anything, and how a condition is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..intents.planes import DataPlane

Obj = Mapping[str, Any]
Says = Literal["accepted", "limited", "refused", "waiting", "nothing"]

_OURS = "istio.io/"
CONTROLLER = "istio.io/gateway-controller"
# What passes by itself: a waypoint that starts, an address that is on its way.
_PASSING = frozenset({"WaypointIsNotReady", "Pending", "AddressNotAssigned", "AddressNotUsable", "NoResources"})
# What the object says of the mesh, where the guard of semantics has the last word.
_SEMANTIC = frozenset(
    {
        *("UnsupportedValue", "BackendNotFound", "InvalidDestination", "TargetNotFound", "AncestorNotBound"),
        *("PartiallyInvalid", "NoMatchingParent", "NoSuchParent", "WaypointIsNotReady"),
    }
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What istiod says of one object in its present generation.

    `accepted`; `limited`: accepted, but not as meant; `refused`; `waiting`: it will say something; `nothing`: it writes
    no condition on such an object, and `detail` says why. `passing`: time may mend it. `fixed`: nothing outside the
    object will. `semantic`: it is about what the object refers to. `remark` is worth a warning and no more.
    """

    says: Says
    detail: str
    condition: str = ""
    reason: str = ""
    message: str = ""
    controller: str = ""
    passing: bool = False
    fixed: bool = False
    remark: str = ""

    @property
    def semantic(self) -> bool:
        return self.reason in _SEMANTIC


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides who says something. `known` is False when nothing was read: then only what is written counts.

    `ambient`, `statuses`: whether istiod has ambient mode, and writes on Gateway API kinds. `planes` are by namespace;
    `classes` are the controllers of GatewayClasses; `gateways` the classes of Gateways by (namespace, name), for those
    that are there; `services` the waypoints that Services and ServiceEntries will have, "" for none, as far as read;
    `controller` is what istiod calls itself as a controller of Gateways.
    """

    known: bool = True
    ambient: bool = True
    statuses: bool = True
    planes: Mapping[str, DataPlane] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[tuple[str, str], str] = field(default_factory=dict)
    services: MutableMapping[tuple[str, str], str] = field(default_factory=dict)
    root: str = "istio-system"
    controller: str = CONTROLLER

    def ours(self, controller: str) -> bool:
        """Whether istiod is behind a controller of the Gateway API."""
        return controller == self.controller or controller.startswith(_OURS)

    def captured(self, namespace: str) -> bool:
        """Whether a policy of that namespace is for ambient pods; one of the root namespace is for all."""
        if namespace == self.root:
            return any(plane.mode == "ambient" for plane in self.planes.values())
        plane = self.planes.get(namespace)
        return plane is not None and plane.mode == "ambient"


def awaited(name: str, by: str = "") -> Verdict:
    return Verdict("waiting", f"no {name} condition of this generation yet{by}", name, passing=True)


def read(
    entry: Obj,
    *,
    controller: str,
    about: str = "",
    good: tuple[str, ...] = (),
    passing: bool = False,
) -> Verdict:
    """What a condition says: its status, and its reason too, since True may come with a reservation."""
    name, reason = str(entry.get("type")), str(entry.get("reason") or "")
    message = str(entry.get("message") or "")
    words = f"{about}{name} is {entry.get('status')}" + (f" ({reason})" if reason else "")
    words += f": {message}" if message else ""
    passing = passing or reason in _PASSING
    if entry.get("status") == "True":
        fine = reason in ("", "Accepted", "ResolvedRefs", "WaypointAccepted", *good)
        return Verdict("accepted" if fine else "limited", words, name, reason, message, controller, passing)
    return Verdict("refused", words, name, reason, message, controller, passing)
