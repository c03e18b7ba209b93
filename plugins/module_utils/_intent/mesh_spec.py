# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The argument specs of `istio_mesh` and `mesh_upgrade`; documentation says the same in words (a test compares them).

`SHARED_SPEC` is what a mesh shall be like, for both.
"""

from __future__ import annotations

from typing import Any

PLATFORMS = ["gke", "k3d", "k3s", "microk8s", "minikube", "openshift"]
_RESOURCES: dict[str, Any] = {"type": "dict"}
_TOLERATIONS: dict[str, Any] = {"type": "list", "elements": "dict"}

ISTIOD: dict[str, Any] = {
    "replicas": {"type": "int"},
    "autoscale": {
        "type": "dict",
        "options": {
            "min": {"type": "int", "required": True},
            "max": {"type": "int", "required": True},
            "target_cpu": {"type": "int"},
            "target_memory": {"type": "int"},
        },
    },
    "disruption_budget": {
        "type": "dict",
        "mutually_exclusive": [["min_available", "max_unavailable"]],
        "options": {
            "enabled": {"type": "bool", "default": True},
            "min_available": {"type": "str"},
            "max_unavailable": {"type": "str"},
            "unhealthy_pod_eviction": {"type": "str", "choices": ["IfHealthyBudget", "AlwaysAllow"]},
        },
    },
    "resources": _RESOURCES,
    "node_selector": {"type": "dict"},
    "affinity": {"type": "dict"},
    "tolerations": _TOLERATIONS,
    "topology_spread": {"type": "list", "elements": "dict"},
    "priority_class": {"type": "str"},
    "env": {"type": "dict"},
}
CNI: dict[str, Any] = {
    "enabled": {"type": "bool"},
    "resources": _RESOURCES,
    "affinity": {"type": "dict"},
    "tolerations": _TOLERATIONS,
    "chained": {"type": "bool"},
    "bin_dir": {"type": "path"},
    "conf_dir": {"type": "path"},
    "netns_dir": {"type": "path"},
    "exclude_namespaces": {"type": "list", "elements": "str"},
}
ZTUNNEL: dict[str, Any] = {
    "resources": _RESOURCES,
    "node_selector": {"type": "dict"},
    "affinity": {"type": "dict"},
    "tolerations": _TOLERATIONS,
    "env": {"type": "dict"},
    "log_level": {"type": "str"},
    "termination_grace_period": {"type": "int"},
}
CHARTS: dict[str, Any] = {
    "repository": {"type": "str"},
    "oci": {"type": "str"},
    "path": {"type": "path"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
}

OPERATOR: dict[str, Any] = {
    "install": {"type": "str", "choices": ["helm", "olm", "none"]},
    "version": {"type": "str"},
    "namespace": {"type": "str"},
    "charts": {
        "type": "dict",
        "mutually_exclusive": [["repository", "oci", "path"]],
        "required_together": [["username", "password"]],
        "options": CHARTS,
    },
    "values": {"type": "dict"},
    "package": {"type": "str"},
    "channel": {"type": "str", "default": "stable"},
    "source": {"type": "str"},
    "source_namespace": {"type": "str"},
    "approval": {"type": "str", "choices": ["Automatic", "Manual"], "default": "Manual"},
}
TAG: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "revision": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
GITOPS: dict[str, Any] = {
    "namespace": {"type": "str"},
    "project": {"type": "str", "default": "default"},
    "server": {"type": "str", "default": "https://kubernetes.default.svc"},
    "interval": {"type": "str", "default": "10m"},
}

SHARED_SPEC: dict[str, Any] = {
    "name": {"type": "str", "default": "default"},
    "method": {"type": "str", "choices": ["helm", "sail"], "default": "helm"},
    "update_strategy": {"type": "str", "choices": ["in_place", "revision_based"], "default": "in_place"},
    "tags": {"type": "list", "elements": "dict", "options": TAG},
    "default_tag": {"type": "bool", "default": True},
    "node_agents": {"type": "bool", "default": True},
    "istiod_alias": {"type": "bool", "default": False},
    "inactive_revision_grace": {"type": "int", "default": 30},
    "operator": {"type": "dict", "options": OPERATOR},
    "version": {"type": "str"},
    "mode": {"type": "str", "choices": ["ambient", "sidecar"], "default": "ambient"},
    "namespace": {"type": "str", "default": "istio-system"},
    "cni_namespace": {"type": "str"},
    "ztunnel_namespace": {"type": "str"},
    "namespace_labels": {"type": "dict"},
    "cluster_name": {"type": "str"},
    "network": {"type": "str"},
    "mesh_id": {"type": "str"},
    "trust_domain": {"type": "str"},
    "platform": {"type": "str", "choices": PLATFORMS},
    "istiod": {"type": "dict", "mutually_exclusive": [["replicas", "autoscale"]], "options": ISTIOD},
    "cni": {"type": "dict", "options": CNI},
    "ztunnel": {"type": "dict", "options": ZTUNNEL},
    "tracing": {
        "type": "dict",
        "options": {
            "provider": {"type": "str", "choices": ["opentelemetry", "zipkin"], "default": "opentelemetry"},
            "service": {"type": "str", "required": True},
            "port": {"type": "int"},
            "sampling": {"type": "float"},
        },
    },
    "access_log": {
        "type": "dict",
        "options": {
            "file": {"type": "str", "default": "/dev/stdout"},
            "encoding": {"type": "str", "choices": ["text", "json"]},
            "format": {"type": "str"},
        },
    },
    "discovery_selectors": {"type": "list", "elements": "dict"},
    "dns_capture": {"type": "bool"},
    "hub": {"type": "str"},
    "tag": {"type": "str"},
    "variant": {"type": "str"},
    "image_pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"]},
    "image_pull_secrets": {"type": "list", "elements": "str", "no_log": False},
    "charts": {
        "type": "dict",
        "mutually_exclusive": [["repository", "oci", "path"]],
        "required_together": [["username", "password"]],
        "options": CHARTS,
    },
    "gateway_api": {
        "type": "dict",
        "options": {
            "manage": {"type": "bool", "default": True},
            "version": {"type": "str"},
            "source": {"type": "str"},
        },
    },
    "values": {
        "type": "dict",
        "options": {name: {"type": "dict"} for name in ("base", "istiod", "cni", "ztunnel")},
    },
    "helm_binary": {"type": "str"},
    "helm_driver": {"type": "str", "choices": ["secret", "configmap"]},
    "take_ownership": {"type": "bool", "default": False},
    "allow_downgrade": {"type": "bool", "default": False},
    "allow_version_skip": {"type": "bool", "default": False},
    "preflight": {"type": "bool", "default": True},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
    "pending_grace": {"type": "int", "default": 300},
}

MESH_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent", "rendered"], "default": "present"},
    **SHARED_SPEC,
    "kubernetes_version": {"type": "str"},
    "render_as": {"type": "str", "choices": ["manifests", "argocd", "flux"], "default": "manifests"},
    "gitops": {"type": "dict", "options": GITOPS},
    "migrate": {"type": "bool", "default": False},
    "purge": {"type": "bool", "default": False},
    "allow_enrolled": {"type": "bool", "default": False},
}
