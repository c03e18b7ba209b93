# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Stages `finish` and `status`: the old revision goes when nothing uses it; and what there is to say at any time."""

from __future__ import annotations

from typing import Any

from ..._desired.layout import DEFAULT_TAG, Part
from ..._desired.sail import hold_tag
from ..._desired.upgrade import Move, batches
from ..._errors import GuardRefused
from ..usage import Usage
from .canary import guard_direction, nothing_to_do, units_left
from .context import Upgrade, result
from .record import Record
from .seen import look

_PARTS: frozenset[Part] = frozenset(("tags", "retire"))
_LISTED = 20


def hold_tags(mesh: str) -> frozenset[str]:
    """Tags that only keep a revision from being pruned."""
    return frozenset((hold_tag(mesh),))


def finish(up: Upgrade) -> dict[str, Any]:
    """Returns the result. Raises GuardRefused, listing them, while anything uses the old revision."""
    if up.record is None:
        _found, layout = up.installed()
        if up.intent.versioned and up.move(layout) is not None:
            raise GuardRefused(
                f"No upgrade to {up.intent.mesh.version} is under way.", hint="It begins with stage: canary."
            )
        return nothing_to_do(up, layout)
    if up.check_mode:
        _retire(up, up.record.move, write=False)
        return result(up, mesh=up.driver.state())
    with up.alone():
        record = up.record
        if record is None:  # Another run finished it in between.
            return result(up, changed=False)
        guard_direction(up)
        move = record.move
        _retire(up, move, write=True)
        ended = {**record.shown(), "stage": "finished"}
        record.journal.delete(up.client)
        up.record = None
    answer = result(up, next_step="", mesh=up.driver.state())
    return {**answer, "upgrade": ended}


def _retire(up: Upgrade, move: Move, *, write: bool) -> None:
    seen = look(up.client).without(hold_tags(up.mesh_name))
    left = units_left(up, move, seen)
    users = users_of(seen.usage, move.old, hold_tags(up.mesh_name))
    if left or users:
        told = users or [unit.name for unit in left]
        raise GuardRefused(
            f"Revision {move.old} is still in use: {', '.join(told[:_LISTED])}"
            + (f" and {len(told) - _LISTED} more" if len(told) > _LISTED else "")
            + ".",
            hint="stage: shift moves what can be moved; see to the rest by hand, then finish.",
            details={"users": told, "left": [unit.name for unit in left]},
        )
    kept = {name for name in move.before.revisions if name != move.old and seen.usage.of(name)}
    layout = move.finished(kept)
    if not write or up.record is None:
        up.steps += up.driver.prepare(layout, _PARTS).plan
        return
    up.record.enter(up.client, "finish")
    up.steps += up.drive(layout, _PARTS)
    if kept:
        up.note(f"in use, so left as they are: {', '.join(sorted(kept))}")


def users_of(usage: Usage, revision: str, ignored: frozenset[str]) -> list[str]:
    """Who uses a revision, less tags that only hold it."""
    return [user for user in usage.of(revision) if user not in {f"tag {tag}" for tag in ignored}]


def status(up: Upgrade) -> dict[str, Any]:
    """Returns the result: the journal, who uses what, what comes next. Never fails for want of an upgrade."""
    found = up.driver.installed()
    layout = found.layout
    if layout is None:
        up.note(f"no mesh {up.mesh_name} is installed in namespace {up.namespace}")
        return result(up, changed=False)
    seen = look(up.client).without(hold_tags(up.mesh_name))
    usage = seen.usage
    users = {name: users_of(usage, name, frozenset()) for name in sorted(layout.revisions)}
    shown = {name: entries[:_LISTED] for name, entries in users.items()}
    more: dict[str, Any] = {
        "usage": shown,
        "serving": layout.serving,
        "default_tag": usage.tags.get(DEFAULT_TAG, ""),
        "mesh": up.driver.state(),
    }
    if up.record is None:
        up.note("no upgrade is under way")
        return result(up, changed=False, batches_left=0, batches=[], **more)
    move = up.record.move
    left = units_left(up, move, seen)
    rows = batches(left, up.intent.batch)
    return result(
        up,
        changed=False,
        left=left,
        next_step=_next(up.record, bool(left)),
        batches=[[unit.name for unit in row] for row in rows],
        batches_left=len(rows),
        gate=up.record.state["gate"],
        **more,
    )


def _next(record: Record, left: bool) -> str:
    if record.stage == "return":
        return "stage: return"
    if record.state["canary"] != "done":
        return "stage: canary, or stage: return"
    if not record.gate_passed:
        return "stage: gate, or stage: return"
    return "stage: shift" if left else "stage: finish"
