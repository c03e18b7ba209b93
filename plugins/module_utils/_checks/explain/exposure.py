# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""How a Service is reached from outside of the mesh: by which gateways and routes, by an Ingress, by port-forward."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from .. import selectors
from ..policy.scene import GATEWAY, GATEWAY_NAME, INGRESS, ISTIO_GATEWAY, ROUTES, VIRTUAL_SERVICE
from ..policy.traffic import gateway_name
from ..policy.view import MESH, parents
from ..snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from . import gateway_istio
from .client import Client
from .gateway import gateway_steps
from .gateway_backends import backend_services
from .model import Place, Step
from .sight import Sight, account_of, some

_TITLE = "Ways in from outside"


def gateways_before(sight: Sight, service: Obj) -> list[tuple[Obj, list[Obj]]]:
    """The gateways that lead to a Service, each with the routes that do."""
    key = (namespace_of(service), name_of(service))
    found: dict[tuple[str, str, str], list[Obj]] = defaultdict(list)
    for kind in ROUTES:
        for route in sight.scene.all(kind):
            if key in backend_services([route]):
                for parent in dict.fromkeys(one[:3] for one in parents(route)):
                    found[parent].append(route)
    for route in sight.scene.all(VIRTUAL_SERVICE):
        named = [str(name) for name in dig(route, "spec", "gateways") or () if name != MESH]
        if named and key in gateway_istio.backends_of([route]):
            for name in named:
                found[(ISTIO_GATEWAY, *gateway_name(name, namespace_of(route)))].append(route)
    ways = []
    for (kind, namespace, name), routes in found.items():
        gateway = sight.scene.get(kind, namespace, name) if kind in (GATEWAY, ISTIO_GATEWAY) else None
        if gateway is not None and not (kind == GATEWAY and sight.scene.is_waypoint(gateway)):
            ways.append((gateway, routes))
    return ways


def client_of_gateway(sight: Sight, gateway: Obj) -> Client:
    """A gateway as a client of what it leads to."""
    if str(gateway.get("apiVersion", "")).startswith("networking.istio.io"):
        chosen, spaces = dict(dig(gateway, "spec", "selector") or {}), list(sight.scene.pods)
    else:
        chosen, spaces = {GATEWAY_NAME: name_of(gateway)}, [namespace_of(gateway)]
    pods = [
        one for space in spaces for one in sight.scene.pods.get(space, ()) if selectors.selects(chosen, labels_of(one))
    ]
    if not pods:
        return Client(ref(gateway), "gateway", namespace_of(gateway))
    pod = sight.full(pods[0])
    return Client(ref(gateway), "gateway", namespace_of(pod), account_of(pod), pod)


def exposure_steps(sight: Sight, service: Obj) -> Iterator[Step]:
    """Each way in, with what is broken of its gateway; else that there is none, and how to come in all the same."""
    ways = gateways_before(sight, service)
    for gateway, routes in ways:
        kind = (
            "" if str(gateway.get("apiVersion", "")).startswith("gateway.networking") else "Gateway.networking.istio.io"
        )
        steps = gateway_steps(sight, Place(namespace_of(gateway), name_of(gateway), kind))
        mine = {ref(one) for one in routes}
        hosts = [str(one) for route in routes for one in (*_hosts(route),)]
        broken = [one for one in steps if one.status in ("broken", "warning") and _concerns(one, mine, service)]
        for one in broken:
            yield replace(one, id=f"gateway.{one.id}", title=f"{ref(gateway)}: {one.title}")
        if not any(one.status == "broken" for one in broken):
            yield Step(
                "exposed",
                _TITLE,
                "ok",
                f"{ref(gateway)} leads to it by {some(sorted(mine))}, for {some(hosts) or 'every host'}.",
                (ref(gateway), *sorted(mine)),
            )
    ingresses = [ref(one) for one in sight.scene.all(INGRESS) if _leads(one, service)]
    if ingresses:
        yield Step(
            "exposed",
            _TITLE,
            "info",
            f"{some(ingresses)} lead to it too, by a controller that may be outside of the mesh.",
            tuple(ingresses),
        )
    port = next((one.get("port") for one in dig(service, "spec", "ports") or ()), "PORT")
    forward = f"kubectl -n {namespace_of(service)} port-forward svc/{name_of(service)} {port}:{port}"
    outside = dig(service, "spec", "type") in ("LoadBalancer", "NodePort")
    if not ways and not ingresses and not outside:
        yield Step(
            "exposed",
            _TITLE,
            "info",
            f"No gateway leads to it: it is reached from inside the cluster only, or by {forward}.",
            (ref(service),),
            (),
            "To expose it, apply an HTTPRoute to a Gateway (intents of meshwright.istio.mesh_policy do so).",
        )
    else:
        yield Step("forward", "By port-forward", "info", f"Past all gateways and policies: {forward}.", (ref(service),))


def _hosts(route: Obj) -> list[str]:
    return list(dig(route, "spec", "hostnames") or dig(route, "spec", "hosts") or ())


def _concerns(step: Step, routes: set[str], service: Obj) -> bool:
    """Whether what is wrong with a gateway is about this Service: not other routes and other backends."""
    kind = step.id.partition("-")[0]
    if kind == "routes":
        return any(label in routes for label in step.objects)
    return kind != "backends" or ref(service) in step.objects


def _leads(ingress: Obj, service: Obj) -> bool:
    if namespace_of(ingress) != namespace_of(service):
        return False
    names = [dig(ingress, "spec", "defaultBackend", "service", "name")]
    for rule in dig(ingress, "spec", "rules") or ():
        names += [dig(path, "backend", "service", "name") for path in dig(rule, "http", "paths") or ()]
    return name_of(service) in names
