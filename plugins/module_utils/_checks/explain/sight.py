# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What explaining looks at: a snapshot, policy as a view of it, and single objects read for the question. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from ..._errors import BadInput
from .. import mesh, selectors, sources
from ..policy import seen
from ..policy.scene import Mode, Scene
from ..policy.view import View
from ..skew import workload_of
from ..snapshot import Obj, Snapshot, Undecided, dig, labels_of, meta, name_of, namespace_of
from .model import Place, Question, Step

# What is read for one question beside the sources of all checks. Shapes are the API's; of Secrets only metadata.
PODS = "explained_pods"
"""The pods that the question is about, with all of their spec and status."""
WORKLOADS = "explained_workloads"
"""Deployments, StatefulSets and DaemonSets of the name that was asked for."""
ENDPOINTS = "explained_endpoints"
"""EndpointSlices of the Services on the way."""
EVENTS = "explained_events"
"""Events of the pods that are not ready, as `pod` (ns/name), `reason` and `note`."""
LOGS = "explained_logs"
"""Last lines of the log of a pod of the mesh that is asked about and not ready: metadata of the pod, `lines`."""
CONFIG = "explained_config"
"""What istiod sent to the client's sidecar: metadata of the pod, `clusters` and `routes` (names)."""
CERTIFICATES = "explained_certificates"
"""The /certs of the proxies that the question is about, as of ENVOY_CERTIFICATES."""
SECRETS = "explained_secrets"
"""Metadata of the Secrets that gateways' listeners name."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What `ns/name` means: pods that run or are to, and the object that owns them, where it was read."""

    label: str
    namespace: str
    pods: tuple[Obj, ...]
    owner: Obj | None = None

    @property
    def pod(self) -> Obj:
        """The pod to look at: one that is in trouble before one that is not."""
        return next((pod for pod in self.pods if not is_ready(pod)), self.pods[0])


