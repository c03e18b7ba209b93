# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The objects of a waypoint: a Gateway, and a ConfigMap by which istiod alters what it makes of it. Pure.

From the Gateway istiod makes a Deployment, a Service and a ServiceAccount of the waypoint's name. The ConfigMap that
spec.infrastructure.parametersRef names has one strategic merge patch for each of them (istio/pilot/pkg/config/kube/
gatewaycommon/deploymentcontroller.go). A HorizontalPodAutoscaler and a PodDisruptionBudget are made only where their
patch is there, and istiod never takes them away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._checks.policy.scene import GATEWAY_NAME
from .._intent.label_selector import label_selector
from .._intent.waypoint import WaypointIntent
from .._intent.waypoint_infrastructure import Autoscaling, Infrastructure

Obj = dict[str, Any]

FOR_LABEL = "istio.io/waypoint-for"
REVISION_LABEL = "istio.io/rev"
MADE_FOR_ANNOTATION = "meshwright.io/made-for"
MESH_CONTROLLERS = ("istio.io/mesh-controller", "istio.io/agentgateway-waypoint-controller")
DEPLOYMENT_PATCH = "deployment"
AUTOSCALER_PATCH = "horizontalPodAutoscaler"
BUDGET_PATCH = "podDisruptionBudget"
_LISTENER = "mesh"
HBONE_PORT = 15008
_PROXY = "istio-proxy"
_LABELS = {"app.kubernetes.io/managed-by": "meshwright"}


def manager_of(name: str) -> str:
    """The field manager that applies a waypoint of this name."""
    return f"meshwright-waypoint-{name}"


def parameters_name(name: str) -> str:
    """The ConfigMap with the infrastructure parameters of a waypoint of this name."""
    return f"{name}-infrastructure"


def objects_of(intent: WaypointIntent, *, made_for: str = "") -> list[Obj]:
    """What shall be there, in the order of writing. `made_for` is the text that the Gateway carries, "" for none."""
    found = [gateway_of(intent, made_for=made_for)]
    parameters = parameters_of(intent)
    return [parameters, *found] if parameters is not None else found


def gateway_of(intent: WaypointIntent, *, made_for: str = "") -> Obj:
    waypoint = intent.waypoint
    meta: Obj = {
        "name": waypoint.name,
        "namespace": waypoint.namespace,
        "labels": {
            FOR_LABEL: intent.traffic,
            **({REVISION_LABEL: intent.revision} if intent.revision else {}),
        },
    }
    if made_for:
        meta["annotations"] = {MADE_FOR_ANNOTATION: made_for}
    spec: Obj = {
        "gatewayClassName": intent.gateway_class,
        "listeners": [
            {
                "name": _LISTENER,
                "port": HBONE_PORT,
                "protocol": "HBONE",
                "allowedRoutes": {"namespaces": _allowed(intent.allowed)},
            }
        ],
    }
    if infrastructure := _infrastructure(intent):
        spec["infrastructure"] = infrastructure
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": meta, "spec": spec}


def _allowed(allowed: str) -> Obj:
    if allowed in ("same", "all"):
        return {"from": allowed.capitalize()}
    return {"from": "Selector", "selector": label_selector(allowed, "allowed_namespaces")}


def _infrastructure(intent: WaypointIntent) -> Obj:
    wanted = intent.infrastructure
    found: Obj = {}
    if wanted.labels:
        found["labels"] = dict(wanted.labels)
    if wanted.annotations:
        found["annotations"] = dict(wanted.annotations)
    if patches(wanted, intent.waypoint.name):
        found["parametersRef"] = {"group": "", "kind": "ConfigMap", "name": parameters_name(intent.waypoint.name)}
    return found


def parameters_of(intent: WaypointIntent) -> Obj | None:
    """The ConfigMap with the patches; None where there is nothing to alter."""
    waypoint = intent.waypoint
    found = patches(intent.infrastructure, waypoint.name)
    if not found:
        return None
    meta = {"name": parameters_name(waypoint.name), "namespace": waypoint.namespace, "labels": _LABELS}
    data = {key: json.dumps(patch, indent=2, sort_keys=True) + "\n" for key, patch in found.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def patches(wanted: Infrastructure, name: str) -> dict[str, Obj]:
    """The patches by the keys that istiod knows; a key without a patch is left out."""
    found: dict[str, Obj] = {}
    if deployment := _deployment(wanted, name):
        found[DEPLOYMENT_PATCH] = {"spec": deployment}
    if wanted.autoscaling is not None:
        found[AUTOSCALER_PATCH] = {"spec": _autoscaler(wanted.autoscaling)}
    if wanted.min_available is not None:
        found[BUDGET_PATCH] = {"spec": {"minAvailable": wanted.min_available}}
    elif wanted.max_unavailable is not None:
        found[BUDGET_PATCH] = {"spec": {"maxUnavailable": wanted.max_unavailable}}
    return found


def _deployment(wanted: Infrastructure, name: str) -> Obj:
    pod: Obj = {}
    if wanted.resources:
        pod["containers"] = [{"name": _PROXY, "resources": dict(wanted.resources)}]
    for key, value in (
        ("nodeSelector", dict(wanted.node_selector)),
        ("tolerations", [dict(each) for each in wanted.tolerations]),
        ("affinity", dict(wanted.affinity)),
        ("topologySpreadConstraints", [_spread(each, name) for each in wanted.topology_spread]),
        ("priorityClassName", wanted.priority_class),
    ):
        if value:
            pod[key] = value
    found: Obj = {} if wanted.replicas is None else {"replicas": wanted.replicas}
    if pod:
        found["template"] = {"spec": pod}
    return found


def _spread(constraint: Mapping[str, Any], name: str) -> Obj:
    """A constraint without a selector counts no pods at all: it is for the waypoint's own."""
    own = {"labelSelector": {"matchLabels": {GATEWAY_NAME: name}}}
    return {**(own if "labelSelector" not in constraint else {}), **constraint}


def _autoscaler(wanted: Autoscaling) -> Obj:
    found: Obj = {"minReplicas": wanted.min, "maxReplicas": wanted.max}
    metrics = [
        {"type": "Resource", "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": share}}}
        for name, share in (("cpu", wanted.cpu), ("memory", wanted.memory))
        if share is not None
    ]
    if metrics:
        found["metrics"] = metrics
    return found
