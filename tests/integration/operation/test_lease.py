# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time: who waits, who takes over, and what a refused run is told."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh.lock import MeshLock
from ansible_collections.meshwright.istio.plugins.module_utils._errors import GuardRefused
from ansible_collections.meshwright.istio.plugins.module_utils._kube import lease as module
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import LEASE
from ansible_collections.meshwright.istio.plugins.module_utils._kube.lease import HeldLease

from ..support.embedded import Kubectl
from .conftest import until

NAME = "operation"
HOLD = """
from {package}lease import HeldLease
with HeldLease(client, "{name}", "{namespace}", patience=10, purpose="this test", run_id="first"):
    print("held", flush=True)
    time.sleep(60)
"""


def held(client: Client, namespace: str, *, patience: float = 0, run_id: str | None = None) -> HeldLease:
    return HeldLease(client, NAME, namespace, patience=patience, purpose="this test", run_id=run_id)


def test_a_second_run_is_told_who_holds_it(client: Client, namespace: str) -> None:
    with held(client, namespace, run_id="run-1") as first:
        assert not first.waited
        with pytest.raises(GuardRefused) as caught, held(client, namespace):
            pass
        live = client.get(LEASE, NAME, namespace)
        assert live is not None
    spec = live["spec"]
    assert caught.value.details["holder"] == spec["holderIdentity"]
    assert caught.value.details["run"] == "run-1"
    told = caught.value.message
    assert "Another run is at work on this test" in told
    assert f"since {spec['acquireTime']}" in told
    assert f"renewed until {caught.value.details['until']}" in told
    assert caught.value.details["until"] > spec["renewTime"]
    assert client.get(LEASE, NAME, namespace) is None


def test_a_patient_run_gets_it_when_the_first_is_done(client: Client, namespace: str) -> None:
    first = held(client, namespace)
    first.__enter__()
    timer = threading.Timer(1.5, first.__exit__, args=(None, None, None))
    timer.start()
    with held(client, namespace, patience=30) as second:
        assert second.waited
    timer.join()


def test_a_run_that_was_killed_on_this_host_is_followed_at_once(
    client: Client, namespace: str, python: Callable[[str], subprocess.Popen[str]]
) -> None:
    package = module.__name__.rpartition(".")[0] + "."
    killed = python(HOLD.format(package=package, name=NAME, namespace=namespace))
    assert killed.stdout is not None
    assert killed.stdout.readline() == "held\n"
    with pytest.raises(GuardRefused, match=r"run first"), held(client, namespace):
        pass
    killed.kill()
    killed.wait()
    with held(client, namespace) as second:
        assert not second.waited
        second.ensure()


def test_one_that_was_lost_is_known_and_left_to_who_has_it(
    client: Client, namespace: str, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 3)
    with held(client, namespace) as first:
        first.ensure()
        other = '{"spec":{"holderIdentity":"elsewhere/1/2"}}'
        kubectl("-n", namespace, "patch", "lease", NAME, "--type=merge", "-p", other)

        def lost() -> bool:
            try:
                first.ensure()
            except GuardRefused as error:
                return "no longer holds the Lease" in error.message
            return False

        until("the loss is noticed at the next renewal", lost, 15)
    live = client.get(LEASE, NAME, namespace)
    assert live is not None
    assert live["spec"]["holderIdentity"] == "elsewhere/1/2"


def test_it_is_renewed_while_held(client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 3)
    with held(client, namespace):
        first = client.get(LEASE, NAME, namespace)

        def renewed() -> bool:
            now = client.get(LEASE, NAME, namespace)
            assert first is not None
            assert now is not None
            return bool(now["spec"]["renewTime"] > first["spec"]["renewTime"])

        until("renewTime moves on", renewed, 15)


def test_a_meshs_lock_is_one_of_them(client: Client, namespace: str) -> None:
    with MeshLock(client, namespace, patience=0):
        assert client.get(LEASE, "meshwright-istio-mesh", namespace) is not None
        with pytest.raises(GuardRefused, match="at work on this mesh"), MeshLock(client, namespace, patience=0):
            pass


def test_a_pause_longer_than_the_lease_is_noticed_before_the_next_write(
    client: Client, namespace: str, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(client, namespace) as first:
        # As after a suspended machine wakes up, before the renewing thread does.
        monkeypatch.setattr(module, "_SECONDS", 0)
        first.ensure()
        other = '{"spec":{"holderIdentity":"elsewhere/1/2"}}'
        kubectl("-n", namespace, "patch", "lease", NAME, "--type=merge", "-p", other)
        with pytest.raises(GuardRefused, match="no longer holds the Lease"):
            first.ensure()
