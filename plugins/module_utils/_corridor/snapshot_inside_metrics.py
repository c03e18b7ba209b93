# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Metrics in Prometheus' text format: the families that a check looks at, and of those what it looks at. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Labels = dict[str, str]

_ISTIOD = re.compile(
    r"citadel_server_root_cert_expiry_timestamp|citadel_server_cert_chain_expiry_timestamp"
    r"|pilot_xds_(?:cds|lds|rds|eds)_reject|pilot_total_xds_rejects|pilot_xds|istiod_managed_clusters"
    r"|istiod_uptime_seconds"
)
OPENED, FAILED, REQUESTS = (
    "istio_tcp_connections_opened_total",
    "istio_tcp_connections_failed_total",
    "istio_requests_total",
)
REFUSED = "rbac_denied"
"""What Envoy's RBAC filters refused: one counter for each listener and filter, its name made of theirs, added up."""
_TRAFFIC = re.compile(rf"{OPENED}|{FAILED}|{REQUESTS}|envoy_\w+(?=\{{[^\n]*authz_enforce_result=\"denied\")")
_WHO = (
    *("reporter", "source_workload", "source_workload_namespace", "source_principal"),
    *("destination_service", "destination_workload", "destination_workload_namespace"),
    *("response_flags", "response_code", "connection_security_policy"),
)
_PATH = tuple(name for name in _WHO[1:7] if name != "source_principal")
# What went well needs no names, only a number.
_KIND = ("reporter", "connection_security_policy")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_MOST_SERIES = 1000


def istiod_metrics(body: bytes) -> dict[str, Any]:
    """istiod's /metrics, as ISTIOD_METRICS has them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, labels, value in series(body, _ISTIOD):
        found.setdefault(name, []).append({"labels": labels, "value": value})
    return {"metrics": found}


def traffic_metrics(body: bytes) -> dict[str, Any]:
    """What ztunnel or Envoy counted, as ZTUNNEL_METRICS and ENVOY_METRICS have it.

    With names only what stands out: plain text that came in, what was refused or failed, and what went well on the
    same way. All the rest is added up, so that a busy proxy's ten thousand series are a few.
    """
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    noted: set[tuple[str, ...]] = set()
    rows = []
    for name, labels, value in series(body, _TRAFFIC):
        if not value:
            continue
        if name.startswith("envoy_"):
            sums[(REFUSED, ())] = sums.get((REFUSED, ()), 0) + value
            continue
        if stands_out(name, labels):
            noted.add(_path(labels))
        rows.append((name, labels, value))
    for name, labels, value in rows:
        kept = _WHO if _path(labels) in noted else _KIND
        key = (name, tuple((each, labels[each]) for each in kept if labels.get(each)))
        sums[key] = sums.get(key, 0) + value
    largest = sorted(sums.items(), key=lambda item: -item[1])[:_MOST_SERIES]
    found: dict[str, list[dict[str, Any]]] = {}
    for (name, pairs), value in sorted(largest):
        found.setdefault(name, []).append({"labels": dict(pairs), "value": value})
    return {"metrics": found}


def stands_out(name: str, labels: Mapping[str, str]) -> bool:
    """Whether it was refused, failed, or came in as plain text."""
    return (
        name == FAILED
        or labels.get("response_flags", "-") not in ("-", "")
        or labels.get("response_code") == "403"
        or (labels.get("reporter") != "source" and labels.get("connection_security_policy") != "mutual_tls")
    )


def series(body: bytes, names: re.Pattern[str]) -> Iterator[tuple[str, Labels, float]]:
    """Name, labels and value of each series whose whole name matches."""
    line = re.compile(rf"^({names.pattern})(?:\{{(.*)\}})? +(\S+)".encode(), re.MULTILINE)
    for match in line.finditer(body):
        name, labels, value = match.group(1), match.group(2), match.group(3)
        try:
            number = float(value)
        except ValueError:
            continue
        yield name.decode(), dict(_labels((labels or b"").decode(errors="replace"))), number


def _labels(text: str) -> Iterable[tuple[str, str]]:
    for name, value in _LABEL.findall(text):
        yield name, _unescaped(value) if "\\" in value else value


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match.group(1) == "n" else match.group(1), value)


def _path(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(each, "") for each in _PATH)
