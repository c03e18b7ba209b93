# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces with something in them: what is to be looked at before they are labelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Obj = dict[str, Any]
APP = "web"
REPLICAS = 4
SELECTOR = "bench=populated"
_LABELS = {"app": APP}


def names(count: int) -> list[str]:
    return [f"populated-{number:03d}" for number in range(count)]


def objects(count: int) -> list[Obj]:
    """`count` namespaces with an application each: Deployment, Service, disruption budget, and two policies."""
    labels = dict([SELECTOR.split("=")])
    spaces: list[Obj] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}} for name in names(count)
    ]
    return [*spaces, *(each for name in names(count) for each in _application(name))]


def _application(space: str) -> Iterator[Obj]:
    selector = {"matchLabels": _LABELS}

    def one(api_version: str, kind: str, spec: Obj) -> Obj:
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": APP, "namespace": space}, "spec": spec}

    containers = [{"name": APP, "image": "registry.example/web:1", "ports": [{"containerPort": 8080}]}]
    template = {"metadata": {"labels": _LABELS}, "spec": {"containers": containers}}
    yield one("apps/v1", "Deployment", {"replicas": REPLICAS, "selector": selector, "template": template})
    yield one("v1", "Service", {"selector": _LABELS, "ports": [{"port": 80, "targetPort": 8080, "name": "http"}]})
    yield one("policy/v1", "PodDisruptionBudget", {"minAvailable": 2, "selector": selector})
    # What ztunnel carries out: with it they may be labelled as they are.
    source = {"namespaces": [space, "monitoring"]}
    rules = {"selector": selector, "action": "ALLOW", "rules": [{"from": [{"source": source}]}]}
    yield one("security.istio.io/v1", "AuthorizationPolicy", rules)
    yield one("security.istio.io/v1", "PeerAuthentication", {"mtls": {"mode": "PERMISSIVE"}})
