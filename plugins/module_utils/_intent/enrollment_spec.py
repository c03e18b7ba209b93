# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The options of `mesh_enrollment`, beside those of the connection; documented in the module itself."""

from __future__ import annotations

from typing import Any

ENROLLMENT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "default": "enrolled", "choices": ["enrolled", "returned", "status"]},
    "namespaces": {"type": "list", "elements": "str"},
    "selector": {"type": "str"},
    "workloads": {"type": "list", "elements": "str"},
    "exclude": {"type": "list", "elements": "str"},
    "mode": {"type": "str", "choices": ["ambient", "sidecar", "none"]},
    "revision": {"type": "str"},
    "waypoint": {"type": "str"},
    "pod_security": {"type": "str", "choices": ["privileged", "baseline", "restricted"]},
    "translate_policies": {"type": "bool", "default": True},
    "protect": {"type": "bool", "default": False},
    "accept_blockers": {"type": "list", "elements": "str"},
    "accept_gaps": {"type": "list", "elements": "str"},
    "batch": {"type": "int", "default": 0},
    "max_unavailable": {"type": "str", "default": "1"},
    "pause": {"type": "int", "default": 0},
    "restart_timeout": {"type": "int", "default": 300},
    "journal_days": {"type": "int", "default": 90},
    "istio_namespace": {"type": "str", "default": "istio-system"},
    "return": {"type": "str", "default": "summary", "choices": ["summary", "full"]},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
}
