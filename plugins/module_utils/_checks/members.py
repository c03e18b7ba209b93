# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Who is to be in the mesh, by labels alone, and how old an object is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from . import mesh, naming, sources
from .inside import moment
from .policy.scene import GATEWAY, GATEWAY_CLASS, GATEWAY_NAME
from .snapshot import Obj, Snapshot, annotations_of, dig, labels_of, meta, name_of, namespace_of

Mode = Literal["sidecar", "ambient", "none"]

# Namespaces of Kubernetes' own, in which no pod is ever injected.
NEVER_INJECTED = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
REDIRECTION = "ambient.istio.io/redirection"
_OVER = ("Succeeded", "Failed")
_CONTROLLERS = "istio.io/"
_GATEWAYS, _CLASSES = sources.OF_KIND[GATEWAY], sources.OF_KIND[GATEWAY_CLASS]
# What `gateways_of` reads.
OF_GATEWAYS = (_GATEWAYS, _CLASSES)


@dataclass(frozen=True, slots=True)
class Members:
    """What the namespaces' labels ask for.

    `labels` are those of each namespace, `revisions` those that would inject an unlabelled pod there; injection goes
    before ambient.
    """

    labels: Mapping[str, Mapping[str, str]]
    revisions: Mapping[str, frozenset[str]]
    objects: Mapping[str, Obj]

    def mode(self, namespace: str) -> Mode:
        if self.revisions.get(namespace) and namespace not in NEVER_INJECTED:
            return "sidecar"
        return "ambient" if self.labels.get(namespace, {}).get(naming.MODE) == "ambient" else "none"

    def of_mode(self, mode: Mode) -> list[str]:
        """The namespaces of that mode, less those that are being deleted."""
        return sorted(
            name
            for name, obj in self.objects.items()
            if self.mode(name) == mode and not meta(obj).get("deletionTimestamp")
        )


def asks_for_ambient(pod: Obj, namespace: Mapping[str, str]) -> bool:
    """Whether labels ask istio-cni to capture a pod, in a namespace with these, by its default selectors."""
    own = labels_of(pod).get(naming.MODE)
    return (own if own in ("ambient", "none") else namespace.get(naming.MODE)) == "ambient"


def members_of(snapshot: Snapshot) -> Members:
    """Raises Undecided when namespaces or injectors could not be read."""
    return snapshot.once(_members)


def made_at(obj: Obj) -> float:
    """When an object was made, in seconds since the epoch; 0.0 where that is not known."""
    return moment(meta(obj).get("creationTimestamp")) or 0.0


def running(pod: Obj) -> bool:
    """Whether a pod runs its workload: not over, not about to start, not on its way out."""
    return dig(pod, "status", "phase") not in (*_OVER, "Pending") and not meta(pod).get("deletionTimestamp")


def has_sidecar(pod: Obj) -> bool:
    """Whether a pod has a proxy: an injected one, or one that it was made with; `auto` is what injection replaces."""
    if naming.STATUS in annotations_of(pod):
        return True
    containers = (*(dig(pod, "spec", "containers") or ()), *(dig(pod, "spec", "initContainers") or ()))
    return any(item.get("name") == "istio-proxy" and item.get("image") != "auto" for item in containers)


def gateway_of(pod: Obj) -> str:
    """The Gateway (`namespace/name`) that a pod was made for, empty for others."""
    name = labels_of(pod).get(GATEWAY_NAME)
    return f"{namespace_of(pod)}/{name}" if name else ""


def gateways_of(snapshot: Snapshot) -> list[Obj]:
    """The Gateways of the Gateway API that are of a class of Istio's, by that class's controller."""
    classes = {
        name_of(item)
        for item in snapshot.items(_CLASSES)
        if str(dig(item, "spec", "controllerName")).startswith(_CONTROLLERS)
    }
    return [item for item in snapshot.items(_GATEWAYS) if dig(item, "spec", "gatewayClassName") in classes]


def within(pods: Iterable[Obj]) -> str:
    """`of namespace shop ` where all are of one; else nothing."""
    spaces = {namespace_of(pod) for pod in pods}
    return f"of namespace {spaces.pop()} " if len(spaces) == 1 else ""


def _members(snapshot: Snapshot) -> Members:
    hooks = mesh.injectors(snapshot)
    objects = {name_of(item): item for item in snapshot.items("namespaces")}
    labels = {name: labels_of(item) for name, item in objects.items()}
    # thousands of namespaces have a handful of answers
    known: dict[frozenset[tuple[str, str]], frozenset[str]] = {}
    revisions: dict[str, frozenset[str]] = {}
    for name, own in labels.items():
        key = frozenset(item for item in own.items() if item[0] != "kubernetes.io/metadata.name")
        if key not in known or _by_name(hooks):
            known[key] = frozenset(naming.injecting(hooks, own, {}))
        revisions[name] = known[key]
    return Members(labels, revisions, objects)


def _by_name(hooks: list[mesh.Webhook]) -> bool:
    """Whether an injector chooses namespaces by name, as one for every namespace does (enableNamespacesByDefault)."""
    return any("kubernetes.io/metadata.name" in str(hook.body.get("namespaceSelector")) for hook in hooks)
