# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a migration's journal holds: where it comes from and goes to, and how far it got."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..._desired.layout import Layout, Method
from ..._desired.upgrade import layout_of, layout_state
from ..._errors import GuardRefused, MeshError
from ..._kube.client import Client
from ..journal import Journal
from .records import Place, Rename

OPERATION = "migrate"
# Each is written before it is begun. What fails before `let_go` (to Sail: `resources`) is undone; later it goes on.
Stage = Literal["stop", "records", "let_go", "install", "operator", "resources"]


def journal_name(mesh: str) -> str:
    return f"meshwright-migrate-{mesh}"


@dataclass(slots=True)
class Migration:
    """One migration, over all its runs.

    `renames` are releases that get the other method's names, `forgotten` those that it has no release for.
    `workloads` are the digests of the pod templates before, by label; `resources` the Sail Operator's resources as
    they were, for people who want them back. `turned` says that it is the way back of another one, which is never
    undone itself.
    """

    source: Method
    to: Method
    layout: Layout
    renames: list[Rename] = field(default_factory=list)
    forgotten: list[Place] = field(default_factory=list)
    workloads: dict[str, str] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)
    stage: Stage = "stop"
    turned: bool = False
    journal: Journal | None = None

    @classmethod
    def load(cls, client: Client, namespace: str, mesh: str) -> Migration | None:
        """The one that is under way; None when there is none. Raises GuardRefused when it cannot be understood."""
        journal = Journal.load(client, namespace, journal_name(mesh))
        if journal is None:
            return None
        state = journal.state
        try:
            return cls(
                source=state["from"],
                to=state["to"],
                layout=layout_of(state["layout"]),
                renames=[Rename(_place(old), _place(new)) for old, new in state["renames"]],
                forgotten=[_place(one) for one in state["forgotten"]],
                workloads=dict(state["workloads"]),
                resources=list(state["resources"]),
                stage=state["stage"],
                turned=bool(state["turned"]),
                journal=journal,
            )
        except (KeyError, TypeError, ValueError, AttributeError, MeshError) as error:
            raise GuardRefused(
                f"The journal ConfigMap {namespace}/{journal.name} is no migration that this version understands: "
                f"{error!r}.",
                hint="Save it, see to the mesh by hand, then delete it.",
            ) from error

    def back(self, renames: list[Rename], forgotten: list[Place], stage: Stage) -> Migration:
        """The way back, from wherever this one got to; it takes the journal over."""
        return Migration(
            source=self.to,
            to=self.source,
            layout=self.layout,
            renames=renames,
            forgotten=forgotten,
            workloads=self.workloads,
            resources=self.resources,
            stage=stage,
            turned=True,
            journal=self.journal,
        )

    @property
    def state(self) -> dict[str, Any]:
        return {
            "from": self.source,
            "to": self.to,
            "layout": layout_state(self.layout),
            "renames": [[_told(change.old), _told(change.new)] for change in self.renames],
            "forgotten": [_told(place) for place in self.forgotten],
            "workloads": self.workloads,
            "resources": self.resources,
            "stage": self.stage,
            "turned": self.turned,
        }

    def begin(self, client: Client, namespace: str, mesh: str, stage: Stage) -> None:
        """Write that this stage comes next."""
        if self.journal is None:
            self.journal = Journal(OPERATION, namespace, journal_name(mesh), run=secrets.token_hex(4))
        self.stage = stage
        self.journal.state = self.state
        self.journal.note(f"{self.source} to {self.to}: {stage}")
        self.journal.save(client)

    def end(self, client: Client) -> None:
        """Done: the journal goes."""
        if self.journal is not None:
            self.journal.delete(client)
            self.journal = None


def _told(place: Place) -> dict[str, str]:
    return {"namespace": place.namespace, "name": place.name, "driver": place.driver}


def _place(told: Mapping[str, str]) -> Place:
    return Place(told["namespace"], told["name"], told["driver"])
