# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What injected sidecars, waypoints and ztunnel cost, from pods that a real istiod made so."""

from __future__ import annotations

import json

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.proxies import (
    SIDECARS,
    WAYPOINTS,
    ZTUNNEL,
    Amount,
    sidecar_requests,
)
from ansible_collections.meshwright.istio.plugins.module_utils._checks.resources import Tally, compare
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_pages
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.accounting import account_resources

from ..harness.support import eventually
from ..support import modules
from .conftest import Enrollment, workload

ONE = Amount(100, 128)


def test_what_proxies_request(enrollment: Enrollment, monkeypatch: pytest.MonkeyPatch) -> None:
    client = enrollment.client()
    name, ambient = enrollment.namespace("sidecar"), enrollment.namespace("ambient")
    before = account_resources(client)
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    waypoint = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "waypoint", "namespace": ambient},
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": [listener]},
    }
    plain, _service = workload(ambient, "plain", replicas=1)
    own, _service = workload(name, "own", replicas=1)
    own["spec"]["template"]["metadata"]["annotations"] = {"sidecar.istio.io/proxyCPU": "1"}
    enrollment.deployed(name, *workload(name, "web", replicas=2), own)
    enrollment.deployed(ambient, plain, waypoint)
    monkeypatch.setattr(snapshot_pages, "_POD_PAGE", 1)
    after = eventually(
        "the waypoint", lambda: (found := account_resources(client)).of(ambient, WAYPOINTS).proxies and found
    )
    config = enrollment.kubectl.json("-n", "istio-system", "get", "configmap", "istio-sidecar-injector")["data"]
    assert sidecar_requests(json.loads(config["values"])) == ONE
    assert after.of(name, SIDECARS) == Tally(3, 0, Amount(1200, 256))
    assert dict(after.tallies[ambient]) == {WAYPOINTS: Tally(1, 0, ONE)}
    assert after.of("istio-system", ZTUNNEL) == Tally(3, 0, Amount(600, 1536))
    assert (after.nodes, after.ztunnel_nodes, after.unread) == (3, 3, "")
    assert after.unmeasured == "the cluster serves no metrics.k8s.io"
    change = compare(before, after).shown([name, ambient])["namespaces"]
    assert change[name]["sidecars"]["change"]["proxies"] == 3
    assert change[ambient]["waypoints"]["change"]["requested"] == {"cpu_millicores": 100, "memory_mib": 128}


def test_a_user_who_may_not_read_is_told_so(enrollment: Enrollment) -> None:
    nobody = modules.client(enrollment.cluster.kubeconfig, f"{enrollment.cluster.context}-nobody")
    assert "pods" in account_resources(nobody).unread
