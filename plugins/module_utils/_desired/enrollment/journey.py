# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which labels a namespace has when it is what it shall be, and in which order they are set. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..._checks.policy.scene import USE_WAYPOINT, USE_WAYPOINT_NAMESPACE
from .model import (
    DEFAULT,
    INJECT_LABEL,
    INJECTION_LABEL,
    MODE_LABEL,
    POD_SECURITY_LABEL,
    REVISION_LABEL,
    Goal,
    Mode,
    Plane,
)

Labels = dict[str, "str | None"]

_WAYPOINT = (USE_WAYPOINT, USE_WAYPOINT_NAMESPACE)
_INJECTION = (INJECTION_LABEL, REVISION_LABEL)
# All that a move may touch: what the journal keeps of a namespace.
TOUCHED = (MODE_LABEL, *_INJECTION, *_WAYPOINT, POD_SECURITY_LABEL)
# In this order, each a patch of its own: a waypoint is to be bound before anything relies on it.
_FIRST: dict[Mode, tuple[tuple[str, ...], ...]] = {
    "ambient": (_WAYPOINT, (MODE_LABEL, *_INJECTION)),
    "sidecar": ((POD_SECURITY_LABEL, *_INJECTION),),
    "none": ((*_WAYPOINT, MODE_LABEL, *_INJECTION),),
}


@dataclass(frozen=True, slots=True)
class Journey:
    """Label changes before the restarts, patch by patch, and those after; only what differs. None takes one away."""

    first: tuple[Labels, ...]
    last: Labels

    @property
    def labels(self) -> Labels:
        """All changes together."""
        found = dict(self.last)
        for part in self.first:
            found.update(part)
        return found


def touched(labels: Mapping[str, str]) -> Labels:
    """Of a namespace's labels those that a move may touch; None for one that is not there."""
    return {name: labels.get(name) for name in TOUCHED}


def wanted_labels(namespace: str, labels: Mapping[str, str], now: Plane, goal: Goal) -> Labels:
    """The labels that make a namespace what it shall be; those not in it stay as they are."""
    found: Labels = {}
    if goal.mode == "ambient":
        found[MODE_LABEL] = "ambient"
    elif labels.get(MODE_LABEL) == "ambient":
        found[MODE_LABEL] = None
    if goal.mode == "sidecar":
        found |= _injection(labels, now, goal)
        if goal.pod_security:
            found[POD_SECURITY_LABEL] = goal.pod_security
    elif now.mode == "sidecar":
        found[REVISION_LABEL] = None
        if labels.get(INJECTION_LABEL) == "enabled":
            found[INJECTION_LABEL] = None
    if goal.waypoint is not None:
        home, _slash, name = goal.waypoint.rpartition("/")
        found[USE_WAYPOINT] = name or None
        found[USE_WAYPOINT_NAMESPACE] = home if name and home != namespace else None
    return found


def _injection(labels: Mapping[str, str], now: Plane, goal: Goal) -> Labels:
    if goal.revision and goal.revision == now.revision:
        return {}
    if not goal.revision and now.mode == "sidecar":
        return {}
    if goal.revision in ("", DEFAULT):
        return {INJECTION_LABEL: "enabled", REVISION_LABEL: None}
    # istio-injection would decide before istio.io/rev does, whatever it says.
    return {INJECTION_LABEL: None, REVISION_LABEL: goal.revision}


def journey(labels: Mapping[str, str], target: Labels, mode: Mode) -> Journey:
    """The way from a namespace's labels to the target's, for that mode."""
    differing = {name: value for name, value in target.items() if labels.get(name) != value}
    first = []
    for names in _FIRST[mode]:
        part = {name: differing.pop(name) for name in names if name in differing}
        if part:
            first.append(part)
    return Journey(tuple(first), differing)


def staying_labels(now: Plane) -> dict[str, str]:
    """Labels of a pod template that keep its pods as they are, whatever becomes of their namespace."""
    if now.mode == "sidecar":
        kept = {INJECT_LABEL: "true"}
        return kept if now.revision == DEFAULT else {**kept, REVISION_LABEL: now.revision}
    return {INJECT_LABEL: "false", MODE_LABEL: now.mode}


def moving_labels(goal: Goal) -> Labels:
    """Labels of a pod template that bring its pods to a mode, whatever their namespace is; None takes one away."""
    if goal.mode == "sidecar":
        revision = goal.revision if goal.revision not in ("", DEFAULT) else None
        return {INJECT_LABEL: "true", REVISION_LABEL: revision, MODE_LABEL: None}
    return {INJECT_LABEL: "false", REVISION_LABEL: None, MODE_LABEL: goal.mode}
