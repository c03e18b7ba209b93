# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API server that goes away in the middle of the work and comes back."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ApiError
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from tests.harness import builder, certificates, control_plane, ports
from tests.harness.control_plane import Component
from tests.harness.errors import HarnessError
from tests.harness.state import Folders

from .samples import config_map


class Server:
    """An etcd and an API server of this test's own, so that no other test is disturbed."""

    def __init__(self, folder: Path) -> None:
        try:
            wanted = [program for program in builder.PROGRAMS if program.name in ("etcd", "kube-apiserver")]
            programs = builder.ensure(wanted)
        except HarnessError as error:
            pytest.skip(f"etcd and kube-apiserver cannot be had here: {error}")
        folders = Folders(f"engine-restart-{time.time_ns()}")
        self._root = folders.root
        self._folder = folder
        certificates.ensure(folders.secrets)
        (folders.root / "egress.yaml").write_text(control_plane.egress_configuration(folders))
        chosen = dict(zip(control_plane.PORTS, ports.free_ports(len(control_plane.PORTS)), strict=True))
        self._etcd = control_plane.etcd(folders, chosen, programs["etcd"])
        self._apiserver = control_plane.apiserver(folders, chosen, programs["kube-apiserver"])
        self.url = f"https://127.0.0.1:{chosen['kube-apiserver']}"
        self.options = ConnectionOptions(
            host=self.url,
            ca_cert=str(folders.secrets / "ca.crt"),
            api_key=(folders.secrets / "admin.token").read_text(),
        )
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self._start(self._etcd)
        self.api = self._start(self._apiserver)
        self.wait()

    def restart(self, seconds_away: float) -> None:
        """Kill the API server, as a crash does, and start it again after a while."""
        self.api.kill()
        self.api.wait()
        time.sleep(seconds_away)
        self.api = self._start(self._apiserver)

    def wait(self) -> None:
        client = Client(connect(self.options), deadline=Deadline(60))
        while True:
            try:
                if client.get(kinds.NAMESPACE, "default"):
                    return
            except ApiError:
                if client.deadline.passed or self.api.poll() is not None:
                    raise
            client.deadline.sleep(0.2)

    def stop(self) -> None:
        for process in reversed(self._running):
            process.kill()
            process.wait()
        shutil.rmtree(self._root, ignore_errors=True)

    def _start(self, component: Component) -> subprocess.Popen[bytes]:
        with open(self._folder / f"{component.name}.log", "ab") as log:
            process = subprocess.Popen(component.command, stdout=log, stderr=log, env=component.environment())
        self._running.append(process)
        return process


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    own = Server(tmp_path)
    try:
        own.start()
        yield own
    finally:
        own.stop()


def test_the_work_goes_on_when_the_server_is_back(server: Server) -> None:
    client = Client(connect(server.options), deadline=Deadline(90))
    engine = ObjectEngine(client, manager="meshwright-engine-test")
    desired = [config_map("default", f"c-{number}", value=str(number)) for number in range(400)]
    restarted = threading.Event()
    written = threading.Event()

    def restart() -> None:
        written.wait(30)
        server.restart(1.0)
        restarted.set()

    thread = threading.Thread(target=restart)
    thread.start()
    # Half of it first, so that the server is known; it dies as soon as the rest is under way.
    engine.apply(desired[:200])
    written.set()
    steps = engine.apply(desired)
    thread.join()
    assert restarted.is_set()
    assert [step.action for step in steps] == ["none"] * 200 + ["create"] * 200
    live = client.list(kinds.CONFIG_MAP, "default", fields="metadata.name!=kube-root-ca.crt")
    assert {item["metadata"]["name"]: item["data"] for item in live} == {
        obj["metadata"]["name"]: obj["data"] for obj in desired
    }
    assert client.requests.counts["retried no answer"] > 0
    assert {step.action for step in engine.plan(desired)} == {"none"}


def test_a_server_that_stays_away_is_told_as_such(server: Server) -> None:
    client = Client(connect(server.options), deadline=Deadline(3))
    client.version()
    server.api.kill()
    server.api.wait()
    with pytest.raises(ApiError, match=r"within the task's 3 s: .* attempts, the last: Connection refused"):
        client.list(kinds.NAMESPACE)
