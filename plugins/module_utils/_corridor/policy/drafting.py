# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Drafting a policy task: what is there, read in bulk, beside what should be. Sends only reads.

Reads are few, however many the objects: with an apply set one LIST per kind finds all its members, wherever they are.
What is not among them is looked for by other LISTs where these pay, and else left to the rehearsal, whose dry runs
tell what is new from what only was not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..._desired.policy.applyset import as_member, set_id
from ..._desired.policy.model import Document
from ..._errors import BadInput, Forbidden, NotFound
from ..._intent.policy import PolicyIntent
from ..._kube.client import Client
from ..._kube.kinds import CONFIG_MAP, NAMESPACE, NETWORK_POLICY, SERVICE_ACCOUNT, Kind
from ..collecting import without_collecting
from ..items import Item, applicable, for_all
from ..live import Target, read_in_bulk, target
from ..order import wave
from ..plan import Step
from . import removals, served
from .draft import Draft
from .former import as_desired
from .members import Members, key_of

_TOLD = 5
_KEPT = 50
# From so many namespaces one LIST of all their names is cheaper than a GET of each.
_LIST_NAMESPACES_FROM = 10
# These may be read of all namespaces at once: clusters hold few of them, they are small, and none is secret.
_MESH_GROUPS = (".istio.io", "gateway.networking.k8s.io")
_SMALL = (NETWORK_POLICY, SERVICE_ACCOUNT)


def draft(client: Client, documents: Sequence[Document], intent: PolicyIntent) -> Draft:
    """The objects as they are and should be. Steps of what is not as desired stay provisional until rehearsed.

    `documents` are finished: each has its kind, name and namespace, and none is given twice. What speaks against
    single objects is in `errors`. Raises GuardRefused when the set's parent is not ours.
    """
    with without_collecting():
        return _Drafting(client, documents, intent).draft()


def _widely(kind: Kind) -> bool:
    return kind.group.endswith(_MESH_GROUPS) or kind in _SMALL


