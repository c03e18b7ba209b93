# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The argument spec of the short forms in `limits`."""

from __future__ import annotations

from typing import Any

LIMITS_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "namespace": {"type": "str"},
        "name": {"type": "str"},
        "workload": {"type": "dict"},
        "service": {"type": "str"},
        "gateway": {"type": "str"},
        "gateway_workload": {"type": "dict"},
        "unsupported": {"type": "bool", "default": False},
        "local": {
            "type": "dict",
            "options": {
                "requests": {"type": "int", "required": True},
                "per": {"type": "str", "required": True},
                "burst": {"type": "int"},
                "rules": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "prefix": {"type": "str"},
                        "path": {"type": "str"},
                        "method": {"type": "str"},
                        "headers": {"type": "dict"},
                        "requests": {"type": "int", "required": True},
                        "per": {"type": "str"},
                        "burst": {"type": "int"},
                    },
                    "required_one_of": [["prefix", "path", "method", "headers"]],
                    "mutually_exclusive": [["prefix", "path"]],
                },
                "status": {"type": "int"},
                "headers": {"type": "dict"},
                "enforce": {"type": "bool", "default": True},
            },
        },
        "global": {
            "type": "dict",
            "options": {
                "domain": {"type": "str", "required": True},
                "service": {"type": "str", "required": True},
                "descriptors": {
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "options": {
                        "entries": {
                            "type": "list",
                            "elements": "dict",
                            "required": True,
                            "options": {
                                "key": {"type": "str", "no_log": False},
                                "value": {"type": "str"},
                                "header": {"type": "str"},
                                "prefix": {"type": "str"},
                                "remote_address": {"type": "bool"},
                            },
                            "required_one_of": [["value", "header", "remote_address"]],
                            "mutually_exclusive": [
                                ["value", "header", "remote_address"],
                                ["key", "remote_address"],
                                ["prefix", "header", "remote_address"],
                            ],
                            "required_by": {"value": ["key"], "header": ["key"], "prefix": ["value"]},
                        },
                    },
                },
                "timeout": {"type": "str"},
                "fail_closed": {"type": "bool", "default": False},
            },
        },
    },
    "mutually_exclusive": [["workload", "gateway", "gateway_workload"], ["service", "gateway", "gateway_workload"]],
    "required_one_of": [["local", "global"]],
}
