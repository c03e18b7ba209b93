# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The mesh as a snapshot shows it: control planes, components, webhooks and who stands behind them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import selectors, versions
from .model import NotApplicable
from .snapshot import Obj, Snapshot, Undecided, dig, labels_of, name_of, namespace_of, ref

# What each kind of component is called, and where to read its version.
CNI = "istio-cni"
ZTUNNEL = "ztunnel"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """One istiod: its Deployment and what that says, whoever installed it (Helm, Sail, istioctl)."""

    deployment: Obj
    namespace: str
    name: str
    revision: str
    version: versions.Version | None
    ambient: bool
    pod_labels: Mapping[str, str]

    @property
    def ref(self) -> str:
        return ref(self.deployment)

    def env(self, name: str) -> str:
        """The value of an environment variable of istiod's container, empty when it has none."""
        return env_of(self.deployment, name)


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of one configuration of Istio. `service` is namespace, name and port; None when it is a URL."""

    configuration: Obj
    name: str
    body: Obj
    service: tuple[str, str, int] | None

    @property
    def ref(self) -> str:
        return ref(self.configuration)


def control_planes(snapshot: Snapshot) -> list[ControlPlane]:
    """Every istiod of the cluster, in any namespace and of any revision, in a stable order."""
    found = []
    for deployment in snapshot.items("istiods"):
        if not _is_istiod(deployment):
            continue
        found.append(
            ControlPlane(
                deployment=deployment,
                namespace=namespace_of(deployment),
                name=name_of(deployment),
                revision=str(labels_of(deployment).get("istio.io/rev") or env_of(deployment, "REVISION") or "default"),
                version=versions.of_workload(deployment, "discovery"),
                ambient=env_of(deployment, "PILOT_ENABLE_AMBIENT").lower() in ("true", "1"),
                pod_labels=dig(deployment, "spec", "template", "metadata", "labels") or {},
            )
        )
    return sorted(found, key=lambda plane: (plane.namespace, plane.name))


def require_control_planes(snapshot: Snapshot) -> list[ControlPlane]:
    """The control planes; raises `NotApplicable` when the cluster has none, `Undecided` when it cannot be told."""
    found = control_planes(snapshot)
    if not found:
        if unseen := snapshot.unseen(["istiods"]):
            raise Undecided(unseen)
        raise NotApplicable("no istiod runs in this cluster")
    return found


def remote_control_plane(snapshot: Snapshot) -> str:
    """What shows that the control plane runs outside this cluster, empty when nothing does."""
    for webhook in injectors(snapshot):
        if webhook.service is None:
            return f"{webhook.ref} injects from a URL"
        service = find_service(snapshot, webhook.service[0], webhook.service[1])
        if service is not None and not dig(service, "spec", "selector"):
            return f"{ref(service)} has no selector"
    return ""


def components(snapshot: Snapshot, component: str) -> list[Obj]:
    """The DaemonSets of istio-cni or of ztunnel."""
    return [item for item in snapshot.items("daemonsets") if _component(item) == component]


def is_ambient(snapshot: Snapshot) -> bool:
    """Is there an ambient data plane, or an istiod that expects one?"""
    return any(plane.ambient for plane in control_planes(snapshot)) or bool(components(snapshot, ZTUNNEL))


def injectors(snapshot: Snapshot) -> list[Webhook]:
    """The webhooks that inject sidecars into pods."""
    return [
        hook for hook in _webhooks(snapshot, "mutating_webhooks") if hook.name.endswith("sidecar-injector.istio.io")
    ]


def validators(snapshot: Snapshot) -> list[Webhook]:
    """The webhooks that validate Istio's configuration."""
    return [hook for hook in _webhooks(snapshot, "validating_webhooks") if hook.name.endswith("validation.istio.io")]


def catches_unlabelled(hook: Webhook) -> bool:
    """Does a validator look at objects that name no revision? That is what makes it the default one."""
    return selectors.matches(hook.body.get("objectSelector"), {})


def find_service(snapshot: Snapshot, namespace: str, name: str) -> Obj | None:
    for service in snapshot.items("services"):
        if name_of(service) == name and namespace_of(service) == namespace:
            return service
    return None


def ready_endpoints(snapshot: Snapshot, namespace: str, service: str) -> tuple[int, int]:
    """How many addresses behind a Service are ready, and how many there are."""
    ready = total = 0
    for piece in snapshot.items("endpoint_slices"):
        if namespace_of(piece) != namespace or labels_of(piece).get("kubernetes.io/service-name") != service:
            continue
        for endpoint in piece.get("endpoints") or ():
            addresses = len(endpoint.get("addresses") or ())
            total += addresses
            # absent means ready, as the EndpointSlice API says
            if dig(endpoint, "conditions", "ready") is not False:
                ready += addresses
    return ready, total


