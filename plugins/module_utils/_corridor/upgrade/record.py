# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the journal of an upgrade holds, and how it is written: ahead of each step."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from ..._desired.upgrade import Move, Unit, UnitStatus, layout_of, layout_state, ordered
from ..._errors import ApiError, GuardRefused, MeshError
from ..._intent.versions import parse_version
from ..._kube.client import Client
from ..istiod_debug import ProxySync, ReplicaSync, TypeSync
from ..journal import Journal

OPERATION = "upgrade"
_REJECTS = 200
_LONGEST = 2_000


def journal_name(mesh: str) -> str:
    return f"meshwright-upgrade-{mesh}"


class Record:
    """One upgrade, over all its runs.

    `state` of the journal: method, from (a layout), to {revision, version}, stage (the last one that was begun),
    canary (started | done), units {name: status}, gate (the last one's result), baseline (what was wrong before),
    failure (the last one), and istio: the spec of the Sail Operator's Istio as it was before, to go back to.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.state = journal.state
        to = self.state["to"]
        self.move = Move(layout_of(self.state["from"]), to["revision"], parse_version(to["version"]))

    @classmethod
    def load(cls, client: Client, namespace: str, mesh: str) -> Record | None:
        """The upgrade that is under way; None when there is none. Raises GuardRefused when it cannot be understood."""
        journal = Journal.load(client, namespace, journal_name(mesh))
        if journal is None:
            return None
        try:
            return cls(journal)
        except (KeyError, TypeError, AttributeError, MeshError) as error:
            raise GuardRefused(
                f"The journal ConfigMap {namespace}/{journal.name} is no upgrade that this version understands: "
                f"{error!r}.",
                hint="Save it, see to the mesh by hand, then delete it.",
            ) from error

    @classmethod
    def begin(
        cls,
        namespace: str,
        mesh: str,
        method: str,
        move: Move,
        baseline: Mapping[str, Any],
        istio: Mapping[str, Any] | None = None,
    ) -> Record:
        """A new one; nothing is written yet."""
        state = {
            "method": method,
            "from": layout_state(move.before),
            "to": {"revision": move.new, "version": str(move.version)},
            "stage": "canary",
            "canary": "started",
            "units": {},
            "gate": {},
            "baseline": dict(baseline),
            "failure": {},
            "istio": dict(istio or {}),
        }
        return cls(Journal(OPERATION, namespace, journal_name(mesh), state=state, run=secrets.token_hex(4)))

    @property
    def id(self) -> str:
        return self.journal.id

    @property
    def stage(self) -> str:
        return str(self.state["stage"])

    @property
    def units(self) -> dict[str, UnitStatus]:
        found: dict[str, UnitStatus] = self.state["units"]
        return found

    def having(self, *statuses: UnitStatus) -> list[Unit]:
        """Units of these statuses, in the order of moving."""
        return ordered(Unit.named(name) for name, status in self.units.items() if status in statuses)

    @property
    def gate_passed(self) -> bool:
        """Whether the last gate lets the upgrade go on."""
        return self.state["gate"].get("status") in ("passed", "unknown")

    def mark(self, client: Client, units: Iterable[Unit], status: UnitStatus) -> None:
        names = [unit.name for unit in units]
        self.units.update(dict.fromkeys(names, status))
        self.journal.note(f"{', '.join(names)}: {status}")
        self.save(client)

    def enter(self, client: Client, stage: str, **changes: Any) -> None:
        """Write that a stage begins, unless the journal says just that."""
        wanted = {"stage": stage, **changes}
        if any(self.state.get(key) != value for key, value in wanted.items()):
            self.state.update(wanted)
            self.journal.note(f"stage {stage}")
            self.save(client)

    def fail(self, client: Client, stage: str, error: MeshError) -> None:
        """Keep why a stage failed, as evidence for whoever goes on or back; a failure to write it changes nothing."""
        unit = ", ".join(unit.name for unit in self.having("started"))
        # What went wrong on the way back does not hide why the way back was taken.
        kept = "return_failure" if stage == "return" else "failure"
        self.state[kept] = {
            "stage": stage,
            "unit": unit,
            "error": type(error).__name__,
            "message": str(error)[:_LONGEST],
        }
        self.journal.note(f"stage {stage} failed{f' at {unit}' if unit else ''}: {str(error)[:200]}")
        try:
            self.save(client)
        except (ApiError, GuardRefused):
            return

    def save(self, client: Client) -> None:
        self.journal.save(client)

    def shown(self) -> dict[str, Any]:
        """The upgrade as results show it."""
        state = self.state
        return {
            "id": self.id,
            "method": state["method"],
            "from": {"revision": self.move.old, "version": str(self.move.old_version)},
            "to": dict(state["to"]),
            "stage": self.stage,
            "canary": state["canary"],
            "units": [{"unit": unit.name, "status": self.units[unit.name]} for unit in ordered_names(self.units)],
            "gate": state["gate"],
            "failure": state["failure"],
            "return_failure": state.get("return_failure", {}),
            "events": self.journal.events[-20:],
        }


def ordered_names(names: Iterable[str]) -> list[Unit]:
    return ordered(Unit.named(name) for name in names)


def rejects_state(replicas: Iterable[ReplicaSync]) -> list[list[str]]:
    """What proxies reject, as JSON: [proxy, type, error]."""
    found = [
        [proxy.id, one.name, one.error[:_LONGEST]]
        for replica in replicas
        for proxy in replica.proxies
        for one in proxy.rejecting
    ]
    return found[:_REJECTS]


def rejects_before(baseline: Mapping[str, Any]) -> list[ReplicaSync]:
    """What `rejects_state` wrote, for `judge_sync`."""
    proxies = tuple(
        ProxySync(proxy, "", "", "", (TypeSync(name, error=error),))
        for proxy, name, error in baseline.get("rejects") or ()
    )
    return [ReplicaSync("before the upgrade", proxies)] if proxies else []
