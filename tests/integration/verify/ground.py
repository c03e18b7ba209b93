# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a case breaks something, and looks whether the check-up sees it: a mesh, and namespaces of the case's own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.verify import verify
from ansible_collections.meshwright.istio.plugins.module_utils._intent.verify import VerifyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from ..support import modules
from ..support.embedded import Embedded, Kubectl

Obj = dict[str, Any]
_LABELS: dict[str, dict[str, str]] = {
    "none": {},
    "sidecar": {"istio-injection": "enabled"},
    "ambient": {"istio.io/dataplane-mode": "ambient"},
}


class Ground:
    """The mesh of these tests. `space` is the namespace made last."""

    def __init__(self, embedded: Embedded) -> None:
        self.cluster = embedded
        self.kubectl = Kubectl(embedded)
        self.space = ""
        self._made: list[str] = []

    def client(self, seconds: float = 60) -> Client:
        return modules.client(self.cluster.kubeconfig, self.cluster.context, seconds=seconds)

    def namespace(self, mode: str = "none", **labels: str) -> str:
        """A namespace of the case's own, enrolled as told; deleted afterwards, not waited for."""
        self.space = f"verify-{uuid.uuid4().hex[:8]}"
        meta = {"name": self.space, "labels": {**_LABELS[mode], **labels}}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        self._made.append(self.space)
        return self.space

    def apply(self, *objects: Obj) -> None:
        """Apply objects, and wait until each workload among them is rolled out."""
        self.kubectl.apply(*objects)
        for obj in objects:
            if obj["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
                where = f"{obj['kind']}/{obj['metadata']['name']}"
                self.kubectl("-n", obj["metadata"]["namespace"], "rollout", "status", where, "--timeout=60s")

    def verify(self, *checks: str, **options: Any) -> dict[str, Any]:
        """The module's result, in this process; never a failure for what it found."""
        params = {"checks": list(checks), "fail_on": "never", **options}
        return verify(self.client(), VerifyIntent.from_params(params))

    def findings(self, check: str, **options: Any) -> list[dict[str, Any]]:
        """What a check finds now."""
        return [entry for entry in self.verify(check, **options)["findings"] if entry["check"] == check]

    def until(self, what: Callable[[], Any], words: str, seconds: float = 30) -> Any:
        """What is first truthy."""
        end = time.monotonic() + seconds
        while True:
            found = what()
            if found:
                return found
            assert time.monotonic() < end, f"not within {seconds} s: {words}"
            time.sleep(0.3)

    def clean(self) -> None:
        if self._made:
            self.kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", *self._made)


@dataclass(frozen=True)
class Case:
    """A pair for one check: what `make` makes is found, what `mend` mends is not any more.

    `expect` is part of the finding's title, with {space} for the case's namespace. `before` makes the ground and must
    not trigger the check; without it `make` starts from a bare mesh. `mesh` is True for what disturbs more than the
    namespaces of the case.
    """

    check: str
    name: str
    make: Callable[[Ground], None]
    mend: Callable[[Ground], None]
    expect: str
    before: Callable[[Ground], None] | None = None
    severity: str = "error"
    mesh: bool = False

    def __str__(self) -> str:
        return f"{self.check}-{self.name.replace(' ', '-')}"

    def found(self, ground: Ground) -> list[dict[str, Any]]:
        """The findings that this case is about."""
        words = self.expect.format(space=ground.space)
        return [entry for entry in ground.findings(self.check) if words in entry["title"]]

    def play(self, ground: Ground) -> dict[str, Any]:
        """Not found, made, found, mended, not found; the finding is given back."""
        if self.before:
            self.before(ground)
            ground.until(lambda: not self.found(ground), f"{self} is clean before")
        self.make(ground)
        finding: dict[str, Any] = ground.until(lambda: self.found(ground), f"{self} is found")[0]
        assert finding["severity"] == self.severity
        assert finding["remedy"], "a finding names its remedy"
        self.mend(ground)
        ground.until(lambda: not self.found(ground), f"{self} is mended")
        return finding


def deployment(namespace: str, name: str = "web", *, replicas: int = 1, **pod: Any) -> Obj:
    """A workload of simulated pods labelled app=NAME. `pod`: `labels`, `annotations`, `spec` of the template."""
    template = {
        "metadata": {"labels": {"app": name, **pod.get("labels", {})}, "annotations": pod.get("annotations", {})},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}], **pod.get("spec", {})},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def service(namespace: str, name: str = "web", *, labels: dict[str, str] | None = None, **spec: Any) -> Obj:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


def one(api_version: str, kind: str, namespace: str, name: str, spec: Obj, **meta: Any) -> Obj:
    """Any other object."""
    metadata = {"name": name, "namespace": namespace, **meta}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def all_of(*lists: Iterable[Case]) -> list[Case]:
    return sorted((case for each in lists for case in each), key=lambda case: (case.mesh, case.check))
