# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects for tests of what judges policy: short forms of what a cluster holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.judge import judge
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.model import Judged
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.rules import RULES
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Scene
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import View

Obj = dict[str, Any]
NETWORKING, SECURITY, GATEWAY_API = "networking.istio.io/v1", "security.istio.io/v1", "gateway.networking.k8s.io/v1"
AMBIENT = {"istio.io/dataplane-mode": "ambient"}
SIDECAR = {"istio-injection": "enabled"}


def obj(api: str, kind: str, name: str, namespace: str = "shop", spec: Any = None, **meta: Any) -> Obj:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **meta}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **({} if spec is None else {"spec": spec})}


def space(name: str = "shop", labels: Obj | None = None) -> Obj:
    return obj("v1", "Namespace", name, "", labels=labels or {})


def service(name: str = "reviews", namespace: str = "shop", ports: Iterable[int] = (80,), **meta: Any) -> Obj:
    spec = {"selector": {"app": name}, "ports": [{"port": port, "name": f"http-{port}"} for port in ports]}
    return obj("v1", "Service", name, namespace, spec, **meta)


def pod(
    app: str = "reviews",
    namespace: str = "shop",
    mode: str = "none",
    labels: Obj | None = None,
    notes: Obj | None = None,
) -> Obj:
    annotations = {
        "sidecar": {"sidecar.istio.io/status": "{}"},
        "ambient": {"ambient.istio.io/redirection": "enabled"},
        "none": {},
    }[mode]
    return obj(
        "v1",
        "Pod",
        f"{app}-5d4f-{mode}",
        namespace,
        labels={"app": app, **(labels or {})},
        annotations={**annotations, **(notes or {})},
        ownerReferences=[{"kind": "ReplicaSet", "name": f"{app}-5d4f"}],
    )


def waypoint(name: str = "waypoint", namespace: str = "shop", *, ready: bool | None = True) -> list[Obj]:
    """A waypoint with its pod; `ready` None: not programmed yet."""
    gateway = obj(
        GATEWAY_API,
        "Gateway",
        name,
        namespace,
        {"gatewayClassName": "istio-waypoint", "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]},
    )
    if ready is None:
        return [gateway]
    gateway["status"] = {"addresses": [{"value": "10.0.0.1"}]}
    runs = obj("v1", "Pod", f"{name}-1", namespace, labels={"gateway.networking.k8s.io/gateway-name": name})
    runs["status"] = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return [gateway, runs]


def virtual_service(name: str = "reviews", namespace: str = "shop", *, host: str = "reviews", **spec: Any) -> Obj:
    route = [{"route": [{"destination": {"host": host}}]}]
    return obj(NETWORKING, "VirtualService", name, namespace, {"hosts": ["reviews"], "http": route, **spec})


def routes(*destinations: Obj) -> list[Obj]:
    return [{"route": [dict(one) for one in destinations]}]


def to(host: str = "reviews", weight: int | None = None, **more: Any) -> Obj:
    return {"destination": {"host": host, **more}, **({} if weight is None else {"weight": weight})}


def rule(name: str = "reviews", namespace: str = "shop", *, host: str = "reviews", **spec: Any) -> Obj:
    return obj(NETWORKING, "DestinationRule", name, namespace, {"host": host, **spec})


def subset(name: str, **labels: str) -> Obj:
    return {"name": name, "labels": labels or {"version": name}}


def http_route(
    name: str = "reviews", namespace: str = "shop", *, parent: Obj, backends: Any = None, **spec: Any
) -> Obj:
    given = [{"name": "reviews", "port": 80}] if backends is None else backends
    body = {"parentRefs": [parent], "rules": [{"backendRefs": given}], **spec}
    return obj(GATEWAY_API, "HTTPRoute", name, namespace, body)


def to_service(name: str = "reviews", **more: Any) -> Obj:
    return {"group": "", "kind": "Service", "name": name, **more}


def authorization(
    name: str = "policy", namespace: str = "shop", *, action: str = "ALLOW", rules: Any = None, **spec: Any
) -> Obj:
    body = {"action": action, **({} if rules is None else {"rules": rules}), **spec}
    return obj(SECURITY, "AuthorizationPolicy", name, namespace, body)


def peer(mode: str | None = "STRICT", namespace: str = "shop", name: str = "default", **spec: Any) -> Obj:
    body = {**({"mtls": {"mode": mode}} if mode else {}), **spec}
    return obj(SECURITY, "PeerAuthentication", name, namespace, body)


def app(name: str = "reviews") -> Obj:
    return {"matchLabels": {"app": name}}


def istiod(namespace: str = "istio-system", **env: str) -> Obj:
    """A control plane's Deployment."""
    container = {
        "name": "discovery",
        "image": "registry.example/pilot:1.31.1",
        "env": [{"name": name, "value": value} for name, value in {"PILOT_ENABLE_AMBIENT": "true", **env}.items()],
    }
    spec = {"template": {"spec": {"containers": [container]}}}
    return obj("apps/v1", "Deployment", "istiod", namespace, spec, labels={"app": "istiod", "istio.io/rev": "default"})


def view(*objects: Obj | list[Obj]) -> View:
    """A view of a cluster that has only these objects."""
    flat = [one for each in objects for one in (each if isinstance(each, list) else [each])]
    return View(Scene.of(flat, everything=True))


def found(subject: Obj, *others: Obj | list[Obj]) -> list[Judged]:
    """What is found in an object, in a cluster that has it and the others."""
    return list(judge(view(subject, *others), subject))


def told(judged: Iterable[Judged]) -> list[str]:
    """Findings as `rule severity`, in order; each severity is one that the table of rules knows of its rule."""
    all_of_them = list(judged)
    assert all(one.severity in RULES[one.rule].severities for one in all_of_them)
    return sorted(f"{one.rule} {one.severity}" for one in all_of_them)
