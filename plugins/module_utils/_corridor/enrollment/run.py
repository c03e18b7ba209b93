# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What one run of `mesh_enrollment` holds on to, and the work that it has found for each namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from ..._checks.snapshot import Obj
from ..._desired.enrollment.journey import Journey, Labels
from ..._desired.enrollment.move import Move
from ..._desired.enrollment.translate import Translation
from ..._intent.enrollment import EnrollmentIntent
from ..._kube.client import Client, Deadline
from ..plan import Step
from ..workloads import Workload
from .mesh_settings import trust_domain
from .record import Record

# `whole` is for namespaces without restarts: everything of them at once.
RowKind = Literal["whole", "exclude", "hbone", "prepare", "restart", "finish"]


@dataclass
class EnrollmentRun:
    """One run: the request, the way to the cluster, and what people should read, all of which ends in the result."""

    intent: EnrollmentIntent
    client: Client
    check_mode: bool
    run_id: str
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    # What proxies request at the beginning, of one namespace and in all; as a result shows it.
    resources: Callable[[str], dict[str, Any]] | None = None

    @property
    def patience(self) -> float:
        """Seconds to wait for another run that is at work on the same mesh."""
        return float(self.intent.wait_timeout) if self.intent.wait else 0.0

    @cached_property
    def trust_domain(self) -> str:
        """The mesh's, by the control plane's settings; the default one where they cannot be read."""
        return trust_domain(self.client, self.intent.istio_namespace)

    def waiting(self) -> Deadline:
        """The time for one thing to come about."""
        return Deadline(self.intent.wait_timeout)


@dataclass(slots=True)
class Work:
    """What a namespace needs. `record` is its journal: of this very move, when `continues`, or of one that has ended.

    `hbone` are workloads whose proxies have to learn HBONE first; `workloads` those to restart; `stays` those that
    cannot be restarted, which is accepted. `relied` are policies, there or to be created, that are to be accepted
    before any restart. `excluded` are to be kept as they are by labels of their own, `staying`. `templates` are the
    labels that a restart gives to a workload's pod template, by its ref, and `templates_before` what it had.
    `moved` are the refs of those that this run has restarted. `back`: it is given back what it had.
    """

    move: Move
    namespace: Obj
    journey: Journey
    translation: Translation
    record: Record | None = None
    continues: bool = False
    hbone: Sequence[Workload] = ()
    workloads: Sequence[Workload] = ()
    stays: Sequence[Workload] = ()
    relied: Sequence[Obj] = ()
    excluded: Sequence[Workload] = ()
    staying: Labels = field(default_factory=dict)
    templates: Mapping[str, Labels] = field(default_factory=dict)
    templates_before: Mapping[str, Labels] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    back: bool = False

    @property
    def name(self) -> str:
        return self.move.namespace

    @property
    def prepares(self) -> bool:
        """Whether anything is to be written before the restarts."""
        return bool(
            self.journey.first or self.translation.create or self.translation.edit or self.translation.first_remove
        )

    @property
    def finishes(self) -> bool:
        """Whether anything is to be written after the restarts."""
        unfinished = self.continues and self.record is not None and self.record.under_way
        return bool(self.journey.last or self._late) or unfinished

    @property
    def restarts(self) -> bool:
        return bool(self.hbone or self.workloads or self.excluded)

    @property
    def pending(self) -> bool:
        return self.prepares or self.finishes or self.restarts

    @property
    def light(self) -> bool:
        """Whether it is a matter of labels alone, which one patch settles."""
        changes = self._late or self.translation.create or self.translation.edit or self.translation.first_remove
        others = self.restarts or self.journey.last or self.back or changes
        return len(self.journey.first) == 1 and not others

    @property
    def _late(self) -> bool:
        late = self.translation
        return bool(late.protection or late.last_edit or late.remove)


@dataclass(frozen=True, slots=True)
class Row:
    """One batch: what one call does when it does one at a time."""

    kind: RowKind
    works: tuple[Work, ...]
    workloads: tuple[Workload, ...] = ()

    @property
    def names(self) -> list[str]:
        """As results name it: `prepare shop`, or the workloads that are restarted."""
        if self.workloads:
            return [one.ref for one in self.workloads]
        told = "label" if self.kind == "whole" else self.kind
        return [f"{told} {work.name}{', back' if work.back else ''}" for work in self.works]


def rows(works: Sequence[Work], batch: int) -> list[Row]:
    """All that is left, in order: namespaces without restarts together, then one namespace after the other."""
    quick = [work for work in works if work.pending and not work.restarts]
    # An earlier call has prepared and restarted: only the end is left.
    ending = tuple(work for work in quick if work.continues and not work.prepares)
    whole = tuple(work for work in quick if work not in ending)
    found = [Row("finish", ending)] if ending else []
    found += [Row("whole", whole)] if whole else []
    for work in works:
        if not work.restarts:
            continue
        found += _chunks("exclude", work, work.excluded, batch)
        found += _chunks("hbone", work, work.hbone, batch)
        if work.prepares or not work.continues:
            found.append(Row("prepare", (work,)))
        found += _chunks("restart", work, work.workloads, batch)
        found.append(Row("finish", (work,)))
    return found


def _chunks(kind: RowKind, work: Work, workloads: Sequence[Workload], batch: int) -> list[Row]:
    size = batch or len(workloads) or 1
    return [Row(kind, (work,), tuple(workloads[start : start + size])) for start in range(0, len(workloads), size)]
