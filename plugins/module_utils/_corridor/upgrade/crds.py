# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the new version's CRDs would do to the objects that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ..._checks.snapshot import Obj, dig, meta, name_of, namespace_of
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind
from ..schema import served_schema, validate

# Still served by the CRDs of Istio, and to be replaced by v1 of the same group.
_DEPRECATED = {
    "networking.istio.io": ("v1alpha3", "v1beta1"),
    "security.istio.io": ("v1beta1",),
    "telemetry.istio.io": ("v1alpha1",),
}
_ONLY_THERE = {"EnvoyFilter", "ProxyConfig"}
_NAMED = 3


@dataclass(slots=True)
class Findings:
    """What speaks against an upgrade, and what people should know; whole sentences without their full stop."""

    blockers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __iadd__(self, other: Findings) -> Self:
        self.blockers += other.blockers
        self.notes += other.notes
        return self


def crd_findings(client: Client, coming: Iterable[dict[str, Any]]) -> Findings:
    """Compare what is there with the CRDs among the objects to come; with those that are there when none is."""
    live = {name_of(crd): crd for crd in _live_crds(client)}
    new = {
        name_of(obj): obj
        for obj in coming
        if obj.get("kind") == "CustomResourceDefinition" and name_of(obj).endswith(".istio.io")
    }
    found = stored_versions(live, new) if new else Findings()
    if not new:
        found.notes.append("the new version's CRDs are not at hand, so objects were compared with those that are there")
    chosen = {name: new.get(name, crd) for name, crd in live.items()}
    names = sorted(chosen)
    listed = client.many(lambda name: client.list(_kind(live[name])), names)
    for name, objects in zip(names, listed, strict=True):
        found += object_findings(objects, live[name], chosen[name])
    return found


def _live_crds(client: Client) -> list[dict[str, Any]]:
    names = [name_of(crd) for crd in client.list(kinds.CRD, metadata_only=True)]
    wanted = [name for name in names if name.endswith((".networking.istio.io", ".security.istio.io"))]
    wanted += [name for name in names if name.endswith((".telemetry.istio.io", ".extensions.istio.io"))]
    return [crd for crd in client.many(lambda name: client.get(kinds.CRD, name), wanted) if crd is not None]


def _kind(crd: Obj) -> Kind:
    """The kind in the version that it is stored in: then it comes as it was written."""
    versions = dig(crd, "spec", "versions") or ()
    chosen = next(
        (one["name"] for one in versions if one.get("storage") and one.get("served", True)),
        next((one["name"] for one in versions if one.get("served", True)), ""),
    )
    names = dig(crd, "spec", "names")
    scoped = dig(crd, "spec", "scope") == "Namespaced"
    return Kind(str(dig(crd, "spec", "group")), str(chosen), names["kind"], names["plural"], scoped)


def stored_versions(live: Mapping[str, Obj], new: Mapping[str, Obj]) -> Findings:
    """Versions that objects are stored in and that the new CRD does not have: the API server refuses such a CRD."""
    found = Findings()
    for name, crd in sorted(new.items()):
        stored = dig(live.get(name, {}), "status", "storedVersions") or ()
        kept = {one.get("name") for one in dig(crd, "spec", "versions") or ()}
        gone = sorted(set(stored) - kept)
        if gone:
            found.blockers.append(
                f"CustomResourceDefinition {name}: objects are stored as {', '.join(gone)}, which the new version does "
                "not have any more; rewrite them, then take it out of status.storedVersions"
            )
    return found


def object_findings(objects: list[dict[str, Any]], live: Obj, new: Obj) -> Findings:
    """Objects that the new schema refuses and the present one does not, and API versions that writers still use."""
    found = Findings()
    group = str(dig(new, "spec", "group"))
    kind = str(dig(new, "spec", "names", "kind"))
    served = {one["name"] for one in dig(new, "spec", "versions") or () if one.get("served", True)}
    unserved: dict[tuple[str, str], list[str]] = {}
    deprecated: dict[tuple[str, str], list[str]] = {}
    for obj in objects:
        label = f"{kind} {namespace_of(obj)}/{name_of(obj)}" if namespace_of(obj) else f"{kind} {name_of(obj)}"
        version = str(obj.get("apiVersion", "")).rpartition("/")[2]
        schema, old_schema = served_schema(dict(new), version), served_schema(dict(live), version)
        if schema is not None:
            before = {str(one) for one in validate(obj, old_schema or {})}
            fresh = [str(one) for one in validate(obj, schema) if str(one) not in before]
            if fresh:
                found.blockers.append(f"{label} does not fit the new version's schema: {', '.join(fresh[:_NAMED])}")
        for manager, used in _written_as(obj, group):
            if used not in served:
                unserved.setdefault((manager, used), []).append(label)
            elif used in _DEPRECATED.get(group, ()) and kind not in _ONLY_THERE:
                deprecated.setdefault((manager, used), []).append(label)
    for (manager, used), labels in sorted(unserved.items()):
        found.blockers.append(
            f"{manager} writes {_some(labels)} as {group}/{used}, which the new version does not serve"
        )
    for (manager, used), labels in sorted(deprecated.items()):
        found.notes.append(f"{manager} writes {_some(labels)} as {group}/{used}, which is deprecated")
    return found


def _written_as(obj: Obj, group: str) -> set[tuple[str, str]]:
    """(manager, version) of everybody who wrote the object, but for istiod's own statuses."""
    return {
        (str(entry.get("manager")), str(entry.get("apiVersion", "")).rpartition("/")[2])
        for entry in meta(obj).get("managedFields") or ()
        if str(entry.get("apiVersion", "")).startswith(f"{group}/") and not entry.get("subresource")
    }


def _some(labels: list[str]) -> str:
    return ", ".join(labels[:_NAMED]) + (f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else "")
