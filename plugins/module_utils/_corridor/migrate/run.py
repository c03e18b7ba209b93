# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A mesh that changes hands: from the method that installed it to the one that is asked for, and what an earlier run
left unfinished."""

from __future__ import annotations

from typing import Any

from ..._errors import GuardRefused
from ..._intent.mesh import MeshIntent
from ..._kube import kinds
from ..helm.driver import HelmDriver
from ..journal import Journal
from ..mesh.context import MeshRun
from ..mesh.driver import Driver
from ..mesh.lock import MeshLock
from ..mesh.present import with_evidence
from ..mesh.result import result
from ..plan import Plan, Step
from . import to_helm, to_sail
from .state import Migration, journal_name

_STEP = "migration"


def migrated(run: MeshRun, driver: Driver) -> dict[str, Any] | None:
    """Hand the mesh over if it has to be; None where there is nothing to hand over. `driver` is the method asked for.

    Raises GuardRefused where that was not asked for (`migrate`), and for all that cannot change hands.
    """
    intent = run.intent
    migration = Migration.load(run.client, intent.namespace, intent.name)
    if migration is None and not _by_other(run, driver):
        return None
    if not intent.migrate:
        raise _refused(intent, migration)
    prepared = _prepare(run, migration)
    plan = _plan(prepared, migration)
    if not run.check_mode:
        with MeshLock(run.client, intent.namespace, patience=run.patience) as lock:
            if lock.waited:
                run.notes.append("another run was at work on this mesh, so this one planned anew")
                migration = Migration.load(run.client, intent.namespace, intent.name)
                if migration is None and not _by_other(run, driver):
                    return None
                prepared = _prepare(run, migration)
                plan = _plan(prepared, migration)
            done: list[Plan] = []
            with_evidence(plan, lambda: done.append(_carry_out(run, prepared)))
            plan = Plan([*_recovered(prepared, migration), *done[0]])
    return result(plan, driver.state(), warnings=run.warnings, notes=run.notes)


def forget_journal(run: MeshRun) -> None:
    """With the mesh its unfinished migration is gone, which the next mesh of this name must not take for its own."""
    if run.check_mode:
        return
    journal = Journal.load(run.client, run.intent.namespace, journal_name(run.intent.name))
    if journal is not None:
        journal.delete(run.client)


def _by_other(run: MeshRun, driver: Driver) -> bool:
    """Whether the other method has installed this mesh; the whole is only looked at where that is possible."""
    intent = run.intent
    istios = run.client.list(kinds.SAIL_ISTIO)
    if intent.method == "helm":
        return bool(istios) and driver.installed().by == "sail"
    if any(obj["metadata"]["name"] == intent.name for obj in istios):
        return False
    return HelmDriver(run).installed().by == "helm"


def _prepare(run: MeshRun, migration: Migration | None) -> to_helm.ToHelm | to_sail.ToSail:
    if run.intent.method == "helm":
        return to_helm.prepare(run, migration)
    return to_sail.prepare(run, migration)


def _carry_out(run: MeshRun, prepared: to_helm.ToHelm | to_sail.ToSail) -> Plan:
    if isinstance(prepared, to_helm.ToHelm):
        return to_helm.carry_out(run, prepared)
    return to_sail.carry_out(run, prepared)


def _plan(prepared: to_helm.ToHelm | to_sail.ToSail, migration: Migration | None) -> Plan:
    return Plan([*_recovered(prepared, migration), *prepared.steps, *prepared.rehearsal.plan])


def _recovered(prepared: to_helm.ToHelm | to_sail.ToSail, migration: Migration | None) -> list[Step]:
    """The step that tells what an earlier run left."""
    if migration is None:
        return []
    where = f"{migration.stage} from {migration.source} to {migration.to}"
    return [
        Step(_STEP, "recover", f"a run that did not end had come to {where}; this one goes to {prepared.migration.to}")
    ]


def _refused(intent: MeshIntent, migration: Migration | None) -> GuardRefused:
    if migration is not None:
        return GuardRefused(
            f"Mesh {intent.name} is changing hands from {migration.source} to {migration.to}, and a run of that has "
            f"not ended (ConfigMap {intent.namespace}/{journal_name(intent.name)}, stage {migration.stage}).",
            hint=f"Run it again with method: {migration.to} and migrate: true to go on, or with method: "
            f"{migration.source} and migrate: true to go back.",
        )
    other = {"helm": "the Sail Operator", "sail": "Helm"}[intent.method]
    return GuardRefused(
        f"Mesh {intent.name} in namespace {intent.namespace} was installed by {other}, and method is {intent.method}.",
        hint=f"Keep method: {'sail' if intent.method == 'helm' else 'helm'}, or hand the mesh over with migrate: true.",
    )
