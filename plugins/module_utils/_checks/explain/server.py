# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The Service at the end of a way: is it there, its port, the pods that it selects, the endpoints. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .. import selectors
from ..model import counted
from ..snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from .model import Place, Step
from .sight import WORKLOADS, Sight, is_ready, some

_SERVICE, _PORT, _SELECTS = "The Service", "The Service's port", "The Service's pods"
_ENDPOINTS, _TARGET = "Endpoints that are ready", "The port of the pods"
# What a port's name begins with, or appProtocol says.
_HTTP = ("http", "http2", "grpc", "grpc-web", "kubernetes.io/h2c", "kubernetes.io/ws")
_OTHER = ("tcp", "tls", "https", "mongo", "redis", "mysql", "hbone", "auto", "kubernetes.io/wss")


@dataclass(slots=True)
class Server:
    """What is known of the far end after its steps. `number` is the port of the pods, 0 when it is not known."""

    service: Obj | None = None
    port: Obj | None = None
    pods: list[Obj] = field(default_factory=list)
    number: int = 0

    @property
    def pod(self) -> Obj | None:
        return next((pod for pod in self.pods if is_ready(pod)), self.pods[0] if self.pods else None)


def server_steps(sight: Sight, place: Place, server: Server) -> Iterator[Step]:
    """Judges the Service, and notes in `server` what was found."""
    service = server.service = sight.service(place.namespace, place.name)
    if service is None:
        hint = sight.close_services(place.namespace, place.name)
        yield Step(
            "service",
            _SERVICE,
            "broken",
            f"There is no Service {place}: its name does not resolve (NXDOMAIN).",
            (f"Service {place}",),
            (f"{place.name}.{place.namespace}.svc.cluster.local",),
            f"Make it, or correct the name. {hint}".strip(),
        )
        return
    kind = str(dig(service, "spec", "type") or "ClusterIP")
    if kind == "ExternalName":
        yield Step(
            "service",
            _SERVICE,
            "info",
            f"{ref(service)} is another name for {dig(service, 'spec', 'externalName')}: what follows is judged there.",
            (ref(service),),
        )
        return
    headless = dig(service, "spec", "clusterIP") == "None"
    yield Step(
        "service",
        _SERVICE,
        "ok",
        f"{ref(service)} is there ({'headless' if headless else kind}); it resolves as "
        f"{place.name}.{place.namespace}.svc.cluster.local.",
        (ref(service),),
    )
    yield from _port(service, place, server)
    yield from _selects(sight, service, server)


def _port(service: Obj, place: Place, server: Server) -> Iterator[Step]:
    ports = list(dig(service, "spec", "ports") or ())
    told = some([f"{one.get('port')} ({one.get('name') or 'no name'})" for one in ports], 8)
    if place.port:
        server.port = next((one for one in ports if place.port in (str(one.get("port")), one.get("name"))), None)
        if server.port is None:
            behind = [one for one in ports if str(one.get("targetPort")) == place.port]
            yield Step(
                "port",
                _PORT,
                "broken",
                f"{ref(service)} has no port {place.port}; it has {told or 'none'}."
                + (f" {place.port} is the pods' port: clients use {behind[0].get('port')}." if behind else ""),
                (ref(service),),
                (),
                "Use a port that the Service has, or add this one to it.",
            )
            return
    elif ports:
        server.port = ports[0]
    if server.port is None:
        return
    protocol, note = _protocol(server.port)
    chosen = "" if place.port or len(ports) == 1 else f" (the first of {told})"
    yield Step(
        "port",
        _PORT,
        "warning" if note else "ok",
        f"Port {server.port.get('port')}{chosen} is {protocol}.{f' {note}' if note else ''}",
        (ref(service),),
        (f"name {server.port.get('name') or 'none'}, appProtocol {server.port.get('appProtocol') or 'none'}",),
        "Name the port http-..., grpc-... or tcp-..., or set its appProtocol." if note else "",
    )


def is_http(port: Obj | None) -> bool | None:
    """Whether a port is declared to speak HTTP; None when nothing is declared."""
    if port is None:
        return None
    protocol = _declared(port)
    return None if not protocol else protocol in _HTTP


def _declared(port: Obj) -> str:
    given = str(port.get("appProtocol") or "").lower()
    if given:
        return given if given in (*_HTTP, *_OTHER) else ""
    name = str(port.get("name") or "").lower()
    found = [one for one in (*_HTTP, *_OTHER) if name == one or name.startswith(f"{one}-")]
    return max(found, key=len, default="")


def _protocol(port: Obj) -> tuple[str, str]:
    if port.get("protocol") == "UDP":
        return "UDP", "The mesh does not carry UDP: it goes past proxies and ztunnel."
    declared = _declared(port)
    if declared:
        return f"declared as {declared}", ""
    given = port.get("appProtocol")
    if given:
        return f"of appProtocol {given}", "Istio does not know that protocol, and takes the port for TCP or guesses."
    return "not declared: sidecars and waypoints find out by themselves whether it is HTTP", ""


