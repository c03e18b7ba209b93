# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Moving one unit from one revision to the other, forward or back: planned, then carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._checks.snapshot import labels_of
from ..._desired.layout import Layout
from ..._desired.upgrade import PARTS, Unit
from ..._errors import Conflict, GuardRefused, MeshError
from ..._kube import kinds
from ..._kube.client import Client, Deadline
from ..._kube.kinds import Kind
from ..helm.rehearse import weakest
from ..plan import Plan, Step
from ..restarts import restart
from ..usage import REVISION_LABEL
from ..workloads import Workload
from .context import Upgrade
from .gateways import gateway_problem, wait_for_gateway
from .seen import Seen, is_injected_gateway, workloads_of_unit

_CONFLICTS = 5


@dataclass(frozen=True, slots=True)
class Way:
    """A direction. Pods are restarted once for each `restart_id`; `tags` are where tags lead once they are moved."""

    source: str
    target: str
    restart_id: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """What moving a unit takes; `carry_out` does it, and returns notes."""

    unit: Unit
    step: Step
    carry_out: Callable[[], list[str]]


def plan_unit(up: Upgrade, way: Way, seen: Seen, unit: Unit, layout: Layout) -> Work:
    """Plan one unit. Reads and dry runs only; raises GuardRefused for workloads that cannot be restarted."""
    if unit.kind in PARTS:
        return _plan_part(up, unit, layout)
    if unit.kind == "namespace" or is_injected_gateway(unit):
        return _plan_workloads(up, way, seen, unit)
    return _plan_gateway(up, way, seen, unit)


def _plan_part(up: Upgrade, unit: Unit, layout: Layout) -> Work:
    prepared = up.driver.prepare(layout, frozenset((PARTS[unit.kind],)))
    step = merged(unit.name, prepared.plan)

    def carry_out() -> list[str]:
        known = {note for each in prepared.plan for note in each.notes}
        done = up.carry_out(prepared)
        return [note for each in done for note in each.notes if each.changes and note not in known]

    return Work(unit, step, carry_out)


def merged(name: str, plan: Plan) -> Step:
    """The steps of an install method for one unit, as one step."""
    changing = [step for step in plan if step.changes]
    if not changing:
        return Step(name, "none", "; ".join(step.reason for step in plan) or "nothing to do")
    return Step(
        name,
        changing[0].action if len(changing) == 1 else "update",
        "; ".join(f"{step.name}: {step.reason}" for step in changing),
        before={step.name: step.before for step in changing},
        after={step.name: step.after for step in changing},
        predicted_by=weakest(step.predicted_by for step in changing),
        notes=[note for step in changing for note in step.notes],
    )


def accepted(up: Upgrade, one: Workload) -> bool:
    """Whether the request accepts what stands in this workload's way: by its name, or its namespace's unit."""
    names = {one.ref, f"{one.namespace}/{one.name}", f"{one.kind}/{one.namespace}/{one.name}"}
    return bool(up.intent.accept & {*names, f"namespace/{one.namespace}"})


def _plan_workloads(up: Upgrade, way: Way, seen: Seen, unit: Unit) -> Work:
    namespace = unit.target.partition("/")[0]
    relabel = unit.kind == "namespace" and seen.explicit.get(namespace) == way.source
    found = workloads_of_unit(up.client, seen, unit, way.source, way.target, way.tags, restart_id=way.restart_id)
    blocked = [one for one in found if one.blockers]
    refused = [one for one in blocked if not accepted(up, one)]
    if refused:
        raise GuardRefused(
            f"{unit.name}: these would not follow: "
            + "; ".join(f"{one.ref}: {', '.join(one.blockers)}" for one in refused[:20])
            + ".",
            hint="See to them by hand, or name them in accept_blockers to leave them where they are.",
            details={"blocked": [one.ref for one in refused]},
        )
    todo = [one for one in found if not one.blockers]
    if not relabel and not todo:
        return Work(unit, Step(unit.name, "none", "nothing there is on " + way.source), list)
    told = [f"label {REVISION_LABEL}"] * relabel + [f"restart {one.ref}" for one in todo]
    step = Step(
        unit.name,
        "update",
        f"{way.source} to {way.target}: " + (", ".join(told[:10]) + (" ..." if len(told) > 10 else "")),
        before=_workloads_shown(relabel, todo, way.source),
        after=_workloads_shown(relabel, todo, way.target),
        predicted_by="local",
        notes=[f"{one.ref}: {note}" for one in todo for note in one.notes]
        + [f"left as it is: {one.ref} ({', '.join(one.blockers)})" for one in blocked],
    )

    def carry_out() -> list[str]:
        if relabel:
            relabelled(up.client, kinds.NAMESPACE, namespace, None, way.source, way.target)
        return _restart(up, todo, way)

    return Work(unit, step, carry_out)


