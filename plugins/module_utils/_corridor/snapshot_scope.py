# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Where a snapshot looks: in all namespaces, in those asked for, or in those that may be read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from .._checks import mesh
from .._checks.snapshot import Snapshot, Undecided, name_of, namespace_of
from .._errors import ApiError, Forbidden, Unauthorized, Unreachable
from .._kube import kinds
from .._kube.client import Client
from .._kube.kinds import Kind

ROOT = "istio-system"
PROXY_LIMIT = 40
# From so many namespaces on one list of all costs less than one for each.
_FEW = 10
# Where nobody says what may be read, so many namespaces are tried for each kind.
_TRIED = 20
_TOLD = 5
# What lies in the mesh's root namespace counts in all others.
_DECIDES_EVERYWHERE = ".istio.io"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Found = list[dict[str, Any]]
_Rules = Sequence[Mapping[str, Any]]


class Reach:
    """The namespaces of one run: `scope` as asked for, None for all; and, found out once, which of them may be read.

    `fallback` are namespaces to try beside the usual ones where Namespaces may not be listed. `proxy_limit` is how many
    ztunnels, and how many Envoys, are asked themselves.
    """

    def __init__(
        self,
        scope: frozenset[str] | None = None,
        fallback: Collection[str] = (),
        proxy_limit: int = PROXY_LIMIT,
    ) -> None:
        self.scope = scope
        self.proxy_limit = proxy_limit
        self._fallback = fallback
        self._lock = Lock()
        self._names: tuple[str, ...] = ()
        self._complete = False
        self._rules: dict[str, _Rules | None] | None = None

    def wanted(self, seen: Snapshot) -> frozenset[str] | None:
        """The namespaces asked for, with those of the mesh itself; None for all."""
        if self.scope is None:
            return None
        planes: set[str] = set()
        with suppress(Undecided):
            planes = {plane.namespace for plane in mesh.control_planes(seen)}
        return self.scope | planes | {ROOT}

    def candidates(self, client: Client) -> tuple[tuple[str, ...], bool]:
        """The namespaces that there are and whether that is all; where they may not be listed, those to try."""
        with self._lock:
            if not self._names:
                try:
                    self._names = tuple(map(name_of, client.list(kinds.NAMESPACE, metadata_only=True)))
                    self._complete = True
                except Forbidden:
                    own = client.connection.namespace or "default"
                    self._names = tuple(sorted({own, ROOT, *self._fallback}))
            return self._names, self._complete

    def permitted(self, client: Client, kind: Kind, names: Sequence[str]) -> list[str]:
        """Those of the namespaces where this user may list the kind, so far as the API server tells."""
        with self._lock:
            if self._rules is None:
                self._rules = {}
            new = [name for name in names if name not in self._rules]
            self._rules.update(zip(new, client.many(lambda name: _review(client, name), new), strict=True))
            rules = {name: self._rules[name] for name in names}
        likely = {ROOT, client.connection.namespace, *self._fallback}
        unsaid = sorted((name for name, said in rules.items() if said is None), key=lambda name: name not in likely)
        unsaid = unsaid[:_TRIED]
        return [name for name, said in rules.items() if name in unsaid or (said is not None and _may_list(said, kind))]


