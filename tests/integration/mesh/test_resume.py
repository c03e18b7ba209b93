# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that were killed in the middle, and releases that somebody left unfinished."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from .conftest import Mesh, steps
from .dying_helm import Moment, dying_helm

RELEASES = {"istio-base", "istiod", "istio-cni", "ztunnel"}


def _killed(mesh: Mesh, folder: Path, release: str, moment: Moment, **options: Any) -> None:
    """A run whose module is killed (kill -9), with its helm, at that moment of that release."""
    run = mesh(helm_binary=dying_helm(folder, mesh.cluster, release, moment), **options)
    assert run.failed == 1
    assert "error" not in run.result, f"it ended by itself: {run.result}"


def _whole(mesh: Mesh) -> bool:
    found = mesh.releases()
    return found.keys() == RELEASES and {status for _revision, status in found.values()} == {"deployed"}


@pytest.mark.parametrize(("release", "moment"), [("istio-base", "pending-install"), ("ztunnel", "before")])
def test_killed_while_installing(empty: Mesh, tmp_path: Path, release: str, moment: Moment) -> None:
    _killed(empty, tmp_path, release, moment)
    assert not _whole(empty)
    resumed = empty().ok()
    assert resumed.changed == 1
    expected = "create" if moment == "before" else "recover"
    assert steps(resumed)[f"release/{release}"]["action"] == expected
    assert _whole(empty)
    assert empty().ok().changed == 0


def test_killed_while_upgrading(ambient: Mesh, tmp_path: Path) -> None:
    newer = ambient.cluster.versions["next"]
    _killed(ambient, tmp_path, "istiod", "pending-upgrade", version=newer)
    assert ambient.releases()["istiod"][1] == "pending-upgrade"
    predicted = ambient(version=newer, check=True).ok()
    assert steps(predicted)["release/istiod"]["action"] == "recover"
    resumed = ambient(version=newer).ok()
    assert "rolled back to revision" in steps(resumed)["release/istiod"]["notes"][1]
    assert resumed.result["mesh"]["version"] == newer
    assert _whole(ambient)
    assert ambient(version=newer).ok().changed == 0


def test_killed_while_removing(ambient: Mesh, tmp_path: Path) -> None:
    _killed(ambient, tmp_path, "istio-cni", "before", state="absent")
    assert ambient.releases().keys() == RELEASES - {"ztunnel"}
    assert ambient(state="absent").ok().changed == 1
    assert not ambient.releases()
    assert ambient(state="absent").ok().changed == 0


def test_left_pending_by_another_helm(ambient: Mesh, tmp_path: Path) -> None:
    """It may be at work right now: refused while fresh, recovered once it counts as abandoned."""
    helm = dying_helm(tmp_path, ambient.cluster, "istio-cni", "pending-upgrade", with_starter=False)
    command = [helm, "upgrade", "istio-cni", "cni", "--kubeconfig", ambient.cluster.kubeconfig, "-n", "istio-system"]
    command += ["--repo", ambient.cluster.charts, "--version", ambient.cluster.versions["current"], "--reuse-values"]
    subprocess.run([*command, "--set", "cni.resources.requests.cpu=101m"], check=True, capture_output=True)
    revision, status = ambient.releases()["istio-cni"]
    assert status == "pending-upgrade"
    # The release was ours before, and helm hands its labels on from revision to revision.
    secret = f"sh.helm.release.v1.istio-cni.v{revision}"
    ambient.kubectl("label", "secret", secret, "-n", "istio-system", "meshwright.io/writer-")

    refused = ambient(wait=False)
    assert refused.failed == 1
    assert refused.result["error"] == "GuardRefused" and "istio-cni" in refused.result["msg"]
    recovered = ambient(pending_grace=0).ok()
    assert steps(recovered)["release/istio-cni"]["action"] == "recover"
    assert _whole(ambient)
    assert ambient().ok().changed == 0


def test_two_runs_at_once(empty: Mesh) -> None:
    """One goes first; the other plans anew and finds nothing to do, or next to nothing."""
    with empty.playbooks.start(empty.task()) as one, empty.playbooks.start(empty.task()) as other:
        runs = [one.wait().ok(), other.wait().ok()]
    assert sorted(run.changed for run in runs)[-1] == 1
    assert _whole(empty)
    assert {revision for revision, _status in empty.releases().values()} == {1}
    assert empty().ok().changed == 0


def test_another_run_at_work_is_named(ambient: Mesh) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "meshwright-istio-mesh", "namespace": "istio-system"},
        "spec": {"holderIdentity": "elsewhere/7/1", "leaseDurationSeconds": 30},
    }
    ambient.kubectl.apply(lease)
    done = threading.Event()

    def renew() -> None:
        turn = 0
        while not done.wait(2):
            turn += 1
            patch = {"metadata": {"annotations": {"turn": str(turn)}}}
            where = ("-n", "istio-system", "--type=merge", "-p", json.dumps(patch))
            ambient.kubectl("patch", "lease", "meshwright-istio-mesh", *where)

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        refused = ambient(mesh_id="other", wait_timeout=5)
        assert refused.failed == 1
        assert refused.result["error"] == "GuardRefused" and "elsewhere/7/1" in refused.result["msg"]
        # Where nothing is to be written, nobody is in the way.
        assert ambient(wait_timeout=5).ok().changed == 0
    finally:
        done.set()
        renewing.join()
        ambient.kubectl("delete", "lease", "meshwright-istio-mesh", "-n", "istio-system")
