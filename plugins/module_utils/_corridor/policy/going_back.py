# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Taking back what a run wrote: what the set's manager had before is applied again, under preconditions.

Nothing that someone else changed since is overwritten: an object is touched only as the run left it, status aside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..._desired.policy.applyset import Scope, parent_object, scope_of
from ..._errors import Conflict, MeshError
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client, Deadline
from ..._kube.kinds import CONFIG_MAP
from .. import differ, fields
from ..items import Item
from ..live import Obj, Target, observe
from ..order import WAVES
from .draft import Draft, Parent
from .hold import held
from .outcome import Outcome
from .unknown import resolve

# Seconds that going back has at least, however late the task is.
_TIME = 60.0
# Controllers write status in between: so often an object is looked at anew.
_ATTEMPTS = 5
_SERVERS_OWN = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")


class _Kept(MeshError):
    """Why an object is not returned."""


def go_back(client: Client, draft: Draft, outcome: Outcome, intent: PolicyIntent) -> None:
    """Return what was applied and deleted to what it was before; no error of an object is raised.

    Afterwards `outcome.returned` names what is back, `not_returned` what is not, or not wholly (a new uid), and why.
    """
    client = client.with_deadline(Deadline(max(_TIME, client.deadline.left())))
    if outcome.unknown:
        resolve(client, outcome, intent.manager)
    returning = _Return(client, outcome, intent.manager)
    for item in outcome.unknown:
        returning.keep(item, "It is not known what became of the request.")
    try:
        with held(client, draft, intent.manager) as hold:
            returning.widen(draft)
            returning.run(hold.ensure)
            returning.parent(draft)
            hold.stamp()
    except MeshError as error:
        returning.keep_rest(str(error))


