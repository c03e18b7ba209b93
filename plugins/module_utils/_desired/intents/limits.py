# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`limits`: rates that proxies keep, each for itself or by a rate limit service. Pure.

Istio has no kind of its own for them: an EnvoyFilter puts Envoy's filters into the proxies. On waypoints Istio does not
support EnvoyFilters, so that they are made there only where the element accepts that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..policy.model import Document
from . import limits_filters, proxies
from .planes import DataPlane, Planes
from .proxies import Entries, Made
from .texts import Complaints, Element

_API = "networking.istio.io/v1alpha3"
_MANAGER = "envoy.filters.network.http_connection_manager"
# Clusters that no route names reach gateways (where istiod filters them) and waypoints only if an EnvoyFilter says so.
_REFERENCED = "envoyfilter.istio.io/referenced-services"
Entry = dict[str, Any]


# Where a proxy reads requests. The third listener of one that speaks HBONE, connect_terminate, must be left alone: it
# would count tunnels, and a client whose tunnel is refused sees a broken connection, no 429.
_INSIDE: dict[str, Any] = {"name": "main_internal"}
_SIDECAR = ({"name": "virtualInbound"}, _INSIDE)


@dataclass(frozen=True, slots=True)
class Reach:
    """Which proxies, and at which of their listeners (an EnvoyFilter's `match.listener`, less the filter)."""

    namespace: str
    select: Mapping[str, Any]
    context: str
    listeners: Sequence[Mapping[str, Any]] = ({},)
    waypoint: bool = False

    @property
    def sidecar(self) -> bool:
        return self.context == "SIDECAR_INBOUND" and not self.waypoint


def expand(entries: Entries, planes: Planes) -> list[Document]:
    """One EnvoyFilter for each element. Raises BadInput for all that is wrong."""
    wrong = Complaints("limits")
    made = Made()
    for index, given in enumerate(entries):
        entry = dict(given)
        element = wrong.element(index, entry.get("name") or _called(entry))
        namespace = proxies.namespace_of(element, entry)
        if not (entry.get("local") or entry.get("global")):
            element.wrong("it says nothing; give `local` or `global`.")
            continue
        local = limits_filters.local(element, entry["local"]) if entry.get("local") else None
        shared = limits_filters.shared(element, entry["global"], namespace) if entry.get("global") else None
        reach = _reach(element, entry, planes, namespace) if namespace else None
        if reach is None:
            continue
        patches: list[dict[str, Any]] = []
        annotations = {}
        if local is not None:
            patches += _inserted(reach, local, first=True)
        if shared is not None:
            patches += _shared(reach, shared)
            if not reach.sidecar:
                annotations[_REFERENCED] = shared.host
        called = _called(entry)
        meta: dict[str, Any] = {
            "name": proxies.name_of(element, entry, f"{called}-limit" if called else "limit"),
            "namespace": reach.namespace,
            **({"annotations": annotations} if annotations else {}),
        }
        made.add(element, _API, "EnvoyFilter", meta, {**reach.select, "configPatches": patches})
    wrong.done()
    return made.documents


def _called(entry: Entry) -> str:
    return proxies.called({**entry, "workload": entry.get("workload") or entry.get("gateway_workload")})


def _reach(element: Element, entry: Entry, planes: Planes, namespace: str) -> Reach | None:
    if entry.get("gateway_workload"):
        labels = {str(key): str(value) for key, value in entry["gateway_workload"].items()}
        return Reach(namespace, {"workloadSelector": {"labels": labels}}, "GATEWAY")
    if entry.get("gateway"):
        name = entry["gateway"]
        if proxies.is_waypoint(planes, namespace, name):
            return _waypoint(element, entry, f"{namespace}/{name}", ())
        return Reach(namespace, {"targetRefs": [proxies.target("Gateway", name)]}, "GATEWAY")
    if proxies.everywhere(element, entry, planes, namespace, "give it for each namespace"):
        return None
    plane = proxies.enrolled_plane(element, planes, namespace)
    if plane is None:
        return None
    if plane.mode == "ambient":
        return _ambient(element, entry, plane, planes, namespace)
    selected = proxies.labels_of(element, entry, planes, namespace)
    if selected is None:
        return None
    select = {"workloadSelector": {"labels": selected}} if selected else {}
    return Reach(namespace, select, "SIDECAR_INBOUND", _SIDECAR)


