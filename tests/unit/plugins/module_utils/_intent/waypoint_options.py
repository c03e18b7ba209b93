# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waypoint requests for tests, from options as a task has them."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.meshwright.istio.plugins.module_utils._intent.waypoint import WaypointIntent, waypoint_intent
from ansible_collections.meshwright.istio.plugins.module_utils._intent.waypoint_spec import WAYPOINT_SPEC


def intent(**options: Any) -> WaypointIntent:
    checked = ArgumentSpecValidator(WAYPOINT_SPEC).validate({"namespace": "shop", **options})
    assert not checked.error_messages, checked.error_messages
    return waypoint_intent(checked.validated_parameters)
