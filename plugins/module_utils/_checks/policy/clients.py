# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Clients without mTLS of workloads that are about to refuse them, so far as the cluster itself tells. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..skew import workload_of
from ..snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of, ref
from .hbone import hbone
from .hosts import full, matches, service_of
from .model import Judged, Severity, some
from .mtls import Refusal
from .scene import DESTINATION_RULE, INGRESS, MUTATING, SERVICE, VALIDATING
from .view import View

_SCRAPE = "prometheus.io/scrape"
_SCRAPE_PORT = "prometheus.io/port"
# The port on which a sidecar answers scrapes itself, without mTLS.
_MERGED = 15020
_APP = ("app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/component")
_SCRAPERS = ("prometheus", "vmagent", "victoria-metrics", "grafana-agent", "alloy", "otel-collector", "datadog-agent")
_INGRESSES = ("ingress-nginx", "nginx-ingress", "traefik", "kong", "haproxy-ingress", "contour", "envoy-gateway")
# Their pods are no clients of applications; probes of the kubelet pass STRICT anyway.
_INFRASTRUCTURE = ("kube-", "openshift-", "local-path-storage")
_ENROLL = "Enroll them (meshwright.istio.mesh_enrollment), restart what was not restarted"
_EXEMPT = "exempt the port by portLevelMtls, give `prometheus` so that traffic decides, or set lockout_guard: warn."


@dataclass(slots=True)
class Group:
    """Pods that a policy will let refuse clients without mTLS."""

    refusal: Refusal
    pods: list[Obj] = field(default_factory=list)

    @property
    def spaces(self) -> list[str]:
        return sorted({namespace_of(pod) for pod in self.pods})

    @property
    def told(self) -> str:
        return f"{len(self.pods)} pod{'' if len(self.pods) == 1 else 's'} in {some(self.spaces)}"


def plaintext(view: View, group: Group, *, proven: bool) -> Iterator[Judged]:
    """Who could be cut. `proven`: evidence counts as an error; without, Prometheus was asked and decides."""
    severity: Severity = "error" if proven else "warning"
    outside = view.once(Outside)
    yield from _neighbours(view, group, outside, severity)
    yield from _ingresses(view, group, outside, severity)
    yield from _scraped(group, outside, severity)
    yield from _webhooks(view, group, severity)
    yield from _others(group, outside)
    yield from _disabled(view, group)
    yield from hbone(view, group.refusal.cause, group.pods)


class Outside:
    """Pods without a proxy and not captured, looked through once for all policies.

    `pods` by namespace; `forgotten` are those of namespaces that are labelled for the mesh; `strangers` how many others
    there are of each namespace; `scrapers` and `ingresses` what they are known to be. `proxied`: some ingress
    controller is in the mesh.
    """

    def __init__(self, view: View) -> None:
        self.pods: dict[str, list[Obj]] = defaultdict(list)
        self.forgotten: list[Obj] = []
        self.strangers: dict[str, int] = {}
        self.scrapers: list[Obj] = []
        self.ingresses: list[Obj] = []
        self.proxied = False
        scene = view.scene
        for namespace, pods in sorted(scene.pods.items()):
            labelled, ours = scene.mode(namespace) != "none", not _infrastructure(view, namespace)
            for pod in pods:
                if scene.enrolled(pod) != "none":
                    self.proxied = self.proxied or _is_one_of(pod, _INGRESSES)
                elif not scene.excused(pod):
                    self._add(namespace, pod, ours, forgotten=labelled and not scene.opted_out(pod))

    def _add(self, namespace: str, pod: Obj, ours: bool, *, forgotten: bool) -> None:
        if _is_one_of(pod, _SCRAPERS):
            self.scrapers.append(pod)
        if _is_one_of(pod, _INGRESSES):
            self.ingresses.append(pod)
        if not ours:
            return
        self.pods[namespace].append(pod)
        if forgotten:
            self.forgotten.append(pod)
        else:
            self.strangers[namespace] = self.strangers.get(namespace, 0) + 1


