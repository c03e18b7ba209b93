# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The options of `waypoint`, beside those of the connection; documented in the module itself."""

from __future__ import annotations

from typing import Any

STATES = ("present", "absent", "rendered")
TRAFFIC = ("service", "workload", "all", "none")

WAYPOINT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "default": "present", "choices": list(STATES)},
    "name": {"type": "str", "default": "waypoint"},
    "namespace": {"type": "str", "required": True},
    "for": {"type": "str", "default": "service", "choices": list(TRAFFIC)},
    "revision": {"type": "str"},
    "gateway_class": {"type": "str", "default": "istio-waypoint"},
    "allowed_namespaces": {"type": "str", "default": "same"},
    "enroll": {
        "type": "dict",
        "options": {
            "namespaces": {"type": "list", "elements": "str"},
            "services": {"type": "list", "elements": "str"},
            "service_entries": {"type": "list", "elements": "str"},
            "pods": {"type": "list", "elements": "str"},
        },
    },
    "ingress": {"type": "bool"},
    "canary": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str"},
            "weight": {"type": "int", "default": 0},
        },
    },
    "replicas": {"type": "int"},
    "autoscaling": {
        "type": "dict",
        "options": {
            "min": {"type": "int", "required": True},
            "max": {"type": "int", "required": True},
            "cpu": {"type": "int"},
            "memory": {"type": "int"},
        },
    },
    "disruption_budget": {
        "type": "dict",
        "mutually_exclusive": [["min_available", "max_unavailable"]],
        "required_one_of": [["min_available", "max_unavailable"]],
        "options": {"min_available": {"type": "str"}, "max_unavailable": {"type": "str"}},
    },
    "resources": {"type": "dict"},
    "node_selector": {"type": "dict"},
    "tolerations": {"type": "list", "elements": "dict"},
    "affinity": {"type": "dict"},
    "topology_spread": {"type": "list", "elements": "dict"},
    "priority_class": {"type": "str"},
    "labels": {"type": "dict"},
    "annotations": {"type": "dict"},
    "made_for": {"type": "str"},
    "accept_dependents": {"type": "list", "elements": "str"},
    "istio_namespace": {"type": "str", "default": "istio-system"},
    "force_conflicts": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
}
