# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What is asked inside the mesh: by port-forward of every istiod, of ztunnels and Envoys; and from istiod's logs.

A pod that does not answer says so in its `error`, and keeps nobody waiting for longer than its own few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Semaphore
from typing import Any

from .._checks import mesh, sources
from .._checks.inside import proxy_kind, ready, running
from .._checks.skew import workload_of
from .._checks.snapshot import Obj, Snapshot, dig, meta, name_of, namespace_of
from .._errors import ApiError, Forbidden, Unauthorized, Unreachable
from .._kube import kinds
from .._kube.client import Client, Deadline
from .._kube.portforward import pod_get
from . import snapshot_inside_metrics as metrics
from . import snapshot_inside_parse as parse
from .snapshot_reads import Items, Read
from .snapshot_scope import Look

# Seconds that one pod has to answer.
_ANSWER = 5.0
_MOST = 64 << 20
# Every ztunnel knows the whole mesh. A dump of ten thousand workloads is 9 MiB of text and takes a fifth of a second to
# parse: few are held at a time, and when so much has been read, the others are not asked.
_DUMPS_AT_ONCE, _DUMPS_IN_ALL = 2, 64 << 20
_LOG = {"container": "discovery", "sinceSeconds": "900", "tailLines": "2000", "limitBytes": str(1 << 20)}
_ISTIOD, _ADMIN, _MERGED = 15014, 15000, 15020

_Parsed = Callable[[bytes], dict[str, Any]]
_Get = Callable[[Client, Obj], bytes]


@dataclass(frozen=True, slots=True)
class _Pod:
    """One pod to ask, and what its entry in the source says besides."""

    pod: Obj
    more: dict[str, Any]


