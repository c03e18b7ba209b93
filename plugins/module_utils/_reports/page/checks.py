# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Every check that ran with what came of it, and what could not be seen."""

from __future__ import annotations

from ..entries import CheckEntry
from ..model import Report
from ..words import counted, left_out
from .markup import Markup, el
from .parts import section, sign


def checks(report: Report) -> Markup | None:
    """A table, by category; the passed among them, for a report also says what is well."""
    if not report.checks:
        return None
    head = el(
        "thead", el("tr", [el("th", word, scope="col") for word in ("Status", "Check", "What it looks at", "Reason")])
    )
    bodies = []
    for category in report.categories:
        rows = [_row(check) for check in report.checks if check.category == category]
        if rows:
            bodies.append(el("tbody", el("tr", el("th", category, scope="rowgroup", colspan="4"), cls="group"), rows))
    return section(
        "checks",
        "Checks",
        el(
            "div",
            el("table", head, bodies, cls="checks"),
            cls="scroll",
            tabindex="0",
            role="region",
            aria_label="Checks",
        ),
        lead="Unknown never counts as passed: the reason says what was missing.",
    )


def _row(check: CheckEntry) -> Markup:
    found = (
        el("a", counted(check.findings, "finding"), href="#findings", data_find=check.id) if check.findings else None
    )
    told = [check.reason or None, el("br") if check.reason and found else None, found]
    if check.accepted:
        told.append(el("small", f"{check.accepted} accepted"))
    return el(
        "tr",
        el("td", sign(check.status), check.status, cls="status"),
        el("td", el("code", check.id)),
        el("td", check.title),
        el("td", told, cls="soft"),
        id=f"check-{check.id}",
        tabindex="-1",
    )


def limits(report: Report) -> Markup | None:
    """What this report cannot say, so that nobody takes silence for health."""
    unread = report.mesh.unread if report.mesh else {}
    lines = [*report.limits, *(f"{name}: {why}" for name, why in unread.items()), *left_out(report)]
    if not lines:
        return None
    return section(
        "limits",
        "What could not be seen",
        el("ul", [el("li", line) for line in dict.fromkeys(lines)], cls="card lines"),
        lead="Silence about these is not health.",
    )
