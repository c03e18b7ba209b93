# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `mesh_verify`: a snapshot, the checks over it, again until they pass or the time is up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._checks.model import CheckResult
from .._checks.run import run, shown_findings, summary, verdict
from .._checks.snapshot import Snapshot
from .._checks.table import heading, table
from .._errors import MeshError, Unreachable
from .._intent.verify import VerifyIntent
from .._kube.client import Client, Deadline
from . import snapshot as snapshots

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 5.0


class VerifyFailed(MeshError):
    """The mesh was verified and found wanting; `details` are the whole result."""


def verify(client: Client, intent: VerifyIntent) -> dict[str, Any]:
    """The module's result; raises VerifyFailed, with the same in its details, when the run counts as failed."""
    until, pause, attempts = Deadline(intent.wait_timeout), _FIRST_PAUSE, 0
    while True:
        attempts += 1
        try:
            seen = snapshots.take(client.with_deadline(Deadline(intent.read_timeout)), intent.sources)
        except Unreachable:
            # What waits for a mesh to settle may see the API server go away for a moment.
            if until.left() <= pause:
                raise
            until.sleep(pause)
            continue
        results = run(intent.checks, seen)
        reason = verdict(results, intent.fail_on, intent.fail_on_unknown)
        if not reason or until.left() <= pause:
            break
        until.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    result = shown(results, seen, attempts)
    if reason:
        waited = f" (after {intent.wait_timeout:.0f} s and {attempts} attempts)" if intent.wait_timeout else ""
        raise VerifyFailed(f"{reason}{waited}", hint=_hint(results), details=result)
    return result


def shown(results: Sequence[CheckResult], seen: Snapshot, attempts: int) -> dict[str, Any]:
    """The results in the shape of the return value."""
    findings, left_out = shown_findings(results)
    unknown = [result for result in results if result.status == "unknown"]
    return {
        "changed": False,
        "checks": [result.shown() for result in results],
        "findings": findings,
        "findings_left_out": left_out,
        "summary": summary(results),
        "table": table(results, heading(seen)),
        "attempts": attempts,
        # An ok task prints nothing: what could not be seen must not be silent.
        "warnings": [f"{item.check.id} ({item.check.title}) is unknown: {item.reason}" for item in unknown],
    }


def _hint(results: Sequence[CheckResult]) -> str:
    """The remedy of the worst finding, the first of them: what to do next."""
    for severity in ("error", "warning"):
        for result in results:
            for finding in result.findings:
                if finding.severity == severity and finding.remedy:
                    return f"Remedy: {finding.remedy}"
    return "The result's findings and table have all of it."
