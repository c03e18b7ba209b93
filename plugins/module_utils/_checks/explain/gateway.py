# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A gateway that cannot be reached: class, status, pods, address, listeners, certificates, routes, backends. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..._errors import BadInput
from ..model import counted
from ..policy.scene import GATEWAY, GATEWAY_CLASS, GATEWAY_NAME, ISTIO_GATEWAY, ROUTES
from ..policy.view import parents
from ..snapshot import Obj, Undecided, dig, labels_of, meta, name_of, namespace_of, ref
from .connected import connected_steps
from .gateway_address import is_pending, pending_step, remedy
from .gateway_backends import backend_steps, route_steps, waypoint_role
from .gateway_istio import istio_gateway_steps
from .model import Place, Step
from .sight import Sight, guarded, is_ready, some

_EXISTS, _CLASS = "The Gateway", "Its class"
_STATUS = {"Accepted": "Accepted by istiod", "Programmed": "Programmed by istiod"}
# Of the conditions of a listener, those that say most come first.
_TELLING = ("ResolvedRefs", "Conflicted", "Accepted", "Programmed")
_PODS, _ADDRESS, _LISTENERS = "Its pods", "Its address", "Its listeners"


def gateway_steps(sight: Sight, place: Place) -> list[Step]:
    """A Gateway of the Gateway API, or one of Istio's; BadInput when there is neither."""
    mine = (
        sight.scene.get(GATEWAY, place.namespace, place.name) if place.kind != "Gateway.networking.istio.io" else None
    )
    if mine is not None:
        return [
            Step("gateway", _EXISTS, "ok", f"{ref(mine)} (gateway.networking.k8s.io) is there.", (ref(mine),)),
            *_steps(sight, mine),
        ]
    istio = sight.scene.get(ISTIO_GATEWAY, place.namespace, place.name)
    if istio is not None:
        return [
            Step("gateway", _EXISTS, "ok", f"{ref(istio)} (networking.istio.io) is there.", (ref(istio),)),
            *istio_gateway_steps(sight, istio),
        ]
    if not (sight.scene.knows(GATEWAY, place.namespace) and sight.scene.knows(ISTIO_GATEWAY, place.namespace)):
        raise Undecided(sight.unread(GATEWAY, place.namespace) or sight.unread(ISTIO_GATEWAY, place.namespace))
    names = [ref(one).partition(" ")[2] for kind in (GATEWAY, ISTIO_GATEWAY) for one in sight.scene.all(kind)]
    raise BadInput(
        f"`explain.gateway` names {place}, and there is no Gateway of that name, of either group.",
        hint=f"There are {some(sorted(set(names)), 8)}." if names else "There is no Gateway at all.",
    )


def _steps(sight: Sight, gateway: Obj) -> list[Step]:
    steps = guarded("class", _CLASS, lambda: _class(sight, gateway))
    if not sight.scene.is_waypoint(gateway):
        # That the Gateway is not accepted often comes of its listeners, and says less.
        steps += guarded("listeners", _LISTENERS, lambda: _listeners(gateway))
    steps += _status(gateway)
    steps += guarded("pods", _PODS, lambda: _pods(sight, gateway))
    steps += guarded("address", _ADDRESS, lambda: _address(sight, gateway))
    if sight.scene.is_waypoint(gateway):
        return steps + guarded("waypoint", "What it is a waypoint for", lambda: waypoint_role(sight, gateway))
    routes = list(routes_of(sight, gateway))
    steps += guarded("routes", "Its routes", lambda: route_steps(sight, gateway, routes))
    steps += guarded("backends", "Backends", lambda: backend_steps(sight, gateway, routes))
    return steps


def routes_of(sight: Sight, gateway: Obj) -> Iterator[Obj]:
    """The routes that name a Gateway as a parent, accepted or not."""
    wanted = (GATEWAY, namespace_of(gateway), name_of(gateway))
    for kind in ROUTES:
        for route in sight.scene.all(kind):
            if any(one[:3] == wanted for one in parents(route)):
                yield route


