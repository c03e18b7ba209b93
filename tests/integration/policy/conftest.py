# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster with an ambient mesh for policy; each test has namespaces of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.ambient import ambient
from ..support.embedded import Embedded, Kubectl
from ..support.playbook import Playbooks, Run

_LABELS: dict[str, dict[str, str]] = {
    "none": {},
    "sidecar": {"istio-injection": "enabled"},
    "ambient": {"istio.io/dataplane-mode": "ambient"},
}


class Policy:
    """`mesh_policy` on this cluster: `policy(definitions=[...], ...)` runs one task."""

    def __init__(self, embedded: Embedded, playbooks: Playbooks) -> None:
        self.cluster = embedded
        self.playbooks = playbooks
        self.kubectl = Kubectl(embedded)
        self._made: list[str] = []

    def __call__(self, *, check: bool = False, diff: bool = False, **more: Any) -> Run:
        runner = {key: more.pop(key) for key in ("env", "args", "allow", "kubeconfig", "timeout") if key in more}
        return self.playbooks({"meshwright.istio.mesh_policy": more}, check=check, diff=diff, **runner)

    def namespace(self, mode: str = "none", **labels: str) -> str:
        """A namespace of this test's own, enrolled as told; deleted afterwards, not waited for."""
        name = f"policy-{uuid.uuid4().hex[:8]}"
        meta = {"name": name, "labels": {**_LABELS[mode], **labels}}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        self._made.append(name)
        return name

    def clean(self) -> None:
        if self._made:
            self.kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", *self._made)


@pytest.fixture(scope="package")
def policy_cluster(collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """An embedded cluster with an ambient mesh on it, installed by this collection; kept as the shared one is."""
    with ambient("-policy", tmp_path_factory.mktemp("mesh")) as embedded:
        yield embedded


@pytest.fixture
def policy(policy_cluster: Embedded, collections: Path, tmp_path: Path) -> Iterator[Policy]:
    found = Policy(policy_cluster, policy_cluster.playbooks(tmp_path))
    yield found
    found.clean()
