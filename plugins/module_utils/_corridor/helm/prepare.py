# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Parts of a layout, planned and rehearsed against an observation: releases, Gateway API, tags, retirements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from ..._desired.helm import MANAGER, DesiredRelease, desired_namespaces, releases_of
from ..._desired.layout import Installed, Layout, Part
from ..._desired.manifests import label
from ..._intent.mesh import RELEASES
from ..._tools.helm_releases import Record, Release
from ..mesh import guards
from ..mesh.context import MeshRun
from ..mesh.gateway_api import GatewayApiPlan, plan_gateway_api
from ..mesh.preflight import preflight
from ..objects import ObjectEngine
from ..plan import Plan, Step
from .apply import decisions_for, stored_objects, wait_for_others
from .base import base_release, default_move, guard_base_elsewhere, wanted_default
from .decide import Decision, drift_reason, manifest_difference
from .drift import find_drift, read_live
from .observe import MeshObserved, ReleaseState, release_of
from .owners import Foreign, sort_owners
from .rehearse import rehearse_release, rehearse_repair
from .retire import going_of, plan_retire
from .tags import TagsPlan, plan_tags

Objects = list[dict[str, Any]]


@dataclass(slots=True)
class Prepared:
    """The plan, and all that carrying it out needs.

    `objects`: each release's, as they should be, by the decision's step. `default` moves the default validator, after
    everything else; `retire` are revisions that go; `asks` is the revision that the default validator asks then.
    """

    plan: Plan
    observed: MeshObserved
    installed: Installed
    namespaces: Objects
    gateway_api: GatewayApiPlan | None
    decisions: list[Decision]
    objects: dict[str, Objects]
    tags: TagsPlan = field(default_factory=TagsPlan)
    default: Decision | None = None
    retire: list[str] = field(default_factory=list)
    asks: str = ""

    @property
    def states(self) -> dict[str, ReleaseState]:
        return self.observed.releases

    @property
    def fingerprint(self) -> object:
        """What Helm's records and the tags looked like: whether they changed since shows by comparing."""
        return fingerprint({name: state.records for name, state in self.states.items()}, self.observed.tags)


def fingerprint(records: Mapping[str, Iterable[Record]], tags: Iterable[Mapping[str, Any]]) -> object:
    return (
        {(one.namespace, one.name, one.revision, one.status) for known in records.values() for one in known},
        {(obj["metadata"]["name"], str(obj["metadata"].get("labels"))) for obj in tags},
    )


def prepare(run: MeshRun, observed: MeshObserved, installed: Installed, layout: Layout, parts: Set[Part]) -> Prepared:
    """Plan. Only reads, dry runs and access reviews are sent; every refusal happens in here."""
    intent, client = run.intent, run.client
    guards.guard_elsewhere(intent, observed.elsewhere)
    guards.guard_installed(intent, installed, layout, observed.release(RELEASES["ztunnel"]))
    guards.guard_namespaces(intent, observed.namespaces)
    guards.guard_selectors(intent, observed.namespaces)
    may_wait = intent.wait and not run.check_mode
    observed.releases = wait_for_others(client, intent, run.driver, observed.releases, wait=may_wait)
    states = observed.releases
    if "control_plane" in parts:
        run.notes += guards.guard_hop(intent, guards.hop_from(installed, layout))
    _note_unwanted(run, states)

    namespaces = desired_namespaces(intent, observed.namespaces)
    namespace_steps = ObjectEngine(client, manager=MANAGER).plan(namespaces) if namespaces else []

    wanted, default = _wanted(run, observed, installed, layout, parts)
    decisions = decisions_for(intent, wanted, states)
    releases = {name: state.release for name, state in states.items()}
    stored = {one.step: stored_objects(client, releases.get(one.name)) for one in wanted}
    rendered = _render(run, observed, decisions, stored, releases)
    drifted = _look_for_drift(run, decisions, stored)
    gateway_api = plan_gateway_api(client, intent.gateway_api, observed) if "crds" in parts else None
    if gateway_api:
        run.warnings += gateway_api.warnings
    new_spaces = {step.name for step in namespace_steps if step.action == "create"}
    assumed = [obj for obj in namespaces if label(obj) in new_spaces]
    coming = next((one.desired for one in decisions if one.writes and one.desired.component == "istiod"), None)
    tags = plan_tags(run, observed, installed, layout, coming, assumed) if "tags" in parts else TagsPlan()
    base = observed.release(RELEASES["base"])
    asks = wanted_default(intent, base, installed, layout) if intent.revisioned else ""
    retire_steps = plan_retire(run, observed, installed, layout, parts, asks)
    changes = [*namespace_steps, *tags.steps, *retire_steps]
    if any(one.writes for one in decisions) or default or any(step.changes for step in changes):
        _guard_writes(run, observed, decisions, rendered, stored)

    steps = [_release_step(run, one, rendered, stored, drifted.get(one.desired.step), assumed) for one in decisions]
    objects = {one.step: rendered.get(one.step) or stored[one.step] for one in wanted}
    # The order of writing: namespaces, base with its CRDs, the Gateway API's CRDs, then what runs, then who asks it.
    split = 1 if "crds" in parts and decisions and decisions[0].desired.component == "base" else 0
    plan = Plan([*namespace_steps, *steps[:split]])
    if gateway_api:
        plan.steps.append(gateway_api.step)
    plan.steps += [*steps[split:], *tags.steps]
    if default:
        plan.steps.append(default_step(run, observed, default, objects))
    plan.steps += retire_steps
    retire = going_of(installed, layout) if retire_steps else []
    return Prepared(plan, observed, installed, namespaces, gateway_api, decisions, objects, tags, default, retire, asks)


