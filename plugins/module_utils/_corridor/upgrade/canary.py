# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Stage `canary`: the new revision beside the old one, which everything stays on; and the plan of all that follows."""

from __future__ import annotations

from typing import Any

from ..._desired.layout import Layout, Part
from ..._desired.upgrade import Move, Unit, batches, fixed_units, ordered
from ..._errors import GuardRefused
from ..mesh.driver import Prepared
from ..plan import Plan, Step
from .context import Upgrade, result
from .gate import baseline
from .istio import spec_before
from .record import Record
from .seen import Seen, look
from .units import Way, foretold, plan_unit

PARTS: frozenset[Part] = frozenset(("crds", "control_plane", "hold"))


def forward(move: Move, ident: str) -> Way:
    """From the old revision to the new one."""
    tags = {tag: move.new for tag, to in move.before.tags.items() if to == move.old}
    return Way(move.old, move.new, ident, tags)


def units_left(up: Upgrade, move: Move, seen: Seen) -> list[Unit]:
    """What is not moved yet: begun and not done, or never begun, or on the old revision again."""
    record = up.record
    done = set() if record is None else set(record.having("done"))
    fixed = [unit for unit in fixed_units(move, alias=up.intent.mesh.istiod_alias) if unit not in done]
    started = [] if record is None else record.having("started")
    found = [unit for unit in seen.units(move.old) if unit not in done or _again(up, move, seen, unit)]
    return ordered([*fixed, *started, *found])


def _again(up: Upgrade, move: Move, seen: Seen, unit: Unit) -> bool:
    """Whether a unit that was moved has something to be moved again: what was accepted as blocked stays."""
    try:
        return plan_unit(up, forward(move, ""), seen, unit, move.at([])).step.changes
    except GuardRefused:
        return True


def nothing_to_do(up: Upgrade, layout: Layout) -> dict[str, Any]:
    """The answer of every stage when the version asked for serves already, and no upgrade is under way."""
    up.note(f"revision {layout.serving} ({layout.revisions[layout.serving]}) serves already: nothing to upgrade")
    return result(up, changed=False, batches=[], batches_left=0)


def canary(up: Upgrade) -> dict[str, Any]:
    """Returns the result. Raises SettleTimeout with evidence when the new istiod does not get ready."""
    _found, layout = up.installed()
    move = up.move(layout)
    if move is None:
        return nothing_to_do(up, layout)
    if up.check_mode:
        return foretell(up, move, look(up.client), prepared_canary(up, move).plan)
    with up.alone():
        _found, layout = up.installed()
        move = up.move(layout)
        if move is None:
            return nothing_to_do(up, layout)
        record = begin(up, move)
        guard_direction(up)
        if record.stage == "finish":
            return result(up, changed=False, next_step="stage: finish")
        up.steps += up.carry_out(prepared_canary(up, move))
        if record.state["canary"] != "done":
            record.enter(up.client, "canary", canary="done", failure={})
        seen = look(up.client)
    up.note(f"workloads and ztunnel stay on {move.old}; {move.new} runs beside it")
    return result(up, left=units_left(up, move, seen), next_step="stage: gate")


def prepared_canary(up: Upgrade, move: Move) -> Prepared:
    """The canary, planned over what was moved already."""
    done = [] if up.record is None else [unit.name for unit in up.record.having("done")]
    return up.driver.prepare(move.at(done), PARTS)


def begin(up: Upgrade, move: Move) -> Record:
    """The journal of this upgrade, written now when there is none."""
    if up.record is None:
        before = baseline(up.client, up.namespace, move.old, up.intent.skip)
        istio = spec_before(up, move)
        up.record = Record.begin(up.namespace, up.mesh_name, up.intent.mesh.method, move, before, istio)
        up.record.journal.note(f"begun: {move.old} to {move.new}")
        up.record.save(up.client)
    return up.record


def guard_direction(up: Upgrade) -> None:
    """Refuse to go forward where a return was begun."""
    if up.record is not None and up.record.stage == "return":
        raise GuardRefused(
            f"This upgrade to {up.record.move.version} is being taken back.",
            hint="Run stage: return until it is done; then the upgrade can begin anew.",
        )


def foretell(up: Upgrade, move: Move, seen: Seen, plan: Plan) -> dict[str, Any]:
    """Check mode: the whole upgrade, step by step, as far as it can be told before anything is there.

    `plan` is the canary's.
    """
    left = units_left(up, move, seen)
    record = up.record
    done = [] if record is None else [unit.name for unit in record.having("done")]
    up.steps += plan
    way = forward(move, record.id if record else "")
    up.steps.append(_gate_step(up))
    done = list(done)
    for unit in left:
        done.append(unit.name)
        up.steps.append(foretold(up, way, seen, unit, move.at(done)))
    up.steps.append(
        Step(
            "finish",
            "delete",
            f"retire {move.old} once nothing uses it",
            before={"revision": move.old, "version": str(move.old_version)},
            predicted_by="local",
        )
    )
    rows = batches(left, up.intent.batch)
    return result(up, left=left, batches=[[unit.name for unit in row] for row in rows], batches_left=len(rows))


def _gate_step(up: Upgrade) -> Step:
    soak = f", held for {up.intent.soak} s" if up.intent.soak else ""
    return Step(
        "gate",
        "none",
        f"istiod ready, webhooks answer, policies valid, xDS in sync, no new errors{soak}; again after each unit",
    )
