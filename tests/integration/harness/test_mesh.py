# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The harness's promises about Istio: real istiods, real admission, simulators that mean something."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness import processes, state
from tests.harness.api import ApiError

from .support import Site, eventually, in_sync, is_ready, waiting

REJECT = "harness.meshwright.io/reject"
REDIRECTION = "ambient.istio.io/redirection"
VIRTUAL_SERVICES = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"


def virtual_service(weight: int) -> dict[str, object]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": f"weight{weight}"},
        "spec": {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "a"}, "weight": weight}]}]},
    }


def kubectl(site: Site, *arguments: str, kubeconfig: str = "") -> str:
    command = [site.state.programs["kubectl"], "--kubeconfig", kubeconfig or site.state.kubeconfig, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_istiod_is_real_and_of_the_charts_version(mesh: Site) -> None:
    istiod = mesh.istiod()
    assert is_ready(istiod)
    assert mesh.fetch("istio-system", istiod["metadata"]["name"], 15014, "/version").startswith("1.31.1-")
    assert f"istio-system.{istiod['metadata']['name']}" in mesh.processes()


def test_istiod_acts_as_its_service_account(mesh: Site) -> None:
    folder = state.folders(mesh.state.name).pods / f"istio-system.{mesh.istiod()['metadata']['name']}"
    found = json.loads(kubectl(mesh, "auth", "whoami", "-o", "json", kubeconfig=str(folder / "kubeconfig")))
    assert found["status"]["userInfo"]["username"] == "system:serviceaccount:istio-system:istiod"


def test_istiods_log_is_the_pods_log(mesh: Site) -> None:
    name = mesh.istiod()["metadata"]["name"]
    log = eventually("log", lambda: kubectl(mesh, "logs", "-n", "istio-system", name))
    assert "Istiod" in log or "istiod" in log


def test_bad_configuration_is_rejected_by_the_real_webhook(mesh: Site) -> None:
    mesh.api.request("POST", VIRTUAL_SERVICES, virtual_service(1))
    with pytest.raises(ApiError, match=r"validation\.istio\.io.*weight -3 < 0"):
        mesh.api.request("POST", VIRTUAL_SERVICES, virtual_service(-3))


def test_a_sidecar_is_injected_in_sync_and_able_to_reject(mesh: Site) -> None:
    mesh.namespace("sidecars", istio_injection="enabled")
    mesh.pod("sidecars", "web")
    eventually("Ready", lambda: is_ready(mesh.get_pod("sidecars", "web")))
    status = mesh.get_pod("sidecars", "web")["status"]
    proxy = {each["name"]: each for each in status["initContainerStatuses"]}["istio-proxy"]
    assert (proxy["ready"], proxy["started"], list(proxy["state"])) == (True, True, ["running"])
    assert [each["ready"] for each in status["containerStatuses"]] == [True]

    eventually("in sync", lambda: (found := mesh.syncz().get("web.sidecars")) and in_sync(found))
    mesh.patch_pod("sidecars", "web", {"metadata": {"annotations": {REJECT: "cds"}}})

    def error() -> str:
        resources = mesh.syncz().get("web.sidecars", {}).get("resources", {})
        return str(next((each.get("lastError", "") for url, each in resources.items() if url.endswith("Cluster")), ""))

    assert "simulated rejection of CDS" in eventually("rejected", error)
    metrics = mesh.fetch("istio-system", mesh.istiod()["metadata"]["name"], 15014, "/metrics")
    assert 'pilot_total_xds_rejects{type="cds"}' in metrics

    mesh.patch_pod("sidecars", "web", {"metadata": {"annotations": {REJECT: None}}})
    eventually("in sync again", lambda: (found := mesh.syncz().get("web.sidecars")) and in_sync(found))


def test_ztunnels_are_in_sync(mesh: Site) -> None:
    names = {f"{pod['metadata']['name']}.istio-system" for pod in mesh.pods("istio-system", "app=ztunnel")}
    assert len(names) == 3

    def synced() -> bool:
        found = mesh.syncz()
        return all(name in found and in_sync(found[name]) for name in names)

    eventually("ztunnels in sync", synced)


def test_redirection_is_annotated_and_removed(mesh: Site) -> None:
    def annotation() -> str | None:
        value = mesh.get_pod("ambient", "web")["metadata"].get("annotations", {}).get(REDIRECTION)
        return None if value is None else str(value)

    mesh.namespace("ambient", istio_io__dataplane_mode="ambient")
    labels = {"metadata": {"labels": {"istio.io/dataplane-mode": "ambient"}}}
    mesh.api.request("PATCH", "/api/v1/namespaces/ambient", labels, content_type="application/merge-patch+json")
    mesh.pod("ambient", "web")
    eventually("redirected", lambda: annotation() == "enabled")
    labels["metadata"]["labels"]["istio.io/dataplane-mode"] = "none"
    mesh.api.request("PATCH", "/api/v1/namespaces/ambient", labels, content_type="application/merge-patch+json")
    eventually("no longer redirected", lambda: annotation() is None)


def test_an_istiod_that_dies_is_not_ready_and_restarts(mesh: Site) -> None:
    name = mesh.istiod()["metadata"]["name"]
    record = mesh.processes()[f"istio-system.{name}"]
    before = mesh.istiod()["status"]["containerStatuses"][0]["restartCount"]
    os.kill(record.pid, signal.SIGKILL)
    crashed = eventually("not Ready", lambda: (pod := mesh.istiod()) and not is_ready(pod) and pod)
    assert crashed["status"]["containerStatuses"][0]["restartCount"] == before + 1
    eventually("Ready again", lambda: is_ready(mesh.istiod()))
    last = mesh.istiod()["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert last["exitCode"] == 128 + signal.SIGKILL
    with pytest.raises(ApiError, match=r"weight -4 < 0"):
        mesh.api.request("POST", VIRTUAL_SERVICES, virtual_service(-4))


def test_the_second_version_is_another_istiod_and_visibly_altered_charts(mesh: Site) -> None:
    mesh.install("istiod-next", "istiod", "revision=next", "profile=ambient", version="1.32.0")
    name = mesh.istiod("next")["metadata"]["name"]
    assert mesh.fetch("istio-system", name, 15014, "/version").startswith("1.32.0-")
    assert mesh.object("/api/v1/namespaces/istio-system/configmaps/istio-stand-in-next")["data"] == {
        "version": "1.32.0"
    }
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector-next"
    assert {each["timeoutSeconds"] for each in mesh.object(path)["webhooks"]} == {15}
    for version, altered in (("1.31.1", False), ("1.32.0", True)):
        text = mesh.helm("template", "base", "--repo", mesh.state.charts, "--version", version)
        assert ("harnessNote:" in text) is altered
    pid = mesh.processes()[f"istio-system.{name}"]
    mesh.helm("uninstall", "istiod-next", "--namespace", "istio-system")
    eventually("its process ended with the pod", lambda: not processes.alive(pid))


def test_an_istiod_image_that_is_not_built_cannot_be_pulled(mesh: Site) -> None:
    mesh.namespace("pulls")
    mesh.pod("pulls", "other", image="registry.example/pilot:9.9.9")
    eventually("ImagePullBackOff", lambda: waiting(mesh.get_pod("pulls", "other")) == "ImagePullBackOff")
    assert not is_ready(mesh.get_pod("pulls", "other"))


def test_memory_of_a_cluster_with_one_istiod(mesh: Site) -> None:
    total = sum(processes.resident_bytes(record.pid) for record in mesh.processes().values())
    assert total >> 20 < 1300


def test_charts_and_bundles_are_served(site: Site, tmp_path: Path) -> None:
    for version in site.state.versions.values():
        for chart in ("base", "istiod", "cni", "ztunnel", "gateway"):
            site.helm("pull", chart, "--repo", site.state.charts, "--version", version, "-d", str(tmp_path))
            assert (tmp_path / f"{chart}-{version}.tgz").stat().st_size > 1000
