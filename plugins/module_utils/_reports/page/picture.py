# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The picture of the mesh: control planes, components and gateways as cards; namespaces as tiles, drawn by script.

The same namespaces stand in a table beneath, for those who read without script or by ear.
"""

from __future__ import annotations

from typing import Any

from ..mesh import MODES, Component, ControlPlane, Gateway, Mesh, Namespace
from ..model import Report
from ..words import counted
from .markup import Markup, el
from .parts import chip, section, sign

_MODE_WORDS = {"ambient": "Ambient", "sidecar": "Sidecars", "both": "Both labels", "none": "Outside of the mesh"}
_MOST_WAYPOINTS = 12


def picture(report: Report) -> Markup | None:
    """The section; None without a picture."""
    mesh = report.mesh
    if mesh is None:
        return None
    others = [gateway for gateway in mesh.gateways if gateway.role != "waypoint"]
    waypoints = [gateway for gateway in mesh.gateways if gateway.role == "waypoint"]
    return section(
        "mesh",
        "The mesh",
        el(
            "div",
            _band("Control planes", [_plane(each) for each in mesh.control_planes], "no istiod was found"),
            _band("On every node", [_component(each) for each in mesh.components], ""),
            _band("Gateways", [_gateway(each) for each in others], ""),
            _waypoints(waypoints),
            cls="bands",
        ),
        el(
            "div",
            _tools(mesh),
            el("div", id="tiles"),
            el("aside", _resting(), id="detail", aria_live="polite"),
            cls="canvas js",
        )
        if mesh.namespaces
        else None,
        _table(report, mesh),
        lead=_lead(mesh),
    )


def drawn(report: Report) -> dict[str, Any]:
    """What the script draws tiles of: columns in the order of `fields`, for 1000 namespaces are many."""
    mesh = report.mesh
    if mesh is None:
        return {}
    affected = report.affected()
    fields = ["name", "mode", "revision", "label", "waypoint", "mtls", "pods", "sidecars", "captured", "outside"]
    fields += ["outdated", "policies"]
    return {
        "fields": [*fields, "errors", "warnings", "infos"],
        "modes": [[mode, _MODE_WORDS[mode]] for mode in MODES],
        "namespaces": [
            [*(getattr(each, name) for name in fields), *(affected.get(each.name) or {"e": 0, "w": 0, "i": 0}).values()]
            for each in mesh.namespaces
        ],
        "homes": sorted({each.namespace for each in mesh.control_planes}),
        "planes": [[each.revision, list(each.tags)] for each in mesh.control_planes],
    }


def _lead(mesh: Mesh) -> str:
    inside = sum(each.mode != "none" for each in mesh.namespaces)
    parts = [f"{inside} of {counted(len(mesh.namespaces), 'namespace')} in the mesh"] if mesh.namespaces else []
    if mesh.proxies:
        found = mesh.proxies
        told = [f"{counted(found.get('connected', 0), 'proxy', 'proxies')} connected"]
        told += [f"{found[word]:,} {word}" for word in ("synced", "stale", "rejecting") if found.get(word)]
        parts.append(", ".join(told))
    elif mesh.proxies_unknown:
        parts.append(f"proxies not asked: {mesh.proxies_unknown}")
    policies = sum(mesh.policies.values())
    if policies:
        parts.append(counted(policies, "policy object"))
    return "; ".join(parts) + "." if parts else ""


def _band(title: str, cards: list[Markup], nothing: str) -> Markup | None:
    if not cards and not nothing:
        return None
    return el(
        "div",
        el("h3", title),
        el("ul", [el("li", card) for card in cards], cls="cards") if cards else el("p", nothing, cls="soft"),
        cls="band",
    )


def _card(well: bool | None, name: str, tags: list[Markup], lines: list[str], **attributes: str) -> Markup:
    """A button where it shows who is bound to it; the same without script, where it does nothing."""
    return el(
        "button" if attributes else "div",
        el("span", sign("passed" if well else "failed"), el("b", name), tags, cls="top"),
        [el("small", line) for line in lines if line],
        cls="node",
        type="button" if attributes else None,
        aria_pressed="false" if attributes else None,
        **attributes,
    )


def _plane(plane: ControlPlane) -> Markup:
    tags = [chip(f"tag {tag}") for tag in plane.tags]
    if plane.in_use is False:
        tags.append(chip("unused", "odd"))
    return _card(
        plane.ready >= max(1, plane.replicas),
        plane.revision,
        tags,
        [
            f"istiod {plane.version or 'of unknown version'}, {plane.ready} of {plane.replicas} ready",
            f"{plane.namespace}/{plane.name}",
        ],
        data_revision=plane.revision,
    )


def _component(component: Component) -> Markup:
    return _card(
        component.well,
        component.component,
        [],
        [
            component.version or "version unknown",
            f"{component.updated} updated, {component.ready} ready of {counted(component.nodes, 'node')}",
            f"{component.namespace}/{component.name}",
        ],
    )


def _gateway(gateway: Gateway) -> Markup:
    lines = [
        f"{gateway.role}, {gateway.ready} of {counted(gateway.pods, 'pod')} ready"
        + ("" if gateway.programmed is not False else ", not programmed"),
        ", ".join(part for part in (gateway.version, *gateway.addresses) if part),
    ]
    return _card(gateway.well, gateway.ref, [], lines)


def _waypoints(waypoints: list[Gateway]) -> Markup | None:
    if not waypoints:
        return None
    chips = [el("li", _waypoint(each)) for each in waypoints]
    rest = chips[_MOST_WAYPOINTS:]
    unwell = sum(not each.well for each in waypoints)
    return el(
        "div",
        el("h3", "Waypoints ", el("span", f"{len(waypoints)}{f', {unwell} not well' if unwell else ''}", cls="soft")),
        el("ul", chips[:_MOST_WAYPOINTS], cls="cards small"),
        el("details", el("summary", f"{len(rest)} more waypoints"), el("ul", rest, cls="cards small"))
        if rest
        else None,
        cls="band",
    )


def _waypoint(gateway: Gateway) -> Markup:
    trouble = "not programmed" if gateway.programmed is False else f"{gateway.ready} of {gateway.pods} ready"
    words = f"for {gateway.serves or 'service'}, {trouble}"
    return el(
        "button",
        sign("passed" if gateway.well else "failed"),
        el("span", el("b", gateway.ref, title=gateway.ref), el("small", words)),
        cls="node pill",
        type="button",
        aria_pressed="false",
        data_waypoint=gateway.ref,
    )


def _tools(mesh: Mesh) -> Markup:
    ways = [("findings", "Findings"), ("mtls", "mTLS"), ("waypoint", "Waypoint"), ("revision", "Revision")]
    return el(
        "div",
        el(
            "div",
            el("span", "Colour by", cls="soft", aria_hidden="true"),
            [
                el(
                    "button",
                    word,
                    type="button",
                    cls="toggle",
                    aria_pressed="true" if not place else "false",
                    data_colour=way,
                )
                for place, (way, word) in enumerate(ways)
            ],
            cls="toggles",
            role="group",
            aria_label="Colour namespaces by",
        ),
        el("div", id="legend", cls="legend"),
        cls="tools",
    )


def _resting() -> Markup:
    return el(
        "p",
        "Point at a namespace, or move with the arrow keys, to see what it is. Click to see its findings.",
        cls="soft",
    )


def _table(report: Report, mesh: Mesh) -> Markup | None:
    if not mesh.namespaces:
        return None
    affected = report.affected()
    words = ("Namespace", "Mode", "Revision", "mTLS", "Waypoint", "Pods", "Policies", "Findings")
    more = mesh.left_out.get("namespaces", 0)
    rows = [_row(each, sum(affected.get(each.name, {}).values())) for each in mesh.namespaces]
    return el(
        "details",
        el("summary", f"All {counted(len(rows), 'namespace')} as a table"),
        el(
            "div",
            el(
                "table",
                el("thead", el("tr", [el("th", word, scope="col") for word in words])),
                el("tbody", rows),
            ),
            cls="scroll",
            tabindex="0",
            role="region",
            aria_label="Namespaces",
        ),
        el("p", f"{counted(more, 'namespace')} more did not fit.", cls="soft") if more > 0 else None,
        cls="fold",
    )


def _row(each: Namespace, found: int) -> Markup:
    parts = [
        f"{count} {word}"
        for count, word in (
            (each.captured, "captured"),
            (each.sidecars, "sidecars"),
            (each.outside, "outside"),
            (each.outdated, "outdated"),
        )
        if count
    ]
    pods = "unknown" if each.pods is None else str(each.pods)
    return el(
        "tr",
        el("th", each.name, scope="row"),
        [
            el("td", cell)
            for cell in (
                _MODE_WORDS[each.mode],
                each.revision,
                each.mtls or "unknown",
                each.waypoint,
                pods + (f" ({', '.join(parts)})" if parts else ""),
                str(each.policies or ""),
                str(found or ""),
            )
        ],
    )
