# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.harness.agent <agent.json>`: started by `up`, ends on SIGTERM."""

from __future__ import annotations

import functools
import http.client
import json
import logging
import queue
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Protocol

from .. import processes
from ..api import Api, ApiError
from . import egress, mounts, repository, trim
from .ambient import IstioCni
from .istiods import Istiods
from .kubelet import Kubelet
from .load_balancers import LoadBalancers
from .proxies import Proxies
from .sail.releases import Releases
from .sail.simulator import SailOperator
from .watcher import Change, Watcher, slim

TICK_SECONDS = 0.2
WATCHED = {"Namespace": "/api/v1/namespaces", "Service": "/api/v1/services", "Pod": "/api/v1/pods"}
log = logging.getLogger("agent")


class Simulator(Protocol):
    """A part of the agent: told of every change, and called several times a second."""

    def on_change(self, change: Change) -> None: ...

    def tick(self, now: float) -> None: ...


def _guard(simulator: Simulator, action: Callable[[], None]) -> None:
    """Neither an API server that restarts nor one odd object may end the agent; the next tick tries again."""
    try:
        action()
    except (ApiError, OSError, http.client.HTTPException) as error:
        log.warning("%s: %s", type(simulator).__name__, error)
    except Exception:
        log.exception("%s", type(simulator).__name__)


def _run(simulators: list[Simulator], changes: queue.Queue[Change | None]) -> None:
    next_tick = 0.0
    while True:
        try:
            change = changes.get(timeout=max(0.0, next_tick - time.monotonic()))
        except queue.Empty:
            pass
        else:
            if change is None:
                return
            for simulator in simulators:
                _guard(simulator, functools.partial(simulator.on_change, change))
        if time.monotonic() < next_tick:
            continue
        next_tick = time.monotonic() + TICK_SECONDS
        for simulator in simulators:
            _guard(simulator, functools.partial(simulator.tick, time.monotonic()))


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = json.loads(Path(sys.argv[1]).read_text())
    pids, pods, logs = (Path(settings[name]) for name in ("pids", "pods", "logs"))
    # An agent that was killed leaves its istiods behind; they listen on ports that nobody routes to any more.
    leftover = [record for record in processes.records(pids) if record.name not in settings["components"]]
    processes.stop(pids, leftover, seconds=1.0)
    routes = egress.Routes(kubelet=settings["kubelet"])
    egress.start(Path(settings["socket"]), routes)
    repository.start(Path(settings["repository"]), settings["port"])
    api = Api(settings["server"], settings["token"], settings["authority"])
    changes: queue.Queue[Change | None] = queue.Queue()

    def stop(_number: int, _frame: FrameType | None) -> None:
        changes.put(None)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    programs = {version: Path(path) for version, path in settings["istiods"].items()}
    istiods = Istiods(api, routes, programs, pods=pods, pids=pids, logs=logs)
    forward = Kubelet(api, mounts.ApiSource(api)).forward
    proxies = Proxies(api, Path(settings["proxies"]), istiods, forward, pids=pids, logs=logs)
    for kind, path in WATCHED.items():
        Watcher(api, kind, path, changes, trim.pod if kind == "Pod" else slim).start()
    helm, kubeconfig, charts, home = (Path(settings["sail"][name]) for name in ("helm", "kubeconfig", "charts", "home"))
    sail_operator = SailOperator(api, Releases(api, helm, kubeconfig, charts, home), changes)
    _run([istiods, proxies, IstioCni(api), LoadBalancers(api), sail_operator], changes)
    proxies.stop()
    istiods.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
