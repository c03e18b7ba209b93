# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: present`: look, aim, prepare, then carry out step by step, then wait until it is ready."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._desired.helm import MANAGER
from ..._desired.layout import Target, target
from ..._errors import GuardRefused, MeshError
from ..objects import ObjectEngine
from ..plan import Plan, Step
from ..upgrade.record import Record
from .context import MeshRun
from .driver import Driver, Prepared
from .lock import MeshLock
from .result import result


def present(run: MeshRun, driver: Driver) -> dict[str, Any]:
    """The mesh as asked for. Returns the result; raises with what was done so far in the error's details."""
    if note := upgrade_under_way(run):
        return result(Plan(), driver.state(), warnings=run.warnings, notes=[note, *run.notes])
    aim = target(run.intent, driver.installed())
    prepared = driver.prepare(aim.layout, aim.parts)
    if not run.check_mode:
        if prepared.plan.changed:
            prepared = carry_out_alone(run, driver, prepared, lambda: _again(run, driver))
        elif run.intent.wait:
            with_evidence(prepared.plan, lambda: driver.settle(prepared))
    return _told(aim, result(prepared.plan, driver.state(), warnings=run.warnings, notes=[*aim.notes, *run.notes]))


def upgrade_under_way(run: MeshRun) -> str:
    """A note when an upgrade of this mesh, from or to this version, is under way: it is left to that.

    Raises GuardRefused when it is about other versions.
    """
    record = Record.load(run.client, run.intent.namespace, run.intent.name)
    if record is None:
        return ""
    to = record.move.version
    if run.intent.version not in (to, record.move.old_version):
        raise GuardRefused(
            f"An upgrade of this mesh to {to} is under way (stage {record.stage}); {run.intent.version} has to wait.",
            hint="Finish it, or take it back, with mesh_upgrade (stage: status says what comes next).",
            details={"under_way": record.shown()},
        )
    return f"an upgrade to {to} is under way (stage {record.stage}): mesh_upgrade goes on with it, nothing is done here"


def _again(run: MeshRun, driver: Driver) -> Prepared:
    aim = target(run.intent, driver.installed())
    return driver.prepare(aim.layout, aim.parts)


def _told(aim: Target, answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "next": aim.next_step} if aim.next_step else answer


def carry_out_alone(run: MeshRun, driver: Driver, prepared: Prepared, again: Callable[[], Prepared]) -> Prepared:
    """Carry out under the mesh's Lease; prepared anew, by `again`, when another run changed something in between."""
    made = make_namespaces(run, prepared)
    with MeshLock(run.client, run.intent.namespace, patience=run.patience) as lock:
        if lock.waited or driver.fingerprint() != prepared.fingerprint:
            run.notes.append("another run was at work on this mesh, so this one planned anew")
            prepared = again()
            made = [step for step in made if step.changes] or make_namespaces(run, prepared)
        prepared.plan = Plan([*made, *(step for step in prepared.plan if step.name not in {one.name for one in made})])
        with_evidence(prepared.plan, lambda: driver.carry_out(prepared))
    return prepared


def make_namespaces(run: MeshRun, prepared: Prepared) -> list[Step]:
    """The steps as they were carried out: what another run made in between is no change of this one."""
    return ObjectEngine(run.client, manager=MANAGER).apply(prepared.namespaces) if prepared.namespaces else []


def with_evidence(plan: Plan, work: Callable[[], Any]) -> None:
    """Run `work`; an error carries the plan's steps, so that a failed run tells how far it was to go."""
    try:
        work()
    except MeshError as error:
        error.details.setdefault("steps", plan.summary())
        raise
