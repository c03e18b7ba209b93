# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The argument spec of the short forms in `egress`."""

from __future__ import annotations

from typing import Any

EGRESS_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "namespace": {"type": "str"},
        "name": {"type": "str"},
        "hosts": {"type": "list", "elements": "str"},
        "ports": {
            "type": "list",
            "elements": "dict",
            "options": {
                "number": {"type": "int", "required": True},
                "protocol": {
                    "type": "str",
                    "required": True,
                    "choices": ["HTTP", "HTTPS", "HTTP2", "GRPC", "TLS", "TCP", "MONGO"],
                },
                "name": {"type": "str"},
                "target_port": {"type": "int"},
            },
        },
        "resolution": {"type": "str", "choices": ["dns", "dns_round_robin", "static", "none", "dynamic_dns"]},
        "endpoints": {"type": "list", "elements": "str"},
        "addresses": {"type": "list", "elements": "str"},
        "export_to": {"type": "list", "elements": "str"},
        "waypoint": {"type": "str"},
        "tls_origination": {
            "type": "dict",
            "options": {
                "mode": {"type": "str", "choices": ["simple", "mutual"], "default": "simple"},
                "ports": {"type": "list", "elements": "int"},
                "target_port": {"type": "int", "default": 443},
                "sni": {"type": "str"},
                "subject_alt_names": {"type": "list", "elements": "str"},
                "credential": {"type": "str"},
            },
            "required_if": [["mode", "mutual", ["credential"]]],
        },
        "registry_only": {"type": "bool"},
        "workload": {"type": "dict"},
    },
    "required_one_of": [["hosts", "registry_only"]],
    "mutually_exclusive": [["hosts", "registry_only"]],
    "required_by": {"hosts": ["ports"]},
}
