# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""From Helm to the Sail Operator: it is installed, our releases become its own, its resources are written over them.

The operator then finds each of its releases installed already and upgrades it, instead of being refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._desired.layout import DEFAULT_TAG, IN_PLACE, Layout, Target
from ..._errors import GuardRefused, MeshError
from ..._intent.mesh import RELEASES
from ..._kube import kinds
from ..._kube.client import Deadline
from ..helm.driver import HelmDriver
from ..helm.observe import observe
from ..live import Target as LiveTarget
from ..live import observe as observe_objects
from ..live import target as target_of
from ..mesh import guards
from ..mesh.context import MeshRun
from ..mesh.driver import Prepared
from ..mesh.present import make_namespaces
from ..plan import Plan, Step
from ..sail.driver import SailDriver
from ..sail.observe import observe_sail
from . import compare, operator, sail_side
from .guard import aim_at, as_planned, guard_layout, labelled, refuse_gitops
from .records import Place, Rename, forget, forget_parted, guard_quiet, part, records_at, rename, rename_steps
from .state import Migration
from .undo import with_undo

_VALIDATOR = "ValidatingWebhookConfiguration"
_OURS = "meshwright.io/"


@dataclass(slots=True)
class ToSail:
    """A rehearsed migration."""

    migration: Migration
    aim: Target
    steps: list[Step]
    rehearsal: Prepared


def prepare(run: MeshRun, migration: Migration | None) -> ToSail:
    """Plan and rehearse; only reads and dry runs are sent. `migration` is the one that is under way, if one is."""
    if migration is None:
        migration = _begin(run)
    elif migration.to != "sail":
        migration = migration.back(*_releases(run, migration.layout), "operator")
    aim = aim_at(run, migration)
    rehearsal = SailDriver(run).prepare(aim.layout, aim.parts)
    return ToSail(migration, aim, _steps(run, migration), rehearsal)


def _begin(run: MeshRun) -> Migration:
    intent, client = run.intent, run.client
    observed = observe(client, intent, run.driver)
    guards.guard_elsewhere(intent, observed.elsewhere)
    layout = guard_layout(run, HelmDriver(run).installed().layout)
    for component in ("cni", "ztunnel"):
        if intent.node_agents and component in intent.components and getattr(layout, component) is None:
            raise GuardRefused(
                f"{RELEASES[component]} is not a release of this mesh.",
                hint="Bring the mesh to what is wanted with method: helm first.",
            )
    renames, forgotten = _releases(run, layout)
    places = [change.old for change in renames]
    places += [Place(intent.namespace_of(name), RELEASES[name], run.driver) for name in ("base", "cni", "ztunnel")]
    client.many(lambda place: guard_quiet(client, place), places)
    refuse_gitops(run, labelled(sail_side.live_at(client, places)))
    return Migration(
        source="helm",
        to="sail",
        layout=layout,
        renames=renames,
        forgotten=forgotten,
        workloads=compare.templates(client, intent, layout),
        stage="operator",
    )


def _releases(run: MeshRun, layout: Layout) -> tuple[list[Rename], list[Place]]:
    """What is renamed, and what is dropped: of base, the CRDs are nobody's release any more, so it is made anew."""
    changes = sail_side.renames(run.intent, layout, _operator_namespace(run), run.driver)
    base = Place(run.intent.namespace, RELEASES["base"], run.driver)
    return [change.reverse for change in changes if change.new.name != base.name], [base]


def _operator_namespace(run: MeshRun) -> str:
    return sail_side.operator_namespace(observe_sail(run.client, run.intent, run.driver), run.intent)


def _steps(run: MeshRun, migration: Migration) -> list[Step]:
    steps = []
    for obj in operator.stopped(observe_sail(run.client, run.intent, run.driver).operators):
        replicas = obj["metadata"]["annotations"][operator.REPLICAS]
        steps.append(
            Step(
                f"operator/{obj['metadata']['namespace']}/{obj['metadata']['name']}",
                "update",
                "started again: a migration had stopped it",
                before={"replicas": 0},
                after={"replicas": replicas},
                predicted_by="local",
            )
        )
    steps += rename_steps(run.client, migration.renames)
    for place in migration.forgotten:
        if records_at(run.client, place):
            told = "the CRDs stay, as nobody's release"
            if made := ", ".join(str(one) for one in _made(run, migration)):
                told += f"; what else is in it, and tags, become the operator's releases {made}"
            steps.append(Step(f"record/{place.name}", "delete", told, predicted_by="local"))
    return steps


