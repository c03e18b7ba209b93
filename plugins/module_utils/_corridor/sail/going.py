# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What of a mesh by Sail is to be gone while the mesh stays: tags, the alias, what was held, revisions left behind."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from ..._desired.layout import Layout, Part
from ..._desired.sail import hold_tag, sail_revision
from ..._desired.sail_values import dig
from ..._desired.tags import ALIAS, is_alias
from ..._errors import GuardRefused
from ..._kube import kinds
from ..mesh.context import MeshRun
from ..plan import Step
from ..usage import read_usage
from .observe import SailObserved


@dataclass(slots=True)
class Going:
    """Objects to be gone: a step, and what carrying it out deletes; `waited` are revisions that the operator prunes."""

    step: Step
    refs: list[Any] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)


def plan_going(run: MeshRun, observed: SailObserved, layout: Layout, parts: Set[Part]) -> list[Going]:
    """Each with its step. Raises GuardRefused for what is still in use, naming who uses it."""
    found: list[Going] = []
    if "tags" in parts:
        found += [*_absent_tags(run, observed), *_alias(run)]
    if "retire" in parts:
        found += _retired(run, observed, layout)
    return found


def _alias(run: MeshRun) -> list[Going]:
    if run.intent.istiod_alias or not run.intent.revisioned:
        return []
    space = run.intent.namespace
    there = run.client.get(kinds.SERVICE, ALIAS, space)
    if there is None or not is_alias(there):
        return []
    step = Step(f"Service {space}/{ALIAS}", "delete", "istiod_alias is false", predicted_by="local")
    return [Going(step, [(kinds.SERVICE, space, ALIAS)])]


def _absent_tags(run: MeshRun, observed: SailObserved) -> list[Going]:
    result = []
    for name in run.intent.absent_tags:
        obj, ref = observed.tags.get(name), (kinds.SAIL_REVISION_TAG, None, name)
        step = Step(f"IstioRevisionTag {name}", "none", "absent already")
        if obj is not None:
            used = [c for c in dig(obj, "status", "conditions") or () if c.get("type") == "InUse"]
            if any(c.get("status") == "True" for c in used):
                raise GuardRefused(
                    f"tags: {name} cannot go, since namespaces or pods use it.",
                    hint="Take its label from them first; mesh_verify names them.",
                )
            step = Step(step.name, "delete", "not wanted", before={"spec": obj.get("spec")}, predicted_by="local")
        result.append(Going(step, [ref] if obj is not None else []))
    return result


def _retired(run: MeshRun, observed: SailObserved, layout: Layout) -> list[Going]:
    intent = run.intent
    holding = hold_tag(intent.name)
    result = []
    if not layout.hold and holding in observed.tags:
        step = Step(f"IstioRevisionTag {holding}", "delete", "nothing is to be held any more", predicted_by="local")
        result.append(Going(step, [(kinds.SAIL_REVISION_TAG, None, holding)]))
    keep = {sail_revision(intent, revision) for revision in layout.revisions}
    going = sorted(set(observed.of(intent.name)) - keep)
    if not going:
        return result
    usage = read_usage(run.client)
    used = {name: [who for who in usage.of(name) if who != f"tag {holding}"] for name in going}
    if any(used.values()):
        told = "; ".join(f"{name}: {', '.join(who[:6])}" for name, who in used.items() if who)
        raise GuardRefused(
            f"A revision that is to be retired is still in use ({told}).",
            hint="Move these to the new revision first.",
            details={"used": used},
        )
    for name in going:
        reason = f"nothing uses it; the operator prunes it after {intent.inactive_revision_grace} s"
        result.append(Going(Step(f"IstioRevision {name}", "delete", reason, predicted_by="local"), waited=[name]))
    return result
