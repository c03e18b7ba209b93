# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each check of the components: states that trigger it, and states that do not."""

from __future__ import annotations

from typing import Any

import pytest

from .snapshots import Edit, both, broken, canary, drop, healthy, load, outcome, put, severities

IMAGE = ("spec", "template", "spec", "containers", 0, "image")


def numbers(**status: int) -> Edit:
    """An edit: the counters of ztunnel, absent ones being 0 as in the API."""

    def edit(items: list[dict[str, Any]]) -> None:
        found = next(item for item in items if item["metadata"]["name"] == "ztunnel")
        found["status"] = {"observedGeneration": found["metadata"]["generation"], **status}

    return edit


def proxy(image: str, revision: str = "default", owner: str = "client-7bd") -> dict[str, Any]:
    """A pod with a sidecar, as the snapshot has it."""
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{owner}-x1",
            "namespace": "demo",
            "annotations": {"sidecar.istio.io/status": f'{{"revision":"{revision}"}}'},
            "ownerReferences": [{"kind": "ReplicaSet", "name": owner}],
        },
        "spec": {
            "containers": [{"name": "app", "image": "app:9.9.9"}],
            "initContainers": [{"name": "istio-proxy", "image": image}],
        },
        "status": {"phase": "Running"},
    }


class TestCni:
    @pytest.mark.parametrize("name", ["healthy-ambient", "healthy-sidecar", "embedded-ambient"])
    def test_ready(self, name: str) -> None:
        assert outcome("MW0009", load(name)).status == "passed"

    def test_missing_in_an_ambient_mesh(self) -> None:
        result = outcome("MW0009", healthy(daemonsets=drop("istio-cni-node")))
        assert (result.status, "no pod can join" in result.findings[0].title) == ("failed", True)

    def test_skipped_in_sidecar_mode(self) -> None:
        no_ambient = put("istiod", "spec", "template", "spec", "containers", 0, "env", value=[])
        result = outcome("MW0009", healthy(istiods=no_ambient, daemonsets=drop()))
        assert (result.status, "sidecar mode" in result.reason) == ("skipped", True)

    def test_not_ready_on_one_node(self) -> None:
        result = outcome("MW0009", healthy(daemonsets=put("istio-cni-node", "status", "numberReady", value=2)))
        assert (result.status, "ready on 2 of 3" in result.findings[0].title) == ("failed", True)

    def test_a_node_that_a_taint_keeps_it_from(self) -> None:
        def more(items: list[dict[str, Any]]) -> None:
            items.append({"kind": "Node", "metadata": {"name": "gpu-1", "labels": {"kubernetes.io/os": "linux"}}})

        result = outcome("MW0009", healthy(nodes=more))
        assert (result.status, severities(result)) == ("warning", ["warning"])
        assert "Node gpu-1" in result.findings[0].objects

    @pytest.mark.parametrize(
        "labels", [{"kubernetes.io/os": "windows"}, {"kubernetes.io/os": "linux", "type": "virtual-kubelet"}]
    )
    def test_nodes_that_it_has_no_business_on(self, labels: dict[str, str]) -> None:
        def more(items: list[dict[str, Any]]) -> None:
            items.append({"kind": "Node", "metadata": {"name": "other", "labels": labels}})

        assert outcome("MW0009", healthy(nodes=more)).status == "passed"


