# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""From the Sail Operator to Helm: the operator is stopped and lets go, and its releases become ours, under our names.

No object is deleted but the operator's own resources. What is written into the mesh's objects is what `helm upgrade`
makes of the difference between the operator's chart values and ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..._desired.layout import Target
from ..._desired.manifests import label
from ..._desired.tags import TAGS_MANAGER
from ..._errors import GuardRefused, MeshError
from ..._intent.mesh import RELEASES
from ..._kube.client import Deadline
from ..helm.driver import HelmDriver
from ..mesh.context import MeshRun
from ..mesh.driver import Prepared
from ..mesh.present import make_namespaces
from ..plan import Plan, Step
from ..sail.observe import SailObserved, installed, observe_sail
from . import compare, operator, sail_side
from .guard import aim_at, as_planned, guard_layout, labelled, refuse_gitops
from .records import Place, disown_record, forget, forget_parted, guard_quiet, part, records_at, rename, rename_steps
from .state import Migration
from .undo import with_undo

_HELMS = ("meta.helm.sh/release-name", "meta.helm.sh/release-namespace")
_VALIDATOR = "ValidatingWebhookConfiguration"


@dataclass(slots=True)
class ToHelm:
    """A rehearsed migration; `others` are the operator's resources of other meshes."""

    migration: Migration
    aim: Target
    steps: list[Step]
    rehearsal: Prepared
    others: list[str]


def prepare(run: MeshRun, migration: Migration | None) -> ToHelm:
    """Plan and rehearse; only reads and dry runs are sent. `migration` is the one that is under way, if one is."""
    observed = observe_sail(run.client, run.intent, run.driver)
    if migration is None:
        migration = _begin(run, observed)
    elif migration.to != "helm":
        space, layout = sail_side.operator_namespace(observed, run.intent), migration.layout
        renames = sail_side.renames(run.intent, layout, space, run.driver)
        migration = migration.back(renames, sail_side.tag_places(run.intent, layout), "stop")
    aim = aim_at(run, migration)
    mine = sail_side.resources(observed, run.intent)
    others = sail_side.others(observed, mine)
    steps = _steps(run, migration, observed, mine, others)
    driver = _driver(run)
    driver.installed()
    rehearsal = driver.prepare(aim.layout, aim.parts)
    until_now = {f"release/{change.new.name}": change.old for change in migration.renames}
    for step in rehearsal.plan:
        if step.action == "create" and step.name in until_now:
            step.action, step.reason = "update", f"the operator's release {until_now[step.name]} until now"
    space = sail_side.operator_namespace(observed, run.intent)
    places = [*sail_side.sail_places(run.intent, migration.layout, space), *(one.new for one in migration.renames)]
    now = [obj for place in places for obj in sail_side.objects_at(run.client, place)]
    run.notes += compare.predicted(now, [obj for found in rehearsal.work.objects.values() for obj in found])
    return ToHelm(migration, aim, steps, rehearsal, others)


def _begin(run: MeshRun, observed: SailObserved) -> Migration:
    intent, client = run.intent, run.client
    there = installed(intent, observed)
    layout = guard_layout(run, there.layout)
    if intent.node_agents and intent.mode == "ambient" and layout.ztunnel is None:
        raise GuardRefused(
            f"mode is ambient, but the Sail Operator has no ZTunnel for mesh {intent.name}.",
            hint="Bring the mesh to the mode wanted with method: sail first.",
        )
    sail_side.guard_places(intent, observed)
    operator.guard_stoppable(observed.operators)
    space = sail_side.operator_namespace(observed, run.intent)
    places = sail_side.sail_places(intent, layout, space)
    client.many(lambda place: guard_quiet(client, place), places)
    found = labelled(sail_side.live_at(client, places))
    refuse_gitops(run, [*found, *((label(obj), obj) for obj in sail_side.resources(observed, intent))])
    return Migration(
        source="sail",
        to="helm",
        layout=layout,
        renames=sail_side.renames(intent, layout, space, run.driver),
        forgotten=sail_side.tag_places(intent, layout),
        workloads=compare.templates(client, intent, layout),
        resources=[sail_side.as_written(obj) for obj in sail_side.resources(observed, intent)],
    )


def _steps(
    run: MeshRun, migration: Migration, observed: SailObserved, mine: list[dict[str, Any]], others: list[str]
) -> list[Step]:
    steps = []
    for obj in observed.operators:
        action: Any = "update" if operator.running([obj]) else "none"
        stays = f"; started again afterwards, since it also has {', '.join(others[:3])}" if others else ""
        steps.append(
            Step(
                f"operator/{obj['metadata']['namespace']}/{obj['metadata']['name']}",
                action,
                f"stopped while the mesh changes hands{stays}" if action == "update" else "stopped already",
                before={"replicas": (obj.get("spec") or {}).get("replicas", 1)} if action == "update" else None,
                after={"replicas": 0} if action == "update" else None,
                predicted_by="local" if action == "update" else "",
            )
        )
    space = sail_side.operator_namespace(observed, run.intent)
    places = sail_side.sail_places(run.intent, migration.layout, space)
    live = sail_side.live_at(run.client, [*places, *(change.new for change in migration.renames)])
    owned = sorted(which.label for which, obj in live.items() if sail_side.is_owned(obj))
    steps.append(
        Step(
            "ownership",
            "update" if owned else "none",
            f"{len(owned)} objects stay when the operator's resources go" if owned else "nothing is the operator's",
            before={"owned by the Sail Operator": owned} if owned else None,
            predicted_by="local" if owned else "",
        )
    )
    steps += [
        Step(
            label(obj),
            "delete",
            "let go, with all that it owns left in place",
            before=sail_side.as_written(obj),
            predicted_by="local",
        )
        for obj in mine
    ]
    steps += rename_steps(run.client, migration.renames)
    for place in migration.forgotten:
        if records_at(run.client, place):
            reason = "tags are objects of their own; Helm's record of them goes, they stay"
            steps.append(Step(f"record/{place.name}", "delete", reason, predicted_by="local"))
    return steps


