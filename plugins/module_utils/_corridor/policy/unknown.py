# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What became of requests that got no answer: found out by reading, once the API server is back."""

from __future__ import annotations

from ..._errors import ApiError
from ..._kube.client import Client, Deadline
from .. import differ, fields
from ..items import Item
from ..live import Obj, observe
from .outcome import Outcome

# Seconds that are taken for it when the task's own are over.
_LAST_LOOK = 5.0


def resolve(client: Client, outcome: Outcome, manager: str) -> None:
    """Move what can be told from `unknown` to where it belongs, and forget the errors if all was done after all."""
    looking = client.with_deadline(Deadline(max(_LAST_LOOK, client.deadline.left())))
    try:
        now = observe(looking, [item.target for item in outcome.unknown])
    except ApiError:
        return
    still: list[Item] = []
    for item in outcome.unknown:
        seen = now.get(item.target)
        belongs = _deleted(item, seen) if item.step.action == "delete" else _applied(item, seen, manager)
        if belongs is None:
            still.append(item)
        elif not belongs:
            outcome.failed.append(item)
        else:
            item.written = seen
            (outcome.deleted if item.step.action == "delete" else outcome.applied).append(item)
    outcome.unknown = still
    if not (outcome.failed or outcome.unknown or outcome.not_sent):
        outcome.errors.clear()


def _deleted(item: Item, seen: Obj | None) -> bool | None:
    """None while it is being deleted."""
    if seen is None or _meta(seen).get("uid") != _meta(item.live).get("uid"):
        return True
    return None if _meta(seen).get("deletionTimestamp") else False


def _applied(item: Item, seen: Obj | None, manager: str) -> bool:
    """Whether the write arrived: what is there is what it asks for, or its manager's entry is another than before."""
    if seen is None:
        return False
    if differ.is_applied(item.obj, seen, manager):
        return True
    return fields.applied_entry(seen, manager) != fields.applied_entry(item.live or {}, manager)


def _meta(obj: Obj | None) -> Obj:
    return (obj or {}).get("metadata") or {}
