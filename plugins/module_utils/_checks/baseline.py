# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The baseline: findings that somebody has accepted, by check and object, with a reason and for a time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from .model import AcceptedFinding, CheckResult, Finding
from .run import status_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing accepted: a check's findings about objects like `object` (a pattern; empty: all that it finds).

    A pattern is for an object's label (`Service shop/web`) or the label without its kind (`shop/*`). `expires` is the
    last day on which it holds, as YYYY-MM-DD; empty: for good.
    """

    check: str
    object: str = ""
    reason: str = ""
    expires: str = ""

    def holds(self, today: str) -> bool:
        return not self.expires or today <= self.expires

    def matches(self, label: str) -> bool:
        return any(fnmatchcase(one, self.object) for one in (label, label.partition(" ")[2]))

    def shown(self) -> dict[str, str]:
        return {"check": self.check, "object": self.object, "reason": self.reason, "expires": self.expires}


@dataclass(frozen=True, slots=True)
class Weighed:
    """Results with what is accepted set aside. `expired` entries would have matched; `unused` matched nothing."""

    results: list[CheckResult]
    expired: list[Entry] = field(default_factory=list)
    unused: list[Entry] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return {
            "expired": [entry.shown() for entry in self.expired],
            "unused": [entry.shown() for entry in self.unused],
        }


def weigh(results: Sequence[CheckResult], baseline: Sequence[Entry], today: str) -> Weighed:
    """Set aside what the baseline accepts on the day `today` (YYYY-MM-DD).

    Of a finding about several objects those that are accepted go; when none is left, the finding is accepted. An entry
    is unused only when its check could look.
    """
    if not baseline:
        return Weighed(list(results))
    used: set[Entry] = set()
    weighed = []
    for result in results:
        entries = [entry for entry in baseline if entry.check == result.check.id]
        weighed.append(_weigh(result, entries, today, used) if entries else result)
    decided = {result.check.id for result in results if result.status in ("passed", "warning", "failed")}
    return Weighed(
        weighed,
        expired=[entry for entry in baseline if entry in used and not entry.holds(today)],
        unused=[entry for entry in baseline if entry not in used and entry.check in decided],
    )


def _weigh(result: CheckResult, entries: list[Entry], today: str, used: set[Entry]) -> CheckResult:
    kept: list[Finding] = []
    accepted: list[AcceptedFinding] = []
    for finding in result.findings:
        left = finding
        for entry in entries:
            met = tuple(label for label in left.objects if entry.matches(label)) if entry.object else left.objects
            if entry.object and not met:
                continue
            used.add(entry)
            if not entry.holds(today):
                continue
            accepted.append(AcceptedFinding(replace(left, objects=met), entry.reason, entry.expires))
            left = replace(left, objects=tuple(label for label in left.objects if label not in met))
            if not left.objects:
                break
        else:
            kept.append(left)
    status = result.status
    if status in ("passed", "warning", "failed"):
        status = status_of(kept)
        if result.reason and status != "failed":
            # What it could not see besides counts again, once nothing that it saw is wrong.
            status = "unknown"
    return replace(result, status=status, findings=tuple(kept), accepted=tuple(accepted))
