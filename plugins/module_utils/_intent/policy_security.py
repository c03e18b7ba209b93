# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The option `security` of `mesh_policy`: who may talk to whom, and how they prove who they are."""

from __future__ import annotations

from typing import Any

_TEXTS: dict[str, Any] = {"type": "list", "elements": "str"}
_PORTS: dict[str, Any] = {"type": "list", "elements": "int"}
_WHEN: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {"key": {"type": "str", "required": True, "no_log": False}, "values": _TEXTS, "not_values": _TEXTS},
}

_RULES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "service_accounts": _TEXTS,
        "not_service_accounts": _TEXTS,
        "principals": _TEXTS,
        "not_principals": _TEXTS,
        "namespaces": _TEXTS,
        "not_namespaces": _TEXTS,
        "ip_blocks": _TEXTS,
        "not_ip_blocks": _TEXTS,
        "remote_ip_blocks": _TEXTS,
        "not_remote_ip_blocks": _TEXTS,
        "request_principals": _TEXTS,
        "not_request_principals": _TEXTS,
        "ports": _PORTS,
        "not_ports": _PORTS,
        "methods": _TEXTS,
        "not_methods": _TEXTS,
        "paths": _TEXTS,
        "not_paths": _TEXTS,
        "hosts": _TEXTS,
        "not_hosts": _TEXTS,
        "when": _WHEN,
    },
}

_JWT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "issuer": {"type": "str", "required": True},
        "jwks_uri": {"type": "str"},
        "jwks": {"type": "raw"},
        "audiences": _TEXTS,
        "from_headers": {
            "type": "list",
            "elements": "dict",
            "options": {"name": {"type": "str", "required": True}, "prefix": {"type": "str"}},
        },
        "from_params": _TEXTS,
        "from_cookies": _TEXTS,
        "forward": {"type": "bool", "default": False},
        "payload_header": {"type": "str"},
        "required": {"type": "bool", "default": False},
        "claims": {"type": "dict"},
        "ports": _PORTS,
        "paths": _TEXTS,
        "not_paths": _TEXTS,
    },
    "mutually_exclusive": [["jwks_uri", "jwks"]],
}

_EXTERNAL: dict[str, Any] = {
    "type": "dict",
    "options": {
        "provider": {"type": "str", "required": True},
        "ports": _PORTS,
        "methods": _TEXTS,
        "paths": _TEXTS,
        "not_paths": _TEXTS,
        "hosts": _TEXTS,
        "not_hosts": _TEXTS,
    },
}

SECURITY_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "namespace": {"type": "str"},
        "mesh": {"type": "bool", "default": False},
        "name": {"type": "str"},
        "service": {"type": "str"},
        "workload": {"type": "dict"},
        "gateway": {"type": "str"},
        "mtls": {
            "type": "dict",
            "options": {
                "mode": {"type": "str", "choices": ["strict", "permissive", "disable"]},
                "ports": {"type": "dict"},
            },
            "required_one_of": [["mode", "ports"]],
        },
        "allow": _RULES,
        "deny": _RULES,
        "default_deny": {"type": "bool", "default": False},
        "jwt": _JWT,
        "external_authorization": _EXTERNAL,
        "protect": {"type": "bool", "default": False},
        "waypoint_service_account": {"type": "str"},
        "trust_domain": {"type": "str", "default": "cluster.local"},
    },
}
