# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `mesh_enrollment`: from checked parameters to a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..._checks.policy.view import View
from ..._checks.snapshot import Obj, name_of
from ..._errors import MeshError
from ..._intent.enrollment import EnrollmentIntent, enrollment_intent
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..._kube.connection import ConnectionOptions, connect
from ..collecting import without_collecting
from ..mesh.lock import MeshLock
from .accounting import account_resources
from .carrying import carry_out
from .choosing import choose
from .finding import find_way_back, find_work, moves
from .foretelling import foretell
from .judging import Enforcement, judge, observed
from .reading import read
from .record import Record, new_run, read_records
from .result import captured, resources, result
from .run import EnrollmentRun, Row, Work, rows
from .single import find_single
from .status import status
from .survey import Survey

# What reading, planning and writing may take beside the time to wait, and each restarted workload's own.
_WORK_TIME = 300
# Of so many namespaces the result tells what was really found after the writes; of more, what was foretold.
_SEEN_AGAIN = 20


def walk_enrollment(module: AnsibleModule) -> dict[str, Any]:
    """What `exit_json` is to say. Raises MeshError."""
    intent = enrollment_intent(module.params)
    run = _start(intent, module.params, check_mode=module.check_mode)
    if intent.state == "status":
        return status(run)
    if run.check_mode:
        return _foretold(run)
    # Whether there is anything to do is seen before others are made to wait.
    found = _find(run)
    if not any(work.pending for work in found.works):
        return _nothing(run, found)
    # Judged first: where there is no mesh, there is no place for a Lease either.
    enforcement = _judged(run, found)
    with MeshLock(run.client, intent.istio_namespace, patience=run.patience, run_id=run.run_id) as lock:
        if lock.waited:
            run.notes.append("another run was at work on this mesh, so this one planned anew")
            found = _find(run)
            enforcement = _judged(run, found)
        return _carried(run, found, enforcement)


class _Found:
    """One look at everything: the survey, the works, and the batches that they make."""

    def __init__(self, survey: Survey, view: View, works: list[Work], batch: int) -> None:
        self.survey = survey
        self.view = view
        self.works = works
        self.rows: list[Row] = rows(works, batch)


def _start(intent: EnrollmentIntent, params: Mapping[str, Any], *, check_mode: bool) -> EnrollmentRun:
    connection = connect(ConnectionOptions.from_params(params))
    client = Client(connection, deadline=Deadline(intent.wait_timeout + _WORK_TIME))
    return EnrollmentRun(intent, client, check_mode, new_run())


def _find(run: EnrollmentRun) -> _Found:
    """Read and compare. Raises BadInput for what does not exist."""
    intent = run.intent
    with without_collecting():
        namespaces = choose(run.client, intent, run.notes)
        names = [name_of(obj) for obj in namespaces]
        records = read_records(run.client, names)
        survey = read(run.client, names, root=intent.istio_namespace, deep=names if intent.mode == "sidecar" else ())
        view = View(survey.scene)
        return _Found(survey, view, _works(run, survey, view, namespaces, records), intent.batch)


def _works(
    run: EnrollmentRun, survey: Survey, view: View, namespaces: Sequence[Obj], records: Mapping[str, Record]
) -> list[Work]:
    intent = run.intent
    if intent.state == "returned":
        without = [name_of(obj) for obj in namespaces if name_of(obj) not in records]
        if without:
            run.notes.append(f"no move is known of {', '.join(without[:20])}: nothing to give back")
        return [find_way_back(run, survey, obj, records[name_of(obj)]) for obj in namespaces if name_of(obj) in records]
    found = []
    for obj, move in zip(namespaces, moves(survey, intent, namespaces), strict=True):
        record = records.get(move.namespace)
        if intent.workloads:
            mine = [one for one in intent.workloads if one.namespace == move.namespace]
            found.append(find_single(survey, obj, move, mine, record))
        else:
            found.append(find_work(run, survey, view, obj, move, record))
    return found


def _foretold(run: EnrollmentRun) -> dict[str, Any]:
    """Check mode: the whole plan."""
    found = _find(run)
    enforcement = _judged(run, found)
    run.steps += foretell(run, found.rows)
    return result(
        run,
        found.survey,
        found.works,
        changed=bool(found.rows),
        done=(),
        left=found.rows,
        enforcement=enforcement,
    )


def _judged(run: EnrollmentRun, found: _Found) -> Enforcement:
    """The way back is judged too, but nothing keeps one from it: it only tells."""
    if run.intent.state == "returned":
        return Enforcement([], [], [])
    return judge(run, found.survey, found.view, found.works)


def _nothing(run: EnrollmentRun, found: _Found) -> dict[str, Any]:
    return result(run, found.survey, found.works, changed=False, done=(), left=(), enforcement=Enforcement([], [], []))


def _carried(run: EnrollmentRun, found: _Found, enforcement: Enforcement) -> dict[str, Any]:
    """Carry out one batch, or all of them."""
    due = found.rows if not run.intent.batch else found.rows[:1]
    left = found.rows[len(due) :]
    # The time of a call grows with the workloads that it restarts.
    groups = sum(len(row.workloads) for row in due)
    each = run.intent.restart_timeout + run.intent.pause
    seconds = _WORK_TIME + groups * each + (len(due) + 1) * run.intent.wait_timeout
    run.client = run.client.with_deadline(Deadline(seconds))
    run.steps += foretell(run, due)
    counted = any(row.workloads for row in found.rows)
    if counted:
        before = account_resources(run.client, captured=captured(found.survey.scene))
        run.resources = lambda name: before.shown([name])
    done: list[Row] = []
    try:
        for row in due:
            carry_out(run, found.survey, row)
            done.append(row)
    except MeshError as error:
        error.details.setdefault("batch", [name for row in done for name in row.names])
        error.details.setdefault("batches_left", len(found.rows) - len(done))
        error.details.setdefault("restarted", list(run.restarted))
        error.hint = f"{error.hint} Run it again to go on, or give back what was by state: returned.".strip()
        raise
    seen = _seen_again(run, found)
    if seen is not found.survey:
        enforcement = observed(run, View(seen.scene), found.works, enforcement)
    answer = result(run, seen, found.works, changed=True, done=done, left=left, enforcement=enforcement)
    if run.restarted and any(row.workloads for row in left):
        # The next call restarts more: its pause is this one's to make.
        run.client.deadline.sleep(run.intent.pause)
    if counted or _counted_before(found):
        answer["resources"] = resources(run, seen.scene, found.works)
    return answer


def _counted_before(found: _Found) -> bool:
    """Whether an earlier call of the move has counted, as the one that ends it is to tell."""
    return any(work.record is not None and work.record.state.get("resources") for work in found.works)


def _seen_again(run: EnrollmentRun, found: _Found) -> Survey:
    """The scene's pods and namespaces as they are now, for what the result says of them."""
    names = [work.name for work in found.works]
    if len(names) > _SEEN_AGAIN:
        return found.survey
    live = run.client.many(lambda name: run.client.get(kinds.NAMESPACE, name), names)
    for work, obj in zip(found.works, live, strict=True):
        if obj is not None:
            work.namespace = obj
    return read(run.client, names, root=run.intent.istio_namespace)
