# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Explaining on a cluster: the snapshot, the few single objects that the question is about, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .._checks import mesh
from .._checks.explain import answer, sight
from .._checks.explain.model import Explanation, Question
from .._checks.explain.wanted import Key, Wanted, wanted
from .._checks.snapshot import Obj, Snapshot, Source, Undecided, name_of
from .._errors import ApiError, Unauthorized
from .._kube import kinds
from .._kube.client import Client, Deadline
from .._kube.portforward import pod_get
from . import snapshot as snapshots
from .istiod_debug import ready_istiods
from .snapshot_inside_parse import envoy_certificates

# Lines of a log that are read, and of those that say that something is wrong, how many are kept.
_TAIL, _KEPT = 200, 12
_LONGEST_LINE = 400
_TELLING = ("warn", "error", "fatal")
_DEBUG_PORT, _ADMIN_PORT = 15014, 15000
_ASKING = 8.0
_OWNERS = (kinds.DEPLOYMENT, kinds.STATEFUL_SET, kinds.DAEMON_SET)
_MOST_EVENTS = 6


def explain(
    client: Client, question: Question, *, inside: bool = True, deadline: Deadline | None = None
) -> Explanation:
    """Answer the question from the cluster as it is. `inside`: pods of the mesh may be asked through port-forwards.

    Raises BadInput for a pod, workload or Gateway that does not exist, Unreachable or Unauthorized when there is no
    talking to the API server.
    """
    reader = client.with_deadline(deadline) if deadline is not None else client
    spaces = {place.namespace for place in (question.pod, question.source, question.target, question.gateway) if place}
    seen = snapshots.take(reader, answer.sources(question), inside=inside, fallback=sorted(spaces))
    return answer.explain(with_details(reader, seen, question, inside=inside), question)


def with_details(client: Client, seen: Snapshot, question: Question, *, inside: bool) -> Snapshot:
    """The snapshot with what only this question needs. What cannot be read of that is left out: it adds detail."""
    found = wanted(seen, question)
    reads: list[tuple[str, Callable[[], Iterable[Obj]]]] = [
        (sight.PODS, lambda: _each(client, kinds.POD, found.pods)),
        (sight.WORKLOADS, lambda: [one for kind in _OWNERS for one in _each(client, kind, found.workloads)]),
        (sight.ENDPOINTS, lambda: [one for key in found.services for one in _slices(client, key)]),
        (sight.EVENTS, lambda: [one for key in found.troubled for one in _events(client, key)]),
        (sight.SECRETS, lambda: [one for key in found.secrets for one in _secret(client, key)]),
        (sight.LOGS, lambda: [_log(client, key) for key in found.logs]),
    ]
    if inside and found.client is not None:
        reads.append((sight.CONFIG, lambda: list(_sent(client, seen, found))))
    if inside:
        reads.append((sight.CERTIFICATES, lambda: [_certificates(client, key) for key in found.proxies]))
    sources = client.many(lambda read: _source(*read), reads)
    return replace(seen, sources={**seen.sources, **{one.name: one for one in sources}}, _made={})


def _source(name: str, read: Callable[[], Iterable[Obj]]) -> Source:
    try:
        return Source(name, tuple(read()))
    except Unauthorized:
        raise
    except (ApiError, Undecided) as error:
        return Source(name, error=str(error))


def _each(client: Client, kind: kinds.Kind, keys: Iterable[Key]) -> list[dict[str, Any]]:
    found = client.many(lambda key: client.get(kind, key[1], key[0]), keys)
    return [{"apiVersion": kind.api_version, "kind": kind.kind, **one} for one in found if one is not None]


def _slices(client: Client, key: Key) -> list[dict[str, Any]]:
    return client.list(kinds.ENDPOINT_SLICE, key[0], labels=f"kubernetes.io/service-name={key[1]}")


def _secret(client: Client, key: Key) -> list[dict[str, Any]]:
    """Whether a Secret is there: its values are never read."""
    return client.list(kinds.SECRET, key[0], fields=f"metadata.name={key[1]}", metadata_only=True)


def _events(client: Client, key: Key) -> Iterator[dict[str, Any]]:
    """What was told of a pod, the latest first, each reason once."""
    found = client.list(kinds.EVENT, key[0], fields=f"regarding.name={key[1]}")
    seen: set[str] = set()
    for one in sorted(found, key=_when, reverse=True):
        reason = str(one.get("reason") or "")
        if one.get("type") == "Warning" and reason not in seen and len(seen) < _MOST_EVENTS:
            seen.add(reason)
            yield {"pod": f"{key[0]}/{key[1]}", "reason": reason, "note": " ".join(str(one.get("note") or "").split())}


def _when(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("deprecatedLastTimestamp") or event.get("eventTime") or "")


def _log(client: Client, key: Key) -> dict[str, Any]:
    """The last lines of a pod's log that say that something is wrong."""
    path = kinds.POD.path(key[0], key[1], "log")
    answered = client.raw("GET", path, query={"tailLines": str(_TAIL)})
    lines = answered.body.decode(errors="replace").splitlines()
    telling = [line[:_LONGEST_LINE] for line in lines if any(word in line.lower() for word in _TELLING)]
    return {"kind": "Pod", "metadata": {"namespace": key[0], "name": key[1]}, "lines": telling[-_KEPT:]}


def _certificates(client: Client, key: Key) -> dict[str, Any]:
    """What Envoy says of its certificates."""
    about = {"kind": "Pod", "metadata": {"namespace": key[0], "name": key[1]}}
    try:
        answered = pod_get(client, key[0], key[1], _ADMIN_PORT, "/certs", deadline=_time(client))
        return {**about, "error": "", **envoy_certificates(answered.body)}
    except Unauthorized:
        raise
    except (ApiError, ValueError, TypeError, KeyError, AttributeError) as error:
        return {**about, "error": str(error)}


def _time(client: Client) -> Deadline:
    """What one question to a pod may take of the time there is."""
    return Deadline(min(_ASKING, client.deadline.left()))


def _sent(client: Client, seen: Snapshot, found: Wanted) -> Iterator[dict[str, Any]]:
    """The names of the clusters that istiod sent to a sidecar; of the istiod that serves it."""
    key = found.client
    if key is None:
        return
    for plane in mesh.control_planes(seen):
        for pod in ready_istiods(client, plane.namespace, plane.revision):
            answered = pod_get(
                client,
                plane.namespace,
                name_of(pod),
                _DEBUG_PORT,
                "/debug/config_dump",
                query={"proxyID": f"{key[1]}.{key[0]}"},
                deadline=_time(client),
            )
            if answered.status == 200:
                yield {"kind": "Pod", "metadata": {"namespace": key[0], "name": key[1]}, **parse_sent(answered.json())}
                return


def parse_sent(dump: Any) -> dict[str, list[str]]:
    """`clusters`: the names in a config_dump of istiod's."""
    clusters: list[str] = []
    for config in (dump or {}).get("configs") or ():
        if str(config.get("@type", "")).endswith("ClustersConfigDump"):
            for one in (*(config.get("dynamicActiveClusters") or ()), *(config.get("staticClusters") or ())):
                clusters.append(str((one.get("cluster") or {}).get("name") or ""))
    return {"clusters": sorted(name for name in clusters if name)}
