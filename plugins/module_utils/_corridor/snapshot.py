# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Taking a snapshot for the checks: all that is asked for, read in parallel, each source with its own outcome."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .._checks import dialling, mesh
from .._checks.snapshot import Obj, Snapshot, Source, Undecided, annotations_of, meta
from .._errors import ApiError, Unauthorized
from .._kube import kinds
from .._kube.client import Client
from .._kube.kinds import Kind
from .collecting import without_collecting
from .snapshot_pods import component_pods, proxies, revision_pods

Items = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Read:
    """How one source is read. `needs` are sources that must be there first, since they say where to look."""

    name: str
    read: Callable[[Client, Snapshot], Items]
    needs: tuple[str, ...] = ()
    served: Callable[[Snapshot], bool] | None = None


def take(client: Client, names: Collection[str]) -> Snapshot:
    """Read the sources named here, and what they need to know where to look.

    A source that is forbidden or fails has its reason in it. Raises Unreachable or Unauthorized when there is no
    talking to the API server at all.
    """
    client.version()
    with without_collecting():
        return _take(client, names)


def _take(client: Client, names: Collection[str]) -> Snapshot:
    wanted = set(names)
    for read in reversed(_READS):
        if read.name in wanted:
            wanted.update(read.needs)
    unknown = wanted - {read.name for read in _READS}
    if unknown:
        raise ValueError(f"no such source: {', '.join(sorted(unknown))}")
    snapshot = Snapshot()
    reads = [read for read in _READS if read.name in wanted]
    for wave in ([read for read in reads if not read.needs], [read for read in reads if read.needs]):
        seen = snapshot
        found = client.many(lambda read, seen=seen: _source(client, read, seen), wave)  # type: ignore[misc]
        snapshot = Snapshot({**snapshot.sources, **{source.name: source for source in found}})
    return snapshot


def _source(client: Client, read: _Read, seen: Snapshot) -> Source:
    try:
        if read.served is not None and not read.served(seen):
            return Source(read.name, served=False)
        return Source(read.name, tuple(read.read(client, seen)))
    except Unauthorized:
        raise
    except ApiError as error:
        return Source(read.name, error=str(error))
    except Undecided as reason:
        return Source(read.name, error=f"it is not known where to look for {read.name.replace('_', ' ')}: {reason}")


# -- what is read, and how much of it ---------------------------------------------------------------------------------


def _all(kind: Kind, *, labels: str = "") -> Callable[[Client, Snapshot], Items]:
    return lambda client, seen: client.list(kind, labels=labels)


def _named(kind: Kind) -> Callable[[Client, Snapshot], Items]:
    """Names, labels and annotations are enough: a fraction of the size, managed fields left out."""

    def read(client: Client, seen: Snapshot) -> Iterator[Obj]:
        for item in client.list(kind, metadata_only=True):
            kept = {key: value for key, value in meta(item).items() if key in ("name", "labels", "annotations")}
            kept["annotations"] = {
                key: value
                for key, value in annotations_of(item).items()
                if not key.startswith("kubectl.kubernetes.io/")
            }
            yield {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": kept}

    return read


def _in_namespaces(kind: Kind, where: Callable[[Snapshot], set[str]]) -> Callable[[Client, Snapshot], Items]:
    def read(client: Client, seen: Snapshot) -> Iterator[Obj]:
        for namespace in sorted(where(seen)):
            yield from client.list(kind, namespace)

    return read


def _control_plane_namespaces(seen: Snapshot) -> set[str]:
    return {plane.namespace for plane in mesh.control_planes(seen)}


def _service_namespaces(seen: Snapshot) -> set[str]:
    """Where istiods live, and where Istio's webhooks and ztunnel say that they do."""
    found = _control_plane_namespaces(seen)
    hooks: list[mesh.Webhook] = []
    # What a missing list of webhooks would add is missed only by checks that need the list itself.
    for read in (mesh.injectors, mesh.validators):
        try:
            hooks += read(seen)
        except Undecided:
            continue
    found |= {hook.service[0] for hook in hooks if hook.service}
    # Where ztunnel's istiod and certificate authority are said to be; missed only by checks that need the list itself.
    with suppress(Undecided):
        found |= dialling.service_namespaces(mesh.components(seen, mesh.ZTUNNEL))
    return found


def _apis(client: Client, seen: Snapshot) -> Iterator[Obj]:
    """What is served, as group, version and kind; from discovery, which needs no rights and no CRD bodies."""
    for text in client.api_versions():
        group, slash, rest = text.partition("/")
        version, kind = rest.partition("/")[::2]
        if slash and kind:
            yield {"group": group, "version": version, "kind": kind}


def _served(kind: Kind) -> Callable[[Snapshot], bool]:
    return lambda seen: any(
        (item["group"], item["version"], item["kind"]) == (kind.group, kind.version, kind.kind)
        for item in seen.items("api")
    )


def _sail_ztunnels(client: Client, seen: Snapshot) -> Items:
    return client.list(kinds.SAIL_ZTUNNEL if _served(kinds.SAIL_ZTUNNEL)(seen) else kinds.SAIL_ZTUNNEL_ALPHA)


_READS: tuple[_Read, ...] = (
    _Read("api", _apis),
    _Read("crds", _named(kinds.CRD)),
    _Read("nodes", _named(kinds.NODE)),
    _Read("namespaces", _named(kinds.NAMESPACE)),
    _Read("istiods", _all(kinds.DEPLOYMENT, labels="app=istiod")),
    _Read("daemonsets", _all(kinds.DAEMON_SET)),
    _Read("mutating_webhooks", _all(kinds.MUTATING_WEBHOOK)),
    _Read("validating_webhooks", _all(kinds.VALIDATING_WEBHOOK)),
    _Read("proxies", proxies),
    _Read("revision_pods", revision_pods),
    _Read("autoscalers", _in_namespaces(kinds.HPA, _control_plane_namespaces), ("istiods",)),
    _Read("disruption_budgets", _in_namespaces(kinds.PDB, _control_plane_namespaces), ("istiods",)),
    _Read(
        "services",
        _in_namespaces(kinds.SERVICE, _service_namespaces),
        ("istiods", "mutating_webhooks", "validating_webhooks"),
    ),
    _Read(
        "endpoint_slices",
        _in_namespaces(kinds.ENDPOINT_SLICE, _service_namespaces),
        ("istiods", "mutating_webhooks", "validating_webhooks"),
    ),
    _Read("component_pods", component_pods, ("istiods", "daemonsets")),
    _Read("sail_istios", _all(kinds.SAIL_ISTIO), ("api",), _served(kinds.SAIL_ISTIO)),
    _Read("sail_revisions", _all(kinds.SAIL_REVISION), ("api",), _served(kinds.SAIL_REVISION)),
    _Read("sail_tags", _all(kinds.SAIL_REVISION_TAG), ("api",), _served(kinds.SAIL_REVISION_TAG)),
    _Read("sail_cnis", _all(kinds.SAIL_CNI), ("api",), _served(kinds.SAIL_CNI)),
    _Read(
        "sail_ztunnels",
        _sail_ztunnels,
        ("api",),
        lambda seen: _served(kinds.SAIL_ZTUNNEL)(seen) or _served(kinds.SAIL_ZTUNNEL_ALPHA)(seen),
    ),
)

SOURCES: tuple[str, ...] = tuple(read.name for read in _READS)
