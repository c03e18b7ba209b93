# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small mesh in order, to break one thing of: namespaces shop (ambient), side (sidecars) and out (outside)."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain import sight
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain.answer import explain, sources
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain.model import Explanation, Step
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source
from ansible_collections.meshwright.istio.plugins.module_utils._intent.explain import question_of

from ..snapshots import recorded

Obj = dict[str, Any]
REVISION = '{"revision":"default"}'
READY = [{"type": "Ready", "status": "True"}]
NODE = "node-1"
# What of the recorded cluster is the mesh's own.
MESH = (
    *("nodes", "istiods", "daemonsets", "component_pods", "mutating_webhooks", "validating_webhooks"),
    *("services", "endpoint_slices", "autoscalers", "disruption_budgets"),
)


def namespace(name: str, **labels: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pod(space: str, app: str, mode: str = "none", **changes: Any) -> Obj:
    """A ready pod of Deployment `app`; `mode` is what it runs with. `changes`: labels, annotations, spec, status."""
    annotations = {
        "sidecar": {"sidecar.istio.io/status": REVISION},
        "ambient": {"ambient.istio.io/redirection": "enabled"},
    }
    tunnel = {"networking.istio.io/tunnel": "http"} if mode == "sidecar" else {}
    proxy = [{"name": "istio-proxy", "image": "proxyv2:1.31.1"}] if mode == "sidecar" else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{app}-7d9f-{space}",
            "namespace": space,
            "labels": {"app": app, **tunnel, **changes.get("labels", {})},
            "annotations": {**annotations.get(mode, {}), **changes.get("annotations", {})},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{app}-7d9f"}],
        },
        "spec": {
            "nodeName": NODE,
            "serviceAccountName": app,
            "containers": [{"name": "app", "image": "app:1"}, *proxy],
            **changes.get("spec", {}),
        },
        "status": {"phase": "Running", "conditions": READY, **changes.get("status", {})},
    }


def service(space: str, name: str = "web", **spec: Any) -> Obj:
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": space, "labels": spec.pop("labels", {})},
        "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "selector": {"app": name}, "ports": ports, **spec},
        "status": {},
    }


def endpoints(space: str, name: str = "web", ready: bool = True) -> Obj:
    return {
        "metadata": {"name": f"{name}-x", "namespace": space, "labels": {"kubernetes.io/service-name": name}},
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": ready}}],
    }


def one(api: str, kind: str, space: str, name: str, spec: Obj, **more: Any) -> Obj:
    status = {"status": more.pop("status")} if "status" in more else {}
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": space, **more},
        "spec": spec,
        **status,
    }


def authorization(space: str, action: str, rules: list[Obj] | None, **spec: Any) -> Obj:
    body: Obj = {"action": action, **spec}
    if rules is not None:
        body["rules"] = rules
    return one("security.istio.io/v1", "AuthorizationPolicy", space, action.lower(), body)


def strict(space: str, **spec: Any) -> Obj:
    return one("security.istio.io/v1", "PeerAuthentication", space, "default", {"mtls": {"mode": "STRICT"}, **spec})


class World:
    """The sources by name; change them, then ask."""

    def __init__(self, *, inside: bool = True) -> None:
        mesh = recorded("embedded-ambient")
        self.lists: dict[str, list[Obj]] = {name: mesh[name] for name in MESH}
        everything: set[str] = set()
        for params in ({"pod": "a/b"}, {"to": "a/b"}, {"gateway": "a/b"}):
            everything |= set(sources(question_of(params)))
        for name in everything:
            self.lists.setdefault(name, [])
        if not inside:
            for name in ("istiod_sync", "ztunnel_dumps", "istiod_logs"):
                self.lists.pop(name)
        self.errors: dict[str, str] = {}
        self.partial: dict[str, frozenset[str]] = {}
        self.lists["namespaces"] = [
            namespace("istio-system"),
            namespace("shop", **{"istio.io/dataplane-mode": "ambient"}),
            namespace("side", **{"istio-injection": "enabled"}),
            namespace("out"),
        ]
        for space, mode in (("shop", "ambient"), ("side", "sidecar"), ("out", "none")):
            self.add("pods", pod(space, "web", mode), pod(space, "client", mode))
            self.add("all_services", service(space))
            self.add(sight.ENDPOINTS, endpoints(space))
        for space in ("istio-system", "shop", "side", "out"):
            meta = {"name": "istio-ca-root-cert", "namespace": space}
            self.add("root_certificates", {"kind": "ConfigMap", "metadata": meta, "data": {"root-cert.pem": "one"}})
        self.lists["pods"] += copy.deepcopy(self.lists["component_pods"])
        if inside:
            self._inside()

    def _inside(self) -> None:
        ids = [f"{each['metadata']['name']}.{each['metadata']['namespace']}" for each in self.lists["pods"]]
        types = [{"name": "Listener", "sent": "1", "acked": "1", "error": ""}]
        proxies = [{"id": name, "version": "1.31.1", "types": copy.deepcopy(types)} for name in ids]
        self.add(
            "istiod_sync",
            {
                "kind": "Pod",
                "metadata": {"name": "istiod-x", "namespace": "istio-system"},
                "error": "",
                "proxies": proxies,
            },
        )
        workloads = [
            {
                "name": each["metadata"]["name"],
                "namespace": "shop",
                "node": NODE,
                "protocol": "HBONE",
                "status": "Healthy",
            }
            for each in self.lists["pods"]
            if each["metadata"]["namespace"] == "shop"
        ]
        meta = {"name": "ztunnel-x", "namespace": "istio-system"}
        self.add(
            "ztunnel_dumps",
            {
                "kind": "Pod",
                "metadata": meta,
                "error": "",
                "node": NODE,
                "workloads": workloads,
                "services": [],
                "certificates": [],
            },
        )

    def add(self, name: str, *objects: Obj) -> World:
        self.lists.setdefault(name, []).extend(objects)
        return self

    def drop(self, name: str, like: str = "") -> World:
        """Takes away what has this name, or all."""
        self.lists[name] = [each for each in self.lists[name] if like and not each["metadata"]["name"].startswith(like)]
        return self

    def get(self, name: str, like: str, space: str = "") -> Obj:
        return next(
            each
            for each in self.lists[name]
            if each["metadata"]["name"].startswith(like) and space in ("", each["metadata"].get("namespace", ""))
        )

    def daemon_set(self, name: str) -> Obj:
        return self.get("daemonsets", name)

    @property
    def snapshot(self) -> Snapshot:
        found = {name: Source(name, tuple(items)) for name, items in self.lists.items()}
        for name, spaces in self.partial.items():
            told = f"Only {', '.join(sorted(spaces))} was read."
            found[name] = Source(name, tuple(self.lists[name]), namespaces=spaces, unseen=told)
        found |= {name: Source(name, served=False) for name in ("sail_ztunnels", "sail_revisions")}
        return Snapshot({**found, **{name: Source(name, error=text) for name, text in self.errors.items()}})

    def ask(self, **params: str) -> Explanation:
        return explain(self.snapshot, question_of({key.rstrip("_"): value for key, value in params.items()}))

    def broken(self, step: str, **params: str) -> Step:
        """The step at which the answer breaks: this one."""
        found = self.ask(**params)
        assert found.broken_at == step, found.lines()
        first = next(each for each in found.steps if each.id == step)
        assert first.remedy, first
        return first


def step_of(found: Explanation, step: str) -> Step:
    return next(each for each in found.steps if each.id == step)
