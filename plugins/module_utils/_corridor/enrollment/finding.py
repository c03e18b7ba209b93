# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Finding the work: for each namespace what differs from what it shall be, in labels, policies and workloads."""

from __future__ import annotations

from collections.abc import Sequence

from ..._checks.policy.scene import AUTHORIZATION, REQUEST_AUTHENTICATION, TELEMETRY, WASM_PLUGIN, Waypoint
from ..._checks.policy.view import View
from ..._checks.snapshot import Obj, annotations_of, labels_of, name_of
from ..._desired.enrollment.journey import Journey, journey, staying_labels, wanted_labels
from ..._desired.enrollment.model import NARROWED_ANNOTATION, Expectation, Goal, Plane, plane_of
from ..._desired.enrollment.move import Move
from ..._desired.enrollment.translate import Translation, to_sidecars, to_waypoint, without_waypoint
from ..._errors import GuardRefused
from ..._intent.enrollment import EnrollmentIntent
from ..workloads import Workload
from . import single
from .moving import workloads_to_move, workloads_without_hbone
from .policies import going_back, outstanding
from .reading import resolve
from .record import Record
from .run import EnrollmentRun, Work
from .survey import Survey

# Those that no restart would move: accepted, they stay as they are. Others may be restarted all the same.
_STAY = frozenset(("job", "lone-pod", "unknown-owner", "owner-gone", "paused", "on-delete", "partition", "asks-itself"))
_NARROWED = (AUTHORIZATION, REQUEST_AUTHENTICATION, TELEMETRY, WASM_PLUGIN)


def moves(survey: Survey, intent: EnrollmentIntent, namespaces: Sequence[Obj]) -> list[Move]:
    """What each namespace is, and shall be. Raises BadInput for a revision or tag that does not exist."""
    found = []
    for obj in namespaces:
        now, goal = plane_of(obj), intent.goal(name_of(obj))
        found.append(Move(name_of(obj), now, goal, resolve(survey, goal, now)))
    return found


def find_work(run: EnrollmentRun, survey: Survey, view: View, obj: Obj, move: Move, record: Record | None) -> Work:
    """What a namespace needs to be what it shall be. Reads nothing. Raises GuardRefused beside another move."""
    intent, labels = run.intent, labels_of(obj)
    continues = _continues(record, move)
    target = wanted_labels(move.namespace, labels, move.now, move.goal)
    way = journey(labels, target, move.goal.mode)
    excluded = [one.ref for one in intent.excluded]
    moving = workloads_to_move(
        survey, move, restart_id=record.restart_id if continues and record else "", excluded=excluded
    )
    stays = [one for one in moving if _hindered(one)]
    hbone: list[Workload] = []
    if move.goal.mode == "ambient" and move.now.mode == "sidecar" and way.first:
        hbone = [one for one in workloads_without_hbone(survey, move.namespace) if not _hindered(one)]
    staying = staying_labels(move.now)
    kept = single.kept_apart(survey, move, intent.excluded, staying) if way.first else []
    whole = _translation(run, survey, view, move, way, record if continues else None)
    return Work(
        move=move,
        namespace=obj,
        journey=way,
        translation=outstanding(view.scene, whole),
        relied=whole.create,
        record=record,
        continues=continues,
        hbone=hbone,
        workloads=[one for one in moving if not _hindered(one)],
        stays=stays,
        excluded=kept,
        staying=dict(staying),
        templates_before=single.templates(survey, kept, staying),
    )


def find_way_back(run: EnrollmentRun, survey: Survey, obj: Obj, record: Record) -> Work:
    """What a namespace needs to be what it was before its last move."""
    labels, before = labels_of(obj), record.before
    goal = Goal(before.mode, before.revision, before.waypoint, before.pod_security)
    move = Move(name_of(obj), plane_of(obj), goal, _expectation(survey, before))
    way = journey(labels, record.labels, before.mode)
    back_id = f"{record.journal.id}-return" if record.stage != "return" else record.restart_id
    touched = record.state["workloads"]
    found = [one for one in workloads_to_move(survey, move, restart_id=back_id) if one.ref in touched]
    # Those with labels of their own are to lose them: what these labels ask for stands in nobody's way then.
    own = single.labelled_otherwise(survey, record.state["templates"])
    found = [*own, *(one for one in found if one.ref not in {each.ref for each in own})]
    return Work(
        move=move,
        namespace=obj,
        journey=way,
        translation=going_back(run.client, record, to_sidecars=before.mode == "sidecar"),
        record=record,
        continues=True,
        workloads=[one for one in found if not _hindered(one)],
        stays=[one for one in found if _hindered(one)],
        templates=record.state["templates"],
        back=True,
    )


def _expectation(survey: Survey, before: Plane) -> Expectation:
    """What pods were like; the revision as its name leads now, if it does any more."""
    if before.mode != "sidecar":
        return Expectation(before.mode)
    revision = survey.usage.resolve(before.revision)
    return Expectation("sidecar", revision if revision in survey.usage.revisions else "")


def _hindered(one: Workload) -> bool:
    return any(each.id in _STAY for each in one.hindrances)


def _continues(record: Record | None, move: Move) -> bool:
    """Whether the journal is of this very move. Raises GuardRefused when another one has not ended."""
    if record is None:
        return False
    same = record.goal == move.goal
    if not record.under_way:
        # Where all is as it was before that move, a new one begins.
        return same and move.now != record.before
    if same and record.stage != "return":
        return True
    doing = "the way back of a move" if record.stage == "return" else "a move"
    raise GuardRefused(
        f"Namespace {move.namespace}: {doing} from {record.before.mode} to {record.goal.mode} has not ended "
        f"(ConfigMap {move.namespace}/{record.journal.name}, stage {record.stage}).",
        hint="Run it again with what it was begun with, or give the namespace back what it had, by state: returned.",
        details={"namespace": move.namespace, "stage": record.stage, "to": record.state["to"]},
    )


def _translation(
    run: EnrollmentRun, survey: Survey, view: View, move: Move, way: Journey, record: Record | None
) -> Translation:
    """What becomes of the namespace's policies, less what is so already."""
    if not run.intent.translate:
        return Translation()
    goal, now = move.goal, move.now
    moving = bool(way.first or way.last or (record is not None and record.under_way)) or (
        move.namespace in view.once(_narrowed)
    )
    if not moving:
        return Translation()
    waypoint = goal.waypoint if goal.waypoint is not None else now.waypoint
    pods = survey.pods.get(move.namespace, ())
    if goal.mode == "ambient" and waypoint:
        home, _slash, name = waypoint.rpartition("/")
        found = to_waypoint(
            view,
            move.namespace,
            Waypoint(home, name),
            protect=run.intent.protect,
            pods=pods,
            trust_domain=run.trust_domain,
        )
    elif goal.mode == "ambient":
        found = without_waypoint(view, move.namespace)
    elif goal.mode == "sidecar" and (now.mode == "ambient" or now.both or record is not None):
        found = to_sidecars(view, move.namespace, pods=pods, trust_domain=run.trust_domain)
    else:
        return Translation()
    return found


def _narrowed(view: View) -> frozenset[str]:
    """The namespaces in which a move left policies for pods with a proxy only."""
    return frozenset(
        space
        for kind in _NARROWED
        for (space, _name), obj in view.scene.objects.get(kind, {}).items()
        if NARROWED_ANNOTATION in annotations_of(obj)
    )
