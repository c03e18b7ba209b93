# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What proxies have counted since they started: plain text, refusals, failed connections (MW0039)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from . import inside
from .model import Check, Finding, NotApplicable, Severity
from .snapshot import Obj, Snapshot, Undecided
from .sources import ENVOY_METRICS, ZTUNNEL_METRICS

_CATEGORY = "observability"
_OPENED, _FAILED, _REQUESTS = (
    "istio_tcp_connections_opened_total",
    "istio_tcp_connections_failed_total",
    "istio_requests_total",
)
_REFUSED = "rbac_denied"
# Envoy's response flags of what could not be delivered: no healthy upstream, connection failure, no cluster, no route.
_NOT_MADE = frozenset(("UH", "UF", "NC", "NR"))
_MOST_GROUPS = 20
_TOLD = 6
_SINCE = "since the proxies that counted them started"


@dataclass(slots=True)
class _Path:
    """What was counted of one client and one server. Both ends may count the same, so what they say is kept apart."""

    plain: float = 0.0
    plain_refused: float = 0.0
    refused: float = 0.0
    opened: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def not_made(self) -> float:
        """A client that is refused counts a connection that was not made, and only the server's end knows why."""
        return max(0.0, max(self.failed.values(), default=0.0) - self.refused - self.plain_refused)

    @property
    def made(self) -> float:
        return max(self.opened.values(), default=0.0)


@dataclass(frozen=True, slots=True)
class _Key:
    client: str
    server: str
    service: str


_Paths = dict[_Key, _Path]
# A number for each of those that had to do with somebody.
_Counts = dict[str, dict[str, float]]


def _anybody(snapshot: Snapshot) -> Iterator[Finding]:
    if all(snapshot.knows(name) and not snapshot.items(name) for name in (ZTUNNEL_METRICS, ENVOY_METRICS)):
        raise NotApplicable("no proxy runs in this cluster")
    yield from ()


def traffic(snapshot: Snapshot) -> Iterator[Finding]:
    """All that stands out, the largest numbers first."""
    paths: _Paths = defaultdict(_Path)
    for item in _known(snapshot, ZTUNNEL_METRICS):
        _ztunnel(paths, item["metrics"])
    for item in _known(snapshot, ENVOY_METRICS):
        _envoy(paths, item)
    yield from _told(
        _by(paths, lambda path: path.plain, client=True),
        "warning",
        "{who} called {parts} in plain text ({total} times "
        + _SINCE
        + "): nothing was encrypted, and STRICT mutual TLS "
        "would cut it off.",
        "Enroll the client in the mesh, or leave the port out of STRICT (portLevelMtls), before PeerAuthentication is "
        "made STRICT.",
    )
    yield from _told(
        _by(paths, lambda path: path.plain_refused, client=True),
        "info",
        "{who} came in plain text, and was refused by {parts} ({total} times " + _SINCE + ").",
        "Enroll the client in the mesh, if it is to get through.",
    )
    yield from _told(
        _by(paths, lambda path: path.refused),
        "info",
        "Policy refused calls of {parts} to {who} ({total} times " + _SINCE + ").",
        "If they should get through, look at the AuthorizationPolicies for that workload (MW0030 to MW0034).",
    )
    yield from _told(_by(paths, _lasting), "warning", _NOT_MADE_TITLE.format(", more than were made"), _NOT_MADE_REMEDY)
    yield from _told(_by(paths, _passing), "info", _NOT_MADE_TITLE.format(""), _NOT_MADE_REMEDY)


_NOT_MADE_TITLE = "Connections of {{parts}} to {{who}} could not be made ({{total}} times " + _SINCE + "{})."
_NOT_MADE_REMEDY = (
    "See whether its pods are ready, its Service's selector and ports are right, and its waypoint has pods."
)


def _lasting(path: _Path) -> float:
    return path.not_made if path.not_made > path.made else 0.0


def _passing(path: _Path) -> float:
    return path.not_made if path.not_made <= path.made else 0.0


def _by(paths: _Paths, number: Callable[[_Path], float], *, client: bool = False) -> _Counts:
    """The numbers of all paths that have one, by client or by server."""
    found: _Counts = defaultdict(lambda: defaultdict(float))
    for key, path in paths.items():
        if value := number(path):
            who, part = (key.client, key.server) if client else (key.server, key.client)
            found[who][part] += value
    return found


def _told(counts: _Counts, severity: Severity, title: str, remedy: str) -> Iterator[Finding]:
    """A finding for each of the largest, and one for all the others."""
    largest = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    for who, parts in largest[:_MOST_GROUPS]:
        yield _finding([who], parts, severity, title, remedy)
    if rest := largest[_MOST_GROUPS:]:
        together: dict[str, float] = defaultdict(float)
        for _who, parts in rest:
            for part, value in parts.items():
                together[part] += value
        yield _finding([who for who, _parts in rest], together, severity, title, remedy)


