# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Tags and the alias of a layout: planned against what is there, rendered only where something must change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..._desired.helm import DesiredRelease
from ..._desired.layout import DEFAULT_TAG, Installed, Layout, istiod_name
from ..._desired.manifests import shown
from ..._desired.tags import (
    ALIAS,
    TAGS_MANAGER,
    alias_service,
    alias_target,
    is_alias,
    remembered,
    source_of,
    tag_objects,
)
from ..._desired.values import merge
from ..._errors import BadInput, GuardRefused
from ..._kube import kinds
from ..live import Target, observe, target
from ..mesh import guards
from ..mesh.context import MeshRun
from ..objects import ObjectEngine
from ..plan import Step
from ..settle import Ref
from ..usage import REVISION_LABEL, TAG_LABEL, read_usage
from .installed import belongs
from .observe import MeshObserved
from .owners import Foreign, applied_by, sort_tag_owners
from .rehearse import weakest

Objects = list[dict[str, Any]]


@dataclass(slots=True)
class TagsPlan:
    """`objects` to apply and `gone` to delete, for the steps that change; `moves_to` are revisions that something
    which led elsewhere is led to."""

    steps: list[Step] = field(default_factory=list)
    objects: Objects = field(default_factory=list)
    gone: list[Ref] = field(default_factory=list)
    moves_to: set[str] = field(default_factory=set)

    @property
    def changed(self) -> bool:
        return any(step.changes for step in self.steps)


def plan_tags(
    run: MeshRun,
    observed: MeshObserved,
    installed: Installed,
    layout: Layout,
    coming: DesiredRelease | None,
    assumed: Objects,
) -> TagsPlan:
    """The part `tags`. `coming` is istiod's release as this run makes it; `assumed` namespaces that will be there.

    Raises BadInput for a revision that there is not, GuardRefused for tags in use or of others.
    """
    intent = run.intent
    if not intent.revisioned:
        return TagsPlan()
    _guard(run, installed, layout)
    plan, foreign = TagsPlan(), Foreign()
    names = {obj["metadata"]["labels"][TAG_LABEL]: obj["metadata"]["name"] for obj in observed.tags}
    before = installed.layout.tags if installed.layout else {}
    live = _read(run, [*before, *layout.tags], names)
    wanted: dict[str, Objects] = {}
    for revision in sorted(set(layout.tags.values())):
        tags = [tag for tag, to in sorted(layout.tags.items()) if to == revision]
        if revision not in layout.revisions:
            told = f"tag {', '.join(tags)} stands for revision {revision}, which is not there"
            run.warnings.append(f"{told[0].upper()}{told[1:]}; it is left as it is.")
            plan.steps += [Step(f"tag/{tag}", "none", told) for tag in tags]
            continue
        wanted |= _desired(run, observed, layout, coming, revision, tags, live)
    engine = ObjectEngine(run.client, manager=TAGS_MANAGER, force_conflicts=True)
    for tag, objects in sorted(wanted.items()):
        there = [obj for obj in live.get(tag, []) if obj["kind"] == kinds.MUTATING_WEBHOOK.kind]
        moved_from = _revision(there[0]) if there else ""
        revision = layout.tags[tag]
        if there and not applied_by(there[0], TAGS_MANAGER) and moved_from == revision:
            plan.steps.append(Step(f"tag/{tag}", "none", f"stands for {revision}; made by somebody else"))
            continue
        step = _step(engine, tag, objects, assumed, moved_from, revision)
        plan.steps.append(step)
        if step.changes:
            plan.objects += objects
            sort_tag_owners(live.get(tag, []), TAGS_MANAGER, foreign)
            if moved_from and moved_from != revision:
                plan.moves_to.add(revision)
    _plan_removals(run, plan, sorted(set(before) - set(layout.tags)), live, foreign)
    _plan_alias(run, plan, engine, layout, assumed)
    if not intent.take_ownership:
        guards.refuse_foreign(foreign)
    return plan


def _guard(run: MeshRun, installed: Installed, layout: Layout) -> None:
    for tag, revision in run.intent.tags.items():
        to = revision or layout.tags.get(tag, "")
        if to and to not in layout.revisions:
            raise BadInput(
                f"tags: {tag} shall stand for {to}, which is no revision of this mesh.",
                hint=f"There are {', '.join(sorted(layout.revisions))}.",
            )
        if tag in layout.revisions:
            raise BadInput(f"tags: {tag} is the name of a revision.", hint="Give the tag another name.")
    others = sorted({*run.intent.tags, *run.intent.absent_tags, *layout.tags} & set(installed.other_tags))
    if others and not run.intent.take_ownership:
        raise GuardRefused(
            f"Tag {', '.join(others)} stands for a revision of another mesh in this cluster.",
            hint="Take it away there first, or set take_ownership: true.",
        )


