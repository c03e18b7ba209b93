# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The apply engine for plain objects: plan them, apply what differs, remove them.

Server-side apply by one field manager per writer and set. What is as desired costs no request of its own;
what may differ is asked of the server's dry run; what the server cannot judge yet (its CRD or namespace comes with
this very plan) is validated against the CRD's schema, or as if it stood in another namespace, or only predicted here,
and the step says which.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from .._errors import Forbidden, Invalid, NotFound, Rejected
from .._kube.client import Client, Deadline
from .._kube.kinds import CRD, NAMESPACE, Kind
from . import differ, schema
from .items import Item, for_all, items_of, raise_all
from .live import Obj, observe
from .order import WAVES, wave
from .plan import Step
from .removal import Removal, wait_until_gone
from .settle import settle

_AS_DESIRED = "as desired"
# Seconds that a CRD's kind may take to be served once it is Established.
_SERVED_SOON = 15.0
# Every cluster has it: where the server is asked about objects whose own namespace is yet to come.
_ELSEWHERE = "default"


class ObjectEngine:
    """Applies objects as `manager`. With `force_conflicts` it takes over fields that other managers own."""

    def __init__(self, client: Client, *, manager: str, force_conflicts: bool = False) -> None:
        self.client = client
        self.manager = manager
        self.force_conflicts = force_conflicts
        self._crds: dict[str, Obj | None] = {}
        self._crds_lock = threading.Lock()

    # -- present -------------------------------------------------------------------------------------

    def plan(self, desired: Sequence[Obj]) -> list[Step]:
        """One step per object, in the order of writing. Only reads and dry runs are sent.

        Raises what the server's dry run or a desired CRD's schema says against an object, of all objects at once.
        """
        return [item.step for item in self.prepare(desired)]

    def apply(self, desired: Sequence[Obj]) -> list[Step]:
        """Plan, then write what differs; steps with the states before and after as the server had them.

        When a write is refused the rest of its wave is still written, later waves are not;
        the error's details name both (`applied`, `not_applied`).
        """
        return self.carry_out(self.prepare(desired))

    def carry_out(self, items: Sequence[Item]) -> list[Step]:
        """Write what differs of items that `prepare` made: for whoever has guards to ask in between. As `apply`."""
        pending = [item for item in items if item.step.changes]
        applied: list[str] = []
        for number in range(WAVES):
            due = [item for item in pending if item.wave == number]
            if not due:
                continue
            refused = for_all(self.client, self.write, due)
            failed = {error.target for error in refused}
            applied += [item.label for item in due if item.label not in failed]
            left = [item.label for item in pending if item.label in failed or item.wave > number]
            raise_all(refused, applied=applied, not_applied=left)
            self._establish([item for item in due if item.target.kind == CRD])
        return [item.step for item in items]

    def prepare(self, desired: Sequence[Obj]) -> list[Item]:
        """The desired objects, each with its step; what `plan` shows and `carry_out` carries out."""
        items = items_of(self.client, desired)
        live = observe(self.client, [item.target for item in items])
        for item in items:
            item.live = live.get(item.target)
        first = [item for item in items if item.target.kind in (NAMESPACE, CRD)]
        errors = for_all(self.client, partial(self.predict, coming=set()), first)
        coming = {item.target.name for item in first if item.target.kind == NAMESPACE and item.step.action == "create"}
        changing = {item.target.name for item in first if item.target.kind == CRD and item.step.changes}
        rest = [item for item in items if item.target.kind not in (NAMESPACE, CRD)]
        for item in rest:
            # A CRD that is as desired needs no stand-in: the server knows it.
            if item.crd is not None and item.crd["metadata"]["name"] not in changing:
                item.crd = None
        errors += for_all(self.client, partial(self.predict, coming=coming), rest)
        raise_all(errors)
        return items

    def predict(self, item: Item, coming: Collection[str] = ()) -> None:
        """Fill in the item's step by asking the server, as far as it can be asked. `coming`: namespaces to be created.

        An item whose live state was not read (None) is read if the answer shows that it is there.
        """
        live = item.live
        if _dying(live):
            self._predict_anew(item)
            return
        if live is not None and self._as_desired(item, live):
            item.step = Step(item.label, "none", _AS_DESIRED)
            return
        if live is None and item.target.namespace in coming:
            self._predict_unseen(item, f"does not exist; nor does its namespace {item.target.namespace} yet")
            return
        try:
            predicted = self._send(item, dry_run=True)
        except Rejected as error:
            if not error.details.get("dry_run_unsupported"):
                raise
            self._predict_unasked(item, error)
            return
        except (NotFound, Invalid) as error:
            # The CRD as it will be may know what the one there does not.
            unserved = isinstance(error, NotFound) and error.details.get("unserved")
            if item.crd is None or not (unserved or isinstance(error, Invalid)):
                raise
            self._predict_unseen(
                item, "does not exist; nor does its kind yet" if unserved else "its CRD changes with it"
            )
            return
        if live is None:
            live = self._look(item, predicted)
            if _dying(live):
                self._predict_anew(item)
                return
        item.step = self._step(item, live, predicted, "server")

    def _look(self, item: Item, predicted: Obj) -> Obj | None:
        """The live state of an item that was not read, if a dry run's answer shows that there is one."""
        if item.live is None and (predicted.get("metadata") or {}).get("resourceVersion"):
            item.live = self.client.get(item.target.kind, item.target.name, item.target.namespace)
        return item.live

    def _as_desired(self, item: Item, live: Obj) -> bool:
        return differ.is_applied(item.obj, live, self.manager)

    def _predict_anew(self, item: Item) -> None:
        item.step = self._step(item, None, item.obj, "local", "is being deleted; once gone, it is created anew")

    def _predict_unseen(self, item: Item, reason: str) -> None:
        """Predict what the server cannot judge in place: by a schema, the CRD's or the server's, else as written."""
        crd = item.crd or self._served_crd(item.target.kind)
        found = schema.served_schema(crd, item.target.kind.version) if crd else None
        if found is not None:
            _raise_problems(item, schema.validate(item.obj, found))
        judged = found is not None or (item.crd is None and self._judged_elsewhere(item))
        item.step = self._step(item, item.live, item.obj, "schema" if judged else "local", reason)

    def _judged_elsewhere(self, item: Item) -> bool:
        """Whether the server found an object whose namespace is yet to come well-formed; raises Invalid if it did not.

        A dry run in a namespace that there is, under a name that nothing has. What it may refuse for reasons of that
        namespace (rights, quotas, policies) says nothing of the object.
        """
        unused = f"rehearsal-{hashlib.sha256(item.label.encode()).hexdigest()[:12]}"
        moved = {**item.obj, "metadata": {**item.obj["metadata"], "namespace": _ELSEWHERE, "name": unused}}
        try:
            self.client.apply(moved, manager=self.manager, force=True, dry_run=True, kind=item.target.kind)
        except Invalid as error:
            error.message = error.message.replace(f"{_ELSEWHERE}/{unused}", item.label.partition(" ")[2])
            error.message = error.message.replace(unused, item.target.name)
            error.target = item.label
            raise
        except (Forbidden, NotFound, Rejected):
            return False
        return True

    def _predict_unasked(self, item: Item, error: Rejected) -> None:
        """Predict, by comparing here, what a webhook without dry-run support keeps the server from telling."""
        if item.live is None:
            # Nobody said so far that it is not there: it may only not have been read.
            item.live = self.client.get(item.target.kind, item.target.name, item.target.namespace)
        if item.live is None:
            item.step = self._step(item, None, item.obj, "local")
        elif paths := differ.drift(item.obj, item.live):
            item.step = self._step(item, item.live, item.obj, "local", in_words(paths))
            item.step.action = "update"
        else:
            item.step = Step(item.label, "none", _AS_DESIRED, predicted_by="local")
        item.step.notes.append(error.message)

    def _served_crd(self, kind: Kind) -> Obj | None:
        """The CRD by which the server serves a kind; None for built-in kinds, or when it may not be read."""
        if "." not in kind.group or wave(kind) != WAVES - 1:
            return None
        name = kind.resource
        with self._crds_lock:
            if name not in self._crds:
                try:
                    self._crds[name] = self.client.get(CRD, name)
                except Forbidden:
                    self._crds[name] = None
            return self._crds[name]

    def _step(self, item: Item, live: Obj | None, predicted: Obj, by: Any, reason: str = "") -> Step:
        before, after = differ.before_after(live, predicted)
        if live is None:
            return Step(item.label, "create", reason or "does not exist", before, after, by)
        if differ.same(live, predicted):
            return Step(item.label, "none", _AS_DESIRED, predicted_by=by)
        return Step(item.label, "update", reason or _differs(live, predicted), before, after, by)

    def write(self, item: Item) -> None:
        """Apply one item for good: `written` is the server's answer, the step tells what the server made of it."""
        if _dying(item.live):
            wait_until_gone(self.client, {item.target: item.live or {}})
            item.live = None
        soon = Deadline(min(_SERVED_SOON, self.client.deadline.left()))
        while True:
            try:
                answer = self._send(item, dry_run=False)
                break
            except (NotFound, Invalid) as error:
                # Established is said before every request handler has the CRD, or knows its new fields.
                late = isinstance(error, Invalid) or error.details.get("unserved")
                if item.crd is None or not late or soon.passed:
                    raise
                soon.sleep(0.2)
        item.written = answer
        notes = item.step.notes
        step = self._step(item, item.live, answer, item.step.predicted_by, item.step.reason)
        step.notes = notes
        if not step.changes:
            step.reason = "applied; the server changed nothing"
        item.step = step

    def _send(self, item: Item, *, dry_run: bool) -> Obj:
        return self.client.apply(
            item.obj, manager=self.manager, force=self.force_conflicts, dry_run=dry_run, kind=item.target.kind
        )

    def _establish(self, crds: list[Item]) -> None:
        if not crds:
            return
        for item in crds:
            self.client.forget_kinds(str(item.obj["spec"].get("group")))
            self._crds.pop(item.target.name, None)
        settle(self.client, [(CRD, None, item.target.name) for item in crds], deadline=self.client.deadline)

    # -- absent --------------------------------------------------------------------------------------

    def plan_absent(self, refs: Sequence[Any]) -> list[Step]:
        """One step per object to be gone, in the order of deleting. `refs`: objects, or (kind, namespace, name)."""
        return Removal(self.client, refs).plan()

    def absent(self, refs: Sequence[Any]) -> list[Step]:
        """Delete what is there, custom resources first and namespaces last, and wait until it is gone.

        Raises SettleTimeout that names what keeps an object from going.
        """
        return Removal(self.client, refs).carry_out()


def _dying(live: Obj | None) -> bool:
    return bool(((live or {}).get("metadata") or {}).get("deletionTimestamp"))


def _differs(live: Obj, predicted: Obj) -> str:
    return in_words(differ.changed_paths(differ.clean(live), differ.clean(predicted)))


def in_words(paths: list[str]) -> str:
    """What differs, for people: the first few paths, and how many more there are."""
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return f"differs in {', '.join(paths[:5])}{more}"


def _raise_problems(item: Item, problems: list[schema.Problem]) -> None:
    if not problems:
        return
    unknown = [problem.path for problem in problems if problem.unknown]
    said = "; ".join(str(problem) for problem in problems[:10])
    raise Invalid(
        f"Could not apply {item.label}: {said}.",
        status=422,
        verb="apply",
        target=item.label,
        hint="It was held against its CRD's schema, since the server cannot be asked yet.",
        details={"unknown_fields": unknown} if unknown else {},
    )
