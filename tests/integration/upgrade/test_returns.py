# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upgrades that are not made, or taken back: nothing of the new version stays, and the run fails with the reason."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

from ..mesh.dying_helm import dying_helm
from .conftest import PINNED, POLICY, SHOP, TAGGED, Used, deployment, shown

REJECT = "harness.meshwright.io/reject"


def test_check_mode_shows_the_whole_upgrade(used: Used) -> None:
    before = used.generations(), used.mesh.inventory()
    steps = shown(used.role(check=True).ok())
    expected = [
        "release/istio-base",
        f"release/istiod-{used.new}",
        "gate",
        "cni",
        "ztunnel",
        "tags",
        f"namespace/{PINNED}",
        f"namespace/{TAGGED}",
        f"waypoint/{SHOP}/waypoint",
        "finish",
    ]
    assert [step for step in steps if step in expected] == expected
    run = used.stage("canary", check=True).ok()
    assert shown(run) == steps
    reasons = {step["step"]: step["reason"] for step in run.result["steps"]}
    assert f"restart Deployment {TAGGED}/ledger, restart Deployment {TAGGED}/mailer" in reasons[f"namespace/{TAGGED}"]
    assert (used.generations(), used.mesh.inventory()) == before


def test_preflight_tells_all_that_speaks_against_it(used: Used) -> None:
    """All at once: a paused Deployment, a pod that nobody would make anew, one that names the old revision itself."""
    paused = deployment(TAGGED, "paused", replicas=1)
    bare = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bare", "namespace": TAGGED},
        "spec": {"containers": [{"name": "app", "image": "registry.example.com/app:1"}]},
    }
    own = deployment("default", "own", replicas=1)
    own["spec"]["template"]["metadata"]["labels"] |= {"istio.io/rev": used.old}
    try:
        used.kubectl.apply(paused, bare, own)
        used.kubectl("rollout", "status", "--namespace", TAGGED, "deployment/paused", "--timeout=60s")
        used.kubectl("rollout", "status", "--namespace", "default", "deployment/own", "--timeout=60s")
        used.kubectl("rollout", "pause", "--namespace", TAGGED, "deployment/paused")
        refused = used.stage("preflight")
        blockers = "\n".join(refused.result["blockers"])
        assert refused.result["error"] == "GuardRefused"
        for name in (f"Deployment {TAGGED}/paused", f"Pod {TAGGED}/bare", "Deployment default/own"):
            assert name in blockers
        assert used.istiods() == {used.old}
        accepted = [f"{TAGGED}/paused", f"{TAGGED}/bare", "Deployment default/own"]
        assert used.stage("preflight", accept_blockers=accepted).ok().changed == 0
    finally:
        used.kubectl("delete", "deployment", "paused", "--namespace", TAGGED, "--wait=true")
        used.kubectl("delete", "deployment", "own", "--namespace", "default")
        used.kubectl("delete", "pod", "bare", "--namespace", TAGGED)


def test_the_backup_brings_back_what_was_deleted(used: Used, tmp_path: Path) -> None:
    file = tmp_path / "mesh.json"
    assert used.stage("preflight", backup=str(file)).ok().changed == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert used.stage("preflight", backup=str(file)).ok().changed == 0
    where = ("peerauthentication", "default", "--namespace", SHOP)
    used.kubectl("delete", *where)
    used.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file))
    assert used.kubectl.json("get", *where)["spec"] == POLICY["spec"]
    assert used.stage("preflight", backup=str(file)).ok().changed == 0


def test_an_istiod_that_never_gets_ready(used: Used) -> None:
    """Returned; ztunnel has never pointed at it; the run has failed, and says why."""
    before = used.generations()
    with used.watched(used.ztunnel) as dialled:
        run = used.role(tag="does-not-exist", wait_timeout=15)
    assert run.failed == 1
    assert dialled == {used.old}
    assert "does-not-exist" in run.result["msg"] or "ImagePullBackOff" in run.result["msg"]
    assert "everything is back" in run.result["msg"]
    used.is_whole_on(used.old)
    assert used.generations() == before
    assert used.stage("return").ok().changed == 0


