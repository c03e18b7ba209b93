# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a check is, and what it says.

A check is a pure function from one `Snapshot` to findings. It never decides by itself that it passed: it yields
what it found, raises `Undecided` when it could not see enough, or `NotApplicable` when there is nothing to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from .snapshot import Snapshot

Severity = Literal["error", "warning", "info"]
Status = Literal["passed", "warning", "failed", "unknown", "skipped"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
STATUSES: tuple[Status, ...] = ("failed", "warning", "unknown", "skipped", "passed")

# A finding stays readable, and a result small, whatever the cluster's size: what is left out is counted.
_MOST_OBJECTS = 20
_MOST_EVIDENCE = 12
_LONGEST_TEXT = 600


class NotApplicable(Exception):
    """There is nothing here for this check to look at; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found by a check.

    `title` is a whole sentence; `objects` are labels such as `Deployment istio-system/istiod`;
    `evidence` are short facts that were read (`updated 0 of 3`); `remedy` is a command, or an option of this
    collection, that mends it. `related` are other objects that it tells of, without being about them: what is accepted
    or compared goes by `objects` alone.
    """

    severity: Severity
    title: str
    objects: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    remedy: str = ""
    related: tuple[str, ...] = ()

    def shown(self, check: Check) -> dict[str, Any]:
        """The finding in the shape of the module's return value, bounded in size."""
        return {
            "check": check.id,
            "severity": self.severity,
            "title": bounded(self.title),
            "objects": _some(self.objects, _MOST_OBJECTS),
            "related": _some(self.related, _MOST_OBJECTS),
            "evidence": _some(self.evidence, _MOST_EVIDENCE),
            "remedy": bounded(self.remedy),
            "docs": check.page,
        }


Findings = Iterable[Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing worth checking.

    `number` is its place in the list of checks an operator wants, and gives the stable `id`.
    `severity` is the worst that it reports. `sources` are the names of what it reads from the snapshot; those in
    `extra` only add evidence, and what of them cannot be read decides nothing.
    `docs` is the text of its documentation: what it looks at, and why that matters. `name` is the identifier of a
    check of the user's own, who need not document it; those of this collection have numbers.
    """

    number: int
    title: str
    category: str
    severity: Severity
    sources: tuple[str, ...]
    docs: str
    function: Callable[[Snapshot], Findings]
    extra: tuple[str, ...] = ()
    name: str = ""

    @property
    def page(self) -> str:
        """Where it is documented, in this collection; empty for a check of the user's own."""
        return "" if self.name else f"docs/checks.md#{self.id.lower()}"

    @property
    def id(self) -> str:
        """The stable identifier, such as `MW0017`."""
        return self.name or f"MW{self.number:04d}"


@dataclass(frozen=True, slots=True)
class AcceptedFinding:
    """A finding that was accepted, why, and until when (a date, or empty)."""

    finding: Finding
    reason: str
    expires: str = ""

    def shown(self, check: Check) -> dict[str, Any]:
        """As a finding, and `accepted` with `reason` and `expires`."""
        return {**self.finding.shown(check), "accepted": {"reason": bounded(self.reason), "expires": self.expires}}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check. `reason` says why it is unknown, skipped, or looked at only in part.

    `accepted` are findings that the user has accepted beforehand: they count for nothing.
    """

    check: Check
    status: Status
    reason: str = ""
    findings: tuple[Finding, ...] = field(default=())
    accepted: tuple[AcceptedFinding, ...] = field(default=())

    def shown(self) -> dict[str, Any]:
        """The result in the shape of the module's return value."""
        return {
            "id": self.check.id,
            "number": self.check.number,
            "title": self.check.title,
            "category": self.check.category,
            "severity": self.check.severity,
            "status": self.status,
            "reason": bounded(self.reason),
            "findings": len(self.findings),
            "accepted": len(self.accepted),
        }


def counted(number: int, noun: str) -> str:
    """`1 namespace`, `3 namespaces`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def bounded(text: str, most: int = _LONGEST_TEXT) -> str:
    """The text on one line, cut to a length that a result can carry."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 4]} ..."


def _some(texts: tuple[str, ...], most: int) -> list[str]:
    shown = [bounded(text, 300) for text in texts[:most]]
    return [*shown, f"and {len(texts) - most} more"] if len(texts) > most else shown
