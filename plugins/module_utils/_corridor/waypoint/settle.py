# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Waiting until a waypoint is ready, and until what is enrolled is bound to it; and saying why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ..._checks.policy.scene import Waypoint
from ..._checks.snapshot import dig
from ..._errors import ApiError, SettleTimeout
from ..._intent.waypoint import WaypointIntent
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..evidence import evidence
from ..live import Obj, Target
from .bound import UNSAID, Bound
from .state import Seen, see, unready

T = TypeVar("T")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
# Seconds for gathering evidence once the time to wait is over.
_EVIDENCE_TIME = 10.0
# Seconds in which istiod takes a change up; one that says the same in other words it does not show.
_TAKEN_UP = 4.0
_LISTED = 20
# What the Gateway API's CRD itself says, before any controller does.
_UNTOUCHED = "Waiting for controller"


@dataclass(frozen=True, slots=True)
class Retired:
    """What istiod made for an option that is no longer given, as it was read: nobody else takes it away."""

    kind: kinds.Kind
    obj: Obj


def settle_waypoint(
    client: Client,
    intent: WaypointIntent,
    deadline: Deadline,
    *,
    revision: str = "",
    retired: Sequence[Retired] = (),
    after: str = "",
) -> Seen:
    """Return the waypoint once it is Programmed, its Deployment rolled out, and what is retired gone.

    `revision`: of the istiod that it goes by. `after`: what its Deployment was applied with before a change that istiod
    is about to take up. Raises SettleTimeout.
    """
    patient = client.with_deadline(deadline)
    soon = Deadline(min(_TAKEN_UP, deadline.left()))
    gone = 0

    def look() -> tuple[Seen, dict[Target, str]]:
        nonlocal gone
        seen = see(patient, intent.waypoint)
        waiting = unready(seen, intent, revision)
        same = bool(after) and seen.applied == after
        if not waiting and same and not soon.passed:
            waiting = {seen.target(kinds.DEPLOYMENT): "istiod has not altered it yet"}
        if not waiting and retired:
            waiting = _still_there(patient, seen, retired)
            gone = 0 if waiting else gone + 1
            if gone == 1:
                # istiod makes it anew if it hears of the deletion before it hears why.
                waiting = {seen.target(one.kind): "was deleted just now" for one in retired}
        return seen, waiting

    seen, waiting = _until(look, deadline)
    if waiting:
        raise _timed_out(client, waiting, _objects(seen), deadline)
    return seen


def _still_there(client: Client, seen: Seen, retired: Sequence[Retired]) -> dict[Target, str]:
    """Delete what is retired and there; once more should istiod, not knowing yet, have made it anew."""
    found = {}
    for one in retired:
        live = seen.of(one.kind)
        if live is None:
            continue
        where = seen.target(one.kind)
        if not dig(live, "metadata", "deletionTimestamp"):
            client.delete(one.kind, where.name, where.namespace, uid=live["metadata"]["uid"])
        found[where] = "is being deleted: the option it was made for is no longer given"
    return found


def settle_bound(
    client: Client, waypoint: Waypoint, read: Callable[[Client], list[Bound]], deadline: Deadline
) -> list[Bound]:
    """Return what is bound once all of it is that is awaited. Raises SettleTimeout with each one's reason."""
    patient = client.with_deadline(deadline)

    def look() -> tuple[list[Bound], dict[Target, str]]:
        found = read(patient)
        return found, {one.target: one.reason for one in found if one.awaited and not one.bound}

    found, waiting = _until(look, deadline)
    if waiting:
        raise _timed_out(client, waiting, {}, deadline, to=waypoint)
    return found


def _until(look: Callable[[], tuple[T, dict[Target, str]]], deadline: Deadline) -> tuple[T, dict[Target, str]]:
    """Look until nothing is waited for, or the time is over; the last look."""
    pause = _FIRST_PAUSE
    seen, waiting = look()
    while waiting and not deadline.passed:
        deadline.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
        try:
            seen, waiting = look()
        except ApiError:
            if not deadline.passed:
                raise
    return seen, waiting


def _objects(seen: Seen) -> dict[Target, Obj]:
    both = ((kinds.GATEWAY, seen.gateway), (kinds.DEPLOYMENT, seen.deployment))
    return {seen.target(kind): obj for kind, obj in both if obj is not None}


def _timed_out(
    client: Client,
    waiting: Mapping[Target, str],
    seen: Mapping[Target, Obj],
    deadline: Deadline,
    *,
    to: Waypoint | None = None,
) -> SettleTimeout:
    proofs = {}
    with suppress(ApiError):
        proofs = evidence(client.with_deadline(Deadline(_EVIDENCE_TIME)), dict(seen))
    lines: list[str] = []
    entries: list[dict[str, Any]] = []
    told: set[str] = set()
    for one, reason in list(waiting.items())[:_LISTED]:
        entry: dict[str, Any] = {"object": one.label, "reason": reason}
        said = [f"{one.label}: {reason}"]
        if proof := proofs.get(one):
            # A Gateway's pods are its Deployment's, too.
            pods = [pod for pod in proof.pods if pod not in told]
            told.update(pods)
            warnings = [text for text in proof.warnings if text not in told]
            told.update(warnings)
            entry |= {key: value for key, value in (("pods", pods), ("warnings", warnings)) if value}
            said += pods
            said += [f"last warnings: {' | '.join(warnings)}"] if warnings else []
        entries.append(entry)
        lines.append("; ".join(text.rstrip(".") for text in said))
    if len(waiting) > len(entries):
        lines.append(f"and {len(waiting) - len(entries)} more")
    about = f"not bound to the waypoint {to}" if to else "not ready"
    count = f"{len(waiting)} {'object is' if len(waiting) == 1 else 'objects are'}"
    return SettleTimeout(
        f"{count} {about} after {deadline.seconds:g} s. {'. '.join(lines)}.",
        hint=_hint(waiting.values()),
        details={"unready": entries},
    )


def _hint(reasons: Iterable[str]) -> str:
    said = list(reasons)
    if any(_UNTOUCHED in reason for reason in said):
        return (
            "No controller has taken the Gateway up: see whether the istiod of its revision runs, and with the profile "
            "for ambient."
        )
    if any(reason == UNSAID for reason in said):
        return "See whether istiod sees that namespace (meshConfig.discoverySelectors), and runs for ambient."
    return ""
