# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Single workloads: those that are moved, or kept apart, by labels of their own pod template."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ..._checks.snapshot import Obj, dig, labels_of, name_of
from ..._desired.enrollment.journey import Journey, Labels, moving_labels
from ..._desired.enrollment.move import Move
from ..._desired.enrollment.translate import Translation
from ..._errors import BadInput
from ..._intent.enrollment import WorkloadRef
from ..workloads import Workload
from .moving import workloads_to_move
from .record import Record
from .run import Work
from .survey import Survey


def find_single(survey: Survey, obj: Obj, move: Move, refs: Collection[WorkloadRef], record: Record | None) -> Work:
    """What these workloads of one namespace need to be moved by themselves. Raises BadInput for missing ones."""
    labels = moving_labels(move.goal)
    owners = _owners(survey, move.namespace)
    missing = [one.ref for one in refs if one.ref not in owners]
    if missing:
        raise BadInput(f"workloads: {', '.join(sorted(missing))} does not exist.", hint="Correct the names.")
    missing_out = {one.ref: one for one in workloads_to_move(survey, move)}
    moving = []
    for one in refs:
        if _differing(owners[one.ref], labels):
            moving.append(missing_out.get(one.ref) or Workload(one.kind, one.namespace, one.name, "", ()))
    before = {ref.ref: _before(owners[ref.ref], labels) for ref in refs}
    return Work(
        move=move,
        namespace=obj,
        journey=Journey((), {}),
        translation=Translation(),
        record=record,
        continues=record is not None,
        workloads=sorted(moving, key=lambda one: one.ref),
        templates={one.ref: labels for one in moving},
        templates_before=before,
    )


def kept_apart(survey: Survey, move: Move, refs: Iterable[WorkloadRef], staying: Mapping[str, str]) -> list[Workload]:
    """The excluded workloads of a namespace that have no labels yet to keep them as they are."""
    owners = _owners(survey, move.namespace)
    found = []
    for one in sorted(refs, key=lambda one: one.ref):
        if one.namespace != move.namespace:
            continue
        if one.ref not in owners:
            raise BadInput(f"exclude: {one.ref} does not exist.", hint="Correct the name.")
        if _differing(owners[one.ref], staying):
            found.append(Workload(one.kind, one.namespace, one.name, "", ()))
    return found


def templates(survey: Survey, workloads: Sequence[Workload], labels: Mapping[str, str]) -> dict[str, Labels]:
    """What their pod templates have of these labels now, by ref; None for what is not there."""
    owners = {ref: obj for one in workloads for ref, obj in _owners(survey, one.namespace).items()}
    return {one.ref: _before(owners[one.ref], labels) for one in workloads if one.ref in owners}


def labelled_otherwise(survey: Survey, wanted: Mapping[str, Labels]) -> list[Workload]:
    """Workloads whose pod template does not have the labels that it had."""
    found = []
    for ref, labels in wanted.items():
        namespace = ref.partition(" ")[2].partition("/")[0]
        owner = _owners(survey, namespace).get(ref)
        if owner is not None and _differing(owner, labels):
            found.append(Workload(str(owner["kind"]), namespace, name_of(owner), "", ()))
    return found


def _owners(survey: Survey, namespace: str) -> dict[str, Obj]:
    return {f"{one['kind']} {namespace}/{name_of(one)}": one for one in survey.owners.get(namespace, ())}


def _before(owner: Obj, labels: Mapping[str, str | None]) -> Labels:
    have = labels_of(dig(owner, "spec", "template") or {})
    return {name: have.get(name) for name in labels}


def _differing(owner: Obj, labels: Mapping[str, str | None]) -> bool:
    return any(value != labels[name] for name, value in _before(owner, labels).items())
