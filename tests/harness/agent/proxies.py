# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The named simulator `proxies`: one xDS connection per simulated proxy, held by one Go program.

A proxy connects to the istiod that its pod's configuration names: service, selector, a Ready istiod process behind it.
It acknowledges what it gets, unless its pod's annotation harness.meshwright.io/reject lists the type (cds, lds, rds,
eds; for ztunnel address, authorization). What a ztunnel was sent is at port 15000 of its pod, as with the genuine one.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from .. import processes
from ..control_plane import Component
from ..ports import free_ports
from .ambient import annotations_of, is_ready, labels_of
from .watcher import Change

Object = dict[str, Any]
REJECT = "harness.meshwright.io/reject"
TYPES = ("sidecar", "router", "waypoint", "ztunnel")
LIMIT = 300
"""Connections held at most: each costs memory here and in istiod, and 10,000 pods are simulated elsewhere."""
PROCESS = "proxies"
ADMIN = 15000
"""ztunnel's admin port; of it, GET /config_dump is simulated."""
log = logging.getLogger("proxies")


Forward = Callable[[Object, Mapping[int, int]], None]
"""(pod, loopback ports by the pod's) -> the pod's ports lead there from now on."""
Reachable = Callable[[str, Mapping[str, str]], int | None]
"""(namespace, labels) -> the plaintext xDS port of a Ready istiod whose pod carries them."""


class Istiods(Protocol):
    """The istiods that proxies connect to."""

    @property
    def generation(self) -> int: ...

    def reachable(self, namespace: str, selector: Mapping[str, str]) -> int | None: ...


def _environment(container: Object) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container.get("env", ())}


def proxy_container(pod: Object) -> Object | None:
    """The container that is a proxy: `istio-proxy` of any kind of pod, or ztunnel's."""
    spec = pod["spec"]
    for container in [*spec.get("initContainers", ()), *spec.get("containers", ())]:
        arguments = container.get("args") or []
        if arguments[:1] == ["proxy"] and arguments[1:2] and arguments[1] in TYPES:
            return dict(container)
    return None


def discovery_service(container: Object) -> tuple[str, str] | None:
    """(namespace, name) of the Service that the proxy takes its configuration from."""
    values = _environment(container)
    match = re.search(r'"?discoveryAddress"?\s*:\s*"?([^",}\s]+)', values.get("PROXY_CONFIG", ""))
    address = match.group(1) if match else values.get("XDS_ADDRESS") or values.get("CA_ADDR", "")
    parts = address.rpartition(":")[0].split(".")
    return (parts[1], parts[0]) if len(parts) > 1 else None


def _metadata(pod: Object, container: Object) -> Object:
    values = _environment(container)
    version = container["image"].rpartition(":")[2].removesuffix("-distroless").removesuffix("-debug")
    prefix = "ISTIO_META_"
    return {
        **{key.removeprefix(prefix): text for key, text in values.items() if key.startswith(prefix) and text},
        "CLUSTER_ID": values.get("ISTIO_META_CLUSTER_ID", "Kubernetes"),
        "ISTIO_VERSION": version,
        "LABELS": labels_of(pod),
        "NAME": pod["metadata"]["name"],
        "NAMESPACE": pod["metadata"]["namespace"],
        "NODE_NAME": pod["spec"].get("nodeName", ""),
        "SERVICE_ACCOUNT": pod["spec"].get("serviceAccountName", "default"),
        "INSTANCE_IPS": pod["status"]["podIP"],
    }


def connection(pod: Object, services: Mapping[str, Object], reachable: Reachable) -> Object | None:
    """The command that makes the pod's proxy connect; None when it is no proxy, not Ready, or finds no istiod."""
    container = proxy_container(pod)
    if container is None or pod["metadata"].get("deletionTimestamp") or not is_ready(pod):
        return None
    found = discovery_service(container)
    service = services.get("/".join(found)) if found else None
    selector = service["spec"].get("selector") if service else None
    port = reachable(found[0], selector) if found and selector else None
    if port is None:
        return None
    rejected = re.split(r"[\s,]+", annotations_of(pod).get(REJECT, "").strip())
    return {
        "id": f"{pod['metadata']['namespace']}/{pod['metadata']['name']}",
        "address": f"127.0.0.1:{port}",
        "type": container["args"][1],
        "namespace": pod["metadata"]["namespace"],
        "pod": pod["metadata"]["name"],
        "ip": pod["status"]["podIP"],
        "metadata": _metadata(pod, container),
        "reject": [name for name in rejected if name],
    }


class Proxies:
    """Keeps the Go program's connections equal to the Ready proxies; starts it with the first of them."""

    def __init__(self, program: Path, istiods: Istiods, forward: Forward, *, pids: Path, logs: Path) -> None:
        self._program, self._istiods, self._forward = program, istiods, forward
        self._pids, self._logs = pids, logs
        self._pods: dict[str, Object] = {}
        self._services: dict[str, Object] = {}
        self._held: dict[str, Object] = {}
        self._admins: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._seen = -1

    def on_change(self, change: Change) -> None:
        table = {"Pod": self._pods, "Service": self._services}.get(change.kind)
        if table is None:
            return
        if change.now is None or (change.kind == "Pod" and proxy_container(change.now) is None):
            gone = table.pop(change.key, None)
            if gone is not None:
                self._admins.pop(gone["metadata"].get("uid", ""), None)
                self._seen = -1
        else:
            table[change.key] = change.now
            self._seen = -1

    def tick(self, now: float) -> None:
        if self._process is not None and self._process.poll() is not None:
            log.error("the proxies' program ended with code %s; starting it again", self._process.returncode)
            self._process, self._held, self._admins, self._seen = None, {}, {}, -1
        if self._seen == self._istiods.generation:
            return
        seen = self._istiods.generation
        wanted: dict[str, Object] = {}
        for key, pod in self._pods.items():
            if len(wanted) < LIMIT and (command := connection(pod, self._services, self._istiods.reachable)):
                wanted[key] = command | self._admin(pod) if command["type"] == "ztunnel" else command
        for key in set(self._held) - set(wanted):
            self._send({"id": key, "remove": True})
            del self._held[key]
        for key, command in wanted.items():
            if self._held.get(key) != command:
                self._send(command)
                self._held[key] = command
        self._seen = seen

    def _admin(self, pod: Object) -> Object:
        """Where the pod's admin port is served; what it was sent stays there when it connects anew."""
        uid = pod["metadata"]["uid"]
        if uid not in self._admins:
            (port,) = free_ports(1)
            self._forward(pod, {ADMIN: port})
            self._admins[uid] = port
        return {"admin": self._admins[uid]}

    def stop(self) -> None:
        """End the program: it ends with its stdin."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            mine = [record for record in processes.records(self._pids) if record.name == PROCESS]
            processes.stop(self._pids, mine, seconds=1.0)
            self._process = None

    def _send(self, command: Object) -> None:
        if self._process is None:
            self._process = processes.start(
                self._pids,
                PROCESS,
                [str(self._program)],
                log=self._logs / f"{PROCESS}.log",
                environment=Component(PROCESS, []).environment(),
                stdin=subprocess.PIPE,
            )
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(command).encode() + b"\n")
        stdin.flush()
