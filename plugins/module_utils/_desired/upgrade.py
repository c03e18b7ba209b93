# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""An upgrade as a row of units, and which layout the mesh has after each of them. Pure.

The order is that of Istio's own documentation: the canary, istio-cni, ztunnel, tags, then workloads, waypoints and
gateways, and the alias before the old revision goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .._errors import BadInput
from .._intent.mesh import MeshIntent
from .._intent.versions import Version, hop_problem, parse_version
from .layout import Layout, Part, revision_name

UnitKind = Literal["cni", "ztunnel", "tags", "namespace", "waypoint", "gateway", "alias"]
ORDER: tuple[UnitKind, ...] = ("cni", "ztunnel", "tags", "namespace", "waypoint", "gateway", "alias")
PARTS: dict[UnitKind, Part] = {"cni": "cni", "ztunnel": "ztunnel", "tags": "tags", "alias": "tags"}
"""Units that the install method moves, by the part of the layout that they are."""

UnitStatus = Literal["todo", "started", "done", "undone"]


@dataclass(frozen=True, slots=True, order=False)
class Unit:
    """One thing that is moved to the new revision as a whole. `target` is "" where there is one only."""

    kind: UnitKind
    target: str = ""

    @property
    def name(self) -> str:
        """`cni`, `namespace/shop`, `waypoint/shop/waypoint`, `gateway/ingress/Deployment/istio-ingress`."""
        return f"{self.kind}/{self.target}" if self.target else self.kind

    @classmethod
    def named(cls, name: str) -> Unit:
        kind, _slash, target = name.partition("/")
        if kind not in ORDER:
            raise BadInput(f"{name} is no unit of an upgrade.", hint=f"Units are {', '.join(ORDER)}.")
        return cls(kind, target)


@dataclass(frozen=True, slots=True)
class Move:
    """From where to where: the layout before the upgrade, and the new revision."""

    before: Layout
    new: str
    version: Version

    @property
    def old(self) -> str:
        """The revision that workloads were on before."""
        return self.before.serving

    @property
    def old_version(self) -> Version:
        return self.before.revisions[self.old]

    def at(self, done: Collection[str]) -> Layout:
        """The layout once the canary is there and these units are moved."""
        before, kinds = self.before, {Unit.named(name).kind for name in done}
        moved_ztunnel = "ztunnel" in kinds and before.ztunnel is not None
        return before.change(
            revisions={**before.revisions, self.new: self.version},
            active=self.new,
            crds=max(one for one in (before.crds, self.version) if one is not None),
            cni=self.version if "cni" in kinds and before.cni is not None else before.cni,
            ztunnel=self.version if moved_ztunnel else before.ztunnel,
            ztunnel_revision=self.new if moved_ztunnel else before.ztunnel_revision,
            tags={tag: self.new if "tags" in kinds and to == self.old else to for tag, to in before.tags.items()},
            hold=self.old,
        )

    def going_back(self, done: Collection[str]) -> Layout:
        """The layout of a return, with these units not undone yet: new configuration goes to the old revision again,
        and the new one is held until nothing uses it any more."""
        return self.at(done).change(active=self.old, hold=self.new)

    def finished(self, used: Collection[str]) -> Layout:
        """The layout once the old revision is gone, and with it those of this mesh that nothing uses."""
        everything = self.at(ORDER)
        stays = {name: one for name, one in everything.revisions.items() if name == self.new or name in used}
        stays.pop(self.old, None)
        return everything.change(revisions=stays, hold="")

    def returned(self) -> Layout:
        """The layout before the upgrade; only the CRDs stay new."""
        return self.before.change(crds=self.at(()).crds, active=self.old, hold="")


def move_to(intent: MeshIntent, before: Layout) -> Move:
    """The move from a layout, which may have the new revision already, to the version asked for."""
    new = revision_name(intent.name, intent.version)
    others = {name: version for name, version in before.revisions.items() if name != new}
    active = before.active if before.active in others else before.serving
    return Move(before.change(revisions=others, active=active, hold=""), new, intent.version)


def fixed_units(move: Move, *, alias: bool) -> list[Unit]:
    """The units that follow from the layout alone."""
    before, found = move.before, []
    if before.cni is not None:
        found.append(Unit("cni"))
    if before.ztunnel is not None:
        found.append(Unit("ztunnel"))
    if any(to == move.old for to in before.tags.values()):
        found.append(Unit("tags"))
    if alias:
        found.append(Unit("alias"))
    return found


def ordered(units: Iterable[Unit]) -> list[Unit]:
    """Each unit once, in the order to move them."""
    return sorted(dict.fromkeys(units), key=lambda unit: (ORDER.index(unit.kind), unit.target))


def batches(units: Sequence[Unit], size: int) -> list[list[Unit]]:
    """What each call moves: `size` namespaces together, everything else by itself."""
    found: list[list[Unit]] = []
    for unit in units:
        last = found[-1] if found else []
        if unit.kind == "namespace" and last and last[0].kind == "namespace" and len(last) < size:
            last.append(unit)
        else:
            found.append([unit])
    return found


def hop(intent: MeshIntent, old: Version) -> tuple[str, list[str]]:
    """Why a mesh on `old` may not go to the version asked for ("" when it may), and notes on what was allowed.

    Between revisions Istio supports two minor versions; istio-cni and ztunnel only one.
    """
    kind, sentence = hop_problem(old, intent.version)
    two_minors = old.major == intent.version.major and intent.version.minor - old.minor <= 2
    if not kind or (kind == "skip" and two_minors and "cni" not in intent.components):
        return "", []
    option = {"downgrade": "allow_downgrade", "skip": "allow_version_skip"}[kind]
    if intent.options.get(option):
        return "", [f"{sentence}; allowed by {option}"]
    return f"{sentence} ({option}: true overrides this)", []


# -- as the journal keeps it ------------------------------------------------------------------------------------------


def layout_state(layout: Layout) -> dict[str, Any]:
    """A layout as JSON."""
    return {
        "revisions": {name: str(version) for name, version in sorted(layout.revisions.items())},
        "active": layout.active,
        "crds": _text(layout.crds),
        "cni": _text(layout.cni),
        "ztunnel": _text(layout.ztunnel),
        "ztunnel_revision": layout.ztunnel_revision,
        "tags": dict(sorted(layout.tags.items())),
        "hold": layout.hold,
    }


def layout_of(state: Mapping[str, Any]) -> Layout:
    """The layout that `layout_state` wrote."""
    return Layout(
        revisions={name: parse_version(text) for name, text in state["revisions"].items()},
        active=state["active"],
        crds=_version(state["crds"]),
        cni=_version(state["cni"]),
        ztunnel=_version(state["ztunnel"]),
        ztunnel_revision=state["ztunnel_revision"],
        tags=dict(state["tags"]),
        hold=state["hold"],
    )


def _text(version: Version | None) -> str:
    return str(version) if version else ""


def _version(text: str) -> Version | None:
    return parse_version(text) if text else None
