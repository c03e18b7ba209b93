# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One path, explained: its steps in their order, and where it breaks."""

from __future__ import annotations

from ..model import Report
from ..path import Step
from .markup import Markup, el
from .parts import section, sign


def explained(report: Report) -> Markup | None:
    """The section; None when nobody asked."""
    path = report.path
    if path is None:
        return None
    return section(
        "explanation",
        "The path, step by step",
        el("p", path.summary, cls="summary"),
        el("ol", map(_step, path.steps), cls="steps"),
        lead=path.question,
    )


def _step(step: Step) -> Markup:
    return el(
        "li",
        sign(step.status, step.word),
        el(
            "div",
            el("b", step.title),
            el("p", step.text),
            el("ul", [el("li", el("code", each)) for each in step.objects], cls="objects") if step.objects else None,
            el("ul", [el("li", each) for each in step.evidence], cls="facts-seen") if step.evidence else None,
            el("div", el("code", step.remedy, tabindex="0"), cls="remedy") if step.remedy else None,
        ),
        cls="step here" if step.here else "step",
    )
