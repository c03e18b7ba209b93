# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Removing objects: in the reverse of the order in which they are made, each wave gone before the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._errors import ApiError, NotFound, SettleTimeout
from .._kube.client import Client
from . import differ
from .items import Item, for_all, raise_all
from .live import Obj, Target, observe, target
from .order import WAVES
from .plan import Step

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
_ABSENT = "absent already"


class Removal:
    """One set of objects to be gone. `refs`: objects, or tuples of kind, namespace and name."""

    def __init__(self, client: Client, refs: Sequence[Any]) -> None:
        self.client = client
        self._unknown: list[Step] = []
        items = [item for ref in refs if (item := self._item(ref)) is not None]
        self._items = sorted({item.target: item for item in items}.values(), key=lambda item: -item.wave)

    def plan(self) -> list[Step]:
        """The steps, asked of the server by dry run, so that a missing permission shows before the first deletion."""
        self._observe()
        there = [item for item in self._items if item.live is not None]
        raise_all(for_all(self.client, self._rehearse, there))
        return self._steps()

    def carry_out(self) -> list[Step]:
        """Delete and wait, wave by wave. Raises SettleTimeout when the task's time ends before an object is gone."""
        self._observe()
        for number in reversed(range(WAVES)):
            due = [item for item in self._items if item.wave == number and item.live is not None]
            if due:
                raise_all(for_all(self.client, self._delete, due))
                wait_until_gone(self.client, {item.target: item.live or {} for item in due})
        return self._steps()

    def _item(self, ref: Any) -> Item | None:
        if not isinstance(ref, Mapping):
            return Item({}, target(*ref))
        meta = ref.get("metadata") or {}
        try:
            kind = self.client.resolve(ref)
        except NotFound:
            # The kind is gone, and so are all its objects.
            where = f"{meta['namespace']}/" if meta.get("namespace") else ""
            self._unknown.append(Step(f"{ref.get('kind')} {where}{meta.get('name')}", "none", _ABSENT))
            return None
        return Item(dict(ref), target(kind, meta.get("namespace"), str(meta.get("name"))))

    def _observe(self) -> None:
        live = observe(self.client, [item.target for item in self._items])
        for item in self._items:
            item.live = live.get(item.target)
            if item.live is None:
                item.step = Step(item.label, "none", _ABSENT)
                continue
            before, _after = differ.before_after(item.live, item.live)
            item.step = Step(item.label, "delete", "exists", before, {}, "server")

    def _steps(self) -> list[Step]:
        return [item.step for item in self._items] + self._unknown

    def _rehearse(self, item: Item) -> None:
        self.client.delete(item.target.kind, item.target.name, item.target.namespace, dry_run=True)

    def _delete(self, item: Item) -> None:
        uid = (item.live or {})["metadata"].get("uid")
        self.client.delete(item.target.kind, item.target.name, item.target.namespace, uid=uid)


def wait_until_gone(client: Client, objects: Mapping[Target, Obj]) -> None:
    """Return when none of the objects (as observed, told by uid) is there any more.

    Raises SettleTimeout at the client's deadline, naming finalizers and what a namespace still holds.
    """
    waiting = dict(objects)
    pause = _FIRST_PAUSE
    while True:
        try:
            seen = observe(client, waiting)
        except ApiError:
            if not client.deadline.passed:
                raise
            seen = dict(waiting)
        # One of the same name with another uid was made by someone else since.
        waiting = {one: obj for one, obj in seen.items() if _uid(obj) == _uid(waiting[one])}
        if not waiting:
            return
        if client.deadline.passed:
            raise _still_there(client, waiting)
        client.deadline.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.6)


def _uid(obj: Obj) -> Any:
    return (obj.get("metadata") or {}).get("uid")


def _still_there(client: Client, waiting: Mapping[Target, Obj]) -> SettleTimeout:
    unready = [{"object": one.label, "reason": _why_still(obj)} for one, obj in list(waiting.items())[:20]]
    more = f", and {len(waiting) - len(unready)} more" if len(waiting) > len(unready) else ""
    return SettleTimeout(
        f"Still there after {client.deadline.seconds:g} s: "
        + "; ".join(f"{entry['object']} ({entry['reason']})" for entry in unready)
        + f"{more}.",
        hint="Whatever owns the finalizer must run to remove it, or you remove it yourself.",
        details={"unready": unready},
    )


def _why_still(obj: Obj) -> str:
    meta = obj.get("metadata") or {}
    if not meta.get("deletionTimestamp"):
        return "its deletion has not begun"
    told = [
        str(entry.get("message"))
        for entry in (obj.get("status") or {}).get("conditions") or []
        if entry.get("status") == "True" and entry.get("message") and obj.get("kind") == "Namespace"
    ]
    finalizers = list(meta.get("finalizers") or []) + list((obj.get("spec") or {}).get("finalizers") or [])
    if finalizers:
        told.append(f"finalizers {', '.join(str(name) for name in finalizers)}")
    return "; ".join(told) or "is being deleted"
