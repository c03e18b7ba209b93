# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.
"""What proxies make of what was applied: no reject since, on any istiod, once all that was sent is acknowledged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..._errors import ApiError, Forbidden
from ..._kube.client import Client, Deadline
from ..istiod_debug import ReplicaSync, ask, judge_sync, ready_istiods, told_since
from ..live import Obj

# istiod pushes once nothing has changed for 0.1 s (PILOT_DEBOUNCE_AFTER); an idle one has then pushed 0.15 s after a
# write, a busy one within 0.35 s.
_QUIET = 0.5
_FIRST_PAUSE = 0.15
_LONGEST_PAUSE = 2.0
# Seconds that each look has, whatever time there is to wait.
_ASKING = 15.0
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Push:
    """What became of it. `detail` is for each object that rests on it; `rejecting` and `late` are lines for people."""

    detail: str
    connected: int = 0
    told: int = 0
    rejecting: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


class Pushes:
    """The istiods of one namespace, of whatever revision, asked before the first write and after the last.

    What cannot be asked is told in `warnings`, and never fails the run. `istiods` are the Ready pods that were found;
    `absent`: surely none is there. `unasked` says why nothing is known of pushes, or is empty.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.istiods: list[Obj] = []
        self.warnings: list[str] = []
        self.unasked = ""
        self.absent = False
        self._before: list[ReplicaSync] = []

    def begin(self) -> None:
        """Remember what proxies reject already."""
        try:
            self.istiods = ready_istiods(self.client, self.namespace)
        except Forbidden as error:
            self._cannot(f"the istiods in {self.namespace} may not be read", error)
            return
        except ApiError as error:
            self._cannot(f"the istiods in {self.namespace} could not be read", error)
            return
        if not self.istiods:
            self.absent = True
            self.unasked = f"no istiod in {self.namespace}"
            self.warnings.append(
                f"No istiod is ready in {self.namespace}: what was applied was admitted, and no control plane there"
                " has seen it. Where it is another namespace, name it in istio_namespace."
            )
            return
        try:
            self._before = ask(self.client, self.namespace, self.istiods, Deadline(_ASKING))
        except Forbidden as error:
            self._cannot("the proxies' rejects may not be asked for", error)
        except ApiError as error:
            self._cannot("the istiods could not be asked", error)

    def settle(self, since: float, deadline: Deadline) -> Push:
        """Wait until what was sent after `since` (monotonic) is acknowledged, or rejected, or until the deadline."""
        if self.unasked:
            return Push(self.unasked)
        pause = _FIRST_PAUSE
        while True:
            try:
                pods = ready_istiods(self.client, self.namespace)
                replicas = ask(self.client, self.namespace, pods, Deadline(max(_ASKING, deadline.left())))
            except ApiError as error:
                self._cannot("the istiods could not be asked after the last write", error)
                return Push(self.unasked)
            # What was on its way before the first write, and is still, is none of this run's.
            verdict = judge_sync(replicas, self._before, earlier=self._before)
            told = len(told_since(replicas, self._before))
            if verdict.rejecting or not verdict.connected:
                break
            quiet = since + _QUIET - time.monotonic()
            if not verdict.pending and quiet <= 0:
                break
            if deadline.passed:
                break
            deadline.sleep(pause if verdict.pending else quiet)
            pause = min(_LONGEST_PAUSE, pause * 1.5)
        self._warn_of(replicas)
        return Push(
            self._detail(replicas, verdict.connected, told, len(verdict.known)),
            verdict.connected,
            told,
            verdict.rejecting,
            verdict.pending,
        )

    def _detail(self, replicas: Sequence[ReplicaSync], connected: int, told: int, known: int) -> str:
        asked = sum(1 for one in replicas if not one.error)
        if not asked:
            return "no istiod could be asked"
        where = f"{asked} istiod" + ("s" if asked > 1 else "")
        if not connected:
            return f"nobody received it: no proxy is connected to {where}"
        if not told:
            return f"no reject on {where}, and nobody received it: it concerns none of {connected} proxies"
        before = f", {known} were there before" if known else ""
        return f"no reject on {where} since, by any of {connected} proxies, {told} of which were sent something{before}"

    def _warn_of(self, replicas: Sequence[ReplicaSync]) -> None:
        errors = [one.error for one in replicas if one.error]
        if errors:
            self.warnings.append(
                f"{len(errors)} of {len(replicas)} istiods could not be asked for rejects: {'; '.join(errors[:_SHOWN])}"
            )

    def _cannot(self, what: str, error: ApiError) -> None:
        self.unasked = what
        self.warnings.append(f"Acceptance rests on admission alone, since {what}. {error}")
