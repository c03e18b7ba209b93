# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upgrades that are made: in one go, by two runs at once, and by runs that are killed at every stage."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ..mesh.dying_helm import Moment, dying_helm
from .conftest import PINNED, SHOP, TAGGED, Used


def test_in_one_go(used: Used) -> None:
    before = used.generations()
    run = used.role().ok()
    used.is_whole_on(used.new)
    after = used.generations()
    assert after.pop(f"{SHOP}/cart") == before.pop(f"{SHOP}/cart"), "ambient workloads need no restart"
    assert after == {name: count + 1 for name, count in before.items()}, "each is restarted once"
    assert used.revisions(SHOP) >= {used.new}, "the waypoint has followed"
    moved = [result["unit"] for result in run.of("mesh_upgrade") if result.get("unit")]
    assert moved[:5] == [["cni"], ["ztunnel"], ["tags"], [f"namespace/{PINNED}"], [f"namespace/{TAGGED}"]]
    assert any("reset node by node" in note for result in run.of("mesh_upgrade") for note in result["notes"])
    ended = run.of("mesh_upgrade")[-1]
    assert ended["upgrade"]["stage"] == "finished" and ended["mesh"]["version"] == used.new_version

    assert used.role().ok().changed == 0
    assert used.install(version=used.new_version).ok().changed == 0
    for stage in ("preflight", "canary", "gate", "shift", "finish", "return", "status"):
        assert used.stage(stage).ok().changed == 0


@pytest.mark.long
def test_two_runs_at_once(used: Used) -> None:
    """They take turns, stage by stage, or one finds the other at work: either way it is done once, and whole."""
    before = used.generations()
    with used.start() as one, used.start() as other:
        runs = [one.wait(), other.wait()]
    assert any(run.failed == 0 for run in runs)
    for run in runs:
        assert run.failed == 0 or "another run is at work" in run.text
    used.is_whole_on(used.new)
    after = used.generations()
    del before[f"{SHOP}/cart"], after[f"{SHOP}/cart"]
    assert after == {name: count + 1 for name, count in before.items()}


@pytest.mark.long
def test_killed_at_every_stage_and_run_again(used: Used, tmp_path: Path) -> None:
    before = used.generations()

    def killed(release: str, moment: Moment) -> None:
        run = used.role(helm_binary=dying_helm(tmp_path, used.cluster, release, moment))
        assert run.failed == 1
        assert "everything is back" not in run.text
        assert used.journal() is not None

    killed(f"istiod-{used.new}", "pending-install")
    assert used.ztunnel() == used.old
    killed("istio-cni", "pending-upgrade")
    killed("ztunnel", "pending-upgrade")
    # Amid the restarts of a namespace, the whole run.
    with used.start() as running:
        end = time.monotonic() + 300
        while used.generations()[f"{TAGGED}/ledger"] == before[f"{TAGGED}/ledger"]:
            assert time.monotonic() < end and running.process.poll() is None, running.output[-3000:]
            time.sleep(0.1)
        running.kill()
    assert used.istiods() == {used.old, used.new}
    killed(f"istiod-{used.old}", "before")
    used.role().ok()
    used.is_whole_on(used.new)
    after = used.generations()
    del before[f"{SHOP}/cart"], after[f"{SHOP}/cart"]
    assert after == {name: count + 1 for name, count in before.items()}, "each is restarted once, for all that"
    assert used.role().ok().changed == 0