def _infrastructure(view: View, namespace: str) -> bool:
    return namespace == view.scene.root or namespace.startswith(_INFRASTRUCTURE)


def _neighbours(view: View, group: Group, outside: Outside, severity: Severity) -> Iterator[Judged]:
    """Pods that ought to be in the mesh and are not: beside the refusing ones, or in other namespaces of the mesh."""
    spaces = group.spaces
    lost = [pod for namespace in spaces for pod in outside.pods.get(namespace, ())]
    lost += [pod for pod in outside.forgotten if namespace_of(pod) not in spaces]
    if not lost:
        return
    workloads = Counter(workload_of(pod) for pod in lost)
    yield Judged(
        "not-enrolled",
        group.refusal.cause,
        f"would let {group.told} refuse pods of the mesh's namespaces that have no proxy: "
        f"{some([f'{name} ({count})' for name, count in sorted(workloads.items())])}",
        f"{_ENROLL}, or {_EXEMPT}",
        severity,
    )


def _ingresses(view: View, group: Group, outside: Outside, severity: Severity) -> Iterator[Judged]:
    """Ingress objects that lead to the refusing pods, by a controller without a proxy."""
    controllers = outside.ingresses
    if outside.proxied and not controllers:
        return
    services = _services(view, group)
    led = []
    for ingress in view.scene.all(INGRESS):
        controller = dig(ingress, "spec", "ingressClassName") or annotations_of(ingress).get(
            "kubernetes.io/ingress.class", ""
        )
        if "istio" in str(controller):
            continue
        if any((namespace_of(ingress), name) in services for name in _backends(ingress)):
            led.append(ref(ingress))
    if led:
        who = f", served by {some(sorted({workload_of(pod) for pod in controllers}))}" if controllers else ""
        yield Judged(
            "ingress-outside",
            group.refusal.cause,
            f"would cut {some(sorted(led))}{who}: that controller has no proxy, and sends no mTLS",
            f"Enroll the ingress controller, or expose by a gateway of the mesh; or {_EXEMPT}",
            severity,
        )


def _backends(ingress: Obj) -> Iterator[str]:
    default = dig(ingress, "spec", "defaultBackend", "service", "name")
    if default:
        yield str(default)
    for rule in dig(ingress, "spec", "rules") or ():
        for path in dig(rule, "http", "paths") or ():
            name = dig(path, "backend", "service", "name")
            if name:
                yield str(name)


def _services(view: View, group: Group) -> set[tuple[str, str]]:
    return {(namespace_of(service), name_of(service)) for pod in group.pods for service in view.scene.services_of(pod)}


def _webhooks(view: View, group: Group, severity: Severity) -> Iterator[Judged]:
    """Admission webhooks behind which the refusing pods stand: the API server has no proxy."""
    services = _services(view, group)
    called = []
    for configuration in (*view.scene.all(VALIDATING), *view.scene.all(MUTATING)) if services else ():
        for hook in configuration.get("webhooks") or ():
            service = dig(hook, "clientConfig", "service") or {}
            key = (str(service.get("namespace")), str(service.get("name")))
            if key in services and _covered(view, group, key, int(service.get("port") or 443)):
                called.append(f"{ref(configuration)} (Service {key[0]}/{key[1]})")
    if called:
        yield Judged(
            "webhook-outside",
            group.refusal.cause,
            f"would cut the API server off {some(sorted(set(called)))}: it has no proxy, and sends no mTLS",
            "Exempt the webhook's port by portLevelMtls, or take those pods out of the mesh.",
            severity,
        )


def _covered(view: View, group: Group, key: tuple[str, str], port: int) -> bool:
    """Whether the pods' port behind a Service's is one that refuses; a named one is, unless some are exempt."""
    service = view.scene.get(SERVICE, *key) or {}
    for entry in dig(service, "spec", "ports") or ():
        if entry.get("port") == port:
            behind = entry.get("targetPort", port)
            if isinstance(behind, int):
                return group.refusal.covers(behind)
    return group.refusal.ports is None and not group.refusal.exempt


