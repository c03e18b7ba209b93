# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Carrying out one batch: the journal first, then labels, policies and restarts, each waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..._checks.policy.scene import EXCUSED_POD, USE_WAYPOINT
from ..._checks.snapshot import Obj, dig, labels_of, name_of
from ..._desired.enrollment.blocker import Blocker
from ..._desired.enrollment.journey import Labels
from ..._desired.enrollment.model import MODE_LABEL
from ..._errors import MeshError
from ..._kube import kinds
from ..._kube.client import Deadline
from ..labelling import relabel
from ..restarts import restart
from ..rolling import Expected
from ..workloads import Workload
from . import policies
from .moving import WithHbone
from .record import Record
from .run import EnrollmentRun, Row, Work
from .survey import Survey
from .waiting import wait_until_accepted, wait_until_bound, wait_until_captured

# What one group of restarts may take beside its own time.
_SLACK = 60


def carry_out(run: EnrollmentRun, survey: Survey, row: Row) -> None:
    """Do one batch. What fails is kept in the journal of the namespace that it failed in."""
    if row.kind == "whole":
        run.client.many(lambda work: _watched(run, work, lambda: _whole(run, survey, work)), row.works)
        return
    for work in row.works:
        _watched(run, work, lambda work=work: _one(run, survey, row, work))  # type: ignore[misc]


def _watched(run: EnrollmentRun, work: Work, act: Callable[[], None]) -> None:
    try:
        act()
    except MeshError as error:
        error.details.setdefault("namespace", work.name)
        if work.record is not None and work.record.journal.version:
            work.record.fail(run.client, error)
        raise


def _one(run: EnrollmentRun, survey: Survey, row: Row, work: Work) -> None:
    record = _open(run, work)
    if row.kind == "exclude":
        _restart(run, work, row.workloads, f"{record.restart_id}-exclude", None, labels=work.staying)
    elif row.kind == "hbone":
        _restart(run, work, row.workloads, f"{record.restart_id}-hbone", WithHbone())
    elif row.kind == "prepare":
        _prepare(run, survey, work)
        record.enter(run.client, "return" if work.back else "restart")
    elif row.kind == "restart":
        if run.intent.wait:
            wait_until_accepted(run.client, work.relied, run.waiting())
        _restarts(run, survey, work, row.workloads, record.restart_id)
    else:
        _finish(run, survey, work, record)


def _whole(run: EnrollmentRun, survey: Survey, work: Work) -> None:
    if work.light:
        # One patch is all: the journal says beforehand what it will be, and who finds the label missing begins anew.
        record = _open(run, work, stage="done")
        _label(run, survey, work, work.namespace, work.journey.first[0])
        return
    record = _open(run, work)
    if work.prepares:
        _prepare(run, survey, work)
    _finish(run, survey, work, record)


def _open(run: EnrollmentRun, work: Work, *, stage: str = "") -> Record:
    """The journal, written before anything else is; one that has ended goes on as a move of its own."""
    record = work.record
    first = record is None or not work.continues
    if record is None or not work.continues:
        record = Record.begin(
            work.namespace, work.move.goal, days=run.intent.journal_days, run=run.run_id, former=record
        )
    elif not work.back and not record.under_way:
        record.again()
        first = True
    if first and run.resources and not work.back:
        record.state["resources"] = run.resources(work.name)
    before = record.size
    if not work.back:
        record.keep(policies.changed_objects(work.translation))
        record.made((*work.translation.create, *work.translation.protection))
    record.templated(work.templates_before)
    wanted = stage or ("return" if work.back else record.stage)
    if first or wanted != record.stage or before != record.size:
        record.journal.run = run.run_id
        record.state["stage"] = wanted
        record.journal.note(f"{work.move.now.mode} to {work.move.goal.mode}{', back' if work.back else ''}")
        record.save(run.client)
    work.record, work.continues = record, True
    return record


def _prepare(run: EnrollmentRun, survey: Survey, work: Work) -> None:
    write = policies.write_back_first if work.back else policies.write_first
    write(run.client, work.translation)
    live = work.namespace
    for labels in work.journey.first:
        live = _label(run, survey, work, live, labels)
    work.namespace = live


