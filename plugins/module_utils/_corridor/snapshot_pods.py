# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Pods of a snapshot: page by page, and of each only what a check looks at. There may be ten thousand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from sys import intern
from typing import Any, TypeVar

from .._checks import mesh
from .._checks.snapshot import Obj, Snapshot, annotations_of, dig, labels_of, meta, namespace_of
from .._errors import NotFound
from .._kube import kinds
from .._kube.client import Client

T = TypeVar("T")

# A page of pods is parsed, trimmed and let go before the next: so memory does not grow with the cluster's pod specs.
_POD_PAGE = 250
# Every proxy carries this label: sidecars, injected gateways, waypoints. ztunnel does not.
PROXY_LABEL = "service.istio.io/canonical-name"
_NOTED_ANNOTATIONS = ("sidecar.istio.io/status", "istio.io/rev", "ambient.istio.io/redirection")
_NOTED_VARIABLE = "ISTIO_META_CLUSTER_ID"


def component_pods(client: Client, seen: Snapshot) -> Iterator[Obj]:
    """The pods of istiod, istio-cni and ztunnel, trimmed."""
    workloads: list[Obj] = [plane.deployment for plane in mesh.control_planes(seen)]
    for component in (mesh.CNI, mesh.ZTUNNEL):
        workloads += mesh.components(seen, component)
    for namespace, labels in sorted({(namespace_of(item), _selector(item)) for item in workloads}):
        if labels:
            yield from _pods(client, kinds.POD.path(namespace), labels)


def proxies(client: Client, seen: Snapshot) -> Iterator[Obj]:
    """Sidecars, gateways and waypoints, each as who it is and what it runs."""
    for pod in _pods(client, kinds.POD.path(), PROXY_LABEL, states=False):
        spec = pod["spec"]
        names = {item["name"] for item in (*spec["containers"], *spec["initContainers"])}
        if "istio-proxy" in names and dig(pod, "status", "phase") not in ("Succeeded", "Failed"):
            yield pod


def revision_pods(client: Client, seen: Snapshot) -> Iterator[Obj]:
    """Pods labelled for a revision: few are, and those that no injector answered are in no other list."""
    for pod in _pods(client, kinds.POD.path(), "istio.io/rev", states=False):
        if dig(pod, "status", "phase") not in ("Succeeded", "Failed"):
            yield pod


def _pods(client: Client, path: str, labels: str, *, states: bool = True) -> Iterator[dict[str, Any]]:
    yield from paged(client, path, labels, lambda pod: trim_pod(pod, states=states))


def paged(client: Client, path: str, labels: str, trim: Callable[[Obj], T]) -> list[T]:
    """Pods page by page, each trimmed; from the start once more when the pages outlived the server's history."""
    for attempt in (1, 2):
        found: list[T] = []
        query = {"limit": str(_POD_PAGE), "labelSelector": labels}
        try:
            while True:
                page = client.raw("GET", path, query=query).json()
                found += [trim(pod) for pod in page.get("items") or ()]
                token = (page.get("metadata") or {}).get("continue")
                if not token:
                    return found
                query["continue"] = token
        except NotFound as error:
            if error.status != 410 or attempt == 2:
                raise
    return []


def trim_pod(pod: Obj, *, states: bool = True) -> dict[str, Any]:
    """A pod in its own shape, less what no check looks at; without `states` also less why it is not ready."""
    kept = {key: meta(pod)[key] for key in ("name", "namespace", "labels", "deletionTimestamp") if key in meta(pod)}
    kept["annotations"] = {key: value for key, value in annotations_of(pod).items() if key in _NOTED_ANNOTATIONS}
    kept["ownerReferences"] = [
        {"kind": owner.get("kind"), "name": owner.get("name")} for owner in meta(pod).get("ownerReferences") or ()
    ]
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": kept,
        "spec": {
            "nodeName": spec.get("nodeName"),
            "containers": _images(spec.get("containers")),
            "initContainers": _images(spec.get("initContainers")),
        },
        "status": {"phase": status.get("phase"), **(_readiness(status) if states else {})},
    }


def _readiness(status: Obj) -> dict[str, Any]:
    return {
        "conditions": [
            {key: item.get(key) for key in ("type", "status", "reason", "message") if item.get(key)}
            for item in status.get("conditions") or ()
        ],
        "initContainerStatuses": _states(status.get("initContainerStatuses")),
        "containerStatuses": _states(status.get("containerStatuses")),
    }


def _images(containers: Any) -> list[dict[str, Any]]:
    # thousands of pods run a handful of images: intern keeps one text of each
    return [
        {"name": intern(str(item.get("name"))), "image": intern(str(item.get("image"))), **_noted(item)}
        for item in containers or ()
    ]


def _noted(container: Obj) -> dict[str, Any]:
    """The one environment variable of a proxy that a check compares; the same object for all that have the same."""
    if container.get("name") == "istio-proxy":
        for variable in container.get("env") or ():
            if variable.get("name") == _NOTED_VARIABLE and variable.get("value"):
                return {"env": _variable(str(variable["value"]))}
    return {}


@cache
def _variable(value: str) -> list[dict[str, str]]:
    return [{"name": _NOTED_VARIABLE, "value": value}]


def _states(statuses: Any) -> list[dict[str, Any]]:
    return [{key: item.get(key) for key in ("name", "ready", "state")} for item in statuses or ()]


def _selector(workload: Obj) -> str:
    """A workload's own selector as a query; labels only, which is all that Istio's workloads have."""
    labels = dig(workload, "spec", "selector", "matchLabels") or labels_of(workload)
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
