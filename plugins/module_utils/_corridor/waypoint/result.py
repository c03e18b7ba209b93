# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a run of `waypoint` returns, bounded in size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._checks.policy.scene import Waypoint
from ..plan import Plan
from .bound import Bound
from .run import WaypointRun
from .state import Seen

_BOUND = 200


def result(run: WaypointRun, waypoint: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The keyword arguments of `exit_json`."""
    plan = Plan(run.steps)
    return {
        "changed": plan.changed,
        "waypoint": waypoint,
        "steps": plan.summary(),
        "table": plan.table() if plan.steps else [],
        "diff": plan.diff(),
        "notes": list(dict.fromkeys(run.notes)),
        "warnings": list(run.warnings),
        **more,
    }


def shown(seen: Seen, bound: Sequence[Bound] | None) -> dict[str, Any]:
    """The waypoint as results show it; `bound` only where it was looked at."""
    found = {**seen.shown(), "exists": seen.gateway is not None}
    if bound is not None:
        found["bound"] = [one.shown() for one in bound[:_BOUND]]
        found["bound_left_out"] = max(0, len(bound) - _BOUND)
    return found


def gone(waypoint: Waypoint, exists: bool) -> dict[str, Any]:
    """The waypoint as results of `state: absent` show it."""
    return {"namespace": waypoint.namespace, "name": waypoint.name, "exists": exists}
