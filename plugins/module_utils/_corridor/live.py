# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Reading many objects at once: a LIST where several of a kind share a namespace, GETs for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .._errors import Forbidden
from .._kube.client import Client
from .._kube.kinds import CRD, SECRET, Kind

Obj = dict[str, Any]

# From this many objects of one kind in one namespace a LIST is cheaper than a GET for each. Secrets may have
# Helm's releases among them, megabytes of them.
_LIST_FROM = 3
_LIST_SECRETS_FROM = 20


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


def observe(client: Client, targets: Iterable[Target]) -> dict[Target, Obj]:
    """The objects there are. Missing ones, and those of kinds that are not served, are left out."""
    groups: dict[tuple[Kind, str | None], list[Target]] = {}
    for one in dict.fromkeys(targets):
        groups.setdefault((one.kind, one.namespace), []).append(one)
    found: dict[Target, Obj] = {}
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
    for one, obj in zip(singles, client.many(lambda one: _got(client, one), singles), strict=True):
        if obj is not None:
            found[one] = obj
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
