# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The state that policy is judged in: objects by kind, and indexes over them. Pure.

What was not read is not there and not absent either: whoever concludes from an absence asks `knows` first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from ..selectors import Index
from ..snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of

Key = tuple[str, str]
Mode = Literal["sidecar", "ambient", "gateway", "none"]

# Kinds as group/Kind: two groups have a Gateway.
NAMESPACE = "/Namespace"
POD = "/Pod"
# Those of gateways and waypoints, with their status; all others are read without it.
GATEWAY_POD = "/Pod of gateways"
# Those that cannot be in the mesh, or not yet: on the host's network, or about to start.
EXCUSED_POD = "/Pod that starts or is on the host's network"
SERVICE = "/Service"
INGRESS = "networking.k8s.io/Ingress"
NETWORK_POLICY = "networking.k8s.io/NetworkPolicy"
VALIDATING = "admissionregistration.k8s.io/ValidatingWebhookConfiguration"
MUTATING = "admissionregistration.k8s.io/MutatingWebhookConfiguration"
VIRTUAL_SERVICE = "networking.istio.io/VirtualService"
DESTINATION_RULE = "networking.istio.io/DestinationRule"
SERVICE_ENTRY = "networking.istio.io/ServiceEntry"
WORKLOAD_ENTRY = "networking.istio.io/WorkloadEntry"
ISTIO_GATEWAY = "networking.istio.io/Gateway"
SIDECAR = "networking.istio.io/Sidecar"
ENVOY_FILTER = "networking.istio.io/EnvoyFilter"
AUTHORIZATION = "security.istio.io/AuthorizationPolicy"
PEER_AUTHENTICATION = "security.istio.io/PeerAuthentication"
REQUEST_AUTHENTICATION = "security.istio.io/RequestAuthentication"
TELEMETRY = "telemetry.istio.io/Telemetry"
WASM_PLUGIN = "extensions.istio.io/WasmPlugin"
TRAFFIC_EXTENSION = "extensions.istio.io/TrafficExtension"
GATEWAY = "gateway.networking.k8s.io/Gateway"
GATEWAY_CLASS = "gateway.networking.k8s.io/GatewayClass"
REFERENCE_GRANT = "gateway.networking.k8s.io/ReferenceGrant"
HTTP_ROUTE = "gateway.networking.k8s.io/HTTPRoute"
GRPC_ROUTE = "gateway.networking.k8s.io/GRPCRoute"
TCP_ROUTE = "gateway.networking.k8s.io/TCPRoute"
TLS_ROUTE = "gateway.networking.k8s.io/TLSRoute"
ROUTES = (HTTP_ROUTE, GRPC_ROUTE, TCP_ROUTE, TLS_ROUTE)

_MODE = "istio.io/dataplane-mode"
_INJECTION = "istio-injection"
_INJECT = "sidecar.istio.io/inject"
_REVISION = "istio.io/rev"
_STATUS = "sidecar.istio.io/status"
_REDIRECTION = "ambient.istio.io/redirection"
_MANAGED = "gateway.istio.io/managed"
_TEMPLATES = "inject.istio.io/templates"
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
USE_WAYPOINT = "istio.io/use-waypoint"
USE_WAYPOINT_NAMESPACE = "istio.io/use-waypoint-namespace"


