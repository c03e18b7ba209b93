# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The top of the page: the verdict, the counts, which cluster and when, and what changed."""

from __future__ import annotations

from collections.abc import Iterable

from ..._checks.model import STATUSES
from ..entries import Change
from ..model import Report
from ..words import aside, counted, verdict, when
from .markup import Markup, el
from .parts import TONES, section, sign

_MOST_CHANGES = 12
_PARTS = {"control plane": "Istio", "cni": "istio-cni", "proxies": "Proxies"}


def hero(report: Report) -> Markup:
    """What it comes to, in words first."""
    path = report.path.summary if report.path and not report.summary["checks"] else ""
    worst = next((finding.title for finding in report.findings if finding.severity == "error"), "")
    cluster = report.cluster
    versions = report.mesh.versions if report.mesh else ()
    facts = [
        ("Cluster", cluster.name),
        ("Server", cluster.server if cluster.server != cluster.name else ""),
        ("Taken", when(cluster.time)),
        ("Kubernetes", cluster.kubernetes),
        *((_PARTS.get(part, part), told) for part, told in versions),
        ("Written by", report.collection),
    ]
    return el(
        "div",
        el(
            "div",
            sign(report.status),
            el(
                "div",
                el("p", report.title, cls="over"),
                el("h1", f"{verdict(report)}."),
                el("p", el("span", "Worst: ", cls="soft"), worst, cls="worst") if worst else None,
                el("p", path, cls="worst") if path else None,
                el("p", aside(report), cls="soft") if aside(report) else None,
            ),
            cls="verdict",
        ),
        el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in facts if value], cls="facts"),
        _counts(report) if report.summary["checks"] else None,
        cls=f"hero {TONES[report.status]}",
    )


def _counts(report: Report) -> Markup:
    found = report.summary
    total = max(1, sum(found[status] for status in STATUSES))
    start, bars = 0.0, []
    for status in STATUSES:
        share = found[status] / total * 100
        if share:
            bars.append(
                el("rect", x=f"{start:.3f}%", width=f"{share:.3f}%", height="100%", cls=f"fill {TONES[status]}")
            )
        start += share
    words = ", ".join(f"{found[status]} {status}" for status in STATUSES)
    return el(
        "div",
        el("svg", bars, cls="strip", role="img", aria_label=f"{counted(found['checks'], 'check')}: {words}"),
        el(
            "ul",
            [
                el("li", sign(status), el("b", f"{found[status]}"), f" {status}", cls=None if found[status] else "none")
                for status in STATUSES
            ],
            cls="counts",
        ),
        cls="tally",
    )


def changed(report: Report) -> Markup | None:
    """New and fixed since the last run."""
    changes = report.changes
    if changes is None:
        return None
    since = f"Since {when(changes.since)}" if changes.since else "Since the last run"
    if not (changes.new or changes.fixed):
        return section("changes", "What changed", lead=f"{since}: nothing came, nothing went.")
    return section(
        "changes",
        "What changed",
        el(
            "div",
            _column("New", "+", "bad", changes.new),
            _column("Fixed", "✓", "good", changes.fixed),
            cls="columns",
        ),
        lead=f"{since}: {len(changes.new)} new, {len(changes.fixed)} fixed.",
    )


def _column(title: str, mark: str, tone: str, changes: Iterable[Change]) -> Markup:
    lines = [
        el(
            "li",
            el("code", each.check) if each.check else None,
            " ",
            each.title,
            el("small", ", ".join(each.objects)) if each.objects else None,
            cls="change",
        )
        for each in changes
    ]
    rest = lines[_MOST_CHANGES:]
    return el(
        "div",
        el(
            "h3",
            el("span", mark, cls=f"sign {tone}", aria_hidden="true"),
            f"{title} ",
            el("span", str(len(lines)), cls="soft"),
        ),
        el("ul", lines[:_MOST_CHANGES]) if lines else el("p", "None", cls="soft"),
        el("details", el("summary", f"{len(rest)} more"), el("ul", rest)) if rest else None,
        cls="card",
    )
