# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: absent` of a mesh by Sail: tags, ZTunnel, IstioCNI, Istio, each gone before the next; nothing dead is left.

Deleting the Istio first would leave its tags with webhooks that nobody answers, and a ztunnel without an istiod.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..._desired.helm import MADE_BY
from ..._desired.sail import DEFAULT
from ..._desired.sail_served import CRDS
from ..._desired.sail_values import dig
from ..._desired.tags import ALIAS, is_alias
from ..._errors import GuardRefused
from ..._kube import kinds
from ..helm.apply import stored_objects
from ..mesh.context import MeshRun
from ..mesh.leftovers import enrolled, guard_enrolled, purgeable, written_by_istiod
from ..mesh.lock import MeshLock
from ..mesh.present import with_evidence
from ..mesh.result import result
from ..objects import ObjectEngine
from ..plan import Plan, Step
from ..settle import Ref
from .guards import guard_owners
from .observe import CSV, RELEASE, SUBSCRIPTION, SailObserved, bound_to, observe_sail, other_planes, ztunnel_kind
from .prepare import sail_engine
from .state import sail_state

LEFTOVERS = "leftovers"
PURGE = "purge"
OPERATOR = f"release/{RELEASE}"


@dataclass(slots=True)
class _Removal:
    """`waves` are gone one after the other; `istio` tells which of them is followed by waiting for its revisions."""

    plan: Plan
    observed: SailObserved
    waves: list[list[Ref]]
    leftovers: bool
    operator: list[dict[str, Any]]
    helm: bool
    purge: list[Ref] = field(default_factory=list)


def absent_sail(run: MeshRun) -> dict[str, Any]:
    """No mesh of this name by Sail. Succeeds without a change where there is none. Returns the result."""
    removal = _prepare(run)
    if removal.plan.changed and not run.check_mode:
        with_evidence(removal.plan, lambda: _carry_out_alone(run, removal))
    observed = observe_sail(run.client, run.intent, run.driver)
    return result(removal.plan, sail_state(run.client, run.intent, observed), warnings=run.warnings, notes=run.notes)


def _prepare(run: MeshRun) -> _Removal:
    client, intent = run.client, run.intent
    observed = observe_sail(client, intent, run.driver)
    others = sorted(other_planes(intent, observed) | _other_istios(run, observed))
    waves = _waves(run, observed)
    live = [*observed.istios.values(), *observed.tags.values(), observed.cni, observed.ztunnel]
    going = {(ref[0].kind, ref[2]) for wave in waves for ref in wave}
    guard_owners(intent, [o for o in live if o is not None and (o["kind"], o["metadata"]["name"]) in going])
    steps = [
        Step(f"{kind.label(space, name)}", "delete", "installed", predicted_by="local")
        for wave in waves
        for kind, space, name in wave
    ] or [Step(f"Istio {intent.name}", "none", "absent already")]
    leftovers = [] if others else written_by_istiod(client, intent)
    steps.append(_refs_step(LEFTOVERS, leftovers, "what istiod wrote by itself"))
    if others:
        run.notes.append(f"another istiod runs in this cluster ({', '.join(others)}), so what it shares is left alone")
    purge: list[Ref] = []
    operator: list[dict[str, Any]] = []
    helm = False
    if intent.purge:
        if others:
            raise GuardRefused(
                f"purge would take the CRDs from another istiod: {', '.join(others)}.", hint="Leave purge out."
            )
        helm, operator = _our_operator(run, observed)
        if helm or operator:
            reason = "purge: no mesh is left, and this collection installed it"
            steps.append(Step(OPERATOR, "delete", reason, predicted_by="local"))
        purge, notes = purgeable(client, intent, observed.mesh.namespaces)
        if not (helm or operator):
            # Istio's CRDs came with an operator that somebody else looks after.
            purge = [ref for ref in purge if ref[0] is not kinds.CRD or not ref[2].endswith(".istio.io")]
            notes.append("Istio's CRDs stay: they belong to an operator that this collection did not install")
        own = observed.mesh.namespaces.get(intent.operator.namespace)
        if own and MADE_BY in (dig(own, "metadata", "labels") or {}):
            purge.append((kinds.NAMESPACE, None, intent.operator.namespace))
        if helm or operator:
            purge += [(kinds.CRD, None, name) for name in CRDS]
        purge = [ref for ref in dict.fromkeys(purge) if client.get(ref[0], ref[2], ref[1]) is not None]
        run.notes += notes
        steps.append(
            _refs_step(PURGE, purge, "purge: CRDs with all their objects, the self-signed root, our namespaces")
        )
    plan = Plan(steps)
    if plan.changed and not others:
        classes = [ref[2] for ref in leftovers if ref[0] is kinds.GATEWAY_CLASS]
        run.notes += guard_enrolled(intent, enrolled(client, observed.mesh.namespaces.values(), classes))
    return _Removal(plan, observed, waves, not others, operator, helm, purge)


