# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observations of meshes by Sail, as tables of the tests want them."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.observe import MeshObserved, ReleaseState
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.sail.observe import SailObserved
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail_served import ServedSail
from ansible_collections.meshwright.istio.plugins.module_utils._tools.helm_releases import Record, Release

Obj = dict[str, Any]


def resource(kind: str, name: str, spec: Obj, status: Obj | None = None, **meta: Any) -> Obj:
    metadata = {"name": name, "uid": f"uid-{name}", "generation": 1, **meta}
    return {
        "apiVersion": "sailoperator.io/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        "status": status or {},
    }


def istio(version: str = "v1.30.2", name: str = "default", strategy: str = "RevisionBased", **spec: Any) -> Obj:
    given = {"version": version, "namespace": "istio-system", "updateStrategy": {"type": strategy}, **spec}
    return resource("Istio", name, given)


def revision(name: str, version: str, owner: str = "default") -> Obj:
    owners = [{"apiVersion": "sailoperator.io/v1", "kind": "Istio", "name": owner, "uid": f"uid-{owner}"}]
    spec = {"version": version, "namespace": "istio-system"}
    return resource("IstioRevision", name, spec, ownerReferences=owners)


def target(kind: str, name: str) -> Obj:
    return {"targetRef": {"kind": kind, "name": name}}


def tag(name: str, kind: str, to: str) -> Obj:
    return resource("IstioRevisionTag", name, target(kind, to))


def ztunnel(version: str = "v1.30.2", **spec: Any) -> Obj:
    return resource("ZTunnel", "default", {"version": version, "namespace": "ztunnel", **spec})


def cni(version: str = "v1.30.2") -> Obj:
    return resource("IstioCNI", "default", {"version": version, "namespace": "istio-cni"})


def workload(kind: str, name: str, namespace: str, *, env: dict[str, str] | None = None, **meta: Any) -> Obj:
    variables = [{"name": key, "value": value} for key, value in (env or {}).items()]
    pod = {
        "metadata": {"labels": meta.get("labels", {})},
        "spec": {"containers": [{"name": "main", "image": "i", "env": variables}]},
    }
    metadata = {"name": name, "namespace": namespace, **meta}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {"template": pod}}


def record(status: str = "deployed", *, ours: bool = True, namespace: str = "sail-operator") -> Record:
    return Record("sail-operator", namespace, 1, status, "sh.helm.release.v1.sail-operator.v1", "uid", ours, 0.0)


def release(version: str) -> Release:
    return Release("sail-operator", "sail-operator", 1, "deployed", "sail-operator", version, version, {}, "", "", 0.0)


def observed(*objects: Obj, **more: Any) -> SailObserved:
    """An observation with these objects, sorted by kind."""
    of: dict[str, list[Obj]] = {}
    for obj in objects:
        of.setdefault(obj["kind"], []).append(obj)

    def by_name(kind: str) -> dict[str, Obj]:
        return {obj["metadata"]["name"]: obj for obj in of.get(kind, ())}

    fields: dict[str, Any] = {
        "mesh": MeshObserved("https://server", "v1.35.4", {}, {}, [], {}),
        "served": ServedSail(),
        "istios": by_name("Istio"),
        "revisions": by_name("IstioRevision"),
        "tags": by_name("IstioRevisionTag"),
        "cni": next(iter(of.get("IstioCNI", ())), None),
        "ztunnel": next(iter(of.get("ZTunnel", ())), None),
        "istiods": [one for one in of.get("Deployment", ()) if one["metadata"]["name"].startswith("istiod")],
        "agents": of.get("DaemonSet", []),
        "operators": [one for one in of.get("Deployment", ()) if "operator" in one["metadata"]["name"]],
        "release": ReleaseState(),
        "release_elsewhere": [],
        "subscriptions": of.get("Subscription", []),
        "groups": [],
        **more,
    }
    return SailObserved(**fields)
