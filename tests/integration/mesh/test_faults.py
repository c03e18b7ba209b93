# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input and faults: each ends with a message that names the thing and the way out, before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..support.playbook import Playbooks, Run
from .conftest import Mesh


def failed(run: Run, error: str, *words: str) -> dict[str, Any]:
    assert run.failed == 1, run.text
    result = run.result
    assert result.get("error") == error, result
    for word in words:
        assert word in result["msg"], result["msg"]
    return result


def test_an_unknown_option_value(empty: Mesh) -> None:
    run = empty(mode="sidecars")
    assert run.failed == 1
    assert "value of mode must be one of: ambient, sidecar" in run.result["msg"]


BAD_INPUT: list[tuple[dict[str, Any], list[str]]] = [
    ({"version": None}, ["version is required"]),
    ({"version": "1.31"}, ["1.31", "not a full version"]),
    ({"version": "1.20.0"}, ["1.20.0", "older than this module can install"]),
    ({"state": "rendered"}, ["kubernetes_version is required"]),
    ({"charts": {"oci": "registry.example.com/istio"}}, ["charts.oci", "oci://"]),
    ({"charts": {"path": "/nowhere"}}, ["charts.path", "/nowhere"]),
    (
        {"cluster_name": "a", "values": {"istiod": {"global": {"multiCluster": {"clusterName": "b"}}}}},
        ["cluster_name", "values.istiod.global.multiCluster.clusterName"],
    ),
    ({"discovery_selectors": [{"matchLabels": {"team": "a"}}]}, ["discovery_selectors", "istio-system"]),
    ({"gateway_api": {"source": "/nowhere.yaml"}}, ["gateway_api.source", "/nowhere.yaml"]),
]


def test_bad_input(empty: Mesh) -> None:
    before = empty.inventory()
    tasks = [{**empty.task(**options), "ignore_errors": True} for options, _words in BAD_INPUT]
    results = empty.playbooks(tasks).of("istio_mesh")
    assert len(results) == len(BAD_INPUT)
    for (options, words), result in zip(BAD_INPUT, results, strict=True):
        assert result.get("error") == "BadInput", (options, result)
        for word in words:
            assert word in result["msg"], (options, result["msg"])
    assert empty.inventory() == before


def test_an_unreachable_server(mesh: Mesh) -> None:
    task = mesh.task(host="https://127.0.0.1:1", wait_timeout=0)
    task["meshwright.istio.istio_mesh"]["kubeconfig"] = mesh.cluster.kubeconfig
    run = mesh.playbooks(task)
    assert run.failed == 1
    assert run.result["error"] == "Unreachable"
    assert "127.0.0.1:1" in run.result["msg"]


def test_a_bad_context(mesh: Mesh) -> None:
    failed(mesh(context="nonesuch"), "BadInput", "nonesuch", mesh.cluster.context)


def test_missing_permissions(empty: Mesh) -> None:
    """The first thing that may not be read is named, with the verb."""
    result = failed(empty(context=f"{empty.cluster.context}-nobody"), "Forbidden", "nobody may not", "Bind it a")
    asked = ("secrets", "namespaces", "customresourcedefinitions", "configmaps")
    assert any(f"{verb} {resource}" in result["msg"] for verb in ("get", "list") for resource in asked), result["msg"]


def test_permissions_to_read_are_not_enough(empty: Mesh) -> None:
    """Who may read everything but write nothing learns which permissions are missing before the first write."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "mesh-reader"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
    }
    user = empty.kubectl.json("auth", "whoami", "--context", f"{empty.cluster.context}-nobody")["status"]["userInfo"]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "mesh-reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "mesh-reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user["username"]}],
    }
    empty.kubectl.apply(role, binding)
    try:
        before = empty.inventory()
        failed(empty(context=f"{empty.cluster.context}-nobody"), "Forbidden", "namespaces")
        assert empty.inventory() == before
    finally:
        empty.kubectl("delete", "clusterrolebinding,clusterrole", "mesh-reader")


def test_a_missing_helm(empty: Mesh) -> None:
    before = empty.inventory()
    failed(empty(helm_binary="helm-that-is-not-there"), "ToolError", "helm-that-is-not-there", "https://helm.sh")
    assert empty.inventory() == before


def test_a_chart_that_cannot_be_fetched(empty: Mesh) -> None:
    before = empty.inventory()
    result = failed(empty(version="1.31.99"), "ToolError", "1.31.99", empty.cluster.charts)
    assert empty.cluster.versions["current"] in result["versions"]
    failed(empty(charts={"repository": "http://127.0.0.1:1/charts"}), "ToolError", "http://127.0.0.1:1/charts")
    assert empty.inventory() == before


def test_the_password_of_a_repository_stays_out_of_everything(empty: Mesh) -> None:
    charts = {"repository": "http://127.0.0.1:1/charts", "username": "me", "password": "open-sesame"}
    run = empty.playbooks(empty.task(charts=charts), args=["-vvv"])
    assert run.failed == 1
    assert "open-sesame" not in run.text


def test_pods_that_never_become_ready(empty: Mesh) -> None:
    result = failed(
        empty(tag="does-not-exist", wait_timeout=8),
        "SettleTimeout",
        "Deployment istio-system/istiod",
        "ImagePullBackOff",
    )
    assert any("istiod" in entry["object"] for entry in result["unready"])
    assert [step["step"] for step in result["steps"]][-1] == "release/ztunnel"
    # The mended request goes through.
    assert empty().ok().changed == 1
    assert empty().ok().changed == 0


def test_whatever_kubeconfig_says_helm_goes_where_ansible_goes(empty: Mesh, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("apiVersion: v1\nkind: Config\nclusters: []\n", encoding="utf-8")
    env = {"KUBECONFIG": str(elsewhere), "HELM_KUBEAPISERVER": "https://127.0.0.1:1", "HELM_NAMESPACE": "elsewhere"}
    assert empty(env=env, mode="sidecar").ok().changed == 1
    assert empty(env=env, mode="sidecar").ok().changed == 0


def test_objects_of_another_tool_are_named_and_refused(empty: Mesh) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": "istiod",
            "namespace": "istio-system",
            "annotations": {"argocd.argoproj.io/tracking-id": "mesh:/ServiceAccount:istio-system/istiod"},
        },
    }
    empty.kubectl("create", "namespace", "istio-system")
    empty.kubectl.apply(account)
    try:
        failed(empty(), "GuardRefused", "Argo CD (mesh)", "ServiceAccount istio-system/istiod", "take_ownership")
        assert empty(take_ownership=True, mode="sidecar").ok().changed == 1
    finally:
        empty.gone()
        empty.kubectl("delete", "namespace", "istio-system", "--ignore-not-found")


def test_rendered_needs_no_cluster(mesh: Mesh, offline_playbook: Playbooks) -> None:
    helm = mesh.cluster.programs["helm"]
    task = mesh.task(state="rendered", kubernetes_version="1.34", helm_binary=helm)
    result = offline_playbook(task).ok().result
    assert [group["name"] for group in result["rendered"]] == [
        "namespaces",
        "istio-base",
        "gateway-api",
        "istiod",
        "istio-cni",
        "ztunnel",
    ]
    kinds = {obj["kind"] for group in result["rendered"] for obj in group["objects"]}
    assert {"Namespace", "CustomResourceDefinition", "Deployment", "DaemonSet"} <= kinds
