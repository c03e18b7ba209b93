# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the families at the mesh's edge share: which proxies an element means, and what its objects are called. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..._errors import BadInput
from ..policy.model import Document
from .planes import DataPlane, Planes
from .texts import Element

Entries = Sequence[Mapping[str, Any]]

GATEWAY_API = "gateway.networking.k8s.io"
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_UNNAMEABLE = re.compile(r"[^-.a-z0-9]+")
NOT_IN_MESH = (
    "the namespace {namespace} is not in the mesh, so that no proxy would read it; label it istio-injection=enabled"
    " (or istio.io/rev=<revision>) for sidecars, or istio.io/dataplane-mode=ambient; where pods have proxies all the"
    " same, say so in `data_planes`"
)
NO_WAYPOINT = "make a waypoint and label the namespace or the Service istio.io/use-waypoint=<its name>"


def namespace_of(element: Element, entry: Mapping[str, Any]) -> str:
    """The element's namespace; "" when it has none, which is noted."""
    namespace = entry.get("namespace")
    if not namespace:
        element.wrong("it has no namespace; give its `namespace`, or the task's.")
    return namespace or ""


def plane_of(element: Element, planes: Planes, namespace: str) -> DataPlane | None:
    """The namespace's data plane; None when it is not known, which is noted."""
    try:
        return planes.of(namespace)
    except BadInput as unknown:
        element.wrong(f"{unknown} {unknown.hint}")
        return None


def enrolled_plane(element: Element, planes: Planes, namespace: str) -> DataPlane | None:
    """The data plane of a namespace that is in the mesh; None when it is not, or not known, which is noted."""
    plane = plane_of(element, planes, namespace)
    if plane is not None and plane.mode == "none":
        element.wrong(f"{NOT_IN_MESH.format(namespace=namespace)}.")
        return None
    return plane


def labels_of(element: Element, entry: Mapping[str, Any], planes: Planes, namespace: str) -> dict[str, str] | None:
    """The labels that select the sidecars of `workload` or `service`; {} for all; None when wrong, which is noted.

    Where both are given, `workload` says what the Service's selector is: nothing need be read then.
    """
    service = entry.get("service")
    labels = {str(key): str(value) for key, value in (entry.get("workload") or {}).items()}
    if labels or not service:
        return labels
    live = planes.service(namespace, service)
    if live is None:
        element.wrong(
            f"the Service {namespace}/{service} is not known, so that the labels of its pods are not either;"
            " make it, in this task if you like, or give them in `workload` beside it."
        )
        return None
    labels = dict((live.get("spec") or {}).get("selector") or {})
    if not labels:
        element.wrong(f"the Service {namespace}/{service} selects no pods; give their labels in `workload` beside it.")
        return None
    return labels


def ports_of(planes: Planes, namespace: str, service: str) -> list[int]:
    """The ports of a Service that requests can come by; none where it is not known."""
    ports = ((planes.service(namespace, service) or {}).get("spec") or {}).get("ports") or ()
    return [each["port"] for each in ports if each.get("protocol") != "UDP"]


def everywhere(element: Element, entry: Mapping[str, Any], planes: Planes, namespace: str, way_out: str) -> bool:
    """Whether it is for all of the root namespace, that is for all of the mesh, without having said so: noted."""
    chosen = any(entry.get(name) for name in ("workload", "service", "gateway", "gateway_workload"))
    if namespace != planes.root or chosen:
        return False
    element.wrong(f"{namespace} is the mesh's root namespace, where it would be for all of the mesh; {way_out}.")
    return True


def is_waypoint(planes: Planes, namespace: str, gateway: str) -> bool:
    """Whether a Gateway is a waypoint, as far as the namespaces that were read use it."""
    name = f"{namespace}/{gateway}"
    if planes.fallback and planes.fallback.waypoint in (name, gateway):
        return True
    return any(name == plane.waypoint or name in plane.services.values() for plane in planes.found.values())


def target(kind: str, name: str) -> dict[str, str]:
    """A `targetRefs` entry for a Service or a Gateway."""
    return {"group": GATEWAY_API if kind == "Gateway" else "", "kind": kind, "name": name}


def name_of(element: Element, entry: Mapping[str, Any], otherwise: str) -> str:
    """The name of what is made: the element's own, or `otherwise`, as far as an object can be called so."""
    name = entry.get("name") or _UNNAMEABLE.sub("-", otherwise.lower()).strip("-.")
    if not _NAME.fullmatch(name):
        element.wrong(f"name: {name!r} cannot name an object; use lower-case letters, digits, dashes and dots.")
    return str(name)


def called(entry: Mapping[str, Any]) -> str:
    """What an element means, in a word, for messages and names: "" for a whole namespace."""
    labels = entry.get("workload") or {}
    found = entry.get("service") or entry.get("gateway") or "-".join(str(labels[key]) for key in sorted(labels))
    return str(found)


def split(element: Element, option: str, text: str, namespace: str) -> tuple[str, str]:
    """`name` or `namespace/name`, as (namespace, name); what is wrong is noted."""
    where, _slash, name = text.rpartition("/")
    if not _NAME.fullmatch(name) or (where and not _NAME.fullmatch(where)):
        element.wrong(f"{option}: {text!r} is no name; write `name` or `namespace/name`.")
    return where or namespace, name


class Made:
    """The objects of a family; two elements that make one object are noted."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self._by_name: dict[tuple[str, str, str, str], str] = {}

    def add(
        self, element: Element, api_version: str, kind: str, meta: Mapping[str, Any], spec: Mapping[str, Any]
    ) -> None:
        """One object; `meta` has at least its name and namespace."""
        key = (api_version, kind, meta["namespace"], meta["name"])
        first = self._by_name.setdefault(key, element.origin)
        if first != element.origin:
            element.wrong(f"{first} makes the {kind} {meta['namespace']}/{meta['name']} too; give one a `name`.")
        obj = {"apiVersion": api_version, "kind": kind, "metadata": dict(meta), "spec": dict(spec)}
        self.documents.append(Document(obj, element.origin))