def _scraped(group: Group, outside: Outside, severity: Severity) -> Iterator[Judged]:
    """Pods that ask to be scraped on a port of their own, and a Prometheus without a proxy."""
    if not outside.scrapers:
        return
    scraped = [pod for pod in group.pods if (port := _scrape_port(pod)) is not None and group.refusal.covers(port)]
    if not scraped:
        return
    yield Judged(
        "scrape-outside",
        group.refusal.cause,
        f"would cut {some(sorted({workload_of(pod) for pod in outside.scrapers}))} off the metrics of "
        f"{some(sorted({workload_of(pod) for pod in scraped}))}: it has no proxy, and sends no mTLS",
        f"Enroll the namespace of Prometheus, or {_EXEMPT}",
        severity,
    )


def _scrape_port(pod: Obj) -> int | None:
    annotations = annotations_of(pod)
    if annotations.get(_SCRAPE) != "true":
        return None
    port = annotations.get(_SCRAPE_PORT, "")
    found = int(port) if port.isdigit() else 80
    return None if found == _MERGED else found


def _is_one_of(pod: Obj, names: tuple[str, ...]) -> bool:
    labels = labels_of(pod)
    return any(str(labels.get(key, "")).startswith(names) for key in _APP)


def _others(group: Group, outside: Outside) -> Iterator[Judged]:
    spaces = group.spaces
    counts = {namespace: count for namespace, count in outside.strangers.items() if namespace not in spaces}
    if counts:
        named = [f"{namespace} ({count})" for namespace, count in sorted(counts.items())]
        yield Judged(
            "outside-clients",
            group.refusal.cause,
            f"lets {group.told} refuse all clients outside the mesh; namespaces with such pods: {some(named, 10)}",
            "If one of them calls these workloads, enroll it first; `prometheus` would tell.",
            "warning",
        )


def _disabled(view: View, group: Group) -> Iterator[Judged]:
    """DestinationRules that tell clients with a sidecar to send plain text to the refusing workloads."""
    rules = view.once(_plain_rules)
    hosts = [full(name, namespace) for namespace, name in _services(view, group)] if rules else []
    for host, rule in rules:
        if any(matches(host, one) for one in hosts):
            yield disabled(view, group.refusal.cause, rule, group.refusal.cause)


def _plain_rules(view: View) -> list[tuple[str, Obj]]:
    """The DestinationRules that say DISABLE, by host."""
    found = []
    for rule in view.scene.all(DESTINATION_RULE):
        if disables(rule):
            host = full(str(dig(rule, "spec", "host") or ""), namespace_of(rule))
            named = service_of(host)
            found.append((full(named[1], named[0]) if named else host, rule))
    return found


def disables(rule: Obj) -> bool:
    """Whether a DestinationRule says tls.mode DISABLE anywhere."""
    policies = [dig(rule, "spec", "trafficPolicy")]
    policies += [entry.get("trafficPolicy") for entry in dig(rule, "spec", "subsets") or ()]
    found: list[Any] = []
    for policy in policies:
        if policy:
            found.append(policy.get("tls"))
            found += [one.get("tls") for one in policy.get("portLevelSettings") or ()]
    return any((tls or {}).get("mode") == "DISABLE" for tls in found)


def disabled(view: View, obj: Obj, rule: Obj, cause: Obj) -> Judged:
    """A DestinationRule against a policy that refuses what it sends; `obj` is the one of the two that is to blame."""
    plain = "clients with a sidecar to send plain text (tls.mode DISABLE)"
    return Judged(
        "disable-against-strict",
        obj,
        f"tells {plain}, which {ref(cause)} refuses" if obj is rule else f"refuses what {ref(rule)} tells {plain}",
        "Take tls out of that DestinationRule; sidecars then choose mTLS by themselves.",
        "error" if view.scene.sidecars else "warning",
        subject=f"{ref(rule)} {ref(cause)}",
    )
