# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The Sail Operator's process, stopped while a mesh changes hands, and started again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._desired.manifests import label
from ..._errors import GuardRefused, SettleTimeout
from ..._kube.client import Client, Deadline
from ..._kube.kinds import DEPLOYMENT, POD
from ..settle import settle

# How many replicas there were, on the Deployment itself: who starts it again may be another run than who stopped it.
REPLICAS = "meshwright.io/replicas-before"
_PAUSE = 0.3


def guard_stoppable(operators: list[dict[str, Any]]) -> None:
    """Refuse an operator that something else would start again at once."""
    for obj in operators:
        owner = _olm(obj)
        if owner:
            space = obj["metadata"]["namespace"]
            raise GuardRefused(
                f"{label(obj)} is kept running by the Operator Lifecycle Manager ({owner}), so it cannot be stopped "
                "while the mesh changes hands.",
                hint=f"Delete the operator's Subscription and {owner} in namespace {space} first (its resources, and "
                "so the mesh, stay), then run again.",
            )


def _olm(obj: Mapping[str, Any]) -> str:
    for reference in obj["metadata"].get("ownerReferences") or []:
        if reference.get("kind") == "ClusterServiceVersion":
            return f"ClusterServiceVersion {reference.get('name')}"
    labels = obj["metadata"].get("labels") or {}
    return f"ClusterServiceVersion {labels['olm.owner']}" if "olm.owner" in labels else ""


def running(operators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are meant to have pods."""
    return [obj for obj in operators if (obj.get("spec") or {}).get("replicas", 1)]


def stopped(operators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that a migration has stopped."""
    return [
        obj
        for obj in operators
        if not (obj.get("spec") or {}).get("replicas", 1) and REPLICAS in (obj["metadata"].get("annotations") or {})
    ]


def stop(client: Client, operators: list[dict[str, Any]], deadline: Deadline) -> None:
    """No pod of these Deployments runs any more when this returns. Raises SettleTimeout naming those that do."""
    for obj in running(operators):
        meta = obj["metadata"]
        replicas = (obj.get("spec") or {}).get("replicas", 1)
        body = {"metadata": {"annotations": {REPLICAS: str(replicas)}}, "spec": {"replicas": 0}}
        client.patch(DEPLOYMENT, meta["name"], meta["namespace"], body, resource_version=None)
    for obj in operators:
        _wait_for_no_pods(client, obj, deadline)


def start(client: Client, operators: list[dict[str, Any]], deadline: Deadline | None) -> bool:
    """Start those that a migration had stopped, and wait for them unless `deadline` is None; whether there were any."""
    found = stopped(operators)
    for obj in found:
        meta = obj["metadata"]
        replicas = meta["annotations"][REPLICAS]
        body = {
            "metadata": {"annotations": {REPLICAS: None}},
            "spec": {"replicas": int(replicas) if replicas.isdigit() else 1},
        }
        client.patch(DEPLOYMENT, meta["name"], meta["namespace"], body, resource_version=None)
    if found and deadline is not None:
        refs = [(DEPLOYMENT, obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in found]
        settle(client, refs, deadline=deadline)
    return bool(found)


def _wait_for_no_pods(client: Client, obj: Mapping[str, Any], deadline: Deadline) -> None:
    selector = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    space = obj["metadata"]["namespace"]
    while labels:
        pods = client.list(POD, space, labels=labels, metadata_only=True)
        if not pods:
            return
        if deadline.passed:
            names = ", ".join(pod["metadata"]["name"] for pod in pods)
            raise SettleTimeout(
                f"{label(obj)} has no replicas any more, but its pods are still there: {names}.",
                hint="See why they do not end, then run again.",
                details={"unready": [{"object": f"Pod {space}/{names}", "reason": "still there"}]},
            )
        deadline.sleep(_PAUSE)
