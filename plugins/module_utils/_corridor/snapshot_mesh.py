# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The mesh's own parts, as the API server has them: istiods, components, webhooks, what Sail says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from .._checks import dialling, mesh, sources
from .._checks.snapshot import Obj, Snapshot, Undecided, annotations_of, meta, namespace_of
from .._kube import kinds
from .._kube.kinds import Kind
from .snapshot_reads import Items, Read
from .snapshot_scope import Look

_BARE = ("name", "labels", "annotations", "creationTimestamp", "deletionTimestamp")


def _all(kind: Kind) -> Callable[[Look], Items]:
    return lambda look: look.list(kind, anywhere=True)


def _istiods(look: Look) -> Items:
    """Who looks into some namespaces only, and finds a control plane, misses none."""
    found = look.list(kinds.DEPLOYMENT, labels="app=istiod", anywhere=True)
    if found and look.reach.scope is not None:
        look.unseen = ""
    return found


def _named(kind: Kind) -> Callable[[Look], Items]:
    return lambda look: (_bare(kind, item) for item in look.list(kind, metadata_only=True))


def _bare(kind: Kind, item: Obj) -> Obj:
    """Names, labels, annotations and age are enough: a fraction of the size, managed fields left out."""
    kept = {key: value for key, value in meta(item).items() if key in _BARE}
    kept["annotations"] = {
        key: value for key, value in annotations_of(item).items() if not key.startswith("kubectl.kubernetes.io/")
    }
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": kept}


def _in_namespaces(kind: Kind, where: Callable[[Snapshot], set[str]]) -> Callable[[Look], Items]:
    def read(look: Look) -> Iterator[Obj]:
        for namespace in sorted(where(look.seen)):
            yield from look.list(kind, namespace)

    return read


def _services(look: Look) -> Iterator[Obj]:
    for namespace in sorted(_service_namespaces(look.seen)):
        if look.seen.knows(sources.ALL_SERVICES, namespace):
            yield from (item for item in look.seen.items(sources.ALL_SERVICES) if namespace_of(item) == namespace)
        else:
            yield from look.list(kinds.SERVICE, namespace)


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


def _apis(look: Look) -> Iterator[Obj]:
    """What is served, as group, version and kind; from discovery, which needs no rights and no CRD bodies."""
    for text in look.client.api_versions():
        group, slash, rest = text.partition("/")
        version, kind = rest.partition("/")[::2]
        if slash and kind:
            yield {"group": group, "version": version, "kind": kind}


def _served(kind: Kind) -> Callable[[Snapshot], bool]:
    return lambda seen: any(
        (item["group"], item["version"], item["kind"]) == (kind.group, kind.version, kind.kind)
        for item in seen.items("api")
    )


def _sail_ztunnels(look: Look) -> Items:
    return look.list(kinds.SAIL_ZTUNNEL if _served(kinds.SAIL_ZTUNNEL)(look.seen) else kinds.SAIL_ZTUNNEL_ALPHA)


MESH_READS: tuple[Read, ...] = (
    Read("api", _apis),
    Read("crds", _named(kinds.CRD)),
    Read("nodes", _named(kinds.NODE)),
    Read("namespaces", lambda look: (_bare(kinds.NAMESPACE, item) for item in look.existing())),
    Read("istiods", _istiods),
    Read("daemonsets", _all(kinds.DAEMON_SET)),
    Read("mutating_webhooks", _all(kinds.MUTATING_WEBHOOK)),
    Read("validating_webhooks", _all(kinds.VALIDATING_WEBHOOK)),
    Read("autoscalers", _in_namespaces(kinds.HPA, _control_plane_namespaces), ("istiods",)),
    Read("disruption_budgets", _in_namespaces(kinds.PDB, _control_plane_namespaces), ("istiods",)),
    Read(
        "services",
        _services,
        ("istiods", "mutating_webhooks", "validating_webhooks"),
        ("daemonsets", sources.ALL_SERVICES),
    ),
    Read(
        "endpoint_slices",
        _in_namespaces(kinds.ENDPOINT_SLICE, _service_namespaces),
        ("istiods", "mutating_webhooks", "validating_webhooks"),
        ("daemonsets",),
    ),
    Read("sail_istios", _all(kinds.SAIL_ISTIO), ("api",), served=_served(kinds.SAIL_ISTIO)),
    Read("sail_revisions", _all(kinds.SAIL_REVISION), ("api",), served=_served(kinds.SAIL_REVISION)),
    Read("sail_tags", _all(kinds.SAIL_REVISION_TAG), ("api",), served=_served(kinds.SAIL_REVISION_TAG)),
    Read("sail_cnis", _all(kinds.SAIL_CNI), ("api",), served=_served(kinds.SAIL_CNI)),
    Read(
        "sail_ztunnels",
        _sail_ztunnels,
        ("api",),
        served=lambda seen: _served(kinds.SAIL_ZTUNNEL)(seen) or _served(kinds.SAIL_ZTUNNEL_ALPHA)(seen),
    ),
)
