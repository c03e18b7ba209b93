# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects for the tables about who is enrolled, in the shape that a snapshot has them; and recorded ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import CheckResult
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run_one
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot

from .snapshots import Edit, healthy, recorded, snapshot

Obj = dict[str, Any]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
MODE, INJECT = "istio.io/dataplane-mode", "sidecar.istio.io/inject"


def ago(seconds: float) -> str:
    """When that was, as the API server writes it."""
    return datetime.fromtimestamp(NOW - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def at(seen: Snapshot) -> Snapshot:
    """The same, taken at a time of which `ago` tells."""
    return Snapshot(seen.sources, NOW)


def found(check: str, **edits: Edit) -> CheckResult:
    """What a check says of the embedded mesh with these edits."""
    return run_one(BY_ID[check], at(healthy(**edits)))


def bare(check: str, unserved: tuple[str, ...] = (), **lists: list[Obj]) -> CheckResult:
    """What a check says of a cluster that has these only: all other sources are read, and empty."""
    empty: dict[str, list[Obj]] = {name: [] for name in recorded("embedded-ambient")}
    return run_one(BY_ID[check], at(snapshot({**empty, **lists}, unserved=unserved)))


def titles(result: CheckResult) -> str:
    return " / ".join(finding.title for finding in result.findings)


def space(name: str = "team", age: float = 3600, **labels: str) -> Obj:
    """A namespace; `mode`, `injection`, `rev`, `waypoint` and `enforce` stand for the labels."""
    keys = {
        "mode": MODE,
        "injection": "istio-injection",
        "rev": "istio.io/rev",
        "waypoint": "istio.io/use-waypoint",
        "waypoint_namespace": "istio.io/use-waypoint-namespace",
        "enforce": "pod-security.kubernetes.io/enforce",
    }
    own = {"kubernetes.io/metadata.name": name, **{keys.get(key, key): value for key, value in labels.items()}}
    meta = {"name": name, "labels": own}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {**meta, "creationTimestamp": ago(age)}}


def pod(name: str = "app", where: str = "team", *, age: float = 3600, owner: str = "ReplicaSet", **more: Any) -> Obj:
    """A running pod. `labels`, `notes` (annotations), `node`, `host` (hostNetwork), `phase`, `containers`, `init`,
    `ready`."""
    ready = {"type": "Ready", "status": "True" if more.get("ready", True) else "False"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-7d4f-x",
            "namespace": where,
            "labels": {"app": name, **more.get("labels", {})},
            "annotations": more.get("notes", {}),
            "ownerReferences": [{"kind": owner, "name": f"{name}-7d4f"}] if owner else [],
            "creationTimestamp": ago(age),
        },
        "spec": {
            "nodeName": more.get("node", "node-1"),
            "containers": more.get("containers", [{"name": "app", "image": "app:1"}]),
            "initContainers": more.get("init", []),
            **({"hostNetwork": True} if more.get("host") else {}),
        },
        "status": {"phase": more.get("phase", "Running"), "conditions": [ready]},
    }


def gateway(name: str = "wp", where: str = "team", *, age: float = 3600, **more: Any) -> Obj:
    """A programmed waypoint. `labels`, `of_class`, `listeners`, `allowed` (allowedRoutes.namespaces), `generation`,
    `observed`, `conditions` (status by type), `addresses`."""
    listener: Obj = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    if "allowed" in more:
        listener["allowedRoutes"] = {"namespaces": more["allowed"]}
    states = {"Accepted": "True", "Programmed": "True", **more.get("conditions", {})}
    generation = more.get("generation", 1)
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {
            "name": name,
            "namespace": where,
            "labels": more.get("labels", {}),
            "generation": generation,
            "creationTimestamp": ago(age),
        },
        "spec": {
            "gatewayClassName": more.get("of_class", "istio-waypoint"),
            "listeners": more.get("listeners", [listener]),
            **more.get("spec", {}),
        },
        "status": {
            "addresses": more.get("addresses", [{"type": "IPAddress", "value": "10.96.0.9"}]),
            "conditions": [
                {
                    "type": key,
                    "status": value,
                    "reason": key if value == "True" else "Invalid",
                    "message": "Resource told",
                    "observedGeneration": more.get("observed", generation),
                }
                for key, value in states.items()
                if value
            ],
        },
    }


def behind(name: str = "wp", where: str = "team", *, ready: bool = True) -> Obj:
    """The pod of a Gateway."""
    return pod(name, where, ready=ready, labels={"gateway.networking.k8s.io/gateway-name": name, MODE: "none"})


def service(name: str = "app", where: str = "team", *, conditions: list[Obj] | None = None, **labels: str) -> Obj:
    """A Service; `waypoint` and `waypoint_namespace` stand for its labels."""
    keys = {"waypoint": "istio.io/use-waypoint", "waypoint_namespace": "istio.io/use-waypoint-namespace"}
    meta = {"name": name, "namespace": where, "labels": {keys.get(key, key): value for key, value in labels.items()}}
    made: Obj = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": {"app": name}}}
    return {**made, "status": {"conditions": conditions or []}}


def of_recorded(check: str, name: str) -> CheckResult:
    """What a check says of a recorded mesh; the parts of the mesh itself are those of the healthy one."""
    lists = {**{key: [] for key in recorded("embedded-ambient")}, **recorded("healthy-ambient"), **recorded(name)}
    return run_one(BY_ID[check], at(snapshot(lists)))
