# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a draft removes: what is named with state absent, what a set does not hold any more, and the set's parent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..._desired.policy.applyset import Scope
from ..._intent.policy import PolicyIntent
from ..._kube.kinds import CONFIG_MAP, CRD, NAMESPACE
from .. import differ, fields
from ..items import Item
from ..live import Obj, Target
from ..plan import Step
from .draft import Draft, Parent
from .elsewhere import controller_of, keeper_of
from .members import Members, key_of, scope

_NEVER = (NAMESPACE.kind, CRD.kind)
ABSENT = "absent already"


def named(draft: Draft, items: Sequence[Item]) -> None:
    """The objects that are named with state absent: those that are there are removed."""
    for item in items:
        if item.live is None:
            item.step = Step(item.label, "none", ABSENT)
        else:
            item.step = _deletion(item.target, item.live, "exists")
    draft.removals = _in_order(items)


def of_set(draft: Draft, members: Members, intent: PolicyIntent, *, everything: bool) -> None:
    """With state absent: all members and then the parent, or (with objects named) what of the set stays."""
    parent = members.parent
    if everything:
        draft.removals = _superfluous(draft, members, intent, set(), "the set is removed")
        if parent.live is not None:
            draft.errors += members.denied.values()
            parent.step = _deletion(_target(parent), parent.live, "its set is removed")
        return
    going = {key_of(item.target) for item in draft.removals}
    parent.stays = _unread(members) | scope(one for key, (one, _obj) in members.found.items() if key not in going)


def pruned(draft: Draft, members: Members, intent: PolicyIntent) -> None:
    """With state present: members that are not desired any more, and what becomes of the parent."""
    parent = members.parent
    desired = {key_of(item.target) for item in draft.items}
    if intent.prune:
        draft.removals = _superfluous(draft, members, intent, desired, "its set does not hold it any more")
        draft.warnings += [
            f"Not all that is superfluous is found: {error.message}" for error in members.denied.values()
        ]
        going = {key_of(item.target) for item in draft.removals}
        parent.stays = _unread(members) | scope(
            one for key, (one, _obj) in members.found.items() if key not in going and key not in desired
        )
    else:
        parent.stays = parent.scope
    if parent.live is None:
        label = CONFIG_MAP.label(parent.of.namespace, parent.of.name)
        parent.step = Step(label, "create", "the set's parent does not exist", {}, {}, "local")
    elif not parent.scope.covers(_less(scope(item.target for item in draft.items if not item.step.changes), parent)):
        label = CONFIG_MAP.label(parent.of.namespace, parent.of.name)
        parent.step = Step(label, "repair", "does not name all kinds and namespaces of the set", {}, {}, "local")


def _less(found: Scope, parent: Parent) -> Scope:
    return Scope(found.kinds, found.namespaces - {parent.of.namespace})


def _unread(members: Members) -> Scope:
    """Where the parent says members are, and where not all could be read."""
    named_scope = members.parent.scope
    kinds = named_scope.kinds - members.kinds
    return Scope(kinds, named_scope.namespaces if kinds else frozenset())


def _superfluous(
    draft: Draft, members: Members, intent: PolicyIntent, desired: set[tuple[str, str, str | None, str]], reason: str
) -> list[Item]:
    """The members to delete. What is not the set's own any more is left, with a warning."""
    found: list[Item] = []
    for key, (one, live) in members.found.items():
        if key in desired or one.kind.kind in _NEVER:
            continue
        applied = fields.applied_entry(live, intent.manager) is not None
        if controller_of(live) is not None or (not applied and live["metadata"].get("ownerReferences")):
            # A controller copies the labels of what it works from (a Gateway) to what it makes, and removes it itself.
            continue
        why = ""
        if keeper := keeper_of(live):
            why = f"left to {keeper}"
        elif not applied:
            why = f"bears the set's label, but {intent.manager} did not apply it"
        if why:
            draft.left.append(Step(one.label, "none", why))
            draft.warnings.append(f"{one.label} is not removed with its set: {why}.")
            continue
        found.append(Item({}, one, live=live, step=_deletion(one, live, reason)))
    return _in_order(found)


def _in_order(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: -item.wave)


def _deletion(one: Target, live: Obj, reason: str) -> Step:
    before, _after = differ.before_after(live, live)
    return Step(one.label, "delete", reason, before, {}, "local")


def _target(parent: Parent) -> Target:
    return Target(CONFIG_MAP, parent.of.namespace, parent.of.name)
