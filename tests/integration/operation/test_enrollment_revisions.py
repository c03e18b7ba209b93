# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mesh_enrollment between revisions of sidecars: only what is on another revision is moved, by revision or by tag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..support.embedded import Kubectl
from .conftest import NEW, OLD, Mesh, deployed, injected, workload


def generations(kubectl: Kubectl, namespace: str) -> dict[str, int]:
    found = kubectl.json("-n", namespace, "get", "deployments")["items"]
    return {item["metadata"]["name"]: item["metadata"]["generation"] for item in found}


def test_only_workloads_on_another_revision_are_moved(mesh: Mesh, old: str, tmp_path: Path) -> None:
    kubectl = mesh.kubectl
    deployed(kubectl, old, workload("Deployment", old, "a"), workload("Deployment", old, "b"))
    kubectl("label", "namespace", old, f"istio.io/rev={NEW}", "--overwrite")
    # It comes late, and is where it shall be.
    deployed(kubectl, old, workload("Deployment", old, "late"))
    kubectl("label", "namespace", old, f"istio.io/rev={OLD}", "--overwrite")
    playbook = mesh.cluster.playbooks(tmp_path)

    def enroll(**asked: Any) -> Any:
        return playbook({"meshwright.istio.mesh_enrollment": {"namespaces": [old], **asked}})

    unknown = enroll(mode="sidecar", revision="nope")
    assert unknown.failed == 1
    assert all(name in unknown.result["msg"] for name in ("nope", OLD, NEW))
    mesh.tag("prod", NEW)
    moved = enroll(mode="sidecar", revision="prod").ok()
    assert sorted(moved.result["restarted"]) == [f"Deployment {old}/a", f"Deployment {old}/b"]
    assert set(injected(kubectl, old).values()) == {NEW}
    assert generations(kubectl, old) == {"a": 2, "b": 2, "late": 1}
    assert enroll(mode="sidecar", revision="prod").ok().changed == 0
    # The tag moves, the label stays: pods are behind, and are found.
    mesh.tag("prod", OLD)
    assert enroll(mode="sidecar", revision="prod").ok().changed == 1
    assert set(injected(kubectl, old).values()) == {OLD}
    assert generations(kubectl, old) == {"a": 3, "b": 3, "late": 2}
    enroll(state="returned").ok()
    labels = kubectl.json("get", "namespace", old)["metadata"]["labels"]
    assert labels["istio.io/rev"] == OLD
