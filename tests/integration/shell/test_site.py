# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both commands of the README, and what they promise: run in this order, on a cluster of their own that starts empty.

`site.yml --check --diff` on the empty cluster, `make demo` beside a decoy that everything in the environment points to,
the demo again, and `uninstall.yml`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import cluster as harness
from tests.integration.support import embedded
from tests.integration.support.decoy import Decoy
from tests.integration.support.embedded import Embedded, Kubectl
from tests.integration.support.playbook import ROOT, Playbooks
from tools.demo import embedded_mesh

NAME = "shell"


@pytest.fixture(scope="module")
def empty() -> Iterator[Embedded]:
    """A cluster of these tests' own, without anything left from before."""
    harness.down(NAME)
    up = embedded.up(NAME)
    try:
        yield up
    finally:
        harness.down(NAME)


@pytest.fixture
def site(empty: Embedded, collections: Path, tmp_path: Path) -> Playbooks:
    return empty.playbooks(tmp_path)


def variables(empty: Embedded) -> dict[str, Any]:
    return embedded_mesh(empty.versions["current"], empty.charts, empty.gateway_api)


def demo(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "demo.py"), *arguments]
    return subprocess.run(
        command, env=os.environ | (env or {}), capture_output=True, text=True, timeout=900, check=False
    )


def recap(text: str) -> dict[str, int]:
    """The counts of the play's last line."""
    line = re.findall(r"^localhost +: (.*)$", text, re.MULTILINE)[-1]
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line)}


def test_check_on_an_empty_cluster_foretells_each_step_and_writes_nothing(empty: Embedded, site: Playbooks) -> None:
    kubectl = Kubectl(empty)
    before = kubectl.json("get", "namespaces,customresourcedefinitions")
    run = site("playbooks/site.yml", check=True, diff=True, extra_vars=variables(empty)).ok()
    answer = run.of("istio_mesh")[0]
    assert answer["changed"]
    steps = {step["step"]: step for step in answer["steps"]}
    for part in ("istio-base", "istiod", "istio-cni", "ztunnel"):
        assert any(part in name for name in steps), f"{part} is in none of {list(steps)}"
    assert all(step.get("predicted_by") for step in steps.values() if step["action"] != "none"), steps
    assert "istiod" in run.stdout
    after = kubectl.json("get", "namespaces,customresourcedefinitions")
    assert _names(before) == _names(after)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"control_plane_mode": "ambiant"}, "value of control_plane_mode must be one of: ambient, sidecar"),
        ({"control_plane_istiod": {"replica": 2}}, "replica"),
        ({"mesh_context": "nowhere"}, "nowhere"),
        ({"mesh_kubeconfig": "/no/such/kubeconfig"}, "/no/such/kubeconfig"),
    ],
    ids=["unknown value", "unknown option", "unknown context", "missing kubeconfig"],
)
def test_what_is_wrong_is_named_and_stops_the_play(
    empty: Embedded, site: Playbooks, wrong: dict[str, Any], word: str
) -> None:
    run = site("playbooks/site.yml", extra_vars=variables(empty) | wrong)
    assert run.failed == 1
    assert run.changed == 0
    assert word in run.result["msg"]


def test_the_demo_installs_and_reaches_no_other_cluster(empty: Embedded, tmp_path: Path) -> None:
    with Decoy() as decoy:
        done = demo("--name", NAME, env=decoy.environment(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr
        assert decoy.connections == 0
    counts = recap(done.stdout)
    assert counts["failed"] == 0
    assert counts["changed"] > 0
    assert empty.kubeconfig in done.stdout
    assert f"make cluster-down NAME={NAME}" in done.stdout
    assert "MW0008" in done.stdout
    pods = Kubectl(empty).json("get", "pods", "--namespace", "istio-system")["items"]
    assert any(pod["metadata"]["name"].startswith("istiod-") for pod in pods)


def test_the_demo_again_changes_nothing(empty: Embedded) -> None:
    done = demo("--name", NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = recap(done.stdout)
    assert (counts["changed"], counts["failed"]) == (0, 0)


def test_the_playbook_by_its_full_name_finds_the_demo_as_it_is(empty: Embedded, site: Playbooks) -> None:
    run = site("meshwright.istio.site", check=True, diff=True, extra_vars=variables(empty)).ok()
    assert run.changed == 0
    assert sum(host["ok"] + host["skipped"] for host in run.stats.values()) <= 40


def test_the_demo_runs_on_a_context_named_twice(empty: Embedded, tmp_path: Path) -> None:
    arguments = ["--context", empty.context, "--confirm", empty.context, "--"]
    arguments += [f"--extra-vars={json.dumps(variables(empty))}"]
    with Decoy() as decoy:
        env = decoy.environment(tmp_path)
        env["KUBECONFIG"] = os.pathsep.join([env["KUBECONFIG"], empty.kubeconfig])
        env["PATH"] = os.pathsep.join([str(Path(empty.programs["helm"]).parent), os.environ["PATH"]])
        done = demo(*arguments, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert decoy.connections == 0
    first = done.stdout.splitlines()[0]
    assert empty.context in first
    assert empty.server in first
    assert recap(done.stdout)["changed"] == 0


def test_uninstall_asks_first_and_then_leaves_nothing(empty: Embedded, site: Playbooks) -> None:
    refused = site("playbooks/uninstall.yml", extra_vars=variables(empty))
    assert refused.rc != 0
    assert f"mesh_uninstall_confirm={empty.context}" in refused.result["msg"]

    kubectl = Kubectl(empty)
    kubectl("delete", "namespace", "shop")
    everything = {"control_plane_purge": True, "mesh_uninstall_confirm": empty.context}
    assert site("playbooks/uninstall.yml", check=True, extra_vars={"control_plane_purge": True}).ok().changed == 1
    assert site("playbooks/uninstall.yml", extra_vars=everything).ok().changed == 1
    assert not [name for name in _names(kubectl.json("get", "namespaces,customresourcedefinitions")) if "istio" in name]
    assert site("playbooks/uninstall.yml", extra_vars=everything).ok().changed == 0


def _names(listed: Any) -> set[str]:
    return {item["metadata"]["name"] for item in listed["items"]}
