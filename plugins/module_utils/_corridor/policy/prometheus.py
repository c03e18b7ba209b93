# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Asking Prometheus who has sent traffic to namespaces: with or without mTLS, and as whom."""

from __future__ import annotations

import json
import math
import re
import ssl
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from ..._checks.policy.lockout import Client
from ..._errors import BadInput, ToolError
from ..._intent.policy import Prometheus

_METRICS = ("istio_requests_total", "istio_tcp_connections_opened_total")
_LABELS = (
    "source_workload",
    "source_workload_namespace",
    "source_principal",
    "destination_workload",
    "destination_workload_namespace",
    "connection_security_policy",
)
_TIMEOUT = 10.0
_LONGEST = 300
_MUTUAL = "mutual_tls"
_UNKNOWN = ("", "unknown")
_WINDOW = re.compile(r"^(\d+(ms|[smhdwy]))+$")


def clients(prometheus: Prometheus, namespaces: Iterable[str], *, timeout: float = _TIMEOUT) -> list[Client]:
    """Who sent traffic to workloads of these namespaces within the window, as their own proxies reported it.

    `timeout` is in seconds, for each of two questions. Raises BadInput for an option that cannot be used, ToolError
    for what Prometheus says, or that it says nothing.
    """
    found: list[Client] = []
    for metric in _METRICS:
        found += [
            client
            for row in _ask(prometheus, _question(metric, namespaces, prometheus.window), timeout)
            if (client := _client(row)) is not None
        ]
    return found


def _question(metric: str, namespaces: Iterable[str], window: str) -> str:
    """PromQL. Only the receiving side knows whether mTLS was used: of what the sender reports it says `unknown`."""
    if not _WINDOW.match(window):
        raise BadInput(f"`prometheus.window` is {window!r}, no duration of Prometheus.", hint="Such as 30m, 1h or 7d.")
    where = "|".join(sorted(set(namespaces)))
    matching = f'{metric}{{reporter="destination",destination_workload_namespace=~"{where}"}}'
    return f"sum by ({', '.join(_LABELS)}) (increase({matching}[{window}])) > 0"


def _ask(prometheus: Prometheus, question: str, timeout: float) -> list[Mapping[str, Any]]:
    address = f"{prometheus.url}/api/v1/query"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if prometheus.token:
        headers["Authorization"] = f"Bearer {prometheus.token}"
    if not address.startswith(("http://", "https://")):
        raise BadInput(f"`prometheus.url` is {prometheus.url}, which is no address of HTTP.")
    if "@" in urlsplit(prometheus.url).netloc:
        raise BadInput("`prometheus.url` has a user in it, which would be shown.", hint="Give `prometheus.token`.")
    request = Request(address, data=urlencode({"query": question}).encode(), headers=headers)
    try:
        with _opener(prometheus).open(request, timeout=timeout) as response:
            answer = json.loads(response.read())
    except HTTPError as error:
        raise ToolError(
            f"Prometheus at {prometheus.url} answered {error.code}: {_said(error)}", hint=_way_out(error.code)
        ) from error
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise ToolError(
            f"Prometheus at {prometheus.url} cannot be reached: {reason}.",
            hint="Check `prometheus.url`, and `ca_cert` where its certificate is not trusted.",
        ) from error
    except ValueError as error:
        raise ToolError(
            f"What answers at {prometheus.url} is no Prometheus.",
            hint="Check `prometheus.url`: no login page.",
        ) from error
    if not isinstance(answer, dict) or answer.get("status") != "success":
        said = answer.get("error") if isinstance(answer, dict) else answer
        raise ToolError(f"Prometheus at {prometheus.url} refused the question: {str(said)[:_LONGEST]}")
    rows = (answer.get("data") or {}).get("result")
    return rows if isinstance(rows, list) else []


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: the token is for the address that was given, and for no other."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


def _opener(prometheus: Prometheus) -> OpenerDirector:
    if not prometheus.url.startswith("https://"):
        return build_opener(_Stay)
    try:
        context = ssl.create_default_context(cafile=prometheus.ca_cert)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"`prometheus.ca_cert` {prometheus.ca_cert} cannot be used: {error}.") from error
    if not prometheus.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return build_opener(_Stay, HTTPSHandler(context=context))


def _said(error: HTTPError) -> str:
    """What Prometheus says of its refusal, which is in the answer's body."""
    try:
        body = error.read(10_000).decode(errors="replace")
    except OSError:
        return str(error.reason)
    try:
        said = json.loads(body)
        text = str(said.get("error") or body) if isinstance(said, dict) else body
    except ValueError:
        text = str(error.reason)
    return " ".join(text.split())[:_LONGEST]


def _way_out(code: int) -> str:
    if code in (401, 403):
        return "Give a `prometheus.token` that may query."
    if code == 404:
        return "Check `prometheus.url`: /api/v1/query is asked below it."
    return ""


def _client(row: Mapping[str, Any]) -> Client | None:
    labels = row.get("metric") or {}
    try:
        count = float(row["value"][1])
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    if math.isnan(count) or count <= 0:
        return None
    principal = str(labels.get("source_principal") or "")
    return Client(
        namespace=str(labels.get("source_workload_namespace") or "unknown"),
        workload=str(labels.get("source_workload") or "unknown"),
        account=principal.rpartition("/sa/")[2] if principal not in _UNKNOWN and "/sa/" in principal else "",
        to_namespace=str(labels.get("destination_workload_namespace") or ""),
        to_workload=str(labels.get("destination_workload") or ""),
        count=count,
        mtls=labels.get("connection_security_policy") == _MUTUAL,
    )
