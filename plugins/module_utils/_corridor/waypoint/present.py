# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: present`: look, guard, plan by dry runs, write, wait until the waypoint stands, and only then bind to it.

What names a waypoint that is not there has no policy, and what names one without pods has no traffic: so labels come
last.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..._checks.policy.scene import GATEWAY_NAME
from ..._checks.snapshot import annotations_of, dig, labels_of
from ..._desired.waypoints import (
    AUTOSCALER_PATCH,
    BUDGET_PATCH,
    DEPLOYMENT_PATCH,
    MADE_FOR_ANNOTATION,
    manager_of,
    objects_of,
    parameters_name,
    parameters_of,
    patches,
)
from ..._errors import MeshError
from ..._intent.waypoint import WaypointIntent
from ..._kube import kinds
from ..._kube.client import Deadline
from ..items import Item
from ..live import Obj
from ..mesh.lock import MeshLock
from ..objects import ObjectEngine
from ..plan import Plan, Step
from ..removal import Removal
from .around import Around, istiod_of, look
from .binding import Binding, plan_binding
from .bound import Bound, bound_to
from .guards import guard, guard_targets, not_ambient
from .losses import guard_losses
from .run import WaypointRun
from .settle import Retired, settle_bound, settle_waypoint
from .state import Seen, see

_MANAGED_BY, _US = "app.kubernetes.io/managed-by", "meshwright"
_RETIRED = "the option it was made for is no longer given"


@dataclass(slots=True)
class Draft:
    """The plan of one run: objects to write, what to take away, and labels to set; and what it was made from."""

    around: Around
    items: list[Item]
    parameters: Obj | None = None
    retired: list[Retired] = field(default_factory=list)
    removals: list[Step] = field(default_factory=list)
    binding: Binding = field(default_factory=Binding)

    @property
    def steps(self) -> list[Step]:
        return [*(item.step for item in self.items), *self.removals, *self.binding.steps]

    @property
    def changes(self) -> bool:
        return any(step.changes for step in self.steps)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The waypoint as it is then; `bound` is None when nothing was enrolled or looked at."""

    seen: Seen
    bound: list[Bound] | None = None


def present(run: WaypointRun) -> Outcome:
    """The waypoint as asked for; steps, notes and warnings go into the run.

    Raises BadInput and GuardRefused before the first write, SettleTimeout when it does not get ready in time.
    """
    draft = _draft(run)
    if run.check_mode:
        return _finish(run, draft, Outcome(see(run.client, run.intent.waypoint)))
    try:
        if not draft.changes:
            return _finish(run, draft, _settled(run, draft))
        patience = float(run.intent.wait_timeout) if run.intent.wait else 0.0
        with MeshLock(run.client, run.intent.istio_namespace, patience=patience) as lock:
            if lock.waited:
                run.notes.append("another run was at work on this mesh, so this one planned anew")
                draft = _draft(run)
            return _finish(run, draft, _carried_out(run, draft))
    except MeshError as error:
        error.details.setdefault("steps", Plan(draft.steps).summary())
        raise


def _draft(run: WaypointRun) -> Draft:
    client, intent = run.client, run.intent
    around = look(client, intent)
    guard(around, intent)
    guard_losses(client, around.gateway, intent)
    engine = ObjectEngine(client, manager=manager_of(intent.waypoint.name), force_conflicts=intent.force_conflicts)
    draft = Draft(around, engine.prepare(objects_of(intent, made_for=_made_for(around, intent))))
    draft.parameters = _former_parameters(around, intent)
    draft.retired = _retired(around, intent, draft.items)
    named = [(one.kind, intent.waypoint.namespace, str(one.obj["metadata"]["name"])) for one in draft.retired]
    if draft.parameters is not None:
        named.append((kinds.CONFIG_MAP, intent.waypoint.namespace, parameters_name(intent.waypoint.name)))
    draft.removals = Removal(client, named).plan() if named else []
    for step in draft.removals:
        step.reason = _RETIRED
    if intent.enroll:
        draft.binding = plan_binding(
            client, intent.waypoint, intent.enroll, ingress=intent.ingress, canary=intent.canary
        )
        guard_targets([change.live for change in draft.binding.changes])
    return draft


def _made_for(around: Around, intent: WaypointIntent) -> str:
    """What the Gateway is to carry: the task's text on one that this run makes, else what is there."""
    if around.gateway is None or dig(around.gateway, "metadata", "deletionTimestamp"):
        return intent.made_for
    return str(annotations_of(around.gateway).get(MADE_FOR_ANNOTATION, ""))


def _former_parameters(around: Around, intent: WaypointIntent) -> Obj | None:
    """Our ConfigMap, when no option asks for one any more."""
    live = around.parameters
    if live is None or parameters_of(intent) is not None or labels_of(live).get(_MANAGED_BY) != _US:
        return None
    return live


