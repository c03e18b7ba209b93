# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the harness's own tests do with a cluster: Helm, port-forward, waiting."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client as kubernetes_client
from kubernetes import config as kubernetes_config
from kubernetes.stream import portforward

from tests.harness import cluster, processes, state
from tests.harness.api import MERGE, Api
from tests.harness.state import CHECKOUT, State

Object = dict[str, Any]
PATIENCE = 60.0  # seconds; generous, since it is spent only when something is wrong


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The harness's command line, as a person starts it."""
    command = [sys.executable, str(CHECKOUT / "tests" / "harness"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def eventually(what: str, probe: Callable[[], Any]) -> Any:
    """The first truthy answer of `probe`; fails naming `what` and the last answer."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: last seen {answer!r}")
        time.sleep(0.1)
    return answer


@dataclass(frozen=True)
class Site:
    """A running cluster under test."""

    state: State
    home: Path
    """Where Helm keeps its caches."""

    @property
    def api(self) -> Api:
        return cluster.client(self.state)

    def helm(self, *arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            **{name: str(self.home) for name in ("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")},
        }
        command = [self.state.programs["helm"], "--kubeconfig", self.state.kubeconfig, *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def install(self, release: str, chart: str, *settings: str, version: str = "1.31.1") -> None:
        """Install a chart of the loopback repository into istio-system and wait for it."""
        flags = [flag for setting in settings for flag in ("--set", setting)]
        where = ["--namespace", "istio-system", "--create-namespace", "--wait", "--timeout", "60s"]
        source = ["--repo", self.state.charts, "--version", version]
        self.helm("upgrade", "--install", release, chart, *source, *where, *flags)

    def pods(self, namespace: str, selector: str = "") -> list[Object]:
        query = {"labelSelector": selector} if selector else None
        items = self.api.request("GET", f"/api/v1/namespaces/{namespace}/pods", query=query)["items"]
        return [item for item in items if not item["metadata"].get("deletionTimestamp")]

    def namespace(self, name: str, **labels: str) -> None:
        wanted = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
        self.api.apply(
            f"/api/v1/namespaces/{name}",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": wanted}},
        )

    def pod(self, namespace: str, name: str, image: str = "nginx:1", **annotations: str) -> None:
        metadata = {"name": name, "annotations": annotations, "labels": {"app": name}}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"containers": [{"name": "main", "image": image}]},
        }
        # A namespace's default ServiceAccount comes a moment after the namespace.
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        eventually("default ServiceAccount", lambda: self.api.get(account))
        self.api.request("POST", f"/api/v1/namespaces/{namespace}/pods", body)

    def get_pod(self, namespace: str, name: str) -> Object:
        return self.object(f"/api/v1/namespaces/{namespace}/pods/{name}")

    def object(self, path: str) -> Object:
        found: Object = self.api.request("GET", path)
        return found

    def patch_pod(self, namespace: str, name: str, body: Object) -> None:
        self.api.request("PATCH", f"/api/v1/namespaces/{namespace}/pods/{name}", body, content_type=MERGE)

    def fetch(self, namespace: str, pod: str, port: int, path: str) -> str:
        """GET from a pod's port, through the API server's port-forward."""
        configuration = kubernetes_client.Configuration()
        kubernetes_config.load_kube_config(self.state.kubeconfig, client_configuration=configuration)
        core = kubernetes_client.CoreV1Api(kubernetes_client.ApiClient(configuration))
        forward = portforward(core.connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port))
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = forward.socket(port)
        connection.sock.setblocking(True)
        connection.request("GET", path)
        # Read by its length: a forwarded connection does not end when the pod ends it.
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        assert response.status == 200, text
        return text

    def istiod(self, revision: str = "default") -> Object:
        """The only pod of a revision's istiod."""
        (found,) = self.pods("istio-system", f"app=istiod,istio.io/rev={revision}")
        return found

    def syncz(self, revision: str = "default") -> dict[str, Object]:
        """istiod's view of its proxies, by "pod.namespace"."""
        name = self.istiod(revision)["metadata"]["name"]
        found = json.loads(self.fetch("istio-system", name, 15014, "/debug/syncz"))
        return {each["proxy"]: each for each in found}

    def processes(self) -> dict[str, processes.Record]:
        return {record.name: record for record in processes.records(state.folders(self.state.name).pids)}


def is_ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))


def waiting(pod: Object) -> str:
    """The waiting reason of the pod's first container, or an empty string."""
    statuses = pod["status"].get("containerStatuses") or [{}]
    return str(statuses[0].get("state", {}).get("waiting", {}).get("reason", ""))


def in_sync(proxy: Object) -> bool:
    """Whether the proxy acknowledged all that it was sent, and rejected nothing."""
    resources = proxy["resources"].values()
    return all(each.get("sent") == each.get("acked") and not each.get("lastError") for each in resources)


__all__ = ["PATIENCE", "Site", "eventually", "in_sync", "is_ready", "run", "waiting"]
