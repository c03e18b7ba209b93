# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mesh to be drawn: the recorded ambient one, with namespaces of every mode, a canary, a tag and a waypoint on it."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.picture import INSIDE_SOURCES, SOURCES
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source

from .snapshots import FIXTURES, canary, injector, namespace, recorded

Obj = dict[str, Any]
# What of the recorded mesh is in the picture; nobody is enrolled, and nobody was asked.
OWN = (
    "nodes",
    "namespaces",
    "istiods",
    "daemonsets",
    "mutating_webhooks",
    "validating_webhooks",
    "services",
    "endpoint_slices",
    "pods",
    "revision_pods",
    "component_pods",
    "all_services",
    "mesh_configs",
    "root_certificates",
)
REDIRECTED = {"ambient.istio.io/redirection": "enabled"}


def certificate(name: str = "root") -> str:
    """One of the fixtures, made once: root (2026 to 2036), other-root (2025 to 2027), leaf (of a day)."""
    return (FIXTURES.parent / "certificates" / f"{name}.pem").read_text(encoding="utf-8")


def lists(**more: list[Obj]) -> dict[str, list[Obj]]:
    """Every source of a picture, empty but for the recorded mesh's own parts; keywords add objects to sources."""
    mesh = recorded("embedded-ambient")
    found: dict[str, list[Obj]] = {name: [] for name in (*SOURCES, *INSIDE_SOURCES)}
    found.update({name: [each for each in mesh[name] if _mesh_own(each)] for name in OWN})
    for name, objects in more.items():
        found[name] = [*found[name], *objects]
    found["proxies"] = [each for each in found["pods"] if "istio-proxy" in json.dumps(each["spec"])]
    return found


def _mesh_own(obj: Obj) -> bool:
    name, where = obj["metadata"]["name"], obj["metadata"].get("namespace", "")
    return where == "istio-system" if where else obj["kind"] != "Namespace" or name in ("default", "istio-system")


def seen(found: dict[str, list[Obj]]) -> Snapshot:
    return Snapshot({name: Source(name, tuple(items)) for name, items in found.items()})


def pod(name: str, where: str, *, sidecar: str = "", **meta: Any) -> Obj:
    """A running pod; `sidecar` is the revision of its proxy. `meta`: labels, annotations."""
    annotations = dict(meta.get("annotations", {}))
    containers: list[Obj] = [{"name": "app", "image": "app:1"}]
    if sidecar:
        annotations["sidecar.istio.io/status"] = json.dumps({"revision": sidecar})
        containers.append(proxy("sidecar"))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": where,
            "labels": meta.get("labels", {}),
            "annotations": annotations,
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{name}-abc"}],
        },
        "spec": {"nodeName": "node-0", "containers": containers, "initContainers": []},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def proxy(kind: str, version: str = "1.31.1") -> Obj:
    return {
        "name": "istio-proxy",
        "image": f"registry.istio.io/release/proxyv2:{version}-distroless",
        "args": ["proxy", kind, "--domain"],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }


def gateway_pod(
    of: str, where: str, kind: str = "waypoint", *, name: str = "", ready: bool = True, **labels: str
) -> Obj:
    """A pod of a Gateway; with labels of its own, that of a gateway that the injector made."""
    named = labels or {"gateway.networking.k8s.io/gateway-name": of}
    found = pod(name or of, where, labels=named, annotations={"istio.io/rev": "default"})
    found["spec"]["containers"] = [proxy(kind)]
    found["status"]["conditions"] = [{"type": "Ready", "status": str(ready)}]
    return found


def gateway(
    name: str,
    where: str,
    of_class: str,
    *listeners: Obj,
    programmed: bool = True,
    labels: dict[str, str] | None = None,
) -> Obj:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": where, "labels": labels or {}},
        "spec": {"gatewayClassName": of_class, "listeners": list(listeners)},
        "status": {
            "addresses": [{"type": "IPAddress", "value": "10.0.0.17"}],
            "conditions": [{"type": "Programmed", "status": str(programmed)}],
        },
    }


def policy(kind: str, name: str, where: str, spec: Obj | None = None, group: str = "security.istio.io") -> Obj:
    return {
        "apiVersion": f"{group}/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": where, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec or {},
    }


def mtls(mode: str, where: str, name: str = "default", **spec: Any) -> Obj:
    return policy("PeerAuthentication", name, where, {"mtls": {"mode": mode}, **spec})


def journal(where: str, stage: str, *, mode: str = "ambient", failure: str = "", **workloads: str) -> Obj:
    state = {
        "stage": stage,
        "from": {"mode": "sidecar"},
        "to": {"mode": mode, "revision": "", "waypoint": None},
        "workloads": workloads,
        "failure": {"stage": stage, "message": failure} if failure else {},
    }
    content = {
        "format": 1,
        "operation": "enrollment",
        "id": "1",
        "state": state,
        "events": [{"time": "2026-11-22T02:40:00Z", "what": stage}],
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "meshwright-enrollment", "namespace": where},
        "data": {"journal.json": json.dumps(content)},
    }


def root(where: str, text: str) -> Obj:
    return {
        "kind": "ConfigMap",
        "metadata": {"name": "istio-ca-root-cert", "namespace": where},
        "data": {"root-cert.pem": text},
    }


def answer(name: str, where: str, **fields: Any) -> Obj:
    """What a pod said when it was asked."""
    return {"kind": "Pod", "metadata": {"name": name, "namespace": where}, "error": "", **fields}


def synced(name: str, kind: str = "sidecar", *, acked: str = "1", error: str = "") -> Obj:
    """A proxy as istiod has it: NAME is POD.NAMESPACE."""
    types = [{"name": "Listener", "sent": "1", "acked": acked, "error": error}]
    return {"id": name, "type": kind, "cluster": "Kubernetes", "version": "1.31.1", "types": types}


def whole(**more: list[Obj]) -> Snapshot:
    """A mesh with one of everything."""
    config = {"kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"}}
    base: dict[str, list[Obj]] = {
        "namespaces": [
            namespace("amb", mode="ambient"),
            namespace("side", rev="prod"),
            namespace("two", injection="enabled", mode="ambient"),
        ],
        "pods": [
            pod("a", "amb", annotations=REDIRECTED),
            pod("b", "amb"),
            pod("c", "side", sidecar="next"),
            pod("d", "side", sidecar="default"),
            gateway_pod("waypoint", "amb"),
        ],
        "gateways": [gateway("waypoint", "amb", "istio-waypoint", {"protocol": "HBONE"})],
        "peer_authentications": [mtls("STRICT", "istio-system")],
        "authorization_policies": [policy("AuthorizationPolicy", "only", "amb")],
        "mesh_configs": [{**config, "revision": "default", "mesh": {"trustDomain": "example.org"}}],
        "root_certificates": [root("amb", certificate()), root("side", certificate())],
        "journals": [
            journal("amb", "done", web="done"),
            journal("side", "restart", failure="timed out", web="started"),
        ],
        "istiod_sync": [answer("istiod-1", "istio-system", revision="default", proxies=[synced("c.side")])],
    }
    for name, objects in more.items():
        base[name] = [*base.get(name, []), *objects]
    found = lists(**base)
    found["mesh_configs"] = base["mesh_configs"]
    for source, edit in canary(tag="prod").items():
        edit(found[source])
    found["mutating_webhooks"].append(injector("default"))
    return seen(found)
