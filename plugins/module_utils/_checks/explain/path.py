# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The way from a client to a Service, in the order in which a request meets what may stop it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..policy.scene import Waypoint
from ..skew import workload_of
from ..snapshot import Obj, namespace_of, ref
from .admission import admission_steps, for_pod, for_waypoint, token_steps
from .client import OUTSIDE, Client, client_of
from .decision import Who
from .exposure import client_of_gateway, exposure_steps, gateways_before
from .model import Place, Step
from .mtls import mtls_steps, with_identity
from .network import network_steps
from .passage import Passage, waypoint_steps
from .pod import pod_in_short
from .routing import routing_steps
from .server import Server, server_steps
from .sight import Sight, Workload, guarded

# What may stop one client and not another.
_BETWEEN = ("network", "mtls", "authorization", "authorization-waypoint")


def path_steps(sight: Sight, source: Place | None, target: Place) -> list[Step]:
    """All steps of the way; without a source from outside of the mesh, and by the gateways that expose the Service."""
    steps: list[Step] = []
    client, server = OUTSIDE, Server()
    if source is not None:
        work = sight.workload(source, "from")
        client = client_of(sight, work)
        steps += guarded("client", "The client", lambda: pod_in_short(sight, work, "client", "The client"))
    steps += guarded("service", "The Service", lambda: server_steps(sight, target, server))
    if server.service is None:
        return steps
    service = server.service
    if server.pods:
        steps += guarded("server", "The server", lambda: _server(sight, server))
    exposed = source is None and bool(gateways_before(sight, service))
    steps += way(sight, client, server, exposed=exposed)
    if source is None:
        steps += guarded("exposed", "Ways in from outside", lambda: _from_gateways(sight, server))
        steps += guarded("exposed", "Ways in from outside", lambda: exposure_steps(sight, service))
    return steps


def way(sight: Sight, client: Client, server: Server, *, exposed: bool = False) -> list[Step]:
    """What is between a client and a Service that is there: NetworkPolicies, waypoint, mTLS, policies, routes."""
    service, pod, passage = server.service, server.pod, Passage()
    if service is None:
        return []
    steps = guarded("waypoint", "The Service's waypoint", lambda: _passage(sight, client, service, server, passage))
    if pod is not None:
        sender = _sender(sight, client, passage)
        steps += guarded("network", "NetworkPolicies", lambda: network_steps(sight, sender, pod, server.number))
        steps += guarded(
            "mtls", "mTLS", lambda: mtls_steps(sight, client, server, waypoint=passage.used, exposed=exposed)
        )
    steps += guarded("authorization", "Authorization", lambda: _admission(sight, client, server, passage, exposed))
    steps += guarded("route", "The route chosen", lambda: routing_steps(sight, client, server, passage))
    return steps


def _from_gateways(sight: Sight, server: Server) -> Iterator[Step]:
    """What keeps the gateways that lead to a Service from reaching it."""
    for gateway, _routes in gateways_before(sight, server.service or {}):
        client = client_of_gateway(sight, gateway)
        for step in way(sight, client, server):
            if step.status == "broken" and step.id in _BETWEEN:
                yield replace(step, id=f"gateway.{step.id}", title=f"{ref(gateway)} to the Service: {step.title}")


def _server(sight: Sight, server: Server) -> list[Step]:
    """The pods of the Service, by workload, each with what is wrong with it."""
    groups: dict[str, list[Obj]] = {}
    for pod in server.pods:
        groups.setdefault(workload_of(pod), []).append(pod)
    found: list[Step] = []
    for label, pods in groups.items():
        work = Workload(label, namespace_of(pods[0]), tuple(pods))
        found += pod_in_short(sight, work, "server", "The server")
    return found


def _passage(sight: Sight, client: Client, service: Obj, server: Server, passage: Passage) -> Iterator[Step]:
    if any(sight.mode(pod) == "ambient" for pod in server.pods) or sight.scene.waypoint_of(service) is not None:
        yield from waypoint_steps(sight, client, service, passage)


def _sender(sight: Sight, client: Client, passage: Passage) -> Client:
    """Whose connection reaches the server: the waypoint's, where there is one on the way."""
    if not passage.used or passage.named is None:
        return client
    return waypoint_client(sight, passage.named)


def waypoint_client(sight: Sight, named: Waypoint) -> Client:
    """A waypoint as a client of what is behind it: its service account has its name."""
    pods = [one for one in sight.scene.pods.get(named.namespace, ()) if _is_gateway(one, named)]
    return Client(f"the waypoint {named}", "gateway", named.namespace, named.name, pods[0] if pods else None, True)


def _is_gateway(pod: Obj, named: Waypoint) -> bool:
    labels = pod.get("metadata", {}).get("labels") or {}
    return bool(labels.get("gateway.networking.k8s.io/gateway-name") == named.name)


def _admission(sight: Sight, client: Client, server: Server, passage: Passage, exposed: bool) -> Iterator[Step]:
    pod, service = server.pod, server.service
    if service is None:
        return
    domain = sight.trust_domain
    if passage.used and passage.named is not None:
        yield from admission_steps(
            sight,
            for_waypoint(sight, service, passage.named),
            _who(client, domain, 0),
            client.told,
            "waypoint",
            (f"Gateway {passage.named}",),
            "authorization-waypoint",
            passage.named.namespace,
        )
    if pod is not None and sight.mode(pod) != "none" and not (client is OUTSIDE and exposed):
        sender = _sender(sight, client, passage)
        place = {"ambient": "ztunnel", "sidecar": "sidecar"}.get(sight.mode(pod), "gateway")
        who = _who(_plain(sight, sender, server), domain, server.number)
        yield from admission_steps(
            sight, for_pod(sight, pod), who, sender.told, place, (ref(pod),), "authorization", namespace_of(pod)
        )
    yield from token_steps(sight, pod, service, passage.named if passage.used else None)


def _plain(sight: Sight, client: Client, server: Server) -> Client:
    """The client as the server sees it: without an identity where plain text reaches it."""
    if not client.in_mesh or with_identity(sight, client, server):
        return client
    return Client(client.told, "none", "", "", client.pod)


def _who(client: Client, domain: str, port: int) -> Who:
    return Who(client.identity(domain), client.namespace if client.in_mesh else "", client.account, port, domain)
