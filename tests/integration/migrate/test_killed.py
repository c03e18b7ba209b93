# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that end in the middle of a migration: the next one goes on, or goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh.context import MeshRun, start
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh.walk import driver_of
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.migrate import run as migrate
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.migrate import to_helm, to_sail
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.migrate.state import Migration
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ToolError
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh import mesh_intent

from tests.unit.plugins.module_utils._intent.meshes import params

from ..mesh.conftest import steps
from ..mesh.dying_helm import dying_helm
from .conftest import Hands

pytestmark = pytest.mark.long


class Killed(BaseException):
    """The end of a process: nothing that would clean up catches it."""


def _run(hands: Hands, folder: Path, **options: Any) -> MeshRun:
    """The module's own run, in this process."""
    task = hands.task(**options)["meshwright.istio.istio_mesh"]
    given = params(**task)
    place = {"kubeconfig": hands.cluster.kubeconfig, "context": hands.cluster.context}
    binary = task.get("helm_binary") or hands.cluster.programs["helm"]
    return start(mesh_intent(given), {**given, **place, "helm_binary": binary}, str(folder), check_mode=False)


def _die_at(monkeypatch: pytest.MonkeyPatch, hands: Hands, folder: Path, stage: str, **options: Any) -> None:
    """A run that dies right after it has written that this stage comes next."""
    written = Migration.begin

    def begin(self: Migration, client: Any, namespace: str, mesh: str, next_stage: Any) -> None:
        written(self, client, namespace, mesh, next_stage)
        if next_stage == stage:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Migration, "begin", begin)
        run = _run(hands, folder, migrate=True, **options)
        with pytest.raises(Killed):
            migrate.migrated(run, driver_of(run))
    assert hands.journal()


def test_killed_at_every_stage(hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run dies one stage after the one before, there and back."""
    hands.by("sail").ok()
    before = hands.with_shop()
    for number, stage in enumerate(("stop", "records", "let_go", "install")):
        folder = tmp_path / f"there-{number}"
        folder.mkdir()
        _die_at(monkeypatch, hands, folder, stage, method="helm")
    helm = dying_helm(tmp_path, hands.cluster, hands.istiod(), "pending-upgrade")
    died = hands.by("helm", migrate=True, helm_binary=helm)
    assert died.failed == 1 and "error" not in died.result
    refused = hands.by("helm")
    assert refused.failed == 1 and "has not ended" in refused.result["msg"]
    resumed = hands.by("helm", migrate=True).ok()
    assert steps(resumed)["migration"]["action"] == "recover"
    after = hands.seen()
    assert (after.policies, after.root) == (before.policies, before.root)
    assert before.crds.items() <= after.crds.items() and before.workloads.items() <= after.workloads.items()
    assert not hands.journal()
    assert hands.by("helm", migrate=True).ok().changed == 0

    for number, stage in enumerate(("operator", "records", "resources")):
        folder = tmp_path / f"back-{number}"
        folder.mkdir()
        _die_at(monkeypatch, hands, folder, stage, method="sail")
    hands.by("sail", migrate=True).ok()
    again = hands.seen()
    assert (again.policies, again.root) == (before.policies, before.root)
    assert before.crds.items() <= again.crds.items() and before.workloads.items() <= again.workloads.items()
    assert not hands.journal()
    hands.verified()
    assert hands.by("sail", migrate=True).ok().changed == 0


def test_turned_round(hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun in one direction is ended in the other."""
    hands.by("sail").ok()
    before = hands.with_shop()
    _die_at(monkeypatch, hands, tmp_path, "install", method="helm")
    assert not hands.kubectl("get", "istios", "-o", "name").strip()
    hands.by("sail", migrate=True).ok()
    assert hands.kubectl("get", "istios", "-o", "name").strip()
    hands.verified()
    assert hands.by("sail").ok().changed == 0

    folder = tmp_path / "again"
    folder.mkdir()
    hands.by("helm", migrate=True).ok()
    _die_at(monkeypatch, hands, folder, "resources", method="sail")
    hands.by("helm", migrate=True).ok()
    hands.verified()
    assert hands.by("helm").ok().changed == 0
    after = hands.seen()
    assert (after.policies, after.root) == (before.policies, before.root)
    assert before.crds.items() <= after.crds.items() and before.workloads.items() <= after.workloads.items()


def test_a_failure_before_the_point_of_no_return_is_undone(
    hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands.by("sail").ok()
    before, names = hands.with_shop(), hands.names()

    def fail(*_args: Any) -> None:
        raise ToolError("it broke")

    with monkeypatch.context() as patched:
        patched.setattr(to_helm, "_rename", fail)
        run = _run(hands, tmp_path, method="helm", migrate=True)
        with pytest.raises(ToolError, match="it broke") as failed:
            migrate.migrated(run, driver_of(run))
    assert failed.value.details["undone"] is True
    assert hands.names() == names and not hands.journal()
    hands.kubectl("rollout", "status", "deployment/sail-operator", "-n", "sail-operator", "--timeout=60s")
    assert hands.by("sail").ok().changed == 0
    after = hands.seen()
    assert (after.policies, after.root, after.workloads) == (before.policies, before.root, before.workloads)
    assert after.pods_of("istiod") == before.pods_of("istiod")

    hands.by("helm", migrate=True).ok()
    names = hands.names()
    folder = tmp_path / "again"
    folder.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(to_sail, "_records", fail)
        run = _run(hands, folder, method="sail", migrate=True)
        with pytest.raises(ToolError, match="it broke"):
            migrate.migrated(run, driver_of(run))
    assert hands.names() == names and not hands.journal()
    assert hands.by("helm").ok().changed == 0
