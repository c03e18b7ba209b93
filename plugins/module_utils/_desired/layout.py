# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which version runs where: what is there, what `istio_mesh` wants, and every state an upgrade goes through. Pure.

A layout says nothing of how: Helm and the Sail Operator each bring a cluster to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from .._intent.mesh import MeshIntent
from .._intent.versions import Version

IN_PLACE = "default"
"""The revision of a mesh that is upgraded in place: Service and Deployment `istiod`, without a suffix."""
DEFAULT_TAG = "default"

Method = Literal["helm", "sail"]
Part = Literal["crds", "control_plane", "cni", "ztunnel", "tags", "hold", "retire"]
"""What one call brings to a layout; whatever is not named stays untouched and unplanned.

`crds`: Istio's CRDs (Helm's base; by Sail the operator brings them). `control_plane`: the layout's `active` revision.
`tags`: the layout's tags, the alias among them. `hold`: that `hold` stays referenced. `retire`: this mesh's revisions
that the layout no longer has go.
"""
EVERYTHING: frozenset[Part] = frozenset(("crds", "control_plane", "cni", "ztunnel", "tags", "hold", "retire"))


@dataclass(frozen=True, slots=True)
class Layout:
    """Versions by place.

    `revisions` are this mesh's control planes; `active` is the one that new configuration goes to. `cni` and `ztunnel`
    are None where the mode has none or another mesh looks after them. `tags` maps a tag to its revision. `hold` is a
    revision that must stay though nothing may use it, until an upgrade is finished; "" for none.
    """

    revisions: Mapping[str, Version]
    active: str
    crds: Version | None = None
    cni: Version | None = None
    ztunnel: Version | None = None
    ztunnel_revision: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    hold: str = ""

    @property
    def version(self) -> Version:
        """The version of the active revision."""
        return self.revisions[self.active]

    @property
    def serving(self) -> str:
        """The revision that workloads are meant to be on: ztunnel's, else the default tag's, else the active one."""
        return self.ztunnel_revision or self.tags.get(DEFAULT_TAG) or self.active

    def change(self, **changes: object) -> Layout:
        """The same with these fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Installed:
    """What is there of this mesh, by whichever method; `layout` is None when nothing is.

    `by` is the method that installed it. `others` are control planes of other meshes, as `namespace/revision`, and
    `other_tags` the tags that stand for them.
    """

    by: Method | None = None
    layout: Layout | None = None
    others: tuple[str, ...] = ()
    other_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What `istio_mesh` aims at: a layout, which parts of it to bring about, and what people should know."""

    layout: Layout
    parts: frozenset[Part]
    notes: tuple[str, ...] = ()
    next_step: str = ""


def revision_name(name: str, version: Version) -> str:
    """`default-v1-31-1`: as the Sail Operator names revisions, for both methods."""
    return f"{name}-v{version}".replace(".", "-").lower()


def istiod_name(revision: str) -> str:
    """The Deployment and Service of a revision."""
    return "istiod" if revision == IN_PLACE else f"istiod-{revision}"


def wanted_revision(intent: MeshIntent) -> str:
    return revision_name(intent.name, intent.version) if intent.revisioned else IN_PLACE


def target(intent: MeshIntent, installed: Installed) -> Target:
    """What to bring about, given what is there.

    A new version of a mesh that goes by revisions is installed beside the old one, and nothing that workloads use is
    moved: that is an upgrade's part.
    """
    wanted, layout = wanted_revision(intent), installed.layout
    if layout is None or not intent.revisioned or layout.serving == wanted or layout.serving not in layout.revisions:
        return _whole(intent, wanted, installed)
    beside = layout.change(
        revisions={**layout.revisions, wanted: intent.version},
        active=wanted,
        crds=_newest(layout.crds, intent.version),
        hold=layout.serving,
    )
    return Target(
        beside,
        frozenset(("crds", "control_plane", "hold")),
        (f"workloads stay on {layout.serving}; {wanted} runs beside it",),
        "mesh_upgrade with stage: gate, then shift and finish, moves workloads to it; stage: return takes it away",
    )


def _whole(intent: MeshIntent, wanted: str, installed: Installed) -> Target:
    layout, revisions = installed.layout, {wanted: intent.version}
    stale = sorted(set(layout.revisions) - {wanted}) if layout else []
    notes = (f"other revisions of this mesh are still there: {', '.join(stale)}",) if stale else ()
    if layout:
        revisions = {**layout.revisions, **revisions}
    tags = {**(layout.tags if layout else {}), **{tag: name or wanted for tag, name in intent.tags.items()}}
    taken = {*intent.absent_tags, *installed.other_tags, *(other.rpartition("/")[2] for other in installed.others)}
    ours = intent.revisioned and intent.default_tag and DEFAULT_TAG not in {*taken, *intent.tags}
    if ours and tags.get(DEFAULT_TAG) not in revisions:
        # Also where it stands for a revision that is gone: then nothing is validated, or nothing admitted.
        tags[DEFAULT_TAG] = wanted
    for tag in intent.absent_tags:
        tags.pop(tag, None)
    agents = intent.node_agents
    parts: set[Part] = {"crds", "control_plane", "tags"}
    if agents and "cni" in intent.components:
        parts.add("cni")
    if agents and "ztunnel" in intent.components:
        parts.add("ztunnel")
    return Target(
        Layout(
            revisions=revisions,
            active=wanted,
            crds=_newest(layout.crds if layout and intent.revisioned else None, intent.version),
            cni=intent.version if "cni" in parts else None,
            ztunnel=intent.version if "ztunnel" in parts else None,
            ztunnel_revision=wanted if "ztunnel" in parts else "",
            tags=tags,
        ),
        frozenset(parts),
        notes,
    )


def _newest(one: Version | None, other: Version) -> Version:
    return other if one is None or one < other else one
