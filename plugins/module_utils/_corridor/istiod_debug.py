# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What istiod has sent to its proxies and what they acknowledged, and whether that is good enough to go on."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .._errors import NotFound, Unreachable
from .._kube.client import Client, Deadline
from .._kube.kinds import POD
from .._kube.portforward import pod_get
from .._kube.readiness import readiness

_DEBUG_PORT = 15014
_PATH = "/debug/syncz"
# Up to Istio 1.25 there is nothing but these pairs, and no errors.
_OLD_FIELDS = (
    ("cluster", "Cluster"),
    ("listener", "Listener"),
    ("route", "RouteConfiguration"),
    ("endpoint", "ClusterLoadAssignment"),
)
# Seconds that each look has, whatever time there is to wait.
_ASKING = 15.0
_SHOWN = 10
_LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class TypeSync:
    """One type of configuration (`Listener`, `Address` ...): nonces of what was sent and acknowledged.

    `sent_at` is when (RFC 3339), empty where istiod does not say.
    """

    name: str
    sent: str = ""
    acked: str = ""
    error: str = ""
    sent_at: str = ""

    @property
    def waiting(self) -> bool:
        """Sent, and not acknowledged yet."""
        return bool(self.sent) and self.sent != self.acked


@dataclass(frozen=True, slots=True)
class ProxySync:
    """One connected proxy. `id` is pod.namespace, `type` sidecar, router, waypoint or ztunnel, `version` its own."""

    id: str
    type: str
    cluster: str
    version: str
    types: tuple[TypeSync, ...] = ()

    @property
    def rejecting(self) -> tuple[TypeSync, ...]:
        return tuple(one for one in self.types if one.error)


