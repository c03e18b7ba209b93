# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A report as Markdown for a comment or a wiki page: GitHub's dialect, worst first, short enough to be accepted."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from .entries import Change, FindingEntry
from .mesh import MODES, Mesh
from .model import Report
from .words import aside, counted, left_out, verdict, when

LONGEST = 65_000
"""Characters in all: GitHub refuses a comment of more than 65,536."""

_MARKS = {"error": "❌", "warning": "⚠️", "info": "ℹ️"}
_STATUS_MARKS = {"failed": "❌", "warning": "⚠️", "unknown": "❔", "skipped": "⏭️", "passed": "✅"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#|~!$^])")
# What would name a person, an issue or a merge request, or become a link by itself.
_REFERENCE = re.compile(r"(?<=@)(?=\S)|(?<=[#!&%~$])(?=\w)|(?<=://)|(?<=\bwww)(?=\.)|(?<=\bGH)(?=-\d)")
_BREAK = "\N{ZERO WIDTH SPACE}"
_OPEN = 3
_MOST_OBJECTS = 8
_ROOM_FOR_END = 400


def markdown(report: Report) -> str:
    """The whole text. What does not fit is left out from the end, and that is said."""
    said = 0
    kept: list[str] = []
    for block in _blocks(report):
        if said + len(block) + 2 > LONGEST - _ROOM_FOR_END:
            kept.append("_More did not fit into this comment: see the JSON or HTML report._")
            break
        kept.append(block)
        said += len(block) + 2
    return "\n\n".join(kept) + "\n"


def prose(text: str) -> str:
    """Text of the cluster within a sentence: it stays what it is, and names nobody."""
    shielded = _REFERENCE.sub(_BREAK, text)
    escaped = _SPECIAL.sub(r"\\\1", shielded)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str, in_table: bool = False) -> str:
    """Text of the cluster as code, whatever backticks it holds; in a table its pipes are escaped too."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    whole = f"{fence}{space}{text}{space}{fence}"
    return whole.replace("|", "\\|") if in_table else whole


def markup(text: str) -> str:
    """Text of the cluster within HTML that Markdown lets through."""
    return html.escape(_REFERENCE.sub(_BREAK, text))


def fenced(text: str) -> str:
    """A command, to be copied as it is."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _blocks(report: Report) -> Iterator[str]:
    yield f"## {prose(report.title)}"
    mark = _STATUS_MARKS[report.status]
    yield f"{mark} **{prose(verdict(report))}.** {prose(aside(report))}".rstrip()
    yield _about(report)
    yield _counts(report)
    yield from _changes(report)
    yield from _path(report)
    yield from _findings(report)
    yield from _limits(report)
    yield from _accepted(report)
    yield from _waves(report)
    if report.mesh is not None:
        yield _mesh(report.mesh)
    yield from _checks(report)
    if report.collection:
        yield f"<sub>Written by {markup(report.collection)}</sub>"


def _about(report: Report) -> str:
    cluster = report.cluster
    parts = [
        f"{word} {code(value)}"
        for word, value in (
            ("Cluster", cluster.name),
            ("Kubernetes", cluster.kubernetes),
            ("at", when(cluster.time)),
        )
        if value
    ]
    return " · ".join(parts)


def _counts(report: Report) -> str:
    found = report.summary
    names = ("failed", "warning", "unknown", "skipped", "passed")
    return _table(
        [f"{_STATUS_MARKS[name]} {name}" for name in names], [[str(found[name]) for name in names]], align="--:"
    )


def _changes(report: Report) -> Iterator[str]:
    changes = report.changes
    if changes is None:
        return
    since = f" since {prose(when(changes.since))}" if changes.since else " since the last run"
    if not (changes.new or changes.fixed):
        yield f"**No change**{since}."
        return
    yield f"**{len(changes.new)} new, {len(changes.fixed)} fixed**{since}"
    lines = [
        *(_change("new", each) for each in changes.new[:20]),
        *(_change("fixed", each) for each in changes.fixed[:20]),
    ]
    yield "\n".join(lines)


def _change(word: str, change: Change) -> str:
    return f"- {word}: {prose(' '.join(part for part in (change.check, change.title) if part))}"


