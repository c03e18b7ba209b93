# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Everything before the first write of the Sail method: observe, guard, decide, rehearse."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from ..._desired.helm import MADE_BY, MANAGER, desired_namespaces
from ..._desired.layout import Layout, Part
from ..._desired.manifests import label
from ..._desired.sail import (
    DEFAULT,
    nudged,
    sail_revision,
)
from ..._desired.sail_served import ServedSail
from ..._desired.sail_values import dig
from ..._desired.tags import ALIAS, is_alias
from ..._errors import GuardRefused
from ..._kube import kinds
from ..items import Item
from ..live import observe as observe_objects
from ..live import target as target_of
from ..mesh import guards
from ..mesh.context import MeshRun
from ..mesh.gateway_api import GatewayApiPlan, plan_gateway_api
from ..mesh.preflight import preflight
from ..objects import ObjectEngine
from ..plan import Plan, Step
from .dials import dial_problem, wanted_dial
from .going import Going, plan_going
from .guards import (
    alias_warning,
    guard_method,
    guard_owners,
    guard_place,
    guard_schema,
    guard_strategy,
)
from .observe import SailObserved, active_name, bound_to, follows, installed, observe_sail, version_in
from .operator import OperatorPlan, guard_version, plan_operator, untouched
from .resources import resources_of

Obj = dict[str, Any]
CRDS_STEP = "crds/sail-operator"
_SAIL_KINDS = ("Istio", "IstioCNI", "ZTunnel", "IstioRevisionTag")


@dataclass(slots=True)
class Pin:
    """A resource that follows the Istio, and the IstioRevision that it is held on until it is moved."""

    obj: Obj
    revision: str

    @property
    def step(self) -> str:
        return f"pin/{label(self.obj)}"


@dataclass(slots=True)
class SailWork:
    """The plan, and all that carrying it out needs. `resources` by what they are for, in the order of writing."""

    layout: Layout
    parts: frozenset[Part]
    plan: Plan
    observed: SailObserved
    operator: OperatorPlan
    gateway_api: GatewayApiPlan | None
    namespaces: list[Obj]
    crds: list[Item]
    resources: dict[str, list[Obj]]
    items: dict[str, Item]
    pins: list[Pin]
    removed: list[Going]

    @property
    def served(self) -> ServedSail:
        return self.operator.served or ServedSail()


def prepare_sail(run: MeshRun, layout: Layout, parts: Set[Part]) -> SailWork:
    """Observe and plan. Only reads, dry runs and access reviews are sent; every refusal happens in here."""
    intent, client = run.intent, run.client
    observed = observe_sail(client, intent, run.driver)
    guard_method(intent, observed)
    guard_strategy(intent, observed)
    guards.guard_namespaces(intent, observed.mesh.namespaces)
    guards.guard_selectors(intent, observed.mesh.namespaces)
    if "control_plane" in parts:
        current = guards.hop_from(installed(intent, observed), layout)
        run.notes += [note for note in guards.guard_hop(intent, current) if note not in run.notes]
    operator = _operator(run, observed, layout, parts)
    if "control_plane" in parts:
        guard_version(intent, layout.version, operator.served)
    warning = alias_warning(observed, intent.name)
    if warning and warning not in run.warnings:
        run.warnings.append(warning)

    served = operator.served or ServedSail()
    resources = resources_of(run, observed, layout, parts, served)
    flat = [obj for group in resources.values() for obj in group]
    live = _live(run, observed, flat)
    for obj in flat:
        if obj["kind"] in ("Istio", "IstioCNI", "ZTunnel"):
            guard_place(obj, live.get(label(obj)))
    guard_owners(intent, live.values())
    guard_schema(intent, [obj for obj in flat if obj["kind"] in _SAIL_KINDS], served)

    namespaces = desired_namespaces(intent, observed.mesh.namespaces) + _operator_namespace(run, observed, operator)
    gateway_api = plan_gateway_api(client, intent.gateway_api, observed.mesh) if "crds" in parts else None
    run.warnings += [one for one in (gateway_api.warnings if gateway_api else []) if one not in run.warnings]
    items = _rehearse(run, observed, operator, namespaces, flat)
    if "ztunnel" in parts:
        _repair(run, observed, layout, served, resources, items)
    pins = plan_pins(run, observed, layout, parts)
    removed = plan_going(run, observed, layout, parts)
    steps = [items[label(obj)].step for obj in namespaces]
    if gateway_api is not None:
        steps += [*_operator_steps(operator, items), gateway_api.step]
    steps += [_pin_step(pin) for pin in pins]
    steps += [items[label(obj)].step for obj in flat]
    steps += [going.step for going in removed]
    plan = Plan(steps)
    if plan.changed and intent.preflight:
        warnings, notes = guards.guard_kubernetes(intent, observed.mesh.kubernetes)
        run.warnings += [one for one in warnings if one not in run.warnings]
        run.notes += [one for one in [*notes, *preflight(client, intent)] if one not in run.notes]
    crds = [items[label(obj)] for obj in operator.crds]
    return SailWork(
        layout,
        frozenset(parts),
        plan,
        observed,
        operator,
        gateway_api,
        namespaces,
        crds,
        resources,
        items,
        pins,
        removed,
    )


