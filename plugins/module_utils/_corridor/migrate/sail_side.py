# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the Sail Operator holds of a mesh, and letting go of it: nothing that it installed is touched by that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._desired.layout import DEFAULT_TAG, IN_PLACE, Layout, istiod_name
from ..._desired.manifests import label, parse_manifest
from ..._desired.sail import sail_revision
from ..._errors import Conflict, GuardRefused
from ..._intent.mesh import RELEASES, MeshIntent
from ..._kube.client import Client, Deadline
from ..._tools.helm_releases import last_deployed
from ..helm.charts import placed
from ..live import Target, observe, target
from ..sail.observe import SailObserved
from .records import MANAGED_BY, Place, Rename, owned_by_sail, records_at, unpack

FINALIZER = "sailoperator.io/sail-operator"
_PAUSE = 0.2
_TRIES = 5


def resources(observed: SailObserved, intent: MeshIntent) -> list[dict[str, Any]]:
    """This mesh's resources, in the order in which they go: tags, node agents, the control plane, its revisions."""
    revisions = observed.of(intent.name)
    names = set(revisions) | {intent.name}
    found = [
        tag for tag in observed.tags.values() if ((tag.get("spec") or {}).get("targetRef") or {}).get("name") in names
    ]
    if intent.node_agents:
        found += [obj for obj in (observed.ztunnel, observed.cni) if obj is not None]
    istio = observed.istios.get(intent.name)
    return [*found, *([istio] if istio else []), *revisions.values()]


def others(observed: SailObserved, mine: Iterable[Mapping[str, Any]]) -> list[str]:
    """The operator's resources of other meshes."""
    names = {label(obj) for obj in mine}
    everything = [
        *observed.istios.values(),
        *observed.revisions.values(),
        *observed.tags.values(),
        *(obj for obj in (observed.ztunnel, observed.cni) if obj is not None),
    ]
    return sorted(label(obj) for obj in everything if label(obj) not in names)


def operator_namespace(observed: SailObserved, intent: MeshIntent) -> str:
    """Where the operator is, or would be: it keeps the releases of base there."""
    spaces = sorted({str(obj["metadata"]["namespace"]) for obj in observed.operators})
    return spaces[0] if spaces else intent.operator.namespace


def as_written(obj: Mapping[str, Any]) -> dict[str, Any]:
    """A resource as somebody would apply it."""
    meta = obj["metadata"]
    kept = {part: meta[part] for part in ("name", "labels") if meta.get(part)}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": kept, "spec": obj.get("spec") or {}}


# -- releases: their names by both methods -----------------------------------------------------------------------------


def renames(intent: MeshIntent, layout: Layout, operator_namespace: str, driver: str) -> list[Rename]:
    """What the operator's releases are called by us: `default-v1-30-3-istiod` is our `istiod-default-v1-30-3`.

    The operator keeps its records in Secrets, always; `driver` is ours.
    """
    revision = sail_revision(intent, layout.active)
    result = [
        Rename(
            Place(intent.namespace, f"{revision}-istiod"),
            Place(intent.namespace, istiod_name(layout.active), driver),
        )
    ]
    if layout.active == IN_PLACE:
        old = Place(operator_namespace, f"{revision}-base")
        result.append(Rename(old, Place(intent.namespace, RELEASES["base"], driver)))
    for component, wanted in (("cni", layout.cni), ("ztunnel", layout.ztunnel)):
        if wanted is not None and driver != "secret":
            space, name = intent.namespace_of(component), RELEASES[component]  # type: ignore[arg-type, index]
            result.append(Rename(Place(space, name), Place(space, name, driver)))
    return result


def kept_places(intent: MeshIntent, layout: Layout) -> list[Place]:
    """The operator's releases that have our names already."""
    found = []
    if layout.cni is not None:
        found.append(Place(intent.cni_namespace, RELEASES["cni"]))
    if layout.ztunnel is not None:
        found.append(Place(intent.ztunnel_namespace, RELEASES["ztunnel"]))
    return found


def tag_places(intent: MeshIntent, layout: Layout) -> list[Place]:
    """The operator's releases of tags."""
    return [Place(intent.namespace, f"{tag}-revisiontags") for tag in sorted(layout.tags)]


