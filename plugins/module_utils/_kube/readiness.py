# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whether an object is ready, from the object alone. Pure.

Every answer is about this generation: a status that was written for an earlier one says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Readiness:
    """`reason` says in words what was seen; it is never empty."""

    ready: bool
    reason: str


def readiness(obj: Obj) -> Readiness:
    """Whether the object, as the API server showed it, is ready."""
    meta, status = obj.get("metadata") or {}, obj.get("status") or {}
    if meta.get("deletionTimestamp"):
        return Readiness(False, "is being deleted")
    if not _observed(meta, status):
        return Readiness(
            False,
            f"its controller has not seen generation {meta.get('generation')} yet"
            f" (observed {status.get('observedGeneration')})",
        )
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    predicate = _PREDICATES.get((group, str(obj.get("kind"))), _by_conditions)
    return predicate(obj)


def condition(obj: Obj, name: str) -> Obj | None:
    """The condition of that type, unless it was written for an earlier generation."""
    generation = (obj.get("metadata") or {}).get("generation")
    for entry in (obj.get("status") or {}).get("conditions") or []:
        if entry.get("type") == name:
            seen = _number(entry.get("observedGeneration"))
            return None if seen is not None and generation is not None and seen < generation else entry
    return None


def _number(value: Any) -> int | None:
    # istiod writes some observedGenerations as strings.
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None


def _observed(meta: Obj, status: Obj) -> bool:
    seen, generation = _number(status.get("observedGeneration")), _number(meta.get("generation"))
    return seen is None or generation is None or seen >= generation


def _said(entry: Obj | None, absent: str) -> str:
    if entry is None:
        return absent
    words = f"{entry.get('type')} is {entry.get('status')}"
    if entry.get("reason"):
        words += f" ({entry['reason']})"
    return f"{words}: {entry['message']}" if entry.get("message") else words


def _from_condition(obj: Obj, name: str) -> Readiness:
    entry = condition(obj, name)
    return Readiness(
        bool(entry) and entry is not None and entry.get("status") == "True", _said(entry, f"no {name} condition yet")
    )


def _must_observe(obj: Obj) -> Readiness | None:
    """Workloads without any status: their controller has not come by. That is not readiness."""
    if (obj.get("status") or {}).get("observedGeneration") is None:
        return Readiness(False, "its controller has written no status yet")
    return None


def _deployment(obj: Obj) -> Readiness:
    if unseen := _must_observe(obj):
        return unseen
    spec, status = obj.get("spec") or {}, obj["status"]
    wanted = spec.get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available, ready = status.get("availableReplicas", 0), status.get("readyReplicas", 0)
    if updated >= wanted and total <= updated and available >= wanted and ready >= wanted:
        return Readiness(True, f"{ready} of {wanted} replicas ready")
    if updated < wanted:
        words = f"{updated} of {wanted} replicas updated, {available} available"
    elif total > updated:
        words = f"{total - updated} old replicas still there, {available} available"
    else:
        words = f"{available} of {wanted} updated replicas available"
    for name in ("ReplicaFailure", "Progressing"):
        entry = condition(obj, name)
        bad = entry is not None and (entry.get("status") == "True") == (name == "ReplicaFailure")
        if bad and entry is not None and entry.get("reason"):
            words += f"; {entry['reason']}: {entry.get('message', '')}"
    return Readiness(False, words)


def _daemon_set(obj: Obj) -> Readiness:
    if unseen := _must_observe(obj):
        return unseen
    status = obj["status"]
    wanted = status.get("desiredNumberScheduled", 0)
    updated, ready = status.get("updatedNumberScheduled", 0), status.get("numberReady", 0)
    available, misplaced = status.get("numberAvailable", 0), status.get("numberMisscheduled", 0)
    if (obj.get("spec") or {}).get("updateStrategy", {}).get("type") == "OnDelete":
        updated = wanted
    if updated >= wanted and ready >= wanted and available >= wanted:
        return Readiness(True, f"ready on {ready} of {wanted} nodes")
    words = f"{updated} of {wanted} pods updated, {ready} ready, {available} available"
    return Readiness(False, f"{words}, {misplaced} on nodes they should not be on" if misplaced else words)


