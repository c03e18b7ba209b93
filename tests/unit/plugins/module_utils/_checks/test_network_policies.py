# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NetworkPolicies that keep the mesh, or probes, from ambient pods."""

from __future__ import annotations

from typing import Any

import pytest

from .enrolled import found, pod, space, titles
from .snapshots import add, both, drop, healthy, outcome

CAPTURED = {"ambient.istio.io/redirection": "enabled"}
PROBED = [{"name": "app", "image": "app:1", "probed": True}]
TCP_80 = [{"port": 80, "protocol": "TCP"}]
HBONE = [{"port": 15008, "protocol": "TCP"}]
DNS = [{"port": 53, "protocol": "UDP"}]
PROBER = [{"ipBlock": {"cidr": "169.254.7.127/32"}}]
CLIENTS = [{"podSelector": {"matchLabels": {"app": "client"}}}]


def policy(name: str = "rule", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "team"},
        "spec": {"podSelector": {"matchLabels": {"app": "app"}}, **spec},
    }


def checked(*policies: dict[str, Any], captured: bool = True, probed: bool = False, **edits: Any) -> Any:
    one = pod(notes=CAPTURED if captured else {}, containers=PROBED if probed else [{"name": "app", "image": "app:1"}])
    return found("MW0035", namespaces=add(space()), pods=add(one), network_policies=add(*policies), **edits)


def test_healthy_passes() -> None:
    assert outcome("MW0035", healthy()).status == "passed"


@pytest.mark.parametrize(
    ("policies", "severity", "words"),
    [
        ([policy(ingress=[{"ports": TCP_80}])], "error", "but not 15008: all traffic"),
        ([policy(ingress=[{"ports": TCP_80 + HBONE}])], "", ""),
        ([policy(ingress=[{"ports": TCP_80}]), policy("more", ingress=[{"ports": HBONE, "from": CLIENTS}])], "", ""),
        ([policy(ingress=[{"ports": [{"port": 15000, "endPort": 15100}]}])], "", ""),
        ([policy(ingress=[{"from": CLIENTS}])], "", ""),
        ([policy(ingress=[{}])], "", ""),
        ([policy(ingress=[])], "warning", "lets nothing in"),
        ([policy(policyTypes=["Ingress"])], "warning", "lets nothing in"),
        ([policy(podSelector={}, policyTypes=["Ingress"])], "warning", "lets nothing in"),
        ([policy(podSelector={"matchLabels": {"app": "other"}}, policyTypes=["Ingress"])], "", ""),
        ([policy(podSelector={}, policyTypes=["Ingress"]), policy("more", ingress=[{"ports": TCP_80}])], "error", ""),
        ([policy(policyTypes=["Egress"], egress=[{"ports": DNS}])], "warning", "nothing but DNS"),
        ([policy(policyTypes=["Egress"], egress=[{"ports": DNS}, {"ports": TCP_80}])], "warning", "reach some ports"),
        ([policy(policyTypes=["Egress"], egress=[{"ports": DNS}, {"ports": HBONE}])], "", ""),
        ([policy(policyTypes=["Egress"], egress=[{}])], "", ""),
        ([policy(policyTypes=["Egress"])], "warning", "nothing but DNS"),
    ],
)
def test_hbone(policies: list[dict[str, Any]], severity: str, words: str) -> None:
    result = checked(*policies)
    assert [one.severity for one in result.findings] == ([severity] if severity else [])
    assert words in titles(result)
    assert checked(*policies, captured=False).findings == ()


def test_waypoints() -> None:
    name = "gateway.networking.k8s.io/gateway-name"
    labels = {name: "wp", "gateway.istio.io/managed": "istio.io-mesh-controller"}
    result = found(
        "MW0035",
        namespaces=add(space()),
        pods=both(add(pod("wp", labels=labels, containers=PROBED), pod(notes=CAPTURED))),
        network_policies=add(policy(podSelector={}, ingress=[{"ports": TCP_80}])),
    )
    assert [one.severity for one in result.findings] == ["error"]
    assert "1 ambient pod and 1 waypoint pod" in titles(result)


def test_both_ways_are_two_findings() -> None:
    result = checked(policy(ingress=[{"ports": TCP_80}], egress=[{"ports": TCP_80}]))
    assert [one.severity for one in result.findings] == ["error", "warning"]


@pytest.mark.parametrize(
    ("ingress", "expected"),
    [
        ([{}], False),
        ([{"from": CLIENTS}], True),
        ([{"from": CLIENTS}, {"from": PROBER}], False),
        ([{"from": CLIENTS}, {"from": PROBER, "ports": TCP_80}], False),
        ([{"ports": HBONE}], True),
        ([{"ports": HBONE}, {"ports": TCP_80}], False),
        ([{"from": CLIENTS}, {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}], False),
        ([{"from": CLIENTS}, {"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]}], True),
        ([{"from": CLIENTS}, {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}], True),
        ([{"from": CLIENTS}, {"from": [{"ipBlock": {"cidr": "2001:db8::/32"}}]}], True),
    ],
)
def test_probes(ingress: list[dict[str, Any]], expected: bool) -> None:
    result = checked(policy(ingress=ingress), probed=True)
    assert [one.severity for one in result.findings] == (["info"] if expected else [])
    assert checked(policy(ingress=ingress)).findings == ()
    if expected:
        assert "169.254.7.127" in titles(result)


@pytest.mark.parametrize(
    ("name", "severity"), [("cilium", "warning"), ("calico-node", "warning"), ("kube-flannel-ds", "info")]
)
def test_network_plugins(name: str, severity: str) -> None:
    agent = {"kind": "DaemonSet", "metadata": {"name": name, "namespace": "kube-system"}, "spec": {}}
    result = checked(policy(ingress=[{"from": CLIENTS}]), probed=True, daemonsets=add(agent))
    assert [one.severity for one in result.findings] == [severity]


def test_many_pods_are_one_finding() -> None:
    pods = [pod(notes=CAPTURED, labels={"app": "app"}) for _number in range(3)]
    for number, one in enumerate(pods):
        one["metadata"]["name"] = f"app-7d4f-{number}"
    result = found(
        "MW0035",
        namespaces=add(space()),
        pods=both(add(*pods)),
        network_policies=add(policy(ingress=[{"ports": TCP_80}])),
    )
    assert result.findings[0].objects == ("NetworkPolicy team/rule",)
    assert result.findings[0].related == ("Deployment team/app",)
    assert "3 ambient pods" in titles(result)


def test_without_ambient_mode() -> None:
    def sidecars_only(items: list[dict[str, Any]]) -> None:
        items[0]["spec"]["template"]["spec"]["containers"][0]["env"] = []

    assert outcome("MW0035", healthy(istiods=sidecars_only, daemonsets=drop())).status == "skipped"
