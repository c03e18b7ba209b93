# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `security` expands to, before real webhooks, and what a real istiod says of it once it is there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents import security
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ApiError, BadInput

from ...unit.plugins.module_utils._desired.intents.security_entries import elements, forms
from ..support.modules import client
from .conftest import Policy

MANAGER = "security-test"
JWKS = '{"keys":[{"kty":"RSA","e":"AQAB","n":"xAE7eB6qugXyCAG3yhh7pkDkT65pHymX"}]}'
POD = {"app": "reviews"}
# One element for each kind of rule, all about the same pods.
FACETS: dict[str, dict[str, Any]] = {
    "caller": {"allow": [{"service_accounts": ["web", "edge/*"], "not_namespaces": ["old"]}]},
    "anybody": {"allow": [{}]},
    "address": {"allow": [{"ip_blocks": ["10.0.0.0/8"], "ports": [80]}]},
    "when": {"allow": [{"when": [{"key": "source.namespace", "values": ["web"]}]}]},
    "not-caller": {"deny": [{"not_service_accounts": ["web"], "not_ports": [80]}]},
    "closed": {"default_deny": True},
    "path": {"allow": [{"service_accounts": ["web"], "paths": ["/a", "/b/*"], "not_hosts": ["*.example.com"]}]},
    "method": {"deny": [{"methods": ["DELETE"], "ports": [80]}]},
    "remote": {"deny": [{"remote_ip_blocks": ["10.0.0.0/8"]}]},
    "header": {"deny": [{"when": [{"key": "request.headers[x]", "not_values": ["1"]}]}]},
    "token": {"jwt": {"issuer": "me", "jwks": JWKS, "claims": {"groups": ["a"], "[realm][role]": "b"}}},
    "asked": {"external_authorization": {"provider": "opa", "paths": ["/a"], "methods": ["GET"]}},
}
FIELDS: list[dict[str, Any]] = [
    {"service": "reviews", **facet, "name": name, "protect": name in ("caller", "path")}
    for name, facet in FACETS.items()
]
FIELDS += [
    {"service": "reviews", "mtls": {"mode": "strict", "ports": {"80": "permissive"}}},
    {"mesh": True, "mtls": {"mode": "permissive"}, "deny": [{"ports": [23]}]},
    {
        "gateway": "public",
        "jwt": {
            "issuer": "https://login.example.com",
            "jwks_uri": "https://login.example.com/keys",
            "audiences": ["a"],
            "from_headers": [{"name": "x-token", "prefix": "Bearer "}],
            "from_params": ["token"],
            "from_cookies": ["session"],
            "forward": True,
            "payload_header": "x-payload",
        },
    },
]


