# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of what ztunnels know: captured workloads over HBONE (MW0024), and the waypoints of Services (MW0029)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from . import inside
from .model import Check, Finding, NotApplicable, counted
from .policy.scene import GATEWAY, Waypoint
from .policy.seen import need, scene_of
from .skew import workload_of
from .snapshot import Obj, Snapshot, dig, labels_of, name_of, namespace_of
from .sources import ALL_SERVICES, OF_KIND, PODS, ZTUNNEL_DUMPS

# Seconds until a captured pod has to be known everywhere.
SETTLING = 15.0
_TOLD = 6
_FOR = "istio.io/waypoint-for"
_BOUND = "istio.io/WaypointBound"
_MANAGED = "gateway.istio.io/managed"
_GATEWAYS = ("istio.io-mesh-controller", "istio.io-eastwest-controller")
_LOGS = "kubectl -n NAMESPACE logs ZTUNNEL-POD"

_Key = tuple[str, str]


class _Views:
    """What the ztunnels that answered know, each entry by namespace and name."""

    def __init__(self, dumps: list[Obj]) -> None:
        self.dumps = dumps
        self._workloads: dict[str, Mapping[_Key, Obj]] = {}

    def near(self, node: str) -> Obj:
        """The ztunnel of a node, or another where that one was not asked or did not answer."""
        return next((dump for dump in self.dumps if dump.get("node") == node), self.dumps[0])

    def workloads(self, dump: Obj) -> Mapping[_Key, Obj]:
        name = name_of(dump)
        if name not in self._workloads:
            self._workloads[name] = {(one["namespace"], one["name"]): one for one in dump["workloads"]}
        return self._workloads[name]


def _views(snapshot: Snapshot) -> _Views:
    dumps = inside.answered(snapshot, ZTUNNEL_DUMPS, "ztunnel")
    if not dumps:
        raise NotApplicable("no ztunnel runs in this cluster")
    return _Views(dumps)


