# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What is wrong with the waypoint that a namespace is to use. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..._checks.policy.scene import GATEWAY, Waypoint
from ..._checks.policy.waypoints import takes
from ..._checks.snapshot import dig
from .blocker import Blocker
from .blockers_sight import Sight
from .blockers_table import blocked
from .move import Move


def waypoint(sight: Sight, move: Move) -> Iterator[Blocker]:
    """Missing, not ready, or not for this namespace; nothing when that could not be read."""
    asked = sight.waypoint(move)
    if not asked:
        return
    home, _slash, name = asked.rpartition("/")
    where, scene = f"Gateway {asked}", sight.scene
    if not sight.survey.gateway_api:
        yield blocked("waypoint-missing", move.namespace, where, "the cluster does not serve the Gateway API")
        return
    gateway = scene.get(GATEWAY, home, name)
    if gateway is not None and not scene.is_waypoint(gateway):
        told = f"it is no waypoint but of class {dig(gateway, 'spec', 'gatewayClassName')}"
        yield blocked("waypoint-missing", move.namespace, where, told)
        return
    state = scene.waypoint_state(Waypoint(home, name))
    if state == "absent":
        yield blocked("waypoint-missing", move.namespace, where, "it does not exist")
    elif state == "new":
        yield blocked("waypoint-not-ready", move.namespace, where, "it is not programmed yet: it has no address")
    elif state == "down":
        yield blocked("waypoint-not-ready", move.namespace, where, "it has no ready pod")
    labels = dict(scene.namespaces.get(move.namespace) or {})
    if gateway is not None and not takes(gateway, move.namespace, labels):
        # Of several namespaces, each is told by itself.
        mine = f"Namespace {move.namespace}"
        yield blocked("waypoint-not-admitted", move.namespace, mine, f"the listener of {where} takes nothing of it")
