# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: absent` of a mesh by Helm: who asks istiod, node agents, istiods, what they wrote, base: nothing dead stays.

What is shared with another mesh in the cluster stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ..._desired.layout import IN_PLACE, istiod_name
from ..._desired.manifests import label, shown
from ..._desired.tags import ALIAS, is_alias
from ..._errors import GuardRefused
from ..._intent.mesh import RELEASES
from ..._kube import kinds
from ..helm.apply import apply_release, stored_objects, wait_for_others
from ..helm.base import default_of, without_default
from ..helm.decide import Decision
from ..helm.installed import belongs, bound_to, to_remove
from ..helm.observe import MeshObserved, ReleaseState, observe
from ..helm.prepare import default_step
from ..helm.retire import kept, remove_revision
from ..journal import JOURNAL_LABEL
from ..objects import ObjectEngine
from ..plan import Plan, Step
from ..settle import Ref
from ..usage import REVISION_LABEL, TAG_LABEL, read_usage
from .context import MeshRun
from .leftovers import (
    elections_in,
    elections_of,
    enrolled,
    guard_enrolled,
    other_istiods,
    purgeable,
    written_by_istiod,
)
from .lock import MeshLock
from .present import with_evidence
from .result import mesh_state, result

MANAGER = "meshwright-mesh"
LEADING = "tags and validation"
LEFTOVERS = "leftovers"
PURGE = "purge"


@dataclass(slots=True)
class _Removal:
    """`leading` is what leads to istiod: tags, alias, validators. `agents` and `revisions` go, `base` only if alone."""

    plan: Plan
    observed: MeshObserved
    objects: dict[str, list[dict[str, Any]]]
    leading: list[Ref]
    default: Decision | None
    agents: list[str]
    revisions: list[str]
    others: list[str]
    purge: list[Ref] = field(default_factory=list)

    @property
    def states(self) -> dict[str, ReleaseState]:
        return self.observed.releases


def absent(run: MeshRun) -> dict[str, Any]:
    """No mesh of this name. Succeeds without a change where there is none. Returns the result."""
    removal = _prepare(run)
    gone = removal.plan.changed and not run.check_mode
    if gone:
        with_evidence(removal.plan, lambda: _carry_out_alone(run, removal))
    state = mesh_state(run, removal.observed, gone=gone)
    return result(removal.plan, state, warnings=run.warnings, notes=run.notes)


def _prepare(run: MeshRun) -> _Removal:
    client, intent = run.client, run.intent
    observed = observe(client, intent, run.driver)
    wait = intent.wait and not run.check_mode
    states = observed.releases = wait_for_others(client, intent, run.driver, observed.releases, wait=wait)
    revisions = to_remove(intent, states)
    others = other_istiods(observed.istiods, intent.namespace, [istiod_name(one) for one in revisions])
    agents = _agents(run, observed, revisions, others)
    names = [*agents, *(istiod_name(one) for one in revisions)]
    names += [] if others else [RELEASES["base"]]
    objects = {
        name: [obj for obj in stored_objects(client, states[name].release) if not kept(obj)]
        for name in names
        if name in states
    }
    leading = _leading(run, observed, revisions, objects.get(RELEASES["base"], []))
    objects_now: dict[str, list[dict[str, Any]]] = {}
    base = observed.release(RELEASES["base"])
    default = without_default(base) if base and others and default_of(base) in revisions else None
    steps = [_refs_step(LEADING, leading, "what leads to an istiod that goes")]
    if default:
        steps.append(default_step(run, observed, default, objects_now))
    for component in ("ztunnel", "cni"):
        steps.append(_release_step(RELEASES[component], states, objects, shared=RELEASES[component] not in agents))
    steps += [_release_step(istiod_name(one), states, objects) for one in revisions or [IN_PLACE]]
    held = {
        (obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) for o in objects.values() for obj in o
    }
    held |= {(ref[0].kind, ref[1], ref[2]) for ref in leading}
    leftovers = _leftovers(run, revisions, others)
    leftovers = [ref for ref in leftovers if (ref[0].kind, ref[1], ref[2]) not in held]
    steps.append(_refs_step(LEFTOVERS, leftovers, "what istiod wrote beside its release"))
    steps.append(_release_step(RELEASES["base"], states, objects, shared=bool(others)))
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
    if plan.changed:
        classes = [ref[2] for ref in leftovers if ref[0] is kinds.GATEWAY_CLASS]
        told = _users(run, observed, revisions, agents) if others else _enrolled(run, observed, classes)
        run.notes += guard_enrolled(intent, told)
    return _Removal(plan, observed, objects, leading, default, agents, revisions, others, purge)


def _agents(run: MeshRun, observed: MeshObserved, revisions: list[str], others: list[str]) -> list[str]:
    """The node agents' releases that go: those that this mesh looks after."""
    there = [RELEASES[one] for one in ("ztunnel", "cni") if RELEASES[one] in observed.releases]
    if not run.intent.node_agents:
        return []
    if not others:
        return there
    bound = bound_to(observed.release(RELEASES["ztunnel"]))
    return there if bound in revisions or (bound and belongs(run.intent, bound)) else []