def _finding(who: list[str], parts: Mapping[str, float], severity: Severity, title: str, remedy: str) -> Finding:
    text = title.format(
        who=who[0] if len(who) == 1 else f"{len(who)} others",
        parts=next(iter(parts)) if len(parts) == 1 else f"{len(parts)} workloads",
        total=f"{sum(parts.values()):g}",
    )
    about, others = (tuple(name for name in names if name[:1].isupper()) for names in (who, sorted(parts)))
    largest = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
    lines = tuple(f"{part}: {value:g}" for part, value in largest[:_TOLD])
    return Finding(severity, text[0].upper() + text[1:], about, lines, remedy, others)


# -- whose numbers they are --------------------------------------------------------------------------------------------


def _ztunnel(paths: _Paths, metrics: Mapping[str, Iterable[Obj]]) -> None:
    for one in metrics.get(_OPENED) or ():
        labels, value = one["labels"], float(one["value"])
        if key := _key(labels):
            paths[key].opened[labels.get("reporter", "")] += value
            if _plain(labels):
                paths[key].plain += value
    for one in metrics.get(_FAILED) or ():
        labels, value = one["labels"], float(one["value"])
        key = _key(labels)
        if key is None:
            continue
        if labels.get("response_flags") != "DENY":
            paths[key].failed[labels.get("reporter", "")] += value
        elif _plain(labels):
            paths[key].plain_refused += value
        else:
            paths[key].refused += value


def _envoy(paths: _Paths, item: Obj) -> None:
    metrics = item["metrics"]
    denied = sum(float(one["value"]) for one in metrics.get(_REFUSED) or ())
    told = 0.0
    for name in (_REQUESTS, _OPENED):
        for one in metrics.get(name) or ():
            labels, value = one["labels"], float(one["value"])
            key = _key(labels)
            if key is None:
                continue
            reporter = labels.get("reporter", "")
            failed = _NOT_MADE & set(str(labels.get("response_flags") or "").split(","))
            (paths[key].failed if failed else paths[key].opened)[reporter] += value
            # What comes to a gateway is not of the mesh yet.
            if _plain(labels) and item.get("proxy") != "gateway":
                paths[key].plain += value
            # An application may answer 403 itself: only as many as the RBAC filters refused.
            if labels.get("response_code") == "403" and reporter != "source" and told < denied:
                paths[key].refused += min(value, denied - told)
                told += min(value, denied - told)
    if told < denied:
        pod = inside.pod_ref(item)
        paths[_Key("clients that are not told", pod, pod)].refused += denied - told


def _plain(labels: Mapping[str, str]) -> bool:
    """As the server's end says, for the client's does not know."""
    return labels.get("reporter") == "destination" and labels.get("connection_security_policy") != "mutual_tls"


def _key(labels: Mapping[str, str]) -> _Key | None:
    """None for what was added up, since it went well."""
    if "destination_workload" not in labels and "destination_service" not in labels:
        return None
    return _Key(_source(labels), _destination(labels), _server(labels))


def _source(labels: Mapping[str, str]) -> str:
    name, space = labels.get("source_workload", "unknown"), labels.get("source_workload_namespace", "unknown")
    if name == "unknown" or not name:
        return "a client that is no workload of this cluster"
    return f"Workload {space}/{name}"


def _destination(labels: Mapping[str, str]) -> str:
    name, space = labels.get("destination_workload", ""), labels.get("destination_workload_namespace", "")
    if name in ("unknown", ""):
        return _server(labels)
    return f"Workload {space}/{name}"


def _server(labels: Mapping[str, str]) -> str:
    """The Service that was called, else the workload."""
    host = labels.get("destination_service", "")
    if host in ("unknown", ""):
        name, space = labels.get("destination_workload", ""), labels.get("destination_workload_namespace", "")
        return f"Workload {space}/{name}" if name not in ("unknown", "") else "an unknown address"
    name, _dot, rest = host.partition(".")
    space, _dot, zone = rest.partition(".")
    return f"Service {space}/{name}" if zone.startswith("svc.") else f"the host {host}"


def _silent(snapshot: Snapshot) -> Iterator[Finding]:
    for name, what in ((ZTUNNEL_METRICS, "ztunnel"), (ENVOY_METRICS, "Envoy")):
        inside.answered(snapshot, name, what)
        yield from inside.unheard(snapshot, name, what, "nothing is known of what they counted")


def _known(snapshot: Snapshot, name: str) -> Iterable[Obj]:
    with suppress(Undecided):
        return [item for item in snapshot.items(name) if not item.get("error")]
    return ()


CHECKS = (
    Check(
        39,
        "No plain text, and connections that are made",
        _CATEGORY,
        "warning",
        (ZTUNNEL_METRICS, ENVOY_METRICS),
        "Reads what ztunnels and Envoys have counted themselves since they started (their metrics, by port-forward; no "
        "Prometheus is needed): who called in plain text, whom policy refused, and to whom no connection could be "
        "made. Plain text is what STRICT mutual TLS would cut off: see this before PeerAuthentication is made STRICT. "
        "More failed connections than good ones are a warning. The numbers say nothing of when: a proxy that restarts "
        "begins anew.",
        inside.part_by_part(_anybody, traffic, _silent),
    ),
)
