# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters and playbooks for the parts of the benchmark."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness import cluster
from tests.harness.state import State

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "build" / "bench-venv" / "bin" / "python"
FOLDER = ROOT / "build" / "bench"


def fresh(name: str, nodes: int = 3) -> State:
    """An embedded cluster that starts empty."""
    cluster.down(name)
    return cluster.up(name, nodes=nodes)


def environment(state: State) -> dict[str, str]:
    """What ours and the peers' processes share: the same Python, the same helm, this cluster, default settings."""
    home = FOLDER / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join([str(Path(state.programs["helm"]).parent), os.environ["PATH"]]),
        "KUBECONFIG": state.kubeconfig,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }


def playbook(name: str, tasks: list[dict[str, Any]], *arguments: str) -> list[str]:
    """The command that runs these tasks."""
    play = {"name": name, "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    path = FOLDER / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([play], indent=1), encoding="utf-8")
    return [str(PYTHON), "-m", "ansible", "playbook", str(path), *arguments]


def throttled(state: State) -> Callable[[], int]:
    """Reads how many requests the API server has answered with 429 so far."""

    def read() -> int:
        command = [state.programs["kubectl"], "--kubeconfig", state.kubeconfig, "get", "--raw", "/metrics"]
        metrics = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        lines = re.findall(r'^apiserver_request_total\{[^}]*code="429"[^}]*\} (\S+)$', metrics, re.MULTILINE)
        return int(sum(float(value) for value in lines))

    return read
