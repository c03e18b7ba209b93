# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Pods of a snapshot: of each only what a check looks at. There may be ten thousand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from sys import intern
from typing import Any

from .._checks import mesh, selectors, sources
from .._checks.snapshot import Obj, annotations_of, dig, labels_of, meta, namespace_of
from .._kube import kinds
from .._kube.client import Client
from .snapshot_pages import paged
from .snapshot_reads import Read
from .snapshot_scope import Look

# Every proxy carries this label: sidecars, injected gateways, waypoints. ztunnel does not.
PROXY_LABEL = "service.istio.io/canonical-name"
_REVISION = "istio.io/rev"
_OVER = ("Succeeded", "Failed")
_RUNNING = "status.phase!=Succeeded,status.phase!=Failed"
_NOTED_ANNOTATIONS = frozenset(
    (
        "sidecar.istio.io/status",
        "sidecar.istio.io/inject",
        "inject.istio.io/templates",
        "istio.io/rev",
        "ambient.istio.io/redirection",
        "ambient.istio.io/dns-capture",
        "ambient.istio.io/bypass-inbound-capture",
        "prometheus.io/scrape",
        "prometheus.io/port",
        "prometheus.io/path",
        "gateway.istio.io/service-account",
        "networking.istio.io/tunnel",
    )
)
_NOTED_PREFIXES = ("traffic.sidecar.istio.io/", "sidecar.istio.io/proxy")
_NOTED_VARIABLE = "ISTIO_META_CLUSTER_ID"
_PROXY = "istio-proxy"
_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
_OVER_NETWORK = ("httpGet", "tcpSocket", "grpc")


def _pods(look: Look) -> Iterable[Obj]:
    return look.each(kinds.POD, lambda space: _some(look.client, space))


def _proxies(look: Look) -> Iterator[Obj]:
    """Sidecars, gateways and waypoints, each as who it is and what it runs."""
    for pod in _labelled(look, PROXY_LABEL):
        spec = pod["spec"]
        if "istio-proxy" in {item["name"] for item in (*spec["containers"], *spec["initContainers"])}:
            yield pod


def _revision_pods(look: Look) -> Iterable[Obj]:
    """Pods labelled for a revision: few are, and those that no injector answered are in no other list."""
    return _labelled(look, _REVISION)


def _labelled(look: Look, label: str) -> Iterable[Obj]:
    """The pods with this label: out of all, where all were read."""
    known = look.seen.sources.get(sources.PODS)
    if known is None or known.error:
        return look.each(kinds.POD, lambda space: _some(look.client, space, label))
    look.namespaces, look.unseen = known.namespaces, known.unseen
    return (pod for pod in known.items if label in labels_of(pod))


def _component_pods(look: Look) -> Iterator[Obj]:
    """The pods of istiod, istio-cni and ztunnel."""
    workloads: list[Obj] = [plane.deployment for plane in mesh.control_planes(look.seen)]
    for component in (mesh.CNI, mesh.ZTUNNEL):
        workloads += mesh.components(look.seen, component)
    for namespace, labels in sorted({(namespace_of(item), tuple(sorted(_selector(item)))) for item in workloads}):
        if not labels:
            continue
        if look.seen.knows(sources.PODS, namespace):
            wanted = {"matchLabels": dict(labels)}
            for pod in look.seen.items(sources.PODS):
                if namespace_of(pod) == namespace and selectors.matches(wanted, labels_of(pod)):
                    yield pod
        else:
            yield from _some(look.client, namespace, ",".join(f"{key}={value}" for key, value in labels))


def _some(client: Client, namespace: str | None, labels: str = "") -> list[dict[str, Any]]:
    """The pods that run or are to, trimmed."""
    found = paged(client, kinds.POD.path(namespace), labels, trim_pod, fields=_RUNNING)
    return [pod for pod in found if pod["status"]["phase"] not in _OVER]


