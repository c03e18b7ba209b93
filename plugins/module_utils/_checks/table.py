# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Results as lines of text for people: aligned, and plain, for they pass through Ansible's JSON on their way."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from . import mesh
from .model import CheckResult, Finding, Status, bounded
from .run import summary
from .snapshot import Snapshot, Undecided

# The debug task indents by eight columns and quotes: this leaves room on a terminal of 100.
_WIDTH = 86
_INDENT = 18
_BENEATH = 10
_MOST_SHOWN = 6
_MOST_FINDINGS = 10

_WORDS: dict[Status, str] = {
    "passed": "passed",
    "warning": "WARNING",
    "failed": "FAILED",
    "unknown": "UNKNOWN",
    "skipped": "skipped",
}


def table(results: Sequence[CheckResult], heading: str = "") -> list[str]:
    """The lines: a heading, one row per check with what it found beneath, and the counts at the end."""
    lines = [*_wrapped(heading, "", ""), ""] if heading else []
    lines.append(f"{'CHECK':<8}{'STATUS':<{_INDENT - 8}}TITLE")
    for result in results:
        row = f"{result.check.id:<8}{_WORDS[result.status]:<{_INDENT - 8}}"
        lines += _wrapped(result.check.title, row, " " * _INDENT)
        if result.reason:
            lines += _wrapped(result.reason, " " * _INDENT, " " * _INDENT)
        for finding in result.findings[:_MOST_FINDINGS]:
            lines += _finding(finding)
        if len(result.findings) > _MOST_FINDINGS:
            lines.append(f"{'':<{_BENEATH}}... and {len(result.findings) - _MOST_FINDINGS} findings more")
    return [*lines, "", counts(results)]


def counts(results: Sequence[CheckResult]) -> str:
    """The last line: how many checks came out how."""
    found = summary(results)
    parts = [f"{found[status]} {status}" for status in ("passed", "warning", "failed", "unknown", "skipped")]
    return f"{found['checks']} checks: {', '.join(parts)}"


def heading(snapshot: Snapshot) -> str:
    """What was looked at, in a line: the control planes and the data plane mode; empty when they are not known."""
    try:
        planes = mesh.control_planes(snapshot)
        if not planes:
            return ""
        mode = "ambient" if mesh.is_ambient(snapshot) else "sidecar"
    except Undecided:
        return ""
    told = [
        f"istiod {plane.version or 'of unknown version'} (namespace {plane.namespace}, revision {plane.revision})"
        for plane in planes
    ]
    more = f" and {len(told) - 4} more" if len(told) > 4 else ""
    return f"{mode} mesh: {', '.join(told[:4])}{more}"


def _finding(finding: Finding) -> list[str]:
    lead = " " * _BENEATH
    lines = _wrapped(finding.title, f"{lead}{finding.severity}: ", lead + "  ")
    if finding.objects:
        lines += _wrapped(_objects(finding.objects), f"{lead}  objects   ", f"{lead}            ")
    for place, text in enumerate(finding.evidence[:_MOST_SHOWN]):
        lines += _wrapped(text, f"{lead}  {'seen' if not place else '':<10}", f"{lead}            ")
    if finding.remedy:
        lines += _wrapped(finding.remedy, f"{lead}  {'remedy':<10}", f"{lead}            ")
    return lines


def _objects(labels: Sequence[str]) -> str:
    """`Namespace a, b, Pod c/d`: the kind once, then the names."""
    shown: list[str] = []
    kind = ""
    for label in labels[:_MOST_SHOWN]:
        same = label.partition(" ")[0] == kind
        kind = label.partition(" ")[0]
        shown.append(label.partition(" ")[2] if same else label)
    more = f" and {len(labels) - _MOST_SHOWN} more" if len(labels) > _MOST_SHOWN else ""
    return ", ".join(shown) + more


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Wrapped to the width; long names and commands stay whole. Text of the cluster is made harmless here."""
    plain = "".join(char if char.isprintable() else "?" for char in bounded(text)).replace('"', "'")
    return textwrap.wrap(
        plain,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]
