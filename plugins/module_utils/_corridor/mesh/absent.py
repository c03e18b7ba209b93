# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: absent`: node agents before the control plane, then what istiod wrote, then base; nothing dead is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._desired.manifests import label, shown
from ..._errors import GuardRefused
from ..._intent.mesh import RELEASES
from ..._kube import kinds
from ..._tools.helm_releases import Release
from ..helm.apply import stored_objects, wait_for_others
from ..helm.observe import MeshObserved, ReleaseState, observe
from ..objects import ObjectEngine
from ..plan import Plan, Step
from ..settle import Ref
from .context import MeshRun
from .leftovers import enrolled, guard_enrolled, other_istiods, purgeable, written_by_istiod
from .lock import MeshLock
from .present import with_evidence
from .result import mesh_state, result

# Reverse of installing: what runs on nodes, the control plane, and last the CRDs' and default webhook's release.
_ORDER = ("ztunnel", "cni", "istiod", "base")
LEFTOVERS = "leftovers"
PURGE = "purge"


@dataclass(slots=True)
class _Removal:
    plan: Plan
    observed: MeshObserved
    states: dict[str, ReleaseState]
    objects: dict[str, list[dict[str, Any]]]
    purge: list[Ref]
    shared_stays: bool


def absent(run: MeshRun) -> dict[str, Any]:
    """No mesh in these namespaces. Succeeds without a change where there is none. Returns the result."""
    removal = _prepare(run)
    if removal.plan.changed and not run.check_mode:
        with_evidence(removal.plan, lambda: _carry_out_alone(run, removal))
        left: dict[str, Release | None] = {}
    else:
        left = {name: state.release for name, state in removal.states.items()}
    return result(removal.plan, mesh_state(run.intent, removal.observed, left), warnings=run.warnings, notes=run.notes)


def _prepare(run: MeshRun) -> _Removal:
    client, intent = run.client, run.intent
    observed = observe(client, intent, run.driver)
    states = wait_for_others(client, intent, run.driver, observed.releases, wait=intent.wait and not run.check_mode)
    others = other_istiods(client, intent) if "istiod" in states else _any_istiod(run)
    objects = {
        name: [obj for obj in stored_objects(client, state.release) if not _kept(obj)] for name, state in states.items()
    }
    steps = []
    for component in _ORDER:
        name = RELEASES[component]  # type: ignore[index]
        if name not in states:
            steps.append(Step(f"release/{name}", "none", "not installed"))
            continue
        newest = states[name].latest
        steps.append(
            Step(
                f"release/{name}",
                "delete",
                f"installed (revision {newest.revision}, {newest.status})" if newest else "recorded",
                before={label(obj): shown(obj) for obj in objects[name]},
                predicted_by="local",
            )
        )
    leftovers = [] if others else written_by_istiod(client, intent)
    held = {
        (obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) for o in objects.values() for obj in o
    }
    leftovers = [ref for ref in leftovers if (ref[0].kind, ref[1], ref[2]) not in held]
    steps.insert(-1, _refs_step(LEFTOVERS, leftovers, "what istiod wrote beside its release"))
    if others:
        run.notes.append(f"another istiod runs in this cluster ({', '.join(others)}), so what it shares is left alone")
    purge: list[Ref] = []
    if intent.purge:
        if others:
            raise GuardRefused(
                f"purge would take the CRDs from another istiod: {', '.join(others)}.", hint="Leave purge out."
            )
        candidates, notes = purgeable(client, intent, observed.namespaces)
        purge = [ref for ref in candidates if client.get(ref[0], ref[2], ref[1]) is not None]
        run.notes += notes
        steps.append(
            _refs_step(PURGE, purge, "purge: CRDs with all their objects, the self-signed root, our namespaces")
        )
    plan = Plan(steps)
    if plan.changed and not others:
        classes = [ref[2] for ref in leftovers if ref[0] is kinds.GATEWAY_CLASS]
        told = enrolled(client, observed.namespaces.values(), classes)
        run.notes += guard_enrolled(intent, told)
    return _Removal(plan, observed, states, objects, purge, bool(others))


def _any_istiod(run: MeshRun) -> list[str]:
    """Any istiod at all: without a release of ours, every one of them is somebody else's."""
    found = run.client.list(kinds.DEPLOYMENT, labels="app=istiod", metadata_only=True)
    return sorted(f"{obj['metadata']['namespace']}/{obj['metadata']['name']}" for obj in found)


def _refs_step(name: str, refs: list[Ref], reason: str) -> Step:
    if not refs:
        return Step(name, "none", "nothing is left")
    named = sorted(kind.label(namespace, which) for kind, namespace, which in refs)
    return Step(name, "delete", f"{reason}: {len(refs)} objects", before={"objects": named}, predicted_by="local")


def _kept(obj: dict[str, Any]) -> bool:
    return bool((obj["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep")


def _carry_out_alone(run: MeshRun, removal: _Removal) -> None:
    if run.intent.namespace not in removal.observed.namespaces:
        _carry_out(run, removal)
        return
    with MeshLock(run.client, run.intent.namespace, patience=run.patience):
        _carry_out(run, removal)


def _carry_out(run: MeshRun, removal: _Removal) -> None:
    client, intent = run.client, run.intent
    engine = ObjectEngine(client, manager="meshwright-mesh")
    for component in _ORDER:
        name = RELEASES[component]  # type: ignore[index]
        if component == "base" and not removal.shared_stays:
            # Only now: an istiod that still runs would write these again.
            engine.absent(written_by_istiod(client, intent))
        if name in removal.states:
            run.helm_side.helm.uninstall(name, intent.namespace_of(component), timeout=client.deadline.left())  # type: ignore[arg-type]
            engine.absent(removal.objects[name])
        if component == "istiod":
            _pods_gone(run)
    if removal.purge:
        engine.absent(removal.purge)


def _pods_gone(run: MeshRun) -> None:
    pods = run.client.list(kinds.POD, run.intent.namespace, labels="app=istiod", metadata_only=True)
    ObjectEngine(run.client, manager="meshwright-mesh").absent(
        [(kinds.POD, pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods]
    )
