# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Reading an apply set: its parent, and the members that there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from ..._desired.policy.applyset import ID, PART_OF, GroupKind, Scope, set_id, why_not_ours
from ..._errors import Forbidden, GuardRefused
from ..._intent.policy import ApplySetName
from ..._kube.client import Client
from ..._kube.kinds import CONFIG_MAP, KINDS, Kind
from ..live import Obj, Target, target
from . import served
from .draft import Parent

# Whatever the version in which it was asked for: group, kind, namespace, name.
Key = tuple[str, str, "str | None", str]

# Where members are looked for when there is no parent to say it: what this module is for.
_USUAL_GROUPS = (
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "gateway.networking.k8s.io",
)
_USUAL_KINDS: tuple[GroupKind, ...] = (
    ("", "Service"),
    ("", "ServiceAccount"),
    ("", "ConfigMap"),
    ("", "Secret"),
    ("networking.k8s.io", "NetworkPolicy"),
)


def key_of(one: Target) -> Key:
    return one.kind.group, one.kind.kind, one.namespace, one.name


def scope(targets: Iterable[Target]) -> Scope:
    """Where these objects are."""
    places = {(one.kind, one.namespace) for one in targets}
    return Scope(
        frozenset((kind.group, kind.kind) for kind, _namespace in places),
        frozenset(namespace for _kind, namespace in places if namespace),
    )


class Members:
    """A set as it is on the cluster: `parent`, `found` objects, and the `kinds` of which all members are known."""

    def __init__(self, client: Client, name: ApplySetName) -> None:
        self.client = client
        self.parent = Parent(name, set_id(name.name, name.namespace))
        self.found: dict[Key, tuple[Target, Obj]] = {}
        self.kinds: set[GroupKind] = set()
        # Kinds of which only these namespaces may be listed.
        self._by_namespace: dict[Kind, set[str]] = {}
        # Of these not even that, wherever members may be.
        self.denied: dict[GroupKind, Forbidden] = {}

    def read(self, wanted: Mapping[Kind, Collection[str | None]], *, all_kinds: bool) -> None:
        """Read the parent and the members of these kinds (with the namespaces in which some are expected); with
        `all_kinds` those of every kind that the parent names too.

        Raises GuardRefused when the ConfigMap of the parent's name is not the parent of a set of ours.
        """
        # First, so that a run that writes the set meanwhile shows: by the parent's resourceVersion.
        self._read_parent()
        self.client.many(lambda kind: self._list(kind, wanted[kind]), wanted)
        if not all_kinds:
            return
        named = self.parent.scope
        if self.parent.live is None and not wanted:
            named = Scope(_usual())
        asked = {(kind.group, kind.kind): kind for kind in wanted}
        kinds = served.served_kinds(self.client, named.kinds - self.kinds, asked)
        spaces = {*named.namespaces, self.parent.of.namespace}
        calls: list[Callable[[], None]]
        calls = [partial(self._list, kind, spaces) for kind in kinds.values() if kind not in self._by_namespace]
        calls += [partial(self._list_by_namespace, kind, spaces) for kind in self._by_namespace]
        self.client.many(lambda call: call(), calls)
        # Those that are not served any more have no members.
        self.kinds |= named.kinds - kinds.keys()
        self.kinds |= {(kind.group, kind.kind) for kind in self._by_namespace} - self.denied.keys()

    def _read_parent(self) -> None:
        name = self.parent.of
        live = self.client.get(CONFIG_MAP, name.name, name.namespace)
        if live is not None and (reason := why_not_ours(live, self.parent.identity)):
            raise GuardRefused(
                f"`apply_set`: {CONFIG_MAP.label(name.namespace, name.name)} {reason}.",
                hint="Choose another name or namespace for the set (`apply_set`, `apply_set_namespace`).",
            )
        self.parent.live = live

    def _list(self, kind: Kind, spaces: Collection[str | None]) -> None:
        try:
            items = self.client.list(kind, labels=f"{PART_OF}={self.parent.identity}")
        except Forbidden:
            self._list_by_namespace(kind, spaces)
            return
        self.kinds.add((kind.group, kind.kind))
        self._keep(kind, items)

    def _list_by_namespace(self, kind: Kind, spaces: Collection[str | None]) -> None:
        """Who may not list the cluster may list namespaces: those where members are expected."""
        read = self._by_namespace.setdefault(kind, set())
        for namespace in sorted({space for space in spaces if space} - read if kind.namespaced else ()):
            read.add(namespace)
            try:
                self._keep(kind, self.client.list(kind, namespace, labels=f"{PART_OF}={self.parent.identity}"))
            except Forbidden as error:
                self.denied[(kind.group, kind.kind)] = error

    def _keep(self, kind: Kind, items: Iterable[Obj]) -> None:
        for obj in items:
            one = target(kind, obj["metadata"].get("namespace"), obj["metadata"]["name"])
            self.found[key_of(one)] = (one, obj)


def _usual() -> frozenset[GroupKind]:
    return frozenset(
        {(kind.group, kind.kind) for kind in KINDS.values() if kind.group in _USUAL_GROUPS}.union(_USUAL_KINDS)
    )


def name_of_set(client: Client, identity: str) -> str:
    """What people call the set with this id: its parent, or else the id."""
    try:
        parents = client.list(CONFIG_MAP, labels=f"{ID}={identity}", metadata_only=True)
    except Forbidden:
        parents = []
    if not parents:
        return identity
    meta = parents[0]["metadata"]
    return f"{meta['namespace']}/{meta['name']}"
