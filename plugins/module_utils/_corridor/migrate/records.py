# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Helm's records of a release, given another name or dropped, without anything of the release being touched.

A release that is recorded under its new name is upgraded from what it is: Helm compares three ways, so what others
wrote into its objects (istiod's caBundle) stays, and what the new chart no longer has goes. Taken over without its
record, an object would be replaced as a whole.
"""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..._desired.manifests import parse_manifest
from ..._errors import Conflict, GuardRefused, ToolError
from ..._kube.client import Client
from ..._kube.kinds import CONFIG_MAP, SECRET, Kind
from ..._tools.helm_releases import PENDING, Record, last_deployed, latest, record
from ..plan import Step

_MAGIC = b"\x1f\x8b\x08"
SAIL_GROUP = "sailoperator.io/"
MANAGED_BY = "managed-by"
_TYPE = "helm.sh/release.v1"
_PARTED = "Parted from another release by meshwright.istio"


@dataclass(frozen=True, slots=True)
class Place:
    """A release's name and namespace, and which kind of object Helm keeps its records in."""

    namespace: str
    name: str
    driver: str = "secret"

    @property
    def kind(self) -> Kind:
        return CONFIG_MAP if self.driver == "configmap" else SECRET

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Rename:
    """One release that gets another name; the objects in it stay what they are."""

    old: Place
    new: Place

    @property
    def reverse(self) -> Rename:
        return Rename(self.new, self.old)

    def __str__(self) -> str:
        return f"{self.old} becomes {self.new}"


def records_at(client: Client, place: Place) -> list[Record]:
    """Every revision's record of a release."""
    found = client.list(place.kind, place.namespace, labels=f"owner=helm,name={place.name}", metadata_only=True)
    return [known for known in map(record, found) if known is not None]


def rename_steps(client: Client, renames: Iterable[Rename]) -> list[Step]:
    """A step for each release; one that has its new name already is told so."""
    steps = []
    for change in renames:
        there = bool(records_at(client, change.old))
        steps.append(
            Step(
                f"record/{change.old.name}",
                "update" if there else "none",
                f"Helm's record of the release is called {change.new} from now on" if there else f"is {change.new}",
                predicted_by="local" if there else "",
            )
        )
    return steps


def guard_quiet(client: Client, place: Place) -> None:
    """Raises GuardRefused when the release is in the middle of something: it is not known then what it holds."""
    newest = latest(records_at(client, place))
    if newest is not None and newest.status in PENDING | {"uninstalling", "failed"}:
        raise GuardRefused(
            f"Release {place} is {newest.status} (revision {newest.revision}), so it cannot change hands.",
            hint="Let whoever installed it bring it to the end first.",
        )


def rename(client: Client, change: Rename) -> bool:
    """Record the release under its new name; False when it was done before, or there is no such release.

    Interrupted anywhere, it is finished by the next call: the new record is whole before the old ones go. A manifest
    with owner references to the operator's resources loses them: whoever re-applied them once these are gone would
    have the objects collected as garbage.
    """
    old = records_at(client, change.old)
    in_force = last_deployed(old)
    if in_force is None:
        return False
    if not records_at(client, change.new):
        stored = client.get(change.old.kind, in_force.object_name, change.old.namespace)
        if stored is None:
            return False
        _create(client, record_object(without_owner(unpack(stored)), change.new))
    _drop(client, change.old, old)
    return True


def disown_record(client: Client, place: Place) -> bool:
    """The same for a release that keeps its name; whether its record had to be written."""
    in_force = last_deployed(records_at(client, place))
    stored = client.get(place.kind, in_force.object_name, place.namespace) if in_force else None
    if in_force is None or stored is None:
        return False
    before = unpack(stored)
    payload = without_owner(before)
    if payload["manifest"] == before.get("manifest"):
        return False
    body = {"data": {"release": pack(payload, place.kind)}}
    version = stored["metadata"]["resourceVersion"]
    client.patch(place.kind, in_force.object_name, place.namespace, body, resource_version=version)
    return True


def without_owner(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A release whose manifest names no resource of the Sail Operator as owner; the same where it named none."""
    text = str(payload.get("manifest") or "")
    if SAIL_GROUP not in text:
        return {**payload, "manifest": text}
    objects = parse_manifest(text)
    for obj in objects:
        meta = obj.setdefault("metadata", {})
        owners = [one for one in meta.pop("ownerReferences", None) or [] if not owned_by_sail(one)]
        if owners:
            meta["ownerReferences"] = owners
        if (meta.get("labels") or {}).get(MANAGED_BY) == "sail-operator":
            del meta["labels"][MANAGED_BY]
    return {**payload, "manifest": as_text(objects)}


def owned_by_sail(reference: Mapping[str, Any]) -> bool:
    return str(reference.get("apiVersion", "")).startswith(SAIL_GROUP)


def as_text(objects: list[dict[str, Any]]) -> str:
    """A manifest as Helm keeps it; JSON is YAML."""
    return "".join(f"---\n{json.dumps(obj)}\n" for obj in objects)


def forget(client: Client, place: Place) -> bool:
    """Drop the records of a release; False when there are none."""
    found = records_at(client, place)
    _drop(client, place, found)
    return bool(found)


def forget_parted(client: Client, place: Place) -> None:
    """Drop a release that `part` made, if nobody has upgraded it since."""
    found = records_at(client, place)
    stored = client.get(place.kind, found[0].object_name, place.namespace) if len(found) == 1 else None
    if stored is not None and (unpack(stored).get("info") or {}).get("description") == _PARTED:
        _drop(client, place, found)


def part(client: Client, source: Place, place: Place, objects: list[dict[str, Any]], chart: str) -> bool:
    """Record `objects` as a release of their own at `place`, made after the one at `source`; False when one is there.

    So they are upgraded, too, when their next owner installs a chart that has them.
    """
    in_force = last_deployed(records_at(client, source))
    if in_force is None or records_at(client, place) or not objects:
        return False
    stored = client.get(source.kind, in_force.object_name, source.namespace)
    if stored is None:
        return False
    payload = without_owner({**unpack(stored), "manifest": as_text(objects)})
    meta = dict((payload.get("chart") or {}).get("metadata") or {})
    payload["chart"] = {"metadata": {**meta, "name": chart}, "templates": [], "values": {}}
    payload["config"] = {}
    payload["hooks"] = []
    payload["version"] = 1
    payload["info"] = {**(payload.get("info") or {}), "status": "deployed", "description": _PARTED}
    _create(client, record_object(payload, place))
    return True


def _create(client: Client, obj: dict[str, Any]) -> None:
    with suppress(Conflict):  # A repeated request meets its own first attempt.
        client.create(obj)


def _drop(client: Client, place: Place, records: list[Record]) -> None:
    client.many(lambda known: client.delete(place.kind, known.object_name, known.namespace, uid=known.uid), records)


def record_object(payload: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The Secret or ConfigMap that holds a release under this name."""
    revision = int(payload["version"])
    result: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": place.kind.kind,
        "metadata": {
            "name": f"sh.helm.release.v1.{place.name}.v{revision}",
            "namespace": place.namespace,
            "labels": {
                "name": place.name,
                "owner": "helm",
                "status": str((payload.get("info") or {}).get("status") or "deployed"),
                "version": str(revision),
                "modifiedAt": str(int(time.time())),
            },
        },
        "data": {"release": pack({**payload, "name": place.name, "namespace": place.namespace}, place.kind)},
    }
    if place.kind is SECRET:
        result["type"] = _TYPE
    return result


def unpack(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What a record holds, whole. Raises ToolError naming the object when it cannot be read."""
    meta = stored.get("metadata") or {}
    try:
        data = base64.b64decode((stored.get("data") or {})["release"])
        if stored.get("kind") != "ConfigMap":
            data = base64.b64decode(data)
        if data.startswith(_MAGIC):
            data = gzip.decompress(data)
        payload = json.loads(data)
        if not isinstance(payload, dict) or "name" not in payload or "version" not in payload:
            raise ValueError("no release")
    except (KeyError, ValueError, OSError, EOFError) as error:
        raise ToolError(
            f"{stored.get('kind', 'Secret')} {meta.get('namespace')}/{meta.get('name')}: Helm's record of the release "
            f"could not be read ({type(error).__name__}).",
            hint="Look at it with 'helm history'.",
        ) from error
    return payload


def pack(payload: Mapping[str, Any], kind: Kind) -> str:
    """The record's text as Helm stores it in such an object."""
    text = json.dumps(payload, separators=(",", ":")).encode()
    data = base64.b64encode(gzip.compress(text, mtime=0))
    return (data if kind is CONFIG_MAP else base64.b64encode(data)).decode()
