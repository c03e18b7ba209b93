# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who uses a revision, on a cluster where istiod injects and makes waypoints."""

from __future__ import annotations

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.usage import read_usage
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from ..support.embedded import Kubectl
from .conftest import NEW, OLD, Mesh, deployed, until, workload


def mine(uses: list[str], namespace: str) -> list[str]:
    """What of it is this test's own."""
    return [use for use in uses if namespace in use or use.startswith("tag ")]


def test_each_way_to_use_a_revision_is_found_and_moves_with_its_tag(
    mesh: Mesh, client: Client, namespace: str, kubectl: Kubectl
) -> None:
    mesh.tag("prod", OLD)
    try:
        kubectl("label", "namespace", namespace, "istio.io/rev=prod")
        deployed(kubectl, namespace, workload("Deployment", namespace, "web"))
        kubectl.apply(
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "Gateway",
                "metadata": {"name": "waypoint", "namespace": namespace},
                "spec": {
                    "gatewayClassName": "istio-waypoint",
                    "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
                },
            }
        )
        waypoint = f"Deployment {namespace}/waypoint"
        until("istiod makes the waypoint", lambda: waypoint in read_usage(client).pods_on(OLD))
        usage = read_usage(client)
        assert {OLD, NEW} <= usage.revisions
        assert usage.resolve("prod") == OLD
        assert mine(usage.of(OLD), namespace) == [
            "tag prod",
            f"Namespace {namespace} (istio.io/rev=prod)",
            f"Gateway {namespace}/waypoint",
            f"Deployment {namespace}/waypoint (1 pod)",
            f"Deployment {namespace}/web (2 pods)",
        ]
        assert mine(usage.of(NEW), namespace) == []
        mesh.tag("prod", NEW)
        until("istiod moves the waypoint", lambda: waypoint in read_usage(client).pods_on(NEW))
        until("the old waypoint's pod goes", lambda: waypoint not in read_usage(client).pods_on(OLD))
        # What runs stays where it is until it is restarted.
        moved = read_usage(client)
        assert mine(moved.of(OLD), namespace) == [f"Deployment {namespace}/web (2 pods)"]
        assert moved.namespaces_on("prod") == [namespace]
        assert namespace in moved.namespaces_on(NEW)
    finally:
        kubectl("delete", "mutatingwebhookconfiguration", "istio-revision-tag-prod", "--ignore-not-found")
