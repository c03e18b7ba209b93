# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One run at a time for each mesh: a Lease that is held while something is written, and is gone afterwards."""

from __future__ import annotations

import os
import socket
import threading
import time
from datetime import datetime, timezone
from types import TracebackType
from typing import Any

from ..._errors import ApiError, Conflict, GuardRefused
from ..._kube.client import Client, Deadline
from ..._kube.kinds import LEASE

LEASE_NAME = "meshwright-istio-mesh"
_SECONDS = 30
_POLL = 1.0


class MeshLock:
    """`with MeshLock(client, namespace) as lock:`; `lock.waited` says that another run came first.

    The holder renews it; one whose process died on this host is taken over at once, any other when it has not been
    renewed for its whole duration, as seen by this process's own clock. Raises GuardRefused naming the holder when
    `patience` (seconds) is over first.
    """

    def __init__(self, client: Client, namespace: str, *, patience: float) -> None:
        self._patience = Deadline(patience)
        self._client = client
        self._namespace = namespace
        self._me = f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._uid = ""
        self.waited = False

    def __enter__(self) -> MeshLock:
        version, since = "", time.monotonic()
        while True:
            held = self._client.get(LEASE, LEASE_NAME, self._namespace)
            try:
                if held is None:
                    self._hold(self._client.create(self._lease()))
                    return self
                spec = held.get("spec") or {}
                holder = str(spec.get("holderIdentity") or "")
                if held["metadata"]["resourceVersion"] != version:
                    version, since = held["metadata"]["resourceVersion"], time.monotonic()
                expired = time.monotonic() - since > float(spec.get("leaseDurationSeconds") or _SECONDS)
                if not holder or expired or _died_here(holder):
                    mine = self._lease()
                    mine["metadata"]["resourceVersion"] = version
                    self._hold(self._client.replace(mine))
                    return self
            except Conflict:
                continue
            self.waited = True
            if self._patience.passed:
                raise GuardRefused(
                    f"Another run is at work on this mesh: {holder} holds the Lease {self._namespace}/{LEASE_NAME}.",
                    hint="Wait for it to end, or raise wait_timeout; one that died lets go after "
                    f"{spec.get('leaseDurationSeconds')} s.",
                    details={"holder": holder, "renewed": spec.get("renewTime")},
                )
            self._patience.sleep(_POLL)

    def _hold(self, lease: dict[str, Any]) -> None:
        self._uid = lease["metadata"]["uid"]
        self._thread = threading.Thread(target=self._renew, name="mesh-lease", daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        while not self._stop.wait(_SECONDS / 3):
            client = self._client.with_deadline(Deadline(_SECONDS / 3))
            try:
                client.patch(LEASE, LEASE_NAME, self._namespace, {"spec": {"renewTime": _now()}}, resource_version=None)
            except ApiError:
                continue  # Another try comes before the lease runs out; the API server may be restarting.

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            client = self._client.with_deadline(Deadline(10))
            client.delete(LEASE, LEASE_NAME, self._namespace, uid=self._uid)
        except ApiError:
            return  # It runs out by itself; the run's own outcome is what matters.

    def _lease(self) -> dict[str, Any]:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE_NAME, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._me,
                "leaseDurationSeconds": _SECONDS,
                "acquireTime": _now(),
                "renewTime": _now(),
            },
        }


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _started(pid: int) -> str:
    """When a process of this host started, in its kernel's ticks; "" when there is none, or no way to tell."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _died_here(holder: str) -> bool:
    """Whether the holder was a process of this host that is no more."""
    host, _slash, rest = holder.partition("/")
    pid, _slash, started = rest.partition("/")
    if host != socket.gethostname() or not pid.isdigit() or not started:
        return False
    return _started(int(pid)) != started