def service(namespace: str) -> dict[str, Any]:
    spec = {"selector": POD, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
    meta = {"name": "reviews", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def deployment(namespace: str) -> dict[str, Any]:
    pod = {"metadata": {"labels": POD}, "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]}}
    spec = {"selector": {"matchLabels": POD}, "template": pod}
    meta = {"name": "reviews", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def planes(namespace: str, plane: DataPlane, **more: Any) -> Planes:
    return Planes({namespace: plane}, {(namespace, "reviews"): service(namespace)}, **more)


def made(known: Planes, namespace: str, *given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects; none where they are refused."""
    try:
        entries = elements(*(dict(each, namespace=namespace) for each in given))
        return [each.obj for each in security.expand(entries, known)]
    except BadInput:
        return []


def test_the_server_takes_every_expansion(policy: Policy) -> None:
    namespace = policy.namespace()
    asking = client(policy.cluster.kubeconfig, policy.cluster.context)
    objects: dict[str, dict[str, Any]] = {}
    kinds = {
        "sidecar": DataPlane("sidecar"),
        "ambient": DataPlane("ambient"),
        "waypoint": DataPlane("ambient", f"{namespace}/waypoint"),
    }
    for name, plane in kinds.items():
        for where in (planes(namespace, plane), planes(namespace, plane, fallback=plane)):
            # The page's are of a Service with other ports, which matters only behind waypoints.
            for element in (*FIELDS, *(each for form, _said in forms() for each in form)):
                for obj in made(where, namespace, element):
                    objects[f"{name}: {obj}"] = obj
    assert len(objects) > 60, "the expansions were refused here, not there"

    def asked(obj: dict[str, Any]) -> str:
        try:
            asking.apply(obj, manager=MANAGER, dry_run=True)
        except ApiError as error:
            return str(error)
        return ""

    refused = dict(zip(objects, asking.many(asked, list(objects.values())), strict=True))
    assert not {what: why for what, why in refused.items() if why}
    # And these are refused by what answers: a schema, and a webhook.
    obj = made(planes(namespace, kinds["sidecar"]), namespace, FIELDS[0])[0]
    unknown = {**obj, "spec": {**obj["spec"], "rule": []}}
    unheard = {**obj, "spec": {**obj["spec"], "rules": [{"when": [{"key": "no.such", "values": ["a"]}]}]}}
    assert "rule" in asked(unknown) and "no.such" in asked(unheard)


def said(policy: Policy, *namespaces: str) -> dict[str, tuple[str, str, str]]:
    """Type, status and reason of the word that istiod has put on each AuthorizationPolicy, by its name."""
    deadline = time.monotonic() + 60
    while True:
        found = {}
        items = [
            each for one in namespaces for each in policy.kubectl.json("get", "authorizationpolicy", "-n", one)["items"]
        ]
        for item in items:
            for condition in (item.get("status") or {}).get("conditions") or ():
                if str(condition.get("observedGeneration")) == str(item["metadata"]["generation"]):
                    word = (condition["type"], condition["status"], condition["reason"])
                    found[item["metadata"]["name"]] = word
        if len(found) == len(items) or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def test_ztunnel_is_given_what_it_accepts_and_refused_what_it_does_not(policy: Policy) -> None:
    """Sidecars' expansions in an ambient namespace: istiod takes without reserve what ambient gets too."""
    namespace = policy.namespace("ambient")
    applied: dict[str, str] = {}
    expected: set[str] = set()
    objects: list[dict[str, Any]] = [service(namespace)]
    for name, facet in FACETS.items():
        element = {"service": "reviews", "name": name, **facet}
        for obj in made(planes(namespace, DataPlane("sidecar")), namespace, element):
            if obj["kind"] == "AuthorizationPolicy":
                applied[obj["metadata"]["name"]] = name
            objects.append(obj)
        if made(planes(namespace, DataPlane("ambient")), namespace, element):
            expected.add(name)
    policy.kubectl.apply(*objects)
    words = said(policy, namespace)
    assert words.keys() == applied.keys()
    accepted = {applied[name] for name, word in words.items() if word == ("ZtunnelAccepted", "True", "Accepted")}
    assert accepted == expected == {"caller", "anybody", "address", "when", "not-caller", "closed"}
    assert {word[2] for name, word in words.items() if applied[name] not in accepted} == {"UnsupportedValue"}


def test_a_waypoint_takes_what_is_made_for_it(policy: Policy) -> None:
    namespace, elsewhere = policy.namespace(), policy.namespace("ambient")
    waypoint = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "waypoint", "namespace": namespace, "labels": {"istio.io/waypoint-for": "service"}},
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }
    policy.kubectl.apply(waypoint, service(namespace), service(elsewhere))
    labels = ["istio.io/dataplane-mode=ambient", "istio.io/use-waypoint=waypoint"]
    policy.kubectl("label", "namespace", namespace, *labels)
    policy.kubectl.apply(deployment(namespace))
    policy.kubectl("wait", "--for=condition=Programmed", "--timeout=60s", "-n", namespace, "gateway/waypoint")
    policy.kubectl("wait", "--for=condition=Available", "--timeout=60s", "-n", namespace, "deployment", "--all")

    asked = [{"service": "reviews", **facet, "name": name, "protect": True} for name, facet in FACETS.items()]
    asked.append({"name": "all", "allow": [{"methods": ["GET"]}], "protect": True})
    policy(namespace=namespace, security=asked).ok()
    words = said(policy, namespace)
    at_waypoint = {name for name, word in words.items() if word == ("WaypointAccepted", "True", "Accepted")}
    at_pods = {name for name, word in words.items() if word == ("ZtunnelAccepted", "True", "Accepted")}
    assert at_waypoint | at_pods == words.keys()
    assert at_waypoint >= {"caller-allow", "path-allow", "not-caller-deny", "token-jwt-required", "asked-ext-authz"}
    assert at_pods == {each for each in words if each.endswith(("-protect", "-direct", "-default-deny"))}
    assert policy(namespace=namespace, security=asked).ok().result["changed"] is False

    # What is refused for want of a place to attach it, sent all the same.
    shared = DataPlane("ambient", f"{namespace}/waypoint")
    on_service = {"service": "reviews", **FACETS["path"]}
    assert not made(planes(elsewhere, shared), elsewhere, FACETS["path"])
    assert not made(planes(elsewhere, DataPlane("ambient")), elsewhere, on_service)
    (door,) = made(planes(namespace, shared), namespace, {"name": "door", **FACETS["path"]})
    door["metadata"]["namespace"] = elsewhere
    policy.kubectl.apply(door, *made(planes(elsewhere, shared), elsewhere, on_service))
    assert said(policy, elsewhere) == {
        "door-allow": ("WaypointAccepted", "False", "TargetNotFound"),
        "reviews-allow": ("WaypointAccepted", "False", "AncestorNotBound"),
    }


def test_only_what_nothing_would_enforce_is_refused(policy: Policy) -> None:
    enrolled, outside = policy.namespace("sidecar"), policy.namespace()
    policy.kubectl.apply(service(enrolled), service(outside))
    asked = [{"service": "reviews", "name": name, **facet} for name, facet in FACETS.items()]
    run = policy(security=[*({**each, "namespace": enrolled} for each in asked), {**asked[0], "namespace": outside}])
    assert run.failed
    (line,) = str(run.result["msg"]).splitlines()
    assert line.startswith(f"security[{len(FACETS)}] (caller): ") and f"namespace {outside} is not in the mesh" in line
