# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the journal of a namespace holds, and how it is written: ahead of each step."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from ..._checks.snapshot import Obj
from ..._desired.enrollment.journey import Labels, touched
from ..._desired.enrollment.model import Goal, Plane, plane_of
from ..._errors import ApiError, Forbidden, GuardRefused, MeshError
from ..._kube import kinds
from ..._kube.client import Client
from ..journal import JOURNAL_LABEL, Journal

OPERATION = "enrollment"
NAME = "meshwright-enrollment"
Stage = Literal["prepare", "restart", "finish", "done", "return"]
_DAY = 86_400
_LONGEST = 2_000
# What the server writes into an object; not what somebody wanted of it.
_WRITTEN = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Record:
    """The last move of one namespace, over all its runs.

    `state` of the journal: labels (those that a move touches, as they were), from (the plane as it was), to (the
    goal), stage, workloads {ref: started | done}, templates {ref: labels of the pod template as they were}, originals
    (policies as they were before the move changed or deleted them), made (policies that it created, as [apiVersion,
    kind, name]), resources (what proxies requested before), failure (the last one).
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.state = journal.state

    @classmethod
    def parse(cls, obj: Obj) -> Record:
        """The record that a ConfigMap holds. Raises GuardRefused when it cannot be understood."""
        found = cls(Journal.parse(dict(obj)))
        needed = ("labels", "from", "to", "stage", "workloads", "templates", "originals", "made")
        missing = [key for key in needed if key not in found.state]
        if missing:
            raise GuardRefused(
                f"The journal ConfigMap {found.namespace}/{NAME} lacks {', '.join(missing)}: this version does not "
                "understand it.",
                hint="Save it, see to the namespace by hand, then delete it.",
            )
        return found

    @classmethod
    def begin(cls, namespace: Obj, goal: Goal, *, days: int, run: str, former: Record | None = None) -> Record:
        """A new one for a namespace as it is now; nothing is written yet. `former` is a move that has ended."""
        name = str(namespace["metadata"]["name"])
        state = {
            "labels": touched(namespace["metadata"].get("labels") or {}),
            "from": asdict(plane_of(namespace)),
            "to": asdict(goal),
            "stage": "prepare",
            "workloads": {},
            "templates": {},
            "originals": [],
            "made": [],
            "resources": {},
            "failure": {},
        }
        journal = Journal(OPERATION, name, NAME, state=state, run=run)
        if former is not None:
            journal.version, journal.uid = former.journal.version, former.journal.uid
        journal.expire_in(days * _DAY)
        return cls(journal)

    @property
    def namespace(self) -> str:
        return self.journal.namespace

    @property
    def stage(self) -> Stage:
        found: Stage = self.state["stage"]
        return found

    @property
    def before(self) -> Plane:
        return Plane(**self.state["from"])

    @property
    def goal(self) -> Goal:
        return Goal(**self.state["to"])

    @property
    def labels(self) -> Labels:
        """The labels that the namespace had."""
        found: Labels = self.state["labels"]
        return found

    @property
    def restart_id(self) -> str:
        """A way back that was begun restarts once more."""
        return f"{self.journal.id}-return" if self.stage == "return" else self.journal.id

    @property
    def under_way(self) -> bool:
        return self.stage != "done"

    def keep(self, originals: Iterable[Obj]) -> None:
        """Keep policies as they were: as they came first, and not those that the move itself made."""
        known = {_identity(obj) for obj in self.state["originals"]} | set(identities(self.state["made"]))
        for obj in originals:
            if _identity(obj) not in known:
                known.add(_identity(obj))
                self.state["originals"].append(bare(obj))

    def made(self, objects: Iterable[Obj]) -> None:
        """Note policies that are about to be created."""
        known = set(identities(self.state["made"]))
        for obj in objects:
            if _identity(obj) not in known:
                known.add(_identity(obj))
                self.state["made"].append(list(_identity(obj)))

    def templated(self, labels: Mapping[str, Labels]) -> None:
        """Keep the labels of pod templates as they were, by the workloads' refs."""
        for ref, before in labels.items():
            self.state["templates"].setdefault(ref, before)

    @property
    def size(self) -> tuple[int, int, int]:
        """How much it keeps: grows when something is about to be changed."""
        return len(self.state["originals"]), len(self.state["made"]), len(self.state["templates"])

    def again(self) -> None:
        """The same move once more, for what has come or changed since it ended: restarts are to happen anew."""
        self.journal.id = secrets.token_hex(4)
        self.state.update(stage="prepare", failure={})

    def mark(self, client: Client, refs: Collection[str], status: Literal["started", "done"]) -> None:
        """Write that workloads are about to be restarted, or have been."""
        if any(self.state["workloads"].get(ref) != status for ref in refs):
            self.state["workloads"].update(dict.fromkeys(refs, status))
            self.journal.note(f"{', '.join(refs)}: {status}"[:200])
            self.save(client)

    def enter(self, client: Client, stage: Stage) -> None:
        """Write that a stage begins, unless the journal says so."""
        if self.stage != stage or not self.journal.version:
            self.state["stage"] = stage
            self.journal.note(f"stage {stage}")
            self.save(client)

    def fail(self, client: Client, error: MeshError) -> None:
        """Keep why a step failed; a failure to write it changes nothing."""
        self.state["failure"] = {"stage": self.stage, "error": type(error).__name__, "message": str(error)[:_LONGEST]}
        self.journal.note(f"stage {self.stage} failed: {str(error)[:200]}")
        try:
            self.save(client)
        except (ApiError, GuardRefused):
            return

    def save(self, client: Client) -> None:
        self.journal.save(client)


def new_run() -> str:
    return secrets.token_hex(4)


def read_records(client: Client, namespaces: Collection[str] | None) -> dict[str, Record]:
    """The journals of these namespaces, or of all, by namespace. Raises GuardRefused for one not to be understood."""
    found = _journals(client, namespaces)
    wanted = [one for one in found if namespaces is None or one["metadata"]["namespace"] in namespaces]
    return {one["metadata"]["namespace"]: Record.parse(one) for one in wanted if one["metadata"]["name"] == NAME}


def _journals(client: Client, namespaces: Collection[str] | None) -> list[dict[str, Any]]:
    """One LIST where that is permitted; who may not list in all namespaces may in his own."""
    query = f"{JOURNAL_LABEL}={OPERATION}"
    if namespaces is None or len(namespaces) > 1:
        try:
            return client.list(kinds.CONFIG_MAP, labels=query)
        except Forbidden:
            if namespaces is None:
                raise
    each = client.many(lambda name: client.list(kinds.CONFIG_MAP, name, labels=query), sorted(namespaces))
    return [one for some in each for one in some]


def bare(obj: Obj) -> dict[str, Any]:
    """An object as somebody wanted it: without status and what the server wrote."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in _WRITTEN}
    annotations = {key: value for key, value in (meta.pop("annotations", None) or {}).items() if key != _LAST_APPLIED}
    if annotations:
        meta["annotations"] = annotations
    kept = {key: value for key, value in obj.items() if key not in ("status", "metadata")}
    return copy.deepcopy({**kept, "metadata": meta})


def _identity(obj: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(obj["apiVersion"]), str(obj["kind"]), str(obj["metadata"]["name"])


def identities(found: Sequence[Sequence[str]]) -> list[tuple[str, str, str]]:
    """What `made` holds, as it is looked up."""
    return [(one[0], one[1], one[2]) for one in found]