@dataclass(frozen=True, slots=True)
class ReplicaSync:
    """What one istiod pod says. `error` when it could not be asked."""

    pod: str
    proxies: tuple[ProxySync, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class SyncVerdict:
    """`rejecting` and `stale` are lines for people; `connected` counts proxies.

    `known` rejects were there before; what is `pending` was sent and is not acknowledged yet, at one look only.
    """

    status: Literal["passed", "failed", "unknown"]
    reason: str
    connected: int = 0
    rejecting: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


def read_sync(client: Client, namespace: str, revision: str, deadline: Deadline) -> list[ReplicaSync]:
    """What each Ready istiod of the revision says, asked in parallel; [] when none is Ready.

    Raises Forbidden naming the verb on pods/portforward; an istiod that does not answer is told in its `error`.
    """
    return ask(client, namespace, ready_istiods(client, namespace, revision), deadline)


def ready_istiods(client: Client, namespace: str, revision: str | None = None) -> list[dict[str, Any]]:
    """The Ready istiod pods of a revision, or of every revision."""
    labels = "app=istiod" + (f",istio.io/rev={revision}" if revision else "")
    return [pod for pod in client.list(POD, namespace, labels=labels) if readiness(pod).ready]


def ask(client: Client, namespace: str, pods: Iterable[dict[str, Any]], deadline: Deadline) -> list[ReplicaSync]:
    """What these istiod pods say, by name, asked in parallel. Raises as `read_sync`."""
    names = sorted(pod["metadata"]["name"] for pod in pods)
    return client.many(lambda name: _ask(client, namespace, name, deadline), names)


def _ask(client: Client, namespace: str, pod: str, deadline: Deadline) -> ReplicaSync:
    try:
        answer = pod_get(client, namespace, pod, _DEBUG_PORT, _PATH, deadline=deadline)
    except (Unreachable, NotFound) as error:
        return ReplicaSync(pod, error=str(error))
    if answer.status != 200:
        return ReplicaSync(pod, error=f"{_PATH} of Pod {namespace}/{pod} answered {answer.status}: {answer.text[:200]}")
    try:
        return ReplicaSync(pod, parse_sync(answer.json()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return ReplicaSync(pod, error=f"{_PATH} of Pod {namespace}/{pod} cannot be understood: {error}")


def parse_sync(entries: list[dict[str, Any]] | None) -> tuple[ProxySync, ...]:
    """The proxies of a /debug/syncz answer, by id."""
    found = [
        ProxySync(
            id=str(entry["proxy"]),
            type=str(entry.get("proxy_type") or ""),
            cluster=str(entry.get("cluster_id") or ""),
            version=str(entry.get("istio_version") or ""),
            types=_types(entry),
        )
        for entry in entries or ()
    ]
    return tuple(sorted(found, key=lambda proxy: proxy.id))


def _types(entry: dict[str, Any]) -> tuple[TypeSync, ...]:
    resources = entry.get("resources")
    if resources is None:
        return tuple(
            TypeSync(name, str(entry.get(f"{field}_sent") or ""), str(entry.get(f"{field}_acked") or ""))
            for field, name in _OLD_FIELDS
            if entry.get(f"{field}_sent")
        )
    return tuple(
        TypeSync(
            name=url.rpartition(".")[2],
            sent=str(one.get("sent") or ""),
            acked=str(one.get("acked") or ""),
            error=str(one.get("lastError") or ""),
            sent_at=str(one.get("sentTime") or ""),
        )
        for url, one in sorted(resources.items())
    )


def judge_sync(
    replicas: Sequence[ReplicaSync],
    before: Sequence[ReplicaSync] = (),
    *,
    earlier: Sequence[ReplicaSync] = (),
    expected: Collection[str] = (),
) -> SyncVerdict:
    """Whether the proxies connected have what istiod sent them.

    `before` is how things were before the operation began: rejects known from there are no news. `earlier` is a look
    some seconds ago: what waits in both, for the same acknowledgement, is stale; what waits in this one only is
    unknown. `expected` are ids (pod.namespace) of proxies that ought to be connected: without them it is unknown.
    """
    proxies = _proxies(replicas)
    known_pairs = {(proxy.id, one.name) for proxy in _proxies(before) for one in proxy.rejecting}
    known_texts = {(one.name, _text(one.error)) for proxy in _proxies(before) for one in proxy.rejecting}
    new: list[str] = []
    known: list[str] = []
    for proxy in proxies:
        for one in proxy.rejecting:
            # Pods get new names when they restart, their errors stay the same.
            old = (proxy.id, one.name) in known_pairs or (one.name, _text(one.error)) in known_texts
            (known if old else new).append(f"{proxy.id} rejects {one.name}: {_text(one.error)[:_LONGEST_ERROR]}")
    waited = {(proxy.id, one.name): one for proxy in _proxies(earlier) for one in proxy.types if one.waiting}
    stale: list[str] = []
    pending: list[str] = []
    for proxy in proxies:
        for one in proxy.types:
            if one.waiting and not one.error:
                then = waited.get((proxy.id, one.name))
                late = then is not None and then.acked == one.acked
                (stale if late else pending).append(f"{proxy.id} has not acknowledged {one.name}")
    lists = {"rejecting": tuple(new), "stale": tuple(stale), "known": tuple(known), "pending": tuple(pending)}
    connected = len({proxy.id for proxy in proxies})
    if new or stale:
        said = [f"{len(new)} new rejects"] * bool(new) + [f"{len(stale)} not acknowledged"] * bool(stale)
        lines = "; ".join([*new, *stale][:_SHOWN])
        return SyncVerdict("failed", f"{' and '.join(said)} of {connected} proxies: {lines}", connected, **lists)
    unasked = [replica.error for replica in replicas if replica.error]
    if not replicas:
        return SyncVerdict("unknown", "no istiod of this revision is ready", connected, **lists)
    if unasked:
        return SyncVerdict("unknown", f"not every istiod could be asked: {'; '.join(unasked)}", connected, **lists)
    if not connected:
        return SyncVerdict("unknown", "no proxy is connected, so nothing shows that one could be", connected, **lists)
    if missing := sorted(set(expected) - {proxy.id for proxy in proxies}):
        said_missing = f"{len(missing)} of {len(expected)} proxies expected are not connected: "
        return SyncVerdict("unknown", said_missing + ", ".join(missing[:_SHOWN]), connected, **lists)
    if pending:
        return SyncVerdict("unknown", f"on its way still: {'; '.join(pending[:_SHOWN])}", connected, **lists)
    return SyncVerdict(
        "passed",
        f"{connected} {'proxy has' if connected == 1 else 'proxies have'} acknowledged all that was sent"
        + (f"; {len(known)} rejects were there before" if known else ""),
        connected,
        **lists,
    )


def told_since(replicas: Sequence[ReplicaSync], before: Sequence[ReplicaSync]) -> set[str]:
    """Ids of the proxies that istiod has sent something to since the look `before`."""
    then = {(proxy.id, one.name): one.sent for proxy in _proxies(before) for one in proxy.types}
    return {
        proxy.id
        for proxy in _proxies(replicas)
        for one in proxy.types
        if one.sent and one.sent != then.get((proxy.id, one.name))
    }


def watch_sync(
    client: Client,
    namespace: str,
    revision: str,
    deadline: Deadline,
    *,
    before: Sequence[ReplicaSync] = (),
    expected: Collection[str] = (),
    pause: float = 3.0,
) -> SyncVerdict:
    """Look, and once more after `pause` seconds while something is on its way, as pushes are for a moment.

    Waits for a first proxy to connect, and for all that are `expected`, until the deadline, which is for waiting
    alone: each look has its own time. The last look counts.
    """
    earlier: list[ReplicaSync] = []
    while True:
        replicas = read_sync(client, namespace, revision, Deadline(max(_ASKING, deadline.left())))
        verdict = judge_sync(replicas, before, earlier=earlier, expected=expected)
        due = bool(verdict.pending) and not earlier
        if verdict.status != "unknown" or (deadline.left() <= pause and not due):
            return verdict
        earlier = replicas
        time.sleep(pause)


def _proxies(replicas: Iterable[ReplicaSync]) -> list[ProxySync]:
    return [proxy for replica in replicas for proxy in replica.proxies]


def _text(error: str) -> str:
    """An error without the order that its lines came in."""
    return "; ".join(sorted(" ".join(line.split()) for line in error.splitlines() if line.strip()))