class _Return:
    def __init__(self, client: Client, outcome: Outcome, manager: str) -> None:
        self._client = client
        self._outcome = outcome
        self._manager = manager
        self._kept = bool(outcome.unknown)
        self._told = {entry["object"] for entry in outcome.not_returned} | set(outcome.returned)

    def run(self, permitted: Callable[[], None]) -> None:
        """Deleted objects are made first, in the order of writing; the rest is undone in the reverse of it."""
        applied, deleted = self._outcome.applied, self._outcome.deleted
        now = observe(self._client, [item.target for item in (*applied, *deleted)])
        for number in range(WAVES):
            self._all(self._make_again, [item for item in deleted if item.wave == number], now, permitted)
        for number in reversed(range(WAVES)):
            self._all(self._undo, [item for item in applied if item.wave == number], now, permitted)

    def parent(self, draft: Draft) -> None:
        """The set's annotations as they were; while something is not back they go on naming it too."""
        parent, before = draft.parent, self._outcome.parent
        if parent is None:
            return
        scope = scope_of(before)
        whole = not self._kept
        if before is None and whole:
            if parent.live is not None:
                uid = parent.live["metadata"]["uid"]
                self._client.remove(CONFIG_MAP, parent.of.name, parent.of.namespace, uid=uid)
                parent.live = None
            return
        self._scope(parent, scope if whole else scope | parent.scope)

    def widen(self, draft: Draft) -> None:
        """The set's annotations name what was deleted before it is made again."""
        if draft.parent is not None and self._outcome.deleted:
            self._scope(draft.parent, draft.parent.scope | scope_of(self._outcome.parent))

    def _scope(self, parent: Parent, scope: Scope) -> None:
        if parent.live is not None and parent.scope == scope:
            return
        obj = parent_object(parent.of.name, parent.of.namespace, scope)
        if parent.live is not None:
            obj["metadata"]["resourceVersion"] = parent.live["metadata"]["resourceVersion"]
        parent.live = self._client.apply(obj, manager=self._manager, kind=CONFIG_MAP)

    def keep(self, item: Item, reason: str) -> None:
        """Tell of an object that is not back, or not wholly."""
        self._outcome.not_returned.append({"object": item.label, "reason": reason})
        self._told.add(item.label)

    def keep_rest(self, reason: str) -> None:
        for item in (*self._outcome.applied, *self._outcome.deleted):
            if item.label not in self._told:
                self.keep(item, reason)

    def _all(
        self,
        call: Callable[[Item, Obj | None], str],
        items: Sequence[Item],
        now: dict[Target, Obj],
        permitted: Callable[[], None],
    ) -> None:
        """Call for every item; each is told of, in order. `call` answers with what is not as it was after all."""

        def tried(item: Item) -> tuple[bool, str]:
            try:
                permitted()
                return True, call(item, now.get(item.target))
            except MeshError as error:
                return False, str(error)

        for item, (back, reason) in zip(items, self._client.many(tried, items), strict=True):
            self._kept = self._kept or not back
            if back:
                self._outcome.returned.append(item.label)
                self._told.add(item.label)
            if reason:
                self.keep(item, reason)

    # -- one object --------------------------------------------------------------------------------------

    def _undo(self, item: Item, seen: Obj | None) -> str:
        undo = self._delete if item.live is None else self._restore
        for _attempt in range(_ATTEMPTS):
            if _is_back(item, seen):
                return ""
            if seen is None or _uid(seen) != _uid(item.written):
                raise _Kept("Someone deleted it since." if seen is None else "Someone made it anew since.")
            if changed := _unlike(item.written or {}, seen):
                raise _Kept(f"Someone changed it since: {changed}.")
            try:
                return undo(item, seen)
            except Conflict:
                # Mostly a controller that wrote its status; or a write of ours whose answer was lost.
                seen = self._client.get(item.target.kind, item.target.name, item.target.namespace)
        raise _Kept("It keeps changing.")

    def _delete(self, item: Item, seen: Obj) -> str:
        one, meta = item.target, seen["metadata"]
        self._client.remove(
            one.kind, one.name, one.namespace, uid=meta["uid"], resource_version=meta["resourceVersion"]
        )
        return ""

    def _restore(self, item: Item, seen: Obj) -> str:
        live = item.live or {}
        if fields.lost_paths(live, item.written or {}, self._manager):
            return self._whole(item, seen)
        part = fields.owned_part(live, self._manager)
        part["metadata"]["resourceVersion"] = seen["metadata"]["resourceVersion"]
        return _not_as_it_was(live, self._client.apply(part, manager=self._manager, kind=item.target.kind))

    def _make_again(self, item: Item, seen: Obj | None) -> str:
        if seen is not None:
            gone = _uid(seen) == _uid(item.live)
            raise _Kept("It is still being deleted." if gone else "Someone made it anew since.")
        unlike = self._whole(item, None)
        return " ".join(["It was created again, with a new uid.", unlike]).strip()

    def _whole(self, item: Item, seen: Obj | None) -> str:
        """The whole object as it was, others' fields and managers included: what applying our part cannot return."""
        live = item.live or {}
        meta = {key: value for key, value in live["metadata"].items() if key not in _SERVERS_OWN}
        whole = {**{key: value for key, value in live.items() if key != "status"}, "metadata": meta}
        if seen is None:
            written = self._client.create(whole, manager=self._manager)
        else:
            meta["resourceVersion"] = seen["metadata"]["resourceVersion"]
            written = self._client.replace(whole, manager=self._manager)
        return self._give_back(item, written)

    def _give_back(self, item: Item, written: Obj) -> str:
        """Each field to the managers that had it, once the values are as they were."""
        live, one = item.live or {}, item.target
        owners = [entry for entry in live["metadata"].get("managedFields") or [] if not entry.get("subresource")]
        for _attempt in range(_ATTEMPTS):
            if unlike := _not_as_it_was(live, written):
                return unlike
            meta = written["metadata"]
            others = [entry for entry in meta.get("managedFields") or [] if entry.get("subresource")]
            patch = [
                {"op": "replace", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]},
                {"op": "replace", "path": "/metadata/managedFields", "value": [*owners, *others]},
            ]
            try:
                self._client.patch(
                    one.kind,
                    one.name,
                    one.namespace,
                    patch,
                    resource_version=None,
                    content_type="application/json-patch+json",
                    manager=self._manager,
                )
                return ""
            except Conflict:
                written = self._client.get(one.kind, one.name, one.namespace) or {}
        return "Its values are back, but they are this set's now."


def _is_back(item: Item, seen: Obj | None) -> bool:
    if item.live is None or seen is None:
        return item.live is None and seen is None
    return differ.same(item.live, seen) and not differ.same(item.live, item.written or {})


def _unlike(one: Obj, other: Obj) -> str:
    """Some of the fields in which two states differ; "" when they do not."""
    return ", ".join(differ.changed_paths(differ.clean(one), differ.clean(other))[:5])


def _not_as_it_was(live: Obj, now: Obj) -> str:
    unlike = _unlike(live, now)
    return f"It differs from what it was in {unlike}." if unlike else ""


def _uid(obj: Obj | None) -> object:
    return ((obj or {}).get("metadata") or {}).get("uid")
