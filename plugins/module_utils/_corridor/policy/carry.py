# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Carrying a draft out: one request per object, over one pool, up to an exact boundary whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._errors import ApiError, MeshError, SettleTimeout
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from ..collecting import without_collecting
from ..items import Item, as_data
from ..live import Obj, Target
from ..order import WAVES
from ..removal import wait_until_gone
from . import applyset
from .dispatch import Dispatch
from .draft import Draft
from .engine import PolicyEngine
from .hold import held
from .outcome import Outcome
from .unknown import resolve

# Of long lists an error shows so many.
_TOLD = 5
_LABELS = 50


def carry_out(client: Client, draft: Draft, intent: PolicyIntent) -> Outcome:
    """Write and delete what the draft says; each item's step then tells what came of it.

    Errors of objects are in the outcome. Raises GuardRefused when another run is at work on the same set, or was since
    the draft was made, and ApiError when the set's parent cannot be written: nothing of the draft was, then.
    """
    outcome = Outcome()
    if not draft.changes:
        return outcome
    writing = draft.writing
    removing = [item for item in draft.removals if item.step.changes]
    outcome.parent = draft.parent.live if draft.parent else None
    with held(client, draft, intent.manager) as hold:
        applyset.widen(client, intent, draft)
        dispatch = Dispatch(client, go_on=intent.on_error == "continue", permitted=hold.ensure)
        with without_collecting():
            _write(client, dispatch, writing, intent)
            # What the set no longer has goes only once all that it has is there.
            if dispatch.errors:
                dispatch.skip(removing)
            else:
                _delete(client, dispatch, removing, wait=intent.wait)
        dispatch.report(outcome, writing, removing)
        if outcome.unknown:
            resolve(client, outcome, intent.manager)
        try:
            applyset.narrow(client, intent, draft, outcome)
        except ApiError as error:
            outcome.errors.append(error)
        hold.stamp()
    return outcome


def _write(client: Client, dispatch: Dispatch, items: Sequence[Item], intent: PolicyIntent) -> None:
    engine = PolicyEngine(client, intent)
    waves = [(item.wave, item) for item in items]
    for number in range(WAVES):
        dispatch.each(engine.write, [item for wave, item in waves if wave == number])


def _delete(client: Client, dispatch: Dispatch, items: Sequence[Item], *, wait: bool) -> None:
    """Delete in the reverse of the order of writing, then wait for those that their finalizers keep."""
    still: dict[Target, Obj] = {}

    def delete(item: Item) -> None:
        answer = remove(client, item)
        if answer is not None:
            still[item.target] = answer

    waves = [(item.wave, item) for item in items]
    for number in reversed(range(WAVES)):
        dispatch.each(delete, [item for wave, item in waves if wave == number])
    if still and wait:
        try:
            wait_until_gone(client, still)
        except SettleTimeout as error:
            kept = {entry["object"] for entry in error.details["unready"]}
            dispatch.unfinished([item for item in items if item.label in kept], error)


def remove(client: Client, item: Item) -> Obj | None:
    """Delete an item as it was read; what is there of it still, None when it is gone."""
    uid = ((item.live or {}).get("metadata") or {}).get("uid")
    return client.remove(item.target.kind, item.target.name, item.target.namespace, uid=uid)


def failure(outcome: Outcome, intent: PolicyIntent) -> MeshError:
    """The error of an outcome that is not complete, of the class of what went wrong first.

    Its details hold `boundary` (each of applied, deleted, failed, unknown, not_sent as {count, objects}) and `errors`.
    """
    boundary = {name: getattr(outcome, name) for name in ("applied", "deleted", "failed", "unknown", "not_sent")}
    counted = {"applied": "written", "deleted": "deleted", "failed": "failed", "unknown": "with an unknown end"}
    said = [f"{len(boundary[name])} {word}" for name, word in counted.items() if boundary[name] or name != "unknown"]
    said.append(f"{len(outcome.not_sent)} not sent")
    total = sum(map(len, boundary.values()))
    told = [str(error) for error in outcome.errors[:_TOLD]]
    if len(outcome.errors) > _TOLD:
        told.append(f"And {len(outcome.errors) - _TOLD} more errors.")
    details: dict[str, Any] = {
        "boundary": {
            name: {"count": len(items), "objects": [item.label for item in items[:_LABELS]]}
            for name, items in boundary.items()
        },
        "errors": [as_data(error) for error in outcome.errors[:_LABELS]],
    }
    message = f"Of {total} changes {', '.join(said)}. {' '.join(told)}".rstrip()
    hint = "" if intent.on_error == "return" else "Mend it and run again: the next run does what is left."
    first = outcome.errors[0] if outcome.errors else None
    return _like(first, message, hint, details)


def _like(first: MeshError | None, message: str, hint: str, details: dict[str, Any]) -> MeshError:
    if isinstance(first, ApiError):
        return type(first)(
            message, status=first.status, verb=first.verb, target=first.target, hint=hint, details=details
        )
    return (type(first) if first else MeshError)(message, hint=hint, details=details)
