# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an istiod pod to its process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.agent import launch

PORTS = dict(zip(launch.PORTS, range(40000, 40006), strict=True))


def pod(image: str = "registry.istio.io/release/pilot:1.31.1-distroless", **container: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "istiod-1",
            "namespace": "istio-system",
            "labels": {"istio.io/rev": "canary"},
            "annotations": {"note": "seen"},
        },
        "spec": {
            "serviceAccountName": "istiod-canary",
            "nodeName": "node-1",
            "containers": [{"name": "side", "image": "busybox"}, {"name": "discovery", "image": image, **container}],
        },
        "status": {"podIP": "10.1.2.3"},
    }


def lookup(kind: str, namespace: str, name: str) -> dict[str, str] | None:
    return {("ConfigMap", "istio-system", "extra"): {"KEY": "from-map"}}.get((kind, namespace, name))


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("registry.istio.io/release/pilot:1.31.1", "1.31.1"),
        ("registry.istio.io/release/pilot:1.31.1-distroless", "1.31.1"),
        ("localhost:5000/pilot:1.32.0-debug", "1.32.0"),
        ("mirror/pilot:1.32.0@sha256:00", "1.32.0"),
        ("pilot", "latest"),
    ],
)
def test_image_version(image: str, version: str) -> None:
    assert launch.pilot_container(pod(image)) is not None
    assert launch.image_version(image) == version


@pytest.mark.parametrize("image", ["proxyv2:1.31.1", "my-pilot:1.31.1", "pilot/other:1", "autopilot"])
def test_other_images_run_no_istiod(image: str) -> None:
    assert launch.pilot_container(pod(image)) is None


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({"value": "plain"}, "plain"),
        ({}, ""),
        ({"value": "$(FIRST)-$(UNKNOWN)"}, "one-$(UNKNOWN)"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, "istiod-1"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}}, "istiod-canary"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}, "10.1.2.3"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['istio.io/rev']"}}}, "canary"),
        ({"valueFrom": {"configMapKeyRef": {"name": "extra", "key": "KEY"}}}, "from-map"),
        ({"valueFrom": {"configMapKeyRef": {"name": "none", "key": "KEY", "optional": True}}}, None),
        ({"valueFrom": {"secretKeyRef": {"name": "extra", "key": "KEY", "optional": True}}}, None),
        ({"valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}, None),
    ],
)
def test_environment(entry: dict[str, Any], value: str | None) -> None:
    one = pod(env=[{"name": "FIRST", "value": "one"}, {"name": "IT", **entry}])
    assert launch.environment(one, one["spec"]["containers"][1], lookup).get("IT") == value


@pytest.mark.parametrize(
    "source",
    [{"configMapKeyRef": {"name": "none", "key": "K"}}, {"secretKeyRef": {"name": "extra", "key": "K"}}],
)
def test_what_is_missing_is_named(source: dict[str, Any]) -> None:
    one = pod(env=[{"name": "IT", "valueFrom": source}])
    with pytest.raises(launch.Unresolved, match=r"(none|extra).*K not found"):
        launch.environment(one, one["spec"]["containers"][1], lookup)


def test_arguments_listen_on_loopback_and_keep_the_charts_own() -> None:
    arguments = ["discovery", "--monitoringAddr=:15014", "--domain", "cluster.local", "--httpsAddr", ":15017"]
    plan = launch.plan(pod(args=[*arguments, "--log_output_level=debug"]), PORTS, "/kubeconfig", {}, lookup)
    kept = ["discovery", "--domain", "cluster.local", "--log_output_level=debug"]
    assert plan.arguments[: len(kept)] == kept
    assert sorted(plan.arguments[len(kept) :]) == [
        "--ctrlz_port=40005",
        "--grpcAddr=127.0.0.1:40002",
        "--httpAddr=127.0.0.1:40000",
        "--httpsAddr=127.0.0.1:40001",
        "--kubeconfig=/kubeconfig",
        "--monitoringAddr=127.0.0.1:40004",
        "--secureGRPCAddr=127.0.0.1:40003",
    ]


def test_the_pod_cannot_point_the_process_at_another_cluster() -> None:
    one = pod(env=[{"name": "KUBECONFIG", "value": "/theirs"}, {"name": "REVISION", "value": "canary"}])
    plan = launch.plan(one, PORTS, "/kubeconfig", {"PATH": "/bin"}, lookup)
    assert plan.environment == {"PATH": "/bin", "REVISION": "canary"}
    assert (plan.container, plan.version) == ("discovery", "1.31.1")
