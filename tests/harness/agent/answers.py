# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What simulated proxies say of themselves on their ports: certificates and metrics. Pure.

A pod's annotations change it: harness.meshwright.io/certificate-expires-in, in seconds from when it is set (negative:
expired), and harness.meshwright.io/metrics, lines in Prometheus' format that are added.
"""

from __future__ import annotations

import logging
from typing import Any

from .ambient import annotations_of

Object = dict[str, Any]
EXPIRES_IN = "harness.meshwright.io/certificate-expires-in"
METRICS = "harness.meshwright.io/metrics"
CRASH = "harness.meshwright.io/crash"
log = logging.getLogger("proxies")


def environment(container: Object) -> dict[str, str]:
    """What is set in the container, by name; references are empty."""
    return {each["name"]: each.get("value", "") for each in container.get("env", ())}


def version(container: Object) -> str:
    """The version that a proxy has, by its image."""
    tag: str = container["image"].rpartition(":")[2]
    return tag.removesuffix("-distroless").removesuffix("-debug")


def of(pod: Object, container: Object) -> Object | None:
    """What the pod's proxy answers with, as the Go program takes it (`serve`), less ports; None when it does not run.

    A proxy answers without being Ready, and without an istiod.
    """
    metadata, status = pod["metadata"], pod.get("status", {})
    annotations = annotations_of(pod)
    down = metadata.get("deletionTimestamp") or annotations.get(CRASH) == "true"
    if not container or down or status.get("phase") != "Running" or not status.get("podIP"):
        return None
    values = environment(container)
    namespace = metadata["namespace"]
    account = pod["spec"].get("serviceAccountName", "default")
    return {
        "type": container["args"][1],
        "namespace": namespace,
        "workload": values.get("ISTIO_META_WORKLOAD_NAME") or metadata["name"],
        "node": pod["spec"].get("nodeName", ""),
        "version": version(container),
        "identity": f"spiffe://{values.get('TRUST_DOMAIN') or 'cluster.local'}/ns/{namespace}/sa/{account}",
        "expiresIn": _seconds(pod, annotations.get(EXPIRES_IN)),
        "metrics": annotations.get(METRICS, ""),
    }


def _seconds(pod: Object, text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        log.warning("%s: %s: %r is no number of seconds", pod["metadata"]["name"], EXPIRES_IN, text)
        return None
