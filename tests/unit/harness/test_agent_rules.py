# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulators' decisions: redirection, xDS connections, addresses, routes, logs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.agent import ambient, answers, load_balancers, pod_logs, proxies
from tests.harness.agent.egress import Routes
from tests.harness.agent.watcher import Change
from tests.harness.api import Api

READY = {"podIP": "10.1.0.1", "conditions": [{"type": "Ready", "status": "True"}]}


def pod(labels: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "app", "labels": dict(labels or {}), "annotations": {}}
    return {"metadata": metadata, "spec": spec, "status": READY}


@pytest.mark.parametrize(
    ("namespace", "own", "spec", "annotations", "expected"),
    [
        ("ambient", None, {}, {}, True),
        (None, "ambient", {}, {}, True),
        (None, None, {}, {}, False),
        ("none", None, {}, {}, False),
        ("ambient", "none", {}, {}, False),
        ("none", "ambient", {}, {}, True),
        ("ambient", None, {"hostNetwork": True}, {}, False),
        ("ambient", None, {}, {"sidecar.istio.io/status": "{}"}, False),
    ],
)
def test_which_pods_are_ambient(
    namespace: str | None, own: str | None, spec: dict[str, Any], annotations: dict[str, str], expected: bool
) -> None:
    labelled = {"metadata": {"name": "app", "labels": {ambient.MODE_LABEL: namespace} if namespace else {}}}
    one = pod({ambient.MODE_LABEL: own} if own else {}, **spec)
    one["metadata"]["annotations"] = annotations
    assert ambient.belongs(one, labelled) is expected


def proxy(kind: str = "sidecar", **environment: str) -> dict[str, Any]:
    env = [{"name": name, "value": value} for name, value in environment.items()]
    return {"name": "istio-proxy", "image": "proxyv2:1.31.1-distroless", "args": ["proxy", kind], "env": env}


SERVICES = {
    "istio-system/istiod": {"spec": {"selector": {"app": "istiod"}}},
    "istio-system/istiod-canary": {"spec": {"selector": {"app": "istiod", "istio.io/rev": "canary"}}},
}


def reachable(namespace: str, selector: Mapping[str, str]) -> int | None:
    assert namespace == "istio-system"
    return 2 if "istio.io/rev" in selector else 1


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"CA_ADDR": "istiod.istio-system.svc:15012", "PROXY_CONFIG": "{}"}, "127.0.0.1:1"),
        ({"XDS_ADDRESS": "istiod-canary.istio-system.svc:15012"}, "127.0.0.1:2"),
        (
            {
                "CA_ADDR": "istiod.istio-system.svc:15012",
                "PROXY_CONFIG": json.dumps({"discoveryAddress": "istiod-canary.istio-system.svc:15012"}),
            },
            "127.0.0.1:2",
        ),
        ({"CA_ADDR": "gone.istio-system.svc:15012"}, None),
        ({}, None),
    ],
)
def test_a_proxy_connects_where_its_configuration_says(environment: dict[str, str], address: str | None) -> None:
    command = proxies.connection(pod(containers=[proxy(**environment)]), SERVICES, reachable)
    assert (command or {}).get("address") == address


def test_what_a_proxy_tells_of_itself() -> None:
    environment = {"CA_ADDR": "istiod.istio-system.svc:15012", "ISTIO_META_CLUSTER_ID": "east"}
    one = pod({"app": "web"}, initContainers=[proxy(**environment)], containers=[{"name": "web"}], nodeName="node-1")
    one["metadata"]["annotations"] = {proxies.REJECT: "cds, lds"}
    command = proxies.connection(one, SERVICES, reachable)
    assert command is not None
    assert (command["id"], command["type"], command["reject"]) == ("app/web", "sidecar", ["cds", "lds"])
    assert command["metadata"]["CLUSTER_ID"] == "east"
    assert command["metadata"]["ISTIO_VERSION"] == "1.31.1"
    assert command["metadata"]["LABELS"] == {"app": "web"}


@pytest.mark.parametrize("kind", ["sidecar", "router", "waypoint", "ztunnel"])
def test_every_kind_of_proxy_is_known(kind: str) -> None:
    assert proxies.proxy_container(pod(containers=[{"name": "x"}, proxy(kind)])) == proxy(kind)


def test_a_pod_that_is_not_ready_or_no_proxy_does_not_connect() -> None:
    environment = {"CA_ADDR": "istiod.istio-system.svc:15012"}
    starting = pod(containers=[proxy(**environment)]) | {"status": {"podIP": "10.1.0.1"}}
    assert proxies.connection(starting, SERVICES, reachable) is None
    assert proxies.connection(pod(containers=[{"name": "web"}]), SERVICES, reachable) is None


class Istiod:
    """The one that answers everybody."""

    generation = 0

    def reachable(self, _namespace: str, _selector: Mapping[str, str]) -> int | None:
        return 1


