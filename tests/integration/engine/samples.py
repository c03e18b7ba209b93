# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects for the engine's tests."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def config_map(namespace: str, name: str = "settings", **data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def namespace(name: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def service(namespace: str, name: str = "web") -> Obj:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


def deployment(namespace: str, name: str = "web", *, image: str = "registry.example/web:1", **container: Any) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": image, **container}]},
            },
        },
    }


def crd(plural: str, *, kind: str = "Widget", group: str = "engine.meshwright.test", **properties: Any) -> Obj:
    spec = {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}, **properties}}
    schema = {"type": "object", "properties": {"spec": spec}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": plural[:-1], "listKind": f"{kind}List"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def custom(crd: Obj, namespace: str, name: str = "one", **spec: Any) -> Obj:
    return {
        "apiVersion": f"{crd['spec']['group']}/v1",
        "kind": crd["spec"]["names"]["kind"],
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec or {"size": 1},
    }