def _path(report: Report) -> Iterator[str]:
    if report.path is None:
        return
    lines = []
    for place, step in enumerate(report.path.steps):
        mark = _STATUS_MARKS.get(step.status, _MARKS["info"])
        lines.append(
            f"{place + 1}. {mark} **{prose(step.title)}**: {prose(step.text)}{' **here**' if step.here else ''}"
        )
        lines += [f"   - {code(each)}" for each in step.evidence[:_MOST_OBJECTS]]
        if step.remedy and step.status != "passed":
            lines.append(f"   - remedy: {code(step.remedy)}")
    yield f"### The path: {prose(report.path.question)}"
    yield "\n".join([prose(report.path.summary), "", *lines])


def _findings(report: Report) -> Iterator[str]:
    if not report.findings:
        return
    yield f"### {counted(len(report.findings), 'finding')}"
    for place, finding in enumerate(report.findings):
        yield _finding(finding, place < _OPEN and finding.severity == "error")
    for line in left_out(report):
        yield f"_{line}_"


def _finding(finding: FindingEntry, opened: bool) -> str:
    new = " <b>new</b>" if finding.new else ""
    parts = [
        f"<details{' open' if opened else ''}><summary>{_MARKS[finding.severity]} <b>{markup(finding.check)}</b> "
        f"{markup(finding.title)}{new}</summary>"
    ]
    if finding.objects:
        more = len(finding.objects) - _MOST_OBJECTS
        shown = [code(each) for each in finding.objects[:_MOST_OBJECTS]]
        parts.append("Objects: " + ", ".join(shown) + (f" and {more} more" if more > 0 else ""))
    if finding.evidence:
        parts.append("\n".join(f"- {code(each)}" for each in finding.evidence))
    if finding.remedy:
        parts.append(f"Remedy:\n\n{fenced(finding.remedy)}")
    if finding.docs:
        parts.append(f"Documented in {code(finding.docs)}")
    return "\n\n".join([*parts, "</details>"])


def _accepted(report: Report) -> Iterator[str]:
    if report.accepted:
        rows = [
            [code(each.check, True), prose(each.title), prose(each.reason), prose(each.expires or "never")]
            for each in report.accepted[:50]
        ]
        yield _folded(
            f"{counted(len(report.accepted), 'accepted finding')}",
            _table(["Check", "Finding", "Reason", "Until"], rows),
        )
    if report.expired:
        yield "Accepted before, and over now:\n\n" + "\n".join(f"- {prose(each)}" for each in report.expired)
    if report.unused:
        yield "Found nothing to accept:\n\n" + "\n".join(f"- {prose(each)}" for each in report.unused)


def _limits(report: Report) -> Iterator[str]:
    if report.limits:
        yield _folded("What could not be seen", "\n".join(f"- {prose(each)}" for each in report.limits))


def _waves(report: Report) -> Iterator[str]:
    if report.waves:
        rows = [[prose(w.name), f"{w.done} of {w.total}", prose(w.status), prose(w.detail)] for w in report.waves]
        yield _folded("Waves", _table(["Wave", "Namespaces", "Status", ""], rows))


def _mesh(mesh: Mesh) -> str:
    modes = {mode: [n for n in mesh.namespaces if n.mode == mode] for mode in MODES}
    rows = [
        [mode, str(len(found)), str(sum(n.pods or 0 for n in found)), str(sum(bool(n.waypoint) for n in found))]
        for mode, found in modes.items()
        if found
    ]
    planes = [
        f"- istiod {code(plane.revision)} {prose(plane.version)}, {plane.ready} of {plane.replicas} ready"
        for plane in mesh.control_planes[:10]
    ]
    body = "\n".join(planes)
    table = _table(["Mode", "Namespaces", "Pods", "With a waypoint"], rows) if rows else ""
    return _folded("The mesh", "\n\n".join(part for part in (body, table) if part) or "Nothing is known of it.")


def _checks(report: Report) -> Iterator[str]:
    if report.checks:
        rows = [
            [code(c.id, True), prose(c.title), f"{_STATUS_MARKS[c.status]} {c.status}", prose(c.reason)]
            for c in report.checks
        ]
        yield _folded("All checks", _table(["Check", "", "Status", "Reason"], rows))


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{markup(title)}</summary>\n\n{body}\n\n</details>"


def _table(head: list[str], rows: Iterable[list[str]], align: str = "---") -> str:
    lines = [head, [align] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
