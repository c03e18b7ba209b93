# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of these tests' own, where the simulated Sail Operator installs what `istio_mesh` writes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..mesh.conftest import Mesh
from ..support.embedded import Embedded, shared
from ..support.playbook import Run

SAIL = "sailoperator.io"


class SailMesh(Mesh):
    """`istio_mesh` with `method: sail` on this cluster, by revisions in ambient mode unless told."""

    def __call__(self, *, check: bool = False, diff: bool = False, env: Any = None, **options: Any) -> Run:
        return super().__call__(check=check, diff=diff, env=env, **options)

    def task(self, **options: Any) -> dict[str, Any]:
        given = {
            "method": "sail",
            "update_strategy": "revision_based",
            "version": "1.30.2",
            "wait_timeout": 90,
            **options,
            "operator": {"charts": {"repository": self.cluster.charts}, **options.pop("operator", {})},
        }
        return super().task(charts=None, **given)

    def gone(self) -> Run:
        run = self(state="absent", purge=True, allow_enrolled=True, update_strategy=self.strategy()).ok()
        if "sail-operator" in self.releases():  # Somebody else's: the module leaves it.
            self.helm("uninstall", "sail-operator", "-n", "sail-operator", "--wait")
            names = self.kubectl("get", "crds", "-o", "name").split()
            ours = [name for name in names if name.endswith(("istio.io", SAIL))]
            self.kubectl("delete", "namespace/sail-operator", *ours)
        self.kubectl("delete", "namespace", "istio-system", "istio-cni", "ztunnel", "--ignore-not-found")
        return run

    def helm(self, *arguments: str) -> None:
        """Somebody else's helm."""
        command = [self.cluster.programs["helm"], "--kubeconfig", self.cluster.kubeconfig, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def strategy(self) -> str:
        found = self.resource("istio", "default")
        kind = found.get("spec", {}).get("updateStrategy", {}).get("type")
        return "in_place" if kind == "InPlace" else "revision_based"

    def resource(self, kind: str, name: str) -> dict[str, Any]:
        """A resource of the operator; {} when there is none."""
        plural = f"{kind.lower()}s.{SAIL}"
        if plural not in self.kubectl("api-resources", "--api-group", SAIL, "-o", "name").split():
            return {}
        found = self.kubectl("get", plural, name, "--ignore-not-found", "-o", "json")
        return dict(json.loads(found)) if found.strip() else {}

    def verified(self) -> list[str]:
        """What mesh_verify finds wrong, as `check: title`, errors only."""
        run = self.playbooks({"meshwright.istio.mesh_verify": {}}, allow=("unknown",))
        return [f"{one['check']}: {one['title']}" for one in run.result["findings"] if one["severity"] == "error"]

    def state_of(self, kind: str) -> str:
        return str(self.resource(kind, "default").get("status", {}).get("state", ""))

    def in_use(self, revision: str) -> str:
        """The condition InUse of an IstioRevision; "" when it is gone."""
        conditions = self.resource("istiorevision", revision).get("status", {}).get("conditions", [])
        return next((str(entry["status"]) for entry in conditions if entry["type"] == "InUse"), "")

    @staticmethod
    def as_json(value: Any) -> str:
        return json.dumps(value)

    def ztunnel(self) -> dict[str, str]:
        """The environment of ztunnel's DaemonSet."""
        found = self.kubectl.json("get", "daemonset", "ztunnel", "-n", "ztunnel")
        container = found["spec"]["template"]["spec"]["containers"][0]
        return {entry["name"]: entry.get("value", "") for entry in container["env"]}


@pytest.fixture(scope="package")
def sail_cluster() -> Iterator[Embedded]:
    """The cluster, as it comes up: nothing installed."""
    with shared("-sail") as embedded:
        yield embedded


@pytest.fixture
def mesh(sail_cluster: Embedded, collections: Path, tmp_path: Path) -> SailMesh:
    return SailMesh(sail_cluster, sail_cluster.playbooks(tmp_path))


@pytest.fixture
def empty(mesh: SailMesh) -> SailMesh:
    """The same, with no mesh and no operator."""
    if any("istio" in name or "sail" in name for name in mesh.inventory()):
        mesh.gone()
    return mesh


def failing(run: Run) -> Run:
    """Itself, when its task failed; else an AssertionError with what it printed."""
    assert run.failed == 1, run.text
    return run
