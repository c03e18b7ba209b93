# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrong configuration on a cluster, told by the genuine istioctl analyze, and by our checks: of the same objects."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.harness import builder
from tests.harness.errors import HarnessError

from ..support.embedded import Embedded
from .analyzers import COVERED, ELSEWHERE
from .ground import Ground, deployment, one, service

Obj = dict[str, Any]
NETWORKING, SECURITY, TELEMETRY = "networking.istio.io/v1", "security.istio.io/v1", "telemetry.istio.io/v1"
GATEWAY_API = "gateway.networking.k8s.io/v1"
PAGE = ROOT / "docs" / "analyzers.md"
WEB = {"matchLabels": {"app": "web"}}
LOST = {"matchLabels": {"app": "lost"}}
EDGE = {"istio": "edge-of-analyzers"}


@dataclass(frozen=True)
class Wrong:
    """What is said of the objects of this kind and these names."""

    code: str
    kind: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.code}-{self.kind}-{self.names[0]}"


def route(space: str, name: str, served: str, gateways: tuple[str, ...] = (), **destination: Any) -> Obj:
    spec = {"hosts": [served], "http": [{"route": [{"destination": destination}]}]}
    return one(NETWORKING, "VirtualService", space, name, {**spec, **({"gateways": [*gateways]} if gateways else {})})


def gateway(space: str, name: str, *hosts: str, port: int = 80, selector: Obj | None = None, tls: bool = False) -> Obj:
    server = {"port": {"number": port, "name": f"p{port}", "protocol": "TLS" if tls else "HTTP"}, "hosts": [*hosts]}
    spec = {"selector": selector or EDGE, "servers": [{**server, **({"tls": {"mode": "PASSTHROUGH"}} if tls else {})}]}
    return one(NETWORKING, "Gateway", space, name, spec)


def entry(space: str, name: str, protocol: str) -> Obj:
    ports = [{"number": 9000, "name": "p", "protocol": protocol}]
    spec = {"hosts": ["two.example.com"], "resolution": "DNS", "location": "MESH_EXTERNAL", "ports": ports}
    return one(NETWORKING, "ServiceEntry", space, name, spec)


def tracing(space: str, name: str, **spec: Any) -> Obj:
    return one(TELEMETRY, "Telemetry", space, name, {**spec, "tracing": [{"randomSamplingPercentage": 5}]})


def sidecar(space: str, name: str, **labels: str) -> Obj:
    selector = {"workloadSelector": {"labels": labels}} if labels else {}
    return one(NETWORKING, "Sidecar", space, name, {**selector, "egress": [{"hosts": ["./*"]}]})


def rule(space: str, name: str, host: str, **subsets: str) -> Obj:
    named = [{"name": name, "labels": {"version": version}} for name, version in subsets.items()]
    return one(NETWORKING, "DestinationRule", space, name, {"host": host, "subsets": named})


def authorization(space: str, name: str, selector: Obj, client: str) -> Obj:
    rules = [{"from": [{"source": {"namespaces": [client]}}]}]
    return one(SECURITY, "AuthorizationPolicy", space, name, {"selector": selector, "action": "ALLOW", "rules": rules})


