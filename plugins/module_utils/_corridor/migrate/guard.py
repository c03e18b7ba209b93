# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which mesh may change hands, and as what; for both directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..._desired.layout import IN_PLACE, Installed, Layout, Target, target
from ..._desired.upgrade import layout_state
from ..._errors import GuardRefused
from ..._kube.kinds import CONFIG_MAP
from ..live import Target as LiveTarget
from ..mesh import guards
from ..mesh.context import MeshRun
from ..plan import Plan, Step
from ..upgrade.record import journal_name as upgrade_journal
from .state import Migration


def guard_layout(run: MeshRun, layout: Layout | None) -> Layout:
    """The layout that changes hands: a migration is no upgrade, and takes over only what is whole."""
    intent = run.intent
    if layout is None:
        raise GuardRefused(
            f"Mesh {intent.name} names no version that could be kept, such as an alias (v1.30-latest).",
            hint="Set spec.version of its Istio to the version that is installed, let it settle, then run again.",
        )
    upgrade = run.client.get(CONFIG_MAP, upgrade_journal(intent.name), intent.namespace)
    if len(layout.revisions) > 1 or layout.hold or upgrade is not None:
        raise GuardRefused(
            f"An upgrade of mesh {intent.name} is under way ({', '.join(sorted(layout.revisions))}).",
            hint="Finish it, or return from it, with mesh_upgrade first.",
            details={"layout": layout_state(layout)},
        )
    if intent.revisioned != (layout.active != IN_PLACE):
        strategy = "in_place" if layout.active == IN_PLACE else "revision_based"
        raise GuardRefused(
            f"Mesh {intent.name} is upgraded by another strategy than update_strategy says.",
            hint=f"An installed mesh keeps its strategy: use update_strategy: {strategy}.",
        )
    if not intent.revisioned and intent.name != IN_PLACE:
        raise GuardRefused(
            f"A mesh in place is called default by the Sail Operator, else its istiod is istiod-{intent.name}; "
            f"name is {intent.name}.",
            hint="Only a mesh named default, or one with revisions, can change hands.",
        )
    if layout.version != intent.version:
        raise GuardRefused(
            f"Mesh {intent.name} is at {layout.version}, and version is {intent.version}: a migration is no upgrade.",
            hint=f"Migrate with version: {layout.version}, and upgrade before or afterwards.",
        )
    return layout


def aim_at(run: MeshRun, migration: Migration) -> Target:
    """What the new method brings about: the layout that is there, with what the options add to it."""
    layout = migration.layout
    if run.intent.version != layout.version:
        raise GuardRefused(
            f"Mesh {run.intent.name} changes hands at {layout.version}, and version is {run.intent.version}.",
            hint=f"Finish the migration with version: {layout.version}.",
        )
    # The CRDs come with the new method; a downgrade of them is never meant.
    return target(run.intent, Installed(migration.to, replace(layout, crds=layout.crds or layout.version)))


def refuse_gitops(run: MeshRun, found: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Refuse objects that Argo CD or Flux keep: they would be taken back, or undone."""
    if run.intent.take_ownership:
        return
    foreign: dict[str, list[str]] = {}
    for name, obj in found:
        owner = guards.other_owner(obj)
        if owner.startswith(("Argo CD", "Flux")):
            foreign.setdefault(owner, []).append(name)
    guards.refuse_foreign(foreign)


def labelled(found: Mapping[LiveTarget, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(which.label, obj) for which, obj in found.items()]


def as_planned(rehearsed: Iterable[Step], final: Plan) -> list[Step]:
    """The steps that were carried out, with what the rehearsal had seen before and after: by now it looks different."""
    known = {step.name: step for step in rehearsed}
    result = []
    for step in final:
        before = known.get(step.name)
        if before is not None and before.changes and step.changes:
            step.before, step.after = before.before, before.after
        result.append(step)
    return result
