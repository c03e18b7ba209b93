# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Carrying out a prepared mesh, release by release, and waiting for what it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._desired.gateway_api import MANAGER as GATEWAY_API_MANAGER
from ..._desired.layout import Layout
from ..._kube.client import Deadline
from ..mesh.context import MeshRun
from ..mesh.settle import settle_revision, settle_webhooks, settle_workloads
from ..objects import ObjectEngine
from ..plan import Plan
from .apply import apply_release, mend
from .decide import Decision
from .prepare import Prepared
from .retire import carry_retire
from .tags import carry_tags

_WEBHOOKS = ("base", "istiod")


def carry_out(run: MeshRun, prepared: Prepared, plan: Plan, layout: Layout) -> None:
    """Write what differs, in order; what others follow is ready before they do."""
    done_gateway_api = prepared.gateway_api is None
    for decision in prepared.decisions:
        if decision.desired.component != "base" and not done_gateway_api:
            _apply_gateway_api(run, prepared)
            done_gateway_api = True
        if decision.writes:
            _write(run, prepared, plan, decision)
    if not done_gateway_api:
        _apply_gateway_api(run, prepared)
    _move(run, prepared, plan, layout)
    if run.intent.wait:
        settle_all(run, prepared)
        written = any(one.writes for one in prepared.decisions if one.desired.component in _WEBHOOKS)
        if written or prepared.default or prepared.tags.objects:
            settle_webhooks(
                run.client,
                [*_everything(prepared), *prepared.tags.objects],
                run.intent.namespace,
                Deadline(run.intent.wait_timeout),
                revisions=layout.revisions,
            )
    carry_retire(run, prepared.observed, prepared.retire, prepared.asks)


def settle_all(run: MeshRun, prepared: Prepared) -> None:
    """Wait for every workload of the releases."""
    settle_workloads(run.client, _everything(prepared), Deadline(run.intent.wait_timeout))


def _everything(prepared: Prepared) -> list[dict[str, Any]]:
    return [obj for objects in prepared.objects.values() for obj in objects]


def _write(run: MeshRun, prepared: Prepared, plan: Plan, decision: Decision) -> None:
    step = next(step for step in plan if step.name == decision.desired.step)
    step.notes += apply_release(run.client, run.helm_side, decision, run.driver)
    objects = prepared.objects[decision.desired.step]
    existed = prepared.states.get(decision.desired.name) is not None
    if existed or decision.take_ownership:
        step.notes += mend(run.client, objects)
    if run.intent.wait and (existed or (decision.desired.component == "istiod" and _followed(prepared))):
        # An upgrade goes on only over what is ready: the node agents after the control plane they talk to.
        settle_workloads(run.client, objects, Deadline(run.intent.wait_timeout))


def _followed(prepared: Prepared) -> bool:
    """Whether node agents that run already are to talk to this control plane."""
    agents: Iterable[Decision] = (one for one in prepared.decisions if one.desired.component in ("cni", "ztunnel"))
    return any(one.writes and prepared.states.get(one.desired.name) is not None for one in agents)


def _move(run: MeshRun, prepared: Prepared, plan: Plan, layout: Layout) -> None:
    """Tags, alias and the default validator: what led elsewhere is moved only to what answers."""
    moves_to = set(prepared.tags.moves_to)
    if prepared.default and prepared.asks:
        moves_to.add(prepared.asks)
    for revision in sorted(moves_to & set(layout.revisions)):
        seconds = run.intent.wait_timeout if run.intent.wait else 0
        settle_revision(run.client, revision, run.intent.namespace, Deadline(seconds))
    carry_tags(run, prepared.tags)
    if prepared.default:
        _write(run, prepared, plan, prepared.default)


def _apply_gateway_api(run: MeshRun, prepared: Prepared) -> None:
    plan = prepared.gateway_api
    if plan and plan.objects:
        ObjectEngine(run.client, manager=GATEWAY_API_MANAGER, force_conflicts=True).apply(plan.objects)
