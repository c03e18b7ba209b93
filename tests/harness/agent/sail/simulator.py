# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated operator: at work while a pod of its Deployment is Ready, a thread per kind, as in the genuine one."""

from __future__ import annotations

import functools
import http.client
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from ...api import Api, ApiError
from ..ambient import is_ready, labels_of
from ..watcher import Change, Watcher, key_of
from . import daemons, istio, names, revision, tag
from .context import Context, Operator
from .releases import HelmError, Releases
from .store import Store

Object = dict[str, Any]
Reconcile = Callable[[Context, Object], float | None]
CONTROL_PLANE = "control-plane"
DEPLOYMENTS = ("sail-operator", "servicemesh-operator3")
FIRST_RETRY, LONGEST_RETRY = 0.5, 30.0
WORKLOADS = {"Deployment": "/apis/apps/v1/deployments", "DaemonSet": "/apis/apps/v1/daemonsets"}
RECONCILERS: dict[str, Reconcile] = {
    "Istio": istio.reconcile,
    "IstioRevision": revision.reconcile,
    "IstioRevisionTag": tag.reconcile,
    "IstioCNI": functools.partial(daemons.reconcile, kind="IstioCNI"),
    "ZTunnel": functools.partial(daemons.reconcile, kind="ZTunnel"),
}
CONCERNS = {
    "Istio": ("IstioRevision", "IstioRevisionTag", "ZTunnel"),
    "IstioRevision": ("Istio", "IstioRevisionTag", "ZTunnel"),
    "IstioRevisionTag": ("IstioRevision",),
    "IstioCNI": ("IstioRevision",),
    "ZTunnel": ("IstioRevision",),
    "Deployment": ("IstioRevision",),
    "DaemonSet": ("IstioCNI", "ZTunnel"),
}
"""Kind -> whose objects to look at again when one of it changed, besides itself."""
log = logging.getLogger("sail-operator")


def is_operator(item: Object) -> bool:
    return labels_of(item).get(CONTROL_PLANE) in DEPLOYMENTS


def version_of(deployment: Object) -> str:
    """The operator's version, from its image's tag: "1.30.3"."""
    images = [each["image"] for each in deployment["spec"]["template"]["spec"]["containers"]]
    own = next((each for each in images if "operator" in each.rsplit("/", 1)[-1]), images[0])
    return str(own.rpartition(":")[2].partition("@")[0].removeprefix("v"))


class Worker(threading.Thread):
    """Reconciles the objects of one kind, one after the other, when told to or when it is time."""

    def __init__(self, kind: str, reconcile: Reconcile, context: Context, active: threading.Event) -> None:
        super().__init__(name=f"sail-{kind}", daemon=True)
        self._kind, self._reconcile, self._context, self._active = kind, reconcile, context, active
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._changed = threading.Condition()

    def mark(self, name: str, delay: float = 0.0) -> None:
        at = time.monotonic() + delay
        with self._changed:
            self._due[name] = min(at, self._due.get(name, at))
            self._changed.notify()

    def mark_all(self) -> None:
        for item in self._context.store.all(self._kind):
            self.mark(key_of(item))

    def _next(self) -> str:
        with self._changed:
            while True:
                now = time.monotonic()
                name = min(self._due, key=self._due.__getitem__, default=None)
                if name is not None and self._due[name] <= now:
                    del self._due[name]
                    return name
                self._changed.wait(None if name is None else self._due[name] - now)

    def run(self) -> None:
        while True:
            name = self._next()
            self._active.wait()
            item = self._context.store.get(self._kind, name)
            if item is None:
                self._failures.pop(name, None)
                continue
            try:
                wait = self._reconcile(self._context, item)
                self._failures.pop(name, None)
                if wait is not None:
                    self.mark(name, max(0.0, wait) + 0.01)
            except Exception as error:
                self._retry(name, error)

    def _retry(self, name: str, error: Exception) -> None:
        count = self._failures[name] = self._failures.get(name, 0) + 1
        expected = isinstance(error, (ApiError, HelmError, OSError, http.client.HTTPException))
        log.warning("%s %s: %s", self._kind, name, error, exc_info=not expected)
        self.mark(name, min(FIRST_RETRY * 2 ** (count - 1), LONGEST_RETRY))