def kind_of(obj: Obj) -> str:
    """The object's kind as `group/Kind`; the core group is empty."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    return f"{group}/{obj.get('kind', '')}"


class Waypoint(NamedTuple):
    """A waypoint that a label names."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Scene:
    """Objects by kind and (namespace, name). `root` is the mesh's root namespace.

    A kind that is not among `objects` was not read. Of the kinds in `partial` only those namespaces were.
    Pods need metadata only, but for those of gateways, whose readiness is looked at.
    """

    def __init__(
        self,
        objects: Mapping[str, Mapping[Key, Obj]],
        *,
        root: str = "istio-system",
        partial: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.objects = objects
        self.root = root
        self.partial = dict(partial or {})
        # By identity: the scene holds the pods for as long as it lives.
        self._enrolled: dict[int, Mode] = {}
        self._selected: dict[tuple[str, frozenset[tuple[str, str]]], list[Obj]] = {}
        self._by_label: dict[str, Mapping[tuple[str, str], Sequence[Obj]]] = {}

    @classmethod
    def of(
        cls, objects: Iterable[Obj], *, read: Iterable[str] = (), root: str = "istio-system", everything: bool = False
    ) -> Scene:
        """A scene of these objects; `read` are kinds of which there may be none. `everything`: all kinds were read."""
        found: dict[str, dict[Key, Obj]] = {kind: {} for kind in (ALL_KINDS if everything else read)}
        for obj in objects:
            key = (namespace_of(obj), name_of(obj))
            found.setdefault(kind_of(obj), {})[key] = obj
            if kind_of(obj) == POD and GATEWAY_NAME in labels_of(obj):
                found.setdefault(GATEWAY_POD, {})[key] = obj
        return cls(found, root=root)

    def knows(self, kind: str, namespace: str = "") -> bool:
        """Whether an object of this kind that is not here is not there either."""
        if kind not in self.objects:
            return False
        return kind not in self.partial or namespace in self.partial[kind]

    def all(self, kind: str) -> Iterable[Obj]:
        return self.objects.get(kind, {}).values()

    def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        return self.objects.get(kind, {}).get((namespace, name))

    # -- namespaces and pods -----------------------------------------------------------------------------

    @cached_property
    def namespaces(self) -> dict[str, Mapping[str, str]]:
        """Labels by namespace."""
        return {name: labels_of(obj) for (_none, name), obj in self.objects.get(NAMESPACE, {}).items()}

    def mode(self, namespace: str) -> Mode:
        """What the namespace's labels ask for; injection goes before ambient."""
        labels = self.namespaces.get(namespace) or {}
        injection = labels.get(_INJECTION)
        if injection == "enabled" or (injection != "disabled" and labels.get(_REVISION)):
            return "sidecar"
        return "ambient" if labels.get(_MODE) == "ambient" else "none"

    @cached_property
    def pods(self) -> dict[str, list[Obj]]:
        """Pods by namespace, less those that are ending."""
        found: dict[str, list[Obj]] = defaultdict(list)
        for pod in self.all(POD):
            if not dig(pod, "metadata", "deletionTimestamp"):
                found[namespace_of(pod)].append(pod)
        return found

    def selected(self, namespace: str, labels: Mapping[str, str]) -> Sequence[Obj]:
        """The namespace's pods with these labels; with the root namespace those of the whole mesh."""
        if not labels:
            return self._everywhere if namespace == self.root else self.pods.get(namespace, [])
        key = (namespace, frozenset(labels.items()))
        if key not in self._selected:
            by_label = self._labelled(namespace)
            first, *rest = sorted((by_label.get(pair, ()) for pair in key[1]), key=len)
            wanted = list(labels.items())
            self._selected[key] = [
                pod for pod in first if not rest or all(labels_of(pod).get(name) == value for name, value in wanted)
            ]
        return self._selected[key]

    def _labelled(self, namespace: str) -> Mapping[tuple[str, str], Sequence[Obj]]:
        """The pods of a namespace by each of their labels; with the root namespace those of the whole mesh."""
        if namespace not in self._by_label:
            found: dict[tuple[str, str], list[Obj]] = defaultdict(list)
            for pod in self._everywhere if namespace == self.root else self.pods.get(namespace, ()):
                for pair in labels_of(pod).items():
                    found[pair].append(pod)
            self._by_label[namespace] = found
        return self._by_label[namespace]

    @cached_property
    def _everywhere(self) -> list[Obj]:
        return [pod for pods in self.pods.values() for pod in pods]

    def enrolled(self, pod: Obj) -> Mode:
        """What the pod runs with now: captured pods carry ambient's annotation, those with a proxy the injector's."""
        found = self._enrolled.get(id(pod))
        if found is None:
            found = self._enrolled[id(pod)] = _enrolled(pod)
        return found

    def meant(self, pod: Obj) -> Mode:
        """As `enrolled`, but a pod of an ambient namespace that is about to be captured counts as captured."""
        found = self.enrolled(pod)
        labels = labels_of(pod)
        if found != "none" or labels.get(_MODE) == "none":
            return found
        ambient = labels.get(_MODE) == "ambient" or self.mode(namespace_of(pod)) == "ambient"
        return "ambient" if ambient and labels.get(_INJECT) != "true" else "none"

    def excused(self, pod: Obj) -> bool:
        """Whether nobody has forgotten to enroll this pod: it cannot be, or is only about to start."""
        return self.get(EXCUSED_POD, namespace_of(pod), name_of(pod)) is not None

    def opted_out(self, pod: Obj) -> bool:
        """Whether the pod itself says that it is not to be in the mesh."""
        labels, annotations = labels_of(pod), annotations_of(pod)
        return labels.get(_MODE) == "none" or "false" in (labels.get(_INJECT), annotations.get(_INJECT))

    @cached_property
    def sidecars(self) -> bool:
        """Whether the mesh has sidecars, so far as is known: pods with one, or namespaces that ask for them."""
        return any(self.mode(name) == "sidecar" for name in self.namespaces) or any(
            self.enrolled(pod) == "sidecar" for pod in self.all(POD)
        )

    # -- waypoints -------------------------------------------------------------------------------------------

    def waypoint_label(self, obj: Obj) -> Waypoint | None:
        """The waypoint that an object (a Service, ServiceEntry, pod or Namespace) names by its own labels."""
        labels = labels_of(obj)
        name = labels.get(USE_WAYPOINT)
        if not name or name == "none":
            return None
        home = name_of(obj) if kind_of(obj) == NAMESPACE else namespace_of(obj)
        return Waypoint(labels.get(USE_WAYPOINT_NAMESPACE) or home, name)

    def waypoint_of(self, obj: Obj) -> Waypoint | None:
        """The waypoint of a Service, ServiceEntry or pod: its own label's, else its namespace's."""
        if USE_WAYPOINT in labels_of(obj):
            return self.waypoint_label(obj)
        namespace = self.get(NAMESPACE, "", namespace_of(obj))
        return self.waypoint_label(namespace) if namespace is not None else None

    def is_waypoint(self, gateway: Obj) -> bool:
        return "waypoint" in str(dig(gateway, "spec", "gatewayClassName") or "") or any(
            listener.get("protocol") == "HBONE" for listener in dig(gateway, "spec", "listeners") or ()
        )

    def waypoint_state(self, waypoint: Waypoint) -> Literal["unknown", "absent", "new", "down", "up"]:
        """`new`: not programmed yet, so it cannot be said that its pods are missing. `down`: it has no ready pod."""
        gateway = self.get(GATEWAY, *waypoint)
        if gateway is None:
            return "absent" if self.knows(GATEWAY, waypoint.namespace) else "unknown"
        if not dig(gateway, "status", "addresses"):
            return "new"
        if not self.knows(GATEWAY_POD, waypoint.namespace):
            return "unknown"
        pods = self._gateway_pods.get((waypoint.namespace, waypoint.name), ())
        return "up" if any(_ready(pod) for pod in pods) else "down"

    @cached_property
    def _gateway_pods(self) -> dict[Key, list[Obj]]:
        found: dict[Key, list[Obj]] = defaultdict(list)
        for pod in self.all(GATEWAY_POD):
            found[(namespace_of(pod), str(labels_of(pod).get(GATEWAY_NAME)))].append(pod)
        return found

    def services_of(self, pod: Obj) -> Sequence[Obj]:
        """The Services that select this pod."""
        found = self._selectors.get(namespace_of(pod))
        return found.of(labels_of(pod)) if found is not None else ()

    @cached_property
    def _selectors(self) -> dict[str, Index[Obj]]:
        found: dict[str, Index[Obj]] = defaultdict(Index)
        for service in self.all(SERVICE):
            selector = dig(service, "spec", "selector")
            if selector:
                found[namespace_of(service)].add(selector, service)
        return found


def _enrolled(pod: Obj) -> Mode:
    labels, annotations = labels_of(pod), annotations_of(pod)
    if labels.get(_MANAGED) or labels.get(GATEWAY_NAME) or "gateway" in annotations.get(_TEMPLATES, ""):
        return "gateway"
    if str(labels.get("istio", "")).endswith("gateway"):
        # As istioctl installs its gateways: with a proxy that nobody injected.
        return "gateway"
    if annotations.get(_STATUS):
        return "sidecar"
    return "ambient" if annotations.get(_REDIRECTION) == "enabled" else "none"


def _ready(pod: Obj) -> bool:
    return not dig(pod, "metadata", "deletionTimestamp") and any(
        item.get("type") == "Ready" and item.get("status") == "True" for item in dig(pod, "status", "conditions") or ()
    )


ALL_KINDS = (
    NAMESPACE,
    POD,
    GATEWAY_POD,
    EXCUSED_POD,
    SERVICE,
    INGRESS,
    NETWORK_POLICY,
    VALIDATING,
    MUTATING,
    VIRTUAL_SERVICE,
    DESTINATION_RULE,
    SERVICE_ENTRY,
    WORKLOAD_ENTRY,
    ISTIO_GATEWAY,
    SIDECAR,
    ENVOY_FILTER,
    AUTHORIZATION,
    PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION,
    TELEMETRY,
    WASM_PLUGIN,
    TRAFFIC_EXTENSION,
    GATEWAY,
    GATEWAY_CLASS,
    REFERENCE_GRANT,
    *ROUTES,
)
