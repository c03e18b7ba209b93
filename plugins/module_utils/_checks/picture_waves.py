# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The picture's waves: the moves of namespaces between data planes that are under way or were made. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import journals
from .model import bounded
from .picture_looking import MOST, Looking
from .snapshot import namespace_of, ref
from .sources import JOURNALS

SOURCES = (JOURNALS,)

_OPERATION, _DONE, _RETURN = "enrollment", "done", "return"


@dataclass(frozen=True, slots=True)
class _Move:
    """The last move of one namespace, as its journal has it. `workloads` are counted by how far they are."""

    namespace: str
    goal: str
    before: str
    stage: str
    workloads: Mapping[str, int]
    failure: Mapping[str, Any]
    last: str


def waves(look: Looking) -> list[dict[str, Any]]:
    """By what namespaces are to become, since journals do not know which wave of a plan they are of."""
    groups: dict[str, list[_Move]] = defaultdict(list)
    for item in look.snapshot.items(JOURNALS):
        if not look.asked(namespace_of(item)):
            continue
        try:
            found = journals.content(item)
            if found.operation == _OPERATION:
                move = _move(namespace_of(item), found)
                groups[move.goal].append(move)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            look.unread[JOURNALS] = f"{ref(item)} cannot be understood: {error}"
    return [_wave(name, sorted(moves, key=lambda one: one.namespace)) for name, moves in sorted(groups.items())]


def _move(namespace: str, found: journals.Content) -> _Move:
    state = found.state
    stage, goal = str(state.get("stage") or ""), state.get("to") or {}
    told = [f"{key} {goal[key]}" for key in ("revision", "waypoint") if goal.get(key)]
    return _Move(
        namespace=namespace,
        goal="back to what was" if stage == _RETURN else ", ".join([f"to {goal.get('mode') or 'none'}", *told]),
        before=str((state.get("from") or {}).get("mode") or "none"),
        stage=stage,
        workloads=Counter(str(status) for status in (state.get("workloads") or {}).values()),
        failure=dict(state.get("failure") or {}),
        last=str(found.events[-1].get("time", "")) if found.events else "",
    )


def _wave(name: str, moves: list[_Move]) -> dict[str, Any]:
    stages = Counter(move.stage for move in moves)
    failed = [move for move in moves if move.failure.get("message")]
    done = stages[_DONE]
    return {
        "name": name,
        "status": "failed" if failed else "done" if done == len(moves) else "under way",
        "namespaces": [move.namespace for move in moves][:MOST],
        "total": len(moves),
        "done": done,
        "stages": dict(sorted(stages.items())),
        "from": dict(sorted(Counter(move.before for move in moves).items())),
        "workloads": {state: sum(move.workloads.get(state, 0) for move in moves) for state in ("started", "done")},
        "failed": [move.namespace for move in failed][:MOST],
        "message": bounded(f"{failed[0].namespace}: {failed[0].failure['message']}") if failed else None,
        "last": max((move.last for move in moves), default="") or None,
    }