def _driver(run: MeshRun) -> HelmDriver:
    """Helm for this run; what the operator leaves is ours to take, which was asked for by `migrate`."""
    return HelmDriver(replace(run, intent=replace(run.intent, take_ownership=True)))


def carry_out(run: MeshRun, prepared: ToHelm) -> Plan:
    """Under the mesh's Lease. Returns the plan as it was carried out."""
    migration, intent, client = prepared.migration, run.intent, run.client
    deadline = Deadline(max(intent.wait_timeout, 30))

    def begin(stage: Any) -> None:
        migration.begin(client, intent.namespace, intent.name, stage)

    operators = observe_sail(client, intent, run.driver).operators
    if migration.stage in ("stop", "records"):
        try:
            begin("stop")
            operator.stop(client, operators, deadline)
            begin("records")
            _rename(run, migration)
        except MeshError as error:
            if not migration.turned:
                with_undo(error, lambda: undo(run, migration))
            raise
        begin("let_go")
    if migration.stage == "let_go":
        operator.stop(client, operators, deadline)  # It may have been started by hand since.
        _let_go(run, migration, deadline)
        _tags(run, migration)
        begin("install")
    driver = _driver(run)
    driver.installed()
    final = driver.prepare(prepared.aim.layout, prepared.aim.parts)
    make_namespaces(run, final)
    driver.carry_out(final)
    run.notes += compare.told(migration.workloads, compare.templates(client, intent, migration.layout))
    if prepared.others:
        operator.start(client, observe_sail(client, intent, run.driver).operators, deadline)
    elif operators:
        names = ", ".join(label(obj) for obj in operators)
        run.notes.append(f"{names} is stopped and has nothing left to do; uninstall it when you will not go back")
    migration.end(client)
    done = {step.name for step in final.plan}
    carried = [step for step in prepared.steps if step.name not in done]
    return Plan([*carried, *as_planned(prepared.rehearsal.plan, final.plan)])


def _let_go(run: MeshRun, migration: Migration, deadline: Deadline) -> None:
    client, intent = run.client, run.intent
    observed = observe_sail(client, intent, run.driver)
    space = sail_side.operator_namespace(observed, run.intent)
    places = [*sail_side.sail_places(intent, migration.layout, space), *(change.new for change in migration.renames)]
    sail_side.disown(client, sail_side.live_at(client, places))
    sail_side.let_go(client, [*sail_side.resources(observed, intent), *migration.resources], deadline)


def undo(run: MeshRun, migration: Migration) -> None:
    """Back to the operator, as long as its resources are there."""
    for change in migration.renames:
        rename(run.client, change.reverse)
    if sail_side.default_validator(migration.layout, run.intent) is not None:
        forget_parted(run.client, _base_place(run))
    operator.start(run.client, observe_sail(run.client, run.intent, run.driver).operators, None)
    migration.end(run.client)


def _base_place(run: MeshRun) -> Place:
    return Place(run.intent.namespace, RELEASES["base"], run.driver)


def _rename(run: MeshRun, migration: Migration) -> None:
    for change in migration.renames:
        rename(run.client, change)
    for place in sail_side.kept_places(run.intent, migration.layout):
        disown_record(run.client, place)
    validator = sail_side.default_validator(migration.layout, run.intent)
    if validator is not None:
        found = sail_side.objects_at(run.client, validator)
        part(run.client, validator, _base_place(run), [obj for obj in found if obj["kind"] == _VALIDATOR], "base")


def _tags(run: MeshRun, migration: Migration) -> None:
    client = run.client
    for place in migration.forgotten:
        for which, obj in sail_side.live_at(client, [place]).items():
            labels = obj["metadata"].get("labels") or {}
            if which.kind.kind == _VALIDATOR:
                continue
            # From here on they are objects of our own, told by who applied them.
            body = {
                "apiVersion": obj.get("apiVersion") or which.kind.api_version,
                "kind": which.kind.kind,
                "metadata": {
                    "name": which.name,
                    **({"namespace": which.namespace} if which.namespace else {}),
                    "labels": {"istio.io/tag": labels.get("istio.io/tag", "")},
                },
            }
            client.apply(body, manager=TAGS_MANAGER, force=True)
            plain = {"annotations": dict.fromkeys(_HELMS)}
            client.patch(which.kind, which.name, which.namespace, {"metadata": plain}, resource_version=None)
        forget(client, place)
