# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Waiting until the Sail Operator's resources, and what they stand for, are ready.

The operator's word is not enough. Asked are the conditions of this generation, of the active IstioRevision too, then
the Deployment and the DaemonSets themselves, and whom ztunnel really dials.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..._desired.sail_values import dig
from ..._errors import ApiError, SettleTimeout
from ..._kube.client import Client, Deadline
from ..._kube.readiness import readiness
from ..evidence import evidence
from ..live import Obj, Target, observe

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
_EVIDENCE_TIME = 10.0
# Seconds that an error which waiting does not heal must stand: just after a namespace was made it is no such error.
_STANDS = 4.0
_HOPELESS = ("validation error", "end-of-life", "unsupported version")
Judge = Callable[[Mapping[Target, Obj]], str]


@dataclass(slots=True)
class Awaited:
    """One thing to wait for: what is read for it, and what says why it is not ready yet ("" when it is)."""

    target: Target
    judge: Judge | None = None
    also: tuple[Target, ...] = ()
    seen: list[str] = field(default_factory=list)

    def problem(self, live: Mapping[Target, Obj]) -> str:
        obj = live.get(self.target)
        if obj is None:
            return "does not exist"
        state = readiness(obj)
        if not state.ready:
            return state.reason
        return self.judge(live) if self.judge else ""


def settle_sail(
    client: Client,
    awaited: Iterable[Awaited],
    deadline: Deadline,
    *,
    nudge: Callable[[Mapping[Target, Obj]], bool] | None = None,
    nudge_after: float = 15.0,
) -> None:
    """Return when everything is ready. `nudge` is asked, after a while, with what is seen; once it says that it has
    done something, no more.

    Raises SettleTimeout: at the deadline with state, reason and message of each resource and why pods wait; at once
    when an error stands that waiting does not heal.
    """
    waiting = list(awaited)
    patient = client.with_deadline(deadline)
    pause, started = _FIRST_PAUSE, time.monotonic()
    hopeless: dict[Target, float] = {}
    live: dict[Target, Obj] = {}
    while True:
        try:
            live = observe(patient, [one for each in waiting for one in (each.target, *each.also)])
        except ApiError:
            if not deadline.passed:
                raise
            break
        problems = {each.target: why for each in waiting if (why := each.problem(live))}
        if not problems:
            return
        hopeless = _standing(hopeless, live)
        final = [one for one, since in hopeless.items() if time.monotonic() - since > _STANDS]
        if final:
            raise _failed(final, live)
        if deadline.passed:
            break
        if nudge is not None and time.monotonic() - started > nudge_after:
            nudge = None if nudge(live) else nudge
        deadline.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.4)
    late = client.with_deadline(Deadline(_EVIDENCE_TIME))
    with suppress(ApiError):
        live = observe(late, [one for each in waiting for one in (each.target, *each.also)])
    problems = {each.target: why for each in waiting if (why := each.problem(live))}
    if problems:
        raise _timed_out(late, problems, live, deadline)


def _standing(before: Mapping[Target, float], live: Mapping[Target, Obj]) -> dict[Target, float]:
    """Since when each resource bears an error that waiting does not heal."""
    now = time.monotonic()
    return {one: before.get(one, now) for one, obj in live.items() if hopeless_error(obj)}


def hopeless_error(obj: Mapping[str, Any]) -> str:
    """The operator's words about a resource that it will never reconcile as it is; "" when there is none."""
    if not str(obj.get("apiVersion", "")).startswith("sailoperator.io/"):
        return ""
    if (dig(obj, "status", "observedGeneration") or 0) < (dig(obj, "metadata", "generation") or 0):
        return ""
    for entry in dig(obj, "status", "conditions") or ():
        message = str(entry.get("message") or "")
        if entry.get("reason") == "ReconcileError" and any(words in message for words in _HOPELESS):
            return message
    return ""


def unready_entry(one: Target, obj: Mapping[str, Any] | None, why: str) -> dict[str, Any]:
    """A resource that is not ready, as data: state, and reason and message of each condition that is not True."""
    entry: dict[str, Any] = {"object": one.label, "reason": why}
    if one.kind.group == "sailoperator.io" and obj is not None:
        entry["state"] = dig(obj, "status", "state") or ""
        entry["conditions"] = [
            {key: c.get(key) or "" for key in ("type", "status", "reason", "message")}
            for c in dig(obj, "status", "conditions") or ()
            if c.get("status") != "True"
        ]
    return entry


def _failed(final: list[Target], live: Mapping[Target, Obj]) -> SettleTimeout:
    told = "; ".join(f"{one.label}: {hopeless_error(live[one])}" for one in final)
    return SettleTimeout(
        f"The Sail Operator cannot reconcile it, and waiting will not mend that. {told}.",
        hint="Change what it names.",
        details={"unready": [unready_entry(one, live[one], hopeless_error(live[one])) for one in final]},
    )


def _timed_out(
    client: Client, problems: Mapping[Target, str], live: Mapping[Target, Obj], deadline: Deadline
) -> SettleTimeout:
    shown = {one: live[one] for one in problems if one in live}
    proofs = evidence(client, {one: obj for one, obj in shown.items() if one.kind.group != "sailoperator.io"})
    lines, unready = [], []
    for one, why in problems.items():
        entry, line = unready_entry(one, live.get(one), why), f"{one.label}: {why}"
        others = [c for c in entry.get("conditions", ()) if c["reason"] and c["reason"] not in why]
        if others:
            line += "; " + "; ".join(f"{c['type']} is {c['status']} ({c['reason']}): {c['message']}" for c in others)
        proof = proofs.get(one)
        if proof and proof.pods:
            entry["pods"] = proof.pods
            line += "; " + "; ".join(proof.pods)
        if proof and proof.warnings:
            entry["warnings"] = proof.warnings
            line += "; last warnings: " + " | ".join(proof.warnings)
        unready.append(entry)
        lines.append(line.rstrip("."))
    return SettleTimeout(
        f"{len(problems)} {'object is' if len(problems) == 1 else 'objects are'} not ready after "
        f"{deadline.seconds:g} s. {'. '.join(lines)}.",
        details={"unready": unready},
    )
