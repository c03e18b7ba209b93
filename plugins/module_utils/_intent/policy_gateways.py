# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The argument spec of the short forms in `gateways`."""

from __future__ import annotations

from typing import Any

GATEWAYS_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "namespace": {"type": "str"},
        "name": {"type": "str", "required": True},
        "api": {"type": "str", "choices": ["gateway_api", "istio"], "default": "gateway_api"},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "gateway": {"type": "str"},
        "section": {"type": "str"},
        "class": {"type": "str"},
        "selector": {"type": "dict"},
        "port": {"type": "int"},
        "routes_from": {"type": "str", "choices": ["same", "all"], "default": "same"},
        "tls": {
            "type": "dict",
            "options": {
                "mode": {"type": "str", "required": True, "choices": ["simple", "mutual", "passthrough"]},
                "credential": {"type": "str"},
            },
        },
        "redirect_https": {"type": "bool", "default": False},
        "http_port": {"type": "int", "default": 80},
        "routes": {
            "type": "list",
            "elements": "dict",
            "options": {
                "prefix": {"type": "str"},
                "path": {"type": "str"},
                "method": {"type": "str"},
                "headers": {"type": "dict"},
                "service": {"type": "str", "required": True},
                "namespace": {"type": "str"},
                "port": {"type": "int", "required": True},
                "rewrite": {"type": "str"},
                "timeout": {"type": "str"},
            },
            "mutually_exclusive": [["prefix", "path"]],
        },
    },
}