def _wanted(
    run: MeshRun, observed: MeshObserved, installed: Installed, layout: Layout, parts: Set[Part]
) -> tuple[list[DesiredRelease], Decision | None]:
    intent, release = run.intent, observed.release(RELEASES["base"])
    elsewhere = [known for known in observed.elsewhere if known.name == RELEASES["base"]]
    rest = releases_of(intent, layout, set(parts) - {"crds"})
    if release is None and elsewhere and intent.revisioned:
        if note := guard_base_elsewhere(release_of(run.client, elsewhere, run.driver), layout, parts):
            run.notes.append(note)
        return rest, None
    base = base_release(intent, release, installed, layout, parts)
    default = default_move(intent, release, installed, layout, parts, base)
    return [base, *rest] if base else rest, default


def _release_step(
    run: MeshRun,
    decision: Decision,
    rendered: Mapping[str, Objects],
    stored: Mapping[str, Objects],
    drifted: Any,
    assumed: Objects,
) -> Step:
    name = decision.desired.step
    if decision.action == "repair":
        return rehearse_repair(decision, drifted)
    if decision.writes:
        return rehearse_release(run.client, decision, rendered[name], stored[name], assumed)
    return Step(name, "none", decision.reason)


def default_step(run: MeshRun, observed: MeshObserved, move: Decision, objects: dict[str, Objects]) -> Step:
    """Rehearse the move of the default validator: of base only what differs by it is shown, and looked at again."""
    release = move.desired
    rendered = run.helm_side.render(
        {release.step: (release, True)},
        kubernetes=observed.kubernetes,
        api_versions=run.client.api_versions(),
        client=run.client,
    )[release.step]
    before = objects.get(f"release/{release.name}")
    if before is None:
        before = stored_objects(run.client, observed.release(release.name))
    webhooks = [obj for obj in rendered if obj["kind"] == "ValidatingWebhookConfiguration"]
    objects[release.step] = webhooks
    return rehearse_release(
        run.client, move, webhooks, [obj for obj in before if obj["kind"] == "ValidatingWebhookConfiguration"], []
    )


def _note_unwanted(run: MeshRun, states: Mapping[str, ReleaseState]) -> None:
    for component, name in RELEASES.items():
        if component not in run.intent.components and name in states and run.intent.node_agents:
            run.warnings.append(
                f"Release {name} is installed, but mode {run.intent.mode} does not include it; it is left as it is."
            )


def _render(
    run: MeshRun,
    observed: MeshObserved,
    decisions: list[Decision],
    stored: Mapping[str, Objects],
    releases: Mapping[str, Release | None],
) -> dict[str, Objects]:
    """Render what is to be written; and charts from a folder always, since they change without a new version.

    A published chart of one version is one thing: with the values equal too, the release's manifest is the chart's.
    """
    from_folder = run.intent.charts.kind == "path"
    wanted = {
        decision.desired.step: (decision.desired, releases.get(decision.desired.name) is not None)
        for decision in decisions
        if decision.writes or from_folder
    }
    if not wanted:
        return {}
    rendered = run.helm_side.render(
        wanted, kubernetes=observed.kubernetes, api_versions=run.client.api_versions(), client=run.client
    )
    for decision in decisions:
        if from_folder and not decision.writes:
            difference = manifest_difference(stored[decision.desired.step], rendered[decision.desired.step])
            if difference:
                decision.action, decision.reason = "update", difference
            else:  # What is in force and what would be rendered say the same: drift is measured against the former.
                rendered.pop(decision.desired.step)
    return rendered


def _look_for_drift(run: MeshRun, decisions: list[Decision], stored: Mapping[str, Objects]) -> dict[str, Any]:
    """Turn `none` into `repair` where the server no longer has what the manifest says."""
    found: dict[str, Any] = {}
    quiet = [decision for decision in decisions if not decision.writes]
    objects = [obj for decision in quiet for obj in stored[decision.desired.step]]
    if not objects:
        return found
    live = read_live(run.client, objects)
    for decision in quiet:
        drifted = find_drift(run.client, stored[decision.desired.step], live)
        if drifted:
            decision.action = "repair"
            decision.reason = drift_reason({name: one.paths for name, one in drifted.items()})
            found[decision.desired.step] = drifted
    if found:  # Repairing goes through helm, which wants the chart: better missed now than in the middle.
        run.helm_side.need(decision.desired for decision in quiet if decision.action == "repair")
    return found


def _guard_writes(
    run: MeshRun,
    observed: MeshObserved,
    decisions: list[Decision],
    rendered: Mapping[str, Objects],
    stored: Mapping[str, Objects],
) -> None:
    """What matters only when something is to be written: fitness of the cluster, and whose objects these are."""
    if run.intent.preflight:
        warnings, notes = guards.guard_kubernetes(run.intent, observed.kubernetes)
        run.warnings += warnings
        run.notes += [*notes, *preflight(run.client, run.intent)]
    foreign = Foreign()
    for decision in decisions:
        if decision.writes:
            before = stored[decision.desired.step]
            sort_owners(run, decision, rendered.get(decision.desired.step) or before, before, foreign)
    if not run.intent.take_ownership:
        guards.refuse_foreign(foreign)
