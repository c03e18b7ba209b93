# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One report: the result of a check-up in a fixed shape, bounded, in a stable order, ready for any format. Pure.

All text in it has been through `clean`: on one line, bounded, nothing in it that XML refuses. It is not escaped: each
format does that in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._checks.model import SEVERITIES, STATUSES
from .clean import LONGEST_TEXT, mapping, mappings, number, text, texts
from .entries import Changes, CheckEntry, FindingEntry, Wave, changes_of, check_of, finding_of, sentences, wave_of
from .mesh import Mesh
from .path import Path

_MOST_CHECKS = 500
_MOST_FINDINGS = 500
_MOST_ACCEPTED = 200
_MOST_LIMITS = 100
_MOST_WAVES = 100
# What all findings together may say, in characters: a page of it stays under 2 MB.
_MOST_SAID = 700_000


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which cluster, and when: `time` is RFC 3339 or empty."""

    server: str = ""
    context: str = ""
    kubernetes: str = ""
    time: str = ""

    @property
    def name(self) -> str:
        return self.context or self.server or "the cluster"


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report shows. `mesh` is None when nobody asked for the picture.

    `expired` and `unused` are entries of the baseline. `left_out` counts by part what did not fit. `fail_on` and
    `fail_on_unknown` are what the run was told to fail on.
    """

    title: str
    collection: str
    cluster: Cluster
    checks: tuple[CheckEntry, ...]
    findings: tuple[FindingEntry, ...]
    accepted: tuple[FindingEntry, ...]
    summary: Mapping[str, int]
    limits: tuple[str, ...] = ()
    changes: Changes | None = None
    mesh: Mesh | None = None
    waves: tuple[Wave, ...] = ()
    path: Path | None = None
    expired: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    fail_on: str = "error"
    fail_on_unknown: bool = False

    @classmethod
    def of(
        cls,
        result: Mapping[str, Any],
        *,
        title: str = "",
        collection: str = "",
        about: Mapping[str, Any] | None = None,
    ) -> Report:
        """The report of one cluster's check-up.

        `result` is what `mesh_verify` returns; any part of it may be absent. `about` may hold `waves` (a list of
        {name, namespaces, status, ...}), `fail_on` and `fail_on_unknown`. Nothing in either is trusted.
        """
        more = mapping(about)
        all_checks = [check_of(each) for each in mappings(result.get("checks"), 10_000)]
        checks = all_checks[:_MOST_CHECKS]
        categories = {check.id: check.category for check in checks}
        changes = changes_of(result.get("changes"))
        fresh = {(change.check, change.title) for change in changes.new} if changes else set()
        found = sorted(
            (finding_of(each, categories, fresh) for each in mappings(result.get("findings"), 10_000)), key=_worst_first
        )
        accepted = [finding_of(each, categories, set()) for each in mappings(result.get("accepted"), 10_000)]
        findings = _fitting(found, _MOST_FINDINGS, _MOST_SAID)
        shown_accepted = _fitting(accepted, _MOST_ACCEPTED, _MOST_SAID // 4)
        info = mapping(result.get("info"))
        mesh = Mesh.of(info) if info else None
        waves = more.get("waves") or result.get("waves") or info.get("waves")
        left_out = {
            "checks": len(all_checks) - len(checks),
            "findings": number(result.get("findings_left_out")) + len(found) - len(findings),
            "accepted": len(accepted) - len(shown_accepted),
            **(mesh.left_out if mesh else {}),
        }
        cluster, baseline = mapping(result.get("cluster")), mapping(result.get("baseline"))
        explanation = mapping(result.get("explanation"))
        return cls(
            title=text(title) or "Mesh check-up",
            collection=_named(text(collection or cluster.get("collection"), 60)),
            cluster=Cluster(
                **{key: text(cluster.get(key), 200) for key in ("server", "context", "kubernetes", "time")}
            ),
            checks=tuple(checks),
            findings=findings,
            accepted=shown_accepted,
            summary=_summary(mapping(result.get("summary")), checks, found),
            limits=texts(result.get("limits"), _MOST_LIMITS, LONGEST_TEXT),
            changes=changes,
            mesh=mesh,
            waves=tuple(wave_of(each) for each in mappings(waves, _MOST_WAVES)),
            path=Path.of(explanation) if explanation else None,
            expired=sentences(baseline.get("expired")),
            unused=sentences(baseline.get("unused")),
            left_out={part: count for part, count in left_out.items() if count > 0},
            fail_on=text(more.get("fail_on"), 20) or "error",
            fail_on_unknown=bool(more.get("fail_on_unknown")),
        )

    @property
    def categories(self) -> tuple[str, ...]:
        """Those of the checks and findings, in the order of the checks."""
        return tuple(dict.fromkeys([*(c.category for c in self.checks), *(f.category for f in self.findings)]))

    @property
    def decided(self) -> int:
        """How many checks could decide anything."""
        return sum(self.summary[status] for status in ("passed", "warning", "failed"))

    @property
    def status(self) -> str:
        """What it comes to: failed, warning, unknown or passed. Nothing decided is unknown, and never passed.

        Where nothing but a path was asked about, it is what became of the path.
        """
        if self.path is not None and not self.summary["checks"]:
            return self.path.status
        if self.summary["failed"] or self.summary["errors"]:
            return "failed"
        if self.summary["warning"] or self.summary["warnings"]:
            return "warning"
        return "unknown" if self.summary["unknown"] or not self.decided else "passed"

    def affected(self) -> dict[str, dict[str, int]]:
        """How many findings of each severity each namespace has."""
        found: dict[str, dict[str, int]] = {}
        for finding in self.findings:
            for namespace in finding.namespaces:
                counts = found.setdefault(namespace, dict.fromkeys(SEVERITIES, 0))
                counts[finding.severity] += 1
        return found


def _named(collection: str) -> str:
    """With its name, where only a version is told."""
    return f"meshwright.istio {collection}" if collection[:1].isdigit() else collection


def _summary(given: Mapping[str, Any], checks: list[CheckEntry], found: list[FindingEntry]) -> dict[str, int]:
    """As the module counts; counted afresh where it did not."""
    counted: dict[str, int] = {status: sum(check.status == status for check in checks) for status in STATUSES}
    severities = {f"{severity}s": sum(f.severity == severity for f in found) for severity in SEVERITIES}
    whole: dict[str, int] = {"checks": len(checks), **counted, **severities}
    return {key: number(given[key]) if key in given else count for key, count in whole.items()}


def _worst_first(finding: FindingEntry) -> tuple[Any, ...]:
    return (SEVERITIES.index(finding.severity), finding.check, finding.title, finding.objects)


def _fitting(findings: Iterable[FindingEntry], most: int, said: int) -> tuple[FindingEntry, ...]:
    """The first of them: so many, and together no longer than so many characters."""
    kept: list[FindingEntry] = []
    for finding in findings:
        said -= finding.size
        if said < 0 or len(kept) == most:
            break
        kept.append(finding)
    return tuple(kept)