class Told:
    """The simulator of proxies, with what it forwards and what it sends to its program."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.forwarded: list[tuple[str, list[int]]] = []
        self.sent: list[dict[str, Any]] = []
        api = Api("https://127.0.0.1:1", "token", "authority")
        self.held = proxies.Proxies(api, folder, Istiod(), self._forward, pids=folder, logs=folder)
        monkeypatch.setattr(self.held, "_send", self.sent.append)
        self.held.on_change(Change("Service", "istio-system/istiod", SERVICES["istio-system/istiod"]))

    def _forward(self, pod: dict[str, Any], ports: Mapping[int, int]) -> None:
        self.forwarded.append((pod["metadata"]["uid"], list(ports)))

    def there(
        self,
        key: str,
        kind: str,
        uid: str,
        status: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        one = pod(containers=[proxy(kind, CA_ADDR="istiod.istio-system.svc:15012")])
        one["metadata"] |= {"name": key, "uid": uid, "annotations": annotations or {}}
        one["status"] = {"phase": "Running", **(READY if status is None else status)}
        self.held.on_change(Change("Pod", f"app/{key}", one))
        self.held.tick(0)

    def gone(self, key: str) -> None:
        self.held.on_change(Change("Pod", f"app/{key}", None))
        self.held.tick(0)


def test_a_proxy_has_ports_of_its_own_as_long_as_its_pod_lives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = Told(monkeypatch, tmp_path)
    told.there("web", "sidecar", "u0")
    told.there("a", "ztunnel", "u1")
    told.there("b", "ztunnel", "u2")
    told.there("a", "ztunnel", "u1", annotations={proxies.REJECT: "address"})
    told.gone("a")
    told.there("a", "ztunnel", "u3")
    assert told.forwarded == [(uid, [15000, 15020]) for uid in ("u0", "u1", "u2", "u3")]
    shown = [(each["id"], each["serve"]["admin"], each["serve"]["stats"]) for each in told.sent if "serve" in each]
    assert [key for key, _admin, _stats in shown] == ["app/web", "app/a", "app/b", "app/a"]
    admin = {key: port for key, port, _stats in shown[:3]}
    assert len({port for each in shown[:3] for port in each[1:]}) == 6
    assert [(each["id"], each.get("admin")) for each in told.sent if "type" in each] == [
        ("app/web", None),
        ("app/a", admin["app/a"]),
        ("app/b", admin["app/b"]),
        ("app/a", admin["app/a"]),
        ("app/a", shown[3][1]),
    ]
    assert [each for each in told.sent if "close" in each or "remove" in each] == [
        {"id": "app/a", "remove": True},
        {"id": "app/a", "close": True},
    ]


def test_a_proxy_answers_without_being_connected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And what it answers changes without its connecting anew."""
    told = Told(monkeypatch, tmp_path)
    told.there("web", "sidecar", "u0", status={"podIP": "10.1.0.1"})
    assert [sorted(each) for each in told.sent] == [["id", "serve"]]
    told.there("web", "sidecar", "u0")
    told.there("web", "sidecar", "u0", annotations={answers.EXPIRES_IN: "-60", answers.METRICS: "a 1"})
    told.there("web", "sidecar", "u0", annotations={answers.CRASH: "true"})
    kinds = ["serve" if "serve" in each else "close" if "close" in each else "type" for each in told.sent]
    assert kinds == ["serve", "type", "serve", "close"]
    assert [told.sent[2]["serve"][name] for name in ("expiresIn", "metrics", "identity", "version")] == [
        -60,
        "a 1",
        "spiffe://cluster.local/ns/app/sa/default",
        "1.31.1",
    ]


@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("600", 600), ("-5", -5), ("soon", None)])
def test_when_certificates_end(text: str | None, seconds: int | None) -> None:
    one = pod(containers=[proxy()]) | {"status": {"phase": "Running", "podIP": "10.1.0.1"}}
    one["metadata"]["annotations"] = {answers.EXPIRES_IN: text} if text else {}
    shown = answers.of(one, proxy())
    assert shown is not None and shown["expiresIn"] == seconds


def test_of_very_many_proxies_sidecars_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(proxies, "LIMIT", 2)
    told = Told(monkeypatch, tmp_path)
    for number in range(3):
        told.there(f"web{number}", "sidecar", f"u{number}")
    told.there("waypoint", "waypoint", "u9")
    told.there("silent", "ztunnel", "u10", annotations={proxies.PROXY: "none"})
    assert {each["id"] for each in told.sent[-3:]} == {"app/web1", "app/waypoint"}


@pytest.mark.parametrize(
    ("kind", "ingress", "own_class", "expected"),
    [
        ("LoadBalancer", [], None, True),
        ("LoadBalancer", [{"ip": "203.0.113.1"}], None, False),
        ("LoadBalancer", [], "theirs", False),
        ("ClusterIP", [], None, False),
    ],
)
def test_which_services_get_an_address(
    kind: str, ingress: list[dict[str, str]], own_class: str | None, expected: bool
) -> None:
    spec = {"type": kind, **({"loadBalancerClass": own_class} if own_class else {})}
    service = {"spec": spec, "status": {"loadBalancer": {"ingress": ingress}}}
    assert load_balancers.needs_address(service) is expected


def test_routes_lead_to_loopback_and_end_with_the_pod() -> None:
    routes = Routes(kubelet=10250)
    routes.set_pod("10.1.0.1", {15017: 40001})
    routes.set_pod("10.1.0.2", {15017: 40002})
    assert routes.find("10.1.0.1:15017") == 40001
    assert routes.find("10.0.0.2:10250") == 10250
    assert routes.find("10.1.0.1:9999") is None
    routes.drop_pod("10.1.0.1")
    assert routes.find("10.1.0.1:15017") is None
    assert routes.find("10.1.0.2:15017") == 40002


@pytest.mark.parametrize(
    ("data", "text", "used"),
    [
        (b"one\ntwo\nhal", b"NOW stdout F one\nNOW stdout F two\n", 8),
        (b"hal", b"", 0),
        (b"", b"", 0),
        (b"\n", b"NOW stdout F \n", 1),
    ],
)
def test_log_lines_as_kubelets_keep_them(data: bytes, text: bytes, used: int) -> None:
    assert pod_logs.format_lines(data, "NOW") == (text, used)