class Sight:
    """One snapshot, for one question."""

    def __init__(self, snapshot: Snapshot, question: Question) -> None:
        self.snapshot = snapshot
        self.question = question

    @property
    def view(self) -> View:
        return seen.view_of(self.snapshot)

    @property
    def scene(self) -> Scene:
        return seen.scene_of(self.snapshot)

    @cached_property
    def inside(self) -> bool:
        """Whether pods of the mesh were asked at all."""
        return sources.ISTIOD_SYNC in self.snapshot.sources

    def extra(self, name: str) -> tuple[Obj, ...]:
        """Items of a source that adds detail: none when it was not read."""
        source = self.snapshot.sources.get(name)
        return () if source is None or source.error else source.items

    def unread(self, kind: str, *namespaces: str) -> str:
        """Why objects of a kind were not read in one of these namespaces, or in any; empty when they were."""
        name = seen.SOURCE_OF[kind]
        if all(self.snapshot.knows(name, namespace) for namespace in namespaces or ("",)):
            return ""
        what = name.replace("_", " ")
        return f"Not all {what} could be read: {self._why(name)}".rstrip(".") + "."

    # -- pods and workloads ------------------------------------------------------------------------------

    @cached_property
    def _detail(self) -> dict[tuple[str, str], Obj]:
        return {(namespace_of(pod), name_of(pod)): pod for pod in self.extra(PODS)}

    def full(self, pod: Obj) -> Obj:
        """The same pod with all that is known of it."""
        return self._detail.get((namespace_of(pod), name_of(pod)), pod)

    def detailed(self, pod: Obj) -> bool:
        return (namespace_of(pod), name_of(pod)) in self._detail

    def mode(self, pod: Obj) -> Mode:
        return self.scene.enrolled(pod)

    def labels(self, namespace: str) -> Mapping[str, str]:
        """A namespace's labels; raises Undecided when namespaces could not be read."""
        found = self.namespace(namespace)
        return labels_of(found) if found is not None else {}

    def namespace(self, name: str) -> Obj | None:
        return next((item for item in self.snapshot.items("namespaces") if name_of(item) == name), None)

    def workload(self, place: Place, option: str) -> Workload:
        """What a place means; BadInput, with names that are close, when there is neither pod nor workload of it."""
        namespace = place.namespace
        pods = [
            pod
            for pod in self.snapshot.items(sources.PODS)
            if namespace_of(pod) == namespace and not meta(pod).get("deletionTimestamp")
        ]
        named = [pod for pod in pods if name_of(pod) == place.name]
        if named and place.kind in ("", "Pod"):
            return Workload(f"Pod {place}", namespace, (named[0],))
        owners = [
            item
            for item in self.extra(WORKLOADS)
            if (namespace_of(item), name_of(item)) == (namespace, place.name) and place.kind in ("", item.get("kind"))
        ]
        owned = [pod for pod in pods if _is_of(workload_of(pod), place)]
        if owned:
            label = workload_of(owned[0])
            owner = next((item for item in owners if item.get("kind") == label.partition(" ")[0]), None)
            same = tuple(pod for pod in owned if workload_of(pod) == label)
            return Workload(label, namespace, same, owner)
        if owners:
            return Workload(f"{owners[0].get('kind')} {place}", namespace, (), owners[0])
        if not self.snapshot.knows(sources.PODS, namespace):
            raise Undecided(f"pods of namespace {namespace} could not be read: {self._why(sources.PODS)}")
        raise BadInput(
            f"`explain.{option}` names {place}, and there is neither a pod nor a workload of that name.",
            hint=self._close(place, pods),
        )

    def _why(self, name: str) -> str:
        return self.snapshot.problems([name]).get(name) or self.snapshot.unseen([name]) or "nobody asked for them"

    def _close(self, place: Place, pods: Iterable[Obj]) -> str:
        spaces = sorted(name_of(item) for item in self.extra("namespaces"))
        if spaces and place.namespace not in spaces:
            return _hint(place.namespace, spaces, f"There is no namespace {place.namespace}.")
        names = sorted({name for pod in pods for name in (name_of(pod), workload_of(pod).rpartition("/")[2])})
        return _hint(place.name, names, "")

    # -- Services -------------------------------------------------------------------------------------------

    def service(self, namespace: str, name: str) -> Obj | None:
        """A Service; raises Undecided when it cannot be said that there is none."""
        for item in self.snapshot.items(sources.ALL_SERVICES):
            if name_of(item) == name and namespace_of(item) == namespace:
                return item
        if not self.snapshot.knows(sources.ALL_SERVICES, namespace):
            raise Undecided(f"Services of namespace {namespace} could not be read: {self._why(sources.ALL_SERVICES)}")
        return None

    def close_services(self, namespace: str, name: str) -> str:
        mine = [name_of(item) for item in self.extra(sources.ALL_SERVICES) if namespace_of(item) == namespace]
        elsewhere = [namespace_of(item) for item in self.extra(sources.ALL_SERVICES) if name_of(item) == name]
        if elsewhere:
            return f"There is one of that name in {', '.join(sorted(elsewhere)[:5])}."
        return _hint(name, sorted(mine), "")

    def selected(self, service: Obj) -> list[Obj]:
        """The pods that a Service selects."""
        selector = dig(service, "spec", "selector")
        home = namespace_of(service)
        return [
            self.full(pod)
            for pod in self.snapshot.items(sources.PODS)
            if namespace_of(pod) == home
            and not meta(pod).get("deletionTimestamp")
            and dig(pod, "status", "phase") not in ("Succeeded", "Failed")
            and selectors.selects(selector, labels_of(pod))
        ]

    def endpoints(self, service: Obj, port: Obj | None) -> tuple[int, int] | None:
        """Addresses behind a Service's port: ready ones and all; None when they were not read."""
        source = self.snapshot.sources.get(ENDPOINTS)
        if source is None or source.error:
            return None
        ready = total = 0
        for piece in source.items:
            named = labels_of(piece).get("kubernetes.io/service-name")
            if named != name_of(service) or namespace_of(piece) != namespace_of(service):
                continue
            names = [str(one.get("name") or "") for one in piece.get("ports") or ()]
            if port is not None and str(port.get("name") or "") not in names:
                continue
            for endpoint in piece.get("endpoints") or ():
                addresses = len(endpoint.get("addresses") or ())
                total += addresses
                # Absent means ready, as the EndpointSlice API says.
                if dig(endpoint, "conditions", "ready") is not False:
                    ready += addresses
        return ready, total

    # -- the mesh -------------------------------------------------------------------------------------------

    @cached_property
    def planes(self) -> list[mesh.ControlPlane]:
        return mesh.control_planes(self.snapshot)

    def on_node(self, daemon_set: Obj, node: str) -> list[Obj]:
        """The pods of a component on a node, those that are ending left out."""
        return [
            pod
            for pod in mesh.pods_of(self.snapshot, daemon_set)
            if dig(pod, "spec", "nodeName") == node and not meta(pod).get("deletionTimestamp")
        ]

    @cached_property
    def trust_domain(self) -> str:
        for config in self.extra(sources.MESH_CONFIGS):
            if domain := dig(config, "mesh", "trustDomain"):
                return str(domain)
        return "cluster.local"

    def events(self, pod: Obj) -> tuple[str, ...]:
        """What was told lately about a pod."""
        name = f"{namespace_of(pod)}/{name_of(pod)}"
        return tuple(f"{item['reason']}: {item['note']}" for item in self.extra(EVENTS) if item.get("pod") == name)[:4]

    def log(self, pod: Obj) -> tuple[str, ...]:
        for item in self.extra(LOGS):
            if (namespace_of(item), name_of(item)) == (namespace_of(pod), name_of(pod)):
                return tuple(str(line) for line in item.get("lines") or ())
        return ()


def guarded(step: str, title: str, make: Callable[[], Iterable[Step]]) -> list[Step]:
    """The steps that are made; one that is unknown, with the reason, where too little could be seen."""
    found: list[Step] = []
    try:
        for one in make():
            found.append(one)
    except Undecided as reason:
        found.append(Step(step, title, "unknown", f"{reason}".rstrip(".") + "."))
    return found


def is_ready(pod: Obj) -> bool:
    return any(
        item.get("type") == "Ready" and item.get("status") == "True" for item in dig(pod, "status", "conditions") or ()
    )


def account_of(pod: Obj) -> str:
    return str(dig(pod, "spec", "serviceAccountName") or "default")


def some(names: Iterable[str], most: int = 5) -> str:
    """The first names in words, the others counted."""
    found = list(names)
    shown = ", ".join(found[:most])
    return f"{shown} and {len(found) - most} more" if len(found) > most else shown


def _is_of(label: str, place: Place) -> bool:
    kind, _space, name = label.partition(" ")
    return name == str(place) and place.kind in ("", kind)


def _hint(name: str, names: list[str], lead: str) -> str:
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    told = f"Did you mean {' or '.join(close)}?" if close else f"There are {some(names, 8)}." if names else ""
    return f"{lead} {told}".strip()
