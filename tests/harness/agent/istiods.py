# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One real istiod process per istiod pod."""

from __future__ import annotations

import http.client
import logging
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import processes
from ..api import Api, ApiError
from ..control_plane import Component
from ..ports import LOOPBACK, free_ports
from . import launch, mounts
from .egress import Routes
from .kubelet import Kubelet, now_text
from .pod_logs import PodLog
from .pod_status import Health
from .watcher import Change

Object = dict[str, Any]
FIRST_BACKOFF, LONGEST_BACKOFF, FORGIVEN_AFTER = 1.0, 30.0, 60.0  # seconds
PROBE_SECONDS = 2.0
REFRESH_SECONDS = 5.0
log = logging.getLogger("istiods")


def answers(port: int, path: str = "/ready") -> bool:
    """Whether the process answers 200 on this loopback port."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=0.5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass
class Istiod:
    """An istiod pod and, between crashes, its process."""

    pod: Object
    container: Object
    health: Health = field(default_factory=Health)
    process: subprocess.Popen[bytes] | None = None
    ports: dict[str, int] = field(default_factory=dict)
    backoff: float = FIRST_BACKOFF
    started: float = 0.0
    next_start: float = 0.0
    next_probe: float = 0.0
    next_refresh: float = 0.0
    published: Health | None = None
    log: PodLog | None = None

    @property
    def namespace(self) -> str:
        return str(self.pod["metadata"]["namespace"])

    @property
    def name(self) -> str:
        return str(self.pod["metadata"]["name"])

    @property
    def address(self) -> str:
        return str(self.pod.get("status", {}).get("podIP", ""))

    @property
    def process_name(self) -> str:
        return f"{self.namespace}.{self.name}"


class Istiods:
    """Keeps processes and pods equal. `programs` maps an image's version to its program."""

    def __init__(
        self, api: Api, routes: Routes, programs: Mapping[str, Path], *, pods: Path, pids: Path, logs: Path
    ) -> None:
        self._api = api
        self._source = mounts.ApiSource(api)
        self._kubelet = Kubelet(api, self._source)
        self._routes = routes
        self._programs = programs
        self._pods, self._pids, self._logs = pods, pids, logs
        self._all: dict[str, Istiod] = {}
        self.generation = 0
        """Changes whenever `reachable` may answer otherwise than before."""

    def reachable(self, namespace: str, selector: Mapping[str, str]) -> int | None:
        """The plaintext xDS port of a Ready istiod in `namespace` whose pod carries these labels."""
        for each in self._all.values():
            labels = each.pod["metadata"].get("labels", {})
            if each.health.ready and each.namespace == namespace and selector.items() <= labels.items():
                return each.ports["grpc"]
        return None

    def on_change(self, change: Change) -> None:
        if change.kind != "Pod":
            return
        known = self._all.get(change.key)
        pod = change.now
        if known and (pod is None or pod["metadata"]["uid"] != known.pod["metadata"]["uid"]):
            self._end([self._all.pop(change.key)])
            known = None
        if pod is None or pod["metadata"].get("deletionTimestamp"):
            if known:
                self._end([self._all.pop(change.key)])
            return
        if known:
            known.pod = pod
        elif (container := launch.pilot_container(pod)) and pod.get("status", {}).get("podIP"):
            restarts = max((each["restartCount"] for each in pod["status"].get("containerStatuses", ())), default=0)
            self._all[change.key] = Istiod(pod, container, Health(restarts=restarts))

    def tick(self, now: float) -> None:
        """Start, probe, restart; called several times a second."""
        for each in list(self._all.values()):
            try:
                self._step(each, now)
            except (ApiError, OSError, http.client.HTTPException, mounts.MountError) as error:
                log.warning("%s: %s", each.process_name, error)
                each.next_start = now + 1.0

    def stop_all(self) -> None:
        self._end(list(self._all.values()))
        self._all.clear()

    def _step(self, each: Istiod, now: float) -> None:
        if each.process is None:
            if now >= each.next_start:
                self._start(each, now)
        elif (code := each.process.poll()) is not None:
            self._crashed(each, code, now)
        elif now >= each.next_probe:
            ready = answers(each.ports["http"])
            each.next_probe = now + (PROBE_SECONDS if ready else 0.0)
            self.generation += ready != each.health.ready
            each.health = _with(each.health, ready=ready)
            if now >= each.next_refresh:
                each.next_refresh = now + REFRESH_SECONDS
                mounts.materialise(self._pods / each.process_name, each.pod, each.container, self._source, refresh=True)
        if each.log is not None:
            each.log.follow()
        if each.health != each.published:
            self._kubelet.publish(each.pod, each.container, each.health)
            each.published = each.health

    def _start(self, each: Istiod, now: float) -> None:
        version = launch.image_version(each.container["image"])
        program = self._programs.get(version)
        each.next_start = now + LONGEST_BACKOFF
        if program is None:
            message = f'Back-off pulling image "{each.container["image"]}": no istiod {version} is built here'
            each.health = _with(each.health, waiting="ImagePullBackOff", message=message)
            self._kubelet.event(each.pod, "Failed", message)
            return
        root = self._pods / each.process_name
        try:
            mounts.materialise(root, each.pod, each.container, self._source)
            each.ports = dict(zip(launch.PORTS, free_ports(len(launch.PORTS)), strict=True))
            base = Component("istiod", []).environment()
            kubeconfig = self._kubelet.identity(each.pod, root)
            plan = launch.plan(each.pod, each.ports, kubeconfig, base, self._kubelet.lookup)
        except (mounts.MountError, launch.Unresolved) as error:
            each.next_start = now + each.backoff
            each.health = _with(each.health, waiting="CreateContainerConfigError", message=str(error))
            self._kubelet.event(each.pod, "Failed", str(error))
            return
        by_port = {launch.PORTS[name]: local for name, local in each.ports.items()}
        self._routes.set_pod(each.address, by_port)
        each.log = PodLog(self._logs / f"{each.process_name}.log", self._pods / f"{each.process_name}.log")
        self._kubelet.forward(each.pod, by_port)
        self._kubelet.serve_log(each.pod, each.container, each.log.path)
        each.process = processes.start(
            self._pids,
            each.process_name,
            [str(program), *plan.arguments],
            log=self._logs / f"{each.process_name}.log",
            port=each.ports["http"],
            environment=plan.environment,
            cwd=root,
        )
        each.started, each.next_probe, each.next_refresh = now, now, now + REFRESH_SECONDS
        each.health = _with(each.health, waiting="", message="", started_at=now_text())
        log.info("%s: istiod %s is pid %d, ports %s", each.process_name, version, each.process.pid, each.ports)

    def _crashed(self, each: Istiod, code: int, now: float) -> None:
        if now - each.started > FORGIVEN_AFTER:
            each.backoff = FIRST_BACKOFF
        each.process = None
        self.generation += 1
        each.next_start = now + each.backoff
        message = f"back-off {each.backoff:.0f}s restarting failed container={each.container['name']}"
        each.backoff = min(each.backoff * 2, LONGEST_BACKOFF)
        each.health = Health(
            waiting="CrashLoopBackOff",
            message=message,
            restarts=each.health.restarts + 1,
            started_at=each.health.started_at,
            exit_code=code if code >= 0 else 128 - code,
            finished_at=now_text(),
        )
        log.warning("%s: istiod ended with code %d; %s", each.process_name, code, message)
        self._kubelet.event(each.pod, "BackOff", message)

    def _end(self, ended: list[Istiod]) -> None:
        self.generation += 1
        running = {each.process.pid for each in ended if each.process is not None}
        for each in ended:
            self._routes.drop_pod(each.address)
            log.info("%s: the pod is gone, istiod is stopped", each.process_name)
        mine = [record for record in processes.records(self._pids) if record.pid in running]
        processes.stop(self._pids, mine, seconds=1.0)
        for each in ended:
            each.process = None
            if each.log is not None:
                each.log.path.unlink(missing_ok=True)
            shutil.rmtree(self._pods / each.process_name, ignore_errors=True)


def _with(health: Health, **changes: Any) -> Health:
    values = {name: getattr(health, name) for name in Health.__dataclass_fields__}
    return Health(**{**values, **changes})
