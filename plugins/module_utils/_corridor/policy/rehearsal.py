# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The rehearsal of a policy task: the server is asked about all that would be written or deleted, and writes nothing.

Every error is collected, so that one run names all that is wrong. One request for each object; a second one only for
those that turn out to be there though they were not read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..._desired.policy.applyset import PART_OF, set_of
from ..._errors import ApiError, Conflict
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from ..._kube.kinds import Kind
from .. import differ
from ..collecting import without_collecting
from ..guess import guess
from ..items import OF_ONE_OBJECT, Item, for_all
from ..live import Target
from ..objects import in_words
from ..plan import Step
from . import applyset
from .draft import Draft
from .elsewhere import Keeper, controller_of, keeper_of
from .engine import PolicyEngine
from .former import formers
from .members import name_of_set

_AS_DESIRED = "as desired"


def rehearse(client: Client, draft: Draft, intent: PolicyIntent, *, alone: bool = True) -> list[ApiError]:
    """All that speaks against the draft, whose steps then are as the server told them (`validate`), or as guessed here.

    Deletions have no schema and no words of istiod's webhook to fear: when they follow (not `alone`, as in check mode),
    the server is asked for one of each kind and namespace, which is what permissions are about.

    What is left to another tool moves to `draft.left`. Raises what concerns the whole run, such as a webhook that
    does not answer.
    """
    with without_collecting():
        return _Rehearsal(client, draft, intent, alone=alone).run()


