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
from html import escape
from typing import Any

from .._checks.model import SEVERITIES, STATUSES
from .clean import LONGEST_TEXT, mapping, mappings, number, plain, text, texts
from .mesh import Mesh

OTHER = "other"

_MOST_CHECKS = 500
_MOST_FINDINGS = 500
_MOST_ACCEPTED = 200
_MOST_CHANGES = 200
_MOST_LIMITS = 100
_MOST_WAVES = 100
_MOST_NAMES = 100
_MOST_NAMED = 5
_MOST_OBJECTS = 21
_MOST_FACTS = 13
# What all findings together may say, in characters: a page of it stays under 2 MB.
_MOST_SAID = 700_000
_OVER = ("done", "complete", "completed", "finished", "moved", "verified", "ok")


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
class CheckEntry:
    """What came of one check."""

    id: str
    title: str
    category: str
    severity: str
    status: str
    reason: str
    findings: int
    accepted: int


@dataclass(frozen=True, slots=True)
class FindingEntry:
    """One finding. `namespaces` are those that its objects are in; `new` when the last run did not have it.

    `reason` and `expires` say why and until when it is accepted; both are empty for one that counts.
    """

    check: str
    category: str
    severity: str
    title: str
    objects: tuple[str, ...]
    evidence: tuple[str, ...]
    remedy: str
    docs: str
    namespaces: tuple[str, ...]
    new: bool = False
    reason: str = ""
    expires: str = ""

    @property
    def size(self) -> int:
        """In characters, as a page has to write them."""
        return len(escape("".join((self.title, self.remedy, self.docs, *self.objects, *self.evidence))))


