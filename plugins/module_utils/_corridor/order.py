# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""In which order objects are written: what others need comes first. Pure."""

from __future__ import annotations

from .._kube.kinds import Kind

_WAVES: tuple[frozenset[str], ...] = (
    frozenset({"Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "RuntimeClass"}),
    frozenset(
        {
            "ServiceAccount",
            "Secret",
            "ConfigMap",
            "ClusterRole",
            "Role",
            "ClusterRoleBinding",
            "RoleBinding",
            "LimitRange",
            "ResourceQuota",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "APIService",
            "Lease",
            "OperatorGroup",
        }
    ),
    frozenset(
        {
            "Service",
            "Endpoints",
            "EndpointSlice",
            "Deployment",
            "DaemonSet",
            "StatefulSet",
            "ReplicaSet",
            "Pod",
            "Job",
            "CronJob",
            "PodDisruptionBudget",
            "HorizontalPodAutoscaler",
            "Subscription",
        }
    ),
    frozenset(
        {
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "GatewayClass",
        }
    ),
)
WAVES = len(_WAVES) + 1


_GROUPS = ("", "apps", "batch", "policy", "autoscaling", "operators.coreos.com")


def wave(kind: Kind) -> int:
    """0: namespaces and CRDs; 1: RBAC and configuration; 2: workloads; 3: admission; 4: policies, custom resources."""
    if kind.group not in _GROUPS and not kind.group.endswith(".k8s.io"):
        return WAVES - 1
    for number, names in enumerate(_WAVES):
        if kind.kind in names:
            return number
    return WAVES - 1