def sail_places(intent: MeshIntent, layout: Layout, operator_namespace: str) -> list[Place]:
    """Every release of the operator that this mesh consists of."""
    found = [change.old for change in renames(intent, layout, operator_namespace, "secret")]
    return [*found, *tag_places(intent, layout), *kept_places(intent, layout)]


def default_validator(layout: Layout, intent: MeshIntent) -> Place | None:
    """The operator's release that the default validator is in, where that is a tag's."""
    if layout.active != IN_PLACE and DEFAULT_TAG in layout.tags:
        return Place(intent.namespace, f"{DEFAULT_TAG}-revisiontags")
    return None


def objects_at(client: Client, place: Place) -> list[dict[str, Any]]:
    """The objects of a release's manifest; none where there is no such release."""
    in_force = last_deployed(records_at(client, place))
    stored = client.get(place.kind, in_force.object_name, place.namespace) if in_force else None
    if stored is None:
        return []
    return placed(parse_manifest(str(unpack(stored).get("manifest") or "")), place.namespace, client)


def live_at(client: Client, places: Iterable[Place]) -> dict[Target, dict[str, Any]]:
    """The live objects of these releases."""
    wanted = [obj for found in client.many(lambda one: objects_at(client, one), list(places)) for obj in found]
    targets = [target(client.resolve(obj), obj["metadata"].get("namespace"), obj["metadata"]["name"]) for obj in wanted]
    return observe(client, targets)


# -- letting go --------------------------------------------------------------------------------------------------------


def is_owned(obj: Mapping[str, Any]) -> bool:
    """Whether the operator's resources own it, so that it would go with them."""
    owners = obj["metadata"].get("ownerReferences") or []
    return any(owned_by_sail(owner) for owner in owners)


def disown(client: Client, found: Mapping[Target, dict[str, Any]]) -> int:
    """Take the operator's ownership off these objects; how many had it."""
    owned = [(which, obj) for which, obj in found.items() if is_owned(obj)]

    def one(pair: tuple[Target, dict[str, Any]]) -> None:
        which, obj = pair
        for attempt in range(_TRIES):
            meta = obj["metadata"]
            left = [owner for owner in meta.get("ownerReferences") or [] if not owned_by_sail(owner)]
            body: dict[str, Any] = {"metadata": {"ownerReferences": left or None}}
            if (meta.get("labels") or {}).get(MANAGED_BY) == "sail-operator":
                body["metadata"]["labels"] = {MANAGED_BY: None}
            try:
                version = meta["resourceVersion"]
                client.patch(which.kind, which.name, which.namespace, body, resource_version=version)
                return
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
                fresh = client.get(which.kind, which.name, which.namespace)
                if fresh is None or not is_owned(fresh):
                    return
                obj = fresh

    client.many(one, owned)
    return len(owned)


def let_go(client: Client, found: Iterable[Mapping[str, Any]], deadline: Deadline) -> None:
    """Delete these resources of the operator, which must not run, and leave everything that they own."""
    for resource in found:
        kind, name = client.resolve(resource), resource["metadata"]["name"]
        live = client.get(kind, name)
        if live is None:
            continue
        meta = live["metadata"]
        kept = [one for one in meta.get("finalizers") or [] if one != FINALIZER]
        if kept != (meta.get("finalizers") or []):
            body = {"metadata": {"finalizers": kept or None}}
            client.patch(kind, name, None, body, resource_version=meta["resourceVersion"])
        client.delete(kind, name, propagation="Orphan", uid=meta["uid"])
        while client.get(kind, name) is not None:
            if deadline.passed:
                raise GuardRefused(
                    f"{kind.kind} {name} is being deleted, but does not go: another finalizer keeps it.",
                    hint="See its metadata.finalizers, then run again.",
                )
            deadline.sleep(_PAUSE)


def guard_places(intent: MeshIntent, observed: SailObserved) -> None:
    """Refuse namespaces of istio-cni and ztunnel other than those that are there: a release cannot move."""
    if not intent.node_agents:
        return
    for what, option, obj in (
        ("IstioCNI", "cni_namespace", observed.cni),
        ("ZTunnel", "ztunnel_namespace", observed.ztunnel),
    ):
        there = str(((obj or {}).get("spec") or {}).get("namespace") or "")
        if there and there != getattr(intent, option):
            raise GuardRefused(
                f"{what} installs into namespace {there}, but {option} is {getattr(intent, option)}.",
                hint=f"A migration moves nothing: set {option}: {there}.",
            )
