# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as a use of a revision or of a tag. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Object = dict[str, Any]
REVISION = "istio.io/rev"
INJECTION = "istio-injection"
INJECT = "sidecar.istio.io/inject"


def of_namespace(labels: Mapping[str, str]) -> str:
    """The revision or tag that a namespace's labels name, an empty string for none."""
    if labels.get(INJECTION) == "enabled":
        return "default"
    return labels.get(REVISION, "")


def of_pod_labels(labels: Mapping[str, str]) -> str:
    """The revision or tag that a pod's labels name; labels that forbid injection name none."""
    if labels.get(INJECT) == "false":
        return ""
    if revision := labels.get(REVISION):
        return revision
    return "default" if labels.get(INJECT) == "true" else ""


def used(namespaces: Iterable[Object], pods: Iterable[Object]) -> tuple[set[str], set[str]]:
    """(revisions, tags) that something names: a namespace or a pod by labels; for revisions also a pod's annotation."""
    named = {item["metadata"]["name"]: of_namespace(item["metadata"].get("labels") or {}) for item in namespaces}
    labels = {name for name in named.values() if name}
    annotations: set[str] = set()
    for pod in pods:
        metadata = pod["metadata"]
        if pod.get("status", {}).get("phase") == "Succeeded" or metadata.get("namespace") not in named:
            continue
        if injected := (metadata.get("annotations") or {}).get(REVISION):
            annotations.add(injected)
        if not named[metadata["namespace"]] and (wanted := of_pod_labels(metadata.get("labels") or {})):
            labels.add(wanted)
    return labels | annotations, labels