def _operator(run: MeshRun, observed: SailObserved, layout: Layout, parts: Set[Part]) -> OperatorPlan:
    if "crds" not in parts:
        if observed.served is None:
            raise GuardRefused("The Sail Operator is not installed.", hint="Run istio_mesh first.")
        return untouched(observed)
    versions = [layout.version, *layout.revisions.values()]
    for obj in observed.revisions.values():
        if (version := _version(obj)) is not None:
            versions.append(version)
    return plan_operator(run, observed, versions)


def _version(obj: Mapping[str, Any]) -> Any:
    return version_in(dig(obj, "spec", "version"))


def _operator_namespace(run: MeshRun, observed: SailObserved, operator: OperatorPlan) -> list[Obj]:
    name = run.intent.operator.namespace
    known = observed.mesh.namespaces.get(name)
    made = known is None or MADE_BY in (dig(known, "metadata", "labels") or {})
    if operator.how == "none" or not made or name in run.intent.namespaces:
        return []
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {MADE_BY: MANAGER}}}]


# -- what it takes -----------------------------------------------------------------------------------------------------


def _live(run: MeshRun, observed: SailObserved, objects: list[Obj]) -> dict[str, Obj]:
    """The objects that there are already, by label."""
    known: dict[str, Obj] = {f"Istio {name}": obj for name, obj in observed.istios.items()}
    known |= {f"IstioRevisionTag {name}": obj for name, obj in observed.tags.items()}
    if observed.cni:
        known[f"IstioCNI {DEFAULT}"] = observed.cni
    if observed.ztunnel:
        known[f"ZTunnel {DEFAULT}"] = observed.ztunnel
    services = [target_of(kinds.SERVICE, run.intent.namespace, ALIAS)]
    found = observe_objects(run.client, services) if any(obj["kind"] == "Service" for obj in objects) else {}
    for one, obj in found.items():
        known[one.label] = obj
        if not is_alias(obj) and not run.intent.take_ownership:
            raise GuardRefused(
                f"istiod_alias: there is a {one.label} that this collection did not make.",
                hint="Remove it, or set take_ownership: true to take it over.",
            )
    wanted = {label(obj) for obj in objects}
    return {name: obj for name, obj in known.items() if name in wanted}


