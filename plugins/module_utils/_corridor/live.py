# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Reading many objects at once: a LIST where several of a kind share a namespace, GETs for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .._errors import Forbidden, NotFound
from .._kube.client import Client
from .._kube.kinds import CRD, SECRET, Kind

Obj = dict[str, Any]

# From this many objects of one kind in one namespace a LIST is cheaper than a GET for each. Secrets may have
# Helm's releases among them, megabytes of them.
_LIST_FROM = 3
_LIST_SECRETS_FROM = 20
# From so many objects of a kind in so many namespaces one LIST of the kind is cheaper than one per namespace, unless
# so many times as many are there.
_WIDE_FROM = 8
_WIDE_NAMESPACES = 4
_WORTH = 20
_PAGE = 500


class Target(NamedTuple):
    """Which object: its kind, namespace (None for cluster-scoped kinds) and name."""

    kind: Kind
    namespace: str | None
    name: str

    @property
    def label(self) -> str:
        return self.kind.label(self.namespace, self.name)


def target(kind: Kind, namespace: str | None, name: str) -> Target:
    """The target, without the namespace that a cluster-scoped kind ignores."""
    return Target(kind, namespace if kind.namespaced else None, name)


def observe(
    client: Client, targets: Iterable[Target], *, widely: Callable[[Kind], bool] | None = None
) -> dict[Target, Obj]:
    """The objects there are. Missing ones, and those of kinds that are not served, are left out.

    `widely`: kinds of which all namespaces may be read at once when the objects are spread over many.
    """
    found, unread = read_in_bulk(client, targets, widely=widely)
    for one, obj in zip(unread, client.many(lambda one: _got(client, one), unread), strict=True):
        if obj is not None:
            found[one] = obj
    return found


def read_in_bulk(
    client: Client, targets: Iterable[Target], *, widely: Callable[[Kind], bool] | None = None
) -> tuple[dict[Target, Obj], list[Target]]:
    """What LISTs tell of the targets, and the targets for which a LIST does not pay (or is not permitted)."""
    found: dict[Target, Obj] = {}
    wanted = dict.fromkeys(targets)
    if widely is not None:
        spread = _spread(wanted, widely)
        for group, listed in zip(spread, client.many(lambda group: _listed_widely(client, group), spread), strict=True):
            if listed is not None:
                found.update(listed)
                for one in group:
                    del wanted[one]
    groups: dict[tuple[Kind, str | None], list[Target]] = {}
    for one in wanted:
        groups.setdefault((one.kind, one.namespace), []).append(one)
    singles: list[Target] = []
    bulks: list[list[Target]] = []
    for (kind, _namespace), group in groups.items():
        # CRDs are large, and clusters hold many that are not asked for.
        if kind != CRD and len(group) >= (_LIST_SECRETS_FROM if kind == SECRET else _LIST_FROM):
            bulks.append(group)
        else:
            singles += group
    for listed, refused in client.many(lambda group: _listed(client, group), bulks):
        found.update(listed)
        singles += refused
    return found, singles


def _spread(targets: Iterable[Target], widely: Callable[[Kind], bool]) -> list[list[Target]]:
    """Kinds with so many targets, in so many namespaces, that one LIST of the whole kind may be cheapest."""
    kinds: dict[Kind, list[Target]] = {}
    for one in targets:
        kinds.setdefault(one.kind, []).append(one)
    return [
        group
        for kind, group in kinds.items()
        if len(group) >= _WIDE_FROM
        and kind.namespaced
        and widely(kind)
        and len({one.namespace for one in group}) >= _WIDE_NAMESPACES
    ]


def _listed_widely(client: Client, group: list[Target]) -> dict[Target, Obj] | None:
    """The group's objects from one LIST of all namespaces; None when it is not permitted, or far more are there."""
    kind = group[0].kind
    worth = _WORTH * len(group)
    limit = min(_PAGE, worth)
    try:
        page = client.raw("GET", kind.path(), query={"limit": str(limit)}).json()
        meta = page.get("metadata") or {}
        if not meta.get("continue"):
            items = page.get("items") or []
        elif limit + int(meta.get("remainingItemCount") or 0) > worth:
            return None
        else:
            items = client.list(kind)
    except (Forbidden, NotFound):
        return None
    wanted = {(one.namespace, one.name): one for one in group}
    found: dict[Target, Obj] = {}
    for obj in items:
        meta = obj["metadata"]
        if one := wanted.get((meta.get("namespace"), meta["name"])):
            found[one] = {**obj, "apiVersion": kind.api_version, "kind": kind.kind}
    return found


def _listed(client: Client, group: list[Target]) -> tuple[dict[Target, Obj], list[Target]]:
    """The group's objects from one LIST; or the group itself, to be read one by one, when listing is not permitted."""
    kind, namespace = group[0][:2]
    try:
        items = client.list(kind, namespace)
    except Forbidden:
        return {}, group
    wanted = {one.name: one for one in group}
    return {wanted[obj["metadata"]["name"]]: obj for obj in items if obj["metadata"]["name"] in wanted}, []


def _got(client: Client, one: Target) -> Obj | None:
    return client.get(one.kind, one.name, one.namespace)
