# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of the control plane: is it there, does it run, can it be reached, does the cluster serve its CRDs."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from . import mesh, selectors, versions
from .expected import ISTIO_CRDS
from .model import Check, Finding, NotApplicable
from .snapshot import Obj, Snapshot, Undecided, dig, labels_of, meta, name_of, namespace_of, number, ref

_CATEGORY = "control plane"


def present(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0000."""
    if mesh.control_planes(snapshot):
        return
    remote = mesh.remote_control_plane(snapshot)
    if remote:
        raise NotApplicable(f"the control plane runs outside this cluster: {remote}")
    if unseen := snapshot.unseen(["istiods"]):
        raise Undecided(unseen)
    yield Finding(
        "error",
        "There is no mesh to verify: no istiod Deployment exists in any namespace.",
        evidence=("no Deployment labelled app=istiod",),
        remedy="Install one with meshwright.istio.istio_mesh, or check that kubeconfig and context name the right "
        "cluster.",
    )


def crds_served(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0001."""
    planes = mesh.require_control_planes(snapshot)
    newest = max((plane.version for plane in planes if plane.version), default=None)
    served: dict[tuple[str, str], set[str]] = {}
    for item in snapshot.items("api"):
        served.setdefault((str(item["group"]), str(item["kind"])), set()).add(str(item["version"]))
    ignored, included = _patterns(planes, "PILOT_IGNORE_RESOURCES"), _patterns(planes, "PILOT_INCLUDE_RESOURCES")
    for crd in ISTIO_CRDS:
        if newest is not None and newest.line < crd.since:
            continue
        if _any_match(crd.name, ignored) and not _any_match(crd.name, included):
            continue
        # Without a version of istiod to go by, only what every supported release has is expected.
        if newest is None and crd.since > (1, 22):
            continue
        found = served.get((crd.group, crd.kind), set())
        missing = [version for version in crd.versions if version not in found]
        if not found:
            yield Finding(
                "error",
                f"{crd.kind} ({crd.group}) is not served: istiod expects its CRD.",
                (f"CustomResourceDefinition {crd.name}",),
                (f"expected {', '.join(crd.versions)}, served none", f"istiod {newest or 'of unknown version'}"),
                "Run meshwright.istio.istio_mesh with state: present; it applies the CRDs of the version it installs.",
            )
        elif missing:
            yield Finding(
                "error",
                f"{crd.kind} ({crd.group}) is not served as {', '.join(missing)}: its CRD is older than istiod.",
                (f"CustomResourceDefinition {crd.name}",),
                (f"expected {', '.join(crd.versions)}", f"served {', '.join(sorted(found))}"),
                "Run meshwright.istio.istio_mesh with state: present; it applies the CRDs of the version it installs.",
            )
    yield from _stale_crds(snapshot, newest)


def _patterns(planes: list[mesh.ControlPlane], variable: str) -> list[str]:
    return [pattern.strip() for plane in planes for pattern in plane.env(variable).split(",") if pattern.strip()]


def _any_match(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _stale_crds(snapshot: Snapshot, newest: versions.Version | None) -> Iterator[Finding]:
    """CRDs whose chart is of an older minor release than istiod: fields they do not know are dropped silently."""
    if newest is None:
        return
    old: dict[str, list[str]] = {}
    expected = {crd.name for crd in ISTIO_CRDS}
    for crd in snapshot.items("crds"):
        version = versions.parse(str(labels_of(crd).get("app.kubernetes.io/version", "")))
        if name_of(crd) in expected and version is not None and version.line < newest.line:
            old.setdefault(str(version), []).append(ref(crd))
    for version_text, names in sorted(old.items()):
        yield Finding(
            "warning",
            f"{len(names)} of Istio's CRDs are of {version_text}, istiod is {newest}: "
            "fields that are new since then are dropped without a word.",
            tuple(names),
            (f"label app.kubernetes.io/version={version_text}",),
            "Upgrade the CRDs first: meshwright.istio.istio_mesh upgrades the base chart before istiod.",
        )


def replicas(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0007."""
    for plane in mesh.require_control_planes(snapshot):
        deployment = plane.deployment
        wanted = dig(deployment, "spec", "replicas")
        wanted = 1 if wanted is None else int(wanted)
        if wanted == 0:
            yield Finding(
                "error",
                "istiod is scaled to zero: running pods go on, but no new pod gets a configuration or certificate.",
                (plane.ref,),
                ("spec.replicas 0",),
                f"kubectl -n {plane.namespace} scale deployment {plane.name} --replicas=2",
            )
            continue
        yield from _rollout(snapshot, plane, wanted)
        scaler = _scaler(snapshot, deployment)
        yield from _availability(snapshot, plane, wanted, scaler)
        if scaler is not None:
            yield from _scaling(plane, scaler)


def _rollout(snapshot: Snapshot, plane: mesh.ControlPlane, wanted: int) -> Iterator[Finding]:
    deployment = plane.deployment
    updated, available = (
        number(deployment, "status", "updatedReplicas"),
        number(deployment, "status", "availableReplicas"),
    )
    total = number(deployment, "status", "replicas")
    observed, generation = (
        number(deployment, "status", "observedGeneration"),
        int(meta(deployment).get("generation") or 0),
    )
    if observed >= generation and updated >= wanted and available >= wanted and total <= max(updated, wanted):
        return
    evidence = [f"wanted {wanted}, updated {updated}, available {available}, of {total} pods"]
    if observed < generation:
        evidence.append(f"generation {generation}, observed {observed}: the change was not yet acted on")
    for condition in dig(deployment, "status", "conditions") or ():
        if condition.get("type") == "ReplicaFailure" or condition.get("status") == "False":
            evidence.append(f"{condition.get('type')}={condition.get('status')}: {condition.get('message', '')}")
    evidence += mesh.pods_in_trouble(snapshot, deployment)
    yield Finding(
        "error",
        f"istiod (revision {plane.revision}) is not fully rolled out: {available} of {wanted} replicas available.",
        (plane.ref,),
        tuple(evidence),
        f"kubectl -n {plane.namespace} describe pods -l app=istiod",
    )


def _availability(snapshot: Snapshot, plane: mesh.ControlPlane, wanted: int, scaler: Obj | None) -> Iterator[Finding]:
    least = int(dig(scaler, "spec", "minReplicas") or 1) if scaler is not None else wanted
    budgets = [
        budget
        for budget in snapshot.items("disruption_budgets")
        if namespace_of(budget) == plane.namespace
        and dig(budget, "spec", "selector")
        and selectors.matches(dig(budget, "spec", "selector"), plane.pod_labels)
    ]
    if wanted < 2 and least < 2:
        yield Finding(
            "warning",
            f"istiod (revision {plane.revision}) has one replica: while its node drains, new pods get no "
            f"configuration.",
            (plane.ref,),
            (f"spec.replicas {wanted}", *((f"{ref(scaler)} minReplicas {least}",) if scaler is not None else ())),
            "Set istiod.replicas (or istiod.autoscale.min) of meshwright.istio.istio_mesh to 2 or more.",
        )
    elif not budgets:
        yield Finding(
            "warning",
            f"No PodDisruptionBudget protects istiod (revision {plane.revision}): a drain may evict all replicas at "
            f"once.",
            (plane.ref,),
            (f"replicas {max(wanted, least)}",),
            "Set istiod.disruption_budget of meshwright.istio.istio_mesh.",
        )
    for budget in budgets:
        allowed, expected = number(budget, "status", "disruptionsAllowed"), number(budget, "status", "expectedPods")
        healthy = number(budget, "status", "currentHealthy")
        if expected and allowed == 0 and healthy >= expected:
            yield Finding(
                "warning",
                f"{ref(budget)} allows no disruption although all {expected} istiod pods are healthy: node drains "
                f"will hang.",
                (ref(budget), plane.ref),
                (f"disruptionsAllowed 0, currentHealthy {healthy}, expectedPods {expected}",),
                "Raise the replicas, or lower the budget's minAvailable.",
            )


def _scaling(plane: mesh.ControlPlane, scaler: Obj) -> Iterator[Finding]:
    for condition in dig(scaler, "status", "conditions") or ():
        kind, status = condition.get("type"), condition.get("status")
        if kind in ("AbleToScale", "ScalingActive") and status == "False":
            yield Finding(
                "warning",
                f"{ref(scaler)} cannot scale istiod: {condition.get('reason', 'no reason given')}.",
                (ref(scaler), plane.ref),
                (f"{kind}=False: {condition.get('message', '')}",),
                "Install the metrics server, or set istiod.replicas of meshwright.istio.istio_mesh, not "
                "istiod.autoscale.",
            )
    most, current = number(scaler, "spec", "maxReplicas"), number(scaler, "status", "currentReplicas")
    if most > 1 and current >= most and number(scaler, "status", "desiredReplicas") >= most:
        yield Finding(
            "warning",
            f"{ref(scaler)} has reached its maximum of {most} replicas: istiod cannot grow further.",
            (ref(scaler), plane.ref),
            (f"currentReplicas {current}, maxReplicas {most}",),
            "Raise istiod.autoscale.max of meshwright.istio.istio_mesh, or istiod.resources.",
        )


def _scaler(snapshot: Snapshot, deployment: Obj) -> Obj | None:
    for scaler in snapshot.items("autoscalers"):
        target = dig(scaler, "spec", "scaleTargetRef") or {}
        same_place = namespace_of(scaler) == namespace_of(deployment)
        if same_place and target.get("kind") == "Deployment" and target.get("name") == name_of(deployment):
            return scaler
    return None


def endpoints(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0008."""
    for plane in mesh.require_control_planes(snapshot):
        services = [
            service
            for service in snapshot.items("services")
            if namespace_of(service) == plane.namespace
            and selectors.selects(dig(service, "spec", "selector"), plane.pod_labels)
            and any(port.get("port") == 15012 for port in dig(service, "spec", "ports") or ())
        ]
        if not services:
            yield Finding(
                "error",
                f"No Service leads to istiod (revision {plane.revision}): proxies and ztunnels cannot reach it.",
                (plane.ref,),
                (f"no Service in {plane.namespace} with port 15012 selects its pods",),
                "Run meshwright.istio.istio_mesh with state: present; it finds and repairs what drifted.",
            )
        for service in services:
            ready, total = mesh.ready_endpoints(snapshot, plane.namespace, name_of(service))
            if ready == 0:
                yield Finding(
                    "error",
                    f"{ref(service)} has no ready endpoint: new pods get no configuration, certificates are not "
                    f"renewed.",
                    (ref(service), plane.ref),
                    (f"{total} addresses, none ready", *mesh.pods_in_trouble(snapshot, plane.deployment)),
                    f"kubectl -n {plane.namespace} get pods,endpointslices -l app=istiod",
                )
    yield from _orphans(snapshot)


def _orphans(snapshot: Snapshot) -> Iterator[Finding]:
    """Services of istiod (of a tag, say) that choose the pods of no control plane: what deleting a revision leaves."""
    planes = mesh.control_planes(snapshot)
    for service in snapshot.items("services"):
        selector = dig(service, "spec", "selector")
        if labels_of(service).get("app") != "istiod" or not selector:
            continue
        here = (plane for plane in planes if plane.namespace == namespace_of(service))
        if not any(selectors.selects(selector, plane.pod_labels) for plane in here):
            shown = ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))
            yield Finding(
                "warning",
                f"{ref(service)} leads to no istiod: whoever dials it is cut off.",
                (ref(service),),
                (f"selector {shown} matches no control plane",),
                "Point its tag at a revision that exists, or delete the Service and its tag.",
            )


CHECKS = (
    Check(
        0,
        "A control plane is present",
        _CATEGORY,
        "error",
        ("istiods", "mutating_webhooks", "services"),
        "Looks for istiod Deployments in every namespace, whoever installed them. Without one there is nothing to "
        "verify, which must not look like a healthy mesh. Runs with every selection, unless it is skipped by name. "
        "Skipped when the injectors show that the control plane runs outside the cluster.",
        present,
    ),
    Check(
        1,
        "CRD versions served",
        _CATEGORY,
        "error",
        ("istiods", "api", "crds"),
        "Compares the API versions that the cluster serves with those that the newest istiod expects. A kind or "
        "version "
        "that is not served is configuration nobody can write or read; CRDs of an older release drop new fields "
        "silently. What `PILOT_IGNORE_RESOURCES` excludes is not expected.",
        crds_served,
    ),
    Check(
        7,
        "istiod replicas, disruption budget, autoscaler",
        _CATEGORY,
        "error",
        ("istiods", "autoscalers", "disruption_budgets", "component_pods"),
        "Is every istiod rolled out in its present generation, and can it lose a node? One replica, or several without "
        "a PodDisruptionBudget, is a warning: while istiod is down, running pods go on, but a new pod is cut off, "
        "though it looks Ready in ambient mode. So is a budget that blocks every drain, and an autoscaler that cannot "
        "read its metrics or has reached its maximum.",
        replicas,
    ),
    Check(
        8,
        "istiod Service has endpoints",
        _CATEGORY,
        "error",
        ("istiods", "services", "endpoint_slices", "component_pods"),
        "Does a Service lead to each istiod, with at least one ready address? Services of istiod that match no control "
        "plane, such as those of a revision tag whose revision is gone, are a warning.",
        endpoints,
    ),
)
