# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The scene that guards judge: what the cluster has, before and after a draft; read in bulk, only what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ..._checks.policy import scene
from ..._checks.policy.scene import GATEWAY_NAME, Key, Scene, kind_of
from ..._checks.snapshot import Obj, name_of, namespace_of
from ..._errors import ApiError, Invalid, Unauthorized, Unreachable
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.kinds import Kind
from ..collecting import without_collecting
from ..items import Item
from .draft import Draft
from .wanted import Wanted

# From so many namespaces one LIST of all pods is cheaper than one for each.
_PODS_EVERYWHERE = 5
_RUNNING = "status.phase!=Succeeded,status.phase!=Failed"
_STARTING, _ON_HOST = "status.phase=Pending", "spec.hostNetwork=true"

_KINDS: dict[str, Kind] = {
    scene.NAMESPACE: kinds.NAMESPACE,
    scene.POD: kinds.POD,
    scene.GATEWAY_POD: kinds.POD,
    scene.EXCUSED_POD: kinds.POD,
    scene.SERVICE: kinds.SERVICE,
    scene.INGRESS: kinds.KINDS[("networking.k8s.io/v1", "Ingress")],
    scene.NETWORK_POLICY: kinds.NETWORK_POLICY,
    scene.VALIDATING: kinds.VALIDATING_WEBHOOK,
    scene.MUTATING: kinds.MUTATING_WEBHOOK,
    scene.VIRTUAL_SERVICE: kinds.VIRTUAL_SERVICE,
    scene.DESTINATION_RULE: kinds.DESTINATION_RULE,
    scene.SERVICE_ENTRY: kinds.SERVICE_ENTRY,
    scene.WORKLOAD_ENTRY: kinds.WORKLOAD_ENTRY,
    scene.ISTIO_GATEWAY: kinds.ISTIO_GATEWAY,
    scene.SIDECAR: kinds.SIDECAR,
    scene.ENVOY_FILTER: kinds.ENVOY_FILTER,
    scene.AUTHORIZATION: kinds.AUTHORIZATION_POLICY,
    scene.PEER_AUTHENTICATION: kinds.PEER_AUTHENTICATION,
    scene.REQUEST_AUTHENTICATION: kinds.REQUEST_AUTHENTICATION,
    scene.TELEMETRY: kinds.TELEMETRY,
    scene.WASM_PLUGIN: kinds.WASM_PLUGIN,
    scene.TRAFFIC_EXTENSION: kinds.TRAFFIC_EXTENSION,
    scene.GATEWAY: kinds.GATEWAY,
    scene.GATEWAY_CLASS: kinds.GATEWAY_CLASS,
    scene.REFERENCE_GRANT: kinds.REFERENCE_GRANT,
    scene.HTTP_ROUTE: kinds.HTTP_ROUTE,
    scene.GRPC_ROUTE: kinds.GRPC_ROUTE,
    scene.TCP_ROUTE: kinds.TCP_ROUTE,
    scene.TLS_ROUTE: kinds.TLS_ROUTE,
}
# Names and labels are all that is looked at.
_METADATA_ONLY = (scene.NAMESPACE, scene.POD)


@dataclass(frozen=True, slots=True)
class Unread:
    """A kind that could not be read: in `namespaces`, or with none anywhere."""

    kind: str
    namespaces: tuple[str, ...]
    reason: str


@dataclass(slots=True)
class Part:
    """What was read of one kind. `items` None: nothing could be read. `namespaces` None: all were."""

    kind: str
    items: list[Obj] | None
    namespaces: frozenset[str] | None = None
    unread: list[Unread] = field(default_factory=list)


@dataclass(slots=True)
class Scenes:
    """The state before and after a draft, and what could not be read of it."""

    before: Scene
    after: Scene
    unread: list[Unread]


def scenes(client: Client, draft: Draft, wanted: Wanted, *, root: str, known: Scenes | None = None) -> Scenes:
    """Read what is wanted and not `known` yet, and lay the draft over it all.

    Raises Unreachable or Unauthorized; what else keeps something from being read is in `unread`.
    """
    objects: dict[str, Mapping[Key, Obj]] = {}
    partial: dict[str, frozenset[str]] = {}
    unread: list[Unread] = []
    if known is not None:
        objects, partial, unread = {**known.before.objects}, dict(known.before.partial), list(known.unread)
        wanted = Wanted(wanted.kinds - set(objects), wanted.spaces, wanted.everywhere)
        if scene.POD in objects and (scene.POD not in partial or not wanted.everywhere):
            wanted.spaces, wanted.everywhere = set(), False
    home = {item.target.namespace for item in (*draft.items, *draft.removals) if item.target.namespace}
    with without_collecting():
        found = client.many(lambda read: read(), _reads(client, wanted, sorted(home | {root})))
    _lay(found, objects, partial, unread)
    return Scenes(
        Scene(objects, root=root, partial=partial),
        Scene(_after(objects, draft), root=root, partial=partial),
        unread,
    )


def read_scene(client: Client, wanted: Wanted, home: Iterable[str], *, root: str) -> tuple[Scene, list[Unread]]:
    """What is wanted of the cluster as it is, and what could not be read of it.

    `home` are the namespaces that are read where a kind may not be listed in all. Raises Unreachable or Unauthorized.
    """
    with without_collecting():
        return scene_of(client.many(lambda read: read(), scene_reads(client, wanted, {*home, root})), root=root)


def scene_reads(client: Client, wanted: Wanted, home: Iterable[str]) -> list[Callable[[], Part]]:
    """As `read_scene`, but left to the caller to carry out, beside other reads; for `scene_of`."""
    return _reads(client, wanted, sorted(home))


