# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The plan as people read it: one step for each namespace, workload and policy that changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._checks.snapshot import labels_of
from ..._desired.enrollment.journey import touched
from ..._kube import kinds
from ..labelling import relabel
from ..plan import Step
from ..workloads import Workload
from . import policies
from .run import EnrollmentRun, Row, Work

# So many namespaces' labels are sent to a dry run; of more it is known what the server says.
_REHEARSED = 50


def foretell(run: EnrollmentRun, rows: Sequence[Row]) -> list[Step]:
    """The steps of these batches, in order, rehearsed by dry runs where the server can tell. Writes nothing."""
    found: list[Step] = []
    for row in rows:
        if row.kind == "whole":
            for number, work in enumerate(row.works):
                found += _namespace(run, work, rehearse=number < _REHEARSED)
                found += policies.later(work.translation)
        elif row.kind == "prepare":
            found += _namespace(run, row.works[0], rehearse=True)
        elif row.kind == "finish":
            found += _last(row.works[0])
        else:
            found += [_workload(row, one) for one in row.workloads]
    return found


def _namespace(run: EnrollmentRun, work: Work, *, rehearse: bool) -> list[Step]:
    found = [] if work.back else policies.foretold(run.client, work.translation)[0]
    if work.back:
        found += [
            Step(policies.label(obj), "create", "as it was before the move", after=obj, predicted_by="local")
            for obj in work.translation.create
        ]
    changes = {name: value for part in work.journey.first for name, value in part.items()}
    if work.light or not work.restarts:
        changes |= work.journey.last
    if not changes:
        return found
    before = touched(labels_of(work.namespace))
    if rehearse:
        relabel(run.client, kinds.NAMESPACE, work.namespace, changes, dry_run=True)
    found.append(
        Step(
            f"Namespace {work.name}",
            "update",
            _way(work),
            before={name: before.get(name) for name in changes if before.get(name) is not None},
            after={name: value for name, value in changes.items() if value is not None},
            predicted_by="server" if rehearse else "local",
            notes=[f"left as it is: {one.ref} ({', '.join(one.blockers)})" for one in work.stays],
        )
    )
    return found


def _last(work: Work) -> list[Step]:
    found = []
    if work.journey.last:
        before = touched(labels_of(work.namespace))
        changes = work.journey.last
        found.append(
            Step(
                f"Namespace {work.name}, at the end",
                "update",
                "every workload is where it shall be",
                before={name: before.get(name) for name in changes if before.get(name) is not None},
                after={name: value for name, value in changes.items() if value is not None},
                predicted_by="local",
            )
        )
    return found + policies.later(work.translation)


def _workload(row: Row, one: Workload) -> Step:
    work = row.works[0]
    mode = work.move.expects.mode
    reasons = {
        "exclude": f"kept as it is by labels of its own: {_labels(work.staying)}",
        "hbone": "restarted, so that its proxy speaks HBONE to ambient workloads",
    }
    reason = reasons.get(row.kind, f"restarted, to be {_becomes(work)}")
    if row.kind == "restart" and (labels := work.templates.get(one.ref)):
        reason = f"labels of its own: {_labels(labels)}; restarted, to be {mode}"
    return Step(
        one.ref,
        "update",
        reason,
        before={"mode": _is_now(work, one)},
        after={"mode": mode},
        predicted_by="local",
        notes=list(one.notes),
    )


def _is_now(work: Work, one: Workload) -> str:
    if one.revision or work.move.expects.mode != "sidecar":
        return f"sidecar, revision {one.revision}" if one.revision else "sidecar"
    if work.record is not None and work.continues and not work.back:
        return work.record.before.mode
    return work.move.now.mode


def _becomes(work: Work) -> str:
    expects = work.move.expects
    if expects.mode == "sidecar":
        return "injected" + (f" by revision {expects.revision}" if expects.revision else "")
    return "captured by ztunnel" if expects.mode == "ambient" else "outside the mesh"


def _way(work: Work) -> str:
    now, goal = work.move.now, work.move.goal
    told = f"{now.mode} to {goal.mode}" if now.mode != goal.mode else f"stays {goal.mode}"
    if goal.revision and goal.revision != now.revision:
        told += f", revision {goal.revision}"
    if goal.waypoint is not None and goal.waypoint != now.waypoint:
        told += f", waypoint {goal.waypoint}" if goal.waypoint else ", without waypoint"
    return told + (", back to what it was" if work.back else "")


def _labels(labels: Any) -> str:
    return ", ".join(f"{name}={value}" if value is not None else f"no {name}" for name, value in labels.items())
