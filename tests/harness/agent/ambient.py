# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The named simulator `istio-cni`: says of a pod that its traffic is redirected to ztunnel.

The real istio-cni node agent sets this annotation when it has put a pod into the ambient mesh, and clears it when the
pod leaves. No traffic is redirected here: only what others read is simulated.
"""

from __future__ import annotations

import http.client
import logging
from typing import Any

from ..api import MERGE, Api, ApiError
from .watcher import Change

Object = dict[str, Any]
MODE_LABEL = "istio.io/dataplane-mode"
REDIRECTION = "ambient.istio.io/redirection"
SIDECAR_STATUS = "sidecar.istio.io/status"
NODE_AGENT = {"k8s-app": "istio-cni-node"}
log = logging.getLogger("istio-cni")


def labels_of(item: Object) -> dict[str, str]:
    return dict(item["metadata"].get("labels") or {})


def annotations_of(item: Object) -> dict[str, str]:
    return dict(item["metadata"].get("annotations") or {})


def is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def is_node_agent(pod: Object) -> bool:
    return NODE_AGENT.items() <= labels_of(pod).items()


def belongs(pod: Object, namespace: Object | None) -> bool:
    """Whether the pod is to be in the ambient mesh, by istio-cni's rules."""
    own = labels_of(pod).get(MODE_LABEL)
    inherited = labels_of(namespace).get(MODE_LABEL) if namespace else None
    ambient = own == "ambient" or (own is None and inherited == "ambient")
    return ambient and not pod["spec"].get("hostNetwork") and SIDECAR_STATUS not in annotations_of(pod)


class IstioCni:
    """Annotates pods on nodes where an istio-cni pod is Ready; elsewhere nothing changes, as in reality."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._pods: dict[str, Object] = {}
        self._namespaces: dict[str, Object] = {}
        self._dirty: set[str] = set()

    def on_change(self, change: Change) -> None:
        if change.kind == "Namespace":
            if change.now is None:
                self._namespaces.pop(change.key, None)
            else:
                before = self._namespaces.get(change.key)
                self._namespaces[change.key] = change.now
                if before is None or labels_of(before) != labels_of(change.now):
                    self._dirty |= {key for key in self._pods if key.startswith(f"{change.key}/")}
        elif change.kind == "Pod":
            if change.now is None:
                self._pods.pop(change.key, None)
                self._dirty.discard(change.key)
                return
            before = self._pods.get(change.key)
            self._pods[change.key] = change.now
            self._dirty.add(change.key)
            if is_node_agent(change.now) and is_ready(change.now) != (before is not None and is_ready(before)):
                node = change.now["spec"].get("nodeName")
                self._dirty |= {key for key, pod in self._pods.items() if pod["spec"].get("nodeName") == node}

    def tick(self, now: float) -> None:
        if not self._dirty:
            return
        served = {p["spec"].get("nodeName") for p in self._pods.values() if is_node_agent(p) and is_ready(p)}
        for key in list(self._dirty):
            self._dirty.discard(key)
            pod = self._pods[key]
            status = pod.get("status", {})
            if pod["spec"].get("nodeName") not in served or not status.get("podIP"):
                continue
            wanted = belongs(pod, self._namespaces.get(pod["metadata"].get("namespace", "")))
            redirected = annotations_of(pod).get(REDIRECTION) == "enabled"
            if wanted == redirected or status.get("phase") in ("Succeeded", "Failed"):
                continue
            try:
                self._annotate(pod, "enabled" if wanted else None)
            except (ApiError, OSError, http.client.HTTPException) as error:
                if not (isinstance(error, ApiError) and error.code == 404):
                    self._dirty.add(key)
                    raise

    def _annotate(self, pod: Object, value: str | None) -> None:
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        body = {"metadata": {"annotations": {REDIRECTION: value}}}
        self._api.request("PATCH", path, body, query={"fieldManager": "istio-cni"}, content_type=MERGE)
        log.info("%s/%s: redirection %s", metadata["namespace"], metadata["name"], value or "removed")