@dataclass(frozen=True, slots=True)
class Change:
    """A finding that came or went since the last run."""

    check: str
    title: str
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different from the last run, which was at `since`."""

    since: str
    new: tuple[Change, ...]
    fixed: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave of a migration: `status` in the words of who reported it, `done` of `total` namespaces."""

    name: str
    status: str
    namespaces: tuple[str, ...]
    done: int
    total: int
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report shows. `mesh` is None when nobody asked for the picture.

    `left_out` counts by part what did not fit. `fail_on` and `fail_on_unknown` are what the run was told to fail on.
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
    explanation: Any = None
    expired: tuple[str, ...] = ()
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
        all_checks = [_check(each) for each in mappings(result.get("checks"), 10_000)]
        checks = all_checks[:_MOST_CHECKS]
        categories = {check.id: check.category for check in checks}
        changes = _changes(result.get("changes"))
        fresh = {(change.check, change.title) for change in changes.new} if changes else set()
        found = sorted(
            (_finding(each, categories, fresh) for each in mappings(result.get("findings"), 10_000)), key=_worst_first
        )
        accepted = [_finding(each, categories, set()) for each in mappings(result.get("accepted"), 10_000)]
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
        cluster = mapping(result.get("cluster"))
        return cls(
            title=text(title) or "Mesh check-up",
            collection=text(collection or cluster.get("collection"), 60),
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
            waves=tuple(_wave(each) for each in mappings(waves, _MOST_WAVES)),
            explanation=plain(result.get("explanation")) or None,
            expired=_expired(mapping(result.get("baseline"))),
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
        """What it comes to: failed, warning, unknown or passed. Nothing decided is unknown, and never passed."""
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


def namespace_in(label: str) -> str:
    """The namespace in an object's label: of `Pod shop/web` and `Namespace shop` it is shop; empty where none is."""
    kind, found, name = label.partition(" ")
    if not found or label.startswith("and "):
        return ""
    if kind == "Namespace":
        return name.split(" ")[0]
    namespace, slash, rest = name.partition("/")
    return namespace if slash and rest and " " not in namespace and ":" not in namespace else ""


def _check(given: Mapping[str, Any]) -> CheckEntry:
    status = text(given.get("status"), 20)
    return CheckEntry(
        id=text(given.get("id"), 80),
        title=text(given.get("title")),
        category=text(given.get("category"), 80) or OTHER,
        severity=_severity(given.get("severity")),
        status=status if status in STATUSES else "unknown",
        reason=text(given.get("reason")),
        findings=number(given.get("findings")),
        accepted=number(given.get("accepted")),
    )


def _finding(given: Mapping[str, Any], categories: Mapping[str, str], fresh: set[tuple[str, str]]) -> FindingEntry:
    check, title = text(given.get("check"), 80), text(given.get("title"))
    objects = texts(given.get("objects"), _MOST_OBJECTS)
    accepted = mapping(given.get("accepted"))
    return FindingEntry(
        check=check,
        category=text(given.get("category"), 80) or categories.get(check, OTHER),
        severity=_severity(given.get("severity")),
        title=title,
        objects=objects,
        evidence=texts(given.get("evidence"), _MOST_FACTS),
        remedy=text(given.get("remedy")),
        docs=text(given.get("docs"), 200),
        namespaces=tuple(dict.fromkeys(filter(None, map(namespace_in, objects)))),
        new=(check, title) in fresh,
        reason=text(accepted.get("reason")),
        expires=text(accepted.get("expires"), 40),
    )


def _severity(value: Any) -> str:
    return value if isinstance(value, str) and value in SEVERITIES else "warning"


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


def _changes(given: Any) -> Changes | None:
    found = mapping(given)
    if not found:
        return None

    new, fixed = (_merged(mappings(found.get(part), 10_000)) for part in ("new", "fixed"))
    return Changes(text(found.get("since"), 60), new, fixed)


def _merged(given: Iterable[Mapping[str, Any]]) -> tuple[Change, ...]:
    """One change for all objects of which a check says the same."""
    objects: dict[tuple[str, str], list[Any]] = {}
    for each in given:
        objects.setdefault((text(each.get("check"), 80), text(each.get("title"))), []).append(each.get("object"))
    return tuple(Change(check, title, texts(labels, _MOST_NAMED)) for (check, title), labels in objects.items())[
        :_MOST_CHANGES
    ]


def _summary(given: Mapping[str, Any], checks: list[CheckEntry], found: list[FindingEntry]) -> dict[str, int]:
    """As the module counts; counted afresh where it did not."""
    counted: dict[str, int] = {status: sum(check.status == status for check in checks) for status in STATUSES}
    severities = {f"{severity}s": sum(f.severity == severity for f in found) for severity in SEVERITIES}
    whole: dict[str, int] = {"checks": len(checks), **counted, **severities}
    return {key: number(given[key]) if key in given else count for key, count in whole.items()}


def _wave(given: Mapping[str, Any]) -> Wave:
    """From a wave's report ({name, namespaces, status, message}), or from journals (`done`, `left`)."""
    names = texts(given.get("namespaces"), _MOST_NAMES, 120)
    failures = [
        f"{text(f.get('namespace'), 120)}: {text(f.get('message'))}" for f in mappings(given.get("failures"), 3)
    ]
    detail = text(given.get("message") or given.get("reason") or "; ".join(failures))
    status = text(given.get("status"), 60)
    entries = given.get("namespaces")
    total = len(entries) if isinstance(entries, (list, tuple)) else 0
    if "left" in given:
        total = number(given.get("done")) + number(given.get("left"))
        status = status or ("failed" if failures else "under way" if number(given.get("left")) else "done")
    done = number(given.get("done")) if "done" in given else total if status.lower() in _OVER else 0
    return Wave(text(given.get("name"), 120), status, names, min(done, total), total, detail)


def _expired(baseline: Mapping[str, Any]) -> tuple[str, ...]:
    """The accepted findings whose time is over: they count again."""
    return texts(
        [
            f"{text(each.get('check'), 80)} {text(each.get('object'), 120)}: {text(each.get('reason'), 120)} "
            f"(until {text(each.get('expires'), 40)})"
            for each in mappings(baseline.get("expired"), 50)
        ],
        50,
    )
