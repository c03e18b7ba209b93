# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An ambient mesh by Helm: predicted, installed, found in order, changed, removed without a trace."""

from __future__ import annotations

from typing import Any

from ..support.playbook import Run
from .conftest import Mesh, steps, until

RELEASES = {"istio-base", "istiod", "istio-cni", "ztunnel"}


def actions(run: Run) -> set[str]:
    return {step["action"] for step in run.result["steps"]}


def test_check_apply_check_apply(empty: Mesh) -> None:
    before = empty.inventory()

    predicted = empty(check=True, diff=True).ok()
    assert predicted.changed == 1
    assert [step["step"] for step in predicted.result["steps"]] == [
        "Namespace istio-system",
        "release/istio-base",
        "gateway-api",
        "release/istiod",
        "release/istio-cni",
        "release/ztunnel",
    ]
    assert actions(predicted) == {"create"}
    told = {name: step["predicted_by"] for name, step in steps(predicted).items()}
    assert told["Namespace istio-system"] == told["gateway-api"] == "server"
    # What goes into a namespace that does not exist yet is judged as if it stood in another.
    assert told["release/ztunnel"] == "schema"
    shown = {entry["after_header"]: entry["after"] for entry in predicted.result["diff"]}
    assert shown.keys() == steps(predicted).keys()
    assert "Deployment istio-system/istiod" in shown["release/istiod"]
    crd = shown["release/istio-base"]["CustomResourceDefinition virtualservices.networking.istio.io"]
    assert crd["versions"]["v1"]["served"] is True and "spec" not in crd
    assert len(str(predicted.result["diff"])) < 400_000
    assert empty.inventory() == before, "check mode wrote something"

    applied = empty().ok()
    assert applied.changed == 1
    assert [step["step"] for step in applied.result["steps"]] == [step["step"] for step in predicted.result["steps"]]
    assert applied.result["mesh"]["components"].keys() == {"base", "istiod", "cni", "ztunnel"}
    assert applied.result["mesh"]["version"] == empty.cluster.versions["current"]
    assert {name: status for name, (_rev, status) in empty.releases().items()} == dict.fromkeys(RELEASES, "deployed")

    for check in (True, False):
        again = empty(check=check, diff=True).ok()
        assert again.changed == 0
        assert actions(again) == {"none"}
        assert again.result["diff"] == []
    assert all(revision == 1 for revision, _status in empty.releases().values()), "helm wrote without need"

    objects = empty.inventory()
    assert not any("meshwright-istio-mesh" in name for name in objects), "the Lease is left"


def test_nothing_to_do_needs_no_helm_and_no_charts(ambient: Mesh) -> None:
    task = ambient.task(
        helm_binary="/nowhere/helm",
        charts={"repository": "http://127.0.0.1:1/charts"},
        gateway_api={"source": ambient.cluster.gateway_api},
    )
    assert ambient.playbooks(task).ok().changed == 0


def test_values_reach_every_component_that_needs_them(ambient: Mesh) -> None:
    options: dict[str, Any] = {
        "cluster_name": "homelab",
        "network": "lan",
        "trust_domain": "mesh.example",
        "istiod": {"replicas": 2, "disruption_budget": {"min_available": "1"}, "env": {"PILOT_ENABLE_STATUS": "true"}},
        "tracing": {"service": "collector.observability.svc.cluster.local", "sampling": 25},
        "values": {"istiod": {"meshConfig": {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}}},
    }
    predicted = ambient(check=True, diff=True, **options).ok()
    assert steps(predicted)["release/istiod"]["action"] == "update"
    assert steps(predicted)["release/istiod"]["predicted_by"] == "server"
    assert steps(predicted)["release/istio-cni"]["action"] == "none"
    applied = ambient(**options).ok()
    assert steps(applied)["release/ztunnel"]["reason"].startswith("values differ: multiCluster.clusterName")
    assert ambient(**options).ok().changed == 0

    def env(kind: str, name: str) -> dict[str, str]:
        containers = ambient.kubectl.json("get", kind, name, "-n", "istio-system")["spec"]["template"]["spec"][
            "containers"
        ]
        return {entry["name"]: entry.get("value", "") for entry in containers[0]["env"]}

    assert env("deployment", "istiod")["CLUSTER_ID"] == "homelab"
    assert env("daemonset", "ztunnel")["ISTIO_META_CLUSTER_ID"] == "homelab"
    assert env("daemonset", "ztunnel")["NETWORK"] == "lan"
    space = ambient.kubectl.json("get", "namespace", "istio-system")
    assert space["metadata"]["labels"]["topology.istio.io/network"] == "lan"
    config = ambient.kubectl.json("get", "configmap", "istio", "-n", "istio-system")["data"]["mesh"]
    for line in (
        "trustDomain: mesh.example",
        "mode: REGISTRY_ONLY",
        "service: collector.observability.svc.cluster.local",
    ):
        assert line in config
    assert ambient.kubectl.json("get", "pdb", "istiod", "-n", "istio-system")["spec"]["minAvailable"] == 1
    back = ambient().ok()
    assert back.changed == 1
    assert ambient().ok().changed == 0


def test_removed_to_nothing_left(empty: Mesh) -> None:
    before = empty.inventory()
    empty().ok()
    # Only purge takes the policies; the mesh itself goes without it.
    kept = empty(state="absent").ok()
    assert kept.changed == 1
    assert {name: step["action"] for name, step in steps(kept).items() if name.startswith("release/")} == {
        f"release/{name}": "delete" for name in RELEASES
    }
    left = empty.inventory() - before
    kinds = {name.split("/")[0] for name in left}
    assert kinds <= {
        "CustomResourceDefinition",
        "Namespace",
        "ServiceAccount",
        "ConfigMap",
        "Secret",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }, left
    assert not any("WebhookConfiguration" in name or "istio-ca-root-cert" in name for name in left)
    assert empty(state="absent").ok().changed == 0
    assert empty(state="absent", purge=True, check=True).ok().changed == 1
    assert empty(state="absent", purge=True).ok().changed == 1
    until("all is as before", lambda: empty.inventory() <= before)
    assert empty(state="absent", purge=True).ok().changed == 0


def test_absent_is_refused_while_namespaces_are_enrolled(ambient: Mesh) -> None:
    ambient.kubectl("create", "namespace", "enrolled")
    ambient.kubectl("label", "namespace", "enrolled", "istio.io/dataplane-mode=ambient")
    try:
        refused = ambient(state="absent")
        assert refused.failed == 1
        assert "Namespace enrolled (ambient)" in refused.result["msg"]
        assert refused.result["error"] == "GuardRefused"
        assert ambient.releases().keys() == RELEASES
    finally:
        ambient.kubectl("delete", "namespace", "enrolled")
