# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`state: rendered` by Sail: resources for the operator's release that is named, with no cluster at hand."""

from __future__ import annotations

from typing import Any

from ..support.playbook import Playbooks
from .conftest import SailMesh


def task(**options: Any) -> dict[str, Any]:
    given = {
        "state": "rendered",
        "method": "sail",
        "update_strategy": "revision_based",
        "version": "1.28.3",
        "kubernetes_version": "1.34",
        "gateway_api": {"manage": False},
        **options,
    }
    return {"meshwright.istio.istio_mesh": given}


def groups(answer: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {group["name"]: group["objects"] for group in answer["rendered"]}


def test_resources_offline(offline_playbook: Playbooks) -> None:
    old = groups(offline_playbook(task(operator={"install": "none", "version": "1.28.3"})).ok().result)
    assert list(old) == ["namespaces", "istio", "istio-cni", "ztunnel", "tags"]
    assert [obj["metadata"]["name"] for obj in old["namespaces"]] == ["istio-system", "istio-cni", "ztunnel"]
    spec = old["ztunnel"][0]["spec"]
    assert "targetRef" not in spec and spec["values"]["ztunnel"]["revision"] == "default-v1-28-3"
    new = groups(offline_playbook(task(operator={"install": "none", "version": "1.30.3"})).ok().result)
    assert new["ztunnel"][0]["spec"]["targetRef"] == {"kind": "IstioRevision", "name": "default-v1-28-3"}
    assert new["istio"] == old["istio"]


def test_olm_offline(offline_playbook: Playbooks) -> None:
    found = groups(offline_playbook(task(platform="openshift")).ok().result)
    assert [obj["kind"] for obj in found["sail-operator"]] == ["Subscription"]
    assert found["ztunnel"][0]["spec"]["namespace"] == "kube-system"
    named = groups(offline_playbook(task(operator={"install": "olm", "version": "1.28.3"})).ok().result)
    assert [obj["kind"] for obj in named["sail-operator"]] == ["OperatorGroup", "Subscription"]
    assert named["sail-operator"][1]["spec"]["startingCSV"] == "sailoperator.v1.28.3"


def test_with_the_operators_chart(mesh: SailMesh, offline_playbook: Playbooks) -> None:
    offline_playbook.path = mesh.playbooks.path
    charts = {"repository": mesh.cluster.charts}
    found = groups(offline_playbook(task(operator={"version": "1.28.3", "charts": charts})).ok().result)
    kinds = {obj["kind"] for obj in found["sail-operator"]}
    assert {"CustomResourceDefinition", "Deployment", "ClusterRole"} <= kinds
    refused = offline_playbook(task(version="1.25.5", operator={"version": "1.28.3", "charts": charts}))
    assert refused.failed == 1 and "past its end of life" in refused.result["msg"]
