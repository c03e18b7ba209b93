# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pairs for policy, routing and configuration. What a genuine ztunnel makes of policy is recorded: see the tables."""

from __future__ import annotations

import json
import time
from typing import Any

from ..ground import Case, Ground, Obj, deployment, one, service

SECURITY, NETWORKING = "security.istio.io/v1", "networking.istio.io/v1"
GATEWAY_API = "gateway.networking.k8s.io/v1"
HTTP_RULES = [{"to": [{"operation": {"paths": ["/admin"]}}]}]
CLIENT_RULES = [{"from": [{"source": {"principals": ["cluster.local/ns/default/sa/web"]}}]}]
APP = {"matchLabels": {"app": "web"}}


def authorization(space: str, rules: Any, *, action: str = "ALLOW", name: str = "web", **spec: Any) -> Obj:
    body = {"action": action, "rules": rules, **(spec or {"selector": APP})}
    return one(SECURITY, "AuthorizationPolicy", space, name, body)


def virtual_service(space: str, name: str = "web", *, host: str = "web", **destination: Any) -> Obj:
    route = {"destination": {"host": host, **destination}}
    return one(NETWORKING, "VirtualService", space, name, {"hosts": [host], "http": [{"route": [route]}]})


def captured(ground: Ground) -> None:
    ground.apply(deployment(ground.namespace("ambient")), service(ground.space))


def injected(ground: Ground) -> None:
    ground.apply(deployment(ground.namespace("sidecar")), service(ground.space))


def allows_http(ground: Ground) -> None:
    ground.apply(authorization(ground.space, HTTP_RULES))


def allows_client(ground: Ground) -> None:
    ground.apply(authorization(ground.space, CLIENT_RULES))


def denies_http(ground: Ground) -> None:
    ground.apply(authorization(ground.space, HTTP_RULES, action="DENY"))


def denies_client(ground: Ground) -> None:
    ground.apply(authorization(ground.space, CLIENT_RULES, action="DENY"))


def checks_tokens(ground: Ground) -> None:
    rules = [{"issuer": "https://tokens.example", "jwksUri": "https://tokens.example/keys"}]
    ground.apply(one(SECURITY, "RequestAuthentication", ground.space, "web", {"selector": APP, "jwtRules": rules}))


def checks_no_tokens(ground: Ground) -> None:
    ground.kubectl("-n", ground.space, "delete", "requestauthentication", "web")


def mtls(mode: str) -> Any:
    return lambda ground: ground.apply(
        one(SECURITY, "PeerAuthentication", ground.space, "web", {"mtls": {"mode": mode}})
    )


def strict(ground: Ground) -> None:
    injected(ground)
    mtls("STRICT")(ground)


def tls_of_clients(mode: str) -> Any:
    def write(ground: Ground) -> None:
        spec = {"host": "web", "trafficPolicy": {"tls": {"mode": mode}}}
        ground.apply(one(NETWORKING, "DestinationRule", ground.space, "web", spec))

    return write


# -- routing -------------------------------------------------------------------------------------------------------


def service_alone(ground: Ground) -> None:
    ground.apply(service(ground.namespace("sidecar")))


def names_subset(ground: Ground) -> None:
    ground.apply(virtual_service(ground.space, subset="v3"))


def has_subset(ground: Ground) -> None:
    spec = {"host": "web", "subsets": [{"name": "v3", "labels": {"version": "v3"}}]}
    ground.apply(one(NETWORKING, "DestinationRule", ground.space, "web", spec))


def names_host(ground: Ground) -> None:
    ground.apply(virtual_service(ground.space, host="lost"))


def has_host(ground: Ground) -> None:
    ground.apply(service(ground.space, "lost"))


def routes_twice(ground: Ground) -> None:
    ground.apply(virtual_service(ground.space, "a"), virtual_service(ground.space, "b"))


def routes_once(ground: Ground) -> None:
    ground.kubectl("-n", ground.space, "delete", "virtualservice", "b")


def routes_by_both(ground: Ground) -> None:
    parent = {"group": "", "kind": "Service", "name": "web", "port": 80}
    spec = {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}
    ground.apply(virtual_service(ground.space), one(GATEWAY_API, "HTTPRoute", ground.space, "web", spec))


def routes_by_one(ground: Ground) -> None:
    ground.kubectl("-n", ground.space, "delete", "virtualservice", "web")


def edge(space: str, name: str, host: str) -> Obj:
    server = {
        "hosts": [host],
        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
        "tls": {"mode": "SIMPLE", "credentialName": "web"},
    }
    return one(NETWORKING, "Gateway", space, name, {"selector": {"app": "web"}, "servers": [server]})


def serves_twice(ground: Ground) -> None:
    ground.apply(edge(ground.space, "a", "a.example"), edge(ground.space, "b", "a.example"))


def serves_once(ground: Ground) -> None:
    ground.apply(edge(ground.space, "b", "b.example"))


# -- waypoints, connections ----------------------------------------------------------------------------------------


def behind_waypoint(ground: Ground) -> None:
    """An ambient workload whose waypoint carries out policy, without a client that could go round it."""
    space = ground.namespace("ambient", **{"istio.io/use-waypoint": "waypoint"})
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    gateway = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
    target = {"group": "", "kind": "Service", "name": "web"}
    ground.apply(
        one(GATEWAY_API, "Gateway", space, "waypoint", gateway),
        deployment(space),
        service(space),
        authorization(space, HTTP_RULES, action="DENY", name="admin", targetRefs=[target]),
    )
    ground.kubectl("-n", space, "wait", "gateway/waypoint", "--for=condition=Programmed", "--timeout=60s")
    ground.kubectl("-n", space, "rollout", "status", "deployment/waypoint", "--timeout=60s")


