# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a run says in the end: steps, where each namespace is, what is left, and who carries out which policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..._checks.policy.account import shown
from ..._checks.policy.account_model import Row as AccountRow
from ..._checks.policy.scene import Scene
from ..._checks.snapshot import Obj, name_of
from ..._desired.enrollment.model import plane_of
from ..plan import Plan
from .accounting import account_resources
from .judging import Enforcement
from .record import Record
from .run import EnrollmentRun, Row, Work
from .survey import Survey

_LISTED = 50
_STEPS = 200


def result(
    run: EnrollmentRun,
    survey: Survey,
    works: Sequence[Work],
    *,
    changed: bool,
    done: Sequence[Row],
    left: Sequence[Row],
    enforcement: Enforcement,
) -> dict[str, Any]:
    """The keyword arguments of `exit_json`."""
    plan = Plan(run.steps)
    steps, table = plan.summary(), plan.table() if plan.steps else []
    if not run.intent.full and len(steps) > _STEPS:
        run.notes.append(f"{len(steps) - _STEPS} steps more are not shown; return: full shows them")
        steps, table = steps[:_STEPS], table[:_STEPS]
    by_name = {work.name: work for work in works}
    return {
        "changed": changed,
        "state": run.intent.state,
        "steps": steps,
        "table": table,
        "diff": plan.diff(),
        "namespaces": {name: place(survey, work.namespace, work.record, work) for name, work in by_name.items()},
        "batch": _bounded(run, [name for row in done for name in row.names]),
        "batches": [_bounded(run, row.names) for row in left],
        "batches_left": len(left),
        "account": account(run, enforcement),
        "blockers": run.accepted,
        "restarted": run.restarted,
        "next": "run it again" if left else "",
        "notes": list(dict.fromkeys([*run.notes, *survey.unread])),
        "warnings": list(run.warnings),
    }


def place(survey: Survey, namespace: Obj, record: Record | None, work: Work | None) -> dict[str, Any]:
    """Where a namespace is, by its labels, its pods and its journal."""
    plane = plane_of(namespace)
    scene, name = survey.scene, name_of(namespace)
    left = [one.ref for one in (*work.hbone, *work.workloads)] if work is not None else []
    return {
        "mode": plane.mode,
        "revision": plane.revision,
        "waypoint": plane.waypoint,
        "pods": dict(Counter(scene.enrolled(pod) for pod in scene.pods.get(name, ()))),
        "stage": record.stage if record is not None and record.journal.version else "",
        "from": record.before.mode if record is not None and record.journal.version else "",
        "in_place": None if work is None else not work.pending and not work.stays,
        "left": list(dict.fromkeys(left))[:_LISTED],
    }


def account(run: EnrollmentRun, found: Enforcement) -> dict[str, Any]:
    """Who carries out which policy, before and after; gaps and what is unknown in full, the rest counted."""
    gaps = [row for row in found.after if row.verdict == "gap"]
    told = {
        "before": _counts(found.before),
        "after": _counts(found.after),
        "opened": shown(found.opened),
        "gaps": shown(gaps),
    }
    if run.intent.full:
        told["rows"] = shown(found.after)
    return told


def captured(scene: Scene) -> dict[str, int]:
    """How many pods of each namespace ztunnel carries, for its share of the cost."""
    found = {name: sum(scene.enrolled(pod) == "ambient" for pod in pods) for name, pods in scene.pods.items()}
    return {name: count for name, count in found.items() if count}


def resources(run: EnrollmentRun, scene: Scene, works: Sequence[Work]) -> dict[str, Any]:
    """What proxies request and use: before the move, as the journals have it, and now."""
    now = account_resources(run.client, captured=captured(scene))
    kept = [work.record.state.get("resources") or {} for work in works if work.record is not None]
    counted = [one for one in kept if "total" in one]
    before: dict[str, Any] = {}
    if counted:
        spaces = {name: entry for one in counted for name, entry in one["namespaces"].items()}
        before = {**counted[0], "namespaces": spaces}
    return {"before": before, "now": now.shown([work.name for work in works][:_LISTED])}


def _counts(rows: Sequence[AccountRow]) -> dict[str, int]:
    found = Counter(row.verdict for row in rows)
    return {name: found.get(name, 0) for name in ("bound", "gap", "unknown")}


def _bounded(run: EnrollmentRun, names: list[str]) -> list[str]:
    if run.intent.full or len(names) <= _LISTED:
        return names
    return [*names[:_LISTED], f"and {len(names) - _LISTED} more"]
