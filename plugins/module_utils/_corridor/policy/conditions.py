# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.
"""Waiting, in bulk, for the conditions that istiod writes on what was applied."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ..._desired.policy.acceptance import judge
from ..._desired.policy.verdict import Surroundings, Verdict
from ..._errors import ApiError
from ..._kube.client import Client, Deadline
from ..items import Item
from ..live import Obj, Target, observe
from .surroundings import everywhere, look_at_services, not_captured

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
# A refusal stands once it has been said for so many seconds: what it misses may be in the same set.
_STANDS = 3.0
# With something refused for good, the others have so many seconds from the start to say their word.
_PATIENCE = 10.0
# Whether a condition will come is not known where what decides it may not be read: then so many seconds are enough.
_UNSURE = 5.0
_UNBOUND = ("AncestorNotBound", "PartiallyInvalid", "Invalid")
_ELSEWHERE = Verdict("nothing", "none of its pods is captured by ztunnel, of which alone istiod writes")
_GONE = Verdict("refused", "is gone again: something else deleted it", fixed=True)


@dataclass(slots=True)
class Words:
    """What was said by the end, each object in one of these.

    `settled` were accepted, or rest on something else (`nothing`); `refused` are for good; `open` were not decided.
    """

    settled: dict[Target, Verdict] = field(default_factory=dict)
    refused: dict[Target, Verdict] = field(default_factory=dict)
    open: dict[Target, Verdict] = field(default_factory=dict)


def await_conditions(
    client: Client,
    items: Sequence[Item],
    around: Surroundings,
    deadline: Deadline,
    *,
    fails: Callable[[Verdict], bool],
) -> Words:
    """Read until every object has its word, one is refused for good, or the deadline is over.

    `fails`: whether a verdict that is not "accepted" fails the run; what does not is settled as soon as it stands.
    """
    words = Words()
    for item in items:
        verdict = judge(item.written or item.obj, around)
        (words.settled if verdict.says == "nothing" else words.open)[item.target] = verdict
    patient = client.with_deadline(deadline)
    began = time.monotonic()
    stood: dict[Target, tuple[str, float]] = {}
    pause = _FIRST_PAUSE
    while words.open and not deadline.passed:
        try:
            seen = observe(patient, words.open, widely=everywhere)
            look_at_services(patient, _unbound(words.open, seen), around)
            judged = {one: judge(obj, around) for one, obj in seen.items()}
            doubtful = [seen[one] for one, verdict in judged.items() if _of_ztunnel(verdict)]
            exempt = not_captured(patient, doubtful, around.root)
        except ApiError:
            if not deadline.passed:
                raise
            break
        now = time.monotonic()
        for one in list(words.open):
            verdict = judged.get(one, _GONE)
            if _of_ztunnel(verdict) and (one.namespace, one.name) in exempt:
                verdict = _ELSEWHERE
            if verdict.says == "waiting" and not around.known and now - began >= _UNSURE:
                verdict = Verdict("nothing", f"{verdict.detail}, and whether one will come could not be read")
            words.open[one] = verdict
            if verdict.says in ("accepted", "nothing"):
                words.settled[one] = words.open.pop(one)
            elif verdict.says == "waiting":
                stood.pop(one, None)
            else:
                said, since = stood.setdefault(one, (verdict.detail, now))
                if said != verdict.detail:
                    stood[one] = (verdict.detail, now)
                elif verdict.fixed or (now - since >= _STANDS and not (verdict.passing and fails(verdict))):
                    (words.refused if fails(verdict) else words.settled)[one] = words.open.pop(one)
        if words.refused and (now - began >= _PATIENCE or not _undecided(words.open.values())):
            break
        if words.open:
            deadline.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 1.5)
    return words


def _undecided(verdicts: Iterable[Verdict]) -> bool:
    """Whether some have no word yet, or one that may not last."""
    return any(verdict.says == "waiting" or not verdict.passing for verdict in verdicts)


def _of_ztunnel(verdict: Verdict) -> bool:
    """Whether ztunnel cannot do what a policy says."""
    return verdict.fixed and verdict.condition == "ZtunnelAccepted"


def _unbound(open_: dict[Target, Verdict], seen: dict[Target, Obj]) -> list[Obj]:
    """Policies whose targets have no waypoint, by the last look."""
    return [seen[one] for one, verdict in open_.items() if verdict.reason in _UNBOUND and one in seen]
