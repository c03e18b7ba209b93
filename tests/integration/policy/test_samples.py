# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Istio's own samples, and an object of every kind: applied, changed by hand, repaired, pruned."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.differ import changed_paths
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.documents import read
from jinja2 import Template

from ..support.modules import client
from ..support.playbook import ROOT
from .conftest import Policy

SAMPLES = ROOT / "tests" / "fixtures" / "policy" / "samples"
_ISTIO = SAMPLES / "istio"
_BOOKINFO = _ISTIO / "bookinfo"
_TEMPLATE = SAMPLES / "templates" / "gateway.yaml.j2"
_GATEWAY_API = "gateway.networking.k8s.io"
_GROUPS = ("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io", _GATEWAY_API)
_CORE = {("", kind) for kind in ("Service", "ServiceAccount", "ConfigMap", "Secret")} | {
    ("networking.k8s.io", "NetworkPolicy")
}
# Bookinfo's pods are not there, nor is a waypoint: both are said, and no reason to refuse.
_EXPECTED = ("has no effect until", "without a waypoint", "route will not be respected")

_HAND = {"backendRefs": [{"name": "by-hand", "port": 9090}]}
# By group, kind and name: what someone changes by hand.
BY_HAND: dict[tuple[str, str, str], dict[str, Any]] = {
    ("networking.istio.io", "DestinationRule", "reviews"): {"spec": {"host": "by-hand"}},
    ("networking.istio.io", "EnvoyFilter", "filter-local-ratelimit-svc"): {
        "spec": {"workloadSelector": {"labels": {"app": "by-hand"}}}
    },
    ("networking.istio.io", "Gateway", "tcp-echo-gateway"): {"spec": {"selector": {"istio": "by-hand"}}},
    ("networking.istio.io", "ProxyConfig", "legacy"): {"spec": {"concurrency": 3}},
    ("networking.istio.io", "ServiceEntry", "legacy"): {"spec": {"location": "MESH_EXTERNAL"}},
    ("networking.istio.io", "Sidecar", "default"): {"spec": {"egress": [{"hosts": ["./*"]}]}},
    ("networking.istio.io", "VirtualService", "reviews"): {"spec": {"hosts": ["by-hand"]}},
    ("networking.istio.io", "WorkloadEntry", "legacy-1"): {"spec": {"address": "192.0.2.99"}},
    ("networking.istio.io", "WorkloadGroup", "legacy"): {"spec": {"template": {"serviceAccount": "by-hand"}}},
    ("security.istio.io", "AuthorizationPolicy", "legacy-viewer"): {"spec": {"action": "DENY"}},
    ("security.istio.io", "PeerAuthentication", "default"): {"spec": {"mtls": {"mode": "DISABLE"}}},
    ("security.istio.io", "RequestAuthentication", "legacy-jwt"): {"spec": {"jwtRules": [{"issuer": "by-hand"}]}},
    ("telemetry.istio.io", "Telemetry", "otel-demo"): {"spec": {"tracing": [{"randomSamplingPercentage": 50}]}},
    ("extensions.istio.io", "TrafficExtension", "header"): {"spec": {"phase": "AUTHZ"}},
    ("extensions.istio.io", "WasmPlugin", "basic-auth"): {"spec": {"phase": "AUTHZ"}},
    (_GATEWAY_API, "BackendTLSPolicy", "legacy"): {"spec": {"validation": {"hostname": "by-hand.example.com"}}},
    (_GATEWAY_API, "GRPCRoute", "legacy"): {"spec": {"rules": [_HAND]}},
    (_GATEWAY_API, "Gateway", "legacy"): {"spec": {"listeners": [{"name": "tcp", "port": 9091, "protocol": "TCP"}]}},
    (_GATEWAY_API, "GatewayClass", ""): {"spec": {"description": "by hand"}},
    (_GATEWAY_API, "HTTPRoute", "reviews"): {"spec": {"rules": [_HAND]}},
    (_GATEWAY_API, "ListenerSet", "legacy"): {
        "spec": {"listeners": [{"name": "more", "port": 8082, "protocol": "HTTP"}]}
    },
    (_GATEWAY_API, "ReferenceGrant", "legacy"): {"spec": {"to": [{"group": "", "kind": "Service"}]}},
    (_GATEWAY_API, "TCPRoute", "legacy"): {"spec": {"rules": [_HAND]}},
    (_GATEWAY_API, "TLSRoute", "legacy"): {"spec": {"rules": [_HAND]}},
    (_GATEWAY_API, "UDPRoute", "legacy"): {"spec": {"rules": [_HAND]}},
    ("", "ConfigMap", "legacy"): {"data": {"viewer": "by-hand"}},
    ("", "Secret", "legacy"): {"data": {"password": base64.b64encode(b"by hand").decode()}},
    ("", "Service", "httpbin"): {"spec": {"selector": {"app": "by-hand"}}},
    ("", "ServiceAccount", "bookinfo-details"): {"metadata": {"labels": {"account": "by-hand"}}},
    ("networking.k8s.io", "NetworkPolicy", "legacy"): {"spec": {"podSelector": {"matchLabels": {"app": "by-hand"}}}},
}


