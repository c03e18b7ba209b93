# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mesh that somebody else installed, taken over without being installed anew."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from ..support.embedded import Embedded
from .conftest import Mesh, steps

SYSTEM = "istio-system"
CHARTS = {"base": "istio-base", "istiod": "istiod", "cni": "istio-cni", "ztunnel": "ztunnel"}
# What mode: ambient sets, so that the pod templates can be the same.
PROFILE = {"istiod": ["--set=profile=ambient"], "cni": ["--set=profile=ambient"]}


def _helm(mesh: Mesh, *args: str) -> str:
    programs = mesh.cluster.programs
    command = [programs["helm"], f"--kubeconfig={mesh.cluster.kubeconfig}", f"--namespace={SYSTEM}", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _from(mesh: Mesh, chart: str) -> list[str]:
    return [chart, f"--repo={mesh.cluster.charts}", f"--version={mesh.cluster.versions['current']}"]


def _pods(mesh: Mesh) -> dict[str, str]:
    found = mesh.kubectl.json("get", "pods", "-n", SYSTEM)["items"]
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found}


def _uids(mesh: Mesh) -> dict[str, str]:
    kinds = "deployments,daemonsets,services,serviceaccounts,configmaps"
    found = mesh.kubectl.json("get", kinds, "-n", SYSTEM)["items"]
    found += mesh.kubectl.json("get", "mutatingwebhookconfigurations,validatingwebhookconfigurations,crds")["items"]
    return {f"{obj['kind']} {obj['metadata']['name']}": obj["metadata"]["uid"] for obj in found}


def _ready(mesh: Mesh) -> None:
    for name in ("deployment/istiod", "daemonset/istio-cni-node", "daemonset/ztunnel"):
        mesh.kubectl("rollout", "status", name, "-n", SYSTEM, "--timeout=90s")


@pytest.fixture(autouse=True, scope="module")
def nothing_of_others(mesh_cluster: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was made without the module, and so is left by it, is gone when these tests are done."""
    yield
    mesh = Mesh(mesh_cluster, mesh_cluster.playbooks(tmp_path_factory.mktemp("after")))
    mesh.gone()
    mesh.kubectl("delete", "namespace", SYSTEM, "--ignore-not-found")
    mesh.kubectl("delete", "-f", mesh.cluster.gateway_api, "--ignore-not-found")


@pytest.mark.parametrize("prefix", ["", "my-"])
def test_installed_by_helm(empty: Mesh, prefix: str) -> None:
    """Under our names it is ours; under others it is refused by name, and taken over when told to."""
    empty.kubectl("apply", "--server-side", "-f", empty.cluster.gateway_api)
    for chart, release in CHARTS.items():
        wait = [] if chart == "base" else ["--wait", "--timeout=90s"]
        name = f"{prefix}{release}"
        _helm(empty, "install", name, *_from(empty, chart), "--create-namespace", *PROFILE.get(chart, []), *wait)
    pods, uids = _pods(empty), _uids(empty)
    if prefix:
        refused = empty()
        assert refused.failed == 1 and refused.result["error"] == "GuardRefused"
        assert f"Helm release {SYSTEM}/my-istiod" in refused.result["msg"]
        assert "take_ownership" in refused.result["msg"]
        planned = empty(take_ownership=True, check=True).ok()
        assert {f"record/my-{name}" for name in CHARTS.values()} <= steps(planned).keys()
        assert set(empty.releases()) == {f"my-{name}" for name in CHARTS.values()}
        taken = empty(take_ownership=True).ok()
        assert taken.changed == 1
        assert steps(taken)["record/my-istiod"]["action"] == "update"
    else:
        assert empty().ok().changed == 0
    assert set(empty.releases()) == set(CHARTS.values())
    assert empty().ok().changed == 0
    assert uids.items() <= _uids(empty).items()
    if not prefix:
        assert _pods(empty) == pods


def test_a_release_of_another_chart_is_not_taken(empty: Mesh, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where istiod is a part of somebody's own chart, its release holds more than a mesh."""
    chart = tmp_path_factory.mktemp("own") / "platform"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: platform\nversion: 1.0.0\n", encoding="utf-8")
    rendered = _helm(empty, "template", "platform", *_from(empty, "istiod"))
    (chart / "templates" / "all.yaml").write_text(
        "\n".join(f"---\n{{{{ {json.dumps(json.dumps(obj))} }}}}" for obj in yaml.safe_load_all(rendered) if obj),
        encoding="utf-8",
    )
    _helm(empty, "install", "platform", str(chart), "--create-namespace")
    try:
        refused = empty(take_ownership=True)
        assert refused.failed == 1 and refused.result["error"] == "GuardRefused"
        assert f"{SYSTEM}/platform" in refused.result["msg"] and "chart platform" in refused.result["msg"]
        assert set(empty.releases()) == {"platform"}
    finally:
        _helm(empty, "uninstall", "platform")


@pytest.mark.parametrize("ours", [True, False])
def test_made_without_helm(empty: Mesh, ours: bool) -> None:
    """As istioctl does it: the charts rendered, and applied. What has our names in its pods is not even restarted."""
    empty.kubectl("apply", "--server-side", "-f", empty.cluster.gateway_api)
    empty.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    for chart, release in CHARTS.items():
        # istioctl calls every release istio, which shows in the labels of pods.
        text = _helm(empty, "template", release if ours else "istio", *_from(empty, chart), *PROFILE.get(chart, []))
        objects = [obj for obj in yaml.safe_load_all(text) if obj]
        for obj in objects:
            obj["metadata"].setdefault("labels", {})["operator.istio.io/managed"] = "Reconcile"
        items = {"apiVersion": "v1", "kind": "List", "items": objects}
        empty.kubectl("apply", "--server-side", "-n", SYSTEM, "-f", "-", stdin=json.dumps(items, default=str))
    _ready(empty)
    pods, uids = _pods(empty), _uids(empty)

    refused = empty()
    assert refused.failed == 1 and "istioctl" in refused.result["msg"]
    assert empty(take_ownership=True).ok().changed == 1
    _ready(empty)
    assert uids.items() <= _uids(empty).items()
    assert (_pods(empty) == pods) == ours
    assert set(empty.releases()) == set(CHARTS.values())
    assert empty().ok().changed == 0


def test_kept_by_argo_cd(ambient: Mesh) -> None:
    """Named and refused: two tools would undo each other."""
    name = "argocd.argoproj.io/tracking-id"
    told = f"{name}=mesh:apps/Deployment:{SYSTEM}/istiod"
    ambient.kubectl("annotate", "deployment", "istiod", "-n", SYSTEM, told)
    try:
        refused = ambient(cluster_name="other")
        assert refused.failed == 1 and "Argo CD (mesh)" in refused.result["msg"]
    finally:
        ambient.kubectl("annotate", "deployment", "istiod", "-n", SYSTEM, f"{name}-")
