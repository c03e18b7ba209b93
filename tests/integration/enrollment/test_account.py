# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The enforcement account against what a real istiod sends to each sidecar, waypoint and ztunnel."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy import scene as kinds_of
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account import account, enforcers
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import View
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.istiod_debug import ready_istiods
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.scene import read_scene
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.wanted import Wanted
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import (
    NARROWED_ANNOTATION,
    TLS_MODE,
    TLS_MODE_LABEL,
    TRANSLATED_ANNOTATION,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.portforward import pod_get

from ..harness.support import eventually
from ..support import xds
from .conftest import Enrollment, workload

Obj = dict[str, Any]
Sent = dict[str, dict[str, set[str]]]
"""Which proxies have which policy for which pod: by pod and policy, both `namespace/name`."""
STRICTNESS = "STRICT"
SECRET = {"to": [{"operation": {"paths": ["/secret"]}}]}
PORT = {"to": [{"operation": {"ports": ["9090"]}}]}
FRIEND = {"from": [{"source": {"principals": ["cluster.local/ns/default/sa/friend"]}}]}
WITH_PROXY = {TLS_MODE_LABEL: TLS_MODE}
INJECTED = {"sidecar.istio.io/inject": "true"}
SYSTEM = "istio-system"
READ = {
    kinds_of.NAMESPACE,
    kinds_of.GATEWAY_POD,
    kinds_of.SERVICE,
    kinds_of.AUTHORIZATION,
    kinds_of.PEER_AUTHENTICATION,
    kinds_of.REQUEST_AUTHENTICATION,
    kinds_of.WASM_PLUGIN,
    kinds_of.GATEWAY,
}


def policy(namespace: str, name: str, *rules: Obj, action: str = "DENY", notes: Obj | None = None, **spec: Any) -> Obj:
    meta = {"name": name, "namespace": namespace, "annotations": notes or {}}
    body = {"action": action, "rules": list(rules or (SECRET,)), **spec}
    return {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": body}


def labels(**found: str) -> Obj:
    return {"selector": {"matchLabels": found}}


def target(*names: str, kind: str = "Service") -> Obj:
    group = "gateway.networking.k8s.io" if kind == "Gateway" else ""
    return {"targetRefs": [{"group": group, "kind": kind, "name": name} for name in names]}


def waypoint(namespace: str, name: str = "waypoint", serves: str = "service", taken_from: str = "Same") -> Obj:
    routes = {"namespaces": {"from": taken_from}}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace, "labels": {"istio.io/waypoint-for": serves}},
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE", "allowedRoutes": routes}],
        },
    }


def pods_of(namespace: str, name: str, more: Obj | None = None, *, service: Obj | None = None) -> list[Obj]:
    """A workload of one pod with these labels more; `service` are those of its Service."""
    deployment, before = workload(namespace, name, replicas=1, labels=more or {})
    before["metadata"] = {**before["metadata"], "labels": service or {}}
    return [deployment, before]


def tokens(namespace: str, name: str, **spec: Any) -> Obj:
    """A RequestAuthentication, whose issuer tells it in what is sent."""
    rule = {"issuer": f"https://{name}.{namespace}.example", "jwks": '{"keys":[]}'}
    meta = {"name": name, "namespace": namespace}
    kind = {"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": meta}
    return {**kind, "spec": {"jwtRules": [rule], **spec}}


def plugin(namespace: str, name: str, **spec: Any) -> Obj:
    meta = {"name": name, "namespace": namespace}
    kind = {"apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin", "metadata": meta}
    return {**kind, "spec": {"url": "oci://registry.example/filter:1", **spec}}