def trim_pod(pod: Obj) -> dict[str, Any]:
    """A pod in its own shape, less what no check looks at. What is the same in many pods is one object in all."""
    metadata, spec, status = meta(pod), pod.get("spec") or {}, pod.get("status") or {}
    kept = {key: metadata[key] for key in ("name", "deletionTimestamp") if key in metadata}
    if "namespace" in metadata:
        kept["namespace"] = intern(metadata["namespace"])
    if "creationTimestamp" in metadata:
        kept["creationTimestamp"] = intern(metadata["creationTimestamp"])
    kept["labels"] = _texts(tuple((metadata.get("labels") or {}).items()))
    noted = [
        (key, value)
        for key, value in annotations_of(pod).items()
        if key in _NOTED_ANNOTATIONS or key.startswith(_NOTED_PREFIXES)
    ]
    kept["annotations"] = _texts(tuple(noted))
    owners = metadata.get("ownerReferences") or ()
    kept["ownerReferences"] = _owners(tuple((owner.get("kind"), owner.get("name")) for owner in owners))
    runs: dict[str, Any] = {"nodeName": spec.get("nodeName")}
    if spec.get("hostNetwork"):
        runs["hostNetwork"] = True
    if spec.get("serviceAccountName"):
        runs["serviceAccountName"] = intern(spec["serviceAccountName"])
    runs["containers"] = _containers(tuple(map(_noted, spec.get("containers") or ())))
    runs["initContainers"] = _containers(tuple(map(_noted, spec.get("initContainers") or ())))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": kept, "spec": runs, "status": _status(status)}


_Text = tuple[str, str]


@cache
def _texts(items: tuple[_Text, ...]) -> dict[str, str]:
    return {intern(key): intern(value) for key, value in items}


@cache
def _owners(owners: tuple[_Text, ...]) -> list[dict[str, str]]:
    return [{"kind": kind, "name": name} for kind, name in owners]


def _noted(container: Obj) -> tuple[Any, ...]:
    """What is kept of a container, to be compared: of a proxy also what a check compares, or counts."""
    name, image = str(container.get("name")), str(container.get("image"))
    if name != _PROXY:
        return (name, image, _probed(container))
    cluster = next(
        (
            item["value"]
            for item in container.get("env") or ()
            if item.get("name") == _NOTED_VARIABLE and item.get("value")
        ),
        None,
    )
    requests = dig(container, "resources", "requests") or {}
    return (name, image, False, tuple(container.get("args") or ()), cluster, tuple(requests.items()))


def _probed(container: Obj) -> bool:
    """Whether the kubelet probes it over the network."""
    return any(handler in (container.get(probe) or ()) for probe in _PROBES for handler in _OVER_NETWORK)


@cache
def _containers(noted: tuple[tuple[Any, ...], ...]) -> list[dict[str, Any]]:
    return [_container(*each) for each in noted]


@cache
def _container(
    name: str,
    image: str,
    probed: bool,
    args: tuple[str, ...] = (),
    cluster: str | None = None,
    requests: tuple[_Text, ...] = (),
) -> dict[str, Any]:
    found: dict[str, Any] = {"name": intern(name), "image": intern(image)}
    if probed:
        found["probed"] = True
    if args:
        found["args"] = list(args)
    if cluster:
        found["env"] = [{"name": _NOTED_VARIABLE, "value": str(cluster)}]
    if requests:
        found["resources"] = {"requests": dict(requests)}
    return found


def _status(status: Obj) -> dict[str, Any]:
    """Phase and conditions, and the containers that wait or ended badly; one object for all pods that are well."""
    conditions = status.get("conditions") or ()
    troubled = [
        (key, states)
        for key in ("initContainerStatuses", "containerStatuses")
        if (states := [_state(each) for each in status.get(key) or () if _troubled(each)])
    ]
    if not troubled and all(item.get("status") == "True" for item in conditions):
        return _well(status.get("phase"), tuple(item.get("type") for item in conditions))
    told = [
        {
            key: item[key]
            for key in (("type", "status") if item.get("status") == "True" else ("type", "status", "reason", "message"))
            if item.get(key)
        }
        for item in conditions
    ]
    return {"phase": status.get("phase"), "conditions": told, **dict(troubled)}


@cache
def _well(phase: str | None, types: tuple[str, ...]) -> dict[str, Any]:
    return {"phase": phase, "conditions": [{"type": each, "status": "True"} for each in types]}


def _troubled(state: Obj) -> bool:
    return bool(dig(state, "state", "waiting") or dig(state, "state", "terminated", "exitCode"))


def _state(state: Obj) -> dict[str, Any]:
    return {key: state.get(key) for key in ("name", "ready", "state")}


def _selector(workload: Obj) -> Iterable[_Text]:
    """A workload's own selector; labels only, which is all that Istio's workloads have."""
    labels = dig(workload, "spec", "selector", "matchLabels") or labels_of(workload)
    return ((str(key), str(value)) for key, value in labels.items())


POD_READS: tuple[Read, ...] = (
    Read(sources.PODS, _pods, slow=True),
    Read("proxies", _proxies, after=(sources.PODS,), slow=True),
    Read("revision_pods", _revision_pods, after=(sources.PODS,)),
    # Not after all pods: who asks istiod and ztunnel would see the mesh seconds later than the list of its pods does,
    # and miss those that went in between.
    Read("component_pods", _component_pods, ("istiods", "daemonsets")),
)