def carry_out(run: MeshRun, prepared: ToSail) -> Plan:
    """Under the mesh's Lease. Returns the plan as it was carried out."""
    migration, intent, client = prepared.migration, run.intent, run.client
    deadline = Deadline(max(intent.wait_timeout, 30))

    def begin(stage: Any) -> None:
        migration.begin(client, intent.namespace, intent.name, stage)

    driver = SailDriver(run)
    if migration.stage in ("operator", "records"):
        try:
            begin("operator")
            operator.start(client, observe_sail(client, intent, run.driver).operators, deadline)
            first = driver.prepare(prepared.aim.layout, frozenset(("crds",)))
            make_namespaces(run, first)
            driver.carry_out(first)
            begin("records")
            _records(run, migration)
        except MeshError as error:
            if not migration.turned:
                with_undo(error, lambda: undo(run, migration))
            raise
        begin("resources")
    final = driver.prepare(prepared.aim.layout, prepared.aim.parts)
    make_namespaces(run, final)
    driver.carry_out(final)
    for place in migration.forgotten:
        forget(client, place)
    for change in migration.renames:
        forget(client, change.old)
    run.notes += compare.told(migration.workloads, compare.templates(client, intent, migration.layout))
    migration.end(client)
    return Plan([*prepared.steps, *as_planned(prepared.rehearsal.plan, final.plan)])


def undo(run: MeshRun, migration: Migration) -> None:
    """Back to Helm, as long as none of the operator's resources was written."""
    for change in migration.renames:
        rename(run.client, change.reverse)
    for place in _made(run, migration):
        forget_parted(run.client, place)
    migration.end(run.client)


def _made(run: MeshRun, migration: Migration) -> list[Place]:
    """The operator's releases that are made of parts of ours."""
    intent, layout = run.intent, migration.layout
    made = sail_side.tag_places(intent, layout)
    if layout.active == IN_PLACE:
        made.append(Place(_operator_namespace(run), f"{IN_PLACE}-base"))
    return made


def _records(run: MeshRun, migration: Migration) -> None:
    client, intent = run.client, run.intent
    for change in migration.renames:
        rename(client, change)
    ours, istiod = Place(intent.namespace, RELEASES["base"], run.driver), migration.renames[0].new
    kept = [obj for obj in sail_side.objects_at(client, ours) if obj["kind"] != kinds.CRD.kind]
    for place in _made(run, migration):
        if place.name == f"{IN_PLACE}-base":
            part(client, istiod, place, kept, "base")
            continue
        tag = place.name.removesuffix("-revisiontags")
        objects = [as_manifest(which, obj) for which, obj in _tag_objects(run, tag).items()]
        if tag == DEFAULT_TAG:
            objects += [obj for obj in kept if obj["kind"] == _VALIDATOR]
        part(client, istiod, place, objects, "revisiontags")


def _tag_objects(run: MeshRun, tag: str) -> dict[LiveTarget, dict[str, Any]]:
    """The live objects of a tag."""
    space = run.intent.namespace
    suffix = "" if space == "istio-system" else f"-{space}"
    return observe_objects(
        run.client,
        [
            target_of(kinds.MUTATING_WEBHOOK, None, f"istio-revision-tag-{tag}{suffix}"),
            target_of(kinds.SERVICE, space, f"istiod-revision-tag-{tag}"),
        ],
    )


def as_manifest(which: LiveTarget, obj: Mapping[str, Any]) -> dict[str, Any]:
    """A live object as a chart would have rendered it: without what istiod and the server wrote into it."""
    meta = obj["metadata"]
    kept: dict[str, Any] = {"name": which.name}
    if which.namespace:
        kept["namespace"] = which.namespace
    if meta.get("labels"):
        kept["labels"] = dict(meta["labels"])
    ours = {key: value for key, value in (meta.get("annotations") or {}).items() if key.startswith(_OURS)}
    if ours:
        kept["annotations"] = ours
    result: dict[str, Any] = {
        "apiVersion": which.kind.api_version,
        "kind": which.kind.kind,
        "metadata": kept,
    }
    if obj.get("webhooks"):
        result["webhooks"] = [
            {**hook, "clientConfig": {key: value for key, value in hook["clientConfig"].items() if key != "caBundle"}}
            for hook in obj["webhooks"]
        ]
    spec = obj.get("spec")
    if isinstance(spec, Mapping):
        result["spec"] = {key: value for key, value in spec.items() if key in ("ports", "selector")}
    return result