class SailOperator:
    """Starts to watch when it first sees a Ready pod of the operator; until then it costs nothing."""

    def __init__(self, api: Api, releases: Releases, changes: queue.Queue[Change | None]) -> None:
        self._api, self._changes = api, changes
        self._store = Store(api)
        self._releases = releases
        self._ready: set[str] = set()
        self._watchers: dict[str, Watcher] = {}
        self._unsynced: set[str] = set()
        self._look = True
        """Whether to find out again how the kinds are served."""
        self._context: Context | None = None
        self._workers: dict[str, Worker] = {}
        self._active = threading.Event()
        self._references: tuple[set[str], set[str]] | None = None
        self._references_stale = True

    def on_change(self, change: Change) -> None:
        if change.kind == "Pod":
            self._on_pod(change)
        if not change.key:
            self._unsynced.discard(change.kind)
            return
        if change.kind not in ("Pod", "Namespace") and change.kind not in CONCERNS:
            return
        known = self._store.get(change.kind, change.key) is not None
        if change.now is None:
            self._store.drop(change.kind, change.key)
        else:
            self._store.put(change.kind, change.now)
        if change.kind in ("Pod", "Namespace"):
            self._references_stale = True
        if self._context is None:
            return
        if change.kind in self._workers:
            self._workers[change.kind].mark(change.key)
        for kind in CONCERNS.get(change.kind, ()):
            self._workers[kind].mark_all()
        if change.kind == "Deployment" and change.now is not None and is_operator(change.now):
            self._adopt(change.now)
        elif change.kind == "Namespace" and known != (change.now is not None):
            self._mark_everything()

    def _on_pod(self, change: Change) -> None:
        pod = change.now
        if pod and is_operator(pod) and is_ready(pod) and not pod["metadata"].get("deletionTimestamp"):
            self._ready.add(change.key)
        else:
            self._ready.discard(change.key)

    def _mark_everything(self) -> None:
        for worker in self._workers.values():
            worker.mark_all()

    def tick(self, now: float) -> None:
        if not self._ready:
            if self._active.is_set():
                log.info("no pod of the operator is Ready: resting")
                self._active.clear()
                self._look = True
            return
        if self._look:
            self._watch()
        if self._look or self._unsynced:
            return
        if self._context is None:
            self._start()
        if self._context is not None and not self._active.is_set():
            log.info("the operator %s is Ready", self._context.operator.version)
            self._active.set()
        if self._references_stale and self._workers:
            self._references_stale = False
            found = self._store.used()
            if found != self._references:
                self._references = found
                self._workers["IstioRevision"].mark_all()
                self._workers["IstioRevisionTag"].mark_all()

    def _watch(self) -> None:
        """Find out how the kinds are served, and watch them so; a later tick tries again while some are not there."""
        served: dict[str, str] = {}
        for version in ("v1alpha1", "v1"):
            found = self._api.get(f"/apis/{names.GROUP}/{version}") or {}
            served |= {each["kind"]: version for each in found.get("resources", ()) if "/" not in each["name"]}
        if names.PLURALS.keys() - served.keys():
            return
        self._store.versions.update(served)
        paths = {kind: names.path(kind, served[kind]) for kind in names.PLURALS} | WORKLOADS
        self._look = False
        for kind, path in paths.items():
            known = self._watchers.get(kind)
            if known is not None and known.path == path:
                continue
            if known is not None:
                known.stopped = True
            self._unsynced.add(kind)
            self._watchers[kind] = Watcher(self._api, kind, path, self._changes, announce=True)
            self._watchers[kind].start()

    def _start(self) -> None:
        deployment = next((each for each in self._store.all("Deployment") if is_operator(each)), None)
        if deployment is None:
            return
        self._context = Context(self._store, self._releases, Operator(version_of(deployment), deployment))
        for kind, reconcile in RECONCILERS.items():
            self._workers[kind] = Worker(kind, reconcile, self._context, self._active)
            self._workers[kind].start()
        self._mark_everything()

    def _adopt(self, deployment: Object) -> None:
        """Take over what the operator's Deployment says now: its version, its switches."""
        if self._context is None:
            return
        before = self._context.operator.deployment["metadata"]
        self._look = self._look or version_of(deployment) != self._context.operator.version
        self._context.operator = Operator(version_of(deployment), deployment)
        annotations = deployment["metadata"].get("annotations")
        if before["generation"] != deployment["metadata"]["generation"] or before.get("annotations") != annotations:
            self._mark_everything()
