# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Through which data plane a namespace's traffic goes: what the short forms expand for. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..._errors import BadInput

Mode = Literal["sidecar", "ambient", "none"]
Obj = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DataPlane:
    """One namespace's. `waypoint` is "namespace/name" of the one its Services use, or "" for none.

    `services` are the waypoints of single Services that say so themselves: "namespace/name", or "" for none.
    """

    mode: Mode
    waypoint: str = ""
    services: Mapping[str, str] = field(default_factory=dict)

    def waypoint_of(self, service: str) -> str:
        """The waypoint through which a Service's traffic goes, "namespace/name"; "" without one, and with sidecars."""
        if self.mode != "ambient":
            return ""
        return self.services.get(service, self.waypoint)


@dataclass(frozen=True, slots=True)
class Planes:
    """What was read of the namespaces that the short forms name, or was given for rendering offline.

    `services` are live Services by (namespace, name), empty offline. `fallback` is what was given for all namespaces
    that are not in `found`. `root` is the mesh's root namespace, where mesh-wide policy lives. `route_fields`
    are those that an HTTPRoute's rule may have, by its CRD's channel and version; None where nobody looked.
    """

    found: Mapping[str, DataPlane] = field(default_factory=dict)
    services: Mapping[tuple[str, str], Obj] = field(default_factory=dict)
    fallback: DataPlane | None = None
    root: str = "istio-system"
    route_fields: frozenset[str] | None = None

    def of(self, namespace: str) -> DataPlane:
        """The namespace's data plane. Raises BadInput when it is not known."""
        plane = self.found.get(namespace)
        if plane is None and self.fallback is not None:
            plane = self.fallback
            if plane.waypoint and "/" not in plane.waypoint:
                # Given for all namespaces: each has one of this name.
                plane = replace(plane, waypoint=f"{namespace}/{plane.waypoint}")
        if plane is None:
            raise BadInput(
                f"The data plane of the namespace {namespace} is not known.",
                hint="It has to exist; for rendering offline give it in `data_planes`.",
            )
        return plane

    def service(self, namespace: str, name: str) -> Obj | None:
        """The live Service, or None where there is none, or nothing was read."""
        return self.services.get((namespace, name))