def scene_of(parts: Iterable[Part], *, root: str) -> tuple[Scene, list[Unread]]:
    objects: dict[str, Mapping[Key, Obj]] = {}
    partial: dict[str, frozenset[str]] = {}
    unread: list[Unread] = []
    _lay(parts, objects, partial, unread)
    return Scene(objects, root=root, partial=partial), unread


def predicted(item: Item) -> Obj:
    """The object as it will be: as the server predicted it, with the status that it has."""
    after: Obj = item.obj
    if isinstance(item.step.after, Mapping) and item.step.after:
        after = item.step.after
    status = (item.live or {}).get("status")
    created = ((item.live or {}).get("metadata") or {}).get("creationTimestamp")
    changed = dict(after)
    if status:
        changed["status"] = status
    if created:
        changed["metadata"] = {**(after.get("metadata") or {}), "creationTimestamp": created}
    return changed


def _after(objects: Mapping[str, Mapping[Key, Obj]], draft: Draft) -> dict[str, dict[Key, Obj]]:
    found = {kind: dict(items) for kind, items in objects.items()}
    for item in draft.removals:
        if not item.step.changes:
            continue
        key = (item.target.namespace or "", item.target.name)
        kind = f"{item.target.kind.group}/{item.target.kind.kind}"
        found.get(kind, {}).pop(key, None)
        if kind == scene.NAMESPACE:
            for items in found.values():
                for each in [each for each in items if each[0] == item.target.name]:
                    del items[each]
    for item in draft.writing:
        after = predicted(item)
        kind = kind_of(after)
        # A kind that was not read is not known for the few that are written.
        if kind in found:
            found[kind][(namespace_of(after), name_of(after))] = after
    return found


# -- reading -------------------------------------------------------------------------------------------------------


def _lay(
    parts: Iterable[Part],
    objects: dict[str, Mapping[Key, Obj]],
    partial: dict[str, frozenset[str]],
    unread: list[Unread],
) -> None:
    """Put what was read into the other three."""
    for one in parts:
        unread += one.unread
        if one.items is None:
            continue
        partial.pop(one.kind, None)
        objects[one.kind] = {(namespace_of(obj), name_of(obj)): obj for obj in one.items}
        if one.namespaces is not None:
            partial[one.kind] = one.namespaces


def _reads(client: Client, wanted: Wanted, home: list[str]) -> list[Callable[[], Part]]:
    reads: list[Callable[[], Part]] = []
    for kind in sorted(wanted.kinds - {scene.POD}):
        reads.append(lambda kind=kind: _everywhere(client, kind, home))  # type: ignore[misc]
    if wanted.everywhere or len(wanted.spaces) >= _PODS_EVERYWHERE:
        reads.append(lambda: _everywhere(client, scene.POD, sorted(wanted.spaces | set(home))))
    elif wanted.spaces:
        reads.append(lambda: _in_each(client, scene.POD, sorted(wanted.spaces)))
    return reads


def _everywhere(client: Client, kind: str, home: list[str]) -> Part:
    """All objects of a kind; where that is not permitted, those of the namespaces that the run is about."""
    try:
        return Part(kind, _list(client, kind, None))
    except (Unauthorized, Unreachable):
        raise
    except ApiError as error:
        if error.status != 403:
            return Part(kind, None, unread=[Unread(kind, (), str(error))])
        if kind == scene.NAMESPACE:
            return _namespaces(client, home, error)
        # Of what is not served, a user with few rights hears that he may not list it.
        if kind in _KINDS and not client.served(_KINDS[kind]):
            return Part(kind, [])
        found = _in_each(client, kind, home)
        elsewhere = Unread(kind, (), f"{error} Only {', '.join(sorted(found.namespaces or ())) or 'nothing'} was read.")
        return Part(kind, found.items, found.namespaces, [elsewhere])


def _in_each(client: Client, kind: str, namespaces: Iterable[str]) -> Part:
    items: list[Obj] = []
    read: set[str] = set()
    unread: list[Unread] = []
    for namespace in namespaces:
        try:
            items += _list(client, kind, namespace)
            read.add(namespace)
        except (Unauthorized, Unreachable):
            raise
        except ApiError as error:
            unread.append(Unread(kind, (namespace,), str(error)))
    return Part(kind, items, frozenset(read), unread)


def _namespaces(client: Client, names: list[str], refused: ApiError) -> Part:
    """Whoever may not list namespaces may still see his own."""
    items: list[Obj] = []
    for name in names:
        try:
            found = client.get(kinds.NAMESPACE, name)
        except (Unauthorized, Unreachable):
            raise
        except ApiError:
            continue
        if found is not None:
            items.append(found)
    told = Unread(scene.NAMESPACE, (), f"{refused} Only {', '.join(map(name_of, items)) or 'none'} was read.")
    return Part(scene.NAMESPACE, items, frozenset(), [told])


def _list(client: Client, kind: str, namespace: str | None) -> list[Obj]:
    if kind == scene.GATEWAY_POD:
        return [*client.list(kinds.POD, namespace, labels=GATEWAY_NAME)]
    if kind == scene.EXCUSED_POD:
        found: list[Obj] = [*client.list(kinds.POD, namespace, fields=_STARTING, metadata_only=True)]
        with suppress(Invalid):  # servers before 1.28 do not know the field
            found += client.list(kinds.POD, namespace, fields=_ON_HOST, metadata_only=True)
        return found
    fields = _RUNNING if kind == scene.POD else ""
    return [*client.list(_KINDS[kind], namespace, fields=fields, metadata_only=kind in _METADATA_ONLY)]