class _Rehearsal:
    def __init__(self, client: Client, draft: Draft, intent: PolicyIntent, *, alone: bool) -> None:
        self.client = client
        self.draft = draft
        self._sampled: set[tuple[Kind, str | None]] | None = None if alone else set()
        self.intent = intent
        self.engine = PolicyEngine(client, intent)
        self.identity = draft.parent.identity if draft.parent else ""
        self._left: dict[Target, Keeper] = {}
        self._of_sets: dict[int, str] = {}
        self._lock = threading.Lock()

    def run(self) -> list[ApiError]:
        asked: list[tuple[Item, Callable[[Item], None]]] = [
            (item, self._write) for item in self.draft.writing if item.target not in self.draft.hopeless
        ]
        asked += [(item, self._delete) for item in self.draft.removals if item.step.changes]
        calls = {item.target: call for item, call in asked}
        errors = for_all(self.client, lambda item: calls[item.target](item), [item for item, _call in asked])
        self._leave()
        self._name_sets(errors)
        errors = [*self.draft.errors, *errors]
        parent = self.draft.parent
        if parent is not None and parent.step.action == "create" and not self.draft.items:
            # All of it was left to others: there is nothing to make a set of.
            parent.step = Step(parent.step.name, "none", "nothing is in the set")
        if parent is not None and self.intent.validate and self.draft.changes:
            missing = any(error.details.get("missing_namespace") == parent.of.namespace for error in errors)
            errors += [] if missing else applyset.rehearse(self.client, self.intent, self.draft)
        return errors

    # -- one object ----------------------------------------------------------------------------------

    def _write(self, item: Item) -> None:
        """Fill in the item's step. Raises what speaks against writing it."""
        unread = item.live is None
        if self.identity:
            # Its label alone would change it.
            self._refuse_other_set(item, "apply")
        try:
            if self.intent.validate:
                self.engine.predict(item)
            else:
                self._guess(item)
        except OF_ONE_OBJECT as error:
            contested = isinstance(error, Conflict)
            if unread and contested:
                item.live = self.client.get(item.target.kind, item.target.name, item.target.namespace)
            if contested:
                # Whose object it is says more than which of its fields conflict.
                self._refuse_other_set(item, "apply")
            keeper = keeper_of(item.live)
            if keeper is not None and (contested or self.intent.managed_elsewhere == "leave"):
                self._heed(item, keeper, "apply")
            if item.target not in self._left:
                raise
            return
        if item.step.changes and item.live is not None:
            self._refuse_other_set(item, "apply")
            if keeper := keeper_of(item.live):
                self._heed(item, keeper, "apply")

    def _delete(self, item: Item) -> None:
        if self.identity:
            self._refuse_other_set(item, "delete")
        keeper = keeper_of(item.live)
        if keeper is not None:
            self._heed(item, keeper, "delete")
            if item.target in self._left:
                return
        if self.intent.validate and self._due(item):
            uid = ((item.live or {}).get("metadata") or {}).get("uid")
            self.client.delete(item.target.kind, item.target.name, item.target.namespace, uid=uid, dry_run=True)
            item.step.predicted_by = "server"

    def _due(self, item: Item) -> bool:
        """Whether the server is asked about this deletion."""
        if self._sampled is None:
            return True
        place = (item.target.kind, item.target.namespace)
        with self._lock:
            first = place not in self._sampled
            self._sampled.add(place)
        return first

    def _guess(self, item: Item) -> None:
        """What the server would do, as far as it can be told without asking it."""
        live = item.live
        if live is None:
            _before, after = differ.before_after(None, item.obj)
            item.step = Step(item.label, "create", "does not exist", {}, after, "local")
            return
        if live["metadata"].get("deletionTimestamp"):
            # Nothing is asked for such an object.
            self.engine.predict(item)
            return
        managers = (self.intent.manager, *formers(live, self.intent.manager, self.identity))
        paths, after = guess(item.obj, live, *managers)
        if not paths:
            item.step = Step(item.label, "none", _AS_DESIRED, predicted_by="local")
            return
        shown_before, shown_after = differ.before_after(live, after)
        item.step = Step(item.label, "update", in_words(paths), shown_before, shown_after, "local")

    # -- whose it is ---------------------------------------------------------------------------------

    def _refuse_other_set(self, item: Item, verb: str) -> None:
        other = set_of(item.live)
        if not other or other == self.identity or controller_of(item.live):
            # What a controller makes of a member only bears a copy of its label.
            return
        error = Conflict(
            f"Could not {verb} {item.label}: it is a member of the apply set {{}}, and an object belongs to one set.",
            status=409,
            verb=verb,
            target=item.label,
            hint=f"Change it in that set; `kubectl label {item.target.kind.resource}"
            f"{f' -n {item.target.namespace}' if item.target.namespace else ''} {item.target.name} {PART_OF}-`"
            " takes it out of it.",
        )
        with self._lock:
            self._of_sets[id(error)] = other
        raise error

    def _name_sets(self, errors: list[ApiError]) -> None:
        """Sets are told by an id that says nothing to people: their names are looked up, each once."""
        names: dict[str, str] = {}
        for error in errors:
            identity = self._of_sets.get(id(error))
            if identity is None:
                continue
            if identity not in names:
                names[identity] = name_of_set(self.client, identity)
            error.message = error.message.replace("{}", names[identity])
            error.details["apply_set"] = names[identity]

    def _heed(self, item: Item, keeper: Keeper, verb: str) -> None:
        """Refuse, go on, or leave an object that another tool manages."""
        if self.intent.managed_elsewhere == "leave":
            with self._lock:
                self._left[item.target] = keeper
        elif self.intent.managed_elsewhere == "refuse":
            raise Conflict(
                f"Could not {verb} {item.label}: {keeper} manages it, and would undo the change.",
                status=409,
                verb=verb,
                target=item.label,
                hint="Change it there, or say `managed_elsewhere: leave` (to go on without it) or `adopt`.",
                details={"managed_by": {"tool": keeper.tool, "object": keeper.name}},
            )

    def _leave(self) -> None:
        if not self._left:
            return
        for item in (*self.draft.items, *self.draft.removals):
            if keeper := self._left.get(item.target):
                self.draft.left.append(Step(item.label, "none", f"left to {keeper}"))
        self.draft.items = [item for item in self.draft.items if item.target not in self._left]
        self.draft.removals = [item for item in self.draft.removals if item.target not in self._left]