def _workloads_shown(relabel: bool, todo: Sequence[Workload], revision: str) -> dict[str, Any]:
    shown: dict[str, Any] = {REVISION_LABEL: revision} if relabel else {}
    return {**shown, **{one.ref: revision for one in todo}}


def _restart(up: Upgrade, todo: Sequence[Workload], way: Way) -> list[str]:
    if not todo:
        return []
    intent = up.intent
    groups = -(-len(todo) // intent.at_a_time)
    done = restart(
        up.client,
        todo,
        way.restart_id,
        Deadline(groups * intent.restart_timeout),
        max_unavailable=intent.at_a_time,
        each=float(intent.restart_timeout),
    )
    told = {"restarted": done.restarted, "restarted before": done.already, "gone": done.gone}
    return [f"{what}: {', '.join(names)}" for what, names in told.items() if names]


def _plan_gateway(up: Upgrade, way: Way, seen: Seen, unit: Unit) -> Work:
    namespace, _slash, name = unit.target.partition("/")
    relabel = seen.explicit.get(unit.target) == way.source
    problem = gateway_problem(up.client, namespace, name, way.target)
    if not relabel and not problem:
        return Work(unit, Step(unit.name, "none", f"is on {way.target}"), list)
    how = f"label {REVISION_LABEL}" if relabel else "follows its namespace or tag"
    step = Step(
        unit.name,
        "update",
        f"{way.source} to {way.target}: {how}; istiod makes its pods anew",
        before={"revision": way.source},
        after={"revision": way.target},
        predicted_by="local",
    )

    def carry_out() -> list[str]:
        if relabel:
            relabelled(up.client, kinds.GATEWAY, name, namespace, way.source, way.target)
        wait_for_gateway(up.client, namespace, name, way.target, Deadline(up.intent.mesh.wait_timeout))
        return [f"programmed, and its pods are ready on {way.target}"]

    return Work(unit, step, carry_out)


def relabelled(client: Client, kind: Kind, name: str, namespace: str | None, source: str, target: str) -> bool:
    """Move istio.io/rev from one revision to the other, unless somebody else changed it; whether it was moved."""
    for attempt in range(_CONFLICTS):
        live = client.get(kind, name, namespace)
        if live is None or labels_of(live).get(REVISION_LABEL) != source:
            return False
        patch = {"metadata": {"labels": {REVISION_LABEL: target}}}
        version = live["metadata"]["resourceVersion"]
        try:
            client.patch(kind, name, namespace, patch, resource_version=version)
        except Conflict:
            if attempt + 1 == _CONFLICTS:
                raise
            continue
        return True
    return False


def foretold(up: Upgrade, way: Way, seen: Seen, unit: Unit, layout: Layout) -> Step:
    """The step of a unit that comes later in the plan: what cannot be asked yet is told from what is known."""
    if unit.kind in ("tags", "alias") and way.tags:
        # Their objects come from the istiod that is not there yet.
        return Step(
            unit.name,
            "update",
            f"{way.source} to {way.target}: {', '.join(sorted(way.tags))}",
            before=dict.fromkeys(sorted(way.tags), way.source),
            after=dict(sorted(way.tags.items())),
            predicted_by="local",
        )
    try:
        return plan_unit(up, way, seen, unit, layout).step
    except MeshError as error:
        return Step(
            unit.name,
            "update",
            f"to {way.target}",
            before={},
            after={"revision": way.target},
            predicted_by="local",
            notes=[f"could not be rehearsed yet: {error.message}"],
        )
