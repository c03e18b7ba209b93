# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An etcd and an API server of a test's own: for what must not happen to the shared cluster."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ApiError
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from tests.harness import builder, certificates, control_plane, ports
from tests.harness.control_plane import Component
from tests.harness.errors import HarnessError
from tests.harness.state import Folders


class Server:
    """Without controllers, pods or webhooks; `options` connects to it as administrator."""

    def __init__(self, folder: Path) -> None:
        try:
            wanted = [program for program in builder.PROGRAMS if program.name in ("etcd", "kube-apiserver")]
            programs = builder.ensure(wanted)
        except HarnessError as error:
            pytest.skip(f"etcd and kube-apiserver cannot be had here: {error}")
        folders = Folders(f"engine-{time.time_ns()}")
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
