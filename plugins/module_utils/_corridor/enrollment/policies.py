# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Carrying out what becomes of policies in a move: before the restarts, after them, and on the way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..._checks.policy.scene import Scene, Waypoint, kind_of
from ..._checks.snapshot import Obj, annotations_of, labels_of
from ..._desired.enrollment.model import NARROWED_ANNOTATION
from ..._desired.enrollment.translate import Edit, Translation, narrowed
from ..._desired.enrollment.translate_model import role_of
from ..._errors import Conflict, GuardRefused
from ..._kube.client import Client
from ..items import Item
from ..labelling import MANAGER
from ..live import Target, observe, target
from ..objects import ObjectEngine
from ..plan import Step
from .record import Record, bare, identities


def engine(client: Client) -> ObjectEngine:
    return ObjectEngine(client, manager=MANAGER)


def foretold(client: Client, translation: Translation) -> tuple[list[Step], list[Item]]:
    """The steps for what comes before the restarts, by the server's dry run; and the objects that differ.

    Raises what the server says against them, of all at once.
    """
    items = engine(client).prepare([dict(obj) for obj in translation.create]) if translation.create else []
    for edit in translation.edit:
        client.replace(edit.after, manager=MANAGER, dry_run=True)
    steps = [_deleted(obj, "it would cut those who are still to be moved") for obj in translation.first_remove]
    steps += [item.step for item in items if item.step.changes]
    steps += [_edited(edit) for edit in translation.edit]
    return steps, [item for item in items if item.step.changes]


def outstanding(scene: Scene, translation: Translation) -> Translation:
    """The translation less the policies that are there just so."""
    create = [obj for obj in translation.create if not _is_there(scene, obj)]
    protection = tuple(obj for obj in translation.protection if not _is_there(scene, obj))
    return replace(translation, create=tuple(create), protection=protection)


def _is_there(scene: Scene, obj: Obj) -> bool:
    live = scene.get(kind_of(obj), obj["metadata"]["namespace"], obj["metadata"]["name"])
    return live is not None and live.get("spec") == obj.get("spec") and _carries(live, obj)


def _carries(live: Obj, obj: Obj) -> bool:
    labels, annotations = labels_of(live), annotations_of(live)
    return labels_of(obj).items() <= labels.items() and annotations_of(obj).items() <= annotations.items()


def later(translation: Translation) -> list[Step]:
    """The steps for what comes after the restarts."""
    found = [
        Step(label(obj), "create", "refuses whoever goes round the waypoint", after=obj, predicted_by="local")
        for obj in translation.protection
    ]
    found += [_edited(edit) for edit in translation.last_edit]
    return found + [_deleted(obj, "no pod is left that it is for") for obj in translation.remove]


def write_first(client: Client, translation: Translation) -> None:
    """Create the new policies, then change the old ones. Whoever calls has written the journal."""
    _delete(client, translation.first_remove)
    if translation.create:
        engine(client).apply([dict(obj) for obj in translation.create])
    for edit in translation.edit:
        _replace(client, edit)


def write_last(client: Client, translation: Translation) -> None:
    """What is left to change once every workload is where it shall be, then the old ones go."""
    for edit in translation.last_edit:
        _replace(client, edit)
    _delete(client, translation.remove)


def write_protection(client: Client, objects: Sequence[Obj]) -> None:
    """Create the policies that refuse whoever goes round the waypoint."""
    if objects:
        engine(client).apply([dict(obj) for obj in objects])


def _delete(client: Client, objects: Iterable[Obj]) -> None:
    for obj in objects:
        client.delete(client.resolve(obj), obj["metadata"]["name"], obj["metadata"]["namespace"])


def _deleted(obj: Obj, reason: str) -> Step:
    return Step(label(obj), "delete", reason, before=_shown(obj), predicted_by="local")


def _replace(client: Client, edit: Edit) -> None:
    """As the next version of what is there: that may have been made in this very run, or have another status by now."""
    meta = edit.before["metadata"]
    live = client.get(client.resolve(edit.before), meta["name"], meta["namespace"])
    changed = GuardRefused(
        f"{label(edit.before)} was changed by somebody else since the plan was made.",
        hint="See who, then run again: the plan is made anew.",
    )
    if live is None or bare(live) != bare(edit.before):
        raise changed
    try:
        client.replace(_restored(live, edit.after), manager=MANAGER)
    except Conflict as error:
        raise changed from error