def comes_with_sidecar(ground: Ground) -> None:
    space = ground.space
    injected(ground)
    ground.space = space


def protects(ground: Ground) -> None:
    principal = f"cluster.local/ns/{ground.space}/sa/waypoint"
    rules = [{"from": [{"source": {"notPrincipals": [principal]}}]}]
    ground.apply(authorization(ground.space, rules, action="DENY", name="protect"))


def denies_later(ground: Ground) -> None:
    # Times of objects are whole seconds.
    time.sleep(1.1)
    denies_client(ground)


def restarts(ground: Ground) -> None:
    time.sleep(1.1)
    ground.kubectl("-n", ground.space, "rollout", "restart", "deployment/web")
    ground.kubectl("-n", ground.space, "rollout", "status", "deployment/web", "--timeout=60s")


# -- configuration -------------------------------------------------------------------------------------------------


def selects_nothing(ground: Ground) -> None:
    ground.apply(authorization(ground.space, CLIENT_RULES, selector={"matchLabels": {"app": "wbe"}}))


def names_port(name: str) -> Any:
    def write(ground: Ground) -> None:
        ports = [{"name": name, "port": 80, "targetPort": 8080}]
        ground.apply(service(ground.space, ports=ports))

    return write


def weight(space: str, share: int) -> Obj:
    route = [{"destination": {"host": "web"}, "weight": share}]
    return one(NETWORKING, "VirtualService", space, "web", {"hosts": ["web"], "http": [{"route": route}]})


def validators(ground: Ground, selector: Obj) -> None:
    """Let istiod's validating webhooks look at these namespaces only."""
    found = json.loads(ground.kubectl("get", "validatingwebhookconfigurations", "-o", "json"))["items"]
    for configuration in found:
        patch = [
            {"op": "replace", "path": f"/webhooks/{at}/namespaceSelector", "value": selector}
            for at, hook in enumerate(configuration["webhooks"])
            if hook["name"].endswith("validation.istio.io")
        ]
        if patch:
            name = configuration["metadata"]["name"]
            ground.kubectl("patch", "validatingwebhookconfiguration", name, "--type=json", f"-p={json.dumps(patch)}")


def unheard(ground: Ground) -> None:
    """What comes in while nobody validates."""
    others = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [ground.space]}
    validators(ground, {"matchExpressions": [others]})
    # The API server hears of it a moment later.
    ground.until(lambda: _taken(ground), "an invalid object is taken")
    validators(ground, {})


def _taken(ground: Ground) -> bool:
    try:
        ground.apply(weight(ground.space, -3))
    except AssertionError:
        return False
    return True


def valid(ground: Ground) -> None:
    ground.apply(weight(ground.space, 100))


_HTTP = "AuthorizationPolicy {space}/web has fields of HTTP"
CASES: list[Case] = [
    Case("MW0031", "allows by path", allows_http, allows_client, _HTTP, captured),
    Case(
        "MW0031",
        "checks tokens",
        checks_tokens,
        checks_no_tokens,
        "RequestAuthentication {space}/web would be checked by nobody",
        captured,
    ),
    Case("MW0032", "denies by path", denies_http, denies_client, _HTTP, captured),
    Case("MW0033", "disabled in ambient", mtls("DISABLE"), mtls("PERMISSIVE"), "{space}/web says DISABLE", captured),
    Case(
        "MW0033",
        "plain text for strict",
        tls_of_clients("DISABLE"),
        tls_of_clients("ISTIO_MUTUAL"),
        "DestinationRule {space}/web tells clients with a sidecar to send plain text",
        strict,
    ),
    Case(
        "MW0034",
        "missing subset",
        names_subset,
        has_subset,
        "VirtualService {space}/web http[0] names the subset v3",
        service_alone,
    ),
    Case(
        "MW0034",
        "missing host",
        names_host,
        has_host,
        "VirtualService {space}/web http[0] names the host lost",
        service_alone,
    ),
    Case(
        "MW0034",
        "two virtual services",
        routes_twice,
        routes_once,
        "VirtualService {space}/a and {space}/b are for the same host",
        service_alone,
    ),
    Case(
        "MW0034",
        "both kinds of routes",
        routes_by_both,
        routes_by_one,
        "routes for web.{space}.svc.cluster.local, and so does",
        service_alone,
    ),
    Case(
        "MW0034",
        "servers that share a host",
        serves_twice,
        serves_once,
        "and {space}/b have more than one server for port 443",
        injected,
    ),
    Case(
        "MW0049",
        "a client with a sidecar",
        comes_with_sidecar,
        protects,
        "AuthorizationPolicy {space}/admin is carried out by waypoint {space}/waypoint alone",
        behind_waypoint,
        severity="warning",
    ),
    Case(
        "MW0051",
        "denied after the start",
        denies_later,
        restarts,
        "AuthorizationPolicy {space}/web was written after pods of",
        captured,
        severity="info",
    ),
    Case(
        "MW0052",
        "a wrong label",
        selects_nothing,
        allows_client,
        "AuthorizationPolicy {space}/web selects app=wbe",
        injected,
        severity="warning",
    ),
    Case(
        "MW0053",
        "a name without protocol",
        names_port("web"),
        names_port("http-web"),
        "Service {space}/web has ports whose protocol",
        service_alone,
        severity="info",
    ),
    Case(
        "MW0054",
        "a negative weight",
        unheard,
        valid,
        "VirtualService {space}/web would be refused by istiod: http[0] has weight -3",
        service_alone,
        mesh=True,
    ),
]
