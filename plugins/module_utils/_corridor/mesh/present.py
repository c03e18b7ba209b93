# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: present`: prepare, then carry out step by step, then wait until it is ready."""

from __future__ import annotations

from typing import Any

from ..._desired.gateway_api import MANAGER as GATEWAY_API_MANAGER
from ..._desired.helm import MANAGER
from ..._errors import MeshError
from ..._kube.client import Deadline
from ..helm.apply import apply_release, mend
from ..helm.observe import releases_again
from ..helm.prepare import Prepared, fingerprint, prepare
from ..objects import ObjectEngine
from ..plan import Plan, Step
from .context import MeshRun
from .lock import MeshLock
from .result import mesh_state, result
from .settle import settle_webhooks, settle_workloads


def present(run: MeshRun) -> dict[str, Any]:
    """The mesh as asked for. Returns the result; raises with what was done so far in the error's details."""
    prepared = prepare(run)
    if prepared.plan.changed and not run.check_mode:
        prepared = _carry_out_alone(run, prepared)
    elif run.intent.wait and not run.check_mode:
        everything = [obj for objects in prepared.objects.values() for obj in objects]
        with_evidence(
            prepared.plan, lambda: settle_workloads(run.client, everything, Deadline(run.intent.wait_timeout))
        )
    states = prepared.states
    if prepared.plan.changed and not run.check_mode:
        states = releases_again(run.client, run.intent, run.driver)
    releases = {name: state.release for name, state in states.items()}
    mesh = mesh_state(run.intent, prepared.observed, releases)
    return result(prepared.plan, mesh, warnings=run.warnings, notes=run.notes)


def _carry_out_alone(run: MeshRun, prepared: Prepared) -> Prepared:
    """Carry out under the mesh's Lease; planned anew when another run changed something in between."""
    made = _make_namespaces(run, prepared)
    with MeshLock(run.client, run.intent.namespace, patience=run.patience) as lock:
        now = releases_again(run.client, run.intent, run.driver)
        if lock.waited or fingerprint(now) != prepared.fingerprint:
            run.notes.append("another run was at work on this mesh, so this one planned anew")
            prepared = prepare(run)
            made = [step for step in made if step.changes] or _make_namespaces(run, prepared)
        prepared.plan = Plan([*made, *(step for step in prepared.plan if step.name not in {one.name for one in made})])
        with_evidence(prepared.plan, lambda: _carry_out(run, prepared))
    return prepared


def _make_namespaces(run: MeshRun, prepared: Prepared) -> list[Step]:
    """The steps as they were carried out: what another run made in between is no change of this one."""
    return ObjectEngine(run.client, manager=MANAGER).apply(prepared.namespaces) if prepared.namespaces else []


def _carry_out(run: MeshRun, prepared: Prepared) -> None:
    steps = {step.name: step for step in prepared.plan}
    for number, decision in enumerate(prepared.decisions):
        if decision.writes:
            step = steps[decision.desired.step]
            step.notes += apply_release(run.client, run.helm_side, decision, run.driver)
            objects = prepared.objects[decision.desired.name]
            existed = prepared.states.get(decision.desired.name) is not None
            if existed or decision.take_ownership:
                step.notes += mend(run.client, objects)
            if existed and run.intent.wait:
                # An upgrade goes on only over what is ready: the node agents after the control plane they talk to.
                settle_workloads(run.client, objects, Deadline(run.intent.wait_timeout))
        if number == 0:
            _apply_gateway_api(run, prepared)
    if run.intent.wait:
        everything = [obj for objects in prepared.objects.values() for obj in objects]
        settle_workloads(run.client, everything, Deadline(run.intent.wait_timeout))
        if any(decision.writes for decision in prepared.decisions if decision.desired.component in ("base", "istiod")):
            settle_webhooks(run.client, everything, run.intent.namespace, Deadline(run.intent.wait_timeout))


def _apply_gateway_api(run: MeshRun, prepared: Prepared) -> None:
    plan = prepared.gateway_api
    if plan.objects:
        ObjectEngine(run.client, manager=GATEWAY_API_MANAGER, force_conflicts=True).apply(plan.objects)


def with_evidence(plan: Plan, work: Any) -> None:
    """Run `work`; an error carries the plan's steps, so that a failed run tells how far it was to go."""
    try:
        work()
    except MeshError as error:
        error.details.setdefault("steps", plan.summary())
        raise
