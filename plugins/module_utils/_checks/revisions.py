# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of revisions and tags: which control planes nobody uses any more, and which tags lead nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from . import dialling, mesh, naming, sail, webhooks
from .model import Check, Finding, NotApplicable, counted
from .skew import revision_of, workload_of
from .snapshot import Obj, Snapshot, dig, labels_of, name_of, ref

_CATEGORY = "revisions"


def stale(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0004."""
    planes = mesh.require_control_planes(snapshot)
    if len(planes) < 2:
        return
    used = uses(snapshot)
    resources = _sail_revisions(snapshot)
    active = sail.active_revisions(snapshot)
    busy = [plane for plane in planes if used.get(plane.revision) or plane.revision in active]
    for plane in planes:
        if plane in busy or not busy:
            continue
        resource = resources.get(plane.revision)
        newer = all(plane.version and other.version and plane.version > other.version for other in busy)
        others = ", ".join(other.revision for other in busy)
        evidence = [f"no tag, namespace, pod or ztunnel uses revision {plane.revision}"]
        evidence += [f"in use: revision {other.revision} ({_by(used, other.revision)})" for other in busy]
        if resource is not None:
            item = sail.condition(resource, "InUse")
            evidence.append(f"{ref(resource)} InUse={item.get('status') or 'not told'} {item.get('reason') or ''}")
        validators = [name_of(hook.configuration) for hook in _default_validators(snapshot, plane)]
        evidence += [f"the default validator {name} still calls it" for name in validators]
        yield Finding(
            "info" if newer else "warning",
            f"Nothing uses istiod of revision {plane.revision} yet: it is newer than {others}, as a canary is."
            if newer
            else f"Nothing uses istiod of revision {plane.revision} any more, while {others} "
            f"{'is' if len(busy) == 1 else 'are'} in use.",
            (plane.ref, *((ref(resource),) if resource is not None else ())),
            tuple(evidence),
            "Go on with the upgrade: meshwright.istio.mesh_upgrade." if newer else _retire(plane, resource, validators),
        )


def uses(snapshot: Snapshot) -> dict[str, list[str]]:
    """Who uses which revision: tags, namespaces, pods, ztunnels, by revision, as people name them."""
    found: dict[str, list[str]] = defaultdict(list)
    hooks = mesh.injectors(snapshot)
    for tag, made in naming.tags(snapshot).items():
        for revision in {naming.revision_of(hook) for hook in made}:
            found[revision].append(f"tag {tag}")
    for item in snapshot.items("sail_tags"):
        found[str(dig(item, "status", "istioRevision") or "")].append(ref(item))
    for namespace in snapshot.items("namespaces"):
        labels = labels_of(namespace)
        # a label counts as a use, whether or not its injector is there
        named = {labels[naming.REVISION]} if labels.get(naming.REVISION) else set()
        if labels.get(naming.INJECTION) == "enabled":
            named |= naming.injecting(hooks, labels, {})
        for revision in named:
            found[revision].append(ref(namespace))
    for pod in snapshot.items("proxies"):
        found[revision_of(pod)].append(workload_of(pod))
    istiods = {plane.revision: plane.pod_labels for plane in mesh.control_planes(snapshot)}
    for pod in snapshot.items("revision_pods"):
        revision = labels_of(pod)[naming.REVISION]
        # istiod's own pods carry the label of their revision
        if labels_of(pod).get("app") != istiods.get(revision, {}).get("app", "istiod"):
            found[revision].append(workload_of(pod))
    for daemon_set in mesh.components(snapshot, mesh.ZTUNNEL):
        found[naming.agent_revision(daemon_set)].append(ref(daemon_set))
        for dial in dialling.dials(daemon_set):
            for plane in dialling.behind(snapshot, *dial.service) if dial.service else ():
                found[plane.revision].append(ref(daemon_set))
    return {revision: list(dict.fromkeys(users)) for revision, users in found.items()}


def tags_resolve(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0005."""
    made = naming.tags(snapshot)
    resources = {name_of(item): item for item in snapshot.items("sail_tags")}
    if not made and not resources:
        raise NotApplicable("there are no revision tags")
    outside = bool(mesh.remote_control_plane(snapshot))
    revisions = {plane.revision for plane in mesh.control_planes(snapshot)}
    for tag in sorted({*made, *resources}):
        resource, hooks = resources.get(tag), made.get(tag, [])
        problems: list[str] = []
        remedy = "Point the tag at a revision that is there: tags of meshwright.istio.istio_mesh, or delete it."
        if resource is not None:
            for finding in sail.judged(resource, kinds=("Reconciled",)):
                problems += [finding.title, *finding.evidence[1:]]
                remedy = finding.remedy
        for hook in hooks:
            problem = webhooks.dead_service(snapshot, hook)
            if not problem and hook.service and naming.revision_of(hook) not in revisions and not outside:
                problem = f"there is no istiod of revision {naming.revision_of(hook)}"
            if problem and problem not in problems:
                problems.append(problem)
        led = {naming.revision_of(hook) for hook in hooks}
        meant = str(dig(resource, "status", "istioRevision") or "") if resource is not None else ""
        if not problems and meant and led - {meant}:
            problems.append(f"{ref(hooks[0].configuration)} still leads to revision {', '.join(sorted(led))}")
        objects = tuple(dict.fromkeys(([ref(resource)] if resource is not None else []) + [hook.ref for hook in hooks]))
        if problems:
            yield Finding(
                "error",
                f"Tag {tag} does not resolve: {problems[0].rstrip('.')}.",
                objects,
                tuple(problems),
                remedy,
            )
        else:
            yield from _halves(snapshot, tag, led, objects)


def _halves(snapshot: Snapshot, tag: str, led: set[str], objects: tuple[str, ...]) -> Iterator[Finding]:
    """A tag's webhook and its Service, which charts have since 1.28, move by two writes: they may disagree."""
    for service in snapshot.items("services"):
        revision = labels_of(service).get(naming.REVISION)
        if labels_of(service).get(naming.TAG) == tag and revision and led and revision not in led:
            yield Finding(
                "warning",
                f"Tag {tag} was moved by halves: its webhook leads to revision {', '.join(sorted(led))}, its Service "
                f"to {revision}.",
                (*objects, ref(service)),
                (f"{ref(service)} {naming.REVISION}={revision}",),
                "Set the tag again: tags of meshwright.istio.istio_mesh.",
            )


def _default_validators(snapshot: Snapshot, plane: mesh.ControlPlane) -> list[mesh.Webhook]:
    return [
        hook
        for hook in mesh.validators(snapshot)
        if mesh.catches_unlabelled(hook)
        and hook.service
        and plane in dialling.behind(snapshot, hook.service[0], hook.service[1])
    ]


def _retire(plane: mesh.ControlPlane, resource: Obj | None, validators: list[str]) -> str:
    first = "Move the default validator to a revision in use first (the tag default). Then: " if validators else ""
    if resource is not None:
        return (
            f"{first}meshwright.istio.mesh_upgrade (stage: finish) retires it. The operator prunes it by itself "
            f"after the grace period, unless it was not made by an Istio: kubectl delete istiorevision {plane.revision}"
        )
    release = labels_of(plane.deployment).get("release")
    by_hand = f" By hand: helm -n {plane.namespace} uninstall {release}" if release else ""
    return f"{first}meshwright.istio.mesh_upgrade (stage: finish) retires it.{by_hand}"


def _by(used: dict[str, list[str]], revision: str) -> str:
    users = used.get(revision) or []
    if not users:
        return "the active one of an Istio resource"
    return ", ".join(users[:3]) + (f" and {counted(len(users) - 3, 'other')}" if len(users) > 3 else "")


def _sail_revisions(snapshot: Snapshot) -> dict[str, Obj]:
    return {name_of(item): item for item in snapshot.items("sail_revisions")}


CHECKS = (
    Check(
        4,
        "No control plane is left that nothing uses",
        _CATEGORY,
        "warning",
        (
            "istiods",
            "mutating_webhooks",
            "validating_webhooks",
            "services",
            "namespaces",
            "proxies",
            "revision_pods",
            "daemonsets",
            "sail_istios",
            "sail_revisions",
            "sail_tags",
        ),
        "Where several istiods run: is each used by a tag, a namespace's or pod's label, a running proxy or a "
        "ztunnel, or the active revision of an Istio resource? One that nothing uses while another is in use was "
        "left behind by an upgrade, by Helm or by the Sail Operator. A newer one is a canary, and told for "
        "information. Clusters that use this control plane from outside are not seen.",
        stale,
    ),
    Check(
        5,
        "Revision tags lead to an istiod",
        _CATEGORY,
        "error",
        ("istiods", "mutating_webhooks", "services", "endpoint_slices", "sail_tags"),
        "Does each tag's webhook (label `istio.io/tag`) call a Service with a ready endpoint, is there an istiod of "
        "its revision, and is each IstioRevisionTag reconciled (`RefNotFound` when what it names is gone)? Deleting "
        "an Istio leaves its tags with their webhooks, and pods of their namespaces are refused. A tag that nothing "
        "uses (`NotReferencedByAnything`) is no failure.",
        tags_resolve,
    ),
)
