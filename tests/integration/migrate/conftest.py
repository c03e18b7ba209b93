# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of these tests' own, on which a mesh with policies and workloads changes hands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..mesh.conftest import Mesh
from ..support.embedded import Embedded, shared
from ..support.playbook import Run

VERSION = "1.30.3"
SHOP = "shop"
_POLICIES = ("peerauthentications.security.istio.io", "authorizationpolicies.security.istio.io")
_ROUTING = ("destinationrules.networking.istio.io", "virtualservices.networking.istio.io")
_KEPT = (
    "services",
    "configmaps",
    "serviceaccounts",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
)


@dataclass(frozen=True)
class Seen:
    """What a migration must not change, and the pods by name."""

    policies: dict[str, Any]
    root: tuple[str, str]
    crds: dict[str, str]
    workloads: dict[str, str]
    objects: dict[str, str]
    pods: dict[str, str]

    def pods_of(self, prefix: str) -> dict[str, str]:
        return {name: uid for name, uid in self.pods.items() if name.startswith(prefix)}


class Hands(Mesh):
    """The same mesh by either method, in the namespaces that the Sail Operator's own documentation uses."""

    strategy = "revision_based"

    def task(self, **options: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "version": VERSION,
            "update_strategy": self.strategy,
            "cni_namespace": "istio-cni",
            "ztunnel_namespace": "ztunnel",
            "cluster_name": "homelab",
            "wait_timeout": 120,
            **options,
        }
        if given.get("method") == "sail":
            given["operator"] = {"charts": {"repository": self.cluster.charts}}
        return super().task(**given)

    def by(self, method: str, **options: Any) -> Run:
        return self(method=method, **options)

    def revision_name(self) -> str:
        return "default" if self.strategy == "in_place" else f"default-v{VERSION.replace('.', '-')}"

    def istiod(self) -> str:
        return "istiod" if self.strategy == "in_place" else f"istiod-{self.revision_name()}"

    def seen(self) -> Seen:
        policies = {}
        for kind in (*_POLICIES, *_ROUTING):
            for obj in self.kubectl.json("get", kind, "-A")["items"]:
                meta = obj["metadata"]
                # istiod writes the status of some: their generation then says what the resourceVersion cannot.
                told = (meta["uid"], meta["generation"], None if "status" in obj else meta["resourceVersion"])
                policies[f"{obj['kind']} {meta['namespace']}/{meta['name']}"] = told
        secret = self.kubectl.json("get", "secret", "istio-ca-secret", "-n", "istio-system")
        workloads = {}
        for obj in self.kubectl.json("get", "deployments,daemonsets", "-A")["items"]:
            workloads[f"{obj['kind']} {obj['metadata']['name']}"] = obj["metadata"]["uid"]
        objects = {}
        for obj in self.kubectl.json("get", ",".join(_KEPT), "-A", "-l", "app.kubernetes.io/part-of=istio")["items"]:
            objects[f"{obj['kind']} {obj['metadata']['name']}"] = obj["metadata"]["uid"]
        crds = self.kubectl.json("get", "crds")["items"]
        pods = self.kubectl.json("get", "pods", "-A")["items"]
        return Seen(
            policies=policies,
            root=(secret["metadata"]["resourceVersion"], secret["data"]["ca-cert.pem"]),
            crds={
                c["metadata"]["name"]: c["metadata"]["uid"] for c in crds if c["metadata"]["name"].endswith("istio.io")
            },
            workloads=workloads,
            objects=objects,
            pods={pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods},
        )

    def with_shop(self) -> Seen:
        """A namespace in the mesh, with policies; and what there is then."""
        meta = {"namespace": SHOP}
        pod = {"containers": [{"name": "app", "image": "registry.example.com/app:1"}]}
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": SHOP, "labels": {"istio.io/dataplane-mode": "ambient"}},
            },
        )
        self.kubectl.apply(
            {
                "apiVersion": "security.istio.io/v1",
                "kind": "PeerAuthentication",
                "metadata": {"name": "default", "namespace": "istio-system"},
                "spec": {"mtls": {"mode": "STRICT"}},
            },
            {
                "apiVersion": "security.istio.io/v1",
                "kind": "AuthorizationPolicy",
                "metadata": {"name": "no-strangers", **meta},
                "spec": {"action": "DENY", "rules": [{"from": [{"source": {"notNamespaces": [SHOP]}}]}]},
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "app", **meta},
                "spec": {"selector": {"app": "app"}, "ports": [{"name": "http", "port": 80}]},
            },
            {
                "apiVersion": "networking.istio.io/v1",
                "kind": "DestinationRule",
                "metadata": {"name": "app", **meta},
                "spec": {"host": "app", "trafficPolicy": {"loadBalancer": {"simple": "LEAST_REQUEST"}}},
            },
            {
                "apiVersion": "networking.istio.io/v1",
                "kind": "VirtualService",
                "metadata": {"name": "app", **meta},
                "spec": {"hosts": ["app"], "http": [{"route": [{"destination": {"host": "app"}}]}]},
            },
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "app", **meta},
                "spec": {
                    "replicas": 2,
                    "selector": {"matchLabels": {"app": "app"}},
                    "template": {"metadata": {"labels": {"app": "app"}}, "spec": pod},
                },
            },
        )
        self.kubectl("rollout", "status", "deployment/app", "-n", SHOP, "--timeout=60s")
        return self.seen()

    def verified(self) -> None:
        """mesh_verify finds nothing that is wrong, but for the shop's route, which no waypoint carries out."""
        self.playbooks({"meshwright.istio.mesh_verify": {"skip": ["routing"]}}).ok()

    def names(self) -> set[str]:
        """Helm's releases."""
        return set(self.releases())

    def journal(self) -> str:
        return self.kubectl("get", "configmap", "-A", "-l", "meshwright.io/journal=migrate", "-o", "name").strip()

    def sail_kinds(self) -> list[str]:
        return self.kubectl("api-resources", "--api-group", "sailoperator.io", "-o", "name", "--cached=false").split()

    def cleaned(self) -> None:
        """No mesh, no operator, and no journal, whatever a test left."""
        self.kubectl("delete", "configmap", "-A", "-l", "meshwright.io/journal=migrate")
        self.kubectl("delete", "namespace", SHOP, "--ignore-not-found")
        if self.sail_kinds():
            self.by("sail", state="absent", purge=True, allow_enrolled=True)
        self.by("helm", state="absent", purge=True, allow_enrolled=True)
        for kind in self.sail_kinds():
            for name in self.kubectl("get", kind, "-o", "name").split():
                self.kubectl("patch", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
                self.kubectl("delete", name, "--wait=false", "--ignore-not-found")
        helm = "owner=helm,name in (sail-operator,istio-base)"
        self.kubectl("delete", "secret", "-A", "-l", helm)
        self.kubectl(
            "delete", "namespace", "sail-operator", "istio-system", "istio-cni", "ztunnel", "--ignore-not-found"
        )


@pytest.fixture(scope="package")
def hands_cluster() -> Iterator[Embedded]:
    """The cluster, as it comes up: nothing installed."""
    with shared("-migrate") as embedded:
        yield embedded


@pytest.fixture
def hands(hands_cluster: Embedded, collections: Path, tmp_path: Path) -> Iterator[Hands]:
    """Nothing installed before, nothing afterwards."""
    found = Hands(hands_cluster, hands_cluster.playbooks(tmp_path))
    yield found
    found.cleaned()
