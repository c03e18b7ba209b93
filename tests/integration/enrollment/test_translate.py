# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translated policies at a real API server and a real istiod: admitted, accepted by waypoints, sent to who is meant."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy import scene as kinds_of
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Waypoint
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import View
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.policies import (
    outstanding,
    write_first,
    write_last,
    write_protection,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.scene import read_scene
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.wanted import Wanted
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.translate import (
    Translation,
    to_sidecars,
    to_waypoint,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from ..harness.support import eventually
from ..support import xds
from .conftest import Enrollment, workload

Obj = dict[str, Any]
SYSTEM = "istio-system"
READ = {
    kinds_of.NAMESPACE,
    kinds_of.GATEWAY_POD,
    kinds_of.SERVICE,
    kinds_of.SERVICE_ENTRY,
    kinds_of.AUTHORIZATION,
    kinds_of.REQUEST_AUTHENTICATION,
    kinds_of.TELEMETRY,
    kinds_of.WASM_PLUGIN,
    kinds_of.TRAFFIC_EXTENSION,
    kinds_of.GATEWAY,
}
POLICY_KINDS = "authorizationpolicies,requestauthentications,wasmplugins,telemetries.telemetry.istio.io"
WEB = {"selector": {"matchLabels": {"app": "web"}}}
GET = {"to": [{"operation": {"methods": ["GET"], "ports": ["8080"]}}]}
FRIEND = {"from": [{"source": {"principals": ["cluster.local/ns/default/sa/friend"]}}]}
STRANGERS = {"from": [{"source": {"notPrincipals": ["cluster.local/ns/default/sa/friend"]}}]}


def of(api: str, kind: str, namespace: str, name: str, **spec: Any) -> Obj:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def authorization(namespace: str, name: str, *rules: Obj, **spec: Any) -> Obj:
    return of("security.istio.io/v1", "AuthorizationPolicy", namespace, name, rules=list(rules), **spec)


def originals(namespace: str) -> list[Obj]:
    jwt = [{"issuer": "https://issuer.example", "jwks": '{"keys": []}'}]
    return [
        authorization(namespace, "gets", GET, action="ALLOW", **WEB),
        authorization(namespace, "friend", FRIEND, action="ALLOW", **WEB),
        authorization(namespace, "strangers", STRANGERS, action="DENY", **WEB),
        authorization(namespace, "paths", {"to": [{"operation": {"paths": ["/secret"]}}]}, action="DENY"),
        authorization(namespace, "asked", {}, action="CUSTOM", provider={"name": "nobody"}, **WEB),
        authorization(namespace, "audited", GET, action="AUDIT", **WEB),
        of("security.istio.io/v1", "RequestAuthentication", namespace, "tokens", jwtRules=jwt, **WEB),
        of("extensions.istio.io/v1alpha1", "WasmPlugin", namespace, "plugin", url="oci://registry.example/x:1", **WEB),
        of("telemetry.istio.io/v1", "Telemetry", namespace, "logs", accessLogging=[{"disabled": True}], **WEB),
    ]


def gateway(namespace: str) -> Obj:
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    spec = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
    return of("gateway.networking.k8s.io/v1", "Gateway", namespace, "waypoint", **spec)


def seen(client: Client, namespace: str) -> View:
    return View(read_scene(client, Wanted(READ, {namespace}), [namespace], root=SYSTEM)[0])


def last(done: Translation) -> dict[str, Obj]:
    return {edit.after["metadata"]["name"]: edit.after["spec"] for edit in done.last_edit}


def specs(enrollment: Enrollment, namespace: str) -> dict[str, Obj]:
    items = enrollment.kubectl.json("-n", namespace, "get", POLICY_KINDS)["items"]
    return {f"{one['kind']}/{one['metadata']['name']}": one["spec"] for one in items}


def accepted(enrollment: Enrollment, namespace: str, names: set[str]) -> bool:
    """Whether istiod says of each that a waypoint has it."""
    items = enrollment.kubectl.json("-n", namespace, "get", "authorizationpolicies")["items"]
    found = {
        one["metadata"]["name"]
        for one in items
        for each in (one.get("status") or {}).get("conditions") or ()
        if (each["type"], each["status"]) == ("WaypointAccepted", "True")
    }
    return names <= found


def modes(client: Client, namespace: str) -> set[str]:
    view = seen(client, namespace)
    return {str(view.scene.enrolled(pod)) for pod in view.scene.pods[namespace]} - {"gateway"}


def test_there_and_back(enrollment: Enrollment) -> None:
    namespace = enrollment.namespace("sidecar")
    waypoint = Waypoint(namespace, "waypoint")
    client = enrollment.client(120)
    enrollment.kubectl.apply(gateway(namespace), *originals(namespace))
    enrollment.deployed(namespace, *workload(namespace, "web", replicas=1))
    enrollment.kubectl(
        "-n", namespace, "wait", "--for=condition=Programmed", "gateways.gateway.networking.k8s.io/waypoint"
    )
    before = specs(enrollment, namespace)

    done = to_waypoint(seen(client, namespace), namespace, waypoint, protect=True)
    assert not done.impossible
    write_first(client, done)
    enrollment.kubectl("label", "namespace", namespace, "istio.io/use-waypoint=waypoint")
    copies = {
        one["metadata"]["name"]
        for one in done.create
        if one["kind"] == "AuthorizationPolicy" and "targetRefs" in one["spec"]
    }
    assert len(copies) == 6
    eventually("the waypoint has the copies", lambda: accepted(enrollment, namespace, copies))

    # The API server keeps all as it was written, so that a second run writes nothing.
    again = to_waypoint(seen(client, namespace), namespace, waypoint, protect=True)
    assert not again.edit and not again.impossible and again.create == done.create
    assert not outstanding(seen(client, namespace).scene, again).create
    live = specs(enrollment, namespace)
    assert {name: live[name] for name in live if name.endswith("-waypoint")} == {
        f"{one['kind']}/{one['metadata']['name']}": one["spec"] for one in done.create
    }

    enrollment.kubectl("label", "namespace", namespace, "istio.io/dataplane-mode=ambient", "istio-injection-")
    (pod,) = [one["metadata"]["name"] for one in enrollment.pods(namespace) if one["metadata"]["labels"].get("app")]
    # While it has its sidecar, that has all that was for it, and no ztunnel.
    eventually(
        "the sidecar has the narrowed ones",
        lambda: (
            {f"{namespace}/gets", f"{namespace}/paths", f"{namespace}/friend-admit-waypoint"}
            <= xds.proxy_policies(client, namespace, pod)
        ),
    )
    enrollment.kubectl("-n", namespace, "rollout", "restart", "deployment/web")
    enrollment.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s")
    eventually("the workload is captured", lambda: modes(client, namespace) == {"ambient"})
    write_protection(client, done.protection)
    write_last(client, done)
    (pod,) = [one["metadata"]["name"] for one in enrollment.pods(namespace) if one["metadata"]["labels"].get("app")]
    kept = {
        f"{namespace}/{name}" for name in ("friend", "friend-admit-waypoint", "strangers", "paths-protect-waypoint")
    }

    def at_ztunnel() -> bool:
        dump = xds.ztunnel_dump(client, SYSTEM, xds.ready_ztunnel(client))
        return xds.policies_on(dump, namespace, pod) == kept

    eventually("ztunnel has what is for it, and nothing else", at_ztunnel)

    # And back.
    home = to_sidecars(seen(client, namespace), namespace)
    assert not home.impossible
    write_first(client, home)
    enrollment.kubectl("label", "namespace", namespace, "istio-injection=enabled")
    enrollment.kubectl("-n", namespace, "rollout", "restart", "deployment/web")
    enrollment.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s")
    eventually("the workload has a sidecar", lambda: modes(client, namespace) == {"sidecar"})
    enrollment.kubectl("label", "namespace", namespace, "istio.io/dataplane-mode-", "istio.io/use-waypoint-")
    # Whoever goes on here, after the last labels, comes to the same.
    again = to_sidecars(seen(client, namespace), namespace)
    assert last(again) == last(home)
    write_last(client, home)
    assert specs(enrollment, namespace) == before
    notes = [
        one["metadata"].get("annotations") or {}
        for one in enrollment.kubectl.json("-n", namespace, "get", POLICY_KINDS)["items"]
    ]
    assert not [key for found in notes for key in found if key.startswith("meshwright.io/")]