def test_a_gate_that_fails_half_way(used: Used) -> None:
    """The first namespace's proxies reject what the new istiod sends: all that was moved comes back."""
    before = used.generations()
    done = threading.Event()

    def spoil() -> None:
        """As soon as there is a pod of the new revision, its proxy rejects."""
        patch = json.dumps({"metadata": {"annotations": {REJECT: "cds"}}})
        while not done.wait(0.2):
            for pod in used.pods(PINNED):
                marks = pod["metadata"].get("annotations", {})
                if marks.get("istio.io/rev") == used.new and REJECT not in marks:
                    name = pod["metadata"]["name"]
                    kubectl = [used.cluster.programs["kubectl"], "--kubeconfig", used.cluster.kubeconfig]
                    where = ["--namespace", PINNED, "--type=merge", "-p", patch]
                    # The pod may be gone by now.
                    subprocess.run([*kubectl, "patch", "pod", name, *where], capture_output=True, check=False)

    spoiling = threading.Thread(target=spoil)
    spoiling.start()
    try:
        with used.watched(used.ztunnel) as dialled:
            run = used.role()
    finally:
        done.set()
        spoiling.join()
    assert run.failed == 1
    assert dialled == {used.old, used.new}
    assert "reject" in run.result["msg"] and "everything is back" in run.result["msg"]
    returned = run.of("mesh_upgrade")[-1]
    assert returned["returned"] and returned["failure"]["error"] == "GateFailed"
    assert any("reset node by node" in note and " 3 nodes" in note for note in returned["notes"])
    used.is_whole_on(used.old)
    after = used.generations()
    assert after[f"{PINNED}/vault"] == before[f"{PINNED}/vault"] + 2
    assert after[f"{SHOP}/cart"] == before[f"{SHOP}/cart"]
    assert used.stage("return").ok().changed == 0


def test_killed_on_the_way_back(used: Used, tmp_path: Path) -> None:
    used.stage("canary").ok()
    used.stage("gate").ok()
    assert used.stage("shift").ok().result["unit"] == ["cni"]
    assert used.stage("shift").ok().result["unit"] == ["ztunnel"]
    helm = dying_helm(tmp_path, used.cluster, "ztunnel", "pending-upgrade")
    killed = used.stage("return", helm_binary=helm)
    assert killed.failed == 1 and "error" not in killed.result
    journal = used.journal()
    assert journal is not None and journal["stage"] == "return"
    refused = used.stage("shift")
    assert refused.result["error"] == "GuardRefused" and "taken back" in refused.result["msg"]
    helm = dying_helm(tmp_path, used.cluster, f"istiod-{used.new}", "before")
    assert used.stage("return", helm_binary=helm).failed == 1
    assert used.ztunnel() == used.old
    assert used.stage("return").ok().changed == 1
    used.is_whole_on(used.old)
    assert used.stage("return").ok().changed == 0


def test_killed_in_the_canary_and_taken_back(used: Used, tmp_path: Path) -> None:
    helm = dying_helm(tmp_path, used.cluster, f"istiod-{used.new}", "pending-install")
    killed = used.role(helm_binary=helm)
    assert killed.failed == 1 and used.journal() is not None
    run = used.role("rollback").ok()
    assert run.of("mesh_upgrade")[-1]["returned"]
    used.is_whole_on(used.old)


def test_istio_mesh_leaves_an_upgrade_alone(used: Used) -> None:
    used.stage("canary").ok()
    for version in (used.old_version, used.new_version):
        run = used.install(version=version).ok()
        assert run.changed == 0
        assert "is under way" in run.result["notes"][0]
    refused = used.install(version="1.30.0")
    assert refused.result["error"] == "GuardRefused" and "under way" in refused.result["msg"]
    status = used.stage("status", version=None).ok().result
    assert status["next"].startswith("stage: gate")
    assert status["upgrade"]["to"] == {"revision": used.new, "version": used.new_version}
    assert used.stage("return", version=None).ok().result["returned"]
    used.is_whole_on(used.old)