def _read(run: MeshRun, tags: Iterable[str], names: Mapping[str, str]) -> dict[str, Objects]:
    """The live objects of each tag."""
    wanted: dict[Target, str] = {}
    for tag in tags:
        wanted[target(kinds.SERVICE, run.intent.namespace, f"istiod-revision-tag-{tag}")] = tag
        if tag in names:
            wanted[target(kinds.MUTATING_WEBHOOK, None, names[tag])] = tag
    found: dict[str, Objects] = {}
    for one, obj in observe(run.client, wanted).items():
        found.setdefault(wanted[one], []).append(obj)
    return found


def _desired(
    run: MeshRun,
    observed: MeshObserved,
    layout: Layout,
    coming: DesiredRelease | None,
    revision: str,
    tags: list[str],
    live: Mapping[str, Objects],
) -> dict[str, Objects]:
    """The objects of these tags of one revision: as remembered by the live ones, else rendered from its chart."""
    release = coming if coming and coming.name == istiod_name(revision) else None
    if release is None:
        there = observed.release(istiod_name(revision))
        if there is None:
            raise GuardRefused(
                f"Revision {revision} is not installed by Helm, so its tags cannot be rendered.",
                hint="Keep such tags with the tool that installed it.",
            )
        release = DesiredRelease("istiod", there.name, there.namespace, there.chart, there.version, there.values)
    found: dict[str, Objects] = {}
    for tag in tags:
        source = source_of(tag, revision, release.version, release.values)
        for obj in live.get(tag, []):
            if obj["kind"] == kinds.MUTATING_WEBHOOK.kind and run.intent.charts.kind != "path":
                known, objects = remembered(obj)
                if known == source:
                    found[tag] = objects
    missing = [tag for tag in tags if tag not in found]
    if any(not _left_alone(live.get(tag, []), revision) for tag in missing):
        asked = replace(release, values=merge(release.values, {"revisionTags": missing}))
        rendered = run.helm_side.render(
            {asked.name: (asked, False)},
            kubernetes=observed.kubernetes,
            api_versions=run.client.api_versions(),
            client=run.client,
        )[asked.name]
        for tag in missing:
            source = source_of(tag, revision, release.version, release.values)
            found[tag] = tag_objects(rendered, tag, source)
    return {tag: found.get(tag, []) for tag in tags}


def _left_alone(live: Objects, revision: str) -> bool:
    """Whether a tag that somebody else made stands for the right revision already."""
    webhooks = [obj for obj in live if obj["kind"] == kinds.MUTATING_WEBHOOK.kind]
    return bool(webhooks) and not applied_by(webhooks[0], TAGS_MANAGER) and _revision(webhooks[0]) == revision


def _revision(obj: Mapping[str, Any]) -> str:
    return str((obj["metadata"].get("labels") or {}).get(REVISION_LABEL, ""))


def _step(engine: ObjectEngine, tag: str, objects: Objects, assumed: Objects, moved_from: str, revision: str) -> Step:
    names = {(obj["kind"], obj["metadata"]["name"]) for obj in objects}
    steps = [
        step
        for step in engine.plan([*assumed, *objects])
        if (step.name.split(" ")[0], step.name.split(" ")[-1].rpartition("/")[2]) in names
    ]
    return _summed(f"tag/{tag}", steps, f"stands for {revision}", moved_from, revision)


def _summed(name: str, steps: list[Step], as_is: str, moved_from: str, revision: str) -> Step:
    changing = [step for step in steps if step.changes]
    if not changing:
        return Step(name, "none", as_is)
    if all(step.action == "create" for step in steps):
        action, reason = "create", as_is.replace("stands", "to stand").replace("leads", "to lead")
    elif moved_from and moved_from != revision:
        action, reason = "update", f"moves from {moved_from} to {revision}"
    else:
        action, reason = "repair", f"changed since it was made: {'; '.join(f'{s.name} {s.reason}' for s in changing)}"
    return Step(
        name,
        action,  # type: ignore[arg-type]
        reason,
        before={one.name: shown(one.before) for one in changing if one.before},
        after={one.name: shown(one.after) for one in changing},
        predicted_by=weakest(one.predicted_by for one in changing),
    )


