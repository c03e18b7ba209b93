# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What several sections of the page are made of."""

from __future__ import annotations

from ..words import SIGNS
from .markup import Child, Markup, el

TONES = {
    "failed": "bad",
    "error": "bad",
    "warning": "warn",
    "unknown": "odd",
    "skipped": "quiet",
    "info": "note",
    "passed": "good",
}


def sign(word: str, title: str = "") -> Markup:
    """A status or severity as a disc with a character in it; `title` is what it is called aloud, if it stands alone."""
    hidden = None if title else "true"
    return el(
        "span",
        SIGNS[word],
        cls=f"sign {TONES[word]}",
        aria_hidden=hidden,
        role="img" if title else None,
        aria_label=title or None,
    )


def section(name: str, title: str, *children: Child, lead: Child = None) -> Markup:
    """A part of the page, with its anchor and heading. `lead` is a line of words beneath."""
    return el(
        "section",
        el("header", el("h2", title, id=f"{name}-title"), el("p", lead, cls="lead") if lead else None, cls="head"),
        children,
        id=name,
        aria_labelledby=f"{name}-title",
        tabindex="-1",
    )


def chip(text: str, tone: str = "", **attributes: str) -> Markup:
    return el("span", text, cls=f"chip {tone}".strip(), **attributes)


def meter(share: float, tone: str, words: str) -> Markup:
    """A bar that is filled so far (0 to 1). Drawn with attributes: the page's policy allows no style in elements."""
    width = f"{max(0.0, min(1.0, share)) * 100:.2f}%"
    return el(
        "svg",
        el("rect", width="100%", height="100%", rx="3", cls="track"),
        el("rect", width=width, height="100%", rx="3", cls=f"fill {tone}"),
        cls="meter",
        role="img",
        aria_label=words,
    )