class TestZtunnel:
    @pytest.mark.parametrize("name", ["healthy-ambient", "embedded-ambient"])
    def test_ready(self, name: str) -> None:
        assert outcome("MW0010", load(name)).status == "passed"

    def test_recorded_stuck_update_that_looks_ready(self) -> None:
        result = outcome("MW0010", load("ztunnel-rollout-stuck"))
        assert result.status == "failed"
        assert "although it looks ready" in result.findings[0].title
        assert result.findings[0].evidence[0] == "desired 1, updated 0, ready 1, available 1"

    def test_recorded_never_ready(self) -> None:
        result = outcome("MW0010", load("ztunnel-never-ready"))
        assert (result.status, "ready on 0 of 1" in result.findings[0].title) == ("failed", True)
        assert any("ztunnel" in text and "not ready" in text for text in result.findings[0].evidence)

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            ({"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 3, "numberAvailable": 3}, []),
            ({"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 3}, ["error"]),
            (
                {"desiredNumberScheduled": 3, "updatedNumberScheduled": 2, "numberReady": 3, "numberAvailable": 3},
                ["error"],
            ),
            ({"desiredNumberScheduled": 3, "numberReady": 3, "numberAvailable": 3}, ["error"]),
            ({}, ["error"]),
            (
                {
                    "observedGeneration": 0,
                    "desiredNumberScheduled": 3,
                    "updatedNumberScheduled": 3,
                    "numberReady": 3,
                    "numberAvailable": 3,
                },
                ["error"],
            ),
        ],
        ids=["ready", "not available", "one old", "all old", "nowhere", "not acted on"],
    )
    def test_counters(self, status: dict[str, int], expected: list[str]) -> None:
        assert severities(outcome("MW0010", healthy(daemonsets=numbers(**status)))) == expected

    def test_what_is_wrong_stays_wrong_when_pods_and_nodes_cannot_be_read(self) -> None:
        seen = load("ztunnel-rollout-stuck")
        for name in ("component_pods", "nodes"):
            seen = broken(seen, name)
        assert outcome("MW0010", seen).status == "failed"

    def test_on_delete_waits_for_people(self) -> None:
        def edit(items: list[dict[str, Any]]) -> None:
            numbers(desiredNumberScheduled=3, numberReady=3, numberAvailable=3)(items)
            put("ztunnel", "spec", "updateStrategy", value={"type": "OnDelete"})(items)

        assert outcome("MW0010", healthy(daemonsets=edit)).status == "warning"

    def test_missing_in_an_ambient_mesh(self) -> None:
        assert outcome("MW0010", healthy(daemonsets=drop("ztunnel"))).status == "failed"

    def test_skipped_in_sidecar_mode(self) -> None:
        no_ambient = put("istiod", "spec", "template", "spec", "containers", 0, "env", value=[])
        assert outcome("MW0010", healthy(istiods=no_ambient, daemonsets=drop("ztunnel"))).status == "skipped"


class TestSkew:
    @pytest.mark.parametrize("name", ["healthy-ambient", "healthy-sidecar", "embedded-ambient"])
    def test_none(self, name: str) -> None:
        result = outcome("MW0011", load(name))
        assert (result.status, result.findings) == ("passed", ())

    @pytest.mark.parametrize(
        ("image", "expected"),
        [
            ("istio/ztunnel:1.31.1-distroless", []),
            ("istio/ztunnel:1.31.0", ["info"]),
            ("istio/ztunnel:1.30.5", ["info"]),
            ("istio/ztunnel:1.29.5", ["error"]),
            ("istio/ztunnel:1.32.0", ["error"]),
        ],
    )
    def test_ztunnel(self, image: str, expected: list[str]) -> None:
        assert severities(outcome("MW0011", healthy(daemonsets=put("ztunnel", *IMAGE, value=image)))) == expected

    @pytest.mark.parametrize(
        ("image", "expected"),
        [
            ("istio/proxyv2:1.31.1", []),
            ("istio/proxyv2:1.31.0", ["info"]),
            ("istio/proxyv2:1.30.9", ["info"]),
            ("istio/proxyv2:1.29.9", ["warning"]),
            ("istio/proxyv2:1.32.0", ["warning"]),
        ],
    )
    def test_proxy(self, image: str, expected: list[str]) -> None:
        result = outcome("MW0011", healthy(proxies=lambda items: items.append(proxy(image))))
        assert severities(result) == expected
        if expected:
            assert result.findings[0].objects == ("Deployment demo/client",)

    def test_many_proxies_are_one_finding(self) -> None:
        pods = [proxy("istio/proxyv2:1.29.9", owner=f"app{number}-7bd") for number in range(40)]
        result = outcome("MW0011", healthy(proxies=lambda items: items.extend(pods)))
        assert (len(result.findings), result.findings[0].title.split()[0]) == (1, "40")

    def test_each_proxy_against_its_own_revision(self) -> None:
        def canary(items: list[dict[str, Any]]) -> None:
            items.append(
                {
                    "kind": "Deployment",
                    "metadata": {
                        "name": "istiod-next",
                        "namespace": "istio-system",
                        "labels": {"istio.io/rev": "next"},
                    },
                    "spec": {
                        "template": {"spec": {"containers": [{"name": "discovery", "image": "istio/pilot:1.32.0"}]}}
                    },
                }
            )

        pods = [proxy("istio/proxyv2:1.32.0", "next"), proxy("istio/proxyv2:1.31.1", "default", "other-7bd")]
        result = outcome("MW0011", healthy(istiods=canary, proxies=lambda items: items.extend(pods)))
        # what is left is that cni and ztunnel are one release behind the canary, which is supported
        assert severities(result) == ["info", "info"]

    @pytest.mark.parametrize(
        ("other", "image", "expected"),
        [
            # the agents follow the new revision, the old istiod is still there
            ("1.30.0", "istio/ztunnel:1.31.1", ["warning"]),
            ("1.33.0", "istio/ztunnel:1.31.1", ["warning"]),
            # no istiod at all supports it
            ("1.30.0", "istio/ztunnel:1.32.0", ["error", "error"]),
        ],
    )
    def test_agents_that_went_ahead(self, other: str, image: str, expected: list[str]) -> None:
        seen = healthy(
            **canary("other", other),
            daemonsets=both(drop("istio-cni-node"), put("ztunnel", *IMAGE, value=image)),
        )
        assert severities(outcome("MW0011", seen)) == expected

    def test_versions_that_cannot_be_told_are_unknown(self) -> None:
        def digest(items: list[dict[str, Any]]) -> None:
            put("istiod", *IMAGE, value="registry:5000/istio/pilot@sha256:abc")(items)
            for labels in (items[0]["metadata"]["labels"], items[0]["spec"]["template"]["metadata"]["labels"]):
                labels.pop("app.kubernetes.io/version")

        result = outcome("MW0011", healthy(istiods=digest))
        assert (result.status, "Deployment istio-system/istiod" in result.reason) == ("unknown", True)
