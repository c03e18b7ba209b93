# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The named simulator `proxies`: one xDS connection per simulated proxy, held by one Go program.

A proxy connects to the istiod that its pod's configuration names: service, selector, a Ready istiod process behind it.
It acknowledges what it gets, unless its pod's annotation harness.meshwright.io/reject lists the type (cds, lds, rds,
eds; for ztunnel address, authorization). What a ztunnel was sent is at port 15000 of its pod, as with the genuine one;
certificates and metrics are there too, of all proxies, connected or not (`answers`).
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
from ..api import Api, ApiError
from ..control_plane import Component
from ..ports import free_ports
from . import answers
from .ambient import annotations_of, is_ready, labels_of
from .watcher import Change

Object = dict[str, Any]
REJECT = "harness.meshwright.io/reject"
PROXY = "harness.meshwright.io/proxy"
"""`none`: the pod's proxy is not simulated, for very many pods whose proxies nobody asks."""
TYPES = ("sidecar", "router", "waypoint", "ztunnel")
LIMIT = 300
"""Connections held at most: each costs memory here and in istiod, and 10,000 pods are simulated elsewhere."""
PROCESS = "proxies"
ADMIN, STATS = 15000, 15020
"""Ports that every proxy answers on."""
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
    values = answers.environment(container)
    match = re.search(r'"?discoveryAddress"?\s*:\s*"?([^",}\s]+)', values.get("PROXY_CONFIG", ""))
    address = match.group(1) if match else values.get("XDS_ADDRESS") or values.get("CA_ADDR", "")
    parts = address.rpartition(":")[0].split(".")
    return (parts[1], parts[0]) if len(parts) > 1 else None


def _metadata(pod: Object, container: Object) -> Object:
    values = answers.environment(container)
    prefix = "ISTIO_META_"
    return {
        **{key.removeprefix(prefix): text for key, text in values.items() if key.startswith(prefix) and text},
        "CLUSTER_ID": values.get("ISTIO_META_CLUSTER_ID", "Kubernetes"),
        "ISTIO_VERSION": answers.version(container),
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


def _is_simulated(pod: Object) -> bool:
    return proxy_container(pod) is not None and annotations_of(pod).get(PROXY) != "none"


def _is_sidecar(item: tuple[str, Object]) -> bool:
    return bool((proxy_container(item[1]) or {}).get("args", [])[1:2] == ["sidecar"])


class Proxies:
    """Keeps the Go program's connections equal to the Ready proxies; starts it with the first of them."""

    def __init__(self, api: Api, program: Path, istiods: Istiods, forward: Forward, *, pids: Path, logs: Path) -> None:
        self._api, self._program, self._istiods, self._forward = api, program, istiods, forward
        self._pids, self._logs = pids, logs
        self._pods: dict[str, Object] = {}
        self._services: dict[str, Object] = {}
        self._held: dict[str, Object] = {}
        self._served: dict[str, Object] = {}
        self._ports: dict[str, tuple[int, int]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._seen = -1

    def on_change(self, change: Change) -> None:
        table = {"Pod": self._pods, "Service": self._services}.get(change.kind)
        if table is None:
            return
        if change.now is None or (change.kind == "Pod" and not _is_simulated(change.now)):
            gone = table.pop(change.key, None)
            if gone is not None:
                self._ports.pop(gone["metadata"].get("uid", ""), None)
                self._seen = -1
        else:
            table[change.key] = change.now
            self._seen = -1

    def tick(self, now: float) -> None:
        if self._process is not None and self._process.poll() is not None:
            log.error("the proxies' program ended with code %s; starting it again", self._process.returncode)
            self._process, self._held, self._served, self._ports, self._seen = None, {}, {}, {}, -1
        if self._seen == self._istiods.generation:
            return
        seen = self._istiods.generation
        served: dict[str, Object] = {}
        wanted: dict[str, Object] = {}
        # Of very many sidecars some are left out, never a ztunnel, gateway or waypoint.
        for key, pod in sorted(self._pods.items(), key=_is_sidecar) if len(self._pods) > LIMIT else self._pods.items():
            if len(served) < LIMIT and (told := answers.of(pod, proxy_container(pod) or {})):
                try:
                    admin, stats = self._ports_of(pod)
                except ApiError as error:
                    # Its namespace goes, most likely: no reason to forget the others.
                    log.warning("%s: %s", key, error)
                    seen = -1
                else:
                    served[key] = {"id": key, "serve": told | {"admin": admin, "stats": stats}}
            if len(wanted) < LIMIT and (command := connection(pod, self._services, self._istiods.reachable)):
                ports = self._ports.get(pod["metadata"].get("uid", ""))
                wanted[key] = command | {"admin": ports[0]} if ports and command["type"] == "ztunnel" else command
        # What is served comes before who connects: a ztunnel keeps there what it is sent.
        self._held = self._tell(self._held, {key: self._held[key] for key in self._held if key in wanted}, "remove")
        self._served = self._tell(self._served, served, "close")
        self._held = self._tell(self._held, wanted, "remove")
        self._seen = seen

    def _tell(self, before: Mapping[str, Object], now: dict[str, Object], gone: str) -> dict[str, Object]:
        for key in set(before) - set(now):
            self._send({"id": key, gone: True})
        for key, command in now.items():
            if before.get(key) != command:
                self._send(command)
        return now

    def _ports_of(self, pod: Object) -> tuple[int, int]:
        """Where the pod's ports are served; what it was sent stays there when it connects anew."""
        uid = pod["metadata"]["uid"]
        if uid not in self._ports:
            admin, stats = free_ports(2)
            self._forward(pod, {ADMIN: admin, STATS: stats})
            self._ports[uid] = (admin, stats)
        return self._ports[uid]

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
            api = {"server": self._api.server, "token": self._api.token, "authority": self._api.authority}
            self._send({"api": api})
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(command).encode() + b"\n")
        stdin.flush()
