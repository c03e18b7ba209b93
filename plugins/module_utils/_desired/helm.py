# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What should exist when Istio is installed by Helm: namespaces and releases, in order. Pure.

The releases' objects come from rendering their charts (`_tools.helm`), which needs a program and so happens outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._intent.mesh import RELEASES, Component, MeshIntent
from .helm_values import release_values

MANAGER = "meshwright-mesh"
# Set on namespaces that this collection made, so that only those are ever deleted by it.
MADE_BY = "meshwright.io/made-by"
NETWORK_LABEL = "topology.istio.io/network"


@dataclass(frozen=True, slots=True)
class DesiredRelease:
    """One Helm release. `chart` is its name in a repository; `values` what the user's side sets."""

    component: Component
    name: str
    namespace: str
    chart: str
    version: str
    values: Mapping[str, Any]

    @property
    def step(self) -> str:
        return f"release/{self.name}"


def desired_releases(intent: MeshIntent) -> list[DesiredRelease]:
    """The releases in the order in which they are installed and upgraded: base, istiod, cni, ztunnel."""
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


def desired_namespaces(intent: MeshIntent, live: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The Namespaces as we apply them; `live` are those that exist, by name.

    A namespace that exists and was not made by us gets only the labels asked for.
    """
    result = []
    for name in intent.namespaces:
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
