# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Carrying out what was prepared for Helm: release by release, each over what is ready."""

from __future__ import annotations

from ..._desired.gateway_api import MANAGER as GATEWAY_API_MANAGER
from ..._kube.client import Deadline
from ..mesh.context import MeshRun
from ..mesh.settle import settle_webhooks, settle_workloads
from ..objects import ObjectEngine
from ..plan import Plan
from .apply import apply_release, mend
from .prepare import Prepared


def carry_out(run: MeshRun, prepared: Prepared, plan: Plan) -> None:
    steps = {step.name: step for step in plan}
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
        settle_all(run, prepared)
        if any(decision.writes for decision in prepared.decisions if decision.desired.component in ("base", "istiod")):
            everything = [obj for objects in prepared.objects.values() for obj in objects]
            settle_webhooks(run.client, everything, run.intent.namespace, Deadline(run.intent.wait_timeout))


def settle_all(run: MeshRun, prepared: Prepared) -> None:
    """Wait for every workload of the releases."""
    everything = [obj for objects in prepared.objects.values() for obj in objects]
    settle_workloads(run.client, everything, Deadline(run.intent.wait_timeout))


def _apply_gateway_api(run: MeshRun, prepared: Prepared) -> None:
    plan = prepared.gateway_api
    if plan.objects:
        ObjectEngine(run.client, manager=GATEWAY_API_MANAGER, force_conflicts=True).apply(plan.objects)
