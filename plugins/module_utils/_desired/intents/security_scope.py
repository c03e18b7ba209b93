# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Where an element of `security` is enforced: at the pods, or at proxies before them. Pure.

A sidecar enforces all that selects its pod. ztunnel enforces at the pod too, but only what it can tell of a connection,
and behind a waypoint every connection comes from the waypoint: who the client is is known only there. A waypoint heeds
nothing but `targetRefs`: to a Service, to its own Gateway in its own namespace, or to the class of all waypoints in the
root namespace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..._errors import BadInput
from .planes import DataPlane, Planes
from .proxies import is_waypoint
from .security_rules import Ports, ports_of, ports_of_all, same_ports, spec_of

Obj = dict[str, Any]
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_UNFIT = re.compile(r"[^a-z0-9]+")
_GATEWAY_GROUP = "gateway.networking.k8s.io"
WAYPOINT_CLASS = "istio-waypoint"
ENROLL = (
    "Label it istio.io/dataplane-mode=ambient or istio-injection=enabled; where its pods have proxies all the same, as"
    " gateways do, say so in `data_planes`, or name the `gateway`."
)
_NO_WAYPOINT = (
    "there is no waypoint, and ztunnel reads no HTTP: it would take an ALLOW for a denial of everything, and a DENY for"
    " nothing at all. Make a waypoint, and have the namespace or the Service use it."
)


@dataclass(frozen=True, slots=True)
class Scope:
    """An element's place in the mesh.

    `pods` is what makes a policy one of the pods: a selector, or {} for all of the namespace; None, with `no_pods`
    saying why, where they cannot be named. `proxies` is the same for those that read HTTP; with `no_proxies`.
    `waypoints` are "namespace/name" of those before the pods; of the whole mesh's nobody knows more than "*".
    `ports` translates for `proxies`. `uncovered` are Services of a whole namespace that use none of its waypoints.
    """

    namespace: str
    prefix: str
    pods: Obj | None
    proxies: Obj | None
    no_pods: str = ""
    no_proxies: str = ""
    waypoints: tuple[str, ...] = ()
    ports: Ports = same_ports
    mesh: bool = False
    ambient: bool = False
    root: bool = False
    uncovered: tuple[str, ...] = ()

    @property
    def gateway(self) -> bool:
        """Whether this is a Gateway, which is a proxy without pods of the mesh behind it."""
        return self.pods is None and self.proxies is not None and not self.waypoints

    def name(self, facet: str) -> str:
        """An object's name: what it is about, then which facet."""
        return f"{self.prefix}-{facet}" if self.prefix else facet

    def at_pods(self, what: str) -> Obj:
        """The selector of the pods. Raises BadInput."""
        if self.pods is None:
            raise BadInput(f"{what} cannot be enforced: {self.no_pods}")
        return self.pods

    def at_proxies(self, what: str, *, protected: bool = False) -> Obj:
        """The selector or targetRefs for what reads HTTP, or sees the client. Raises BadInput.

        Services that use no waypoint must not be left out, unless somebody else closes them (`protected`).
        """
        if self.proxies is None:
            raise BadInput(f"{what} cannot be enforced: {self.no_proxies}")
        if self.uncovered and not protected:
            some = ", ".join(self.uncovered[:3])
            more = f" and {len(self.uncovered) - 3} more" if len(self.uncovered) > 3 else ""
            raise BadInput(
                f"{what} would not hold for the whole namespace: no waypoint for {some}{more}.",
                hint="Name each `service`, or give `protect: true`, which shuts out who does not come by a waypoint.",
            )
        return self.proxies


def scope_of(entry: Mapping[str, Any], planes: Planes) -> Scope:
    """Where an element belongs. Raises BadInput."""
    service, workload, gateway = entry.get("service"), entry.get("workload"), entry.get("gateway")
    for option, name in (("service", service), ("gateway", gateway)):
        if name is not None and not _NAME.fullmatch(name):
            raise BadInput(f"{option}: {name!r} is no name.", hint="A policy reaches only its own `namespace`.")
    if entry.get("mesh"):
        if service or workload or gateway:
            raise BadInput("mesh is for all of the mesh: it goes with neither service, workload nor gateway.")
        return _mesh(entry, planes)
    namespace = entry.get("namespace")
    if not namespace:
        raise BadInput("it is of no namespace.", hint="Give `namespace`, or `mesh: true` for all of the mesh.")
    if gateway and (service or workload):
        raise BadInput("gateway goes with neither service nor workload.")
    labels = _labels(workload)
    prefix = slug(str(entry.get("name") or service or gateway or "-".join(labels[key] for key in sorted(labels))))
    if gateway:
        why = "a Gateway's own policy has no pods; name its `workload`."
        ports = ports_of_all(_services(namespace, planes)) if is_waypoint(planes, namespace, gateway) else same_ports
        return Scope(namespace, prefix, None, _refs("Gateway", gateway), no_pods=why, ports=ports)
    if namespace == planes.root and not (service or workload):
        raise BadInput(
            f"{namespace} is the mesh's root namespace, where a policy without a selector is for all of the mesh.",
            hint="Say `mesh: true` if that is meant.",
        )
    plane = planes.of(namespace)
    if plane.mode == "none":
        raise BadInput(f"nothing would enforce it: the namespace {namespace} is not in the mesh.", hint=ENROLL)
    pods, no_pods = _pods(namespace, service, labels, planes)
    if plane.mode == "sidecar":
        root = namespace == planes.root
        return Scope(namespace, prefix, pods, pods, no_pods=no_pods, no_proxies=no_pods, root=root)
    before = _before(namespace, service, labels, plane, planes)
    scope = Scope(
        namespace,
        prefix,
        pods,
        None,
        no_pods=no_pods,
        no_proxies=_NO_WAYPOINT,
        waypoints=tuple(dict.fromkeys(before)),
        ambient=True,
        root=namespace == planes.root,
    )
    if not before:
        return scope
    if service:
        live = planes.service(namespace, service)
        return replace(scope, proxies=_refs("Service", service), ports=ports_of(live) if live else same_ports)
    if labels:
        why = f"the waypoint {before[0]} is before these pods and knows no labels. Name their `service` (too)."
        return replace(scope, no_proxies=why)
    return _whole(scope, plane, planes)