def _stateful_set(obj: Obj) -> Readiness:
    if unseen := _must_observe(obj):
        return unseen
    spec, status = obj.get("spec") or {}, obj["status"]
    wanted, strategy = spec.get("replicas", 1), spec.get("updateStrategy") or {}
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    # Pods below the partition stay as they are, on purpose.
    due = 0 if strategy.get("type") == "OnDelete" else max(0, wanted - partition)
    rolled = due == 0 or (
        updated >= due and (partition > 0 or status.get("currentRevision") == status.get("updateRevision"))
    )
    if ready >= wanted and rolled:
        return Readiness(True, f"{ready} of {wanted} replicas ready")
    return Readiness(False, f"{updated} of {due} replicas updated, {ready} of {wanted} ready")


def _replica_set(obj: Obj) -> Readiness:
    if unseen := _must_observe(obj):
        return unseen
    wanted, ready = (obj.get("spec") or {}).get("replicas", 1), obj["status"].get("readyReplicas", 0)
    return Readiness(ready >= wanted, f"{ready} of {wanted} replicas ready")


def _pod(obj: Obj) -> Readiness:
    status = obj.get("status") or {}
    if status.get("phase") == "Succeeded":
        return Readiness(True, "has completed")
    entry = condition(obj, "Ready")
    if entry and entry.get("status") == "True":
        return Readiness(True, "Ready")
    return Readiness(False, why_pod_waits(obj) or _said(entry, f"phase {status.get('phase', 'unknown')}"))


def why_pod_waits(pod: Obj) -> str:
    """Why a pod's containers do not run: waiting and termination reasons, or why it is not scheduled; "" if unknown."""
    status = pod.get("status") or {}
    reasons = []
    for entry in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        state = entry.get("state") or {}
        waiting, ended = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason") != "PodInitializing":
            words = f"container {entry.get('name')} waits: {waiting.get('reason', 'unknown')}"
            reasons.append(f"{words} ({waiting['message']})" if waiting.get("message") else words)
        elif ended and ended.get("exitCode"):
            reasons.append(
                f"container {entry.get('name')} ended with {ended.get('exitCode')} ({ended.get('reason', '')})"
            )
        elif "running" in state and not entry.get("ready") and entry in (status.get("containerStatuses") or []):
            reasons.append(f"container {entry.get('name')} runs but is not ready")
    if not reasons:
        placed = next((c for c in status.get("conditions") or [] if c.get("type") == "PodScheduled"), None)
        if placed and placed.get("status") == "False":
            reasons.append(f"is not scheduled: {placed.get('message') or placed.get('reason')}")
    if not reasons and status.get("reason"):
        reasons.append(f"{status['reason']}: {status.get('message', '')}")
    return "; ".join(reasons)


def _rollout(obj: Obj) -> Readiness:
    """An Argo Rollout: available, and with no restart under way, which it ends by saying when it was asked for."""
    asked, done = (obj.get("spec") or {}).get("restartAt"), (obj.get("status") or {}).get("restartedAt")
    if asked and asked != done:
        return Readiness(False, f"is restarting its pods, as asked at {asked}")
    return _by_conditions(obj)


def _service(obj: Obj) -> Readiness:
    if (obj.get("spec") or {}).get("type") != "LoadBalancer":
        return Readiness(True, "needs no load balancer")
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if not ingress:
        return Readiness(False, "has no load balancer address yet")
    return Readiness(True, f"address {ingress[0].get('ip') or ingress[0].get('hostname')}")


def _namespace(obj: Obj) -> Readiness:
    phase = (obj.get("status") or {}).get("phase", "unknown")
    return Readiness(phase == "Active", f"phase {phase}")