def _class(sight: Sight, gateway: Obj) -> Iterator[Step]:
    name = str(dig(gateway, "spec", "gatewayClassName") or "")
    if not sight.scene.knows(GATEWAY_CLASS):
        return
    found = next((one for one in sight.scene.all(GATEWAY_CLASS) if name_of(one) == name), None)
    names = sorted(name_of(one) for one in sight.scene.all(GATEWAY_CLASS))
    if found is None:
        yield Step(
            "class",
            _CLASS,
            "broken",
            f"There is no GatewayClass {name}: nobody makes this Gateway.",
            (ref(gateway),),
            (f"classes there are: {some(names, 8) or 'none'}",),
            "Set gatewayClassName: istio (istio-waypoint for waypoints). istiod makes its classes where the CRDs are.",
        )
        return
    controller = str(dig(found, "spec", "controllerName") or "")
    if not controller.startswith("istio.io/"):
        yield Step(
            "class",
            _CLASS,
            "warning",
            f"GatewayClass {name} belongs to {controller}, not to Istio: what follows is that controller's matter.",
            (ref(gateway), f"GatewayClass {name}"),
        )
    else:
        yield Step("class", _CLASS, "ok", f"GatewayClass {name} is Istio's ({controller}).", (f"GatewayClass {name}",))


def _status(gateway: Obj) -> Iterator[Step]:
    conditions = {str(one.get("type")): one for one in dig(gateway, "status", "conditions") or ()}
    for name, meaning in (("Accepted", "accepted"), ("Programmed", "programmed")):
        found = conditions.get(name)
        if found is None or found.get("status") == "Unknown":
            yield Step(
                name.lower(),
                _STATUS[name],
                "broken",
                f"No istiod has {meaning} the Gateway: it waits for a controller.",
                (ref(gateway),),
                (f"{name} {(found or {}).get('message') or 'is not there'}",),
                "See that istiod runs, serves the Gateway API (check MW0025), and that the label istio.io/rev names "
                "one that is there.",
            )
        elif found.get("status") != "True":
            yield Step(
                name.lower(),
                _STATUS[name],
                "broken",
                f"The Gateway is not {meaning}: {found.get('message') or found.get('reason')}.",
                (ref(gateway),),
                (f"{name}=False, reason {found.get('reason')}",),
                remedy(str(found.get("reason")), gateway),
            )
        elif int(found.get("observedGeneration") or 0) < int(meta(gateway).get("generation") or 0):
            yield Step(
                name.lower(),
                _STATUS[name],
                "warning",
                f"{name} is of an older generation of the Gateway.",
                (ref(gateway),),
            )
        else:
            yield Step(name.lower(), _STATUS[name], "ok", f"istiod has {meaning} it.", (ref(gateway),))


def _pods(sight: Sight, gateway: Obj) -> Iterator[Step]:
    if dig(gateway, "spec", "addresses"):
        # Bound by hand to a Service that is there: its pods are others'.
        return
    namespace, name = namespace_of(gateway), name_of(gateway)
    pods = [sight.full(one) for one in sight.scene.pods.get(namespace, ()) if labels_of(one).get(GATEWAY_NAME) == name]
    yield from pods_ready(sight, pods, gateway, namespace, f"{GATEWAY_NAME}={name}")


def pods_ready(sight: Sight, pods: list[Obj], gateway: Obj, namespace: str, chosen: str) -> Iterator[Step]:
    """Is there a pod that answers, and does istiod serve it?"""
    if not pods:
        if not sight.snapshot.knows("pods", namespace):
            raise Undecided("pods could not be read")
        yield Step(
            "pods",
            _PODS,
            "broken",
            "No pod runs for the Gateway: nobody listens.",
            (ref(gateway),),
            (f"no pod of namespace {namespace} has {chosen}",),
            f"kubectl -n {namespace} get deployments,pods -l {chosen}; see what keeps its Deployment from making pods.",
        )
        return
    ready = [pod for pod in pods if is_ready(pod)]
    if not ready:
        yield Step(
            "pods",
            _PODS,
            "broken",
            f"None of its {counted(len(pods), 'pod')} is ready: nobody listens.",
            tuple(ref(pod) for pod in pods),
            sight.events(pods[0]),
            f"explain: pod {namespace_of(pods[0])}/{name_of(pods[0])}",
        )
        return
    yield Step(
        "pods", _PODS, "ok", f"{len(ready)} of {counted(len(pods), 'pod')} are ready.", tuple(ref(p) for p in pods)
    )
    yield from guarded("connected", "Connected to istiod", lambda: connected_steps(sight, ready[0]))


