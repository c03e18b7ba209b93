# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, folders, records of processes and what is mounted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness import processes, state
from tests.harness.agent import mounts
from tests.harness.errors import HarnessError


@pytest.mark.parametrize("name", ["", "../demo", "Demo", "a b", "-x", "x-", "x" * 41])
def test_bad_cluster_names_are_refused(name: str) -> None:
    with pytest.raises(HarnessError, match="cluster name"):
        state.folders(name)


@pytest.mark.parametrize("depth", [1, 40])
def test_socket_path_fits_however_deep_the_checkout_is(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "CHECKOUT", Path("/" + "/".join(["folder"] * depth)))
    socket = state.folders("demo").socket
    assert len(os.fsencode(socket)) < 108
    assert socket.is_relative_to(state.CHECKOUT) == (depth == 1)


def test_clusters_share_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "CHECKOUT", Path("/" + "x" * 120))
    assert state.folders("a").socket != state.folders("b").socket


def test_kubeconfig_has_a_context_per_user_and_admin_is_current() -> None:
    config = json.loads(state.kubeconfig("meshwright-x", "https://127.0.0.1:1", b"pem", {"admin": "t", "viewer": "v"}))
    assert config["current-context"] == "meshwright-x"
    assert {each["name"]: each["context"]["user"] for each in config["contexts"]} == {
        "meshwright-x": "meshwright-x-admin",
        "meshwright-x-viewer": "meshwright-x-viewer",
    }


def test_a_pid_that_belongs_to_another_process_now_is_not_ours(tmp_path: Path) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        ours = processes.Record("x", sleeper.pid, processes.start_time(sleeper.pid) or 0, 0, [])
        earlier = replace(ours, start=ours.start - 1)
        assert processes.alive(ours)
        assert not processes.alive(earlier)
        processes.stop(tmp_path, [earlier])
        assert sleeper.poll() is None
        processes.stop(tmp_path, [ours])
        assert not processes.alive(ours)
    finally:
        sleeper.kill()
        sleeper.wait()


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["I1121 10:00:00 fine", "E1121 10:00:01 broken"], "E1121 10:00:01 broken"),
        (["E1121 10:00:01 broken", "W1121 10:00:02 transport error"], "E1121 10:00:01 broken"),
        (["2026 INFO no error here", "all is well"], ""),
        (["2026-11-21T12:40:40Z\terror\tcontrollers\tretrying"], "2026-11-21T12:40:40Z\terror\tcontrollers\tretrying"),
    ],
)
def test_last_error(lines: list[str], error: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(lines) + "\n")
    assert processes.last_error(log) == error


class Table:
    """Mounted data from a table."""

    def __init__(self, data: dict[tuple[str, str], dict[str, bytes]]) -> None:
        self.table = data

    def data(self, kind: str, namespace: str, name: str) -> Mapping[str, bytes] | None:
        return self.table.get((kind, name))

    def token(self, pod: Mapping[str, Any], audience: str) -> str:
        return f"token for {audience}"


VOLUMES: list[dict[str, Any]] = [
    {"name": "mesh", "configMap": {"name": "mesh"}},
    {"name": "ca", "secret": {"secretName": "cacerts", "optional": True}},
    {"name": "picked", "configMap": {"name": "mesh", "items": [{"key": "mesh", "path": "sub/other"}]}},
    {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"audience": "istio-ca", "path": "t"}}]}},
    {"name": "empty", "emptyDir": {}},
]
POD: dict[str, Any] = {"metadata": {"namespace": "istio-system"}, "spec": {"volumes": VOLUMES}}
CONTAINER = {"volumeMounts": [{"name": each["name"], "mountPath": f"/etc/{each['name']}"} for each in VOLUMES]}


def files(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_mounts_are_written_below_the_root_and_follow_changes(tmp_path: Path) -> None:
    table = Table({("ConfigMap", "mesh"): {"mesh": b"one", "gone": b"x"}})
    mounts.materialise(tmp_path, POD, CONTAINER, table)
    assert files(tmp_path) == {
        "etc/mesh/mesh": "one",
        "etc/mesh/gone": "x",
        "etc/picked/sub/other": "one",
        "etc/token/t": "token for istio-ca",
    }
    untouched = (tmp_path / "etc/picked/sub/other").stat().st_mtime_ns
    table.table = {("ConfigMap", "mesh"): {"mesh": b"one"}, ("Secret", "cacerts"): {"ca-cert.pem": b"pem"}}
    mounts.materialise(tmp_path, POD, CONTAINER, table, refresh=True)
    found = files(tmp_path)
    assert "etc/mesh/gone" not in found
    assert found["etc/ca/ca-cert.pem"] == "pem"
    assert (tmp_path / "etc/picked/sub/other").stat().st_mtime_ns == untouched


def test_a_mount_that_is_missing_and_not_optional_is_named(tmp_path: Path) -> None:
    with pytest.raises(mounts.MountError, match="ConfigMap istio-system/mesh not found"):
        mounts.materialise(tmp_path, POD, CONTAINER, Table({}))