def strict(namespace: str, name: str = "default", mode: str = "STRICT", ports: Obj | None = None, **spec: Any) -> Obj:
    meta = {"name": name, "namespace": namespace}
    body = {"mtls": {"mode": mode}, **({"portLevelMtls": ports} if ports else {}), **spec}
    return {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": meta, "spec": body}


def kept_account(view: View, spaces: list[str]) -> Sent:
    """What the account says."""
    found: Sent = {}
    for one in view.scene.all(kinds_of.AUTHORIZATION):
        for pod, proxies in enforcers(view, one).items():
            if pod.partition("/")[0] in spaces:
                found.setdefault(pod, {})[f"{one['metadata']['namespace']}/{one['metadata']['name']}"] = set(proxies)
    for one in view.scene.all(kinds_of.PEER_AUTHENTICATION):
        for pod, proxies in enforcers(view, one).items():
            if pod.partition("/")[0] in spaces and "ztunnel" in proxies:
                found.setdefault(pod, {})[STRICTNESS] = {"ztunnel"}
    return found


def really_sent(client: Client, view: View, spaces: list[str], waypoints: list[str]) -> Sent:
    """What istiod sent, by the dumps of the proxies. LookupError while one is not connected or a pod is not known."""
    found: Sent = {}

    def add(pod: str, policies: Iterable[str], proxy: str) -> None:
        for name in policies:
            # What istiod makes of PeerAuthentications for ztunnel has names that no policy can have.
            told = STRICTNESS if "/istio_converted_static_" in name or "/converted_peer_" in name else name
            found.setdefault(pod, {}).setdefault(told, set()).add(proxy)

    dump = xds.ztunnel_dump(client, SYSTEM, xds.ready_ztunnel(client))
    dumps = {}
    for place in waypoints:
        home, _slash, gateway = place.partition("/")
        (runs,) = view.scene.selected(home, {kinds_of.GATEWAY_NAME: gateway})
        dumps[place] = xds.policies_by_chain(client, home, runs["metadata"]["name"])
    for space in spaces:
        for pod in view.scene.pods[space]:
            name, mode = pod["metadata"]["name"], view.scene.enrolled(pod)
            if mode == "sidecar":
                add(f"{space}/{name}", xds.proxy_policies(client, space, name), "sidecar")
            elif mode == "ambient":
                add(f"{space}/{name}", xds.policies_on(dump, space, name), "ztunnel")
            hosts = tuple(
                f"|{one['metadata']['name']}.{space}.svc.cluster.local" for one in view.scene.services_of(pod)
            )
            for place, chains in dumps.items():
                gateway = place.partition("/")[2]
                # A pod without a Service is called by its own address.
                direct = not hosts and pod["metadata"]["labels"].get(kinds_of.USE_WAYPOINT) == gateway
                mine = [by for chain, by in chains.items() if chain.endswith(hosts) or (direct and "direct" in chain)]
                add(f"{space}/{name}", set().union(*mine), f"waypoint {place}")
    return found


def filters_kept(view: View, spaces: list[str]) -> dict[str, set[str]]:
    """RequestAuthentications and WasmPlugins by the sidecar (its pod) or waypoint that the account says has them."""
    found: dict[str, set[str]] = {}
    for kind in (kinds_of.REQUEST_AUTHENTICATION, kinds_of.WASM_PLUGIN):
        for one in view.scene.all(kind):
            for pod, proxies in enforcers(view, one).items():
                for proxy in proxies if pod.partition("/")[0] in spaces else ():
                    name = f"{one['metadata']['namespace']}/{one['metadata']['name']}"
                    found.setdefault(pod if proxy == "sidecar" else proxy, set()).add(name)
    return found


def filters_sent(client: Client, view: View, spaces: list[str]) -> dict[str, set[str]]:
    """The same as istiod sent it."""
    found = {}
    for space in spaces:
        for pod in view.scene.pods[space]:
            name, gateway = pod["metadata"]["name"], pod["metadata"]["labels"].get(kinds_of.GATEWAY_NAME)
            if gateway or view.scene.enrolled(pod) == "sidecar":
                found[f"waypoint {space}/{gateway}" if gateway else f"{space}/{name}"] = _filters(client, space, name)
    return {proxy: names for proxy, names in found.items() if names}


def _filters(client: Client, namespace: str, pod: str) -> set[str]:
    """By the issuers of tokens, and by the names that istiod gives to plugins, in all that it sent."""
    query = {"proxyID": f"{pod}.{namespace}"}
    names = [istiod["metadata"]["name"] for istiod in ready_istiods(client, SYSTEM)]
    asked = (
        pod_get(client, SYSTEM, name, 15014, "/debug/config_dump", query=query, deadline=Deadline(30)) for name in names
    )
    answer = next(one for one in asked if one.status == 200)
    issuers = re.findall(r"https://([a-z-]+)\.(enroll-[0-9a-f]+)\.example", answer.text)
    plugins = re.findall(r"/(?:wasmplugin|trafficextension)/(enroll-[0-9a-f]+)\.([a-z-]+)", answer.text)
    return {f"{home}/{one}" for one, home in issuers} | {f"{home}/{one}" for home, one in plugins}


def test_the_account_is_what_istiod_sends(enrollment: Enrollment) -> None:
    sides, captured = enrollment.namespace("sidecar"), enrollment.namespace("ambient")
    behind = enrollment.namespace("ambient", **{"istio.io/use-waypoint": "waypoint"})
    spaces = [sides, captured, behind]
    shared = {"istio.io/use-waypoint": "waypoint", "istio.io/use-waypoint-namespace": behind}
    lone, _service = pods_of(behind, "lone", {"istio.io/use-waypoint": "every"})
    enrollment.kubectl.apply(
        waypoint(behind, taken_from="All"),
        waypoint(behind, "every", serves="all"),
        waypoint(behind, "next"),
        # By selector, for sidecars.
        policy(sides, "whole"),
        policy(sides, "web-only", FRIEND, action="ALLOW", **labels(app="web")),
        policy(sides, "audited", action="AUDIT"),
        policy(sides, "rehearsed", notes={"istio.io/dry-run": "true"}),
        policy(sides, "narrowed", **labels(app="web", **WITH_PROXY)),
        policy(sides, "targets-web", **target("web")),
        tokens(sides, "tokens"),
        plugin(sides, "filter"),
        *pods_of(sides, "web"),
        # For captured pods, and one with a sidecar among them.
        policy(captured, "l4", PORT),
        policy(captured, "l7", **labels(app="web")),
        policy(captured, "l7-allow", action="ALLOW", **labels(app="web")),
        policy(captured, "narrowed", **labels(**WITH_PROXY)),
        policy(captured, "audited", action="AUDIT"),
        policy(captured, "targets-web", **target("web")),
        policy(captured, "targets-shared", **target("shared")),
        policy(captured, "targets-elsewhere", **target("waypoint", kind="Gateway")),
        strict(captured),
        strict(captured, "ports", mode="UNSET", ports={"9090": {"mode": "PERMISSIVE"}}, **labels(app="web")),
        strict(captured, "lenient", mode="PERMISSIVE", **labels(app="shared")),
        *pods_of(captured, "web"),
        *pods_of(captured, "plain"),
        *pods_of(captured, "old", INJECTED),
        *pods_of(captured, "shared", service=shared),
        # Behind waypoints.
        policy(behind, "l4", PORT, **labels(app="web")),
        policy(behind, "l7", **labels(app="web")),
        policy(behind, "narrowed", notes={NARROWED_ANNOTATION: json.dumps(None)}, **labels(**WITH_PROXY)),
        policy(behind, "twin", notes={TRANSLATED_ANNOTATION: "AuthorizationPolicy/narrowed"}, **target("web", "old")),
        policy(behind, "targets-aside", **target("aside")),
        policy(behind, "for-all", FRIEND, action="ALLOW", **target("waypoint", kind="Gateway")),
        policy(behind, "for-every", **target("every", kind="Gateway")),
        policy(behind, "for-next", **target("next", kind="Gateway")),
        policy(behind, "targets-canary", **target("canary")),
        tokens(behind, "tokens-of-web", **target("web")),
        tokens(behind, "tokens-of-old", **labels(app="old")),
        plugin(behind, "filter-of-web", **target("web")),
        plugin(behind, "filter-of-captured", **labels(app="aside")),
        *pods_of(behind, "web"),
        *pods_of(behind, "aside", service={"istio.io/use-waypoint": "none"}),
        *pods_of(behind, "old", INJECTED),
        *pods_of(behind, "canary", service={"istio.io/use-waypoint-canary": "next"}),
        *pods_of(behind, "direct", service={"istio.io/use-waypoint": "every"}),
        lone,
    )
    gateways = "gateways.gateway.networking.k8s.io"
    enrollment.kubectl("-n", behind, "wait", "--for=condition=Programmed", "--timeout=60s", gateways, "--all")
    for space in spaces:
        enrollment.kubectl("-n", space, "wait", "--for=condition=Available", "--timeout=60s", "deployments", "--all")
    client = enrollment.client(120)

    def look() -> View | None:
        """What there is, once every pod is captured or injected."""
        scene, _unread = read_scene(client, Wanted(READ, set(spaces)), spaces, root=SYSTEM)
        every = [scene.enrolled(pod) for space in spaces for pod in scene.pods[space]]
        return View(scene) if "none" not in every else None

    view = eventually("all pods captured or injected", look)
    said = kept_account(view, spaces)
    waypoints = [f"{behind}/waypoint", f"{behind}/every", f"{behind}/next"]
    sent: Sent = {}
    differing: dict[str, Any] | None = None
    for _attempt in range(20):
        try:
            sent = really_sent(client, view, spaces, waypoints)
        except (LookupError, KeyError) as error:  # A proxy is not connected yet, or a pod not known.
            differing = {"": str(error)}
        else:
            pods = {*said, *sent}
            differing = {pod: (said.get(pod), sent.get(pod)) for pod in pods if said.get(pod) != sent.get(pod)}
        if not differing:
            break
        time.sleep(1)
    assert not differing, "what the account says, and what was sent"

    said_of_filters = filters_kept(view, spaces)
    assert filters_sent(client, view, spaces) == said_of_filters
    names = {name.partition("/")[2] for found in said_of_filters.values() for name in found}
    assert names == {"tokens", "tokens-of-web", "tokens-of-old", "filter", "filter-of-web"}

    # What moves rely on: by this label a policy is for pods with a sidecar, and for no other.
    for space in spaces:
        having = {
            pod.partition("/")[2].rpartition("-")[0].rpartition("-")[0]: proxies[f"{space}/narrowed"]
            for pod, proxies in sent.items()
            if f"{space}/narrowed" in proxies
        }
        assert having == {"web" if space == sides else "old": {"sidecar"}}
    assert {
        (row.workload.rpartition("/")[2], row.client): row.by or row.verdict
        for row in account(view, [behind])
        if row.policy == f"AuthorizationPolicy {behind}/narrowed"
    } == {
        ("aside", "ambient"): "gap",
        ("aside", "sidecar"): "gap",
        ("aside", "outside"): "gap",
        ("canary", "ambient"): "gap",
        ("canary", "sidecar"): "gap",
        ("canary", "outside"): "gap",
        ("direct", "ambient"): "gap",
        ("direct", "sidecar"): "gap",
        ("direct", "outside"): "gap",
        ("lone", "ambient"): "gap",
        ("lone", "sidecar"): "gap",
        ("lone", "outside"): "gap",
        ("old", "ambient"): ("sidecar", f"waypoint {behind}/waypoint"),
        ("old", "sidecar"): ("sidecar",),
        ("old", "outside"): ("sidecar",),
        ("web", "ambient"): (f"waypoint {behind}/waypoint",),
        ("web", "sidecar"): "gap",
        ("web", "outside"): "gap",
    }
