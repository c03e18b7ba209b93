# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What exists of a mesh that Helm installs: one snapshot, read in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._desired.gateway_api import GROUP
from ..._errors import Forbidden
from ..._intent.mesh import RELEASES, MeshIntent
from ..._kube import kinds
from ..._kube.client import Client
from ..._tools.helm_releases import PENDING, Record, Release, decode, last_deployed, latest, record

# Helm's records of other revisions are many and large; which of them to read is told by their labels.
_OWNED = "owner=helm,name in ({names})"


@dataclass(slots=True)
class ReleaseState:
    """A release as Helm records it: every revision's record, and the revision that is in force, decoded."""

    records: list[Record] = field(default_factory=list)
    release: Release | None = None

    @property
    def latest(self) -> Record | None:
        return latest(self.records)


@dataclass(slots=True)
class MeshObserved:
    """`releases` by release name, in the namespaces asked for; `elsewhere` are records of these names in others."""

    server: str
    kubernetes: str
    namespaces: dict[str, dict[str, Any]]
    releases: dict[str, ReleaseState]
    elsewhere: list[Record]
    gateway_crds: dict[str, dict[str, Any]]


def observe(client: Client, intent: MeshIntent, driver: str) -> MeshObserved:
    """Read the snapshot: the server's version, namespaces, CRDs and releases, all at once."""
    readings: dict[str, Any] = {}

    def read(what: str) -> None:
        if what == "version":
            readings[what] = client.version().get("gitVersion", "")
        elif what == "namespaces":
            readings[what] = client.list(kinds.NAMESPACE, metadata_only=True)
        elif what == "crds":
            readings[what] = client.list(kinds.CRD, metadata_only=True)
        else:
            readings[what] = _records(client, intent, driver)

    client.many(read, ["records", "crds", "namespaces", "version"])
    mine, elsewhere = _sort(intent, readings["records"])
    return MeshObserved(
        server=client.connection.server,
        kubernetes=readings["version"],
        namespaces={obj["metadata"]["name"]: obj for obj in readings["namespaces"]},
        releases=_states(client, mine, driver),
        elsewhere=elsewhere,
        gateway_crds={
            obj["metadata"]["name"]: obj for obj in readings["crds"] if obj["metadata"]["name"].endswith(f".{GROUP}")
        },
    )


def releases_again(client: Client, intent: MeshIntent, driver: str) -> dict[str, ReleaseState]:
    """The releases read once more, as after a wait."""
    mine, _others = _sort(intent, _records(client, intent, driver))
    return _states(client, mine, driver)


def record_kind(driver: str) -> kinds.Kind:
    return kinds.CONFIG_MAP if driver == "configmap" else kinds.SECRET


def _records(client: Client, intent: MeshIntent, driver: str) -> list[Record]:
    """Helm's records of our release names: of all namespaces where that may be read, else of ours."""
    kind, labels = record_kind(driver), _OWNED.format(names=",".join(RELEASES.values()))
    try:
        found = client.list(kind, labels=labels, metadata_only=True)
    except Forbidden:
        spaces = {intent.namespace, intent.cni_namespace, intent.ztunnel_namespace}
        found = [obj for space in sorted(spaces) for obj in client.list(kind, space, labels=labels, metadata_only=True)]
    return [known for known in map(record, found) if known is not None]


def _sort(intent: MeshIntent, records: Iterable[Record]) -> tuple[dict[str, list[Record]], list[Record]]:
    places = {RELEASES[component]: intent.namespace_of(component) for component in RELEASES}
    mine: dict[str, list[Record]] = {}
    elsewhere = []
    for known in records:
        if places.get(known.name) == known.namespace:
            mine.setdefault(known.name, []).append(known)
        else:
            elsewhere.append(known)
    return mine, elsewhere


def _states(client: Client, mine: Mapping[str, list[Record]], driver: str) -> dict[str, ReleaseState]:
    def read(name: str) -> ReleaseState:
        records = mine[name]
        in_force = last_deployed(records) or latest(records)
        release = None
        if in_force is not None:
            obj = client.get(record_kind(driver), in_force.object_name, in_force.namespace)
            release = decode(obj) if obj else None
        return ReleaseState(records, release)

    return dict(zip(mine, client.many(read, mine), strict=True))


def busy(records: Iterable[Record], now: float, grace: float) -> Record | None:
    """The record of an operation that another Helm may be carrying out right now.

    A pending record with our label is not: our runs exclude each other by a Lease, so its writer is dead.
    """
    newest = latest(records)
    if newest is None or newest.status not in PENDING | {"uninstalling"} or newest.ours:
        return None
    return newest if now - newest.modified < grace else None
