# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What every format says in the same words: the verdict, how often, and when."""

from __future__ import annotations

from datetime import datetime, timezone

from .model import Report

SIGNS = {"failed": "✕", "warning": "!", "unknown": "?", "skipped": "–", "passed": "✓", "error": "✕", "info": "i"}
"""One character beside every colour, so that nobody needs the colour."""


def counted(number: int, noun: str, several: str = "") -> str:
    """`1 namespace`, `3,000 namespaces`."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def verdict(report: Report) -> str:
    """What it comes to, in a sentence of few words."""
    found = report.summary
    checks = found["checks"]
    if report.path is not None and not checks:
        return report.path.words
    if report.status == "failed":
        worst = found["failed"]
        return (
            f"{worst} of {counted(checks, 'check')} failed" if worst else f"{counted(found['errors'], 'error')} found"
        )
    if report.status == "warning":
        return f"Nothing is broken, {counted(found['warnings'] or found['warning'], 'thing')} should be mended"
    if report.status == "unknown":
        if not checks:
            return "Nothing was checked"
        if not report.decided:
            return "Nothing could be verified"
        return f"Nothing was found, but {counted(found['unknown'], 'check')} could not see enough"
    return f"Healthy: {'the one check' if report.decided == 1 else f'all {report.decided} checks'} that applied passed"


def aside(report: Report) -> str:
    """What the verdict leaves open, as a sentence; empty when it leaves nothing open."""
    found = report.summary
    parts = []
    if report.status == "failed" and found["warnings"]:
        parts.append(counted(found["warnings"], "warning"))
    if found["unknown"] and report.status in ("failed", "warning"):
        parts.append(f"{counted(found['unknown'], 'check')} could not see enough")
    if found["skipped"]:
        parts.append(f"{counted(found['skipped'], 'check')} had nothing to look at")
    if report.accepted:
        parts.append(f"{counted(len(report.accepted), 'finding')} accepted")
    told = ", ".join(parts)
    return f"{told[:1].upper()}{told[1:]}." if told else ""


def left_out(report: Report) -> list[str]:
    """What did not fit, as sentences."""
    return [
        f"{counted(count, f'{part} entry', f'{part} entries')} more did not fit."
        for part, count in report.left_out.items()
    ]


def moment(text: str) -> datetime | None:
    """The time that RFC 3339 text names, None when it names none."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def when(text: str) -> str:
    """`21 Nov 2026, 14:05 UTC`, of a date `21 Nov 2026`; the text as it is when it names no time."""
    found = moment(text)
    if found is None:
        return text
    there = found.astimezone(timezone.utc)
    day = f"{there.day} {_MONTHS[there.month - 1]} {there.year}"
    return day if len(text) == len("2026-11-21") else f"{day}, {there:%H:%M} UTC"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def cpu(millicores: float) -> str:
    """`250m`, `12.5 CPU`."""
    return f"{millicores:,.0f}m" if abs(millicores) < 1000 else f"{millicores / 1000:,.1f} CPU"


def memory(mebibytes: float) -> str:
    """`64 MiB`, `12.5 GiB`."""
    return f"{mebibytes:,.0f} MiB" if abs(mebibytes) < 1024 else f"{mebibytes / 1024:,.1f} GiB"