def _selects(sight: Sight, service: Obj, server: Server) -> Iterator[Step]:
    selector = dig(service, "spec", "selector")
    if not selector:
        yield Step(
            "selects",
            _SELECTS,
            "info",
            f"{ref(service)} has no selector: its endpoints are kept by somebody else.",
            (ref(service),),
        )
        yield from _endpoints(sight, service, server)
        return
    server.pods = sight.selected(service)
    if server.pods:
        ready = sum(1 for pod in server.pods if is_ready(pod))
        yield Step(
            "selects",
            _SELECTS,
            "ok",
            f"It selects {counted(len(server.pods), 'pod')}, {ready} ready.",
            tuple(ref(pod) for pod in server.pods),
        )
        yield from _target(server)
    elif not sight.snapshot.knows("pods", namespace_of(service)):
        yield Step("selects", _SELECTS, "unknown", "Pods of its namespace could not be read.", (ref(service),))
    else:
        yield _selects_nothing(sight, service, selector)
    yield from _endpoints(sight, service, server)


def _selects_nothing(sight: Sight, service: Obj, selector: Obj) -> Step:
    """Which label keeps the nearest pods from being selected, or what makes none."""
    home = namespace_of(service)
    near: list[tuple[int, str]] = []
    for pod in sight.scene.pods.get(home, ()):
        own = labels_of(pod)
        lost = [key for key, value in selector.items() if own.get(key) != value]
        # Pods that have none of the labels are others'.
        if len(lost) < len(selector) or any(key in own for key in lost):
            wrong = ", ".join(f"{key}={own[key]}" if key in own else f"no {key}" for key in lost)
            near.append((len(lost), f"{ref(pod)} has {wrong}"))
    wanted = ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))
    empty = [
        ref(one)
        for one in sight.extra(WORKLOADS)
        if namespace_of(one) == home
        and dig(one, "spec", "replicas") == 0
        and selectors.selects(selector, dig(one, "spec", "template", "metadata", "labels") or {})
    ]
    return Step(
        "selects",
        _SELECTS,
        "broken",
        f"{ref(service)} selects {wanted}, which no pod of namespace {home} has"
        f"{f': {some(empty)} is scaled to zero' if empty else ''}.",
        (ref(service), *empty),
        tuple(text for _wrong, text in sorted(near)[:4]),
        f"kubectl -n {home} scale {empty[0].split()[0].lower()} {empty[0].rpartition('/')[2]} --replicas=1"
        if empty
        else "Correct the Service's selector or the pods' labels, or deploy the workload.",
    )


def _target(server: Server) -> Iterator[Step]:
    """The port of the pods that the Service's port leads to: by number, or by a name that a container gives."""
    port, pod = server.port, server.pod
    if port is None or pod is None:
        return
    target = port.get("targetPort") or port.get("port")
    declared = [one for each in dig(pod, "spec", "containers") or () for one in each.get("ports") or ()]
    if isinstance(target, str) and not target.isdigit():
        named = next((one for one in declared if one.get("name") == target), None)
        if named is not None:
            server.number = int(named.get("containerPort") or 0)
            yield Step(
                "target-port", _TARGET, "ok", f"The name {target} is port {server.number} of the pods.", (ref(pod),)
            )
        elif "ports" in str(pod.get("spec")):
            yield Step(
                "target-port",
                _TARGET,
                "broken",
                f"The Service's targetPort {target} is the name of no port of the pods: it leads nowhere.",
                (ref(pod),),
                (f"ports of the pods: {some(str(one.get('name') or one.get('containerPort')) for one in declared)}",),
                "Name the container's port so, or give the number.",
            )
        return
    server.number = int(target or 0)
    numbers = {int(one.get("containerPort") or 0) for one in declared}
    if numbers and server.number not in numbers:
        yield Step(
            "target-port",
            _TARGET,
            "warning",
            f"The Service leads to port {server.number}, and the pods declare {some(map(str, sorted(numbers)))}: "
            "unless something listens there, connections are refused.",
            (ref(pod),),
            (),
            "Correct targetPort, if the application listens on another port.",
        )
    elif server.number:
        yield Step("target-port", _TARGET, "ok", f"It leads to port {server.number} of the pods.", (ref(pod),))


def _endpoints(sight: Sight, service: Obj, server: Server) -> Iterator[Step]:
    found = sight.endpoints(service, server.port)
    if found is None:
        # Without EndpointSlices, what the pods say of themselves.
        if not server.pods:
            return
        found = sum(1 for pod in server.pods if is_ready(pod)), len(server.pods)
    ready, total = found
    if ready:
        yield Step(
            "endpoints",
            _ENDPOINTS,
            "ok",
            f"{ready} of {counted(total, 'endpoint')} of {ref(service)} are ready.",
            (ref(service),),
        )
        return
    from_pods = [f"{name_of(pod)} is not ready" for pod in server.pods if not is_ready(pod)]
    yield Step(
        "endpoints",
        _ENDPOINTS,
        "broken",
        f"{ref(service)} has no ready endpoint{f' ({total} are not ready)' if total else ''}: connections are refused, "
        "HTTP gets 503.",
        (ref(service), *(ref(pod) for pod in server.pods)),
        tuple(from_pods),
        f"kubectl -n {namespace_of(service)} get endpointslices -l kubernetes.io/service-name={name_of(service)}; "
        "mend the pods first (explain: pod).",
    )
