# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module in a process of its own, which kills itself (SIGKILL) at one of its writes, before or after it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from ..support.embedded import Embedded
from ..support.playbook import COLLECTIONS, environment

_PROGRAM = """
import importlib, json, os, signal, sys
from ansible.module_utils import basic

given = json.load(sys.stdin)
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": given["args"]}).encode()
basic._ANSIBLE_PROFILE = "legacy"
from ansible_collections.meshwright.istio.plugins.module_utils._kube import requests

real, written = requests.Requests.send, 0


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def send(self, method, path, *args, query=None, **more):
    global written
    counts = method != "GET" and "dryRun" not in (query or {})
    if counts:
        written += 1
        if written == given["at"] and given["when"] == "before":
            die()
    answer = real(self, method, path, *args, query=query, **more)
    if counts and written == given["at"]:
        die()
    return answer


requests.Requests.send = send
module = importlib.import_module("ansible_collections.meshwright.istio.plugins.modules." + given["module"])
module.main()
"""


def run(
    cluster: Embedded,
    module: str,
    args: dict[str, Any],
    *,
    at: int,
    home: Path,
    when: Literal["before", "after"] = "after",
) -> dict[str, Any] | None:
    """The module's answer, or None when it was killed at its `at`th write before it ended."""
    given = {
        "module": module,
        "args": {"kubeconfig": cluster.kubeconfig, "context": cluster.context, **args},
        "at": at,
        "when": when,
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**environment(home), "PYTHONPATH": str(COLLECTIONS)},
    )
    if done.returncode == -signal.SIGKILL:
        return None
    answer: dict[str, Any] = json.loads(done.stdout)
    assert not answer.get("failed"), answer["msg"]
    return answer
