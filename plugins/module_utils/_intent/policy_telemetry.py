# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The argument spec of the short forms in `telemetry`."""

from __future__ import annotations

from typing import Any

_SIDE: dict[str, Any] = {"type": "str", "choices": ["client", "server"]}

TELEMETRY_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "namespace": {"type": "str"},
        "name": {"type": "str"},
        "mesh": {"type": "bool"},
        "workload": {"type": "dict"},
        "service": {"type": "str"},
        "gateway": {"type": "str"},
        "access_log": {
            "type": "dict",
            "options": {
                "providers": {"type": "list", "elements": "str"},
                "filter": {"type": "str"},
                "side": _SIDE,
                "disabled": {"type": "bool"},
            },
        },
        "tracing": {
            "type": "dict",
            "options": {
                "provider": {"type": "str"},
                "sampling": {"type": "float"},
                "tags": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "name": {"type": "str", "required": True},
                        "value": {"type": "str"},
                        "header": {"type": "str"},
                        "environment": {"type": "str"},
                        "default": {"type": "str"},
                    },
                    "required_one_of": [["value", "header", "environment"]],
                    "mutually_exclusive": [["value", "header", "environment"], ["value", "default"]],
                },
                "side": _SIDE,
                "disabled": {"type": "bool"},
            },
        },
        "metric_tags": {
            "type": "list",
            "elements": "dict",
            "options": {
                "metric": {"type": "str", "default": "ALL_METRICS"},
                "provider": {"type": "str", "default": "prometheus"},
                "tags": {"type": "dict"},
                "side": _SIDE,
                "disabled": {"type": "bool"},
            },
            "required_one_of": [["tags", "disabled"]],
        },
    },
    "mutually_exclusive": [["mesh", "workload", "gateway"], ["mesh", "service", "gateway"]],
    "required_one_of": [["access_log", "tracing", "metric_tags"]],
}
