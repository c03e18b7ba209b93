# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guards against a real API server, a real istiod, real waypoints; pods and their capture are simulated."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import drafting, guards, rehearsal
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.findings import Finding
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.model import Document
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import PolicyIntent, Prometheus
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from ..support.embedded import Embedded
from .carrying import client_of
from .conftest import Policy

Obj = dict[str, Any]
NETWORKING, SECURITY, GATEWAY_API = "networking.istio.io/v1", "security.istio.io/v1", "gateway.networking.k8s.io/v1"
REDIRECTION = "ambient.istio.io/redirection"


def obj(api: str, kind: str, name: str, namespace: str, spec: Any) -> Obj:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def application(namespace: str, name: str, **annotations: str) -> list[Obj]:
    """A Deployment and its Service."""
    labels = {"app": name, "version": "v1"}
    template = {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
    }
    return [
        obj(
            "apps/v1", "Deployment", name, namespace, {"selector": {"matchLabels": {"app": name}}, "template": template}
        ),
        obj("v1", "Service", name, namespace, {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]}),
    ]


def waypoint(namespace: str) -> Obj:
    listeners = [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]
    return obj(
        GATEWAY_API, "Gateway", "waypoint", namespace, {"gatewayClassName": "istio-waypoint", "listeners": listeners}
    )


@dataclass
class Mesh:
    """Namespaces with workloads: `ambient`, `guarded` (ambient behind a waypoint), `sidecar`, `outside`."""

    cluster: Embedded
    client: Client
    ambient: str
    guarded: str
    sidecar: str
    outside: str


@pytest.fixture(scope="module")
def mesh(policy_cluster: Embedded, collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    made = Policy(policy_cluster, policy_cluster.playbooks(tmp_path_factory.mktemp("guards")))
    try:
        found = Mesh(
            policy_cluster,
            client_of(policy_cluster, seconds=120),
            made.namespace("ambient"),
            made.namespace("ambient", **{"istio.io/use-waypoint": "waypoint"}),
            made.namespace("sidecar"),
            made.namespace(),
        )
        made.kubectl.apply(
            waypoint(found.guarded),
            *application(found.ambient, "reviews", **{"prometheus.io/scrape": "true", "prometheus.io/port": "9090"}),
            *application(found.guarded, "details"),
            *application(found.sidecar, "ratings"),
            *application(found.outside, "legacy"),
        )
        for namespace in (found.ambient, found.guarded, found.sidecar, found.outside):
            made.kubectl("-n", namespace, "wait", "deployment", "--all", "--for=condition=Available", "--timeout=60s")
        made.kubectl("-n", found.guarded, "wait", "gateway", "waypoint", "--for=condition=Programmed", "--timeout=60s")
        captured = f"jsonpath={{.metadata.annotations.{REDIRECTION.replace('.', chr(92) + '.')}}}=enabled"
        for namespace, app in ((found.ambient, "reviews"), (found.guarded, "details")):
            made.kubectl("-n", namespace, "wait", "pods", "-l", f"app={app}", f"--for={captured}", "--timeout=60s")
        yield found
    finally:
        made.clean()


def found(mesh: Mesh, objects: Sequence[Obj], client: Client | None = None, **more: Any) -> list[Finding]:
    """What the guards find, after a real rehearsal to which nothing objects. Nothing is written."""
    client = client or mesh.client
    intent = PolicyIntent(definitions=tuple(objects), **more)
    documents = [Document(each, f"definitions[{number}]") for number, each in enumerate(objects)]
    draft = drafting.draft(client, documents, intent)
    assert rehearsal.rehearse(client, draft, intent) == []
    return guards.findings(client, intent, draft)


def told(findings: Sequence[Finding], severity: str = "error") -> list[str]:
    return [f"{one.rule} {one.target}" for one in findings if one.severity == severity]


def routed(namespace: str, name: str, host: str, **more: Any) -> Obj:
    http = [{"route": [{"destination": {"host": host, **more}}]}]
    return obj(NETWORKING, "VirtualService", name, namespace, {"hosts": [name], "http": http})


def test_what_does_not_fit_together(mesh: Mesh) -> None:
    side = mesh.sidecar
    split = routed(side, "ratings", "ratings", subset="v1")
    rule = obj(
        NETWORKING,
        "DestinationRule",
        "ratings",
        side,
        {"host": "ratings", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]},
    )
    assert found(mesh, [split, rule]) == []
    assert told(found(mesh, [split])) == [f"unknown-subset VirtualService {side}/ratings"]
    parent = {"group": "", "kind": "Service", "name": "ratings"}
    backends = [{"backendRefs": [{"name": "ratings", "port": 8080}, {"name": "gone", "port": 80}]}]
    wrong = [
        routed(side, "ratings", "ratings.elsewhere"),
        obj(GATEWAY_API, "HTTPRoute", "ratings", side, {"parentRefs": [parent], "rules": backends}),
        obj(GATEWAY_API, "HTTPRoute", "edge", side, {"parentRefs": [{"name": "edge"}]}),
        obj(NETWORKING, "VirtualService", "edge", side, {"hosts": ["a.example"], "gateways": ["x/y"], "tcp": [
            {"route": [{"destination": {"host": "ratings", "port": {"number": 81}}}]}]}),
    ]  # fmt: skip
    assert sorted(told(found(mesh, wrong))) == [
        f"mixed-routing HTTPRoute {side}/ratings",
        f"mixed-routing VirtualService {side}/ratings",
        f"unknown-gateway HTTPRoute {side}/edge",
        f"unknown-gateway VirtualService {side}/edge",
        f"unknown-host HTTPRoute {side}/ratings",
        f"unknown-host VirtualService {side}/ratings",
        f"unknown-port HTTPRoute {side}/ratings",
        f"unknown-port VirtualService {side}/edge",
    ]


