# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What istiod, ztunnel and Envoy answer, as the sources of a snapshot have it: trimmed while it is parsed. Pure.

Every function raises ValueError, TypeError, KeyError or AttributeError for what is no such answer.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from ipaddress import ip_address
from typing import Any

from .istiod_debug import parse_sync

# Of a ztunnel's dump, all that is kept of any object in it: endpoints and ports are most of its size.
_KEPT = frozenset(
    (
        *("certificates", "services", "workloads", "policies", "config", "xdsOnDemand"),
        *("name", "namespace", "node", "protocol", "waypoint", "status", "hostname", "vips", "destination"),
        *("identity", "state", "certChain", "rootCerts", "serialNumber", "validFrom", "expirationTime"),
        *("action", "scope"),
    )
)
# What MW0013 looks for.
LOG_LINES = ("client claims to be in cluster",)
_MOST_LINES = 50
_LONGEST_LINE = 400


class Shared:
    """What many ztunnels know is kept once: each of them knows every workload and Service of the mesh."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def of(self, made: dict[str, Any]) -> dict[str, Any]:
        return self._known.setdefault(tuple(made.items()), made)


def sync(body: bytes) -> dict[str, Any]:
    """/debug/syncz of istiod, as ISTIOD_SYNC has it: `proxies`."""
    proxies = parse_sync(json.loads(body))
    return {
        "proxies": [
            {
                "id": proxy.id,
                "type": proxy.type,
                "cluster": proxy.cluster,
                "version": proxy.version,
                "types": [
                    {"name": one.name, "sent": one.sent, "acked": one.acked, "error": one.error, "sent_at": one.sent_at}
                    for one in proxy.types
                ],
            }
            for proxy in proxies
        ]
    }


def clusters(body: bytes) -> dict[str, Any]:
    """/debug/clusterz of istiod, as ISTIOD_CLUSTERS has it: `clusters`."""
    wanted = ("id", "secretName", "syncStatus")
    return {"clusters": [{key: str(one.get(key) or "") for key in wanted} for one in json.loads(body) or ()]}


def log_lines(body: bytes) -> dict[str, Any]:
    """The last lines of a log that a check looks for, as ISTIOD_LOGS has them: `lines`."""
    found = [
        line[:_LONGEST_LINE]
        for line in body.decode(errors="replace").splitlines()
        if any(words in line for words in LOG_LINES)
    ]
    return {"lines": found[-_MOST_LINES:]}


# -- ztunnel -----------------------------------------------------------------------------------------------------------


def ztunnel_dump(body: bytes, shared: Shared | None = None) -> dict[str, Any]:
    """ztunnel's /config_dump, as ZTUNNEL_DUMPS has it.

    `on_demand` besides: this ztunnel fetches only what it needs, so what it does not know is no sign of trouble.
    """
    shared = shared or Shared()
    # Trimmed object by object as they are parsed: the whole of a large mesh would be ten times as big.
    dump = json.loads(body, object_hook=lambda one: {key: one[key] for key in one if key in _KEPT})
    services = dump.get("services") or ()
    by_address = {
        str(address).rpartition("/")[2]: f"{one.get('namespace')}/{one.get('name')}"
        for one in services
        for address in one.get("vips") or ()
    }
    return {
        "on_demand": bool((dump.get("config") or {}).get("xdsOnDemand")),
        "workloads": [
            shared.of(
                {
                    **{key: str(one.get(key) or "") for key in ("name", "namespace", "node", "protocol")},
                    "waypoint": _waypoint(one, by_address),
                    "status": str(one.get("status") or ""),
                }
            )
            for one in dump.get("workloads") or ()
        ],
        "services": [
            shared.of(
                {
                    **{key: str(one.get(key) or "") for key in ("name", "namespace", "hostname")},
                    "waypoint": _waypoint(one, by_address),
                }
            )
            for one in services
        ],
        "policies": [
            shared.of({key: str(one.get(key) or "") for key in ("namespace", "name", "action", "scope")})
            for one in dump.get("policies") or ()
        ],
        "certificates": [
            {
                "identity": str(one.get("identity") or ""),
                "state": str(one.get("state") or ""),
                "leaf": _ztunnel_certificate(one.get("certChain")),
                "root": _ztunnel_certificate(one.get("rootCerts")),
            }
            for one in dump.get("certificates") or ()
        ],
    }


def _waypoint(one: dict[str, Any], by_address: dict[str, str]) -> str:
    """`amb/waypoint.amb.svc.cluster.local`, or `NETWORK/ADDRESS`, as ns/name."""
    destination = str((one.get("waypoint") or {}).get("destination") or "")
    namespace, _slash, host = destination.partition("/")
    if not host:
        return ""
    try:
        ip_address(host)
    except ValueError:
        return f"{namespace}/{host.partition('.')[0]}"
    return by_address.get(host, host)


def _ztunnel_certificate(chain: Any) -> dict[str, str]:
    """The first of a chain; of several roots, that which ends first is what has to be renewed first."""
    if not chain:
        return {}
    first = min(chain, key=lambda one: str(one.get("expirationTime") or ""))
    return {
        # Envoy says it in hexadecimal digits, so that is how it can be compared.
        "serial": _hex(str(first.get("serialNumber") or ""), 10),
        "not_before": _rfc3339(first.get("validFrom")),
        "not_after": _rfc3339(first.get("expirationTime")),
    }


# -- Envoy -------------------------------------------------------------------------------------------------------------


def envoy_certificates(body: bytes) -> dict[str, Any]:
    """Envoy's /certs, as ENVOY_CERTIFICATES has them: each once, however many listeners and clusters use it.

    Only Istio's own, which have a SPIFFE identity, and the roots beside them: others that a gateway serves are the
    business of whoever made them.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    for one in json.loads(body).get("certificates") or ():
        chain = one.get("cert_chain") or ()
        mine = [each for each in chain if any("uri" in name for name in each.get("subject_alt_names") or ())]
        if not mine and chain:
            continue
        for name, group in (("default", mine[:1]), ("ROOTCA", one.get("ca_cert") or () if mine else ())):
            for each in group:
                serial = _hex(str(each.get("serial_number") or ""), 16)
                found[(name, serial)] = {
                    "name": name,
                    "serial": serial,
                    "not_before": _rfc3339(each.get("valid_from")),
                    "not_after": _rfc3339(each.get("expiration_time")),
                }
    return {"certificates": [*found.values()]}


def _hex(digits: str, base: int) -> str:
    try:
        return f"{int(digits, base):x}"
    except ValueError:
        return digits.lower()


def _rfc3339(text: Any) -> str:
    """A time as istiod and the API write it; what is no time stays as it is."""
    try:
        moment = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return str(text or "")
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
