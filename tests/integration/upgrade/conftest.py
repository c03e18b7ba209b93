# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of these tests' own with a used mesh that goes by revisions; most tests leave it as they found it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..mesh.conftest import Mesh
from ..support.embedded import Embedded, shared
from ..support.playbook import Playbooks, Run, Running

Object = dict[str, Any]
SHOP, PINNED, TAGGED = "shop", "pinned", "tagged"
POLICY: Object = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "default", "namespace": SHOP},
    "spec": {"mtls": {"mode": "STRICT"}},
}
WAYPOINT: Object = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "waypoint", "namespace": SHOP, "labels": {"istio.io/waypoint-for": "service"}},
    "spec": {
        "gatewayClassName": "istio-waypoint",
        "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
    },
}


def revision(version: str) -> str:
    return f"default-v{version.replace('.', '-')}"


class Used:
    """A mesh with workloads on it: `stage(...)` is one task of mesh_upgrade, `role(...)` a whole playbook."""

    def __init__(self, cluster: Embedded, playbooks: Playbooks) -> None:
        self.cluster, self.playbooks = cluster, playbooks
        self.mesh = Mesh(cluster, playbooks)
        self.kubectl = self.mesh.kubectl
        self.old_version, self.new_version = cluster.versions["current"], cluster.versions["next"]
        self.old, self.new = revision(self.old_version), revision(self.new_version)
        self.options: Object = {
            "charts": {"repository": cluster.charts},
            "gateway_api": {"source": cluster.gateway_api},
            "wait_timeout": 120,
            "update_strategy": "revision_based",
            "cluster_name": "homelab-cluster",
        }

    # -- what is done -----------------------------------------------------------------------------------

    def prepare(self) -> None:
        """The old version with workloads of all sorts; made anew only where something else was left."""
        if self.journal() is not None or not self.istiods() <= {self.old}:
            self.remove()
        self.install().ok()
        self.workloads(SHOP, {"istio.io/dataplane-mode": "ambient"}, "cart")
        self.kubectl.apply(POLICY, WAYPOINT)
        self.workloads(PINNED, {"istio.io/rev": self.old}, "vault")
        self.workloads(TAGGED, {"istio-injection": "enabled"}, "ledger", "mailer")

    def remove(self) -> None:
        self.kubectl("delete", "configmaps", "--namespace", "istio-system", "-l", "meshwright.io/journal")
        for namespace in (SHOP, PINNED, TAGGED):
            self.kubectl("delete", "namespace", namespace, "--ignore-not-found")
        gone = {**self.options, "state": "absent", "purge": True, "allow_enrolled": True}
        self.playbooks({"meshwright.istio.istio_mesh": gone}).ok()

    def install(self, **options: Any) -> Run:
        given = {"version": self.old_version, **self.options, **options}
        return self.playbooks({"meshwright.istio.istio_mesh": given})

    def task(self, stage: str, **options: Any) -> Object:
        given = {"stage": stage, "version": self.new_version, **self.options, **options}
        return {"meshwright.istio.mesh_upgrade": {key: value for key, value in given.items() if value is not None}}

    def stage(self, stage: str, *, check: bool = False, **options: Any) -> Run:
        return self.playbooks(self.task(stage, **options), check=check)

    def variables(self, **options: Any) -> Object:
        given = {"version": self.new_version, **self.options, **options}
        return {f"control_plane_{name}": value for name, value in given.items()}

    def role(self, playbook: str = "upgrade", *, check: bool = False, **options: Any) -> Run:
        return self.playbooks(f"meshwright.istio.{playbook}", check=check, extra_vars=self.variables(**options))

    def start(self, playbook: str = "upgrade", **options: Any) -> Running:
        return self.playbooks.start(f"meshwright.istio.{playbook}", extra_vars=self.variables(**options))

    def workloads(self, namespace: str, labels: Mapping[str, str], *names: str) -> None:
        metadata = {"name": namespace, "labels": dict(labels)}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self.kubectl.apply(*(deployment(namespace, name) for name in names))
        for name in names:
            self.kubectl("rollout", "status", "--namespace", namespace, f"deployment/{name}", "--timeout=90s")

    # -- what is there ----------------------------------------------------------------------------------

    def istiods(self) -> set[str]:
        found = self.kubectl.json("get", "deployments", "-A", "-l", "app=istiod")["items"]
        return {item["metadata"]["name"].removeprefix("istiod-") for item in found}

    def ztunnel(self) -> str:
        """The revision that ztunnel dials."""
        (found,) = self.kubectl.json("get", "daemonsets", "-A", "-l", "app.kubernetes.io/name=ztunnel")["items"]
        env = found["spec"]["template"]["spec"]["containers"][0]["env"]
        address = next(str(entry["value"]) for entry in env if entry["name"] == "XDS_ADDRESS")
        return address.partition(".")[0].removeprefix("istiod-")

    def pods(self, namespace: str) -> list[Object]:
        found = self.kubectl.json("get", "pods", "--namespace", namespace)["items"]
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def revisions(self, namespace: str) -> set[str]:
        """The revisions that injected, or made, the namespace's pods."""
        return {pod["metadata"].get("annotations", {}).get("istio.io/rev", "none") for pod in self.pods(namespace)}

    def default_tag(self) -> str:
        webhook = self.kubectl.json("get", "mutatingwebhookconfiguration", "istio-revision-tag-default")
        return str(webhook["metadata"]["labels"]["istio.io/rev"])

    def generations(self) -> dict[str, int]:
        """How often each workload's template was changed."""
        found: dict[str, int] = {}
        for namespace in (SHOP, PINNED, TAGGED):
            for item in self.kubectl.json("get", "deployments", "--namespace", namespace)["items"]:
                if "gateway.istio.io/managed" not in item["metadata"].get("labels", {}):
                    found[f"{namespace}/{item['metadata']['name']}"] = item["metadata"]["generation"]
        return found

    def journal(self) -> Object | None:
        found = self.kubectl.json("get", "configmaps", "--namespace", "istio-system", "-l", "meshwright.io/journal")
        texts = [json.loads(item["data"]["journal.json"]) for item in found["items"]]
        return texts[0]["state"] if texts else None

    def is_whole_on(self, wanted: str) -> None:
        """Everything is on this revision, and nothing of another is left."""
        assert self.istiods() == {wanted}
        assert self.ztunnel() == wanted
        assert self.default_tag() == wanted
        for namespace in (PINNED, TAGGED):
            assert self.revisions(namespace) == {wanted}
        label = self.kubectl.json("get", "namespace", PINNED)["metadata"]["labels"]["istio.io/rev"]
        assert label == wanted
        assert self.journal() is None
        assert {status for _revision, status in self.mesh.releases().values()} == {"deployed"}

    @contextmanager
    def watched(self, look: Callable[[], Any]) -> Iterator[set[Any]]:
        """Whatever `look` gave, again and again, while the block ran."""
        seen: set[Any] = set()
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                seen.add(look())
                time.sleep(0.2)

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield seen
        finally:
            done.set()
            watching.join()


def deployment(namespace: str, name: str, **spec: Any) -> Object:
    labels = {"app": name}
    container = {"name": name, "image": "registry.example.com/app:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }


@pytest.fixture(scope="package")
def upgrade_cluster() -> Iterator[Embedded]:
    with shared("-upgrade") as embedded:
        yield embedded


@pytest.fixture
def used(upgrade_cluster: Embedded, collections: Path, tmp_path: Path) -> Used:
    """The mesh on the old version, with workloads."""
    found = Used(upgrade_cluster, upgrade_cluster.playbooks(tmp_path))
    found.prepare()
    return found


def shown(run: Run) -> list[str]:
    """The steps of the last task that has any, by name."""
    with_steps = [result for result in run.of("mesh_upgrade") if result.get("steps")]
    return [step["step"] for step in with_steps[-1]["steps"]]