def authorization(namespace: str, name: str, action: str, rules: list[Any], **spec: Any) -> Obj:
    return obj(SECURITY, "AuthorizationPolicy", name, namespace, {"action": action, "rules": rules, **spec})


PATHS = {"to": [{"operation": {"paths": ["/secret"]}}]}


def service_ref(name: str) -> list[Obj]:
    return [{"group": "", "kind": "Service", "name": name}]


def test_policy_that_ambient_does_not_carry_out(mesh: Mesh) -> None:
    amb, behind = mesh.ambient, mesh.guarded
    client = {"from": [{"source": {"principals": [f"cluster.local/ns/{amb}/sa/client"]}}]}
    (hole,) = found(mesh, [authorization(amb, "hole", "DENY", [PATHS])])
    assert (hole.rule, hole.severity) == ("http-policy-on-ambient", "error")
    assert "This is a hole" in hole.message
    outage = found(mesh, [authorization(amb, "outage", "ALLOW", [PATHS])], lockout_guard="accept")
    assert [one.rule for one in outage] == ["http-policy-on-ambient"]
    assert "This is an outage" in outage[0].message
    assert found(mesh, [authorization(mesh.sidecar, "sidecars", "DENY", [PATHS])]) == []
    assert found(mesh, [authorization(behind, "waypoint", "DENY", [PATHS], targetRefs=service_ref("details"))]) == []
    assert told(found(mesh, [authorization(amb, "nobody", "DENY", [PATHS], targetRefs=service_ref("reviews"))])) == [
        f"target-without-waypoint AuthorizationPolicy {amb}/nobody"
    ]
    assert told(found(mesh, [authorization(behind, "behind", "ALLOW", [client])], lockout_guard="accept")) == [
        f"client-behind-waypoint AuthorizationPolicy {behind}/behind"
    ]
    assert told(found(mesh, [routed(behind, "details", "details")])) == []
    # Namespaces of other tests may have sidecars: then it is a warning.
    assert "routing-without-waypoint" in [one.rule for one in found(mesh, [routed(amb, "reviews", "reviews")])]


def test_what_stays_is_not_left_without_what_it_names(mesh: Mesh) -> None:
    policy = authorization(mesh.guarded, "kept", "DENY", [PATHS], targetRefs=service_ref("details"))
    mesh.client.apply(policy, manager="test")
    gone = found(mesh, [waypoint(mesh.guarded)], state="absent")
    assert f"removed-but-used Service {mesh.guarded}/details" in told(gone) or (
        f"removed-but-used AuthorizationPolicy {mesh.guarded}/kept" in told(gone)
    )
    assert f"removed-but-used Namespace {mesh.guarded}" in told(gone)
    assert all("This is a hole" in one.message for one in gone if mesh.guarded in one.target)


def strict(namespace: str, mode: str = "STRICT", **spec: Any) -> Obj:
    return obj(SECURITY, "PeerAuthentication", "default", namespace, {"mtls": {"mode": mode}, **spec})


def mine(findings: Sequence[Finding], name: str) -> list[Finding]:
    """Those that speak of this workload or namespace: the cluster has others, of other tests."""
    return [one for one in findings if name in one.message]