class _Drafting:
    def __init__(self, client: Client, documents: Sequence[Document], intent: PolicyIntent) -> None:
        self.client = client
        self.documents = documents
        self.intent = intent
        self.found = Draft()
        self.members: Members | None = None
        of = intent.apply_set
        self.identity = set_id(of.name, of.namespace) if of else ""

    def draft(self) -> Draft:
        items = self._items()
        if self.intent.apply_set is not None:
            self._read_set(items)
        self._observe(items)
        if self.intent.state == "absent":
            removals.named(self.found, items)
            if self.members is not None:
                removals.of_set(self.found, self.members, self.intent, everything=not self.documents)
            return self.found
        self._look_for_what_lacks(items)
        for item in items:
            item.step = self._step(item)
        self.found.items = items
        if self.members is not None:
            removals.pruned(self.found, self.members, self.intent)
        return self.found

    # -- the objects ---------------------------------------------------------------------------------

    def _items(self) -> list[Item]:
        """All objects whose kind is served, in the order of writing."""
        kinds, unknown = served.resolve(self.client, (_named(each) for each in self.documents))
        items: list[Item] = []
        origins: dict[Target, str] = {}
        for each in self.documents:
            kind = kinds.get(_named(each))
            if kind is None:
                continue
            meta = each.obj["metadata"]
            one = target(kind, meta.get("namespace"), meta["name"])
            if self._is_parent(one):
                raise BadInput(
                    f"{each.origin}: {one.label} is the parent of the apply set itself.",
                    hint="Give the set another name (`apply_set`), or the object.",
                )
            origins[one] = each.origin
            items.append(Item(as_member(applicable(each.obj, kind), self.identity), one))
        self.found.origins = origins
        for name, error in unknown.items():
            labels = [_label(each) for each in self.documents if _named(each) == name]
            if self.intent.state == "absent":
                # The kind is gone, and so are all its objects.
                self.found.left += [Step(label, "none", removals.ABSENT) for label in labels]
            else:
                self._refuse(labels, error)
        return sorted(items, key=lambda item: wave(item.target.kind))

    def _is_parent(self, one: Target) -> bool:
        parent = self.intent.apply_set
        return (
            parent is not None
            and one.kind == CONFIG_MAP
            and (one.namespace, one.name) == (parent.namespace, parent.name)
        )

    def _refuse(self, labels: Sequence[str], error: NotFound) -> None:
        """One error for all the objects that have the same one."""
        more = f" and {len(labels) - _TOLD} more" if len(labels) > _TOLD else ""
        error.message = f"{error.message.rstrip('.')}; needed by {', '.join(labels[:_TOLD])}{more}."
        error.target = labels[0]
        error.verb = "apply"
        error.details["objects"] = list(labels[:_KEPT])
        self.found.errors.append(error)

    # -- what is there -------------------------------------------------------------------------------

    def _read_set(self, items: Iterable[Item]) -> None:
        if self.intent.apply_set is None:
            return
        spaces: dict[Kind, set[str | None]] = {}
        for item in items:
            spaces.setdefault(item.target.kind, set()).add(item.target.namespace)
        self.members = Members(self.client, self.intent.apply_set)
        self.members.read(spaces, all_kinds=self.intent.prune or self.intent.state == "absent")
        self.found.parent = self.members.parent

    def _observe(self, items: Sequence[Item]) -> None:
        """Fill in what is there. An item without it is new, or was left to the rehearsal."""
        rest: dict[Target, Item] = {}
        for item in items:
            member = self.members.found.get(key_of(item.target)) if self.members else None
            if member is None:
                rest[item.target] = item
            else:
                item.live = member[1]
        live, singles = read_in_bulk(self.client, rest, widely=_widely)
        if self.members is not None and self.intent.state == "present" and self.intent.validate:
            # Most are new, and the dry run tells which are not.
            singles = []
        for one, obj in live.items():
            rest[one].live = obj
        forbidden = for_all(self.client, self._get, [rest[one] for one in singles])
        self.found.errors += forbidden
        refused = {error.target for error in forbidden}
        self.found.hopeless.update(one for one in singles if one.label in refused)

    def _get(self, item: Item) -> None:
        item.live = self.client.get(item.target.kind, item.target.name, item.target.namespace)

    def _look_for_what_lacks(self, items: Sequence[Item]) -> None:
        """Kinds that are not served, and namespaces that are missing, for objects of which nothing was found."""
        seen = {item.target.kind for item in items if item.live is not None}
        absent = [item for item in items if item.live is None and item.target not in self.found.hopeless]
        for kind in served.unserved(self.client, (item.target.kind for item in absent if item.target.kind not in seen)):
            self._give_up([item for item in absent if item.target.kind == kind], served.why_unserved(self.client, kind))
        there = {item.target.namespace for item in items if item.live is not None}
        where = {item.target.namespace for item in absent if item.target.namespace} - there
        if self.found.parent is not None and self.found.parent.live is None:
            where.add(self.found.parent.of.namespace)
        for namespace, problem in self._unusable({name for name in where if name}).items():
            lacking = [item for item in absent if item.target.namespace == namespace]
            error = NotFound(
                f"The namespace {namespace} {problem}.",
                status=404,
                hint="Create it first: this module makes no namespaces."
                if problem == "does not exist"
                else "Wait until it is gone, and create it anew.",
                details={"missing_namespace": namespace},
            )
            if lacking:
                self._give_up(lacking, error)
            elif self.found.parent is not None:
                self._refuse([f"the set's parent, {CONFIG_MAP.label(namespace, self.found.parent.of.name)}"], error)

    def _give_up(self, items: Sequence[Item], error: NotFound) -> None:
        fresh = [item for item in items if item.target not in self.found.hopeless]
        if fresh:
            self.found.hopeless.update(item.target for item in fresh)
            self._refuse([item.label for item in fresh], error)

    def _unusable(self, names: set[str]) -> Mapping[str, str]:
        """What is wrong with namespaces, as far as one may know."""
        if not names:
            return {}
        try:
            if len(names) >= _LIST_NAMESPACES_FROM:
                metas = [obj["metadata"] for obj in self.client.list(NAMESPACE, metadata_only=True)]
            else:
                got = self.client.many(lambda name: self.client.get(NAMESPACE, name), sorted(names))
                metas = [obj["metadata"] for obj in got if obj is not None]
        except Forbidden:
            return {}
        found = dict.fromkeys(names - {meta["name"] for meta in metas}, "does not exist")
        found.update(
            (meta["name"], "is being deleted")
            for meta in metas
            if meta["name"] in names and meta.get("deletionTimestamp")
        )
        return dict(sorted(found.items()))

    def _step(self, item: Item) -> Step:
        if item.live is None:
            return Step(item.label, "create", "does not exist")
        if as_desired(item.obj, item.live, self.intent.manager, self.identity):
            return Step(item.label, "none", "as desired")
        return Step(item.label, "update", "may differ")


def _named(document: Document) -> tuple[str, str]:
    return document.obj["apiVersion"], document.obj["kind"]


def _label(document: Document) -> str:
    meta = document.obj["metadata"]
    where = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{document.obj['kind']} {where}{meta['name']}"
