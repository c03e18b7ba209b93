# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The walk of `waypoint`: from checked parameters to a result.

A module's process compiles all that it imports, each time: what only one state needs is imported where it is needed.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..._desired.waypoints import objects_of
from ..._intent.waypoint import WaypointIntent, waypoint_intent
from ..._kube.client import Client, Deadline
from ..._kube.connection import ConnectionOptions, connect
from .result import gone, result, shown
from .run import WaypointRun

# Seconds that reading and writing may take beside the time to wait.
WORK_TIME = 60


def walk_waypoint(module: AnsibleModule) -> dict[str, Any]:
    """What `exit_json` is to say. Raises MeshError."""
    intent = waypoint_intent(module.params)
    if intent.state == "rendered":
        return _rendered(intent)
    connection = connect(ConnectionOptions.from_params(module.params))
    client = Client(connection, deadline=Deadline(intent.wait_timeout + WORK_TIME))
    run = WaypointRun(client, intent, module.check_mode)
    if intent.state == "absent":
        from .absent import absent

        found = absent(run)
        return result(run, gone(intent.waypoint, bool(found.pop("exists", False))), **found)
    from .present import present

    outcome = present(run)
    return result(run, shown(outcome.seen, outcome.bound))


def _rendered(intent: WaypointIntent) -> dict[str, Any]:
    """The objects as they would be applied; labels that bind to them are no part of it, since others own those."""
    notes = ["enroll is not rendered: labels of Namespaces, Services and others are patched"] if intent.enroll else []
    return {"changed": False, "manifests": objects_of(intent, made_for=intent.made_for), "notes": notes}
