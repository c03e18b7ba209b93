# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What there is before a mesh is planned, in one bulk: releases, control planes, tags, namespaces, CRDs by name."""

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
from ..usage import TAG_LABEL

# Helm's records of other revisions are many and large; which of them to read is told by their labels.
_OWNED = "owner=helm,name in ({names})"
_ISTIOD = RELEASES["istiod"]


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
    """`releases` by release name, in the namespaces asked for, those of istiod's revisions (`istiod-X`) among them;
    `elsewhere` are records of the fixed names in others.

    `istiods` (Deployments), `tags` (webhook configurations) and `namespaces` are metadata only; `sail` are Istio
    resources of the Sail Operator.
    """

    server: str
    kubernetes: str
    namespaces: dict[str, dict[str, Any]]
    releases: dict[str, ReleaseState]
    elsewhere: list[Record]
    gateway_crds: dict[str, dict[str, Any]]
    istiods: list[dict[str, Any]] = field(default_factory=list)
    tags: list[dict[str, Any]] = field(default_factory=list)
    sail: list[dict[str, Any]] = field(default_factory=list)

    def release(self, name: str) -> Release | None:
        """The release in force of that name."""
        state = self.releases.get(name)
        return state.release if state else None


def observe(client: Client, intent: MeshIntent, driver: str) -> MeshObserved:
    """Read the snapshot, all at once; then the releases in force."""
    readings: dict[str, Any] = {}

    def read(what: str) -> None:
        if what == "version":
            readings[what] = client.version().get("gitVersion", "")
        elif what == "namespaces":
            readings[what] = client.list(kinds.NAMESPACE, metadata_only=True)
        elif what == "crds":
            readings[what] = client.list(kinds.CRD, metadata_only=True)
        elif what == "istiods":
            readings[what] = client.list(kinds.DEPLOYMENT, labels="app=istiod", metadata_only=True)
        elif what == "tags":
            readings[what] = client.list(kinds.MUTATING_WEBHOOK, labels=TAG_LABEL, metadata_only=True)
        elif what == "revisions":
            readings[what] = _revision_records(client, intent, driver)
        else:
            readings[what] = _records(client, intent, driver)

    client.many(read, ["records", "revisions", "crds", "namespaces", "istiods", "tags", "version"])
    mine, elsewhere = _sort(intent, [*readings["records"], *readings["revisions"]])
    crds = {obj["metadata"]["name"]: obj for obj in readings["crds"]}
    return MeshObserved(
        server=client.connection.server,
        kubernetes=readings["version"],
        namespaces={obj["metadata"]["name"]: obj for obj in readings["namespaces"]},
        releases=_states(client, mine, driver),
        elsewhere=elsewhere,
        gateway_crds={name: obj for name, obj in crds.items() if name.endswith(f".{GROUP}")},
        istiods=readings["istiods"],
        tags=readings["tags"],
        sail=client.list(kinds.SAIL_ISTIO) if kinds.SAIL_ISTIO.resource in crds else [],
    )


def releases_again(client: Client, intent: MeshIntent, driver: str) -> dict[str, ReleaseState]:
    """The releases read once more, as after a wait."""
    return _states(client, records_again(client, intent, driver), driver)


def records_again(client: Client, intent: MeshIntent, driver: str) -> dict[str, list[Record]]:
    """Only the records of the releases, read once more."""
    found = client.many(lambda read: read(client, intent, driver), [_records, _revision_records])
    mine, _others = _sort(intent, [known for records in found for known in records])
    return mine


def release_of(client: Client, records: Iterable[Record], driver: str) -> Release | None:
    """The release in force of these records, decoded."""
    known = list(records)
    in_force = last_deployed(known) or latest(known)
    if in_force is None:
        return None
    obj = client.get(record_kind(driver), in_force.object_name, in_force.namespace)
    return decode(obj) if obj else None


def record_kind(driver: str) -> kinds.Kind:
    return kinds.CONFIG_MAP if driver == "configmap" else kinds.SECRET


def _records(client: Client, intent: MeshIntent, driver: str) -> list[Record]:
    """Helm's records of our fixed release names: of all namespaces where that may be read, else of ours."""
    kind, labels = record_kind(driver), _OWNED.format(names=",".join(RELEASES.values()))
    try:
        found = client.list(kind, labels=labels, metadata_only=True)
    except Forbidden:
        spaces = {intent.namespace, intent.cni_namespace, intent.ztunnel_namespace}
        found = [obj for space in sorted(spaces) for obj in client.list(kind, space, labels=labels, metadata_only=True)]
    return [known for known in map(record, found) if known is not None]


def _revision_records(client: Client, intent: MeshIntent, driver: str) -> list[Record]:
    """Helm's records of `istiod-X` in the mesh's namespace, whatever X is."""
    found = client.list(record_kind(driver), intent.namespace, labels="owner=helm", metadata_only=True)
    records = [known for known in map(record, found) if known is not None]
    return [known for known in records if known.name.startswith(f"{_ISTIOD}-")]


def _sort(intent: MeshIntent, records: Iterable[Record]) -> tuple[dict[str, list[Record]], list[Record]]:
    places = {RELEASES[component]: intent.namespace_of(component) for component in RELEASES}
    mine: dict[str, list[Record]] = {}
    elsewhere = []
    for known in records:
        if places.get(known.name, intent.namespace) == known.namespace:
            mine.setdefault(known.name, []).append(known)
        else:
            elsewhere.append(known)
    return mine, elsewhere


def _states(client: Client, mine: Mapping[str, list[Record]], driver: str) -> dict[str, ReleaseState]:
    def read(name: str) -> ReleaseState:
        return ReleaseState(mine[name], release_of(client, mine[name], driver))

    states = dict(zip(mine, client.many(read, mine), strict=True))
    # Another chart may be installed under such a name.
    return {name: one for name, one in states.items() if name in RELEASES.values() or _is_istiod(one.release)}


def _is_istiod(release: Release | None) -> bool:
    return release is None or release.chart == _ISTIOD


def busy(records: Iterable[Record], now: float, grace: float) -> Record | None:
    """The record of an operation that another Helm may be carrying out right now.

    A pending record with our label is not: our runs exclude each other by a Lease, so its writer is dead.
    """
    newest = latest(records)
    if newest is None or newest.status not in PENDING | {"uninstalling"} or newest.ours:
        return None
    return newest if now - newest.modified < grace else None
