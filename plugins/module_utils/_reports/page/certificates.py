# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Certificates on a line of time, around the moment of the report."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from ..mesh import Certificate, Mesh
from ..model import Report
from ..words import counted, moment, when
from .markup import Markup, el
from .parts import chip, section, sign

_HOUR, _DAY, _YEAR = 3600.0, 86400.0, 365.25 * 86400
_FURTHEST = 20 * _YEAR
_TICKS = (
    (-10 * _YEAR, "10 y ago"),
    (-_YEAR, "1 y ago"),
    (-30 * _DAY, "30 d ago"),
    (-_DAY, "1 d ago"),
    (_HOUR, "1 h"),
    (_DAY, "1 d"),
    (30 * _DAY, "30 d"),
    (_YEAR, "1 y"),
    (10 * _YEAR, "10 y"),
)
# What is left is little: of a root, three months; of what is renewed by itself, a tenth of its life.
_ROOT_LEFT = 90 * _DAY
_LEAF_LEFT = 0.1


def certificates(report: Report) -> Markup | None:
    """Who ends when, the first to end first, around the moment of the report."""
    mesh = report.mesh
    if mesh is None or not mesh.certificates:
        return None
    now = moment(report.cluster.time)
    place = _scale(mesh, now) if now else None
    roots = sum(each.is_root for each in mesh.certificates)
    more = report.left_out.get("certificates", 0)
    rows = [_certificate(each, now, place) for each in mesh.certificates]
    return section(
        "certificates",
        "Certificates",
        el(
            "div",
            _axis(place) if place else None,
            el("ol", rows, cls="lives"),
            cls="card time",
        ),
        el("p", f"{counted(more, 'certificate')} more did not fit.", cls="soft") if more else None,
        lead=f"{counted(roots, 'root')}, {counted(len(rows) - roots, 'leaf', 'leaves')}; those that end first come "
        "first. Nearer the line of now, time is drawn wider.",
    )


def _scale(mesh: Mesh, now: datetime) -> Callable[[float], float]:
    """Where seconds from now lie, in percent: hours around now take as much room as years further off."""
    ends = [found for each in mesh.certificates for found in (moment(each.not_before), moment(each.not_after)) if found]
    seconds = [max(-_FURTHEST, min(_FURTHEST, (end - now).total_seconds())) for end in ends]
    first, last = _bent(min([*seconds, -2 * _HOUR])), _bent(max([*seconds, 2 * _HOUR]))
    margin = (last - first) * 0.02

    def place(second: float) -> float:
        bent = _bent(max(-_FURTHEST, min(_FURTHEST, second)))
        return (bent - first + margin) / (last - first + 2 * margin) * 100

    return place


def _bent(seconds: float) -> float:
    return math.copysign(math.log10(1 + abs(seconds) / _HOUR), seconds)


def _axis(place: Callable[[float], float]) -> Markup:
    near = [(place(second), word) for second, word in _TICKS if 1 < place(second) < 97]
    shown = [(x, word) for x, word in near if abs(x - place(0)) > 6]
    return el(
        "div",
        el("span"),
        el(
            "svg",
            [el("text", word, x=f"{x:.2f}%", y="14", text_anchor="middle") for x, word in shown],
            el("text", "now", x=f"{place(0):.2f}%", y="14", text_anchor="middle", cls="now"),
            cls="axis",
            aria_hidden="true",
        ),
        el("span"),
        cls="life head",
    )


def _certificate(each: Certificate, now: datetime | None, place: Callable[[float], float] | None) -> Markup:
    begin, end = moment(each.not_before), moment(each.not_after)
    kind = "root" if each.is_root else "leaf"
    status, told = "unknown", when(each.not_after) or "end not known"
    if end and now:
        left = (end - now).total_seconds()
        whole = (end - begin).total_seconds() if begin else _DAY
        short = left < _ROOT_LEFT if each.is_root else left < whole * _LEAF_LEFT
        status = "failed" if left <= 0 else "warning" if short else "passed"
        told = f"ended {_span(-left)} ago" if left <= 0 else f"{_span(left)} left"
    line = None
    if place and end and now:
        x = place((begin - now).total_seconds()) if begin else place(0)
        width = max(0.6, place((end - now).total_seconds()) - x)
        tone = {"failed": "bad", "warning": "warn", "passed": "good"}[status]
        line = el(
            "svg",
            [
                el("line", x1=f"{place(s):.2f}%", x2=f"{place(s):.2f}%", y1="0", y2="100%", cls="grid")
                for s, word in _TICKS
                if 1 < place(s) < 97
            ],
            el("rect", x=f"{x:.2f}%", width=f"{width:.2f}%", y="50%", height="12", rx="3", cls=f"fill {tone} {kind}"),
            el("line", x1=f"{place(0):.2f}%", x2=f"{place(0):.2f}%", y1="0", y2="100%", cls="now"),
            role="img",
            aria_label=f"{when(each.not_before)} to {when(each.not_after)}",
        )
    return el(
        "li",
        el("span", chip(kind, kind), el("b", each.what), el("small", each.where), cls="what"),
        el("span", line, cls="line"),
        el("span", sign(status), told, el("small", when(each.not_after)), cls="left"),
        cls="life",
    )


def _span(seconds: float) -> str:
    for unit, word in ((_YEAR, "year"), (_DAY, "day"), (_HOUR, "hour"), (60.0, "minute")):
        if seconds >= 2 * unit or (word == "minute"):
            count = seconds / unit
            shown = f"{count:.1f}".removesuffix(".0") if word == "year" else f"{count:.0f}"
            return f"{shown} {word}{'' if shown == '1' else 's'}"
    return ""
