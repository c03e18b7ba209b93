# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""How far the waves of a migration are, and what the data plane costs."""

from __future__ import annotations

from ..entries import Wave
from ..mesh import Cost
from ..model import Report
from ..words import counted, cpu, memory
from .markup import Markup, el
from .parts import chip, meter, section, sign

_MOST_NAMES = 12
_GOOD = ("done", "complete", "completed", "finished", "moved", "verified", "ok")
_BAD = ("failed", "error", "broken", "refused", "returned", "rolled back")


def waves(report: Report) -> Markup | None:
    """How far each wave of a migration is."""
    if not report.waves:
        return None
    done = sum(each.done for each in report.waves)
    total = sum(each.total for each in report.waves)
    return section(
        "waves",
        "Waves",
        el("ol", [_wave(each) for each in report.waves], cls="waves"),
        lead=f"{done} of {counted(total, 'namespace')} moved.",
    )


def _wave(wave: Wave) -> Markup:
    word = wave.status.lower()
    over = word in _GOOD or (wave.total > 0 and wave.done == wave.total)
    status = "failed" if word in _BAD else "passed" if over else "skipped" if not wave.done else "info"
    tone = {"failed": "bad", "passed": "good", "skipped": "quiet", "info": "note"}[status]
    return el(
        "li",
        el("span", sign(status), el("b", wave.name), el("span", wave.status, cls="soft"), cls="top"),
        meter(wave.done / wave.total if wave.total else 0, tone, f"{wave.done} of {wave.total} namespaces"),
        el("small", f"{wave.done} of {counted(wave.total, 'namespace')}"),
        el("p", wave.detail) if wave.detail else None,
        el(
            "p",
            [chip(name) for name in wave.namespaces[:_MOST_NAMES]],
            f" and {len(wave.namespaces) - _MOST_NAMES} more" if len(wave.namespaces) > _MOST_NAMES else None,
            cls="names",
        ),
        cls="card",
    )


def resources(report: Report) -> Markup | None:
    """What proxies request, by kind and by the namespaces that request most."""
    costs = report.mesh.costs if report.mesh else None
    if costs is None or not (costs.kinds or costs.unknown or costs.namespaces):
        return None
    if costs.unknown:
        return section("resources", "What the data plane requests", lead=f"Not known: {costs.unknown}")
    whole = costs.whole
    lead = (
        f"{cpu(whole.cpu)} and {memory(whole.memory)} for {counted(whole.proxies or 0, 'proxy', 'proxies')}."
        if whole
        else ""
    )
    most = f"{len(costs.namespaces)} of {costs.counted} namespaces" if costs.counted > len(costs.namespaces) else ""
    return section(
        "resources",
        "What the data plane requests",
        el(
            "div",
            _costs("By kind", "", costs.kinds),
            _costs("By namespace", most, costs.namespaces) if costs.namespaces else None,
            cls="columns",
        ),
        lead=lead,
    )


def _costs(title: str, aside: str, costs: tuple[Cost, ...]) -> Markup:
    most_cpu = max([each.cpu for each in costs], default=0) or 1
    most_memory = max([each.memory for each in costs], default=0) or 1
    rows = [
        el(
            "tr",
            el("th", each.name, scope="row"),
            el("td", "" if each.proxies is None else f"{each.proxies:,}", cls="num"),
            el("td", meter(each.cpu / most_cpu, "note", cpu(each.cpu)), el("span", cpu(each.cpu)), cls="cost"),
            el(
                "td",
                meter(each.memory / most_memory, "odd", memory(each.memory)),
                el("span", memory(each.memory)),
                cls="cost",
            ),
        )
        for each in costs
    ]
    words = ("", "Proxies", "CPU requested", "Memory requested")
    return el(
        "div",
        el("h3", f"{title} ", el("span", aside, cls="soft")),
        el(
            "div",
            el("table", el("thead", el("tr", [el("th", word, scope="col") for word in words])), el("tbody", rows)),
            cls="scroll",
            tabindex="0",
            role="region",
            aria_label=f"Requested, {title.lower()}",
        ),
        cls="card",
    )
