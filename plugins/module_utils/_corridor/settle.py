# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Waiting until what was applied is ready, and saying why not when it is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from .._errors import ApiError, SettleTimeout
from .._kube.client import Client, Deadline
from .._kube.kinds import Kind
from .._kube.readiness import readiness
from .evidence import evidence
from .live import Obj, Target, observe, target

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 3.0
# Seconds for gathering evidence once the time to wait is over.
_EVIDENCE_TIME = 10.0
_LISTED = 20

Ref = tuple[Kind, "str | None", str]


def settle(client: Client, refs: Sequence[Ref], *, deadline: Deadline) -> None:
    """Return when every object is ready in its present generation.

    Raises SettleTimeout at the deadline: per object the reason, what its pods wait for, and the last warnings;
    `details["unready"]` has the same as data.
    """
    waiting: dict[Target, str] = {target(*ref): "not looked at yet" for ref in refs}
    patient = client.with_deadline(deadline)
    seen: dict[Target, Obj] = {}
    pause = _FIRST_PAUSE
    while not deadline.passed:
        try:
            seen = observe(patient, waiting)
        except ApiError:
            if not deadline.passed:
                raise
            break
        waiting = _unready(waiting, seen)
        if not waiting:
            return
        deadline.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
    late = client.with_deadline(Deadline(_EVIDENCE_TIME))
    # Should this last look fail, what was seen before stands.
    with suppress(ApiError):
        seen = observe(late, waiting)
        waiting = _unready(waiting, seen)
    if waiting:
        raise _timed_out(late, waiting, seen, deadline)


def _unready(waiting: Iterable[Target], seen: dict[Target, Obj]) -> dict[Target, str]:
    found = {}
    for one in waiting:
        obj = seen.get(one)
        if obj is None:
            found[one] = "does not exist"
        elif not (state := readiness(obj)).ready:
            found[one] = state.reason
    return found


def _timed_out(
    client: Client, waiting: dict[Target, str], seen: dict[Target, Obj], deadline: Deadline
) -> SettleTimeout:
    """The error, with whatever evidence can still be had."""
    shown = dict(list(waiting.items())[:_LISTED])
    proofs = evidence(client, {one: seen[one] for one in shown if one in seen})
    unready: list[dict[str, Any]] = []
    lines = []
    for one, reason in shown.items():
        proof = proofs.get(one)
        entry: dict[str, Any] = {"object": one.label, "reason": reason}
        line = f"{one.label}: {reason}"
        if proof and proof.pods:
            entry["pods"] = proof.pods
            line += "; " + "; ".join(proof.pods)
        if proof and proof.warnings:
            entry["warnings"] = proof.warnings
            line += "; last warnings: " + " | ".join(proof.warnings)
        unready.append(entry)
        lines.append(line)
    if len(waiting) > len(shown):
        lines.append(f"and {len(waiting) - len(shown)} more")
    return SettleTimeout(
        f"{len(waiting)} {'object is' if len(waiting) == 1 else 'objects are'} not ready after {deadline.seconds:g} s. "
        + ". ".join(line.rstrip(".") for line in lines)
        + ".",
        details={"unready": unready},
    )