def _retired(around: Around, intent: WaypointIntent, items: Sequence[Item]) -> list[Retired]:
    """What istiod made of this Gateway by a patch that is there no more: istiod itself never takes it away."""
    wanted = patches(intent.infrastructure, intent.waypoint.name)
    if _parameters_of_others(intent, items):
        return []
    found = []
    for key, kind, obj in (
        (AUTOSCALER_PATCH, kinds.HPA, around.autoscaler),
        (BUDGET_PATCH, kinds.PDB, around.budget),
    ):
        if obj is None or key in wanted or key in around.class_patches or not _made_of(obj, around.gateway):
            continue
        found.append(Retired(kind, obj))
    return found


def _parameters_of_others(intent: WaypointIntent, items: Sequence[Item]) -> bool:
    """Does the Gateway, as it was read, go by a ConfigMap that is not ours? What that one asks for stays."""
    live = next((item.live for item in items if item.target.kind == kinds.GATEWAY), None) or {}
    named = dig(live, "spec", "infrastructure", "parametersRef", "name")
    return named not in (None, parameters_name(intent.waypoint.name))


def _made_of(obj: Obj, gateway: Obj | None) -> bool:
    if gateway is None or labels_of(obj).get(GATEWAY_NAME) != gateway["metadata"]["name"]:
        return False
    owners = dig(obj, "metadata", "ownerReferences") or ()
    return any(owner.get("uid") == gateway["metadata"]["uid"] for owner in owners)


# -- carrying it out -----------------------------------------------------------------------------------------------


def _carried_out(run: WaypointRun, draft: Draft) -> Outcome:
    client, intent = run.client, run.intent
    after = _applied_before(run, draft)
    engine = ObjectEngine(client, manager=manager_of(intent.waypoint.name), force_conflicts=intent.force_conflicts)
    engine.carry_out(draft.items)
    if draft.parameters is not None:
        Removal(
            client, [(kinds.CONFIG_MAP, intent.waypoint.namespace, draft.parameters["metadata"]["name"])]
        ).carry_out()
    if not intent.wait:
        if draft.retired:
            run.notes.append("what is retired goes with the next run that waits: istiod may not have heard of it yet")
            draft.removals = [step for step in draft.removals if step.name.startswith(kinds.CONFIG_MAP.kind)]
        return Outcome(see(client, intent.waypoint))
    deadline = Deadline(intent.wait_timeout)
    seen = settle_waypoint(
        client, intent, deadline, revision=_revision(draft, intent), retired=draft.retired, after=after
    )
    draft.binding.carry_out(client)
    return Outcome(seen, _settled_bound(run, draft, deadline))


def _applied_before(run: WaypointRun, draft: Draft) -> str:
    """What the Deployment is applied with when this run changes its patch; "" when it does not."""
    data = (draft.around.parameters or {}).get("data") or {}
    try:
        before = json.loads(data.get(DEPLOYMENT_PATCH) or "null")
    except ValueError:
        before = None
    wanted = patches(run.intent.infrastructure, run.intent.waypoint.name).get(DEPLOYMENT_PATCH)
    return see(run.client, run.intent.waypoint).applied if before not in (None, wanted) else ""


def _settled(run: WaypointRun, draft: Draft) -> Outcome:
    """Nothing was to be changed; what is there is waited for all the same."""
    if not run.intent.wait:
        return Outcome(see(run.client, run.intent.waypoint))
    deadline = Deadline(run.intent.wait_timeout)
    seen = settle_waypoint(run.client, run.intent, deadline, revision=_revision(draft, run.intent))
    return Outcome(seen, _settled_bound(run, draft, deadline))


def _revision(draft: Draft, intent: WaypointIntent) -> str:
    """The revision of the istiod that makes the Deployment."""
    asked, _istiod = istiod_of(draft.around, intent)
    return draft.around.usage.resolve(asked)


def _settled_bound(run: WaypointRun, draft: Draft, deadline: Deadline) -> list[Bound] | None:
    intent = run.intent
    enrolled = [change.live for change in draft.binding.changes]
    if not enrolled:
        return None
    return settle_bound(
        run.client,
        intent.waypoint,
        lambda client: bound_to(
            client,
            intent.waypoint,
            enrolled,
            canary=intent.canary is not None,
            services=intent.traffic in ("service", "all"),
        ),
        deadline,
    )


def _finish(run: WaypointRun, draft: Draft, outcome: Outcome) -> Outcome:
    run.steps += draft.steps
    for home in not_ambient(draft.around, run.intent, [change.live for change in draft.binding.changes]):
        run.notes.append(
            f"namespace {home} is not labelled istio.io/dataplane-mode=ambient: its own pods do not go by the waypoint"
        )
    live = draft.around.gateway
    if run.intent.made_for and live is not None and _made_for(draft.around, run.intent) != run.intent.made_for:
        run.notes.append(
            f"Gateway {run.intent.waypoint} was there already: made_for is written only on one that is made"
        )
    return outcome
