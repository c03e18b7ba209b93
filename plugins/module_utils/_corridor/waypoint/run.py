# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One run of `waypoint`: what all its parts work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..._intent.waypoint import WaypointIntent
from ..._kube.client import Client
from ..plan import Step


@dataclass(slots=True)
class WaypointRun:
    """`client` has the task's deadline. `steps` are shown in their order, `notes` and `warnings` in the result."""

    client: Client
    intent: WaypointIntent
    check_mode: bool
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
