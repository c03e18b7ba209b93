# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The ways on which clients come to pods: straight, or by a waypoint. As istiod and ztunnel tell them apart. Pure.

ztunnel goes by a Service's waypoint where the address that is called is the Service's, and by a workload's where it is
the pod's own, as with headless Services. Nobody else goes by a waypoint.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..selectors import matches, selects
from ..skew import workload_of
from ..snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of, ref
from .account_model import ClientClass
from .mtls import Refusals
from .scene import GATEWAY, GATEWAY_CLASS, GATEWAY_NAME, NAMESPACE, SERVICE, USE_WAYPOINT, Key, Mode, Waypoint
from .view import View
from .ways import gateways_to

State = Literal["straight", "up", "down", "unknown"]

_FOR = "istio.io/waypoint-for"
_INGRESS = "istio.io/ingress-use-waypoint"
_CANARY = "istio.io/use-waypoint-canary"
_CANARY_NAMESPACE = "istio.io/use-waypoint-canary-namespace"
_WEIGHT = "istio.io/use-waypoint-canary-weight"
_MANAGED = "gateway.istio.io/managed"
_WAYPOINT_CONTROLLER = "istio.io-mesh-controller"
_ACCOUNT = "gateway.istio.io/service-account"
_HBONE_PORT = 15008


@dataclass(frozen=True, slots=True)
class Path:
    """One way to a pod: for a Service's address, or (`service` None) for the pod's own.

    `named` is the waypoint that labels name, whether or not anything goes by it. `state`: past all waypoints; by the
    one named, which stands or refuses everyone; or it cannot be told. `note` says why, where a waypoint is named and
    nothing goes by it.
    """

    service: Obj | None = None
    named: Waypoint | None = None
    state: State = "straight"
    note: str = ""

    @property
    def through(self) -> Waypoint | None:
        """The waypoint that traffic goes by."""
        return self.named if self.state in ("up", "down") else None


STRAIGHT = (Path(),)


@dataclass(slots=True)
class Facts:
    """What is asked of a pod again and again. `ways` are those of ambient clients; all others come straight."""

    pod: Obj
    name: str
    workload: str
    mode: Mode
    ways: tuple[Path, ...]

    @property
    def plain(self) -> bool:
        """Whether everybody comes straight, and no waypoint was meant to be on the way."""
        return self.ways is STRAIGHT


