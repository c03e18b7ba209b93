# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Up, down, status: idempotent, and whole again after whatever was killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.harness import bringup, cluster, ports, processes, state
from tests.harness.api import Api, ApiError
from tests.harness.errors import HarnessError
from tests.harness.state import CHECKOUT

from .support import Site, eventually, is_ready, run, waiting

NAME = "harness-life"


@pytest.fixture
def life(programs: None) -> Iterator[str]:
    """The name of a cluster that does not exist, before and after."""
    cluster.down(NAME)
    yield NAME
    cluster.down(NAME)


def pids(name: str) -> dict[str, int]:
    return {r.name: r.pid for r in processes.records(state.folders(name).pids) if processes.alive(r)}


def test_up_again_changes_nothing(site: Site) -> None:
    before = pids(site.state.name)
    assert set(before) >= set(bringup.ORDER)
    assert cluster.up(site.state.name) == site.state
    assert pids(site.state.name) == before


def test_status_logs_and_kubeconfig(site: Site) -> None:
    status = run("status", "--name", site.state.name)
    assert status.returncode == 0, status.stdout
    for name, pid in pids(site.state.name).items():
        assert any(line.split()[:2] == [name, str(pid)] for line in status.stdout.splitlines()), status.stdout
    assert run("kubeconfig", "--name", site.state.name).stdout.strip() == site.state.kubeconfig
    printed = run("logs", "kube-apiserver", "--name", site.state.name).stdout
    assert printed
    assert (state.folders(site.state.name).logs / "kube-apiserver.log").read_text().startswith(printed)
    absent = run("logs", "nothing", "--name", site.state.name)
    assert absent.returncode == 1
    assert "there are: agent" in absent.stderr


@pytest.mark.parametrize("command", [["kubeconfig"], ["status"]])
def test_a_cluster_that_does_not_exist_is_said_so(command: list[str]) -> None:
    answer = run(*command, "--name", "never-made")
    assert answer.returncode != 0
    assert "never-made is not" in answer.stdout + answer.stderr


def test_users_without_permissions_have_none(site: Site) -> None:
    for user in ("viewer", "nobody"):
        api = Api(site.state.server, site.state.tokens[user], site.api.authority)
        with pytest.raises(ApiError, match=f'User "{user}" cannot list') as caught:
            api.request("GET", "/api/v1/pods")
        assert caught.value.code == 403


def test_pods_that_fail_say_why(site: Site) -> None:
    site.namespace("failing")
    site.pod("failing", "absent", image="nginx:does-not-exist")
    site.pod("failing", "crash", **{"harness.meshwright.io/crash": "true"})
    site.pod("failing", "fine")
    eventually("fine is Ready", lambda: is_ready(site.get_pod("failing", "fine")))
    eventually("absent image", lambda: waiting(site.get_pod("failing", "absent")) == "ImagePullBackOff")
    eventually("crash", lambda: waiting(site.get_pod("failing", "crash")) == "CrashLoopBackOff")
    assert not any(is_ready(site.get_pod("failing", name)) for name in ("absent", "crash"))
    events = "/api/v1/namespaces/failing/events"

    def warned() -> bool:
        found = site.api.request("GET", events)["items"]
        return {each["involvedObject"]["name"] for each in found if each["type"] == "Warning"} == {"absent", "crash"}

    eventually("Warning events", warned)


def test_a_load_balancer_gets_an_address(site: Site) -> None:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "x"}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "lb"}, "spec": spec}
    site.api.request("POST", "/api/v1/namespaces/default/services", service)
    path = "/api/v1/namespaces/default/services/lb"
    ingress = eventually("address", lambda: site.object(path)["status"]["loadBalancer"].get("ingress"))
    assert ingress[0]["ip"].startswith("203.0.113.")


def test_killed_processes_are_started_again_on_their_data(life: str) -> None:
    first = cluster.up(life, nodes=1)
    api = cluster.client(first)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}}
    api.request("POST", "/api/v1/namespaces/default/configmaps", body)
    for name in ("etcd", "agent", "kube-apiserver"):
        os.kill(pids(life)[name], signal.SIGKILL)
    eventually("seen dead", lambda: set(pids(life)).isdisjoint({"etcd", "agent", "kube-apiserver"}))
    dead = run("status", "--name", life)
    assert dead.returncode == 1
    assert dead.stdout.count(" dead ") == 3
    again = cluster.up(life, nodes=1)
    assert cluster.healthy(again)
    assert cluster.client(again).get("/api/v1/namespaces/default/configmaps/kept") is not None
    assert again.tokens == first.tokens


@pytest.mark.parametrize("reached", ["etcd", "kwok"])
def test_an_up_that_was_killed_half_way_is_made_whole(life: str, reached: str) -> None:
    command = [sys.executable, str(CHECKOUT / "tests" / "harness"), "up", "--name", life]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(f"{reached} was started", lambda: reached in pids(life))
    finally:
        running.kill()
        running.wait()
    leftover = pids(life)
    known = cluster.up(life)
    assert cluster.healthy(known)
    assert not set(leftover.values()) & set(pids(life).values())
    everything = set(leftover.values()) | set(pids(life).values())
    cluster.down(life)
    assert [pid for pid in everything if processes.start_time(pid) is not None] == []


def test_down_leaves_nothing(life: str) -> None:
    known = cluster.up(life)
    running = pids(life)
    cluster.down(life)
    assert [name for name, pid in running.items() if processes.start_time(pid) is not None] == []
    assert all(ports.is_free(port) for port in known.ports.values())
    assert not state.folders(life).root.exists()
    assert not state.folders(life).socket.exists()
    cluster.down(life)


def test_a_port_that_was_asked_for_and_is_taken_is_named(life: str) -> None:
    with socket.socket() as other:
        other.bind((ports.LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        answer = run("up", "--name", life, "--port", str(port))
    assert answer.returncode == 1
    assert f"port {port}" in answer.stderr
    assert "leave --port out" in answer.stderr
    assert pids(life) == {}


def test_another_port_than_that_of_the_running_cluster_is_refused(site: Site) -> None:
    (other,) = ports.free_ports(1)
    with pytest.raises(HarnessError, match=rf"is up at .*, not at port {other}"):
        cluster.up(site.state.name, port=other)


@pytest.mark.parametrize("victim", ["kube-apiserver", "kwok"])
def test_a_port_taken_between_choosing_and_binding_is_replaced(
    life: str, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = ports.choose
    with socket.socket() as other:
        other.bind((ports.LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(ports, "is_free", lambda port: True)
        answers = iter([lambda chosen: {**chosen, victim: taken}])

        def first_time_taken(*arguments: object) -> dict[str, int]:
            chosen = choose(*arguments)  # type: ignore[arg-type]
            return next(answers, lambda same: same)(chosen)

        monkeypatch.setattr(ports, "choose", first_time_taken)
        known = cluster.up(life, nodes=1)
    assert known.ports[victim] != taken
    assert cluster.healthy(known)