def enrolled(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0024."""
    views = _views(snapshot)
    plain: dict[str, list[str]] = defaultdict(list)
    unknown: dict[str, list[str]] = defaultdict(list)
    captured = False
    for pod in snapshot.items(PODS):
        if not inside.captured(pod) or not inside.running(pod):
            continue
        captured = True
        if not inside.ready(pod) or inside.age(snapshot, pod) < SETTLING:
            continue
        dump = views.near(str(dig(pod, "spec", "nodeName") or ""))
        one = views.workloads(dump).get((namespace_of(pod), name_of(pod)))
        if one is None:
            if not dump.get("on_demand"):
                unknown[workload_of(pod)].append(f"{inside.pod_ref(pod)} is not in the view of {inside.pod_ref(dump)}")
        elif one["protocol"] != "HBONE":
            plain[workload_of(pod)].append(
                f"{inside.pod_ref(pod)} is {one['protocol'] or 'without protocol'} to {inside.pod_ref(dump)}"
            )
    if not captured:
        raise NotApplicable("istio-cni has captured no pod: no workload is in the ambient mesh")
    if plain:
        yield Finding(
            "error",
            f"{counted(len(plain), 'captured workload')} {'is' if len(plain) == 1 else 'are'} sent plain TCP by "
            "ztunnel: that traffic is not encrypted, and has no identity that a policy could ask for.",
            tuple(sorted(plain)),
            tuple(line for workload in sorted(plain) for line in plain[workload])[:_TOLD],
            "See whether istiod knows that the pods are captured (annotation ambient.istio.io/redirection: enabled), "
            "then restart them: kubectl -n NAMESPACE rollout restart deployment NAME.",
        )
    if unknown:
        yield Finding(
            "error",
            f"ztunnel does not know {counted(len(unknown), 'captured workload')}: their own traffic is cut, and what "
            "is sent to them is not encrypted.",
            tuple(sorted(unknown)),
            tuple(line for workload in sorted(unknown) for line in unknown[workload])[:_TOLD],
            f"See whether ztunnel is connected to istiod (MW0037) and rejects nothing (MW0036): {_LOGS}. "
            "discoverySelectors must cover the namespace (MW0015).",
        )
    yield from inside.unheard(snapshot, ZTUNNEL_DUMPS, "ztunnel", "another one's view was taken for its node")


def waypoints(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0029."""
    views = _views(snapshot)
    need(snapshot, ("namespaces", OF_KIND[GATEWAY]))
    scene = scene_of(snapshot)
    wanted: dict[_Key, Waypoint] = {}
    for service in snapshot.items(ALL_SERVICES):
        named = scene.waypoint_of(service)
        if named is not None and _goes_by(service) and _serves(snapshot, named):
            wanted[(namespace_of(service), name_of(service))] = named
    if not wanted:
        raise NotApplicable("no Service uses a waypoint that is there and programmed")
    groups: dict[Waypoint, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for dump in views.dumps:
        known = {(one["namespace"], one["name"]): one["waypoint"] for one in dump["services"]}
        for key, named in wanted.items():
            if known.get(key) == f"{named.namespace}/{named.name}":
                continue
            if key not in known and dump.get("on_demand"):
                continue
            had = "does not know it" if key not in known else f"has {known[key] or 'no waypoint'} for it"
            groups[named][f"Service {key[0]}/{key[1]}"].append(f"{inside.pod_ref(dump)} {had}")
    for named, services in sorted(groups.items()):
        yield Finding(
            "error",
            f"{counted(len(services), 'Service')} {'uses' if len(services) == 1 else 'use'} the waypoint {named}, and "
            "ztunnel does not know it: its traffic goes past the waypoint, and L7 policies and routes are not applied.",
            tuple(sorted(services)),
            tuple(f"{service}: {line}" for service in sorted(services) for line in services[service])[:_TOLD],
            f"See whether ztunnel is connected to istiod (MW0037) and rejects nothing (MW0036): {_LOGS}.",
            (f"Gateway {named}",),
        )
    yield from inside.unheard(snapshot, ZTUNNEL_DUMPS, "ztunnel", "whether they know the waypoints is not known")


def _goes_by(service: Obj) -> bool:
    """Whether istiod gives a Service the waypoint that it names: a gateway has none, and MW0027 says who is refused."""
    if labels_of(service).get(_MANAGED) in _GATEWAYS or dig(service, "spec", "type") == "ExternalName":
        return False
    return all(
        condition.get("type") != _BOUND or condition.get("status") != "False"
        for condition in dig(service, "status", "conditions") or ()
    )


def _serves(snapshot: Snapshot, named: Waypoint) -> bool:
    """The waypoint is there, is for Services and has an address: that it is not is MW0026's and MW0027's to say."""
    scene = scene_of(snapshot)
    gateway = scene.get(GATEWAY, *named)
    if gateway is None or labels_of(gateway).get(_FOR, "service") not in ("service", "all"):
        return False
    return scene.waypoint_state(named) not in ("absent", "new")


CHECKS = (
    Check(
        24,
        "Captured workloads are on HBONE in ztunnel's view",
        "enrollment",
        "error",
        (PODS, ZTUNNEL_DUMPS),
        "Compares the pods that istio-cni has captured with what ztunnel itself knows (`/config_dump`, by "
        "port-forward; of the pod's own node where that ztunnel was asked): each has to be there, with protocol HBONE. "
        "The annotation on the pod and the label on its namespace say only what is meant to be. Pods younger than 15 "
        "seconds are left out.",
        enrolled,
    ),
    Check(
        29,
        "ztunnel knows the waypoints that Services use",
        "gateways",
        "error",
        ("namespaces", ALL_SERVICES, OF_KIND[GATEWAY], ZTUNNEL_DUMPS),
        "Compares the label `istio.io/use-waypoint` of Services and their namespaces with the waypoint that each "
        "ztunnel asked has for the Service. A ztunnel that does not know the waypoint sends traffic straight to the "
        "pods, past its policies and routes, while every status in the API looks right. Waypoints that do not exist or "
        "are not programmed are left to MW0026 and MW0027.",
        waypoints,
    ),
)
