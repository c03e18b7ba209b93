# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods that labels put into ambient mode, and that istio-cni has not captured."""

from __future__ import annotations

from typing import Any

import pytest

from .enrolled import INJECT, MODE, bare, behind, found, of_recorded, pod, space, titles
from .snapshots import add, both, drop, healthy, load, outcome, put

CAPTURED = {"ambient.istio.io/redirection": "enabled"}
NODE = "embedded-node"


def test_healthy_passes() -> None:
    assert outcome("MW0023", healthy()).status == "passed"


@pytest.mark.parametrize("name", ["recorded-healthy-waypoint", "recorded-waypoint-zero-pods"])
def test_recorded(name: str) -> None:
    result = of_recorded("MW0023", name)
    assert (result.status, result.findings) == ("passed", ())


def test_a_mesh_of_sidecars_is_skipped() -> None:
    assert outcome("MW0023", healthy(namespaces=put("shop", "metadata", "labels", value={}))).status == "passed"
    assert bare("MW0023", namespaces=[space("team", injection="enabled")], pods=[pod()]).status == "skipped"


@pytest.mark.parametrize(
    ("namespace", "one", "expected"),
    [
        (space("team", mode="ambient"), pod(), 1),
        (space("team", mode="ambient"), pod(notes=CAPTURED), 0),
        (space("team", mode="ambient"), pod(notes={"ambient.istio.io/redirection": "pending"}), 1),
        (space("team"), pod(), 0),
        (space("team"), pod(labels={MODE: "ambient"}), 1),
        (space("team", mode="ambient"), pod(labels={MODE: "none"}), 0),
        # ambient mode takes no heed of a label for injectors
        (space("team", mode="ambient"), pod(labels={INJECT: "false"}), 1),
        (space("team", mode="ambient"), pod(host=True), 0),
        (space("team", mode="ambient"), pod(notes={"sidecar.istio.io/status": "{}"}), 0),
        (space("team", mode="ambient"), pod(phase="Pending"), 0),
        (space("team", mode="ambient"), pod(phase="Succeeded"), 0),
        (space("team", mode="ambient"), pod(age=3), 0),
        (space("team", mode="ambient"), pod(age=6), 1),
        (space("team", mode="ambient"), behind(), 0),
    ],
)
def test_pods(namespace: dict[str, Any], one: dict[str, Any], expected: int) -> None:
    result = found("MW0023", namespaces=add(namespace), pods=add(one))
    assert [each.severity for each in result.findings] == ["error"] * expected
    if expected:
        assert "plain text" in titles(result) or "and fails" in titles(result)
        assert "Deployment team/app" in result.findings[0].objects


def on(node: str, **more: Any) -> dict[str, Any]:
    return pod(node=node, **more)


class TestWhy:
    def test_no_ztunnel(self) -> None:
        result = bare("MW0023", namespaces=[space("team", mode="ambient")], pods=[pod()])
        assert "no istio-cni and no ztunnel runs" in titles(result)

    def test_a_node_without_istio_cni(self) -> None:
        result = found("MW0023", namespaces=add(space("team", mode="ambient")), pods=add(on("elsewhere")))
        assert "node elsewhere has no ready istio-cni" in titles(result)
        assert "Node elsewhere" in result.findings[0].related

    def test_a_node_of_windows(self) -> None:
        node = {"kind": "Node", "metadata": {"name": "win", "labels": {"kubernetes.io/os": "windows"}}}
        spaces = add(space("team", mode="ambient"))
        assert "Linux only" in titles(found("MW0023", namespaces=spaces, pods=add(on("win")), nodes=add(node)))

    def test_a_namespace_that_istio_cni_leaves_out(self) -> None:
        edits = {"namespaces": put("kube-system", "metadata", "labels", value={MODE: "ambient"})}
        assert "excludeNamespaces" in titles(found("MW0023", **edits, pods=add(pod("dns", "kube-system"))))

    def test_half_captured(self) -> None:
        served = healthy().items("component_pods")
        node = next(one["spec"]["nodeName"] for one in served if "istio-cni" in one["metadata"]["name"])
        half = on(node, notes={"ambient.istio.io/redirection": "pending"})
        spaces = add(space("team", mode="ambient"))
        assert "nobody takes it, and fails" in titles(found("MW0023", namespaces=spaces, pods=add(half)))
        assert "has done nothing about it" in titles(found("MW0023", namespaces=spaces, pods=add(on(node))))

    def test_by_cause(self) -> None:
        several = [on("elsewhere", labels={"app": f"app-{number}"}) for number in range(3)]
        result = found(
            "MW0023", namespaces=add(space("team", mode="ambient")), pods=both(add(*several), add(on("other")))
        )
        assert [one.title.split()[0] for one in result.findings] == ["3", "1"]

    def test_evidence_may_be_missing(self) -> None:
        result = found(
            "MW0023",
            namespaces=add(space("team", mode="ambient")),
            pods=add(pod()),
            component_pods=drop(),
            nodes=drop(),
        )
        assert [one.severity for one in result.findings] == ["error"]


def test_the_recorded_sidecar_mesh_asks_for_nothing() -> None:
    assert outcome("MW0023", load("healthy-sidecar")).status == "unknown"