def _address(sight: Sight, gateway: Obj) -> Iterator[Step]:
    services = [
        one
        for one in sight.snapshot.items("all_services")
        if namespace_of(one) == namespace_of(gateway) and labels_of(one).get(GATEWAY_NAME) == name_of(gateway)
    ]
    addresses = [str(one.get("value")) for one in dig(gateway, "status", "addresses") or ()]
    pending = [one for one in services if is_pending(one)]
    if pending:
        yield pending_step(pending[0])
    elif addresses:
        inside = all(str(dig(one, "spec", "type")) == "ClusterIP" for one in services) and bool(services)
        yield Step(
            "address",
            _ADDRESS,
            "info" if inside and not sight.scene.is_waypoint(gateway) else "ok",
            f"It is reached at {some(addresses)}{', from inside the cluster only (ClusterIP)' if inside else ''}.",
            tuple(ref(one) for one in services),
        )
    else:
        yield Step(
            "address",
            _ADDRESS,
            "broken",
            "It has no address: clients have nowhere to go.",
            (ref(gateway), *(ref(one) for one in services)),
            ("status.addresses is empty",),
            f"kubectl -n {namespace_of(gateway)} get service -l {GATEWAY_NAME}={name_of(gateway)}",
        )


def _listeners(gateway: Obj) -> Iterator[Step]:
    status = {str(one.get("name")): one for one in dig(gateway, "status", "listeners") or ()}
    for listener in dig(gateway, "spec", "listeners") or ():
        name = str(listener.get("name"))
        where = f"{listener.get('protocol')} {listener.get('port')}"
        told = f"Listener {name} ({where}, {listener.get('hostname') or 'any host'})"
        told_of = (status.get(name) or {}).get("conditions") or ()
        bad = sorted(
            (one for one in told_of if (one.get("type") == "Conflicted") is (one.get("status") == "True")),
            key=lambda one: _TELLING.index(one["type"]) if one.get("type") in _TELLING else len(_TELLING),
        )
        secrets = [str(one.get("name")) for one in dig(listener, "tls", "certificateRefs") or ()]
        if bad:
            yield Step(
                "listeners",
                _LISTENERS,
                "broken",
                f"{told} does not work: {bad[0].get('message') or bad[0].get('reason')}.",
                (ref(gateway), *(f"Secret {namespace_of(gateway)}/{one}" for one in secrets)),
                tuple(f"{one.get('type')}={one.get('status')}, reason {one.get('reason')}" for one in bad),
                _listenerremedy(str(bad[0].get("reason"))),
            )
        elif name not in status:
            yield Step(
                "listeners", _LISTENERS, "info", f"{told}: no controller has said anything of it yet.", (ref(gateway),)
            )
        else:
            tls = f", certificate of Secret {some(secrets)}" if secrets else ""
            yield Step("listeners", _LISTENERS, "ok", f"{told} is served{tls}.", (ref(gateway),))


def _listenerremedy(reason: str) -> str:
    return {
        "InvalidCertificateRef": "Make that Secret (type kubernetes.io/tls), or correct certificateRefs.",
        "RefNotPermitted": "Apply a ReferenceGrant in the Secret's namespace: from Gateway, to Secret.",
        "ProtocolConflict": "Two listeners share a port with different protocols: give each its own.",
        "HostnameConflict": "Two listeners have the same port and hostname: merge them.",
    }.get(reason, "Correct the listener as the message says.")
