# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Why objects are not ready: what their pods wait for, and the last Warning events about either."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._errors import ApiError
from .._kube.client import Client
from .._kube.kinds import EVENT, POD
from .._kube.readiness import readiness
from .live import Obj, Target

_PODS = 5
_WARNINGS = 3
_LONGEST = 300
_OWNERS = ("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "Job", "Gateway")


@dataclass(slots=True)
class Evidence:
    """`pods` and `warnings` are lines of text, at most a handful of each."""

    pods: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def evidence(client: Client, objects: dict[Target, Obj]) -> dict[Target, Evidence]:
    """Evidence for each object; what cannot be read is left out, since the time-out itself must be told."""
    spaces = {one.namespace for one in objects if one.namespace}
    pods = {space: _read(client, POD, space) for space in spaces if _any_workload(objects, space)}
    events = {space: _read(client, EVENT, space, fields="type=Warning") for space in spaces}
    found = {}
    for one, obj in objects.items():
        mine = [pod for pod in pods.get(one.namespace or "", []) if _selects(obj, pod)]
        troubled = [(pod, state) for pod in mine if not (state := readiness(pod)).ready]
        names = {one.name} | {pod["metadata"]["name"] for pod in mine}
        found[one] = Evidence(
            pods=[f"pod {pod['metadata']['name']}: {state.reason}"[:_LONGEST] for pod, state in troubled[:_PODS]],
            warnings=_warnings(events.get(one.namespace or "", []), names, one),
        )
    return found


def _any_workload(objects: dict[Target, Obj], namespace: str) -> bool:
    return any(one.namespace == namespace and one.kind.kind in _OWNERS for one in objects)


def _read(client: Client, kind: Any, namespace: str, fields: str = "") -> list[Obj]:
    try:
        return client.list(kind, namespace, fields=fields)
    except ApiError:
        return []


def _selects(obj: Obj, pod: Obj) -> bool:
    """Whether the pod is one of the workload's, by its selector."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    if obj.get("kind") == "Gateway":
        return bool(labels.get("gateway.networking.k8s.io/gateway-name") == obj["metadata"]["name"])
    selector = (obj.get("spec") or {}).get("selector")
    wanted = selector.get("matchLabels") if isinstance(selector, dict) else None
    if obj.get("kind") not in _OWNERS or not wanted:
        return False
    return all(labels.get(key) == value for key, value in wanted.items())


def _warnings(events: list[Obj], names: set[str], one: Target) -> list[str]:
    """The last distinct warnings about the object, its pods, or the ReplicaSets between them."""
    told: dict[str, str] = {}
    for event in events:
        about = event.get("regarding") or {}
        name = str(about.get("name", ""))
        between = about.get("kind") == "ReplicaSet" and name.startswith(f"{one.name}-")
        if name not in names and not between:
            continue
        line = f"{event.get('reason')}: {' '.join(str(event.get('note', '')).split())}"[:_LONGEST]
        told[line] = max(told.get(line, ""), _when(event))
    return sorted(told, key=lambda line: told[line])[-_WARNINGS:]


def _when(event: Obj) -> str:
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("deprecatedLastTimestamp")
        or event.get("eventTime")
        or (event.get("metadata") or {}).get("creationTimestamp")
        or ""
    )
