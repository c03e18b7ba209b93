# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of these tests' own with two control planes side by side, and injected workloads on either."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from ..support.embedded import Embedded, Kubectl, shared

OLD, NEW = "stable", "canary"
SYSTEM = "istio-system"


@dataclass(frozen=True, slots=True)
class Mesh:
    """The cluster with the revisions OLD and NEW, of the current and the next version."""

    cluster: Embedded
    kubectl: Kubectl

    def client(self, user: str = "", seconds: float = 60) -> Client:
        context = f"{self.cluster.context}-{user}" if user else self.cluster.context
        options = ConnectionOptions(kubeconfig=self.cluster.kubeconfig, context=context)
        return Client(connect(options), deadline=Deadline(seconds))

    def tag(self, name: str, revision: str) -> None:
        """Make the tag, or move it there, as `helm template` renders it."""
        rendered = _helm(
            self.cluster,
            "template",
            f"istiod-{revision}",
            "istiod",
            "--show-only=templates/revision-tags-mwc.yaml",
            f"--set=revision={revision},revisionTags={{{name}}}",
        )
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=rendered)

    def istiod(self, revision: str) -> str:
        """The name of the revision's one pod."""
        (pod,) = self.kubectl.json("-n", SYSTEM, "get", "pods", "-l", f"app=istiod,istio.io/rev={revision}")["items"]
        return str(pod["metadata"]["name"])


def _helm(cluster: Embedded, *args: str) -> str:
    command = [cluster.programs["helm"], f"--kubeconfig={cluster.kubeconfig}", f"--namespace={SYSTEM}", *args]
    done = subprocess.run(
        [*command, f"--repo={cluster.charts}"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="package")
def cluster() -> Iterator[Embedded]:
    """An embedded cluster named after the shared one; kept as that one is."""
    with shared("-operation") as embedded:
        yield embedded


@pytest.fixture(scope="package")
def mesh(cluster: Embedded) -> Mesh:
    kubectl = Kubectl(cluster)
    install = ("upgrade", "--install", "--create-namespace")
    _helm(cluster, *install, "base", "base", f"--version={cluster.versions['current']}")
    kubectl("apply", "--server-side", "--force-conflicts", "-f", cluster.gateway_api)
    for revision, version in ((OLD, "current"), (NEW, "next")):
        settings = f"--set=revision={revision},profile=ambient,autoscaleEnabled=false"
        _helm(cluster, *install, f"istiod-{revision}", "istiod", f"--version={cluster.versions[version]}", settings)
    kubectl("-n", SYSTEM, "wait", "deployment", "--all", "--for=condition=Available", "--timeout=90s")
    return Mesh(cluster, kubectl)


@pytest.fixture
def kubectl(mesh: Mesh) -> Kubectl:
    return mesh.kubectl


@pytest.fixture
def client(mesh: Mesh) -> Client:
    """An administrator's client, with a minute."""
    return mesh.client()


@pytest.fixture
def old(namespace: str, kubectl: Kubectl) -> str:
    """A namespace of this test's own whose pods are injected by OLD."""
    kubectl("label", "namespace", namespace, f"istio.io/rev={OLD}")
    return namespace


@pytest.fixture
def python(cluster: Embedded, collections: Path) -> Callable[[str], subprocess.Popen[str]]:
    """Runs a program against the cluster in a process of its own; `client` is defined in it."""
    imports = "ansible_collections.meshwright.istio.plugins.module_utils."
    start = f"""
import sys, time
from {imports}_kube.client import Client, Deadline
from {imports}_kube.connection import ConnectionOptions, connect
client = Client(connect(ConnectionOptions(kubeconfig={cluster.kubeconfig!r})), deadline=Deadline(60))
"""

    def run(program: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", start + program],
            env={"PYTHONPATH": str(collections)},
            stdout=subprocess.PIPE,
            text=True,
        )

    return run


def workload(kind: str, namespace: str, name: str, *, replicas: int = 2, **spec: Any) -> dict[str, Any]:
    """A Deployment, StatefulSet or DaemonSet of simulated pods."""
    given: dict[str, Any] = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
        },
        **spec,
    }
    if kind != "DaemonSet":
        given["replicas"] = replicas
    if kind == "StatefulSet":
        given["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": given}


def injected(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    """The revision that each pod of the namespace runs, "" for pods without a proxy; pods being deleted left out."""
    found = {}
    for pod in kubectl.json("-n", namespace, "get", "pods")["items"]:
        meta = pod["metadata"]
        if "deletionTimestamp" not in meta:
            status = (meta.get("annotations") or {}).get("sidecar.istio.io/status", "{}")
            found[meta["name"]] = json.loads(status).get("revision", "")
    return found


def until(what: str, holds: Callable[[], Any], seconds: float = 60) -> Any:
    """What `holds()` gives once it is true; an AssertionError naming `what` when it never is."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"still not after {seconds:g} s: {what}"
        time.sleep(0.3)


def deployed(kubectl: Kubectl, namespace: str, *objects: dict[str, Any]) -> None:
    """Apply them, and wait until each is rolled out."""
    kubectl.apply(*objects)
    for obj in objects:
        if obj["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            kubectl("-n", namespace, "rollout", "status", f"{obj['kind']}/{obj['metadata']['name']}", "--timeout=60s")