def nobody_behind(snapshot: Snapshot, namespace: str, name: str, port: int) -> str:
    """Why nobody answers at a Service's port, as a fact; empty when somebody does."""
    service = find_service(snapshot, namespace, name)
    if service is None:
        return f"Service {namespace}/{name} does not exist"
    if all(entry.get("port") != port for entry in dig(service, "spec", "ports") or ()):
        return f"{ref(service)} has no port {port}"
    ready, total = ready_endpoints(snapshot, namespace, name)
    return "" if ready else f"{ref(service)} has no ready endpoint ({total} addresses)"


def env_of(workload: Obj, name: str) -> str:
    """The value of an environment variable that a workload's pods are given; empty when it is not spelled out."""
    for container in dig(workload, "spec", "template", "spec", "containers") or ():
        for variable in container.get("env") or ():
            if variable.get("name") == name and variable.get("value"):
                return str(variable["value"])
    return ""


def pods_of(snapshot: Snapshot, workload: Obj) -> list[Obj]:
    """The pods that a Deployment or DaemonSet of the mesh selects."""
    selector = dig(workload, "spec", "selector") or {}
    return [
        pod
        for pod in snapshot.items("component_pods")
        if namespace_of(pod) == namespace_of(workload) and selector and selectors.matches(selector, labels_of(pod))
    ]


def pod_trouble(pod: Obj) -> str:
    """Why a pod is not ready, in a few words; empty when it is ready."""
    conditions = {item.get("type"): item for item in dig(pod, "status", "conditions") or ()}
    if dig(pod, "metadata", "deletionTimestamp") is None and conditions.get("Ready", {}).get("status") == "True":
        return ""
    if dig(pod, "metadata", "deletionTimestamp") is not None:
        return "is being deleted"
    for status in (
        *(dig(pod, "status", "initContainerStatuses") or ()),
        *(dig(pod, "status", "containerStatuses") or ()),
    ):
        waiting = dig(status, "state", "waiting", "reason")
        if waiting:
            return f"container {status.get('name')} waits: {waiting}"
        ended = dig(status, "state", "terminated")
        if ended and ended.get("exitCode"):
            return f"container {status.get('name')} ended: {ended.get('reason') or 'exit code'} {ended['exitCode']}"
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"not scheduled: {scheduled.get('message') or scheduled.get('reason') or 'no reason given'}"
    return f"is {dig(pod, 'status', 'phase') or 'without status'}, but not ready"


def pods_in_trouble(snapshot: Snapshot, workload: Obj) -> list[str]:
    """Why pods of a workload are not ready, as evidence; none when the pods could not be read, for that decides "
    "nothing."""
    if snapshot.problems(["component_pods"]):
        return []
    found = []
    for pod in pods_of(snapshot, workload):
        trouble = pod_trouble(pod)
        if trouble:
            found.append(f"{ref(pod)} on {dig(pod, 'spec', 'nodeName') or 'no node'} {trouble}")
    return sorted(found)


def _webhooks(snapshot: Snapshot, source: str) -> list[Webhook]:
    found = []
    for configuration in snapshot.items(source):
        for body in configuration.get("webhooks") or ():
            name = str(body.get("name", ""))
            if not name.endswith("istio.io"):
                continue
            service = dig(body, "clientConfig", "service")
            where = None
            if isinstance(service, Mapping):
                where = (
                    str(service.get("namespace", "")),
                    str(service.get("name", "")),
                    int(service.get("port") or 443),
                )
            found.append(Webhook(configuration, name, body, where))
    return sorted(found, key=lambda hook: (name_of(hook.configuration), hook.name))


def _is_istiod(deployment: Obj) -> bool:
    containers = dig(deployment, "spec", "template", "spec", "containers") or ()
    return any(
        container.get("name") == "discovery" or "discovery" in (container.get("args") or ()) for container in containers
    )


def _component(daemon_set: Obj) -> str:
    """Which component a DaemonSet is, by what it runs rather than by its name; empty for others."""
    labels = dig(daemon_set, "spec", "template", "metadata", "labels") or {}
    if labels.get("k8s-app") == "istio-cni-node" or labels_of(daemon_set).get("k8s-app") == "istio-cni-node":
        return CNI
    for container in dig(daemon_set, "spec", "template", "spec", "containers") or ():
        if container.get("name") == "install-cni":
            return CNI
        if "ztunnel" in (container.get("args") or ()):
            return ZTUNNEL
    return ZTUNNEL if labels.get("app") == "ztunnel" else ""
