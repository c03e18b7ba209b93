# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order in which a cluster's processes start and stop, and when each counts as started."""

from __future__ import annotations

import http.client
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from . import nodes as nodes_of
from . import processes, stages
from .api import Api, ApiError
from .control_plane import Component
from .errors import HarnessError, PortTaken
from .state import Folders

ORDER = ("etcd", "agent", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
READY_SECONDS = 60.0
_PAUSE = 0.03
_TAKEN = re.compile(r"address already in use", re.IGNORECASE)
Running = dict[str, subprocess.Popen[bytes]]


def is_ready(api: Api, timeout: float) -> bool:
    """Whether the API server says that it is ready."""
    try:
        return bool(Api(api.server, api.token, api.authority, timeout).request("GET", "/readyz") == "ok")
    except (ApiError, OSError, http.client.HTTPException):
        return False


def _check(folders: Folders, running: Running) -> None:
    """Raise when a process ended: PortTaken when that is why, else HarnessError with its last words."""
    for name, process in running.items():
        if process.poll() is None:
            continue
        log = folders.logs / f"{name}.log"
        lines = processes.tail(log)
        taken = next((line for line in lines if _TAKEN.search(line)), None)
        if taken:
            raise PortTaken(f"{name} found its port taken: {taken.strip()[-160:]}")
        last = processes.last_error(log) or (lines[-1].strip() if lines else "it wrote nothing")
        raise HarnessError(
            f"{name} ended with code {process.returncode} while the cluster started: {last}\nIts log is {log}. "
            f"If its data is damaged, `python tests/harness down --name {folders.name}` removes it."
        )


def _spawn(folders: Folders, component: Component) -> subprocess.Popen[bytes]:
    return processes.start(
        folders.pids,
        component.name,
        component.command,
        log=folders.logs / f"{component.name}.log",
        port=component.port,
        environment=component.environment(),
        cwd=folders.root,
    )


def _custom_resource_definitions(folder: Path) -> list[dict[str, Any]]:
    names = [f"kwok.x-k8s.io_{kind.lower() if kind.endswith('s') else kind.lower() + 's'}" for kind in stages.CRD_KINDS]
    return [yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in names]


def _wait(folders: Folders, running: Running, what: str, done: Any) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        _check(folders, running)
        try:
            if done():
                return
        except (ApiError, OSError, http.client.HTTPException):
            pass
        if time.monotonic() > deadline:
            raise HarnessError(
                f"{what} not within {READY_SECONDS:.0f} s. Logs are in {folders.logs}; "
                f"`python tests/harness down --name {folders.name}` removes the cluster."
            )
        time.sleep(_PAUSE)


def _established(api: Api, name: str) -> bool:
    found = api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    # A CRD that was created a moment ago has `conditions: null`.
    conditions = (found or {}).get("status", {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _nodes_ready(api: Api, count: int) -> bool:
    ready = 0
    for node in api.request("GET", "/api/v1/nodes")["items"]:
        conditions = node.get("status", {}).get("conditions") or ()
        ready += any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    # A node starts with a taint that the controller manager removes; pods wait for that, `up` need not.
    return ready >= count and api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None


def start(folders: Folders, components: Mapping[str, Component], api: Api, *, nodes: int, crds: Path) -> None:
    """Start everything and wait for nodes that take pods; `crds` holds kwok's CRDs. Errors: PortTaken, HarnessError."""
    running: Running = {}

    def spawn(name: str) -> None:
        running[name] = _spawn(folders, components[name])

    for name in ("etcd", "agent", "kube-apiserver"):
        spawn(name)
    definitions = _custom_resource_definitions(crds)
    _wait(folders, running, "the API server was ready", lambda: is_ready(api, 2.0))
    spawn("kube-controller-manager")
    spawn("kube-scheduler")
    for definition in definitions:
        name = definition["metadata"]["name"]
        api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", definition)
    for index in range(1, nodes + 1):
        body = nodes_of.node(index, components["kwok"].port)
        if api.get(f"/api/v1/nodes/{body['metadata']['name']}") is None:
            api.request("POST", "/api/v1/nodes", body)
        else:
            # Another kwok port than before: the nodes tell the API server where their kubelet is.
            status = {"status": {"daemonEndpoints": body["status"]["daemonEndpoints"]}}
            path = f"/api/v1/nodes/{body['metadata']['name']}/status"
            api.request("PATCH", path, status, content_type="application/merge-patch+json")
    for definition in definitions:
        name = definition["metadata"]["name"]
        _wait(folders, running, f"the CRD {name} was established", lambda name=name: _established(api, name))
    spawn("kwok")
    _wait(folders, running, f"{nodes} nodes were ready", lambda: _nodes_ready(api, nodes))


def stop(folders: Folders) -> None:
    """Stop what runs of the cluster: first the agent with its istiods, the API server and etcd last."""
    everything = processes.records(folders.pids)
    last = ("kube-apiserver", "etcd")
    agent = [record for record in everything if record.name == "agent"]
    processes.stop(folders.pids, agent)
    processes.stop(folders.pids, [r for r in processes.records(folders.pids) if r.name not in last], seconds=2.0)
    for name in last:
        processes.stop(folders.pids, [record for record in everything if record.name == name])