def _waves(run: MeshRun, observed: SailObserved) -> list[list[Ref]]:
    """What is gone one after the other."""
    intent, name = run.intent, run.intent.name
    mine = set(observed.of(name))
    tags: list[Ref] = [
        (kinds.SAIL_REVISION_TAG, None, tag)
        for tag, obj in sorted(observed.tags.items())
        if bound_to(observed, obj) in mine
        or dig(obj, "spec", "targetRef") == {"kind": "Istio", "name": name}
        or (not observed.revisions and not observed.istios)
    ]
    waves = [tags]
    if intent.node_agents and observed.ztunnel is not None and observed.served is not None:
        bound = bound_to(observed, observed.ztunnel)
        if bound and bound not in mine and bound in observed.revisions:
            run.notes.append(f"ZTunnel is bound to {bound}, of another mesh: it and istio-cni stay")
            intent_agents = False
        else:
            intent_agents = True
            waves.append([(ztunnel_kind(observed.served), None, DEFAULT)])
    else:
        intent_agents = intent.node_agents
    if intent_agents and observed.cni is not None:
        waves.append([(kinds.SAIL_CNI, None, DEFAULT)])
    if name in observed.istios:
        waves.append([(kinds.SAIL_ISTIO, None, name)])
        waves.append([(kinds.SAIL_REVISION, None, revision) for revision in sorted(mine)])
    alias = run.client.get(kinds.SERVICE, ALIAS, intent.namespace)
    if alias is not None and is_alias(alias):
        waves.append([(kinds.SERVICE, intent.namespace, ALIAS)])
    return [wave for wave in waves if wave]


def _other_istios(run: MeshRun, observed: SailObserved) -> set[str]:
    return {f"{dig(o, 'spec', 'namespace')}/{name}" for name, o in observed.istios.items() if name != run.intent.name}


def _our_operator(run: MeshRun, observed: SailObserved) -> tuple[bool, list[dict[str, Any]]]:
    """(whether it is a Helm release of ours, its objects or OLM's)."""
    release = observed.release.latest
    if release is not None and release.ours and release.status != "uninstalled":
        return True, stored_objects(run.client, observed.release.release)
    ours = [one for one in observed.subscriptions if MADE_BY in (dig(one, "metadata", "labels") or {})]
    found: list[dict[str, Any]] = []
    for one in ours:
        found.append({"apiVersion": SUBSCRIPTION.api_version, "kind": "Subscription", "metadata": one["metadata"]})
        name, space = dig(one, "status", "installedCSV"), one["metadata"]["namespace"]
        if name:
            meta = {"name": str(name), "namespace": space}
            found.append({"apiVersion": CSV.api_version, "kind": CSV.kind, "metadata": meta})
    return False, found


def _refs_step(name: str, refs: list[Ref], reason: str) -> Step:
    if not refs:
        return Step(name, "none", "nothing is left")
    told = sorted(kind.label(namespace, which) for kind, namespace, which in refs)
    return Step(name, "delete", f"{reason}: {len(refs)} objects", before={"objects": told}, predicted_by="local")


def _carry_out_alone(run: MeshRun, removal: _Removal) -> None:
    if run.intent.namespace not in removal.observed.mesh.namespaces:
        _carry_out(run, removal)
        return
    with MeshLock(run.client, run.intent.namespace, patience=run.patience):
        _carry_out(run, removal)


def _carry_out(run: MeshRun, removal: _Removal) -> None:
    client, intent = run.client, run.intent
    engine: ObjectEngine = sail_engine(run)
    for wave in removal.waves:
        engine.absent(wave)
    _pods_gone(run)
    if removal.leftovers:
        # Only now: an istiod that still runs would write these again.
        engine.absent(written_by_istiod(client, intent))
    if removal.helm:
        run.helm_side.helm.uninstall(RELEASE, intent.operator.namespace, timeout=client.deadline.left())
    if removal.operator:
        engine.absent([obj for obj in removal.operator if obj.get("kind") != kinds.CRD.kind])
    if removal.purge:
        engine.absent(removal.purge)


def _pods_gone(run: MeshRun) -> None:
    """The operator counts a revision as gone before its istiod's pods have ended."""
    pods = run.client.list(kinds.POD, run.intent.namespace, labels="app=istiod", metadata_only=True)
    ending = [pod for pod in pods if pod["metadata"].get("deletionTimestamp")]
    sail_engine(run).absent([(kinds.POD, pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in ending])