def _rehearse(
    run: MeshRun, observed: SailObserved, operator: OperatorPlan, namespaces: list[Obj], flat: list[Obj]
) -> dict[str, Item]:
    """Each object's item with its step, by label."""
    engine = sail_engine(run)
    if operator.served is not None:
        found = engine.prepare([*namespaces, *operator.crds, *flat])
        return {item.label: item for item in found}
    # Only the Lifecycle Manager will bring the kinds: nobody can be asked about them yet.
    found = engine.prepare([*namespaces, *(obj for obj in flat if obj["kind"] not in _SAIL_KINDS)])
    items = {item.label: item for item in found}
    for obj in flat:
        if obj["kind"] in _SAIL_KINDS:
            name = label(obj)
            step = Step(name, "create", "does not exist; nor does its kind yet", after=obj, predicted_by="local")
            items[name] = Item(obj, target_of(run.client.resolve(obj), None, obj["metadata"]["name"]), step=step)
    return items


def sail_engine(run: MeshRun) -> ObjectEngine:
    """What is there already of a mesh by Sail is adopted: whose else it may be was asked before."""
    return ObjectEngine(run.client, manager=MANAGER, force_conflicts=True)


def _operator_steps(operator: OperatorPlan, items: Mapping[str, Item]) -> list[Step]:
    steps = []
    if operator.crds:
        changing = [items[label(crd)].step for crd in operator.crds if items[label(crd)].step.changes]
        action: Any = "none" if not changing else "update" if operator.existed else "create"
        steps.append(
            Step(
                CRDS_STEP,
                action,
                f"{len(changing)} of {len(operator.crds)} CRDs of the operator's chart differ"
                if changing
                else "as desired",
                before={one.name: one.before for one in changing if one.before},
                after={one.name: one.after for one in changing},
                predicted_by="server" if changing else "",
            )
        )
    return [*steps, operator.step]


def _repair(
    run: MeshRun,
    observed: SailObserved,
    layout: Layout,
    served: ServedSail,
    resources: dict[str, list[Obj]],
    items: dict[str, Item],
) -> None:
    """Where ztunnel's pods are not what the resource says, or will say: the step says so, and makes them so."""
    live = observed.ztunnel
    if live is None or not resources["ztunnel"]:
        return
    desired = resources["ztunnel"][0]
    intent = run.intent
    revision = sail_revision(intent, layout.ztunnel_revision or layout.active)
    problem = dial_problem(
        observed.ztunnel_in(str(dig(live, "spec", "namespace"))),
        desired,
        wanted_dial(desired, revision, intent.namespace),
    )
    moved = bound_to(observed, live) not in ("", revision)
    if not problem or (moved and dig(live, "spec", "values", "ztunnel", "multiCluster")):
        return
    item = items[label(desired)]
    if not item.step.changes:
        # The resource is right and its pods are not: the operator has missed it, and is made to look again.
        resources["ztunnel"] = [nudged(desired, live)]
        item = sail_engine(run).prepare(resources["ztunnel"])[0]
        items[item.label] = item
    item.step.action = "repair"
    item.step.reason = f"ztunnel {problem}, though the operator calls it {dig(live, 'status', 'state') or 'unknown'}"


def plan_pins(run: MeshRun, observed: SailObserved, layout: Layout, parts: Set[Part]) -> list[Pin]:
    """What follows the Istio, and would be moved by a change of its version to an istiod that is not ready yet."""
    name = run.intent.name
    live = observed.istios.get(name)
    if "control_plane" not in parts or live is None or not run.intent.revisioned:
        return []
    current = active_name(live)
    if current == layout.active or current not in observed.revisions:
        return []
    found = [observed.ztunnel, *observed.tags.values()]
    return [Pin(obj, current) for obj in found if obj is not None and follows(obj, name)]


def _pin_step(pin: Pin) -> Step:
    return Step(
        pin.step,
        "update",
        f"it follows {dig(pin.obj, 'spec', 'targetRef', 'kind')} and would be moved at once; held on {pin.revision}",
        before={"targetRef": dig(pin.obj, "spec", "targetRef")},
        after={"targetRef": {"kind": "IstioRevision", "name": pin.revision}},
        predicted_by="local",
    )