def _job(obj: Obj) -> Readiness:
    failed = condition(obj, "Failed")
    if failed and failed.get("status") == "True":
        return Readiness(False, _said(failed, ""))
    return _from_condition(obj, "Complete")


def _crd(obj: Obj) -> Readiness:
    for name in ("NamesAccepted", "Established"):
        seen = _from_condition(obj, name)
        if not seen.ready:
            return seen
    return Readiness(True, "Established")


def _claim(obj: Obj) -> Readiness:
    phase = (obj.get("status") or {}).get("phase", "unknown")
    return Readiness(phase == "Bound", f"phase {phase}")


def _gateway(obj: Obj) -> Readiness:
    for name in ("Accepted", "Programmed"):
        seen = _from_condition(obj, name)
        if not seen.ready:
            return seen
    return Readiness(True, "Programmed")


def _route(obj: Obj) -> Readiness:
    """Gateway API routes: accepted, with all references resolved, by every parent that reported."""
    parents = (obj.get("status") or {}).get("parents") or []
    if not parents:
        return Readiness(False, "no parent has reported on it yet")
    generation = (obj.get("metadata") or {}).get("generation")
    for parent in parents:
        view = {"metadata": {"generation": generation}, "status": parent}
        name = (parent.get("parentRef") or {}).get("name")
        for wanted in ("Accepted", "ResolvedRefs"):
            seen = _from_condition(view, wanted)
            if not seen.ready:
                return Readiness(False, f"parent {name}: {seen.reason}")
    return Readiness(True, "Accepted")


def _autoscaler(obj: Obj) -> Readiness:
    entry = condition(obj, "AbleToScale")
    if entry and entry.get("status") == "False":
        return Readiness(False, _said(entry, ""))
    return Readiness(True, "AbleToScale" if entry else "there")


def _sail(obj: Obj) -> Readiness:
    """Sail's own kinds: Ready, and reconciled; for a moment after a change all are Unknown."""
    kind, state = obj.get("kind"), (obj.get("status") or {}).get("state")
    for name in ("Reconciled",) if kind == "IstioRevisionTag" else ("Reconciled", "Ready"):
        seen = _from_condition(obj, name)
        if not seen.ready:
            return Readiness(False, f"state {state or 'unknown'}; {seen.reason}")
    return Readiness(True, f"state {state or 'unknown'}")


def _there(_obj: Obj) -> Readiness:
    return Readiness(True, "there")


def _by_conditions(obj: Obj) -> Readiness:
    """Kinds without a rule of their own: a condition that says ready; without any, being there is enough."""
    conditions = (obj.get("status") or {}).get("conditions")
    if not conditions:
        return Readiness(True, "there")
    for name in ("Ready", "Available", "Programmed", "Accepted", "Established", "Reconciled"):
        if any(entry.get("type") == name for entry in conditions):
            return _from_condition(obj, name)
    return Readiness(True, "there")


_GATEWAY_API, _SAIL = "gateway.networking.k8s.io", "sailoperator.io"
_PREDICATES: dict[tuple[str, str], Callable[[Obj], Readiness]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("", "Namespace"): _namespace,
    ("", "PersistentVolumeClaim"): _claim,
    ("batch", "Job"): _job,
    ("argoproj.io", "Rollout"): _rollout,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    # Its conditions speak of the application's pods, which may rightly be absent.
    ("policy", "PodDisruptionBudget"): _there,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    (_GATEWAY_API, "Gateway"): _gateway,
    (_GATEWAY_API, "GatewayClass"): lambda obj: _from_condition(obj, "Accepted"),
    **{(_GATEWAY_API, name): _route for name in ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")},
    **{(_SAIL, name): _sail for name in ("Istio", "IstioRevision", "IstioRevisionTag", "IstioCNI", "ZTunnel")},
}