def _edited(edit: Edit) -> Step:
    return Step(
        label(edit.before),
        "update",
        edit.reason,
        before=_shown(edit.before),
        after=_shown(edit.after),
        predicted_by="server",
    )


def label(obj: Obj) -> str:
    return f"{obj['kind']} {obj['metadata']['namespace']}/{obj['metadata']['name']}"


def _shown(obj: Obj) -> Obj:
    return bare(obj)


# -- the way back --------------------------------------------------------------------------------------------------


def going_back(client: Client, record: Record, *, to_sidecars: bool) -> Translation:
    """The way back as a translation: originals return, for pods with a proxy only until all are back; ours go."""
    originals = {_target(client, obj): obj for obj in record.state["originals"]}
    made = [_made(client, record.namespace, one) for one in identities(record.state["made"])]
    live = observe(client, [*originals, *made])
    home, _slash, name = (record.goal.waypoint or "").rpartition("/")
    waypoint = Waypoint(home, name) if name else None
    create: list[Obj] = []
    last: list[Edit] = []
    for one, original in originals.items():
        now = live.get(one)
        if now is None:
            first = narrowed(original, waypoint) if to_sidecars and _by_selector(original) else original
            create.append(first)
            if first is not original:
                last.append(Edit(first, original, "as it was before the move"))
        elif not _as_it_was(now, original):
            last.append(Edit(now, _restored(now, original), "as it was before the move"))
    gone = [live[one] for one in made if one in live and one not in originals]
    # It cuts whoever does not come by the waypoint, so everybody who is given back a sidecar.
    cutting = tuple(obj for obj in gone if role_of(obj) == "protection")
    rest = tuple(obj for obj in gone if obj not in cutting)
    return Translation(create=tuple(create), last_edit=tuple(last), remove=rest, first_remove=cutting)


def write_back_first(client: Client, translation: Translation) -> None:
    """Make the originals that are missing; created, not applied, so that no manager owns them for good."""
    _delete(client, translation.first_remove)
    for obj in translation.create:
        client.create(obj, manager=MANAGER)


def write_back_last(client: Client, translation: Translation) -> None:
    """The originals as they were, whoever holds which version of them now; then what the move made goes."""
    for edit in translation.last_edit:
        live = client.get(
            client.resolve(edit.after), edit.after["metadata"]["name"], edit.after["metadata"]["namespace"]
        )
        if live is not None:
            client.replace(_restored(live, edit.after), manager=MANAGER)
    write_last(client, Translation(remove=translation.remove))


def _by_selector(obj: Obj) -> bool:
    spec = obj.get("spec") or {}
    return not spec.get("targetRefs") and not spec.get("targetRef")


def _as_it_was(live: Obj, original: Obj) -> bool:
    now = bare(live)
    return now.get("spec") == original.get("spec") and _wanted(now) == _wanted(original)


def _wanted(obj: Obj) -> dict[str, Obj]:
    meta = obj["metadata"]
    annotations = {key: value for key, value in (meta.get("annotations") or {}).items() if key != NARROWED_ANNOTATION}
    narrowed_now = NARROWED_ANNOTATION in (meta.get("annotations") or {})
    return {"labels": meta.get("labels") or {}, "annotations": {**annotations, "narrowed": str(narrowed_now)}}


def _restored(live: Obj, original: Obj) -> Obj:
    """The original, as the next version of what is there."""
    return {**original, "metadata": {**original["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}}


def _target(client: Client, obj: Obj) -> Target:
    return target(client.resolve(obj), obj["metadata"]["namespace"], obj["metadata"]["name"])


def _made(client: Client, namespace: str, one: tuple[str, str, str]) -> Target:
    api_version, kind, name = one
    stub = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
    return _target(client, stub)


def changed_objects(translation: Translation) -> Iterable[Obj]:
    """The policies, as they are, that the move changes or deletes: what the journal has to keep."""
    found: Sequence[Obj] = [edit.before for edit in (*translation.edit, *translation.last_edit)]
    # Copies for sidecars are this move's own until it has ended.
    return [obj for obj in (*found, *translation.remove, *translation.first_remove) if role_of(obj) != "sidecar"]
