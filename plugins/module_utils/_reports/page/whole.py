# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One self-contained page: nothing is loaded, nothing is sent, and nothing but its own script runs."""

from __future__ import annotations

import hashlib
from base64 import b64encode

from ..model import Report
from . import certificates, checks, explained, findings, markup, picture, progress, summary
from .markup import Markup, el
from .script import SCRIPT
from .style import style

_NAMES = {
    "changes": "Changes",
    "explanation": "Path",
    "findings": "Findings",
    "mesh": "Mesh",
    "certificates": "Certificates",
    "waves": "Waves",
    "resources": "Resources",
    "checks": "Checks",
    "accepted": "Accepted",
    "limits": "Not seen",
}


def page(report: Report) -> str:
    """The whole document. Text of the cluster is in it as text only."""
    sheet = style()
    sections = {
        "changes": summary.changed(report),
        "explanation": explained.explained(report),
        "findings": findings.findings(report),
        "mesh": picture.picture(report),
        "certificates": certificates.certificates(report),
        "waves": progress.waves(report),
        "resources": progress.resources(report),
        "checks": checks.checks(report),
        "accepted": findings.accepted(report),
        "limits": checks.limits(report),
    }
    shown = {name: found for name, found in sections.items() if found is not None}
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_policy(sheet)),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"{report.cluster.name}: {report.title}"),
        el("style", Markup(sheet)),
    )
    body = el(
        "body",
        el("a", "Skip to the findings", href="#findings", cls="skip"),
        _bar(report, shown),
        el("main", summary.hero(report), shown.values()),
        el("footer", el("p", _foot(report))),
        el("script", markup.data(picture.drawn(report)), type="application/json", id="data"),
        el("script", Markup(SCRIPT)),
    )
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en')}\n"


def _policy(sheet: str) -> str:
    """What a browser may do here: apply this very sheet, and run this very script."""
    return (
        f"default-src 'none'; style-src '{_hash(sheet)}'; script-src '{_hash(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _bar(report: Report, shown: dict[str, Markup]) -> Markup:
    links = [el("a", _NAMES[name], href=f"#{name}") for name in shown]
    return el(
        "div",
        el(
            "div",
            el("b", report.cluster.name),
            el("nav", links, aria_label="Sections"),
            el("button", "Dark", type="button", id="theme", cls="theme js", title="Change between light and dark"),
        ),
        cls="bar",
    )


def _foot(report: Report) -> str:
    written = f"Written by {report.collection}. " if report.collection else ""
    return f"{written}This page stands alone: it loads nothing and sends nothing."
