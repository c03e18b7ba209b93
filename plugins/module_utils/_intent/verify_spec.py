# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The options of `mesh_verify` beside the connection's. Pure data."""

from __future__ import annotations

from typing import Any

FORMATS = ("html", "json", "junit", "markdown")

_CUSTOM: dict[str, Any] = {
    "id": {"type": "str", "required": True},
    "title": {"type": "str", "required": True},
    "severity": {"type": "str", "choices": ["error", "warning", "info"], "default": "warning"},
    "sources": {"type": "list", "elements": "str", "default": []},
    "resource": {
        "type": "dict",
        "options": {
            "api_version": {"type": "str", "required": True},
            "kind": {"type": "str", "required": True},
            "namespace": {"type": "str"},
            "label_selector": {"type": "str"},
        },
    },
    "query": {"type": "str", "required": True},
    "text": {"type": "str"},
    "remedy": {"type": "str"},
}

_BASELINE: dict[str, Any] = {
    "check": {"type": "str", "required": True},
    "object": {"type": "str"},
    "reason": {"type": "str", "required": True},
    "expires": {"type": "str"},
}

_EXPLAIN: dict[str, Any] = {
    "pod": {"type": "str"},
    "from": {"type": "str"},
    "to": {"type": "str"},
    "gateway": {"type": "str"},
}

_REPORT: dict[str, Any] = {
    "format": {"type": "str", "choices": list(FORMATS), "required": True},
    "path": {"type": "str"},
    "title": {"type": "str"},
}

VERIFY_SPEC: dict[str, dict[str, Any]] = {
    "checks": {"type": "list", "elements": "str", "default": []},
    "skip": {"type": "list", "elements": "str", "default": []},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "port_forward": {"type": "bool", "default": True},
    "proxy_limit": {"type": "int", "default": 40},
    "custom_checks": {"type": "list", "elements": "dict", "default": [], "options": _CUSTOM},
    "baseline": {"type": "list", "elements": "dict", "default": [], "options": _BASELINE},
    "explain": {"type": "dict", "options": _EXPLAIN},
    "info": {"type": "bool", "default": False},
    "reports": {"type": "list", "elements": "dict", "default": [], "options": _REPORT},
    "compare_with": {"type": "str"},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
    "fail_on_unknown": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 0},
    "read_timeout": {"type": "int", "default": 60},
}
