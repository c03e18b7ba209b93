# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that were killed in the middle, and releases that somebody left unfinished."""

from __future__ import annotations

import subprocess
import time

import pytest

from .conftest import Mesh, steps, until


def _kill_at(mesh: Mesh, status: str, **options: object) -> None:
    """Start a run, and kill it with everything below it as soon as a release has that status."""
    with mesh.playbooks.start(mesh.task(**options)) as running:
        until(f"a release is {status}", lambda: any(s.startswith(status) for _revision, s in mesh.releases().values()))
        running.kill()


def test_killed_while_installing(empty: Mesh) -> None:
    _kill_at(empty, "pending-install")
    resumed = empty().ok()
    assert resumed.changed == 1
    assert set(empty.releases()) == {"istio-base", "istiod", "istio-cni", "ztunnel"}
    assert {status for _revision, status in empty.releases().values()} == {"deployed"}
    assert empty().ok().changed == 0


@pytest.mark.parametrize("status", ["pending-upgrade"])
def test_killed_while_upgrading(ambient: Mesh, status: str) -> None:
    newer = ambient.cluster.versions["next"]
    _kill_at(ambient, status, version=newer)
    resumed = ambient(version=newer).ok()
    assert resumed.result["mesh"]["version"] == newer
    assert {status for _revision, status in ambient.releases().values()} == {"deployed"}
    assert ambient(version=newer).ok().changed == 0


def test_pending_by_another_helm(ambient: Mesh) -> None:
    """A pending record that is not ours may be somebody's at work: refused while fresh, recovered once abandoned."""
    record = _mark_pending(ambient, "istio-cni")
    refused = ambient(wait=False)
    assert refused.failed == 1
    assert refused.result["error"] == "GuardRefused" and "istio-cni" in refused.result["msg"]
    recovered = ambient(pending_grace=0).ok()
    assert steps(recovered)["release/istio-cni"]["action"] == "recover"
    assert "rolled back to revision" in " ".join(steps(recovered)["release/istio-cni"]["notes"])
    assert record not in ambient.kubectl(
        "get", "secrets", "-n", "istio-system", "-l", "status=pending-upgrade", "-o", "name"
    )
    assert ambient().ok().changed == 0


def _mark_pending(mesh: Mesh, release: str) -> str:
    """A second, unfinished revision of a release, as a helm that died leaves it. Returns its Secret's name."""
    helm = mesh.cluster.programs["helm"]
    command = [helm, "--kubeconfig", mesh.cluster.kubeconfig, "upgrade", release, "cni", "--repo", mesh.cluster.charts]
    command += ["--version", mesh.cluster.versions["current"], "-n", "istio-system", "--reuse-values"]
    command += ["--set", "cni.resources.requests.cpu=101m", "--wait", "--set", "tag=does-not-exist", "--timeout", "60s"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until("helm is at work", lambda: mesh.releases()[release][1] == "pending-upgrade")
            time.sleep(1)
        finally:
            process.kill()
    # It was ours before, and helm hands labels on from revision to revision.
    name = f"sh.helm.release.v1.{release}.v{mesh.releases()[release][0]}"
    mesh.kubectl("label", "secret", name, "-n", "istio-system", "meshwright.io/writer-")
    return name