@dataclass
class Set:
    """One task's objects: `src` in a namespace of its own, with a GatewayClass of that name when `template`."""

    namespace: str
    src: list[Path]
    template: bool = False
    objects: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        files = [file for path in self.src for file in ([path] if path.is_file() else sorted(path.rglob("*.yaml")))]
        sources = [{"path": str(file), "text": file.read_text(encoding="utf-8")} for file in files]
        if self.template:
            text = Template(_TEMPLATE.read_text(encoding="utf-8")).render(class_name=self.namespace)
            sources.append({"path": str(_TEMPLATE), "text": text})
        self.objects = [document.obj for document in read([], sources)]

    def task(self, *, without: str = "", **more: Any) -> dict[str, Any]:
        options: dict[str, Any] = {
            "src": [str(path) for path in self.src if path.name != without],
            "namespace": self.namespace,
            "apply_set": "samples",
            "prune": True,
            "force_conflicts": True,
        }
        if self.template:
            options["template"] = [{"path": str(_TEMPLATE), "vars": {"class_name": self.namespace}}]
        return {"meshwright.istio.mesh_policy": {**options, **more}}

    def label(self, obj: dict[str, Any]) -> str:
        kind, name = obj["kind"], obj["metadata"]["name"]
        return f"{kind} {name}" if kind == "GatewayClass" else f"{kind} {self.namespace}/{name}"


def _sets(*namespaces: str) -> list[Set]:
    """In a namespace of sidecars, in one of ambient, and in one of neither."""
    platform = _BOOKINFO / "platform" / "kube"
    folders = [_ISTIO / name for name in ("external", "extauthz", "open-telemetry", "ratelimit", "tcp-echo")]
    sources = (
        [platform / "bookinfo.yaml", _BOOKINFO / "networking", *folders],
        [platform / "bookinfo.yaml", platform / "bookinfo-versions.yaml", _BOOKINFO / "gateway-api"],
        sorted((SAMPLES / "kinds").iterdir()),
    )
    return [
        Set(namespace, src, template=at == 2)
        for at, (namespace, src) in enumerate(zip(namespaces, sources, strict=True))
    ]


def _group(obj: dict[str, Any]) -> str:
    return str(obj["apiVersion"]).rpartition("/")[0]


def test_every_kind_that_the_module_takes_is_among_them(policy: Policy) -> None:
    crds = policy.kubectl.json("get", "customresourcedefinitions")["items"]
    served = {(crd["spec"]["group"], crd["spec"]["names"]["kind"]) for crd in crds if crd["spec"]["group"] in _GROUPS}
    given = {(_group(obj), obj["kind"]) for each in _sets("a", "b", "c") for obj in each.objects}
    assert given == served | _CORE
    assert {(group, kind) for group, kind, _name in BY_HAND} == given