class Paths:
    """Of one view. Waypoints' own pods are no workloads: `of` knows them not."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._spaces: dict[str, bool] = {}
        self._facts: dict[int, Facts | None] = {}
        self._bindings: dict[tuple[int, bool], Path] = {}

    def of(self, pod: Obj) -> Facts | None:
        """None for a waypoint's own pod."""
        if id(pod) not in self._facts:
            self._facts[id(pod)] = self._make(pod)
        return self._facts[id(pod)]

    def _make(self, pod: Obj) -> Facts | None:
        mode = self.view.scene.enrolled(pod)
        if mode == "gateway" and self.is_waypoint_pod(pod):
            return None
        ways = STRAIGHT if mode == "gateway" else self._ways(pod)
        return Facts(pod, f"{namespace_of(pod)}/{name_of(pod)}", workload_of(pod), mode, ways)

    def is_waypoint_pod(self, pod: Obj) -> bool:
        labels = labels_of(pod)
        if labels.get(_MANAGED) == _WAYPOINT_CONTROLLER:
            return True
        gateway = self.view.scene.get(GATEWAY, namespace_of(pod), labels.get(GATEWAY_NAME, ""))
        return gateway is not None and self.view.scene.is_waypoint(gateway)

    # -- by which waypoint -------------------------------------------------------------------------------------------

    def _ways(self, pod: Obj) -> tuple[Path, ...]:
        namespace, labels = namespace_of(pod), labels_of(pod)
        if USE_WAYPOINT not in labels and not self._any_waypoint(namespace):
            return STRAIGHT
        if not self.view.scene.knows(SERVICE, namespace):
            return (Path(None, None, "unknown", f"the Services of namespace {namespace} could not be read"),)
        found = []
        services = self.services.get(namespace, ())
        own: Path | None = None
        for service in services:
            if not selects(dig(service, "spec", "selector"), labels):
                continue
            if dig(service, "spec", "clusterIP") == "None":
                own = own or self.binding(pod, workload=True)
                note = f"{ref(service)} is headless, so its clients go to the pods, past its waypoint"
                found.append(Path(service, own.named, own.state, note if own.state == "straight" else own.note))
            else:
                found += self.bindings(service)
        if not found:
            found.append(self.binding(pod, workload=True))
        if all(path.named is None and path.state == "straight" for path in found):
            return STRAIGHT
        return tuple(found)

    def _any_waypoint(self, namespace: str) -> bool:
        """Whether a waypoint may be on the way to any pod of the namespace that names none itself."""
        found = self._spaces.get(namespace)
        if found is None:
            space = self.view.scene.namespaces.get(namespace)
            found = self._spaces[namespace] = (
                (space is None and not self.view.scene.knows(NAMESPACE))
                or not self.view.scene.knows(SERVICE, namespace)
                or USE_WAYPOINT in (space or {})
                or any(USE_WAYPOINT in labels_of(service) for service in self.services.get(namespace, ()))
            )
        return found

    @cached_property
    def services(self) -> dict[str, list[Obj]]:
        """Services that select pods, by namespace."""
        found: dict[str, list[Obj]] = defaultdict(list)
        for service in self.view.scene.all(SERVICE):
            if dig(service, "spec", "selector") and labels_of(service).get(_MANAGED) != _WAYPOINT_CONTROLLER:
                found[namespace_of(service)].append(service)
        return found

    def binding(self, obj: Obj, *, workload: bool = False) -> Path:
        """How ambient clients come to a Service's or ServiceEntry's address; with `workload`, to a pod's own."""
        key = (id(obj), workload)
        if key not in self._bindings:
            self._bindings[key] = self._binding(obj, workload)
        return self._bindings[key]

    def bindings(self, obj: Obj) -> list[Path]:
        """As `binding`, and by the canary waypoint beside it, whatever its share is now: that may change any time."""
        first = self.binding(obj)
        canary = self._canary(obj) if first.through is not None else None
        if canary is None or canary == first.named:
            return [first]
        second = self._by(obj, canary, obj, workload=False)
        # One that cannot be used is left out, and all goes by the first.
        return [first] if second.state == "straight" else [first, second]

    def _canary(self, obj: Obj) -> Waypoint | None:
        """What the object names, or its namespace where that is who names the waypoint."""
        scene, whose = self.view.scene, [obj]
        if USE_WAYPOINT not in labels_of(obj):
            space = scene.get(NAMESPACE, "", namespace_of(obj))
            whose += [space] if space is not None else []
        for one in whose:
            labels = labels_of(one)
            if _CANARY in labels:
                name = labels[_CANARY]
                weights = [given for each in whose if (given := annotations_of(each).get(_WEIGHT)) is not None]
                valid = not weights or (weights[0].isdecimal() and int(weights[0]) <= 100)
                usable = valid and name not in ("", "none")
                return Waypoint(labels.get(_CANARY_NAMESPACE) or namespace_of(obj), name) if usable else None
        return None

    def _binding(self, obj: Obj, workload: bool) -> Path:
        scene, service = self.view.scene, None if workload else obj
        named = scene.waypoint_of(obj)
        if named is None:
            if not scene.knows(NAMESPACE) and scene.get(NAMESPACE, "", namespace_of(obj)) is None:
                return Path(service, None, "unknown", f"the labels of Namespace {namespace_of(obj)} could not be read")
            return Path(service)
        return self._by(obj, named, service, workload=workload)

    def _by(self, obj: Obj, named: Waypoint, service: Obj | None, *, workload: bool) -> Path:
        scene = self.view.scene
        state = scene.waypoint_state(named)
        if state == "unknown":
            return Path(service, named, "unknown", f"the waypoint {named} could not be read")
        if state in ("absent", "new"):
            told = "does not exist" if state == "absent" else "is not programmed yet"
            return Path(service, named, "straight", f"the waypoint {named} {told}, so traffic goes straight")
        gateway = scene.get(GATEWAY, *named) or {}
        kinds = self._serves(gateway)
        if kinds not in ("all", "workload" if workload else "service"):
            what = "the pods' own addresses" if workload else "Services"
            note = f"the waypoint {named} is for {kinds} (istio.io/waypoint-for), not for {what}"
            # A namespace's waypoint for Services was never meant for its pods' own addresses.
            return Path(service, named if not workload else None, "straight", note)
        if not self._admits(gateway, namespace_of(obj)):
            note = f"the waypoint {named} takes nothing of namespace {namespace_of(obj)} (allowedRoutes)"
            return Path(service, named, "straight", note)
        return Path(service, named, "up" if state == "up" else "down")

    def _serves(self, gateway: Obj) -> str:
        of_class = self.view.scene.get(GATEWAY_CLASS, "", str(dig(gateway, "spec", "gatewayClassName") or ""))
        of_class_labels = labels_of(of_class) if of_class is not None else {}
        return labels_of(gateway).get(_FOR) or of_class_labels.get(_FOR) or "service"

    def _admits(self, gateway: Obj, namespace: str) -> bool:
        """Whether its listener for HBONE takes what is in this namespace; without one, only its own."""
        for listener in dig(gateway, "spec", "listeners") or ():
            if listener.get("protocol") == "HBONE" and listener.get("port") == _HBONE_PORT:
                allowed = dig(listener, "allowedRoutes", "namespaces") or {}
                if allowed.get("from") == "All":
                    return True
                if allowed.get("from") == "Selector":
                    return matches(allowed.get("selector"), self.view.scene.namespaces.get(namespace) or {})
                break
        return namespace_of(gateway) == namespace

    # -- who is there ------------------------------------------------------------------------------------------------

    @cached_property
    def _modes(self) -> frozenset[Mode]:
        scene = self.view.scene
        return frozenset(scene.enrolled(pod) for pods in scene.pods.values() for pod in pods)

    def present(self, client: ClientClass, facts: Facts | None) -> bool:
        """Whether the mesh has such clients. A gateway that routes to the pod comes as one with a proxy of its own."""
        if client == "outside" or client in self._modes:
            return True
        return client == "sidecar" and facts is not None and self._by_gateway(facts)

    def _by_gateway(self, facts: Facts) -> bool:
        ways = self.view.once(gateways_to)
        return bool(ways) and any(
            (namespace_of(service), name_of(service)) in ways and not self._ingress_goes_by(service)
            for service in self.services.get(namespace_of(facts.pod), ())
            if selects(dig(service, "spec", "selector"), labels_of(facts.pod))
        )

    def _ingress_goes_by(self, service: Obj) -> bool:
        space = self.view.scene.namespaces.get(namespace_of(service)) or {}
        return (labels_of(service).get(_INGRESS) or space.get(_INGRESS)) == "true"

    # -- waypoints as clients ----------------------------------------------------------------------------------------

    def account_of(self, waypoint: Waypoint) -> Key:
        """Namespace and service account that a waypoint comes with."""
        gateway = self.view.scene.get(GATEWAY, *waypoint)
        given = annotations_of(gateway).get(_ACCOUNT) if gateway is not None else None
        return waypoint.namespace, given or waypoint.name

    @cached_property
    def accounts(self) -> frozenset[Key]:
        """Those of all waypoints, the ones that are only named among them."""
        scene = self.view.scene
        found = {Waypoint(namespace_of(one), name_of(one)) for one in scene.all(GATEWAY) if scene.is_waypoint(one)}
        for kind in (NAMESPACE, SERVICE):
            found |= {named for one in scene.all(kind) if (named := scene.waypoint_label(one)) is not None}
        return frozenset(self.account_of(one) for one in found)

    @cached_property
    def refusals(self) -> Refusals:
        return self.view.once(Refusals)
