# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API server that goes away in the middle of the work and comes back."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ApiError
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import connect

from .own_server import Server
from .samples import config_map


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
