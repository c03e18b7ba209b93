# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Running checks over a snapshot, and what their results add up to: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from .model import SEVERITIES, STATUSES, Check, CheckResult, Finding, NotApplicable, Status
from .snapshot import Snapshot, Undecided
from .sources import INSIDE

FailOn = Literal["error", "warning", "never"]

# Findings are grouped by cause, so this many is a mesh that nobody reads line by line.
_MOST_FINDINGS = 500
_MOST_TOLD = 3
_OUTSIDE = "port_forward is false, so istiod and proxies are not asked themselves"


def run(checks: Iterable[Check], snapshot: Snapshot, *, inside: bool = True) -> list[CheckResult]:
    """The result of each check, in the order given. Without `inside` those that ask proxies themselves are skipped."""
    return [
        run_one(check, snapshot) if inside or not asks_inside(check) else CheckResult(check, "skipped", _OUTSIDE)
        for check in checks
    ]


def asks_inside(check: Check) -> bool:
    """Whether a check needs what only istiod and proxies themselves can tell."""
    return any(source in INSIDE for source in check.sources)


def run_one(check: Check, snapshot: Snapshot) -> CheckResult:
    """The result of one check.

    What it found before it came upon something it could not see still counts; what it could not see can turn a pass
    into `unknown`, never the other way round.
    """
    findings: list[Finding] = []
    try:
        for finding in check.function(snapshot):
            findings.append(finding)
    except NotApplicable as reason:
        return CheckResult(check, "skipped", str(reason), tuple(findings))
    except Undecided as reason:
        if any(finding.severity == "error" for finding in findings):
            return CheckResult(check, "failed", f"looked at in part: {reason}", _by_severity(findings))
        return CheckResult(check, "unknown", str(reason), _by_severity(findings))
    unseen = snapshot.unseen(check.sources)
    status = status_of(findings)
    if unseen:
        return CheckResult(check, status if status == "failed" else "unknown", unseen, _by_severity(findings))
    return CheckResult(check, status, "", _by_severity(findings))


def summary(results: Sequence[CheckResult]) -> dict[str, int]:
    """How many checks came out how, and how many findings there are of each severity."""
    counted: dict[str, int] = {status: sum(result.status == status for result in results) for status in STATUSES}
    found = [finding.severity for result in results for finding in result.findings]
    return {
        "checks": len(results),
        **counted,
        "errors": found.count("error"),
        "warnings": found.count("warning"),
        "infos": found.count("info"),
    }


def shown_findings(results: Iterable[CheckResult]) -> tuple[list[dict[str, Any]], int]:
    """The findings in the shape of the return value, worst first, and how many had to be left out."""
    pairs = [(finding, result.check) for result in results for finding in result.findings]
    pairs.sort(key=lambda pair: (SEVERITIES.index(pair[0].severity), pair[1].number))
    return [finding.shown(check) for finding, check in pairs[:_MOST_FINDINGS]], max(0, len(pairs) - _MOST_FINDINGS)


def verdict(results: Sequence[CheckResult], fail_on: FailOn, fail_on_unknown: bool) -> str:
    """Why the run counts as failed, as one sentence; empty when it does not.

    Nothing decided is a failure too, unless nothing is to fail: a run that saw nothing has verified nothing.
    """
    if fail_on == "never":
        return ""
    failed = [result for result in results if result.status == "failed"]
    warned = [result for result in results if any(finding.severity == "warning" for finding in result.findings)]
    unknown = [result for result in results if result.status == "unknown"]
    decided = [result for result in results if result.status in ("passed", "warning", "failed")]
    if failed or (fail_on == "warning" and warned):
        worst = failed or warned
        told = "; ".join(f"{result.check.id} {result.findings[0].title}" for result in worst[:_MOST_TOLD])
        more = f" And {len(worst) - _MOST_TOLD} more." if len(worst) > _MOST_TOLD else ""
        return f"{len(worst)} of {len(results)} checks {'failed' if failed else 'have warnings'}: {told}{more}"
    if unknown and (fail_on_unknown or not decided):
        reason = unknown[0].reason
        what = "Nothing could be verified" if not decided else f"{len(unknown)} of {len(results)} checks are unknown"
        return f"{what}: {unknown[0].check.id} {unknown[0].check.title}: {reason}"
    return ""


def status_of(findings: Sequence[Finding]) -> Status:
    """What a check's findings make of it, all having been seen."""
    severities = {finding.severity for finding in findings}
    if "error" in severities:
        return "failed"
    return "warning" if "warning" in severities else "passed"


def _by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
