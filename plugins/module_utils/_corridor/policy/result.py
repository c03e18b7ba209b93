# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a run of `mesh_policy` returns, bounded in size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..._intent.policy import PolicyIntent
from ..live import Target
from ..plan import Plan, Step
from .draft import Draft
from .findings import Finding

if TYPE_CHECKING:
    from .acceptance import Accepted

# What is shown of long lists: a result travels through pipes, logs and databases.
_OBJECTS = 200
_ROWS = 60
_COUNTED = {"create": "created", "update": "updated", "delete": "deleted", "none": "unchanged"}


def counts(draft: Draft) -> dict[str, int]:
    """How many objects were created, updated, deleted, unchanged, and left alone."""
    found = Counter(_COUNTED.get(item.step.action, "updated") for item in (*draft.items, *draft.removals))
    return {**{name: found[name] for name in _COUNTED.values()}, "left": len(draft.left)}


def _entry(step: Step) -> dict[str, Any]:
    told = step.summary()
    return {"object": told.pop("step"), **told}


def result(
    draft: Draft,
    intent: PolicyIntent,
    *,
    diff: bool,
    accepted: Mapping[Target, Accepted] | None = None,
    findings: Sequence[Finding] = (),
    warnings: Iterable[str] = (),
) -> dict[str, Any]:
    """The keyword arguments of `exit_json`. `accepted` is None when nothing was waited for."""
    objects: list[dict[str, Any]] = []
    left_out = 0
    for item in (*draft.items, *draft.removals):
        if not (intent.full or item.step.changes):
            continue
        if not intent.full and len(objects) >= _OBJECTS:
            left_out += 1
            continue
        entry = _entry(item.step)
        if origin := draft.origins.get(item.target):
            entry["origin"] = origin
        word = (accepted or {}).get(item.target)
        if word is None and item.live is not None and not item.step.changes:
            from .acceptance import accepted_now

            word = accepted_now(item.live)
        if word is not None:
            entry["acceptance"] = word.shown()
        objects.append(entry)
    objects += [_entry(step) for step in draft.left]
    changing = Plan([step for step in draft.steps if step.changes])
    table = Plan(changing.steps[:_ROWS]).table() if changing.steps else []
    if len(changing.steps) > _ROWS:
        table.append(f"... and {len(changing.steps) - _ROWS} more")
    found: dict[str, Any] = {
        "changed": draft.changes,
        "summary": counts(draft),
        "objects": objects,
        "objects_left_out": left_out,
        "table": table,
        "findings": [one.shown() for one in findings[:_OBJECTS]],
        "warnings": [*draft.warnings, *warnings],
    }
    if diff:
        found["diff"] = changing.diff()
    if intent.apply_set:
        found["apply_set"] = {"name": intent.apply_set.name, "namespace": intent.apply_set.namespace}
    return found
