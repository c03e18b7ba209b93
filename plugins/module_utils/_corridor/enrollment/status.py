# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""State `status`: where each namespace is, and what is left to do, without writing anything."""

from __future__ import annotations

from typing import Any

from ..._checks.policy.account import account
from ..._checks.policy.view import View
from ..._checks.snapshot import Obj, name_of
from ..._desired.enrollment.model import plane_of
from ..._kube import kinds
from .choosing import choose
from .finding import find_work, moves
from .judging import Enforcement, enforcement
from .reading import read
from .record import read_records
from .result import place, resources, result
from .run import EnrollmentRun, Work, rows


def status(run: EnrollmentRun) -> dict[str, Any]:
    """The result; with `mode` also what would be left to do, and whether each namespace is in place."""
    intent = run.intent
    chosen: list[Obj] = _chosen(run)
    names = [name_of(obj) for obj in chosen]
    records = read_records(run.client, None)
    if not intent.namespaces and not intent.selector:
        extra = [name for name in records if name not in names]
        there = run.client.many(lambda name: run.client.get(kinds.NAMESPACE, name), sorted(extra))
        chosen += [obj for obj in there if obj is not None]
        names = [name_of(obj) for obj in chosen]
    survey = read(run.client, names, root=intent.istio_namespace)
    view = View(survey.scene)
    works: list[Work] = []
    if intent.mode is not None:
        for obj, move in zip(chosen, moves(survey, intent, chosen), strict=True):
            works.append(find_work(run, survey, view, obj, move, records.get(move.namespace)))
    left = rows(works, intent.batch)
    found = enforcement(view, works)
    if not any(work.pending for work in works):
        now = account(view, names)
        found = Enforcement(now, now, [])
    answer = result(run, survey, works, changed=False, done=(), left=left, enforcement=found)
    by_name = {work.name: work for work in works}
    answer["namespaces"] = {
        name_of(obj): place(survey, obj, records.get(name_of(obj)), by_name.get(name_of(obj))) for obj in chosen
    }
    answer["resources"] = resources(run, survey.scene, works)
    answer["next"] = ""
    return answer


def _chosen(run: EnrollmentRun) -> list[Obj]:
    """Those named or selected; without either, all that are in the mesh."""
    intent = run.intent
    if intent.namespaces or intent.selector:
        return choose(run.client, intent, run.notes)
    found = run.client.list(kinds.NAMESPACE, metadata_only=True)
    return [obj for obj in found if plane_of(obj).mode != "none" and not intent.is_system(name_of(obj))]
