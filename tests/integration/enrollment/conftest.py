# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster with an ambient mesh, whose istiod injects sidecars as well; each test has namespaces of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from ..support import modules
from ..support.ambient import ambient
from ..support.embedded import Embedded, Kubectl
from ..support.playbook import Playbooks, Run

Obj = dict[str, Any]
_LABELS: dict[str, dict[str, str]] = {
    "none": {},
    "sidecar": {"istio-injection": "enabled"},
    "ambient": {"istio.io/dataplane-mode": "ambient"},
}


class Enrollment:
    """This cluster: `enrollment("mesh_enrollment", mode=..., ...)` runs one task of one module of the collection."""

    def __init__(self, embedded: Embedded, playbooks: Playbooks) -> None:
        self.cluster = embedded
        self.playbooks = playbooks
        self.kubectl = Kubectl(embedded)
        self._made: list[str] = []

    def __call__(self, module: str, *, check: bool = False, diff: bool = False, **more: Any) -> Run:
        runner = {key: more.pop(key) for key in ("env", "args", "allow", "kubeconfig", "timeout") if key in more}
        return self.playbooks({f"meshwright.istio.{module}": more}, check=check, diff=diff, **runner)

    def client(self, seconds: float = 60) -> Client:
        return modules.client(self.cluster.kubeconfig, self.cluster.context, seconds=seconds)

    def namespace(self, mode: str = "none", **labels: str) -> str:
        """A namespace of this test's own, enrolled as told; deleted afterwards, not waited for."""
        name = f"enroll-{uuid.uuid4().hex[:8]}"
        meta = {"name": name, "labels": {**_LABELS[mode], **labels}}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        self._made.append(name)
        return name

    def labels(self, namespace: str) -> dict[str, str]:
        """A namespace's labels, less the one that Kubernetes sets."""
        found = dict(self.kubectl.json("get", "namespace", namespace)["metadata"].get("labels") or {})
        found.pop("kubernetes.io/metadata.name", None)
        return found

    def pods(self, namespace: str) -> list[Obj]:
        """The pods that are not ending."""
        found = self.kubectl.json("-n", namespace, "get", "pods")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def deployed(self, namespace: str, *objects: Obj) -> None:
        """Apply objects, and wait until each workload among them is rolled out."""
        self.kubectl.apply(*objects)
        for obj in objects:
            if obj["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
                where = f"{obj['kind']}/{obj['metadata']['name']}"
                self.kubectl("-n", namespace, "rollout", "status", where, "--timeout=60s")

    def clean(self) -> None:
        if self._made:
            self.kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", *self._made)


def workload(
    namespace: str, name: str, *, kind: str = "Deployment", replicas: int = 2, labels: dict[str, str] | None = None
) -> list[Obj]:
    """A workload of simulated pods labelled app=NAME, and the Service before it."""
    spec: Obj = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name, **(labels or {})}},
            "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
        },
    }
    if kind != "DaemonSet":
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec["serviceName"] = name
    meta = {"name": name, "namespace": namespace}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return [
        {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": {"app": name}, "ports": ports}},
    ]


@pytest.fixture(scope="package")
def enrollment_cluster(collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """An embedded cluster with an ambient mesh on it, installed by this collection; kept as the shared one is."""
    with ambient("-enroll", tmp_path_factory.mktemp("mesh")) as embedded:
        yield embedded


@pytest.fixture
def enrollment(enrollment_cluster: Embedded, collections: Path, tmp_path: Path) -> Iterator[Enrollment]:
    found = Enrollment(enrollment_cluster, enrollment_cluster.playbooks(tmp_path))
    yield found
    found.clean()