def _leading(run: MeshRun, observed: MeshObserved, revisions: list[str], base: list[dict[str, Any]]) -> list[Ref]:
    """Tags of these revisions, the alias, and base's validators where base goes too."""
    client, space = run.client, run.intent.namespace
    refs: list[Ref] = []
    for obj in observed.tags:
        labels = obj["metadata"]["labels"]
        revision = str(labels.get(REVISION_LABEL) or IN_PLACE)
        if revision in revisions or belongs(run.intent, revision):
            refs.append((kinds.MUTATING_WEBHOOK, None, obj["metadata"]["name"]))
    for obj in client.list(kinds.SERVICE, space):
        labels = obj["metadata"].get("labels") or {}
        revision = str(((obj.get("spec") or {}).get("selector") or {}).get(REVISION_LABEL) or IN_PLACE)
        mine = revision in revisions or belongs(run.intent, revision)
        if mine and (TAG_LABEL in labels or (obj["metadata"]["name"] == ALIAS and is_alias(obj))):
            refs.append((kinds.SERVICE, space, obj["metadata"]["name"]))
    for kind in (kinds.VALIDATING_WEBHOOK, kinds.MUTATING_WEBHOOK):
        named = [obj["metadata"]["name"] for obj in base if obj["kind"] == kind.kind]
        refs += [(kind, None, name) for name in named if client.get(kind, name) is not None]
    return refs


def _leftovers(run: MeshRun, revisions: list[str], others: list[str]) -> list[Ref]:
    """What no release holds, less what another mesh's istiods share."""
    client, space = run.client, run.intent.namespace
    if not others:
        return [*written_by_istiod(client, run.intent), *_journals(run)]
    if not any(other.startswith(f"{space}/") for other in others):
        return [*elections_in(client, space), *_journals(run)]
    return [*(ref for revision in revisions for ref in elections_of(client, space, revision)), *_journals(run)]


def _journals(run: MeshRun) -> list[Ref]:
    """Journals of operations on this mesh that never ended."""
    space = run.intent.namespace
    found = run.client.list(kinds.CONFIG_MAP, space, labels=JOURNAL_LABEL, metadata_only=True)
    metas = [obj["metadata"] for obj in found]
    mine = [one["name"] for one in metas if one["name"].endswith(f"-{one['labels'][JOURNAL_LABEL]}-{run.intent.name}")]
    return [(kinds.CONFIG_MAP, space, name) for name in mine]


def _enrolled(run: MeshRun, observed: MeshObserved, classes: list[str]) -> list[str]:
    return enrolled(run.client, observed.namespaces.values(), classes)


def _users(run: MeshRun, observed: MeshObserved, revisions: list[str], agents: list[str]) -> list[str]:
    """Who uses just these revisions and agents, beside what goes with them."""
    usage = read_usage(run.client)
    found = []
    for revision in revisions:
        # Tags and ztunnel go too; namespaces behind a tag still count.
        gone = {tag for tag, to in usage.tags.items() if to == revision}
        names = replace(usage, ztunnels={} if agents else usage.ztunnels).of(revision)
        found += [name for name in names if name.removeprefix("tag ") not in gone]
    if RELEASES["ztunnel"] in agents:
        for obj in observed.namespaces.values():
            if (obj["metadata"].get("labels") or {}).get("istio.io/dataplane-mode") == "ambient":
                found.append(f"Namespace {obj['metadata']['name']} (ambient)")
    return list(dict.fromkeys(found))


def _release_step(
    name: str, states: dict[str, ReleaseState], objects: dict[str, list[dict[str, Any]]], *, shared: bool = False
) -> Step:
    if name not in states:
        return Step(f"release/{name}", "none", "not installed")
    if shared:
        return Step(f"release/{name}", "none", "stays: another mesh needs it")
    newest = states[name].latest
    return Step(
        f"release/{name}",
        "delete",
        f"installed (revision {newest.revision}, {newest.status})" if newest else "recorded",
        before={label(obj): shown(obj) for obj in objects[name]},
        predicted_by="local",
    )


def _refs_step(name: str, refs: list[Ref], reason: str) -> Step:
    if not refs:
        return Step(name, "none", "nothing is left")
    named = sorted(kind.label(namespace, which) for kind, namespace, which in refs)
    return Step(name, "delete", f"{reason}: {len(refs)} objects", before={"objects": named}, predicted_by="local")


def _carry_out_alone(run: MeshRun, removal: _Removal) -> None:
    if run.intent.namespace not in removal.observed.namespaces:
        _carry_out(run, removal)
        return
    with MeshLock(run.client, run.intent.namespace, patience=run.patience):
        _carry_out(run, removal)


def _carry_out(run: MeshRun, removal: _Removal) -> None:
    client, intent = run.client, run.intent
    engine = ObjectEngine(client, manager=MANAGER)
    engine.absent(removal.leading)
    if removal.default:
        apply_release(client, run.helm_side, removal.default, run.driver)
    for name in removal.agents:
        component = "ztunnel" if name == RELEASES["ztunnel"] else "cni"
        _uninstall(run, engine, removal, name, intent.namespace_of(component))  # type: ignore[arg-type]
    for revision in removal.revisions:
        remove_revision(run, engine, removal.observed, revision)
    # Only now: an istiod that still runs would write these again.
    engine.absent(_leftovers(run, removal.revisions, removal.others))
    if not removal.others and RELEASES["base"] in removal.states:
        _uninstall(run, engine, removal, RELEASES["base"], intent.namespace)
    if removal.purge:
        engine.absent(removal.purge)


def _uninstall(run: MeshRun, engine: ObjectEngine, removal: _Removal, name: str, namespace: str) -> None:
    run.helm_side.helm.uninstall(name, namespace, timeout=run.client.deadline.left())
    engine.absent(removal.objects[name])