def _plan_removals(
    run: MeshRun, plan: TagsPlan, tags: list[str], live: Mapping[str, Objects], foreign: Foreign
) -> None:
    if not tags:
        return
    users = tag_users(run, tags)
    if users:
        told = "; ".join(f"{tag}: {', '.join(names[:10])}" for tag, names in sorted(users.items()))
        raise GuardRefused(
            f"A tag that is to go is in use ({told}).",
            hint="Label these namespaces with another tag or revision and restart their pods first.",
            details={"used_by": users},
        )
    for tag in tags:
        objects = live.get(tag, [])
        sort_tag_owners(objects, TAGS_MANAGER, foreign)
        refs = [_ref(run, obj) for obj in objects]
        before = {f"{obj['kind']} {obj['metadata']['name']}": shown(_plain(obj)) for obj in objects}
        plan.gone += refs
        plan.steps.append(Step(f"tag/{tag}", "delete", "not wanted any more", before=before, predicted_by="local"))


def tag_users(run: MeshRun, tags: Iterable[str]) -> dict[str, list[str]]:
    """Who names each tag: namespaces, Gateways, ztunnels, pods; tags that nobody names are left out."""
    usage = read_usage(run.client)
    found: dict[str, list[str]] = {}
    for tag in tags:
        names = [f"Namespace {name}" for name, target_ in sorted(usage.namespaces.items()) if target_ == tag]
        if tag != DEFAULT_TAG:
            names += [f"Gateway {name}" for name, asked in sorted(usage.gateways.items()) if asked == tag]
        names += [name for name, asked in sorted(usage.ztunnels.items()) if asked == tag and tag != DEFAULT_TAG]
        pods = run.client.list(kinds.POD, labels=f"{REVISION_LABEL}={tag}", metadata_only=True)
        names += [kinds.POD.label(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods]
        if names:
            found[tag] = names
    return found


def _plan_alias(run: MeshRun, plan: TagsPlan, engine: ObjectEngine, layout: Layout, assumed: Objects) -> None:
    space = run.intent.namespace
    there = run.client.get(kinds.SERVICE, ALIAS, space)
    moved_from = alias_target(there)
    mine = moved_from in layout.revisions or belongs(run.intent, moved_from)
    if not run.intent.istiod_alias:
        if there is not None and mine:
            plan.gone.append((kinds.SERVICE, space, ALIAS))
            plan.steps.append(Step("alias", "delete", "istiod_alias is false", before=_plain(there)))
        return
    if there is not None and not is_alias(there):
        raise GuardRefused(
            f"istiod_alias: there is a Service {space}/{ALIAS} already, which is no alias of this collection.",
            hint="It belongs to a control plane in place, or was made by hand: remove it, or leave the alias out.",
        )
    if there is not None and not mine and not run.intent.take_ownership:
        raise GuardRefused(
            f"istiod_alias: the Service {space}/{ALIAS} leads to {moved_from}, which is another mesh's.",
            hint="Leave the alias to that mesh, or set take_ownership: true.",
        )
    revision = layout.serving
    service = alias_service(space, revision)
    steps = [step for step in engine.plan([*assumed, service]) if step.name == kinds.SERVICE.label(space, ALIAS)]
    step = _summed("alias", steps, f"Service {ALIAS} leads to {revision}", moved_from, revision)
    plan.steps.append(step)
    if step.changes:
        plan.objects.append(service)
        if moved_from and moved_from != revision:
            plan.moves_to.add(revision)


def _ref(run: MeshRun, obj: dict[str, Any]) -> Ref:
    meta = obj["metadata"]
    return run.client.resolve(obj), meta.get("namespace"), meta["name"]


def _plain(obj: Mapping[str, Any]) -> dict[str, Any]:
    meta = {name: value for name, value in obj["metadata"].items() if name in ("name", "namespace", "labels")}
    return {"apiVersion": obj.get("apiVersion"), "kind": obj.get("kind"), "metadata": meta}


def carry_tags(run: MeshRun, plan: TagsPlan) -> None:
    """Write and delete what changes."""
    engine = ObjectEngine(run.client, manager=TAGS_MANAGER, force_conflicts=True)
    if plan.objects:
        engine.apply(plan.objects)
    if plan.gone:
        engine.absent(plan.gone)
