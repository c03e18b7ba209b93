# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The findings, and what filters them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..._checks.model import SEVERITIES
from ..entries import FindingEntry
from ..model import Report
from ..words import counted, when
from .markup import Markup, el
from .parts import TONES, chip, section, sign

_OPEN = 3
_MOST_CHIPS = 3


def findings(report: Report) -> Markup:
    """All findings, worst first, each readable without script."""
    if not report.findings:
        words = "Nothing was found." if report.decided else "Nothing was found, for nothing could be looked at."
        return section("findings", "Findings", lead=words)
    more = report.left_out.get("findings", 0)
    return section(
        "findings",
        "Findings",
        _filters(report),
        el("p", counted(len(report.findings), "finding"), id="shown", role="status", cls="shown js"),
        el("div", [_finding(each, place < _OPEN) for place, each in enumerate(report.findings)], id="list"),
        el("button", "Show more", type="button", cls="more js", id="more", data_do="more", hidden=True),
        el(
            "p",
            "No finding matches. ",
            el("button", "Show all", type="button", cls="plain", data_do="clear"),
            id="nothing",
            cls="empty",
            hidden=True,
        ),
        el("p", f"{counted(more, 'finding')} more did not fit.", cls="soft") if more else None,
        lead="Worst first. Each says what it means for traffic, what was seen, and what mends it.",
    )


def _filters(report: Report) -> Markup:
    severities = Counter(each.severity for each in report.findings)
    categories = Counter(each.category for each in report.findings)
    namespaces = Counter(name for each in report.findings for name in each.namespaces)
    fresh = sum(each.new for each in report.findings)
    buttons = [
        _toggle(
            "severity",
            severity,
            [sign(severity), "info " if severity == "info" else f"{severity}s ", el("b", str(severities[severity]))],
        )
        for severity in SEVERITIES
        if severities[severity]
    ]
    if fresh:
        buttons.append(_toggle("new", "new", ["new ", el("b", str(fresh))]))
    return el(
        "div",
        el(
            "div",
            el("label", "Search findings", for_="q", cls="aloud"),
            el("input", id="q", type="search", placeholder="Search   press /", autocomplete="off", spellcheck="false"),
            cls="search",
        ),
        el("div", buttons, cls="toggles", role="group", aria_label="Severity"),
        _choice("category", "Category", "All categories", sorted(categories.items())),
        _choice("ns", "Namespace", "All namespaces", sorted(namespaces.items(), key=lambda one: (-one[1], one[0]))),
        _choice("group", "Group by", "Worst first", [("namespace", 0), ("category", 0), ("check", 0)], "Group by "),
        el("button", "Clear", type="button", cls="plain", data_do="clear"),
        cls="filters js",
        role="search",
    )


def _toggle(name: str, value: str, children: list[Markup | str]) -> Markup:
    return el("button", children, type="button", cls="toggle", aria_pressed="false", data_toggle=name, data_value=value)


def _choice(name: str, label: str, whole: str, options: Iterable[tuple[str, int]], lead: str = "") -> Markup:
    return el(
        "label",
        el("span", label, cls="aloud"),
        el(
            "select",
            el("option", whole, value=""),
            [el("option", f"{lead}{value}{f' ({count})' if count else ''}", value=value) for value, count in options],
            data_choice=name,
        ),
    )


def _finding(finding: FindingEntry, opened: bool) -> Markup:
    names = finding.namespaces
    chips = [chip(name, "ns") for name in names[:_MOST_CHIPS]]
    if len(names) > _MOST_CHIPS:
        chips.append(chip(f"+{len(names) - _MOST_CHIPS}"))
    return el(
        "details",
        el(
            "summary",
            sign(finding.severity, finding.severity),
            el("span", finding.title, cls="title"),
            el("span", chip("new", "fresh") if finding.new else None, chips, el("code", finding.check), cls="tags"),
        ),
        _body(finding),
        cls=f"finding {TONES[finding.severity]}",
        open=opened and finding.severity == "error",
        data_severity=finding.severity,
        data_category=finding.category,
        data_check=finding.check,
        data_ns="\n".join(names) or None,
        data_new="new" if finding.new else None,
    )


def _body(finding: FindingEntry) -> Markup:
    return el(
        "div",
        el(
            "div",
            el("h4", "Objects"),
            el("ul", [el("li", el("code", each)) for each in finding.objects], cls="objects"),
        )
        if finding.objects
        else None,
        el("div", el("h4", "Seen"), el("ul", [el("li", each) for each in finding.evidence], cls="facts-seen"))
        if finding.evidence
        else None,
        el(
            "div",
            el("h4", "Remedy"),
            el(
                "div",
                el("code", finding.remedy, tabindex="0"),
                el("button", "Copy", type="button", cls="copy js", data_do="copy", aria_label="Copy the remedy"),
                cls="remedy",
            ),
        )
        if finding.remedy
        else None,
        el(
            "p",
            finding.category,
            [" · check ", el("a", finding.check, href=f"#check-{finding.check}")],
            [" · documented in ", el("code", finding.docs)] if finding.docs else None,
            cls="foot",
        ),
        cls="body",
    )


def accepted(report: Report) -> Markup | None:
    """What somebody has accepted, why and until when."""
    if not (report.accepted or report.expired or report.unused):
        return None
    rows = [
        el(
            "tr",
            el("td", el("code", each.check)),
            el("td", each.title, el("small", ", ".join(each.objects[:5]))),
            el("td", each.reason or el("span", "none given", cls="soft")),
            el("td", when(each.expires) if each.expires else "for good"),
        )
        for each in report.accepted
    ]
    head = el("thead", el("tr", [el("th", word, scope="col") for word in ("Check", "Finding", "Reason", "Until")]))
    return section(
        "accepted",
        "Accepted findings",
        el(
            "div",
            el("table", head, el("tbody", rows)),
            cls="scroll",
            tabindex="0",
            role="region",
            aria_label="Accepted findings",
        )
        if rows
        else None,
        [el("h3", "Over, and counted again"), el("ul", [el("li", each) for each in report.expired])]
        if report.expired
        else None,
        [el("h3", "Found nothing to accept"), el("ul", [el("li", each) for each in report.unused])]
        if report.unused
        else None,
        lead="Known, and counted for nothing until their time is over.",
    )