def in_sidecars(space: str) -> list[Obj]:
    """What is wrong among sidecars, and `web`, with which nothing is."""
    external = {"type": "ExternalName", "externalName": "db.example.com", "ports": [{"name": "tcp", "port": 5432}]}
    parent = {"group": "", "kind": "Service", "name": "web", "port": 80}
    odd = [{"name": "frontend", "port": 80, "targetPort": 8080}]
    several = [{"name": "http", "port": 80}, {"name": "http-more", "port": 81}]
    edge_ports = [{"name": "http", "port": 80, "targetPort": 80}, {"name": "tls", "port": 443, "targetPort": 443}]
    return [
        deployment(space, labels={"version": "v1"}),
        deployment(space, "edge", labels=EDGE),
        service(space),
        service(space, "edge", selector=EDGE, ports=edge_ports),
        rule(space, "web", "web", v1="v1"),
        gateway(space, "web", "web.example.com"),
        route(space, "web", "web.example.com", ("web",), host="web", subset="v1", port={"number": 80}),
        authorization(space, "web", WEB, space),
        # From here on nothing is right.
        route(space, "no-subset", "a.example.com", ("web-too", "mesh"), host="web", subset="v9", port={"number": 80}),
        route(space, "no-host", "b.example.com", ("web-too", "mesh"), host="lost", port={"number": 80}),
        gateway(space, "web-too", "a.example.com", "b.example.com", "d.example.com"),
        route(space, "no-gateway", "c.example.com", ("lost",), host="web", port={"number": 80}),
        gateway(space, "no-pods", "e.example.com", selector={"istio": "lost"}),
        sidecar(space, "no-pods", app="lost"),
        authorization(space, "no-clients", WEB, "lost-namespace"),
        route(space, "two-a", "web", host="web"),
        route(space, "two-b", "web", host="web"),
        sidecar(space, "pod-a", app="web"),
        sidecar(space, "pod-b", app="web"),
        sidecar(space, "space-a"),
        sidecar(space, "space-b"),
        service(space, "several", selector={"app": "web"}, ports=several),
        route(space, "no-port", "d.example.com", ("web-too",), host="several"),
        service(space, "odd", selector={"app": "web"}, ports=odd),
        authorization(space, "no-pods", LOST, space),
        route(space, "other-host", "other.example.com", ("web-too",), host="web", port={"number": 80}),
        gateway(space, "same-a", "same.example.com", port=443, tls=True),
        gateway(space, "same-b", "same.example.com", port=443, tls=True),
        one("v1", "Service", space, "external", external),
        tracing(space, "pod-a", selector=WEB),
        tracing(space, "pod-b", selector=WEB),
        tracing(space, "space-a"),
        tracing(space, "space-b"),
        gateway(space, "no-such-port", "f.example.com", port=9999),
        one(
            GATEWAY_API,
            "HTTPRoute",
            space,
            "no-backend",
            {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": "lost", "port": 80}]}]},
        ),
        rule(space, "no-such-pods", "several", v7="v7"),
        rule(space, "no-such-host", "lost.example.com"),
        entry(space, "two-a", "HTTP"),
        entry(space, "two-b", "TCP"),
        # Spoilt afterwards: the webhook would refuse it.
        route(space, "refused", "g.example.com", host="web"),
    ]


def in_ambient(space: str) -> list[Obj]:
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    waypoint = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
    selector = {"matchLabels": {"gateway.networking.k8s.io/gateway-name": "waypoint"}}
    tokens = {"selector": selector, "jwtRules": [{"issuer": "https://a.example", "jwks": '{"keys":[]}'}]}
    return [
        deployment(space),
        service(space),
        one(GATEWAY_API, "Gateway", space, "waypoint", waypoint, labels={"istio.io/waypoint-for": "service"}),
        sidecar(space, "no-sidecar", app="web"),
        one(SECURITY, "RequestAuthentication", space, "on-waypoint", tokens),
    ]


WRONG = (
    Wrong("IST0101", "VirtualService", ("no-subset",)),
    Wrong("IST0101", "VirtualService", ("no-host",)),
    Wrong("IST0101", "VirtualService", ("no-gateway",)),
    Wrong("IST0101", "Gateway", ("no-pods",)),
    Wrong("IST0101", "Sidecar", ("no-pods",)),
    Wrong("IST0101", "AuthorizationPolicy", ("no-clients",)),
    Wrong("IST0103", "Pod", ("early",)),
    Wrong("IST0106", "VirtualService", ("refused",)),
    Wrong("IST0109", "VirtualService", ("two-a", "two-b")),
    Wrong("IST0110", "Sidecar", ("pod-a", "pod-b")),
    Wrong("IST0111", "Sidecar", ("space-a", "space-b")),
    Wrong("IST0112", "VirtualService", ("no-port",)),
    Wrong("IST0118", "Service", ("odd",)),
    Wrong("IST0127", "AuthorizationPolicy", ("no-pods",)),
    Wrong("IST0132", "VirtualService", ("other-host",)),
    Wrong("IST0145", "Gateway", ("same-a", "same-b")),
    Wrong("IST0150", "Service", ("external",)),
    Wrong("IST0159", "Telemetry", ("pod-a", "pod-b")),
    Wrong("IST0160", "Telemetry", ("space-a", "space-b")),
    Wrong("IST0162", "Gateway", ("no-such-port",)),
    Wrong("IST0166", "RequestAuthentication", ("on-waypoint",)),
    Wrong("IST0167", "Sidecar", ("no-sidecar",)),
    Wrong("IST0171", "HTTPRoute", ("no-backend",)),
    Wrong("IST0173", "DestinationRule", ("no-such-pods",)),
    Wrong("IST0174", "DestinationRule", ("no-such-host",)),
    Wrong("IST0177", "ServiceEntry", ("two-a", "two-b")),
)


class Said:
    """What both say, by what they name: (IST code or check, `Kind name`); pods by their workload."""

    def __init__(self, theirs: list[Obj], ours: list[Obj], spaces: tuple[str, ...]) -> None:
        self.theirs = {
            (str(each["code"]), label)
            for each in theirs
            for label in self._labels([str(each.get("origin", ""))], spaces)
        }
        self.ours = {(str(each["check"]), label) for each in ours for label in self._labels([*each["objects"]], spaces)}

    @staticmethod
    def _labels(objects: list[str], spaces: tuple[str, ...]) -> Iterator[str]:
        for label in objects:
            kind, _space, where = label.partition(" ")
            space, _slash, name = where.partition("/")
            if space in spaces:
                # A workload's pods are named by one or the other.
                workload = kind in ("Pod", "Deployment", "ReplicaSet")
                yield f"Pod {re.sub(r'-[0-9a-f]{8,10}(-[a-z0-9]{5})?$', '', name)}" if workload else f"{kind} {name}"


def spoil(cluster: Embedded, space: str, name: str) -> None:
    """A weight that istiod's webhook would refuse, written past it, into etcd."""

    def etcd(what: str, body: Obj) -> Obj:
        data = json.dumps({key: base64.b64encode(value).decode() for key, value in body.items()}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{cluster.state['ports']['etcd']}/v3/kv/{what}", data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: Obj = json.load(answer)
            return found

    key = f"/registry/networking.istio.io/virtualservices/{space}/{name}".encode()
    stored = json.loads(base64.b64decode(etcd("range", {"key": key})["kvs"][0]["value"]))
    stored["spec"]["http"][0]["route"][0]["weight"] = -3
    etcd("put", {"key": key, "value": json.dumps(stored).encode()})


@pytest.fixture(scope="module")
def istioctl() -> str:
    """Skips, naming the reason, where istioctl can neither be found nor built."""
    try:
        return str(builder.program("istioctl"))
    except HarnessError as error:
        pytest.skip(f"istioctl: {error}")


@pytest.fixture(scope="module")
def said(istioctl: str, mesh: Embedded) -> Iterator[Said]:
    ground = Ground(mesh)
    try:
        ambient, space = ground.namespace("ambient"), ground.namespace()
        ground.apply(deployment(space, "early"))
        ground.kubectl("label", "namespace", space, "istio-injection=enabled")
        ground.kubectl.apply(*in_ambient(ambient), *in_sidecars(space))
        spoil(mesh, space, "refused")
        ground.kubectl("-n", ambient, "wait", "gateway/waypoint", "--for=condition=Programmed", "--timeout=60s")
        for where in (ambient, space):
            ground.kubectl("-n", where, "wait", "deployment", "--all", "--for=condition=Available", "--timeout=60s")
        checks = sorted({check for checks in COVERED.values() for check in checks})
        command = [istioctl, "--kubeconfig", mesh.kubeconfig, "--context", mesh.context]
        command += ["analyze", "--all-namespaces", "--output", "json"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert answer.returncode == 0, answer.stderr
        yield Said(json.loads(answer.stdout), ground.verify(*checks)["findings"], (space, ambient))
    finally:
        ground.clean()


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_both_say_it_of_the_same_objects(wrong: Wrong, said: Said) -> None:
    labels = {f"{wrong.kind} {name}" for name in wrong.names}
    theirs = {label for code, label in said.theirs if code == wrong.code}
    assert labels <= theirs
    ours = {label for check, label in said.ours if check in COVERED[wrong.code]}
    assert labels <= ours


def test_what_istioctl_says_more_is_said_here_too(said: Said) -> None:
    """Also of objects that are wrong in another way than they were meant to be."""
    claimed = {(code, label) for code, label in said.theirs if code in COVERED}
    ours = {(code, label) for code in COVERED for check, label in said.ours if check in COVERED[code]}
    assert claimed - ours == set()


def test_nobody_says_anything_of_what_is_right(said: Said) -> None:
    right = {f"{kind} web" for kind in ("VirtualService", "Gateway", "DestinationRule", "AuthorizationPolicy")}
    assert not {(who, label) for who, label in said.theirs | said.ours if label in right}


def test_each_claim_is_tried_or_it_says_where() -> None:
    assert {wrong.code for wrong in WRONG} == set(COVERED)
    assert not set(COVERED) & set(ELSEWHERE)


def test_the_page_claims_what_is_tried() -> None:
    rows = re.findall(r"^\| (IST\d{4}) \|.*\| ([^|]*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    claims = {code: set(re.findall(r"MW\d{4}", here)) for code, here in rows}
    assert {code for code, checks in claims.items() if checks} == set(COVERED) | set(ELSEWHERE)
    assert {code for code, checks in COVERED.items() if not set(checks) <= claims[code]} == set()
