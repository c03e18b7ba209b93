# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a run of `istio_mesh` returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._intent.mesh import RELEASES, MeshIntent
from ..._tools.helm_releases import Release
from ..helm.observe import MeshObserved
from ..plan import Plan


def mesh_state(intent: MeshIntent, observed: MeshObserved, releases: Mapping[str, Release | None]) -> dict[str, Any]:
    """The mesh as results show it: where it is, and each component's release (absent ones left out)."""
    components = {}
    for component in RELEASES:
        release = releases.get(RELEASES[component])
        if release is not None:
            components[component] = {**release.summary(), "version": release.version}
    istiod = releases.get(RELEASES["istiod"])
    return {
        "method": "helm",
        "mode": intent.mode,
        "namespace": intent.namespace,
        "version": istiod.version if istiod else None,
        "server": observed.server,
        "kubernetes": observed.kubernetes,
        "components": components,
    }


def result(
    plan: Plan, mesh: dict[str, Any], *, warnings: Iterable[str] = (), notes: Iterable[str] = ()
) -> dict[str, Any]:
    """The keyword arguments of `exit_json`."""
    return {
        "changed": plan.changed,
        "steps": plan.summary(),
        "table": plan.table(),
        "diff": plan.diff(),
        "mesh": mesh,
        "notes": list(dict.fromkeys(notes)),
        "warnings": list(warnings),
    }
