# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The argument spec of `mesh_policy`'s option `traffic`."""

from __future__ import annotations

from typing import Any

TRAFFIC_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "host": {"type": "str", "required": True},
        "namespace": {"type": "str"},
        "name": {"type": "str"},
        "gateways": {"type": "list", "elements": "str"},
        "gateway_hosts": {"type": "list", "elements": "str"},
        "port": {"type": "int"},
        "selector": {"type": "dict"},
        "versions": {"type": "dict"},
        "canary": {"type": "dict"},
        "header_route": {
            "type": "list",
            "elements": "dict",
            "options": {
                "headers": {"type": "dict", "required": True},
                "version": {"type": "str"},
                "host": {"type": "str"},
                "port": {"type": "int"},
            },
            "mutually_exclusive": [["version", "host"], ["version", "port"]],
            "required_one_of": [["version", "host"]],
        },
        "retries": {
            "type": "dict",
            "options": {
                "attempts": {"type": "int", "required": True},
                "per_try_timeout": {"type": "str"},
                "retry_on": {"type": "list", "elements": "str"},
            },
        },
        "timeout": {"type": "str"},
        "mirror": {
            "type": "dict",
            "options": {
                "version": {"type": "str"},
                "host": {"type": "str"},
                "port": {"type": "int"},
                "percent": {"type": "float", "default": 100},
            },
            "mutually_exclusive": [["version", "host"], ["version", "port"]],
            "required_one_of": [["version", "host"]],
        },
        "fault": {
            "type": "dict",
            "options": {
                "delay": {
                    "type": "dict",
                    "options": {
                        "duration": {"type": "str", "required": True},
                        "percent": {"type": "float", "default": 100},
                    },
                },
                "abort": {
                    "type": "dict",
                    "options": {
                        "status": {"type": "int", "required": True},
                        "percent": {"type": "float", "default": 100},
                    },
                },
            },
            "required_one_of": [["delay", "abort"]],
        },
        "circuit_breaker": {
            "type": "dict",
            "options": {
                "max_connections": {"type": "int"},
                "max_pending_requests": {"type": "int"},
                "max_requests": {"type": "int"},
                "max_retries": {"type": "int"},
            },
            "required_one_of": [["max_connections", "max_pending_requests", "max_requests", "max_retries"]],
        },
        "outlier_detection": {
            "type": "dict",
            "options": {
                "consecutive_5xx_errors": {"type": "int"},
                "consecutive_gateway_errors": {"type": "int"},
                "consecutive_local_origin_failures": {"type": "int"},
                "split_external_local_origin_errors": {"type": "bool"},
                "interval": {"type": "str"},
                "base_ejection_time": {"type": "str"},
                "max_ejection_percent": {"type": "int"},
                "min_health_percent": {"type": "int"},
            },
        },
        "load_balancer": {
            "type": "dict",
            "options": {
                "algorithm": {"type": "str", "choices": ["least_request", "passthrough", "random", "round_robin"]},
                "consistent_hash": {
                    "type": "dict",
                    "options": {
                        "http_header_name": {"type": "str"},
                        "http_query_parameter_name": {"type": "str"},
                        "http_cookie": {
                            "type": "dict",
                            "options": {
                                "name": {"type": "str", "required": True},
                                "path": {"type": "str"},
                                "ttl": {"type": "str"},
                            },
                        },
                        "use_source_ip": {"type": "bool"},
                        "minimum_ring_size": {"type": "int"},
                    },
                    "mutually_exclusive": [
                        ["http_header_name", "http_query_parameter_name", "http_cookie", "use_source_ip"]
                    ],
                    "required_one_of": [
                        ["http_header_name", "http_query_parameter_name", "http_cookie", "use_source_ip"]
                    ],
                },
                "locality": {
                    "type": "dict",
                    "options": {
                        "enabled": {"type": "bool"},
                        "distribute": {
                            "type": "list",
                            "elements": "dict",
                            "options": {
                                "from": {"type": "str", "required": True},
                                "to": {"type": "dict", "required": True},
                            },
                        },
                        "failover": {
                            "type": "list",
                            "elements": "dict",
                            "options": {
                                "from": {"type": "str", "required": True},
                                "to": {"type": "str", "required": True},
                            },
                        },
                        "failover_priority": {"type": "list", "elements": "str"},
                    },
                    "mutually_exclusive": [["distribute", "failover"]],
                },
                "warmup": {"type": "str"},
            },
            "mutually_exclusive": [["algorithm", "consistent_hash"], ["consistent_hash", "warmup"]],
            "required_one_of": [["algorithm", "consistent_hash", "locality", "warmup"]],
        },
        "connection_pool": {
            "type": "dict",
            "options": {
                "tcp": {
                    "type": "dict",
                    "options": {
                        "connect_timeout": {"type": "str"},
                        "idle_timeout": {"type": "str"},
                        "max_connection_duration": {"type": "str"},
                        "tcp_keepalive": {
                            "type": "dict",
                            "options": {
                                "probes": {"type": "int"},
                                "time": {"type": "str"},
                                "interval": {"type": "str"},
                            },
                        },
                    },
                },
                "http": {
                    "type": "dict",
                    "options": {
                        "idle_timeout": {"type": "str"},
                        "max_requests_per_connection": {"type": "int"},
                        "max_concurrent_streams": {"type": "int"},
                        "h2_upgrade_policy": {"type": "str", "choices": ["default", "do_not_upgrade", "upgrade"]},
                        "use_client_protocol": {"type": "bool"},
                    },
                },
            },
            "required_one_of": [["tcp", "http"]],
        },
    },
}