def test_strict_looks_for_who_would_be_cut(mesh: Mesh) -> None:
    clean = found(mesh, [strict(mesh.sidecar)])
    assert mine([one for one in clean if one.severity == "error"], mesh.sidecar) == []
    assert [one.rule for one in mine(clean, mesh.outside)] == ["outside-clients"]
    # One that was there before its namespace was enrolled, and was not restarted.
    forgotten, _service = application(mesh.sidecar, "forgotten")
    forgotten["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] = "false"
    mesh.client.apply(forgotten, manager="test")
    deadline = time.monotonic() + 60
    while not (errors := [one for one in found(mesh, [strict(mesh.sidecar)]) if one.severity == "error"]):
        assert time.monotonic() < deadline, "a pod without a sidecar is not seen"
        time.sleep(0.5)
    assert [one.rule for one in mine(errors, f"Deployment {mesh.sidecar}/forgotten")] == ["not-enrolled"]
    assert found(mesh, [strict(mesh.sidecar)], lockout_guard="accept") == []
    plain = obj(NETWORKING, "DestinationRule", "ratings", mesh.sidecar, {"host": "ratings"})
    plain["spec"]["trafficPolicy"] = {"tls": {"mode": "DISABLE"}}
    against = found(mesh, [strict(mesh.sidecar), plain])
    assert f"disable-against-strict DestinationRule {mesh.sidecar}/ratings" in told(against)


def test_default_deny_leaves_nobody_out_unsaid(mesh: Mesh) -> None:
    nobody = authorization(mesh.ambient, "deny", "ALLOW", [])
    del nobody["spec"]["rules"]
    assert told(found(mesh, [nobody])) == [f"nobody-admitted AuthorizationPolicy {mesh.ambient}/deny"]
    anyone = authorization(mesh.ambient, "ports", "ALLOW", [{"to": [{"operation": {"ports": ["8080"]}}]}])
    assert told(found(mesh, [nobody, anyone])) == []


class Seen(BaseHTTPRequestHandler):
    """A Prometheus that saw one client: simulated, in the shape of a genuine answer."""

    answer = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def test_traffic_decides_where_prometheus_is_given(mesh: Mesh) -> None:
    labels = (
        f'"source_workload":"legacy","source_workload_namespace":"{mesh.outside}","source_principal":"unknown",'
        f'"destination_workload":"reviews","destination_workload_namespace":"{mesh.ambient}",'
        '"connection_security_policy":"unknown"'
    )
    rows = f'[{{"metric":{{{labels}}},"value":[1763751600.1,"42"]}}]'
    Seen.answer = f'{{"status":"success","data":{{"resultType":"vector","result":{rows}}}}}'.encode()
    server = HTTPServer(("127.0.0.1", 0), Seen)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        seen = found(mesh, [strict(mesh.ambient)], prometheus=Prometheus(address))
    finally:
        server.shutdown()
        server.server_close()
    assert told(seen) == [f"plaintext-seen PeerAuthentication {mesh.ambient}/default"]
    assert f"{mesh.outside}/legacy to {mesh.ambient}/reviews" in seen[0].message
    failed = found(mesh, [strict(mesh.ambient)], prometheus=Prometheus(address))
    assert failed[0].rule == "prometheus-failed"


def test_who_may_not_read_is_told_what_was_not_judged(mesh: Mesh) -> None:
    objects = [routed(mesh.sidecar, "ratings", "gone")]
    intent = PolicyIntent(definitions=tuple(objects))
    draft = drafting.draft(mesh.client, [Document(each, "definitions[0]") for each in objects], intent)
    assert rehearsal.rehearse(mesh.client, draft, intent) == []
    blind = guards.findings(client_of(mesh.cluster, "nobody"), intent, draft)
    assert {(one.rule, one.severity) for one in blind} == {("not-judged", "warning")}
    assert any("list" in one.message and "services" in one.message for one in blind)
    # Who has one namespace is judged by what is in it, and told that this was all.
    anything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": anything}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tenant"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}],
    }
    for each in (role, binding):
        mesh.client.apply({**each, "metadata": {"name": "tenant", "namespace": mesh.sidecar}}, manager="test")
    deadline = time.monotonic() + 30
    while not told(own := guards.findings(client_of(mesh.cluster, "nobody"), intent, draft)):
        assert time.monotonic() < deadline, "the role has no effect"
        time.sleep(0.2)
    assert told(own) == [f"unknown-host VirtualService {mesh.sidecar}/ratings"]
    assert [one.message for one in own if f"Only {mesh.sidecar} was read" in one.message]


def test_a_run_is_refused_before_anything_is_written(policy: Policy, mesh: Mesh) -> None:
    objects = [routed(mesh.sidecar, "ratings", "gone"), strict(mesh.sidecar, "PERMISSIVE")]
    run = policy(definitions=objects)
    assert (run.failed, run.changed) == (1, 0)
    assert "Refused before the first write" in run.result["msg"]
    assert [one["rule"] for one in run.result["findings"]] == ["unknown-host"]
    there = policy.kubectl("-n", mesh.sidecar, "get", "virtualservices,peerauthentications", "-o", "name")
    assert there.strip() == ""
