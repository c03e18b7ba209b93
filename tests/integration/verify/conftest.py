# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of these tests' own: they break its mesh, which no other test should see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.verify import verify as walk
from ansible_collections.meshwright.istio.plugins.module_utils._intent.verify import VerifyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from ..support.embedded import Embedded, Kubectl, shared
from ..support.playbook import Playbooks
from .ground import Ground

Verify = Callable[..., dict[str, Any]]


@pytest.fixture(scope="package")
def cluster() -> Iterator[Embedded]:
    """An embedded cluster without a mesh, named after the shared one; kept as that one is."""
    with shared("-verify") as embedded:
        yield embedded


@pytest.fixture(scope="package")
def mesh(cluster: Embedded, collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Embedded:
    """The cluster with an ambient mesh on it, installed by this collection."""
    install = {
        "meshwright.istio.istio_mesh": {
            "version": cluster.versions["current"],
            "charts": {"repository": cluster.charts},
            "gateway_api": {"source": cluster.gateway_api},
            "istiod": {"replicas": 1},
        }
    }
    cluster.playbooks(tmp_path_factory.mktemp("mesh"))(install).ok()
    return cluster


@pytest.fixture
def verify(mesh: Embedded, playbook: Playbooks) -> Verify:
    """Verifies with these options, and gives the module's result, be it a failure."""

    def run(**options: Any) -> dict[str, Any]:
        return playbook({"meshwright.istio.mesh_verify": options}, allow=("unknown",)).result

    return run


@pytest.fixture
def kubectl(mesh: Embedded) -> Iterator[Kubectl]:
    """kubectl on the mesh. What a test breaks it mends itself; here it is waited for."""
    yield Kubectl(mesh)
    options = ConnectionOptions(kubeconfig=mesh.kubeconfig, context=mesh.context)
    walk(Client(connect(options), deadline=Deadline(120)), VerifyIntent.from_params({"wait_timeout": 90}))


@pytest.fixture
def ground(mesh: Embedded) -> Iterator[Ground]:
    """The mesh, for namespaces of a test's own; they go with it."""
    found = Ground(mesh)
    yield found
    found.clean()