def _ambient(element: Element, entry: Entry, plane: DataPlane, planes: Planes, namespace: str) -> Reach | None:
    service = entry.get("service") or ""
    waypoint = plane.waypoint_of(service)
    if waypoint and "/" not in waypoint:
        waypoint = f"{namespace}/{waypoint}"
    if not waypoint:
        element.wrong(
            f"{namespace} is ambient, and ztunnel, which is all its traffic passes, knows no requests to count."
            " Limit at the gateway through which they come (`gateway`), in the application, or move the workload to"
            " sidecars."
        )
        return None
    if entry.get("workload") and not service:
        element.wrong("`workload` does nothing on a waypoint, which ignores selectors; give `service`.")
        return None
    if not service:
        if waypoint.partition("/")[0] != namespace:
            element.wrong(
                f"the waypoint {waypoint} is another namespace's, and a limit of all of it would be one of all that"
                " namespaces which use it; give `service`."
            )
            return None
        return _waypoint(element, entry, waypoint, ())
    ports = proxies.ports_of(planes, namespace, service)
    if not ports:
        element.wrong(
            f"the Service {namespace}/{service} is not known, so that its ports are not either; make it, in this task"
            " if you like, or leave `service` out for all of the waypoint."
        )
        return None
    # As istiod calls a waypoint's chains (`model.BuildSubsetKey`).
    chains = tuple(f"inbound-vip|{port}|http|{service}.{namespace}.svc.cluster.local" for port in ports)
    return _waypoint(element, entry, waypoint, chains)


def _waypoint(element: Element, entry: Entry, waypoint: str, chains: tuple[str, ...]) -> Reach | None:
    if not entry.get("unsupported"):
        element.wrong(
            f"it would be an EnvoyFilter on the waypoint {waypoint}. Istio does not support these: they work in part,"
            " and may stop in any release. Limit at the gateway through which the traffic comes (`gateway`), move the"
            " workload to sidecars, or accept it with `unsupported: true`."
        )
        return None
    namespace, _slash, name = waypoint.partition("/")
    listeners = [{**_INSIDE, "filterChain": {"name": chain}} for chain in chains] or [_INSIDE]
    select = {"targetRefs": [proxies.target("Gateway", name)]}
    return Reach(namespace, select, "SIDECAR_INBOUND", listeners, waypoint=True)


def _inserted(reach: Reach, http_filter: Mapping[str, Any], *, first: bool) -> list[dict[str, Any]]:
    """The patches that put a filter in: before all others, or else before the router, once the caller is known."""
    manager: dict[str, Any] = {"name": _MANAGER}
    if not first:
        manager["subFilter"] = {"name": "envoy.filters.http.router"}
    found = []
    for listener in reach.listeners:
        where = {**listener, "filterChain": {**listener.get("filterChain", {}), "filter": manager}}
        match = {"context": reach.context, "listener": where}
        patch = {"operation": "INSERT_BEFORE", "value": http_filter}
        found.append({"applyTo": "HTTP_FILTER", "match": match, "patch": patch})
    return found


def _shared(reach: Reach, shared: limits_filters.Shared) -> list[dict[str, Any]]:
    """The filter that asks, and what it asks: in the filter on a waypoint, where routes of its own would hide it."""
    if reach.waypoint:
        return _inserted(reach, shared.filter(with_actions=True), first=False)
    asked = {"operation": "MERGE", "value": {"rate_limits": shared.actions}}
    hosts = {"applyTo": "VIRTUAL_HOST", "match": {"context": reach.context}, "patch": asked}
    return [*_inserted(reach, shared.filter(with_actions=False), first=False), hosts]