def _whole(scope: Scope, plane: DataPlane, planes: Planes) -> Scope:
    """A whole ambient namespace: its waypoints, if they are its own."""
    namespace = scope.namespace
    split = [each.partition("/") for each in scope.waypoints]
    far = next(((space, name) for space, _slash, name in split if space != namespace), None)
    if far:
        space, name = far
        why = (
            f"the waypoint {space}/{name} is in another namespace, and a policy can be attached only to one of its own."
            f" Name each `service`, or give it for the `gateway` {name} in {space}."
        )
        return replace(scope, no_proxies=why)
    services = _services(namespace, planes)
    names = [str(each["metadata"]["name"]) for each in services if spec_of(each).get("selector")]
    return replace(
        scope,
        proxies=_refs("Gateway", *(name for _space, _slash, name in split)),
        ports=ports_of_all(services),
        uncovered=tuple(name for name in sorted(names) if not plane.waypoint_of(name)),
    )


def _mesh(entry: Mapping[str, Any], planes: Planes) -> Scope:
    """The whole mesh. Of what it is made of only `data_planes` without namespaces can tell."""
    prefix = slug(str(entry.get("name") or "mesh"))
    plane = planes.fallback
    if plane is None:
        why = (
            "a policy of the whole mesh reaches every ztunnel, which cannot enforce this, and no waypoint. Give it for"
            " each namespace, or say what all of the mesh is: an element of `data_planes` without `namespaces`."
        )
        return Scope(planes.root, prefix, {}, None, no_proxies=why, waypoints=("*",), mesh=True, ambient=True)
    if plane.mode == "none":
        raise BadInput("nothing would enforce it: `data_planes` says that the namespaces are not in the mesh.")
    if plane.mode == "sidecar":
        return Scope(planes.root, prefix, {}, {}, mesh=True)
    if not plane.waypoint:
        why = "`data_planes` says that the mesh is ambient without waypoints, and ztunnel reads no HTTP."
        return Scope(planes.root, prefix, {}, None, no_proxies=why, mesh=True, ambient=True)
    refs = _refs("GatewayClass", WAYPOINT_CLASS)
    return Scope(planes.root, prefix, {}, refs, waypoints=("*",), mesh=True, ambient=True)


def _pods(namespace: str, service: str | None, labels: Mapping[str, str], planes: Planes) -> tuple[Obj | None, str]:
    if service and not labels:
        live = planes.service(namespace, service)
        if live is None:
            return None, f"the pods of the Service {service} are not known; give their labels in `workload` beside it."
        labels = spec_of(live).get("selector") or {}
        if not labels:
            return None, f"the Service {service} selects no pods; give their labels in `workload` beside it."
    return ({"selector": {"matchLabels": dict(labels)}} if labels else {}), ""


def _before(
    namespace: str, service: str | None, labels: Mapping[str, str], plane: DataPlane, planes: Planes
) -> list[str]:
    """The waypoints through which the pods may be reached, the namespace's own first."""
    if service:
        return [each for each in (plane.waypoint_of(service),) if each]
    every = [each for each in (plane.waypoint, *plane.services.values()) if each]
    if not labels or not planes.services:
        return every
    found = []
    for (space, name), each in planes.services.items():
        selector = spec_of(each).get("selector") or {}
        shared = selector.keys() & labels.keys()
        if space == namespace and selector and all(selector[key] == labels[key] for key in shared):
            found.append(plane.waypoint_of(name))
    return [each for each in found if each]


def _services(namespace: str, planes: Planes) -> list[Mapping[str, Any]]:
    return [each for (space, _name), each in planes.services.items() if space == namespace]


def _labels(workload: Mapping[str, Any] | None) -> dict[str, str]:
    if workload is None:
        return {}
    wrong = [key for key, value in workload.items() if not isinstance(value, str) or "*" in key + value]
    if wrong or not workload:
        raise BadInput(
            f"workload has no usable label{f' in {wrong[0]!r}' if wrong else ''}.",
            hint="Give labels with texts as values, such as app: reviews; none of them may hold a *.",
        )
    return dict(workload)


def _refs(kind: str, *names: str) -> Obj:
    group = "" if kind == "Service" else _GATEWAY_GROUP
    return {"targetRefs": [{"group": group, "kind": kind, "name": name} for name in names]}


def slug(text: str) -> str:
    """The text as part of an object's name."""
    return _UNFIT.sub("-", text.lower()).strip("-")[:200].strip("-")
