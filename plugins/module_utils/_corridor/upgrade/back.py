# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Stage `return`: everything back to the old revision, and the new one taken away; from any stage, as often as needed.

The order is that of safety, not the mirror of the way there: first nothing new goes to the new revision any more (tags,
alias), then gateways, waypoints and workloads come back, then ztunnel and istio-cni, and last the canary goes.
"""

from __future__ import annotations

from typing import Any

from ..._checks.snapshot import meta, number
from ..._desired.layout import Layout, Part, istiod_name
from ..._desired.upgrade import Move, Unit, UnitKind, move_to
from ..._errors import GuardRefused
from ..._kube import kinds
from ..plan import Step
from .context import Upgrade, result
from .finish import hold_tags, users_of
from .gate import ztunnel_daemon_sets
from .istio import restored
from .record import Record
from .seen import Seen, look
from .units import Way, merged, plan_unit

# The alias follows the revision that serves, which ztunnel is one sign of.
_ORDER: tuple[UnitKind, ...] = ("tags", "gateway", "waypoint", "namespace", "ztunnel", "cni", "alias")
_STEER: frozenset[Part] = frozenset(("control_plane", "hold"))
_HOLD: frozenset[Part] = frozenset(("hold",))
_RETIRE: frozenset[Part] = frozenset(("retire",))


def go_back(up: Upgrade) -> dict[str, Any]:
    """Returns the result, with `returned` and, in `upgrade`, why. changed=0 where there is nothing to take back."""
    move = _move(up)
    if move is None:
        up.note("no upgrade is under way: nothing to take back")
        return result(up, changed=False, returned=False, failure={})
    if up.check_mode:
        _back(up, move, write=False)
        failure = up.record.state["failure"] if up.record else {}
        return result(up, returned=True, failure=failure)
    with up.alone():
        move = _move(up)
        if move is None:
            return result(up, changed=False, returned=False, failure={})
        if up.record is None:
            up.record = Record.begin(up.namespace, up.mesh_name, up.intent.mesh.method, move, {})
            up.record.state["canary"] = "done"
        record = up.record
        if record.stage != "return":
            record.state["returned_from"] = record.stage
        record.enter(up.client, "return")
        _back(up, move, write=True)
        ended = {**record.shown(), "stage": "returned", "returned_from": record.state.get("returned_from", "")}
        failure = record.state["failure"]
        record.journal.delete(up.client)
        up.record = None
    up.note(f"CRDs stay as {move.version} brought them: they serve both versions")
    answer = result(up, returned=True, failure=failure, mesh=up.driver.state())
    return {**answer, "upgrade": ended}


def _move(up: Upgrade) -> Move | None:
    """The upgrade under way; or, without a journal, a revision that istio_mesh installed beside the one that serves."""
    if up.record is not None:
        return up.record.move
    layout = up.driver.installed().layout
    if layout is None or layout.active == layout.serving:
        return None
    if up.intent.versioned and layout.revisions[layout.active] != up.intent.mesh.version:
        return None
    up.intent = up.intent.to(str(layout.revisions[layout.active]))
    up.run.intent = up.intent.mesh
    return move_to(up.intent.mesh, layout)


def _back(up: Upgrade, move: Move, *, write: bool) -> None:
    record = up.record
    way = Way(move.new, move.old, f"{record.id if record else ''}-return", dict(move.before.tags))
    moved = {unit.name for unit in record.having("started", "done")} if record else set()
    touched = frozenset(moved)
    _steer(up, move, moved, write=write)
    seen = look(up.client).without(hold_tags(up.mesh_name))
    if not write or record is None:
        for unit in _units(up, move, seen, touched):
            moved.discard(unit.name)
            up.steps.append(plan_unit(up, way, seen, unit, move.going_back(moved)).step)
        up.steps.append(Step(f"canary {move.new}", "delete", "taken away", before={"revision": move.new}))
        return
    for kind in _ORDER:
        # Looked at again for each kind: where tags lead decides what follows them.
        for unit in [unit for unit in _units(up, move, seen, touched) if unit.kind == kind]:
            moved.discard(unit.name)
            work = plan_unit(up, way, seen, unit, move.going_back(moved))
            up.steps.append(work.step)
            work.step.notes += work.carry_out()
            if unit.kind == "ztunnel" and work.step.changes:
                _declare_resets(up)
            record.mark(up.client, [unit], "undone")
        seen = look(up.client).without(hold_tags(up.mesh_name))
    users = users_of(seen.usage, move.new, hold_tags(up.mesh_name))
    if users:
        raise GuardRefused(
            f"Everything that can be moved is back on {move.old}, but {move.new} is still in use: "
            f"{', '.join(users[:20])}.",
            hint="See to these by hand, then run stage: return again, which takes the new revision away.",
            details={"users": users},
        )
    _part(up, move.returned(), _RETIRE, f"canary {move.new}", write=True)


def _steer(up: Upgrade, move: Move, moved: set[str], *, write: bool) -> None:
    """Make the old revision the active one again, and there, while the new one is held."""
    layout, record = move.going_back(moved), up.record
    if up.intent.mesh.method == "sail" and record is not None and record.state["istio"]:
        _part(up, layout, _HOLD, f"hold {move.new}", write=write)
        up.steps.append(restored(up, record.state["istio"], write=write))
    elif up.intent.mesh.method == "sail" or not _old_is_there(up, move):
        _part(up, layout, _STEER, f"control plane {move.old}", write=write)


def _units(up: Upgrade, move: Move, seen: Seen, touched: frozenset[str]) -> list[Unit]:
    """What to take back: units of the install method that were begun, and whoever is on the new revision now."""
    fixed = {Unit.named(name) for name in touched}
    found = {unit for unit in fixed if unit.kind in ("tags", "alias", "ztunnel", "cni")}
    if up.intent.mesh.istiod_alias and found:
        found.add(Unit("alias"))
    found |= set(seen.units(move.new))
    return sorted(found, key=lambda unit: (_ORDER.index(unit.kind), unit.target))


def _part(up: Upgrade, layout: Layout, parts: frozenset[Part], name: str, *, write: bool) -> None:
    plan = up.drive(layout, parts) if write else up.driver.prepare(layout, parts).plan
    up.steps.append(merged(name, plan))


def _old_is_there(up: Upgrade, move: Move) -> bool:
    """Whether the old istiod is there to go back to: a run may have been killed while it was being retired."""
    found = up.client.get(kinds.DEPLOYMENT, istiod_name(move.old), up.namespace)
    return found is not None and not meta(found).get("deletionTimestamp")


def _declare_resets(up: Upgrade) -> None:
    found = ztunnel_daemon_sets(up.client, up.intent.mesh.ztunnel_namespace)
    nodes = sum(number(one, "status", "desiredNumberScheduled") for one in found)
    up.note(
        f"ztunnel was taken back on {nodes} nodes, one after the other: long-lived connections of ambient pods were "
        "reset node by node"
    )
