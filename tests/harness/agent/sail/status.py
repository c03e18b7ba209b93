# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditions and states, worded as the operator words them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Object = dict[str, Any]
TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
HEALTHY = "Healthy"
ERROR = "ReconcileError"
REFERENCED = ("ReferencedByWorkloads", "Referenced by at least one pod or namespace")
UNREFERENCED = ("NotReferencedByAnything", "Not referenced by any pod or namespace")


def condition(kind: str, status: str, reason: str = "", message: str = "") -> Object:
    """A condition without its time; a True one has its own type as reason."""
    if status == TRUE and not reason:
        reason = kind
    found: Object = {"type": kind, "status": status}
    return found | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def reconciled(error: str | None) -> Object:
    if error is None:
        return condition("Reconciled", TRUE)
    return condition("Reconciled", FALSE, ERROR, f"error reconciling resource: {error}")


def end_of_life(version: str) -> str:
    return f'validation error: version "{version}" is end-of-life and cannot be installed; use a supported version'


def no_namespace(namespace: str) -> str:
    return f'validation error: namespace "{namespace}" doesn\'t exist'


def not_found(kind: str, name: str) -> str:
    return f'{kind}.sailoperator.io "{name}" not found'


def istiod_ready(deployment: Object | None) -> Object:
    """Ready of an IstioRevision, from its Deployment."""
    reason = "IstiodNotReady"
    if deployment is None:
        return condition("Ready", FALSE, reason, "istiod Deployment not found")
    status = deployment.get("status", {})
    if not status.get("replicas"):
        return condition("Ready", FALSE, reason, "istiod Deployment is scaled to zero replicas")
    if status.get("readyReplicas", 0) < status["replicas"]:
        return condition("Ready", FALSE, reason, "not all istiod pods are ready")
    return condition("Ready", TRUE)


def daemons_ready(name: str, daemon_set: Object | None) -> Object:
    """Ready of IstioCNI and ZTunnel, from their DaemonSet, which is called `name`."""
    reason = "DaemonSetNotReady"
    if daemon_set is None:
        return condition("Ready", FALSE, reason, f"{name} DaemonSet not found")
    status = daemon_set.get("status", {})
    if not status.get("currentNumberScheduled"):
        return condition("Ready", FALSE, reason, f"no {name} pods are currently scheduled")
    if status.get("numberReady", 0) < status["currentNumberScheduled"]:
        return condition("Ready", FALSE, reason, f"not all {name} pods are ready")
    return condition("Ready", TRUE)


def _depends(values: Object) -> list[str]:
    global_values, pilot = values.get("global") or {}, values.get("pilot") or {}
    kinds = []
    if global_values.get("platform") == "openshift" or (pilot.get("cni") or {}).get("enabled"):
        kinds.append("IstioCNI")
    if values.get("profile") in ("ambient", "openshift-ambient"):
        kinds.append("ZTunnel")
    return kinds


def dependencies(values: Object, cni: Object | None, ztunnel: Object | None) -> Object:
    """DependenciesHealthy of an IstioRevision with these values."""
    found = {"IstioCNI": cni, "ZTunnel": ztunnel}
    for kind in _depends(values):
        item = found[kind]
        if item is None:
            return condition("DependenciesHealthy", FALSE, f"{kind}NotFound", f"{kind} resource does not exist")
        if (item.get("status") or {}).get("state") != HEALTHY:
            message = f"{kind} resource status indicates that the component is not healthy"
            return condition("DependenciesHealthy", FALSE, f"{kind}NotHealthy", message)
    return condition("DependenciesHealthy", TRUE)


def in_use(referenced: bool) -> Object:
    return condition("InUse", TRUE if referenced else FALSE, *(REFERENCED if referenced else UNREFERENCED))


def state(conditions: Sequence[Object]) -> str:
    """The reason of the first condition that is not True, else Healthy."""
    return next((str(each.get("reason", "")) for each in conditions if each["status"] != TRUE), HEALTHY)


def merged(before: Sequence[Object], wanted: Sequence[Object], now: str) -> list[Object]:
    """Conditions with their times: `now` where the status changes. Those that are not wanted stay as they were."""
    old = {each["type"]: each for each in before}
    result = []
    for each in wanted:
        same = old.get(each["type"], {}).get("status") == each["status"]
        time = old[each["type"]].get("lastTransitionTime", now) if same else now
        result.append({**each, "lastTransitionTime": time})
    order = [each["type"] for each in before]
    by_type = {**old, **{each["type"]: each for each in result}}
    return [by_type[kind] for kind in dict.fromkeys([*order, *(each["type"] for each in result)])]


def mirrored(revision_status: Object) -> list[Object]:
    """Conditions of an Istio: those of its active revision, Unknown where that has none yet."""
    old = {each["type"]: each for each in revision_status.get("conditions") or ()}
    result = []
    for kind in ("Reconciled", "Ready", "DependenciesHealthy"):
        each = old.get(kind)
        if each is None:
            result.append(condition(kind, UNKNOWN))
        else:
            result.append(condition(kind, each["status"], each.get("reason", ""), each.get("message", "")))
    return result
