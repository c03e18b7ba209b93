# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One path, explained: its steps in their order, and where it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..clean import mapping, mappings, text, texts
from ..model import Report
from .markup import Markup, el
from .parts import section, sign

_STATUSES = {"ok": "passed", "broken": "failed", "warning": "warning", "unknown": "unknown", "info": "info"}


def explained(report: Report) -> Markup | None:
    """The section; None when nobody asked."""
    found = mapping(report.explanation)
    if not found:
        return None
    question = " ".join(f"{key} {text(value)}" for key, value in mapping(found.get("question")).items())
    steps = mappings(found.get("steps"), 100)
    return section(
        "explanation",
        "The path, step by step",
        el("p", text(found.get("summary")), cls="summary"),
        el("ol", [_step(step, text(found.get("broken_at"))) for step in steps], cls="steps"),
        lead=question,
    )


def _step(step: Mapping[str, Any], broken_at: str) -> Markup:
    status = _STATUSES.get(text(step.get("status")), "unknown")
    evidence = texts(step.get("evidence"), 13)
    remedy = text(step.get("remedy"))
    return el(
        "li",
        sign(status, text(step.get("status"))),
        el(
            "div",
            el("b", text(step.get("title"))),
            el("p", text(step.get("text"))),
            el("ul", [el("li", each) for each in evidence], cls="facts-seen") if evidence else None,
            el("div", el("code", remedy, tabindex="0"), cls="remedy") if remedy else None,
        ),
        cls="step here" if broken_at and text(step.get("id")) == broken_at else "step",
    )
