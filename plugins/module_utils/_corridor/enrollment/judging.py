# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whether a move may begin: what stands in its way, and which policies nobody would carry out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..._checks.policy.account import accepted, account, opened, shown, workloads
from ..._checks.policy.account_model import Row as AccountRow
from ..._checks.policy.scene import Scene
from ..._checks.policy.view import View
from ..._desired.enrollment.blocker import Blocker
from ..._desired.enrollment.blockers import blockers
from ..._desired.enrollment.forecast import Forecast
from ..._errors import GuardRefused
from .probe import injected
from .run import EnrollmentRun, Work
from .survey import Survey

_TOLD = 40


@dataclass(slots=True)
class Enforcement:
    """Who carries out which policy: now, and when the move is over; `opened` is what is lost on the way or after."""

    before: list[AccountRow]
    after: list[AccountRow]
    opened: list[AccountRow]


def judge(run: EnrollmentRun, survey: Survey, view: View, works: Sequence[Work]) -> Enforcement:
    """Returns who carries out what. Raises GuardRefused with all that speaks against it, at once."""
    standing = [one for one in _blockers(run, survey, works) if not _accepted(run, one)]
    found = enforcement(view, works)
    gaps = [row for row in found.opened if not accepted(row, run.intent.accept_gaps)]
    if not standing and not gaps:
        return found
    told = [f"{one.told}" + (f" {one.hint}" if one.hint else "") for one in standing]
    told += [
        f"{row.policy} would not be carried out for {row.workload}, clients {row.client}: {row.reason}" for row in gaps
    ]
    more = f". And {len(told) - _TOLD} more." if len(told) > _TOLD else ""
    moved = "Nothing more was moved" if any(work.continues for work in works) else "Nothing was moved"
    said = " | ".join(told[:_TOLD]).removesuffix(".") + (more or ".")
    raise GuardRefused(
        f"{moved}. {_counted(standing, gaps)}: {said}",
        hint=_hint(standing, gaps),
        details={
            "blockers": [one.told for one in standing],
            "gaps": shown(gaps),
        },
    )


def enforcement(view: View, works: Sequence[Work]) -> Enforcement:
    """The account before and after, and of each state between: what is bound now and in one of them is not."""
    spaces = {work.name for work in works if work.pending}
    if not spaces:
        return Enforcement([], [], [])
    before = account(view, spaces)
    lost: dict[tuple[str, str, str], AccountRow] = {}
    after = before
    for scene in _states(view.scene, works):
        then = View(scene)
        after = account(then, spaces)
        for row in opened(before, after, workloads(then, spaces)):
            lost.setdefault((row.policy, row.workload, row.client), row)
    present = {(row.policy, row.workload, row.client) for row in before if row.present}
    # A class that nobody is of, now or then, loses nothing.
    felt = [row for key, row in lost.items() if row.present or key in present]
    return Enforcement(before, after, felt)


def observed(run: EnrollmentRun, view: View, works: Sequence[Work], foretold: Enforcement) -> Enforcement:
    """What is really so after the writes; a gap that nobody foretold or accepted is a warning."""
    if not foretold.before:
        return foretold
    spaces = {work.name for work in works}
    after = account(view, spaces)
    lost = opened(foretold.before, after, workloads(view, spaces))
    known = {(row.policy, row.workload, row.client) for row in foretold.opened}
    for row in lost:
        expected = (row.policy, row.workload, row.client) in known or accepted(row, run.intent.accept_gaps)
        if row.present and row.verdict == "gap" and not expected:
            run.warnings.append(f"After this batch nobody carries out {row.told}.")
    return Enforcement(foretold.before, after, lost)


def _states(scene: Scene, works: Sequence[Work]) -> Iterable[Scene]:
    """The scene once all is prepared, once all is restarted, and once all is finished."""
    forecast = Forecast(scene)
    for work in works:
        forecast.remove(work.translation.first_remove)
        forecast.write(work.translation.create)
        forecast.write(edit.after for edit in work.translation.edit)
        for labels in work.journey.first:
            forecast.label(work.name, labels)
    yield forecast.scene
    if any(work.workloads for work in works):
        for work in works:
            for one in work.workloads:
                forecast.restart(work.name, one.pods, work.move.goal.mode)
            forecast.write(work.translation.protection)
        yield forecast.scene
    if any(work.finishes for work in works):
        for work in works:
            forecast.label(work.name, work.journey.last)
            forecast.write(work.translation.protection)
            forecast.write(edit.after for edit in work.translation.last_edit)
            forecast.remove(work.translation.remove)
        yield forecast.scene


def _blockers(run: EnrollmentRun, survey: Survey, works: Sequence[Work]) -> list[Blocker]:
    pending = [work for work in works if work.pending]
    excluded = [one.ref for one in run.intent.excluded]
    # What no restart would move counts, even where nothing else is left to do.
    found = blockers(
        survey,
        [work.move for work in works if work.pending or work.stays],
        excluded=excluded,
        restart_ids={work.name: work.record.restart_id for work in works if work.record is not None and work.continues},
        translated=run.intent.translate,
    )
    for work in pending:
        found += work.translation.impossible
        if work.move.goal.mode == "sidecar":
            found += injected(run.client, survey, work.move, work.workloads)
    return list({(one.id, one.obj): one for one in found}.values())


def _accepted(run: EnrollmentRun, one: Blocker) -> bool:
    if not run.intent.accept_blockers & one.names:
        return False
    if one.told not in run.accepted:
        run.accepted.append(one.told)
    return True


def _counted(standing: Sequence[Blocker], gaps: Sequence[AccountRow]) -> str:
    said = [f"{len(standing)} {'thing stands' if len(standing) == 1 else 'things stand'} in the way"] * bool(standing)
    said += [f"{len(gaps)} {'gap' if len(gaps) == 1 else 'gaps'} in enforcement would open"] * bool(gaps)
    return ", ".join(said)


def _hint(standing: Sequence[Blocker], gaps: Sequence[AccountRow]) -> str:
    said = ["See to what stands in the way, or accept it by accept_blockers, by its name in brackets or its object."]
    said *= bool(standing)
    if gaps:
        said.append(
            "Close the gaps (a waypoint, protect: true, STRICT), or accept them by accept_gaps, by the policy's name."
        )
    return " ".join(said)