def _change_by_hand(policy: Policy, sets: list[Set]) -> dict[str, dict[str, Any]]:
    """The labels of what was changed, each with the change."""
    api = client(policy.cluster.kubeconfig, policy.cluster.context)
    jobs: list[tuple[Set, dict[str, Any], dict[str, Any]]] = []
    for (group, kind, name), patch in BY_HAND.items():
        found = [
            (each, obj)
            for each in sets
            for obj in each.objects
            if (_group(obj), obj["kind"]) == (group, kind) and name in ("", obj["metadata"]["name"])
        ]
        jobs.append((*found[-1], patch))

    def change(job: tuple[Set, dict[str, Any], dict[str, Any]]) -> None:
        each, obj, patch = job
        api.patch(
            api.resolve(obj), obj["metadata"]["name"], each.namespace, patch, resource_version=None, manager="by-hand"
        )

    api.many(change, jobs)
    return {each.label(obj): patch for each, obj, patch in jobs}


def _leaves(patch: dict[str, Any], path: str = "") -> list[str]:
    found: list[str] = []
    for key, value in patch.items():
        below = f"{path}.{key}" if path else key
        found += _leaves(value, below) if isinstance(value, dict) else [below]
    return found


def test_samples_are_applied_repaired_and_pruned(policy: Policy) -> None:
    sets = _sets(policy.namespace("sidecar"), policy.namespace("ambient"), policy.namespace())
    everything = {each.label(obj) for each in sets for obj in each.objects}

    def run(*tasks: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        return policy.playbooks(list(tasks), allow=_EXPECTED, **more).ok().of("mesh_policy")

    first = run(*(each.task() for each in sets), *(each.task() for each in sets))
    assert {entry["object"] for answer in first[:3] for entry in answer["objects"]} == everything
    assert all(entry["action"] == "create" for answer in first[:3] for entry in answer["objects"])
    assert [answer["changed"] for answer in first] == [True] * 3 + [False] * 3

    changed = _change_by_hand(policy, sets)
    # What someone adds beside ours is none of our business.
    policy.kubectl("label", "serviceentry", "pypi-https", "--namespace", sets[0].namespace, "beside=theirs")
    refused = {**sets[2].task(force_conflicts=False), "ignore_errors": True}
    told = run(refused, *(each.task() for each in sets), check=True, diff=True)
    assert "by-hand owns" in told[0]["msg"]
    drift = {entry["after_header"]: entry for answer in told[1:] for entry in answer["diff"]}
    assert drift.keys() == changed.keys()
    for label, patch in changed.items():
        paths = changed_paths(drift[label]["before"], drift[label]["after"])
        leaves = _leaves(patch)
        assert paths, label
        assert all(any(path.startswith(leaf) for leaf in leaves) for path in paths), (label, paths)
    assert "secret" not in json.dumps(drift["Secret " + sets[2].namespace + "/legacy"]["after"]["data"])

    again = run(*(each.task() for each in sets), *(each.task() for each in sets))
    assert {entry["object"] for answer in again[:3] for entry in answer["objects"]} == changed.keys()
    assert [answer["changed"] for answer in again] == [True] * 3 + [False] * 3
    labels = policy.kubectl.json("get", "serviceentry", "pypi-https", "--namespace", sets[0].namespace)["metadata"]
    assert labels["labels"]["beside"] == "theirs"

    external = {sets[0].label(obj) for path in (_ISTIO / "external").iterdir() for obj in _objects(path)}
    pruned = run(
        sets[0].task(without="external"),
        sets[0].task(without="external"),
        {"meshwright.istio.mesh_policy": {"state": "absent", "apply_set": "samples", "namespace": sets[2].namespace}},
    )
    assert {(entry["object"], entry["action"]) for entry in pruned[0]["objects"]} == {
        (one, "delete") for one in external
    }
    assert not pruned[1]["changed"]
    assert {entry["object"] for entry in pruned[2]["objects"]} >= {sets[2].label(obj) for obj in sets[2].objects}
    assert policy.kubectl("get", "gatewayclass", sets[2].namespace, "--ignore-not-found") == ""
    left = policy.kubectl.json("get", "serviceentry,destinationrule", "--namespace", sets[0].namespace)["items"]
    assert external.isdisjoint(sets[0].label(obj) for obj in left)
    assert len(left) == sum(obj["kind"] in ("ServiceEntry", "DestinationRule") for obj in sets[0].objects) - len(
        external
    )


def _objects(path: Path) -> list[dict[str, Any]]:
    return [obj for obj in yaml.safe_load_all(path.read_text(encoding="utf-8")) if obj]