def _ask(
    look: Look,
    pods: Iterable[_Pod],
    get: _Get,
    parsed: _Parsed,
    gate: AbstractContextManager[Any] | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> list[dict[str, Any]]:
    """An entry for each pod, asked in parallel, until there is enough. Raises Forbidden when none may be asked."""
    asked = list(pods)
    refused: list[Forbidden] = []

    def one(each: _Pod) -> dict[str, Any] | None:
        entry = {"kind": "Pod", "metadata": meta(each.pod), **each.more, "error": ""}
        try:
            with gate or nullcontext():
                if enough():
                    return None
                own = look.client.with_deadline(Deadline(min(_ANSWER, look.client.deadline.left())))
                return {**entry, **parsed(get(own, each.pod))}
        except Unauthorized:
            raise
        except Forbidden as error:
            refused.append(error)
            return {**entry, "error": str(error)}
        except ApiError as error:
            return {**entry, "error": str(error)}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            where = f"Pod {namespace_of(each.pod)}/{name_of(each.pod)}"
            return {**entry, "error": f"What {where} answered cannot be understood: {error}"}

    found = look.client.many(one, asked)
    if refused and len(refused) == len(asked):
        raise refused[0]
    return [entry for entry in found if entry is not None]


def _forwarded(port: int, path: str) -> _Get:
    def get(client: Client, pod: Obj) -> bytes:
        namespace, name = namespace_of(pod), name_of(pod)
        answer = pod_get(client, namespace, name, port, path, deadline=client.deadline, most=_MOST)
        if answer.status != 200:
            raise Unreachable(f"{path} of Pod {namespace}/{name} answered {answer.status}: {answer.text[:200]}")
        return answer.body

    return get


def _logged(client: Client, pod: Obj) -> bytes:
    return client.raw("GET", kinds.POD.path(namespace_of(pod), name_of(pod), "log"), query=_LOG).body


# -- whom to ask -------------------------------------------------------------------------------------------------------


def _istiods(seen: Snapshot, wanted: Callable[[Obj], bool] = ready) -> Iterator[_Pod]:
    for plane in mesh.control_planes(seen):
        for pod in mesh.pods_of(seen, plane.deployment):
            if wanted(pod):
                yield _Pod(pod, {"revision": plane.revision})


def _ztunnels(look: Look) -> list[_Pod]:
    """Running ztunnels, ready or not: at most so many as the run asks, taken evenly from all nodes."""
    pods = [
        pod
        for daemon_set in mesh.components(look.seen, mesh.ZTUNNEL)
        for pod in mesh.pods_of(look.seen, daemon_set)
        if running(pod)
    ]
    pods.sort(key=lambda pod: (str(dig(pod, "spec", "nodeName")), name_of(pod)))
    return [
        _Pod(pod, {"node": str(dig(pod, "spec", "nodeName") or "")}) for pod in _evenly(pods, look.reach.proxy_limit)
    ]


def envoys(seen: Snapshot, most: int) -> list[tuple[Obj, str]]:
    """The Envoys to ask, each with what it is: of each workload one pod, gateways and waypoints first."""
    found: dict[str, tuple[tuple[bool, bool, str], Obj, str]] = {}
    for pod in seen.items(sources.PODS):
        kind = proxy_kind(pod)
        if kind not in ("sidecar", "gateway", "waypoint") or not running(pod):
            continue
        rank = (kind == "sidecar", not ready(pod), name_of(pod))
        workload = workload_of(pod)
        if workload not in found or rank < found[workload][0]:
            found[workload] = (rank, pod, kind)
    edge = [found[key][1:] for key in sorted(found) if found[key][2] != "sidecar"][:most]
    sidecars = [found[key][1:] for key in sorted(found) if found[key][2] == "sidecar"]
    return [*edge, *_evenly(sidecars, most - len(edge))]


def _envoys(look: Look) -> list[_Pod]:
    known = look.seen.sources[sources.PODS]
    look.namespaces, look.unseen = known.namespaces, known.unseen
    return [_Pod(pod, {"proxy": kind}) for pod, kind in envoys(look.seen, look.reach.proxy_limit)]


def _evenly(items: list[Any], most: int) -> list[Any]:
    if len(items) <= most:
        return items
    return [items[place * len(items) // most] for place in range(max(0, most))]


# -- what is asked -----------------------------------------------------------------------------------------------------


def _of_istiods(path: str, parsed: _Parsed) -> Callable[[Look], Items]:
    return lambda look: _ask(look, _istiods(look.seen), _forwarded(_ISTIOD, path), parsed)


def _logs(look: Look) -> Items:
    # One that never gets ready has something to say too.
    return _ask(look, _istiods(look.seen, running), _logged, parse.log_lines)


def _dumps(look: Look) -> Items:
    shared, gate, read = parse.Shared(), Semaphore(_DUMPS_AT_ONCE), [0]
    get = _forwarded(_ADMIN, "/config_dump")

    def counted(client: Client, pod: Obj) -> bytes:
        body = get(client, pod)
        read[0] += len(body)
        return body

    parsed = partial(parse.ztunnel_dump, shared=shared)
    return _ask(look, _ztunnels(look), counted, parsed, gate, lambda: read[0] >= _DUMPS_IN_ALL)


def _ztunnel_metrics(look: Look) -> Items:
    return _ask(look, _ztunnels(look), _forwarded(_MERGED, "/metrics"), metrics.traffic_metrics)


def _certificates(look: Look) -> Items:
    return _ask(look, _envoys(look), _forwarded(_ADMIN, "/certs"), parse.envoy_certificates)


def _envoy_metrics(look: Look) -> Items:
    return _ask(look, _envoys(look), _forwarded(_MERGED, "/stats/prometheus"), metrics.traffic_metrics)


_PARTS = ("istiods", "daemonsets", "component_pods")

INSIDE_READS: tuple[Read, ...] = (
    Read(sources.ISTIOD_SYNC, _of_istiods("/debug/syncz", parse.sync), _PARTS, slow=True),
    Read(sources.ISTIOD_METRICS, _of_istiods("/metrics", metrics.istiod_metrics), _PARTS, slow=True),
    Read(sources.ISTIOD_CLUSTERS, _of_istiods("/debug/clusterz", parse.clusters), _PARTS, slow=True),
    Read(sources.ISTIOD_LOGS, _logs, _PARTS, slow=True),
    Read(sources.ZTUNNEL_DUMPS, _dumps, _PARTS, slow=True),
    Read(sources.ZTUNNEL_METRICS, _ztunnel_metrics, _PARTS, slow=True),
    Read(sources.ENVOY_CERTIFICATES, _certificates, (sources.PODS,), slow=True),
    Read(sources.ENVOY_METRICS, _envoy_metrics, (sources.PODS,), slow=True),
)
