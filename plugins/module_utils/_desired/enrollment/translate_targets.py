# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""By which Services a waypoint stands before the workloads of a policy, and which workloads it leaves out. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._checks.policy.scene import GATEWAY, GATEWAY_NAME, SERVICE, SERVICE_ENTRY, USE_WAYPOINT, Waypoint
from ..._checks.policy.view import View
from ..._checks.skew import workload_of
from ..._checks.snapshot import Obj, annotations_of, dig, labels_of, meta, name_of, namespace_of
from .model import STATUS_ANNOTATION, TLS_MODE, TLS_MODE_LABEL

# The CRDs take no more.
MOST_TARGETS = 16
GATEWAY_GROUP = "gateway.networking.k8s.io"
_CLIENTS_ONLY = ("Job",)
_ACCOUNT = "gateway.istio.io/service-account"


@dataclass(frozen=True, slots=True)
class Reach:
    """What a policy is for, and the way there.

    `pods` are its workloads' and `gateways` those of gateways, waypoints left out. `services` lead to them by the
    waypoint. `wider` are Services that lead to other workloads besides, with these; `elsewhere` those that name another
    waypoint, or none, themselves. `bare` are workloads to which no Service with an address leads. `unmarked` are
    workloads with a sidecar whose pods lack the label that the injector gives. `whole`: the waypoint's Gateway stands
    for all of the namespace.
    """

    pods: tuple[Obj, ...]
    gateways: tuple[str, ...]
    services: tuple[Obj, ...]
    wider: tuple[tuple[str, str], ...]
    elsewhere: tuple[tuple[str, Waypoint | None], ...]
    bare: tuple[str, ...]
    unmarked: tuple[str, ...]
    whole: bool

    @property
    def refs(self) -> list[Any]:
        return [service_ref(service) for service in self.services]


def reach(view: View, namespace: str, labels: Mapping[str, str], waypoint: Waypoint) -> Reach:
    """Of a policy with this selector ({}: for the whole namespace), once the namespace's label names the waypoint."""
    scene = view.scene
    pods, gateways = [], set()
    for pod in scene.selected(namespace, labels):
        if namespace_of(pod) != namespace or is_of_waypoint(view, pod):
            continue
        if scene.enrolled(pod) == "gateway":
            gateways.add(workload_of(pod))
        else:
            pods.append(pod)
    mine = {id(pod) for pod in pods}
    services, wider, elsewhere = [], [], []
    led: set[int] = set()
    for service in services_of(view, namespace):
        chosen = dict(dig(service, "spec", "selector") or {})
        behind = pods_behind(view, service)
        meant = all(chosen.get(key) == value for key, value in labels.items())
        if not meant and not any(id(pod) in mine for pod in behind):
            continue
        if USE_WAYPOINT in labels_of(service) and scene.waypoint_label(service) != waypoint:
            elsewhere.append((name_of(service), scene.waypoint_label(service)))
            continue
        others = sorted({workload_of(pod) for pod in behind if id(pod) not in mine})
        if others:
            wider.append((name_of(service), ", ".join(others)))
            continue
        services.append(service)
        if dig(service, "spec", "clusterIP") != "None":
            led |= {id(pod) for pod in behind}
    bare = {workload_of(pod) for pod in pods if id(pod) not in led and not only_calls(pod)}
    # What these lead to is told of with them.
    told = {name for name, _others in wider} | {name for name, _waypoint in elsewhere}
    near = {id(pod) for one in services_of(view, namespace) if name_of(one) in told for pod in pods_behind(view, one)}
    bare -= {workload_of(pod) for pod in pods if id(pod) in near}
    return Reach(
        pods=tuple(pods),
        gateways=tuple(sorted(gateways)),
        services=tuple(sorted(services, key=name_of)),
        wider=tuple(sorted(wider)),
        elsewhere=tuple(sorted(elsewhere, key=lambda one: one[0])),
        bare=tuple(sorted(bare)),
        unmarked=tuple(sorted({workload_of(pod) for pod in pods if _unmarked(pod)})),
        whole=not labels and not elsewhere and not wider and _own(view, namespace, waypoint),
    )


def services_of(view: View, namespace: str) -> list[Obj]:
    """The namespace's Services with a selector, by name."""
    return view.once(_services).get(namespace, [])


def as_client(view: View, waypoint: Waypoint) -> Waypoint:
    """A waypoint as those behind it see it: its namespace, and its service account, mostly of the Gateway's name."""
    gateway = view.scene.get(GATEWAY, *waypoint)
    account = annotations_of(gateway).get(_ACCOUNT) if gateway is not None else None
    return Waypoint(waypoint.namespace, account or waypoint.name)


def service_ref(service: Obj) -> Any:
    return {"group": "", "kind": "Service", "name": name_of(service)}


def gateway_ref(waypoint: Waypoint) -> Any:
    return {"group": GATEWAY_GROUP, "kind": "Gateway", "name": waypoint.name}


def pods_behind(view: View, service: Obj) -> Sequence[Obj]:
    """The workloads' pods that a Service leads to."""
    known = view.once(_Behind).pods
    found = known.get(id(service))
    if found is None:
        chosen = view.scene.selected(namespace_of(service), dict(dig(service, "spec", "selector") or {}))
        found = known[id(service)] = [pod for pod in chosen if view.scene.enrolled(pod) != "gateway"]
    return found


class _Behind:
    """Of one view: pods by the identity of the Service that leads to them."""

    def __init__(self, _view: View) -> None:
        self.pods: dict[int, list[Obj]] = {}


def serves_others(view: View, waypoint: Waypoint) -> bool:
    """Whether a waypoint takes what is of other namespaces too; so it is where it cannot be said."""
    gateway = view.scene.get(GATEWAY, *waypoint)
    listeners = dig(gateway, "spec", "listeners") or () if gateway is not None else ()
    return not listeners or any(
        (dig(one, "allowedRoutes", "namespaces", "from") or "Same") not in ("Same", "None") for one in listeners
    )


def _services(view: View) -> dict[str, list[Obj]]:
    found: dict[str, list[Obj]] = defaultdict(list)
    for service in sorted(view.scene.all(SERVICE), key=name_of):
        if dig(service, "spec", "selector"):
            found[namespace_of(service)].append(service)
    return found


def _own(view: View, namespace: str, waypoint: Waypoint) -> bool:
    """Whether what goes by the waypoint is to Services of this namespace, and to nothing else."""
    if waypoint.namespace != namespace or serves_others(view, waypoint) or not view.scene.knows(SERVICE_ENTRY):
        return False
    return not any(
        namespace_of(entry) == namespace
        and (USE_WAYPOINT not in labels_of(entry) or view.scene.waypoint_label(entry) == waypoint)
        for entry in view.scene.all(SERVICE_ENTRY)
    )


def is_of_waypoint(view: View, pod: Obj) -> bool:
    """Whether a pod is a waypoint's own."""
    name = labels_of(pod).get(GATEWAY_NAME)
    gateway = view.scene.get(GATEWAY, namespace_of(pod), name) if name else None
    return gateway is not None and view.scene.is_waypoint(gateway)


def only_calls(pod: Obj) -> bool:
    """Whether nobody calls a pod, since it runs to an end."""
    return any(one.get("kind") in _CLIENTS_ONLY for one in meta(pod).get("ownerReferences") or ())


def _unmarked(pod: Obj) -> bool:
    return bool((meta(pod).get("annotations") or {}).get(STATUS_ANNOTATION)) and (
        labels_of(pod).get(TLS_MODE_LABEL) != TLS_MODE
    )
