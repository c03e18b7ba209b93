# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Stages `gate` and `shift`: is the new revision good, and the next batch of what is to be moved to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._checks.snapshot import number
from ..._desired.upgrade import Move, Unit, batches
from ..._errors import GuardRefused
from .canary import begin, forward, guard_direction, nothing_to_do, units_left
from .context import Upgrade, result
from .gate import Gate, GateFailed, pass_gate, shown, ztunnel_daemon_sets
from .record import Record
from .seen import Seen, look
from .units import Work, plan_unit


def gate(up: Upgrade) -> dict[str, Any]:
    """Returns the result with `gate` in it; raises GateFailed, with the same in its details."""
    _found, layout = up.installed()
    move = up.move(layout)
    if move is None:
        return {**nothing_to_do(up, layout), "gate": {"status": "skipped", "soak": 0, "criteria": []}}
    if up.record is None and move.new not in layout.revisions:
        raise GuardRefused(f"There is no revision {move.new} to look at.", hint="Run stage: canary first.")
    seen = look(up.client)
    if up.check_mode:
        asked = _gate_of(up, move)
        return _told(up, move, seen, shown(asked.look(), 0))
    with up.alone():
        record = begin(up, move)
        guard_direction(up)
        if record.stage == "canary":
            record.enter(up.client, "gate")
        passed = _pass(up, record, soak=up.intent.soak)
    return _told(up, move, seen, passed)


def _told(up: Upgrade, move: Move, seen: Seen, passed: dict[str, Any]) -> dict[str, Any]:
    left = units_left(up, move, seen)
    rows = batches(left, up.intent.batch)
    return result(
        up,
        left=left,
        next_step="stage: shift" if left else "stage: finish",
        gate=passed,
        batches=[[unit.name for unit in row] for row in rows],
        batches_left=len(rows),
    )


def shift(up: Upgrade) -> dict[str, Any]:
    """Move the next batch, then the gate again. Returns the result; run again, it goes on where it stopped."""
    _found, layout = up.installed()
    move = up.move(layout)
    if move is None:
        return nothing_to_do(up, layout)
    if up.check_mode:
        return _foreseen(up, move)
    with up.alone():
        record = up.record
        if record is None:
            raise GuardRefused("No upgrade is under way.", hint="Run stage: canary, then stage: gate.")
        guard_direction(up)
        _guard_gate(record)
        seen = look(up.client)
        moved: list[Unit] = []
        while left := units_left(up, record.move, seen):
            row = batches(left, up.intent.batch)[0]
            changed = _move(up, record, seen, row)
            moved += row
            seen = look(up.client)
            if changed:
                break
        rows = batches(left := units_left(up, record.move, seen), up.intent.batch)
    return result(
        up,
        units=moved,
        left=left,
        next_step="stage: shift" if left else "stage: finish",
        gate=record.state["gate"],
        batches=[[unit.name for unit in row] for row in rows],
        batches_left=len(rows),
    )


def _foreseen(up: Upgrade, move: Move) -> dict[str, Any]:
    """Check mode: the next batch."""
    seen = look(up.client)
    left = units_left(up, move, seen)
    rows = batches(left, up.intent.batch)
    done = [] if up.record is None else [unit.name for unit in up.record.having("done")]
    way = forward(move, up.record.id if up.record else "")
    for unit in rows[0] if rows else ():
        done.append(unit.name)
        up.steps.append(plan_unit(up, way, seen, unit, move.at(done)).step)
    return result(
        up,
        units=rows[0] if rows else (),
        left=left,
        batches=[[unit.name for unit in row] for row in rows],
        batches_left=len(rows),
    )


def _guard_gate(record: Record) -> None:
    if record.gate_passed or record.having("started"):
        return
    said = "has failed" if record.state["gate"] else "was not asked yet"
    raise GuardRefused(
        f"The gate of revision {record.move.new} {said}: nothing is moved to it.",
        hint="Run stage: gate; or stage: return.",
        details={"gate": record.state["gate"]},
    )


def _move(up: Upgrade, record: Record, seen: Seen, row: Sequence[Unit]) -> bool:
    """Move these units, then the gate; whether that changed anything."""
    move, way = record.move, forward(record.move, record.id)
    done = [unit.name for unit in record.having("done")]
    # All are planned before the first is begun: what refuses, refuses before anything is written.
    works: list[Work] = []
    for unit in row:
        done.append(unit.name)
        works.append(plan_unit(up, way, seen, unit, move.at(done)))
    todo = [work.unit for work in works if record.units.get(work.unit.name) != "started"]
    if todo or record.stage != "shift":
        record.state["stage"] = "shift"
        record.mark(up.client, todo, "started")
    for work in works:
        up.steps.append(work.step)
        work.step.notes += work.carry_out()
        if work.unit.kind == "ztunnel":
            _declare_resets(up, work)
    changed = any(work.step.changes for work in works)
    # A gate that failed after these units is asked again when the run is repeated, though nothing is to be moved then.
    if changed or record.state["gate"].get("status") == "failed":
        _pass(up, record, soak=0)
    record.mark(up.client, row, "done")
    return changed


def _declare_resets(up: Upgrade, work: Work) -> None:
    found = ztunnel_daemon_sets(up.client, up.intent.mesh.ztunnel_namespace)
    nodes = sum(number(one, "status", "desiredNumberScheduled") for one in found)
    if work.step.changes:
        up.note(
            f"ztunnel was replaced on {nodes} nodes, one after the other: long-lived connections of ambient pods were "
            "reset node by node"
        )


def _pass(up: Upgrade, record: Record, *, soak: float) -> dict[str, Any]:
    """Ask the gate and write what it said to the journal."""
    try:
        passed = pass_gate(_gate_of(up, record.move), soak=soak, said=up.note)
    except GateFailed as error:
        record.state["gate"] = error.details["gate"]
        record.save(up.client)
        raise
    if record.state["gate"] != passed or record.state["failure"]:
        record.state.update(gate=passed, failure={})
        record.journal.note(f"gate {passed['status']}")
        record.save(up.client)
    return passed


def _gate_of(up: Upgrade, move: Move) -> Gate:
    return Gate(
        up.client,
        up.namespace,
        up.intent.mesh.ztunnel_namespace,
        move.new,
        move.old,
        {} if up.record is None else up.record.state["baseline"],
        up.intent.skip,
    )
