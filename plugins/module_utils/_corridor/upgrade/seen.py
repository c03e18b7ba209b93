# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Who has to be moved: namespaces, waypoints and gateways that are on a revision, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..._checks.snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of
from ..._desired.upgrade import Unit
from ..._kube import kinds
from ..._kube.client import Client
from ..restarts import workloads_to_restart
from ..usage import REVISION_LABEL, Usage, read_usage
from ..workloads import Workload

_PROXY_LABEL = "service.istio.io/canonical-name"
_TEMPLATES = "inject.istio.io/templates"
_WAYPOINT_CONTROLLER = "istio.io/mesh-controller"
_WAYPOINT_CLASS = "istio-waypoint"
_RUNNING = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True, slots=True)
class Seen:
    """Who uses what; Gateways and pods are named "namespace/name".

    `waypoints` are those Gateways that are waypoints, `gateway_pods` injected gateways, `pinned` pods that ask for a
    revision or tag themselves. `explicit` are namespaces and Gateways that carry istio.io/rev, with its value.
    """

    usage: Usage
    waypoints: frozenset[str] = frozenset()
    gateway_pods: frozenset[str] = frozenset()
    pinned: Mapping[str, str] = field(default_factory=dict)
    explicit: Mapping[str, str] = field(default_factory=dict)

    def without(self, tags: frozenset[str]) -> Seen:
        """The same as if these tags were not there, which hold a revision without being anybody's."""
        kept = {tag: to for tag, to in self.usage.tags.items() if tag not in tags}
        return replace(self, usage=replace(self.usage, tags=kept))

    def units(self, revision: str) -> list[Unit]:
        """The namespaces, waypoints and gateways that are on this revision."""
        usage = self.usage
        found = {
            Unit("namespace", name) for name in usage.namespaces_on(revision) if self.explicit.get(name) == revision
        }
        gateways = set(usage.gateways_on(revision))
        for proxy in usage.proxies:
            if proxy.revision != revision:
                continue
            if proxy.gateway:
                gateways.add(proxy.gateway)
            elif f"{proxy.namespace}/{proxy.name}" in self.gateway_pods:
                found.add(Unit("gateway", _target(proxy.workload)))
            else:
                found.add(Unit("namespace", proxy.namespace))
        for name in gateways:
            found.add(Unit("waypoint" if name in self.waypoints else "gateway", name))
        return list(found)

    def blockers(self, workload: Workload, source: str, target: str, tags_moved: Mapping[str, str]) -> list[str]:
        """Why restarting a workload would not bring it to `target`, once the tags are as in `tags_moved` and its
        namespace is relabelled."""
        pins = {self.pinned.get(f"{workload.namespace}/{pod}", "") for pod in workload.pods} - {""}
        space = self.usage.namespaces.get(workload.namespace, "")
        tags = {**self.usage.tags, **tags_moved}

        def leads(name: str) -> str:
            return tags.get(name, name)

        if workload.namespace not in self.usage.injection and space == source:
            space = target
        if space:
            # The namespace's own label decides before a pod's does.
            if leads(space) != target:
                return [f"its namespace asks for {space}, which is not {target}"]
            return []
        if not pins:
            return ["its namespace does not ask for injection any more: a restart would take the proxy away"]
        wrong = sorted(pin for pin in pins if leads(pin) != target)
        return [f"its pods ask for {wrong[0]} themselves, by a label in its template"] if wrong else []


def _target(workload: str) -> str:
    """`Deployment ingress/istio-ingress` as `ingress/Deployment/istio-ingress`."""
    kind, _space, place = workload.partition(" ")
    namespace, _slash, name = place.partition("/")
    return f"{namespace}/{kind}/{name}"


def look(client: Client) -> Seen:
    """Read it. Raises what the API server says: half of it is no answer."""
    reads: list[Callable[[], Any]] = [
        lambda: read_usage(client),
        lambda: client.list(kinds.POD, labels=_PROXY_LABEL, fields=_RUNNING, metadata_only=True),
        lambda: client.list(kinds.GATEWAY),
        lambda: client.list(kinds.GATEWAY_CLASS),
        lambda: client.list(kinds.NAMESPACE, labels=REVISION_LABEL, metadata_only=True),
    ]
    usage, pods, gateways, classes, namespaces = client.many(lambda read: read(), reads)
    return seen_of(usage, pods=pods, gateways=gateways, classes=classes, namespaces=namespaces)


def seen_of(
    usage: Usage,
    *,
    pods: list[Obj] | tuple[()] = (),
    gateways: list[Obj] | tuple[()] = (),
    classes: list[Obj] | tuple[()] = (),
    namespaces: list[Obj] | tuple[()] = (),
) -> Seen:
    """From what was read; of pods and namespaces, metadata is enough."""
    mesh_classes = {name_of(one) for one in classes if dig(one, "spec", "controllerName") == _WAYPOINT_CONTROLLER}
    mesh_classes.add(_WAYPOINT_CLASS)
    explicit = {name_of(one): labels_of(one)[REVISION_LABEL] for one in namespaces if REVISION_LABEL in labels_of(one)}
    for one in gateways:
        if REVISION_LABEL in labels_of(one):
            explicit[_place(one)] = labels_of(one)[REVISION_LABEL]
    return Seen(
        usage,
        frozenset(_place(one) for one in gateways if dig(one, "spec", "gatewayClassName") in mesh_classes),
        frozenset(_place(pod) for pod in pods if "gateway" in annotations_of(pod).get(_TEMPLATES, "").split(",")),
        {_place(pod): asked for pod in pods if (asked := _asked(labels_of(pod)))},
        explicit,
    )


def _asked(labels: Mapping[str, str]) -> str:
    """The revision or tag that a pod asks for itself, where its namespace asks for none."""
    return labels.get(REVISION_LABEL) or ("default" if labels.get("sidecar.istio.io/inject") == "true" else "")


def _place(obj: Obj) -> str:
    return f"{namespace_of(obj)}/{name_of(obj)}"


def workloads_of_unit(
    client: Client,
    seen: Seen,
    unit: Unit,
    source: str,
    target: str,
    tags_moved: Mapping[str, str],
    *,
    restart_id: str = "",
) -> list[Workload]:
    """The workloads to restart for a namespace or an injected gateway, each with all that stands in its way."""
    namespace, _slash, rest = unit.target.partition("/")
    found = []
    for one in workloads_to_restart(client, namespace, source, restart_id=restart_id):
        is_gateway = any(f"{namespace}/{pod}" in seen.gateway_pods for pod in one.pods)
        mine = not is_gateway if unit.kind == "namespace" else rest == f"{one.kind}/{one.name}"
        if mine:
            more = seen.blockers(one, source, target, tags_moved) if one.pods else []
            found.append(replace(one, blockers=(*one.blockers, *more)) if more else one)
    return found


def is_injected_gateway(unit: Unit) -> bool:
    """Whether a gateway unit is a workload with an injected proxy, rather than a Gateway of the Gateway API."""
    return unit.kind == "gateway" and unit.target.count("/") == 2
