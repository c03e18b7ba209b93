# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the short forms must know of the cluster: each namespace's data plane, and its Services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._desired.intents.planes import DataPlane, Mode, Planes
from ..._desired.policy.acceptance import own_waypoint
from ..._desired.policy.model import Document
from ..._errors import BadInput, Forbidden
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from ..._kube.kinds import CRD, NAMESPACE, SERVICE
from ..live import Obj, Target, observe

_MODE = "istio.io/dataplane-mode"
_INJECTION = "istio-injection"
_REVISION = "istio.io/rev"


def named(intent: PolicyIntent) -> set[str]:
    """The namespaces that short forms are for."""
    return {str(entry["namespace"]) for entries in intent.families.values() for entry in entries if entry["namespace"]}


def offline(intent: PolicyIntent) -> bool:
    """Whether the task needs no cluster: it only renders, and every data plane it needs is given."""
    if intent.state != "rendered":
        return False
    given = {name for plane in intent.planes for name in plane.namespaces}
    return any(not plane.namespaces for plane in intent.planes) or named(intent) <= given


def planes(client: Client | None, intent: PolicyIntent, written: Sequence[Document] = ()) -> Planes:
    """The data planes of the namespaces named, read unless they are given. Raises BadInput for a namespace with both.

    Services among the task's own objects (`written`) count as there. Without a client (offline) only what is given is
    known.
    """
    fallback = next((_given(plane.mode, plane.waypoint, "") for plane in intent.planes if not plane.namespaces), None)
    found = {name: _given(plane.mode, plane.waypoint, name) for plane in intent.planes for name in plane.namespaces}
    given = _services(written, intent.namespace)
    if client is None:
        return Planes(found, given, fallback, intent.istio_namespace)
    spaces = sorted(named(intent))
    lists = client.many(lambda name: client.list(SERVICE, name), spaces)
    services = {
        (name, each["metadata"]["name"]): each for name, items in zip(spaces, lists, strict=True) for each in items
    }
    services.update(given)
    if fallback is None:
        unknown = [name for name in spaces if name not in found]
        live = observe(client, [Target(NAMESPACE, None, name) for name in unknown])
        for target, obj in live.items():
            own = {name: each for (space, name), each in services.items() if space == target.name}
            found[target.name] = plane_of(obj, own)
    return Planes(found, services, fallback, intent.istio_namespace, _route_fields(client, intent))


def _services(written: Sequence[Document], namespace: str | None) -> dict[tuple[str, str], Obj]:
    """The Services among a task's own objects, which may not be checked yet, by namespace and name."""
    found = {}
    for document in written:
        obj, meta = document.obj, document.obj.get("metadata")
        if obj.get("kind") == "Service" and obj.get("apiVersion") == "v1" and isinstance(meta, dict):
            found[(str(meta.get("namespace") or namespace), str(meta.get("name")))] = obj
    return found


def _route_fields(client: Client, intent: PolicyIntent) -> frozenset[str] | None:
    """What an HTTPRoute's rules may have. Asked only for retries, which not every channel of the Gateway API knows."""
    if not any(entry.get("retries") for entry in intent.families.get("traffic") or ()):
        return None
    try:
        crd = client.get(CRD, "httproutes.gateway.networking.k8s.io")
    except Forbidden:
        return None
    if crd is None:
        return None
    found: frozenset[str] = frozenset()
    for version in crd["spec"]["versions"]:
        if version["name"] == "v1":
            spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
            found = frozenset(spec["properties"]["rules"]["items"]["properties"])
    return found


def _given(mode: Mode, waypoint: str, namespace: str) -> DataPlane:
    if waypoint and "/" not in waypoint and namespace:
        waypoint = f"{namespace}/{waypoint}"
    return DataPlane(mode, waypoint)


def plane_of(namespace: Obj, services: Mapping[str, Obj]) -> DataPlane:
    """The data plane by the labels of a namespace, and of its Services by name."""
    meta = namespace["metadata"]
    labels: Mapping[str, Any] = meta.get("labels") or {}
    ambient = labels.get(_MODE) == "ambient"
    injected = labels.get(_INJECTION) == "enabled"
    if ambient and injected:
        raise BadInput(
            f"The namespace {meta['name']} has both {_MODE}=ambient and {_INJECTION}=enabled: "
            "what its policies expand to cannot be told.",
            hint="Remove one of the two labels, or say which it is in `data_planes`.",
        )
    mode: Mode = "ambient" if ambient else "sidecar" if injected or labels.get(_REVISION) else "none"
    own = {
        name: waypoint for name, each in services.items() if (waypoint := own_waypoint(each, meta["name"])) is not None
    }
    return DataPlane(mode, own_waypoint(namespace) or "", own)
