# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Carrying out what was prepared for Sail: operator, control plane, node agents, tags, each over what is ready."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..._desired.gateway_api import MANAGER as GATEWAY_API_MANAGER
from ..._desired.helm import MANAGER
from ..._desired.manifests import label
from ..._desired.sail import nudged, sail_revision
from ..._desired.sail_served import CRDS, served_by
from ..._desired.sail_values import dig
from ..._errors import Conflict, GuardRefused, SettleTimeout
from ..._kube import kinds
from ..._kube.client import Deadline
from ..._kube.kinds import Kind
from ..._kube.readiness import readiness
from ..helm.apply import apply_release, mend
from ..live import Obj, Target
from ..mesh.context import MeshRun
from ..mesh.settle import settle_webhooks, settle_workloads
from ..objects import ObjectEngine
from ..plan import Plan, Step
from ..settle import settle
from . import awaited
from .guards import guard_schema
from .observe import observe_sail, ztunnel_kind
from .olm import wait_for_olm
from .operator import guard_version
from .prepare import Pin, SailWork, sail_engine
from .resources import resources_of
from .settle import settle_sail

_POLL = 1.0
# Seconds in which a running operator has surely looked at a change.
_SEEN = 30.0
# Beside the grace period: the operator looks again, and istiod's pods end.
_PRUNING_TIME = 60


def carry_out(run: MeshRun, work: SailWork, plan: Plan) -> None:
    steps = {step.name: step for step in plan}
    _carry_out_operator(run, work, steps)
    if work.gateway_api and work.gateway_api.objects:
        ObjectEngine(run.client, manager=GATEWAY_API_MANAGER, force_conflicts=True).apply(work.gateway_api.objects)
    for pin in work.pins:
        steps[pin.step].notes.append(_pin(run, work, pin))
    _write(run, work, "hold")
    if run.intent.wait:
        settle_sail(run.client, awaited.tags(work, work.resources["hold"]), _deadline(run))
    changed = _write(run, work, "control_plane")
    later = [label(obj) for part in ("cni", "ztunnel", "tags") for obj in work.resources[part]]
    if run.intent.wait and work.resources["control_plane"] and (changed or any(_writes(work, name) for name in later)):
        settle_sail(run.client, awaited.control_plane(work, run.intent), _deadline(run))
        _settle_webhooks(run, work)
    _write(run, work, "cni")
    if run.intent.wait:
        for obj in work.resources["cni"]:
            settle_sail(run.client, awaited.agent("IstioCNI", obj, work.served), _deadline(run))
    _write(run, work, "ztunnel")
    if run.intent.wait:
        for obj in work.resources["ztunnel"]:
            settle_sail(
                run.client,
                awaited.ztunnel(work, run.intent, obj),
                _deadline(run),
                nudge=partial(_nudge, run, work, obj),
            )
    _write(run, work, "tags")
    _remove(run, work)
    if run.intent.wait:
        settle_all(run, work)


def settle_all(run: MeshRun, work: SailWork) -> None:
    """Wait for all that was prepared."""
    settle_sail(run.client, awaited.everything(work, run.intent), _deadline(run))


def _deadline(run: MeshRun) -> Deadline:
    return Deadline(run.intent.wait_timeout)


def _writes(work: SailWork, name: str) -> bool:
    return work.items[name].step.changes


def _write(run: MeshRun, work: SailWork, part: str) -> bool:
    """Write what differs of one part; whether anything did."""
    items = [work.items[label(obj)] for obj in work.resources[part]]
    changing = [item for item in items if item.step.changes]
    sail_engine(run).carry_out(changing)
    return bool(changing)


def _pin(run: MeshRun, work: SailWork, pin: Pin) -> str:
    """Hold a resource where it is; the rest of it stays as its author wrote it."""
    obj = pin.obj
    kind = ztunnel_kind(work.served) if obj["kind"] == "ZTunnel" else kinds.SAIL_REVISION_TAG
    patch = {"spec": {"targetRef": {"kind": "IstioRevision", "name": pin.revision}}}
    try:
        run.client.patch(
            kind,
            obj["metadata"]["name"],
            None,
            patch,
            resource_version=obj["metadata"]["resourceVersion"],
            manager=MANAGER,
        )
    except Conflict:
        live = run.client.get(kind, obj["metadata"]["name"])
        if dig(live, "spec", "targetRef") != dig(obj, "spec", "targetRef"):
            raise
        # Only its status has changed since it was read.
        run.client.patch(
            kind,
            obj["metadata"]["name"],
            None,
            patch,
            resource_version=dig(live, "metadata", "resourceVersion"),
            manager=MANAGER,
        )
    _until_seen(run, kind, obj["metadata"]["name"])
    return f"held on {pin.revision}"


