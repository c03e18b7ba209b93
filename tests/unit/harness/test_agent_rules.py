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

from tests.harness.agent import ambient, load_balancers, pod_logs, proxies
from tests.harness.agent.egress import Routes
from tests.harness.agent.watcher import Change

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


def test_a_ztunnel_has_an_admin_port_of_its_own_as_long_as_its_pod_lives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forwarded: list[tuple[str, Mapping[int, int]]] = []
    sent: list[dict[str, Any]] = []
    istiod = Istiod()
    held = proxies.Proxies(
        tmp_path,
        istiod,
        lambda pod, ports: forwarded.append((pod["metadata"]["uid"], ports)),
        pids=tmp_path,
        logs=tmp_path,
    )
    monkeypatch.setattr(held, "_send", sent.append)

    def there(key: str, kind: str, uid: str, **annotations: str) -> None:
        one = pod(containers=[proxy(kind, CA_ADDR="istiod.istio-system.svc:15012")])
        one["metadata"] |= {"name": key, "uid": uid, "annotations": annotations}
        held.on_change(Change("Pod", f"app/{key}", one))
        held.tick(0)

    held.on_change(Change("Service", "istio-system/istiod", SERVICES["istio-system/istiod"]))
    there("web", "sidecar", "u0")
    there("a", "ztunnel", "u1")
    there("b", "ztunnel", "u2")
    there("a", "ztunnel", "u1", **{proxies.REJECT: "address"})
    held.on_change(Change("Pod", "app/a", None))
    there("a", "ztunnel", "u3")
    ports = [next(iter(ports.values())) for _uid, ports in forwarded]
    assert [(uid, list(ports)) for uid, ports in forwarded] == [(uid, [15000]) for uid in ("u1", "u2", "u3")]
    assert len({*ports[:2]}) == 2
    assert [(each["id"], each.get("admin")) for each in sent if "type" in each] == [
        ("app/web", None),
        ("app/a", ports[0]),
        ("app/b", ports[1]),
        ("app/a", ports[0]),
        ("app/a", ports[2]),
    ]


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
