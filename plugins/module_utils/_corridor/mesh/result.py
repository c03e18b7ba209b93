# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a run of `istio_mesh` returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._desired.layout import IN_PLACE, Installed, istiod_name
from ..._errors import Forbidden
from ..._intent.mesh import RELEASES
from ..._kube.client import Client
from ..._tools.helm_releases import Release
from ..helm.installed import installed
from ..helm.observe import MeshObserved
from ..plan import Plan
from ..usage import read_usage
from .context import MeshRun


def mesh_state(run: MeshRun, observed: MeshObserved, *, gone: bool = False) -> dict[str, Any]:
    """The mesh as results show it: where it is, its revisions, and each component's release (absent ones left out).

    With `gone`, as it is once it was removed.
    """
    there = Installed() if gone else installed(run.intent, observed)
    layout = there.layout
    serving = layout.serving if layout else IN_PLACE
    if layout and serving not in layout.revisions:
        serving = layout.active
    names = {**RELEASES, "istiod": istiod_name(serving)}
    releases: Mapping[str, Release | None] = {} if gone else {name: observed.release(name) for name in names.values()}
    components = {}
    for component, name in names.items():
        release = releases.get(name)
        theirs = layout is not None and component in ("cni", "ztunnel") and getattr(layout, component) is None
        if release is not None and not theirs:
            components[component] = {**release.summary(), "version": release.version}
    return {
        "method": "helm",
        "mode": run.intent.mode,
        "namespace": run.intent.namespace,
        "version": str(components["istiod"]["version"]) if "istiod" in components else None,
        "server": observed.server,
        "kubernetes": observed.kubernetes,
        "components": components,
        **revisions_state(run.client, there),
    }


def revisions_state(client: Client, there: Installed) -> dict[str, Any]:
    """The part of the mesh's state that is about revisions, for any method."""
    layout = there.layout
    if layout is None:
        none: dict[str, Any] = {"revisions": {}, "active": None, "serving": None, "tags": {}, "stale": []}
        return {**none, "others": list(there.others)}
    return {
        "revisions": {name: str(version) for name, version in sorted(layout.revisions.items())},
        "active": layout.active,
        "serving": layout.serving,
        "tags": dict(sorted(layout.tags.items())),
        "stale": _stale(client, there),
        "others": list(there.others),
    }


def _stale(client: Client, there: Installed) -> list[str]:
    """Revisions of this mesh that nothing uses, beside the one that serves; not asked where there is only one."""
    layout = there.layout
    if layout is None or len(layout.revisions) < 2:
        return []
    try:
        unused = read_usage(client).unused()
    except Forbidden:
        return []
    return [name for name in unused if name in layout.revisions and name != layout.serving]


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
