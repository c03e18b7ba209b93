# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What should exist when Istio is installed by Helm: namespaces and releases, in order. Pure.

The releases' objects come from rendering their charts (`_tools.helm`), which needs a program and so happens outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from .._errors import BadInput
from .._intent.mesh import RELEASES, Component, MeshIntent
from .helm_values import release_values
from .layout import IN_PLACE, Layout, Part, istiod_name
from .values import merge

MANAGER = "meshwright-mesh"
# Set on namespaces that this collection made, so that only those are ever deleted by it.
MADE_BY = "meshwright.io/made-by"
NETWORK_LABEL = "topology.istio.io/network"


@dataclass(frozen=True, slots=True)
class DesiredRelease:
    """One Helm release. `chart` is its name in a repository; `values` what the user's side sets.

    `purpose` tells two steps about one release apart.
    """

    component: Component
    name: str
    namespace: str
    chart: str
    version: str
    values: Mapping[str, Any]
    purpose: str = ""

    @property
    def step(self) -> str:
        return f"release/{self.name}" + (f" {self.purpose}" if self.purpose else "")


def desired_releases(intent: MeshIntent) -> list[DesiredRelease]:
    """The releases of a mesh in place, as installed and upgraded: base, istiod, cni, ztunnel."""
    values = release_values(intent)
    return [
        DesiredRelease(
            component,
            RELEASES[component],
            intent.namespace_of(component),
            component,
            str(intent.version),
            values[component],
        )
        for component in intent.components
    ]


_PART_OF: Mapping[Component, Part] = {"base": "crds", "istiod": "control_plane", "cni": "cni", "ztunnel": "ztunnel"}


def releases_of(
    intent: MeshIntent, layout: Layout, parts: Set[Part], default_revision: str = IN_PLACE
) -> list[DesiredRelease]:
    """The releases of these parts of a layout, in the same order. `default_revision` is what base's validator asks;
    "" for none.

    Raises BadInput where free values say another revision than the layout.
    """
    active = layout.version if "control_plane" in parts else None
    versions = {"base": layout.crds, "istiod": active, "cni": layout.cni, "ztunnel": layout.ztunnel}
    revisions = {
        "base": ("defaultRevision", default_revision, IN_PLACE),
        "istiod": ("revision", layout.active, IN_PLACE),
        "ztunnel": ("revision", layout.ztunnel_revision, IN_PLACE),
    }
    found = []
    for release in desired_releases(intent):
        version = versions[release.component]
        if _PART_OF[release.component] not in parts or version is None:
            continue
        name, values = release.name, release.values
        if release.component == "istiod":
            name = istiod_name(layout.active)
        if release.component in revisions:
            key, revision, unsaid = revisions[release.component]
            values = _with_revision(release, key, revision, unsaid)
        found.append(replace(release, name=name, version=str(version), values=values))
    return found


def _with_revision(release: DesiredRelease, key: str, revision: str, unsaid: str) -> Mapping[str, Any]:
    """The values with the revision; the one that the chart assumes by itself is left out."""
    if revision == unsaid:
        return release.values
    free = release.values.get(key)
    if free is not None and free != revision:
        raise BadInput(
            f"values.{release.component}.{key} is {free!r}; it is {revision!r} by update_strategy, version and tags.",
            hint="Leave it out.",
        )
    return merge(release.values, {key: revision})


def desired_namespaces(intent: MeshIntent, live: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The Namespaces as we apply them; `live` are those that exist, by name.

    A namespace that exists and was not made by us gets only the labels asked for.
    """
    result = []
    for name in looked_after(intent):
        labels = dict(intent.namespace_labels)
        if name == intent.namespace and intent.options.get("network"):
            labels[NETWORK_LABEL] = intent.options["network"]
        known = live.get(name)
        if known is None or MADE_BY in ((known.get("metadata") or {}).get("labels") or {}):
            labels[MADE_BY] = MANAGER
        if labels or known is None:
            metadata: dict[str, Any] = {"name": name, "labels": labels}
            result.append({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    return result


def looked_after(intent: MeshIntent) -> tuple[str, ...]:
    """The namespaces that this mesh looks after; those of node agents only if it looks after these."""
    agents = ("cni", "ztunnel")
    mine = [component for component in intent.components if intent.node_agents or component not in agents]
    return tuple(dict.fromkeys(intent.namespace_of(component) for component in mine))
