# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Keeping an apply set's parent: it names more than it needs to before anything is written, and just enough after.

So whenever a run ends, killed or not, the parent names every kind and namespace in which a member may be.
"""

from __future__ import annotations

from ..._desired.policy.applyset import Scope, parent_object, scope_of
from ..._errors import ApiError, Conflict
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from ..._kube.kinds import CONFIG_MAP
from .. import differ
from ..items import OF_ONE_OBJECT
from .draft import Draft, Parent
from .members import scope
from .outcome import Outcome


def rehearse(client: Client, intent: PolicyIntent, draft: Draft) -> list[ApiError]:
    """What the server says against what `widen` or `narrow` would write; nothing is written."""
    parent = draft.parent
    if parent is None:
        return []
    try:
        if parent.step.action == "delete":
            client.delete(CONFIG_MAP, parent.of.name, parent.of.namespace, uid=_uid(parent), dry_run=True)
            parent.step.predicted_by = "server"
        elif (wide := _widened(intent, draft, parent)) is not None:
            answer = _apply(client, intent, parent, wide, dry_run=True)
            if parent.step.changes:
                parent.step.before = _shown(parent.live)
                parent.step.after = _shown(answer)
                parent.step.predicted_by = "server"
    except OF_ONE_OBJECT as error:
        return [error]
    return []


def widen(client: Client, intent: PolicyIntent, draft: Draft) -> None:
    """Before the first write: the parent is there, and names where members are and will be.

    Does nothing without a set, or when the parent names all that already. Raises Conflict when another run of this
    set wrote the parent meanwhile.
    """
    parent = draft.parent
    if parent is None or (wide := _widened(intent, draft, parent)) is None:
        return
    before = parent.live
    try:
        parent.live = _apply(client, intent, parent, wide)
    except Conflict as error:
        now = client.get(CONFIG_MAP, parent.of.name, parent.of.namespace)
        if now is None or scope_of(now) != wide:
            error.hint = (
                "Another run works with this apply set, or its parent was edited: run again when it is through."
            )
            raise
        # A repeated request, whose first answer was lost.
        parent.live = now
    if parent.step.changes:
        parent.step.before, parent.step.after = _shown(before), _shown(parent.live)


def narrow(client: Client, intent: PolicyIntent, draft: Draft, outcome: Outcome) -> None:
    """After the last write and deletion: the parent names just where members are, or goes with its set.

    Does nothing when not all was done: what was not may still have to be found. What keeps the parent from being
    narrowed does no harm, and becomes a warning.
    """
    parent = draft.parent
    if parent is None or parent.live is None or not outcome.complete:
        return
    if parent.step.action == "delete":
        client.delete(CONFIG_MAP, parent.of.name, parent.of.namespace, uid=_uid(parent))
        parent.live = None
        return
    needed = parent.stays
    if intent.state == "present":
        needed |= scope(item.target for item in draft.items)
    needed = _plain(needed, parent)
    if needed == parent.scope:
        return
    try:
        parent.live = _apply(client, intent, parent, needed)
    except OF_ONE_OBJECT as error:
        draft.warnings.append(f"The apply set's parent still names more than it needs to: {error.message}")


def _widened(intent: PolicyIntent, draft: Draft, parent: Parent) -> Scope | None:
    """What the parent must name while this run writes; None when it does already, or nothing is written."""
    if intent.state != "present" or not draft.changes:
        return None
    # Removals too: they may have been found where the parent does not say, and this run may end before they go.
    here = scope(item.target for item in (*draft.items, *draft.removals))
    wide = _plain(parent.scope | parent.stays | here, parent)
    return None if parent.live is not None and parent.scope.covers(wide) else wide


def _plain(found: Scope, parent: Parent) -> Scope:
    """The parent's own namespace goes without saying."""
    return Scope(found.kinds, found.namespaces - {parent.of.namespace})


def _apply(
    client: Client, intent: PolicyIntent, parent: Parent, names: Scope, *, dry_run: bool = False
) -> dict[str, object]:
    obj = parent_object(parent.of.name, parent.of.namespace, names)
    if parent.live is not None:
        obj["metadata"]["resourceVersion"] = parent.live["metadata"]["resourceVersion"]
    return client.apply(obj, manager=intent.manager, force=True, dry_run=dry_run, kind=CONFIG_MAP)


def _uid(parent: Parent) -> str | None:
    return ((parent.live or {}).get("metadata") or {}).get("uid")


def _shown(obj: dict[str, object] | None) -> dict[str, object]:
    return differ.clean(obj) if obj else {}
