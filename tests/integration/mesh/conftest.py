# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of these tests' own, since they install and remove a mesh; and what they ask of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.embedded import Embedded, Kubectl, shared
from ..support.playbook import Playbooks, Run

BY_REVISIONS: dict[str, Any] = {"update_strategy": "revision_based"}
# Objects that come and go by themselves.
_PASSING = ("Event", "EndpointSlice", "Endpoints", "ControllerRevision", "PodMetrics", "NodeMetrics", "APIService")


class Mesh:
    """`istio_mesh` on this cluster: `mesh(version=..., ...)` is one task, with the harness's charts unless told."""

    def __init__(self, embedded: Embedded, playbooks: Playbooks) -> None:
        self.cluster = embedded
        self.playbooks = playbooks
        self.kubectl = Kubectl(embedded)

    def task(self, **options: Any) -> dict[str, Any]:
        given = {
            "version": self.cluster.versions["current"],
            "charts": {"repository": self.cluster.charts},
            "gateway_api": {"source": self.cluster.gateway_api},
            "wait_timeout": 120,
            **options,
        }
        return {"meshwright.istio.istio_mesh": {key: value for key, value in given.items() if value is not None}}

    def __call__(self, *, check: bool = False, diff: bool = False, env: Any = None, **options: Any) -> Run:
        return self.playbooks(self.task(**options), check=check, diff=diff, env=env)

    def gone(self) -> Run:
        """No mesh and nothing of one, whatever a test left."""
        for name in sorted(self.releases()):
            if (found := re.fullmatch(r"istiod-(.+)-v[\d-]+", name)) and found[1] != "default":
                self(state="absent", name=found[1], allow_enrolled=True).ok()
        return self(state="absent", purge=True, allow_enrolled=True).ok()

    def inventory(self) -> set[str]:
        """Every object there is, as kind/namespace/name, but for those that come and go by themselves."""
        kinds = self.kubectl("api-resources", "--verbs=list", "-o", "name").split()
        wanted = [kind for kind in kinds if not kind.startswith(("events", "endpoint", "componentstatuses"))]
        template = "{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{'\\n'}{end}"
        found = self.kubectl("get", ",".join(wanted), "-A", "--ignore-not-found", "-o", f"jsonpath={template}")
        return {line for line in found.split() if not line.startswith(_PASSING)}

    def revision(self, version: str = "current", name: str = "default") -> str:
        """The revision's name of one of the cluster's versions (`current`, `next`)."""
        return f"{name}-v{self.cluster.versions[version]}".replace(".", "-")

    def releases(self) -> dict[str, tuple[int, str]]:
        """Helm's newest record of each release: revision and status."""
        found: dict[str, tuple[int, str]] = {}
        for secret in self.kubectl.json("get", "secrets", "-A", "-l", "owner=helm")["items"]:
            labels = secret["metadata"]["labels"]
            revision = int(labels["version"])
            if revision > found.get(labels["name"], (0, ""))[0]:
                found[labels["name"]] = (revision, labels["status"])
        return found


@pytest.fixture(scope="package")
def mesh_cluster() -> Iterator[Embedded]:
    """The cluster, as it comes up: nothing installed. Kept as the shared one is."""
    with shared("-mesh") as embedded:
        yield embedded


@pytest.fixture
def mesh(mesh_cluster: Embedded, collections: Path, tmp_path: Path) -> Mesh:
    return Mesh(mesh_cluster, mesh_cluster.playbooks(tmp_path))


@pytest.fixture
def empty(mesh: Mesh) -> Mesh:
    """The same, with no mesh."""
    if any("istio" in name or "gateway.networking" in name for name in mesh.inventory()):
        mesh.gone()
    return mesh


@pytest.fixture
def ambient(mesh: Mesh) -> Mesh:
    """The same, with an ambient mesh of the current version, as the module makes it without options."""
    if any(name.startswith("istiod-") for name in mesh.releases()):
        mesh.gone()
    mesh(allow_downgrade=True).ok()
    return mesh


@pytest.fixture
def revisioned(mesh: Mesh) -> Mesh:
    """The same, with an ambient mesh of the current version by revisions, and no tag but `default`."""
    tags = mesh.kubectl("get", "mutatingwebhookconfigurations", "-l", "istio.io/tag", "-o", "name").split()
    if mesh.releases().keys() != {"istio-base", f"istiod-{mesh.revision()}", "istio-cni", "ztunnel"} or len(tags) != 1:
        mesh.gone()
    mesh(**BY_REVISIONS).ok()
    return mesh


def steps(run: Run) -> dict[str, dict[str, Any]]:
    """The steps of the last task by name."""
    return {step["step"]: step for step in run.result["steps"]}


def until(what: str, holds: Callable[[], Any], seconds: float = 60) -> Any:
    """What `holds()` gives once it is true; an AssertionError naming `what` when it never is."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"still not after {seconds:g} s: {what}"
        time.sleep(0.5)
