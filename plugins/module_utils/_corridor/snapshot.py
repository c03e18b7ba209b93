# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Taking a snapshot for the checks: all that is asked for, read in parallel, each source with its own outcome."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from threading import Event

from .._checks.snapshot import Snapshot, Source, Undecided
from .._errors import ApiError, Unauthorized
from .._kube.client import Client, Deadline
from .collecting import without_collecting
from .snapshot_inside import INSIDE_READS
from .snapshot_mesh import MESH_READS
from .snapshot_pods import POD_READS
from .snapshot_policy import POLICY_READS
from .snapshot_reads import Read
from .snapshot_scope import PROXY_LIMIT, Look, Reach
from .snapshot_usage import USAGE_READS

_READS: dict[str, Read] = {
    read.name: read for read in (*MESH_READS, *POD_READS, *POLICY_READS, *USAGE_READS, *INSIDE_READS)
}
SOURCES: tuple[str, ...] = tuple(_READS)

# Where the control planes are, whose namespaces belong to every scope.
_PLANES = "istiods"
# A slow read against another.
_LONG = 10
# What one read may take of the time there is: who waits for it needs the rest.
_SHARE = 0.5


def take(
    client: Client,
    names: Collection[str],
    *,
    scope: frozenset[str] | None = None,
    inside: bool = True,
    fallback: Collection[str] = (),
    proxy_limit: int = PROXY_LIMIT,
) -> Snapshot:
    """Read the sources named here, and what they need to know where to look.

    `scope` are the namespaces to look into, None for all; those of the mesh itself are added. Where not all may be
    read, those that may are, and where Namespaces may not be listed, those of `fallback` are tried too. Without
    `inside` no pod is talked to, and the sources that would need it are left out; `proxy_limit` is how many ztunnels,
    and how many Envoys, are asked. A source that is forbidden or fails has its reason in it. Raises Unreachable or
    Unauthorized when there is no talking to the API server at all.
    """
    started = time.time()
    client.version()
    with without_collecting():
        return Snapshot(_take(client, names, Reach(scope, fallback, proxy_limit), inside), started)


def _take(client: Client, names: Collection[str], reach: Reach, inside: bool) -> dict[str, Source]:
    wanted = set(names)
    unknown = wanted - set(SOURCES)
    if unknown:
        raise ValueError(f"no such source: {', '.join(sorted(unknown))}")
    if not inside:
        wanted -= {read.name for read in INSIDE_READS}
    if reach.scope is not None:
        wanted.add(_PLANES)
    reads = _ordered(wanted, reach)
    ended = {read.name: Event() for read in reads}
    found: dict[str, Source] = {}

    def one(read: Read) -> None:
        try:
            for name in _before(read, reach):
                if name in ended:
                    ended[name].wait()
            found[read.name] = _source(client, read, Snapshot(dict(found)), reach)
        finally:
            ended[read.name].set()

    # In this order nobody waits for what has not been started.
    client.many(one, reads)
    return {name: found[name] for name in SOURCES if name in found}


def _ordered(wanted: Collection[str], reach: Reach) -> list[Read]:
    """What is to be read for these sources, each after what it waits for; what waits for least comes first.

    What takes long begins before its like, and who waits for it comes last: no thread is held that others could use.
    """
    chosen: set[str] = set()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name not in chosen:
            chosen.add(name)
            todo += _READS[name].needs

    def begins(name: str) -> int:
        return max((ends(each) for each in _before(_READS[name], reach) if each in chosen), default=0)

    def ends(name: str) -> int:
        return begins(name) + (_LONG if _READS[name].slow else 1)

    order = sorted(chosen, key=lambda name: (begins(name), not _READS[name].slow, SOURCES.index(name)))
    return [_READS[name] for name in order]


def _before(read: Read, reach: Reach) -> Iterator[str]:
    yield from read.needs
    yield from read.after
    if reach.scope is not None and read.name != _PLANES:
        yield _PLANES


def _source(client: Client, read: Read, seen: Snapshot, reach: Reach) -> Source:
    try:
        if read.served is not None and not read.served(seen):
            return Source(read.name, served=False)
        left = client.deadline.left()
        look = Look(client.with_deadline(Deadline(left if read.slow else left * _SHARE)), seen, reach)
        items = tuple(read.read(look))
        return Source(read.name, items, namespaces=look.namespaces, unseen=look.unseen)
    except Unauthorized:
        raise
    except ApiError as error:
        return Source(read.name, error=str(error))
    except Undecided as reason:
        return Source(read.name, error=f"it is not known where to look for {read.name.replace('_', ' ')}: {reason}")
