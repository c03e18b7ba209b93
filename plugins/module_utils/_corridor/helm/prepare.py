# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Everything before the first write of an installation: observe, decide, render, guard, rehearse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._desired.helm import MANAGER, desired_namespaces, desired_releases
from ..._desired.manifests import key, label
from ..._intent.mesh import RELEASES
from ..._tools.helm_releases import Release
from ..mesh import guards
from ..mesh.context import MeshRun
from ..mesh.gateway_api import GatewayApiPlan, plan_gateway_api
from ..mesh.preflight import preflight
from ..objects import ObjectEngine
from ..plan import Plan, Step
from .apply import decisions_for, stored_objects, wait_for_others
from .decide import Decision, drift_reason, manifest_difference
from .drift import find_drift, read_live
from .observe import MeshObserved, ReleaseState, observe, record_kind
from .rehearse import rehearse_release, rehearse_repair

Objects = list[dict[str, Any]]


@dataclass(slots=True)
class Prepared:
    """The plan, and all that carrying it out needs. `objects`: each release's, as they should be, by release name."""

    plan: Plan
    observed: MeshObserved
    states: dict[str, ReleaseState]
    namespaces: Objects
    gateway_api: GatewayApiPlan
    decisions: list[Decision]
    objects: dict[str, Objects]

    @property
    def releases(self) -> dict[str, Release | None]:
        return {name: state.release for name, state in self.states.items()}

    @property
    def fingerprint(self) -> set[tuple[str, int, str]]:
        """What Helm's records looked like: whether they changed since shows by comparing."""
        return fingerprint(self.states)


def fingerprint(states: Mapping[str, ReleaseState]) -> set[tuple[str, int, str]]:
    return {(known.name, known.revision, known.status) for state in states.values() for known in state.records}


def prepare(run: MeshRun) -> Prepared:
    """Observe and plan. Only reads, dry runs and access reviews are sent; every refusal happens in here."""
    intent, client = run.intent, run.client
    wanted = desired_releases(intent)
    observed = observe(client, intent, run.driver)
    guards.guard_elsewhere(intent, observed.elsewhere)
    guards.guard_namespaces(intent, observed.namespaces)
    guards.guard_selectors(intent, observed.namespaces)
    may_wait = intent.wait and not run.check_mode
    states = wait_for_others(client, intent, run.driver, observed.releases, wait=may_wait)
    releases = {name: state.release for name, state in states.items()}
    run.notes += guards.guard_hop(intent, releases)
    _note_unwanted(run, states)

    namespaces = desired_namespaces(intent, observed.namespaces)
    namespace_steps = ObjectEngine(client, manager=MANAGER).plan(namespaces) if namespaces else []

    decisions = decisions_for(intent, wanted, states)
    stored = {one.name: stored_objects(client, releases.get(one.name)) for one in wanted}
    rendered = _render(run, observed, decisions, stored, releases)
    drifted = _look_for_drift(run, decisions, stored)
    gateway_api = plan_gateway_api(client, intent.gateway_api, observed)
    run.warnings += gateway_api.warnings
    if any(decision.writes for decision in decisions) or any(step.changes for step in namespace_steps):
        _guard_writes(run, observed, decisions, rendered, stored)

    new_spaces = {step.name for step in namespace_steps if step.action == "create"}
    assumed = [obj for obj in namespaces if label(obj) in new_spaces]
    release_steps = []
    for decision in decisions:
        name = decision.desired.name
        if decision.action == "repair":
            release_steps.append(rehearse_repair(decision, drifted[name]))
        elif decision.writes:
            release_steps.append(rehearse_release(client, decision, rendered[name], stored[name], assumed))
        else:
            release_steps.append(Step(decision.desired.step, "none", decision.reason))
    # The order of writing: namespaces, base with its CRDs, the Gateway API's CRDs, then what runs.
    plan = Plan([*namespace_steps, *release_steps[:1], gateway_api.step, *release_steps[1:]])
    objects = {one.name: rendered.get(one.name) or stored[one.name] for one in wanted}
    return Prepared(plan, observed, states, namespaces, gateway_api, decisions, objects)


def _note_unwanted(run: MeshRun, states: Mapping[str, ReleaseState]) -> None:
    for component, name in RELEASES.items():
        if component not in run.intent.components and name in states:
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
        decision.desired.name: (decision.desired, releases.get(decision.desired.name) is not None)
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
            difference = manifest_difference(stored[decision.desired.name], rendered[decision.desired.name])
            if difference:
                decision.action, decision.reason = "update", difference
            else:  # What is in force and what would be rendered say the same: drift is measured against the former.
                rendered.pop(decision.desired.name)
    return rendered


def _look_for_drift(run: MeshRun, decisions: list[Decision], stored: Mapping[str, Objects]) -> dict[str, Any]:
    """Turn `none` into `repair` where the server no longer has what the manifest says."""
    found: dict[str, Any] = {}
    quiet = [decision for decision in decisions if not decision.writes]
    objects = [obj for decision in quiet for obj in stored[decision.desired.name]]
    if not objects:
        return found
    live = read_live(run.client, objects)
    for decision in quiet:
        drifted = find_drift(run.client, stored[decision.desired.name], live)
        if drifted:
            decision.action = "repair"
            decision.reason = drift_reason({name: one.paths for name, one in drifted.items()})
            found[decision.desired.name] = drifted
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
    foreign: dict[str, list[str]] = {}
    for decision in decisions:
        if decision.writes:
            _sort_owners(
                run,
                decision,
                rendered.get(decision.desired.name) or stored[decision.desired.name],
                stored[decision.desired.name],
                foreign,
            )
    if not run.intent.take_ownership:
        guards.refuse_foreign(foreign)


def _sort_owners(
    run: MeshRun, decision: Decision, objects: Objects, stored: Objects, foreign: dict[str, list[str]]
) -> None:
    """Name the objects that are another tool's; let Helm take over what only a release that is gone has left."""
    release = decision.desired
    mine = {key(obj) for obj in stored}
    decision.take_ownership = run.intent.take_ownership
    gone: dict[tuple[str, str], bool] = {}
    for name, obj in read_live(run.client, objects).items():
        if obj is None:
            continue
        owner = guards.other_owner(obj)
        space, helm = guards.helm_owner(obj)
        if not owner and (space, helm) != (release.namespace, release.name) and key(obj) not in mine:
            if not helm:
                owner = "nobody known (made without Helm)"
            else:
                if (space, helm) not in gone:
                    gone[space, helm] = not _recorded(run, space, helm)
                if gone[space, helm]:
                    decision.take_ownership = True
                    run.notes.append(f"{name} was left by the release {space}/{helm}, which is gone; it is taken over")
                else:
                    owner = f"Helm release {space}/{helm}"
        if owner:
            foreign.setdefault(owner, []).append(name)


def _recorded(run: MeshRun, namespace: str, name: str) -> bool:
    kind = record_kind(run.driver)
    return bool(run.client.list(kind, namespace, labels=f"owner=helm,name={name}", metadata_only=True))
