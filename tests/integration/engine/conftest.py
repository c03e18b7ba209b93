# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients of the shared cluster, direct and through a proxy that fails on demand."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from tests.harness.fault_proxy import FaultProxy

from ..support.embedded import Embedded
from .own_server import Server

MANAGER = "meshwright-engine-test"


def user(cluster: Embedded, name: str) -> Client:
    """The client of a user of the cluster without any permission, `nobody` or `viewer`."""
    connection = connect(ConnectionOptions(kubeconfig=cluster.kubeconfig, context=f"{cluster.context}-{name}"))
    return Client(connection, deadline=Deadline(30))


@pytest.fixture(scope="session")
def ca_file(cluster: Embedded, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The cluster's CA as a file."""
    config = yaml.safe_load(Path(cluster.kubeconfig).read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("ca") / "ca.crt"
    path.write_bytes(base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))
    return str(path)


@pytest.fixture
def client(cluster: Embedded) -> Client:
    """An administrator's client, with a minute."""
    return Client(connect(ConnectionOptions(kubeconfig=cluster.kubeconfig)), deadline=Deadline(60))


@pytest.fixture
def engine(client: Client) -> ObjectEngine:
    return ObjectEngine(client, manager=MANAGER)


@pytest.fixture
def proxy(cluster: Embedded, ca_file: str) -> Iterator[FaultProxy]:
    """A proxy before the shared cluster's API server, as administrator."""
    with FaultProxy(cluster.server, token=cluster.state["tokens"]["admin"], ca_file=ca_file) as running:
        yield running


@pytest.fixture
def proxied(proxy: FaultProxy) -> Client:
    """A client that reaches the cluster through `proxy`."""
    return Client(connect(ConnectionOptions(host=proxy.url)), deadline=Deadline(60))


@pytest.fixture
def proxied_engine(proxied: Client) -> ObjectEngine:
    return ObjectEngine(proxied, manager=MANAGER)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """An API server that only this test uses."""
    own = Server(tmp_path)
    try:
        own.start()
        yield own
    finally:
        own.stop()