@dataclass(slots=True)
class Look:
    """What the reading of one source has at hand, and what it says of its completeness.

    `client` has the deadline of this one read. `seen` holds the sources that this one needs. `namespaces` and `unseen`
    are what `Source` says of them: set where not all could be read, or were asked for.
    """

    client: Client
    seen: Snapshot
    reach: Reach = field(default_factory=Reach)
    namespaces: frozenset[str] | None = None
    unseen: str = ""

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
        anywhere: bool = False,
    ) -> Found:
        """The objects of a kind, without managed fields: in one namespace, else as far as this look reaches."""

        def ask(where: str | None) -> Found:
            found = self.client.list(kind, where, labels=labels, fields=fields, metadata_only=metadata_only)
            for item in found:
                _slim(item)
            return found

        if namespace or not kind.namespaced:
            return ask(namespace)
        return self.each(kind, ask, anywhere=anywhere)

    def each(self, kind: Kind, ask: Callable[[str | None], Found], *, anywhere: bool = False) -> Found:
        """What `ask` finds in all namespaces (asked with None); where that is not permitted or wanted, in each.

        `anywhere`: the mesh's own parts are looked for outside the scope too.
        """
        wanted = self.reach.wanted(self.seen)
        if wanted is not None and not anywhere and len(wanted) <= _FEW:
            return self._in(kind, sorted(wanted), ask, wanted)
        try:
            found = ask(None)
        except Forbidden as refused:
            names, complete = (wanted, True) if wanted is not None else self.reach.candidates(self.client)
            may = self.reach.permitted(self.client, kind, sorted(names))
            found = self._in(kind, may, ask, frozenset(names) if complete else None, refused)
            if anywhere and wanted is not None:
                self._say(refused, self.namespaces or ())
            return found
        if wanted is None or anywhere:
            return found
        self.namespaces = wanted
        return [item for item in found if namespace_of(item) in wanted]

    def _in(
        self,
        kind: Kind,
        names: Iterable[str],
        ask: Callable[[str | None], Found],
        wanted: frozenset[str] | None,
        refused: Forbidden | None = None,
    ) -> Found:
        """What is in these namespaces, less those forbidden. Raises Forbidden when all are. `wanted` None: in all."""
        found: Found = []
        read: list[str] = []
        for name in names:
            try:
                found += ask(name)
                read.append(name)
            except Forbidden as error:
                refused = refused or error
        if not read and refused is not None:
            raise refused
        self._tell(frozenset(read), wanted, refused, mesh_too=kind.group.endswith(_DECIDES_EVERYWHERE))
        return found

    def existing(self) -> Found:
        """The Namespaces that this look reaches; metadata only."""
        wanted = self.reach.wanted(self.seen)
        try:
            found = self.client.list(kinds.NAMESPACE, metadata_only=True)
        except Forbidden as refused:
            names = sorted(wanted) if wanted is not None else self.reach.candidates(self.client)[0]
            return self._each_namespace(names, wanted, refused)
        if wanted is not None:
            self.namespaces = wanted
            found = [item for item in found if name_of(item) in wanted]
        return found

    def _each_namespace(self, names: Iterable[str], wanted: frozenset[str] | None, refused: Forbidden) -> Found:
        """Whoever may not list namespaces may still see his own."""
        found: Found = []
        read: list[str] = []
        for name in names:
            try:
                one = self.client.get(kinds.NAMESPACE, name)
            except Forbidden:
                continue
            read.append(name)
            found += [one] if one is not None else []
        if not read:
            raise refused
        self._tell(frozenset(read), wanted, refused)
        return found

    def _tell(
        self, read: frozenset[str], wanted: frozenset[str] | None, refused: Forbidden | None, *, mesh_too: bool = False
    ) -> None:
        """Note what was read. Where only some namespaces were asked for, those of the mesh itself need not be seen."""
        self.namespaces = None if self.reach.scope is None and read == wanted else read
        asked = self.reach.scope if self.reach.scope is not None and not mesh_too else wanted
        if refused is not None and (asked is None or not asked <= read):
            self._say(refused, read)

    def _say(self, refused: Forbidden, read: Collection[str]) -> None:
        self.unseen = f"{refused} Only {_some(read)} {'was' if len(read) == 1 else 'were'} read."


def _slim(item: dict[str, Any]) -> None:
    """Take away what no check looks at, and who may not read a Secret should not read in its annotations either."""
    metadata = item.get("metadata") or {}
    metadata.pop("managedFields", None)
    annotations = metadata.get("annotations")
    if annotations and _LAST_APPLIED in annotations:
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}


def _review(client: Client, namespace: str) -> _Rules | None:
    """What this user may do in a namespace; None where the API server cannot tell all of it."""
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    try:
        status = client.raw("POST", _REVIEWS, body=body).json().get("status") or {}
    except (Unauthorized, Unreachable):
        raise
    except (ApiError, ValueError):
        return None
    return None if status.get("incomplete") else status.get("resourceRules") or ()


def _may_list(rules: _Rules, kind: Kind) -> bool:
    def has(rule: Mapping[str, Any], key: str, value: str) -> bool:
        return bool({value, "*"} & set(rule.get(key) or ()))

    return any(
        has(rule, "verbs", "list")
        and has(rule, "apiGroups", kind.group)
        and has(rule, "resources", kind.plural)
        and not rule.get("resourceNames")
        for rule in rules
    )


def _some(names: Collection[str]) -> str:
    told = sorted(names)
    more = f" and {len(told) - _TOLD} more namespaces" if len(told) > _TOLD else ""
    return f"{', '.join(told[:_TOLD])}{more}"
