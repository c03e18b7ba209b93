# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The argument spec of `mesh_policy`, less the short forms, which each family keeps beside what it expands to."""

from __future__ import annotations

from typing import Any

_GUARD: dict[str, Any] = {"type": "str", "choices": ["refuse", "warn", "accept"], "default": "refuse"}

POLICY_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent", "rendered"], "default": "present"},
    "definitions": {"type": "list", "elements": "raw", "default": []},
    "src": {"type": "list", "elements": "raw", "default": []},
    "template": {"type": "list", "elements": "raw", "default": []},
    "namespace": {"type": "str"},
    "labels": {"type": "dict", "default": {}},
    "annotations": {"type": "dict", "default": {}},
    "apply_set": {"type": "str"},
    "apply_set_namespace": {"type": "str"},
    "prune": {"type": "bool", "default": False},
    "force_conflicts": {"type": "bool", "default": False},
    "concurrency": {"type": "int", "default": 8},
    "validate": {"type": "bool", "default": True},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
    "on_error": {"type": "str", "choices": ["stop", "continue", "return"], "default": "stop"},
    "lockout_guard": _GUARD,
    "semantic_guard": _GUARD,
    "managed_elsewhere": {"type": "str", "choices": ["refuse", "adopt", "leave"], "default": "refuse"},
    "prometheus": {
        "type": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "token": {"type": "str", "no_log": True},
            "validate_certs": {"type": "bool", "default": True},
            "ca_cert": {"type": "path"},
            "window": {"type": "str", "default": "1h"},
        },
    },
    "istio_namespace": {"type": "str", "default": "istio-system"},
    "data_planes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "mode": {"type": "str", "required": True, "choices": ["sidecar", "ambient", "none"]},
            "waypoint": {"type": "str"},
            "namespaces": {"type": "list", "elements": "str", "default": []},
        },
    },
    "return": {"type": "str", "choices": ["summary", "full"], "default": "summary"},
}
