# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pods hold a proxy, and what each requests and uses."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.proxies import (
    SIDECARS,
    WAYPOINTS,
    ZTUNNEL,
    Amount,
    amount,
    captured_in,
    proxy_of,
    sidecar_requests,
    usage_of,
)

Obj = dict[str, Any]


def container(*args: str, name: str = "istio-proxy", cpu: str = "100m", memory: str = "128Mi") -> Obj:
    return {"name": name, "args": list(args), "resources": {"requests": {"cpu": cpu, "memory": memory}}}


APP = {"name": "app", "resources": {"requests": {"cpu": "4", "memory": "8Gi"}}}
INIT = container("istio-iptables", "-p", name="istio-init", cpu="7")


def pod(*containers: Obj, init: tuple[Obj, ...] = (), phase: str = "Running", **metadata: Any) -> Obj:
    return {
        "metadata": {"name": "web-1", "namespace": "shop"} | metadata,
        "spec": {"nodeName": "node-1", "containers": list(containers), "initContainers": list(init)},
        "status": {"phase": phase},
    }


INJECTED: Obj = {"annotations": {"sidecar.istio.io/status": "{}"}}


@pytest.mark.parametrize(
    ("obj", "kind"),
    [
        (pod(APP, container("proxy", "sidecar", "--domain"), init=(INIT,)), SIDECARS),
        (pod(APP, init=(INIT, container("proxy", "sidecar"))), SIDECARS),
        (pod(APP, container("proxy", "sidecar"), phase="Pending"), SIDECARS),
        (pod(APP, container(), **INJECTED), SIDECARS),
        (pod(container("proxy", "waypoint", "--domain")), WAYPOINTS),
        (pod(container("proxy", "ztunnel")), ZTUNNEL),
        (pod(container("proxy", "router")), None),
        (pod(container("proxy", "router"), **INJECTED), None),
        (pod(container()), None),
        (pod(APP, init=(INIT,), **INJECTED), None),
        (pod(APP), None),
        (pod(container("proxy", "sidecar"), phase="Succeeded"), None),
        (pod(container("proxy", "sidecar"), phase="Failed"), None),
        (pod(container("proxy", "sidecar"), deletionTimestamp="2026-01-01T00:00:00Z"), None),
        ({"metadata": {"name": "bare"}}, None),
    ],
)
def test_which_pods_hold_a_proxy(obj: Obj, kind: str | None) -> None:
    found = proxy_of(obj)
    assert (found.kind if found else None) == kind
    if found:
        assert (found.namespace, found.pod, found.container, found.node) == ("shop", "web-1", "istio-proxy", "node-1")
        assert found.requests == Amount(100, 128)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"cpu": "100m", "memory": "128Mi"}, Amount(100, 128)),
        ({"cpu": "2", "memory": "1Gi"}, Amount(2000, 1024)),
        ({"cpu": "1500000n", "memory": "52428800"}, Amount(1.5, 50)),
        ({"memory": "1G"}, Amount(0, 953.67431640625)),
        ({"cpu": "much", "ephemeral-storage": "1Gi"}, Amount()),
        ({}, Amount()),
    ],
)
def test_quantities_as_millicores_and_mebibytes(values: Obj, expected: Amount) -> None:
    assert amount(values) == expected


def test_use_by_pod_and_container() -> None:
    usage = {"cpu": "2500000n", "memory": "40960Ki"}
    metrics: list[Obj] = [
        {"metadata": {"name": "a", "namespace": "shop"}, "containers": [{"name": "istio-proxy", "usage": usage}]},
        {"metadata": {"name": "b", "namespace": "shop"}, "containers": None},
    ]
    assert usage_of(metrics) == {("shop", "a"): {"istio-proxy": Amount(2.5, 40)}, ("shop", "b"): {}}


def test_captured_pods_by_namespace() -> None:
    yes: Obj = {"annotations": {"ambient.istio.io/redirection": "enabled"}}
    no: Obj = {"annotations": {"ambient.istio.io/redirection": "pending"}}
    pods = [pod(APP, **yes), pod(APP, **yes), pod(APP, **no), pod(APP), pod(APP, **yes, namespace="media")]
    assert captured_in(pods) == {"shop": 2, "media": 1}


VALUES = {"global": {"proxy": {"resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}}}}


@pytest.mark.parametrize(
    ("values", "annotations", "expected"),
    [
        (VALUES, None, Amount(100, 128)),
        (VALUES, {"sidecar.istio.io/proxyCPU": "50m"}, Amount(50, 0)),
        (VALUES, {"sidecar.istio.io/proxyMemory": "64Mi", "sidecar.istio.io/proxyCPULimit": "1"}, Amount(1000, 64)),
        (VALUES, {"sidecar.istio.io/proxyMemoryLimit": "1Gi"}, Amount(0, 1024)),
        (VALUES, {"other": "1"}, Amount(100, 128)),
        ({"global": {"proxy": {}}}, None, Amount()),
        ({}, {"sidecar.istio.io/proxyCPU": "1", "sidecar.istio.io/proxyMemory": "1Mi"}, Amount(1000, 1)),
    ],
)
def test_what_the_injector_gives(values: Obj, annotations: dict[str, str] | None, expected: Amount) -> None:
    assert sidecar_requests(values, annotations) == expected
