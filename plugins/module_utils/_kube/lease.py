# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One run at a time: a Lease that is held while something is written, and is gone afterwards."""

from __future__ import annotations

import os
import socket
import threading
import time
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Self

from .._errors import ApiError, Conflict, GuardRefused, Invalid, NotFound
from .client import Client, Deadline
from .kinds import LEASE

RUN_ANNOTATION = "meshwright.io/run"
_SECONDS = 30
_POLL = 1.0
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class HeldLease:
    """`with HeldLease(client, name, namespace, patience=60, purpose="this mesh") as lease:`

    The holder renews it; one whose process died on this host is taken over at once, any other when it has not been
    renewed for its whole duration, as seen by this process's own clock. `purpose` is what the Lease is about, for
    messages; `run_id` is written as the annotation meshwright.io/run. `waited` says that another run came first.
    Raises GuardRefused naming the holder when `patience` (seconds) is over first.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        namespace: str,
        *,
        patience: float,
        purpose: str,
        run_id: str | None = None,
    ) -> None:
        self.name, self.namespace, self.purpose = name, namespace, purpose
        self.waited = False
        self._client = client
        self._patience = Deadline(patience)
        self._run_id = run_id
        self._me = f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._uid = ""
        self._taken_by_other = False
        self._renewed = 0.0

    def ensure(self) -> None:
        """Raise GuardRefused when the Lease was lost, as after a pause longer than its duration.

        Asks the API server only when the last renewal is too long ago to know; raises what it says then.
        """
        if not self._taken_by_other and time.monotonic() - self._renewed > _SECONDS:
            self._renew_once(self._client)
        if self._taken_by_other:
            raise GuardRefused(
                f"This run no longer holds the Lease {self.namespace}/{self.name}: another run took over "
                f"{self.purpose} while this one could not renew it.",
                hint="See what the other run did, then run again.",
            )

    def __enter__(self) -> Self:
        version, since = "", time.monotonic()
        while True:
            held = self._client.get(LEASE, self.name, self.namespace)
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
                raise self._refused(held)
            self._patience.sleep(_POLL)

    def _refused(self, held: dict[str, Any]) -> GuardRefused:
        spec = held.get("spec") or {}
        holder, since, until = spec.get("holderIdentity"), spec.get("acquireTime"), _until(spec)
        run = (held["metadata"].get("annotations") or {}).get(RUN_ANNOTATION)
        return GuardRefused(
            f"Another run is at work on {self.purpose}: {holder} holds the Lease {self.namespace}/{self.name}"
            f" since {since}" + (f", renewed until {until}" if until else "") + (f" (run {run})" if run else "") + ".",
            hint="Wait for it to end, or raise wait_timeout; one that died lets go after "
            f"{spec.get('leaseDurationSeconds')} s.",
            details={
                "holder": holder,
                "since": since,
                "renewed": spec.get("renewTime"),
                "until": until,
                **({"run": run} if run else {}),
            },
        )

    def _hold(self, lease: dict[str, Any]) -> None:
        self._uid = lease["metadata"]["uid"]
        self._renewed = time.monotonic()
        self._thread = threading.Thread(target=self._renew, name=f"lease {self.name}", daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        while not self._stop.wait(_SECONDS / 3):
            try:
                self._renew_once(self._client.with_deadline(Deadline(_SECONDS / 3)))
            except ApiError:
                continue  # Another try comes before the lease runs out; the API server may be restarting.
            if self._taken_by_other:
                return

    def _renew_once(self, client: Client) -> None:
        # Whoever took it over keeps it: the uid stays the same then, so the holder is what is tested.
        patch = [
            {"op": "test", "path": "/spec/holderIdentity", "value": self._me},
            {"op": "replace", "path": "/spec/renewTime", "value": _now()},
        ]
        asked_at = time.monotonic()
        try:
            client.patch(
                LEASE,
                self.name,
                self.namespace,
                patch,
                resource_version=None,
                content_type="application/json-patch+json",
            )
        except (Invalid, NotFound):
            self._taken_by_other = True
        else:
            self._renewed = asked_at

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            client = self._client.with_deadline(Deadline(10))
            held = client.get(LEASE, self.name, self.namespace)
            if held is not None and (held.get("spec") or {}).get("holderIdentity") == self._me:
                client.delete(LEASE, self.name, self.namespace, uid=self._uid)
        except ApiError:
            return  # It runs out by itself; the run's own outcome is what matters.

    def _lease(self) -> dict[str, Any]:
        meta: dict[str, Any] = {"name": self.name, "namespace": self.namespace}
        if self._run_id:
            meta["annotations"] = {RUN_ANNOTATION: self._run_id}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": meta,
            "spec": {
                "holderIdentity": self._me,
                "leaseDurationSeconds": _SECONDS,
                "acquireTime": _now(),
                "renewTime": _now(),
            },
        }


def _now() -> str:
    return datetime.now(timezone.utc).strftime(_TIME)


def _until(spec: dict[str, Any]) -> str:
    """When a Lease runs out unless it is renewed; "" when that cannot be told."""
    try:
        renewed = datetime.strptime(str(spec.get("renewTime")), _TIME)
        return (renewed + timedelta(seconds=float(spec.get("leaseDurationSeconds") or _SECONDS))).strftime(_TIME)
    except ValueError:
        return ""


def held_by(lease: dict[str, Any]) -> str:
    """Who holds a Lease now, by the times written in it; "" when nobody does any more."""
    spec = lease.get("spec") or {}
    holder = str(spec.get("holderIdentity") or "")
    if not holder or _died_here(holder) or _until(spec) < _now():
        return ""
    return holder


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
