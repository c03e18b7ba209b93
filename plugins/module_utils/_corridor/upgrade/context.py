# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What one run of `mesh_upgrade` holds on to, and what it says in the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..._desired.layout import IN_PLACE, Installed, Layout, Part, revision_name
from ..._desired.upgrade import Move, Unit, move_to
from ..._errors import GuardRefused, MeshError
from ..._intent.upgrade import UpgradeIntent
from ..._kube.client import Client, Deadline
from ..mesh.context import WORK_TIME, MeshRun, start
from ..mesh.driver import Driver, Prepared
from ..mesh.lock import MeshLock
from ..mesh.present import make_namespaces, with_evidence
from ..mesh.walk import driver_of
from ..migrate.state import Migration
from ..plan import Plan, Step
from .record import Record

# Groups of workloads that one call may restart one after the other, each for restart_timeout at most.
_GROUPS = 24


@dataclass(slots=True)
class Upgrade:
    """One run: the request, the way to the cluster, the journal if an upgrade is under way, and the steps so far."""

    intent: UpgradeIntent
    run: MeshRun
    driver: Driver
    record: Record | None
    steps: list[Step] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return self.run.client

    @property
    def check_mode(self) -> bool:
        return self.run.check_mode

    @property
    def mesh_name(self) -> str:
        return self.intent.mesh.name

    @property
    def namespace(self) -> str:
        return self.intent.mesh.namespace

    def note(self, text: str) -> None:
        self.run.notes.append(text)

    def installed(self) -> tuple[Installed, Layout]:
        """What is there. Raises GuardRefused when that is no mesh that goes by revisions."""
        found = self.driver.installed()
        if found.layout is None:
            raise GuardRefused(
                f"No mesh {self.mesh_name} is installed in namespace {self.namespace}: there is nothing to upgrade.",
                hint="istio_mesh installs one.",
            )
        if found.by is not None and found.by != self.intent.mesh.method:
            raise GuardRefused(
                f"This mesh was installed by {found.by}, not by {self.intent.mesh.method}.",
                hint=f"Set method: {found.by}; istio_mesh with migrate: true changes the method.",
            )
        if found.layout.serving == IN_PLACE:
            raise GuardRefused(
                "This mesh is upgraded in place: its revision is `default`.",
                hint="Give istio_mesh the new version.",
            )
        return found, found.layout

    def move(self, layout: Layout) -> Move | None:
        """The upgrade that is under way, or the one asked for; None when the version asked for serves already."""
        if self.record is not None:
            return self.record.move
        wanted = revision_name(self.mesh_name, self.intent.mesh.version)
        return None if layout.serving == wanted else move_to(self.intent.mesh, layout)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Under the mesh's Lease, with the journal as it is now; a failure inside is kept in the journal."""
        with MeshLock(self.client, self.namespace, patience=self.run.patience):
            self.record = Record.load(self.client, self.namespace, self.mesh_name)
            try:
                # What was read before the Lease was held may be old.
                self.driver.installed()
                yield
            except MeshError as error:
                if self.record is not None and self.record.journal.version:
                    self.record.fail(self.client, self.intent.stage, error)
                    error.details.setdefault("upgrade", self.record.shown())
                error.details.setdefault("steps", Plan(self.steps).summary())
                raise

    def drive(self, layout: Layout, parts: Set[Part]) -> Plan:
        """Bring these parts to the layout, by the install method, and wait until they are ready."""
        prepared = self.driver.prepare(layout, parts)
        return prepared.plan if self.check_mode else self.carry_out(prepared)

    def carry_out(self, prepared: Prepared) -> Plan:
        """Write what was prepared, and wait until it is ready; the plan as it was carried out."""
        if not prepared.plan.changed:
            self.driver.settle(prepared)
            return prepared.plan
        made = make_namespaces(self.run, prepared)
        with_evidence(prepared.plan, lambda: self.driver.carry_out(prepared))
        names = {step.name for step in made}
        return Plan([*made, *(step for step in prepared.plan if step.name not in names)])


def start_upgrade(intent: UpgradeIntent, params: Mapping[str, Any], folder: str, *, check_mode: bool) -> Upgrade:
    """Connect, and see whether an upgrade is under way. Raises GuardRefused when it is another one than asked for."""
    run = start(intent.mesh, params, folder, check_mode=check_mode)
    seconds = intent.mesh.wait_timeout + WORK_TIME + intent.soak
    if intent.stage in ("shift", "return"):
        seconds += _GROUPS * intent.restart_timeout
    run.client = run.client.with_deadline(Deadline(seconds))
    refuse_migration(run, intent)
    record = Record.load(run.client, intent.mesh.namespace, intent.mesh.name)
    if record is not None:
        version = str(record.move.version)
        if intent.versioned and str(intent.mesh.version) != version and intent.stage not in ("status", "return"):
            raise GuardRefused(
                f"An upgrade of this mesh to {version} is under way (stage {record.stage}); {intent.mesh.version} has "
                "to wait.",
                hint=f"Finish it with version: {version}, or take it back with stage: return.",
                details={"under_way": record.shown()},
            )
        if record.state["method"] != intent.mesh.method:
            raise GuardRefused(
                f"The upgrade that is under way was begun with method: {record.state['method']}.",
                hint="Go on with that one.",
            )
        intent = intent.to(version)
        run.intent = intent.mesh
    return Upgrade(intent, run, driver_of(run), record)


def refuse_migration(run: MeshRun, intent: UpgradeIntent) -> None:
    """Raise GuardRefused while the mesh changes hands; `status` may look all the same."""
    migration = Migration.load(run.client, intent.mesh.namespace, intent.mesh.name)
    if migration is not None and intent.stage != "status":
        raise GuardRefused(
            f"The mesh {intent.mesh.name} is being handed over from {migration.source} to {migration.to}.",
            hint=f"Finish that first: istio_mesh with method: {migration.to} and migrate: true.",
        )


def result(
    up: Upgrade,
    *,
    changed: bool | None = None,
    units: Iterable[Unit] = (),
    left: Iterable[Unit] = (),
    next_step: str = "",
    **more: Any,
) -> dict[str, Any]:
    """The keyword arguments of `exit_json`. `units` are those of this call, `left` those not moved yet."""
    plan = Plan(up.steps)
    return {
        "changed": plan.changed if changed is None else changed,
        "stage": up.intent.stage,
        "steps": plan.summary(),
        "table": plan.table() if plan.steps else [],
        "diff": plan.diff(),
        "upgrade": up.record.shown() if up.record is not None else {},
        "unit": [unit.name for unit in units],
        "left": [unit.name for unit in left],
        "next": next_step,
        "notes": list(dict.fromkeys(up.run.notes)),
        "warnings": list(up.run.warnings),
        **more,
    }