def _until_seen(run: MeshRun, kind: Kind, name: str) -> None:
    """Until the operator has seen the present generation: else it might act on the Istio's change before the pin."""
    deadline = Deadline(_SEEN)
    while True:
        live = run.client.get(kind, name)
        if live is None or (dig(live, "status", "observedGeneration") or 0) >= live["metadata"]["generation"]:
            return
        if deadline.passed:
            raise SettleTimeout(
                f"The Sail Operator does not react: it has not seen a change of {kind.label(None, name)}"
                f" after {_SEEN:g} s.",
                hint="Look at its Deployment and its log.",
                details={"unready": [{"object": kind.label(None, name), "reason": "this generation was not observed"}]},
            )
        deadline.sleep(0.2)


def _nudge(run: MeshRun, work: SailWork, desired: dict[str, Any], seen: Mapping[Target, Obj]) -> bool:
    """Make the operator look again at a ZTunnel that it believes to be done, while its DaemonSet is not."""
    own, daemon_set = awaited.ztunnel(work, run.intent, desired)
    live, pods = seen.get(own.target), seen.get(daemon_set.target)
    if live is None or pods is None or not readiness(live).ready or not awaited.dials_wrongly(daemon_set, seen):
        return False
    sail_engine(run).apply([nudged(desired, live)])
    run.notes.append("the operator had missed a change of ZTunnel, and was made to look again")
    return True


def _settle_webhooks(run: MeshRun, work: SailWork) -> None:
    revision = sail_revision(run.intent, work.layout.active)
    found = [
        obj
        for kind in (kinds.MUTATING_WEBHOOK, kinds.VALIDATING_WEBHOOK)
        for obj in run.client.list(kind, labels=f"istio.io/rev={revision},!istio.io/tag")
    ]
    settle_webhooks(run.client, found, run.intent.namespace, _deadline(run), revisions=[revision])


# -- the operator ------------------------------------------------------------------------------------------------------


def _carry_out_operator(run: MeshRun, work: SailWork, steps: dict[str, Step]) -> None:
    operator = work.operator
    if operator.how == "olm":
        _by_olm(run, work)
        return
    if any(item.step.changes for item in work.crds):
        sail_engine(run).carry_out(work.crds)
    decision = operator.decision
    if decision is None or not decision.writes or operator.helm_side is None:
        return
    step = steps[operator.step.name]
    step.notes += apply_release(run.client, operator.helm_side, decision, run.driver)
    if operator.existed:
        step.notes += mend(run.client, operator.objects)
    settle(run.client, [(kinds.CRD, None, name) for name in CRDS], deadline=_deadline(run))
    if run.intent.wait:
        settle_workloads(run.client, operator.objects, _deadline(run))


def _by_olm(run: MeshRun, work: SailWork) -> None:
    """Subscribe, approve what was asked for, wait for its CSV; then plan anew what only now can be known."""
    operator, intent = work.operator, run.intent
    if operator.step.changes:
        ObjectEngine(run.client, manager=MANAGER).apply(operator.objects)
        wait_for_olm(run, work.operator.version)
    if operator.served is not None and not operator.step.changes:
        return
    crds = [crd for name in CRDS if (crd := run.client.get(kinds.CRD, name)) is not None]
    served = served_by(crds)
    if served is None:
        raise GuardRefused("What OLM installed does not serve the kinds of Sail.", hint="Check operator.package.")
    operator.served = served
    guard_version(intent, work.layout.version, served)
    observed = observe_sail(run.client, intent, run.driver)
    work.resources = resources_of(run, observed, work.layout, work.parts, served)
    flat = [obj for group in work.resources.values() for obj in group]
    guard_schema(intent, [obj for obj in flat if obj["kind"] != "Service"], served)
    for item in sail_engine(run).prepare(flat):
        work.items[item.label] = item


# -- what goes ---------------------------------------------------------------------------------------------------------


def _remove(run: MeshRun, work: SailWork) -> None:
    refs = [ref for going in work.removed for ref in going.refs]
    if refs:
        sail_engine(run).absent(refs)
    waited = [name for going in work.removed for name in going.waited]
    if not waited or not run.intent.wait:
        return
    deadline = Deadline(max(run.intent.wait_timeout, run.intent.inactive_revision_grace + _PRUNING_TIME))
    patient = run.client.with_deadline(deadline)
    while True:
        there = {obj["metadata"]["name"]: obj for obj in patient.list(kinds.SAIL_REVISION)}
        left = [name for name in waited if name in there]
        if not left:
            return
        if deadline.passed:
            told = {name: _in_use(there[name]) for name in left}
            raise SettleTimeout(
                f"The operator has not pruned {', '.join(f'{name} ({why})' for name, why in told.items())}"
                f" after {deadline.seconds:g} s.",
                hint="See what uses it: mesh_verify names it.",
                details={"unready": [{"object": f"IstioRevision {name}", "reason": why} for name, why in told.items()]},
            )
        deadline.sleep(_POLL)


def _in_use(obj: dict[str, Any]) -> str:
    for entry in dig(obj, "status", "conditions") or ():
        if entry.get("type") == "InUse":
            return f"InUse is {entry.get('status')} ({entry.get('reason')})"
    return "InUse is not known"