def _finish(run: EnrollmentRun, survey: Survey, work: Work, record: Record) -> None:
    if work.journey.last:
        work.namespace = _label(run, survey, work, work.namespace, work.journey.last)
    if work.back:
        policies.write_back_last(run.client, work.translation)
        record.journal.delete(run.client)
        return
    policies.write_protection(run.client, work.translation.protection)
    policies.write_last(run.client, work.translation)
    record.enter(run.client, "done")


def _label(run: EnrollmentRun, survey: Survey, work: Work, live: Obj, labels: Labels) -> Obj:
    """Patch the namespace, and wait for what follows from it."""
    live = relabel(run.client, kinds.NAMESPACE, live, labels)
    if not run.intent.wait:
        return live
    if labels.get(USE_WAYPOINT):
        waypoint = work.move.goal.waypoint if work.move.goal.waypoint is not None else work.move.now.waypoint
        wait_until_bound(run.client, live, waypoint, run.waiting())
        wait_until_accepted(run.client, work.relied, run.waiting())
    if MODE_LABEL in labels:
        wait_until_captured(
            run.client,
            work.name,
            run.waiting(),
            ambient=labels_of(live).get(MODE_LABEL) == "ambient",
            excused=lambda name: survey.scene.get(EXCUSED_POD, work.name, name) is not None,
        )
    return live


def _restarts(run: EnrollmentRun, survey: Survey, work: Work, workloads: Sequence[Workload], restart_id: str) -> None:
    """Those with labels of their own for the template one by one, the others together."""

    def done(ref: str) -> None:
        work.moved.add(ref)
        policies.write_protection(run.client, _due(survey, work, ref))

    plain = [one for one in workloads if not work.templates.get(one.ref)]
    if plain:
        _restart(run, work, plain, restart_id, work.move.expects, said=done)
    for one in workloads:
        if work.templates.get(one.ref):
            _restart(run, work, [one], restart_id, work.move.expects, labels=work.templates[one.ref])


def _restart(
    run: EnrollmentRun,
    work: Work,
    workloads: Sequence[Workload],
    restart_id: str,
    expect: Expected | None,
    *,
    labels: Labels | None = None,
    said: Callable[[str], None] | None = None,
) -> None:
    intent, record = run.intent, work.record
    if record is None:
        raise AssertionError("a journal is opened first")

    def begun(one: Workload) -> None:
        record.mark(run.client, [one.ref], "started")

    done = restart(
        run.client,
        workloads,
        restart_id,
        Deadline(len(workloads) * (intent.restart_timeout + intent.pause) + _SLACK),
        max_unavailable=intent.max_unavailable,
        each=intent.restart_timeout,
        pause=intent.pause,
        headroom=lambda one: not _without_headroom(one).names & intent.accept_blockers,
        expect=expect,
        template_labels=labels,
        started=begun,
        said=said,
    )
    record.mark(run.client, [*done.restarted, *done.already], "done")
    run.restarted += done.restarted
    run.notes += [f"{ref} is gone meanwhile" for ref in done.gone]


def _without_headroom(one: Workload) -> Blocker:
    """What one accepts who does not wait for this workload's disruption budgets."""
    return Blocker("budget-without-headroom", one.namespace, one.ref, "")


def _due(survey: Survey, work: Work, moved: str) -> list[Obj]:
    """The protection of a workload that has been moved, unless it would cut one that is still to be."""
    labels = {f"{obj['kind']} {work.name}/{name_of(obj)}": _template(obj) for obj in survey.owners.get(work.name, ())}
    waiting = [one.ref for one in work.workloads if one.ref not in work.moved]
    found = []
    for obj in work.translation.protection:
        chosen = dict(dig(obj, "spec", "selector", "matchLabels") or {}).items()
        mine = chosen <= labels.get(moved, {}).items()
        if mine and not any(chosen <= labels.get(ref, {}).items() for ref in waiting):
            found.append(obj)
    return found


def _template(owner: Obj) -> Mapping[str, str]:
    return labels_of(dig(owner, "spec", "template") or {})
