# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a test makes the simulated Sail Operator misbehave, and what it does to things that others touched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness.agent.sail import switches
from tests.harness.api import MERGE

from . import sail_replay
from .sail_replay import GROUP, KINDS
from .support import Site, eventually

Object = dict[str, Any]
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments/{}"
pytestmark = pytest.mark.parametrize("sail", ["minimal"], indirect=True)


@dataclass(frozen=True)
class Mesh:
    """The operator's objects of one cluster, by kind and name."""

    site: Site

    def write(self, kind: str, spec: Object, name: str = "default", **annotations: str) -> None:
        metadata = {"name": name, "annotations": annotations}
        body = {"apiVersion": "sailoperator.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
        self.site.api.request("POST", f"{GROUP}/{KINDS[kind]}", body)

    def merge(self, kind: str, body: Object, name: str = "default") -> None:
        self.site.api.request("PATCH", f"{GROUP}/{KINDS[kind]}/{name}", body, content_type=MERGE)

    def annotate(self, kind: str, switch: str, value: str | None) -> None:
        self.merge(kind, {"metadata": {"annotations": {switch: value}}})

    def get(self, kind: str, name: str = "default") -> Object | None:
        found: Object | None = self.site.api.get(f"{GROUP}/{KINDS[kind]}/{name}")
        return found

    def istio(self, version: str = "v1.30.2", kind: str = "RevisionBased", **annotations: str) -> None:
        strategy = {"type": kind, "inactiveRevisionDeletionGracePeriodSeconds": 600}
        spec = {"namespace": "istio-system", "version": version, "updateStrategy": strategy}
        self.write("Istio", spec, **annotations)

    def upgrade(self, version: str, kind: str = "Istio") -> None:
        self.merge(kind, {"spec": {"version": version}})

    def comes_to(self, kind: str, state: str, name: str = "default") -> Object:
        """The object once it is in this state, at its newest generation."""

        def there() -> Object | None:
            found = self.get(kind, name)
            status = (found or {}).get("status") or {}
            seen = found is not None and status.get("observedGeneration") == found["metadata"]["generation"]
            return found if seen and status.get("state") == state else None

        found: Object = eventually(f"{kind} {name} {state}", there)
        return found


def message(item: Object, kind: str) -> str:
    return str(next(each.get("message", "") for each in item["status"]["conditions"] if each["type"] == kind))


@pytest.fixture
def mesh(sail: Site) -> Iterator[Mesh]:
    yield Mesh(sail)
    sail_replay.clear(sail)


def test_never_ready(mesh: Mesh) -> None:
    mesh.istio(**{switches.NEVER_READY: "v1.30.3"})
    mesh.comes_to("Istio", "Healthy")
    mesh.upgrade("v1.30.3")
    stuck = mesh.comes_to("IstioRevision", "IstiodNotReady", "default-v1-30-3")
    eventually("its pod", lambda: mesh.site.pods("istio-system", "istio.io/rev=default-v1-30-3"))
    assert stuck["spec"]["version"] == "v1.30.3"
    assert mesh.comes_to("Istio", "IstiodNotReady")["status"]["revisions"]["ready"] == 1
    mesh.annotate("Istio", switches.NEVER_READY, None)
    assert mesh.comes_to("Istio", "Healthy")["status"]["revisions"]["ready"] == 2


def test_error_at_one_version(mesh: Mesh) -> None:
    mesh.istio(**{switches.ERROR: "v1.30.3=no room"})
    mesh.comes_to("Istio", "Healthy")
    mesh.upgrade("v1.30.3")
    failed = mesh.comes_to("Istio", "ReconcileError")
    assert message(failed, "Reconciled") == "error reconciling resource: no room"
    assert mesh.site.api.get(DEPLOYMENTS.format("istio-system", "istiod-default-v1-30-3")) is None
    mesh.annotate("Istio", switches.ERROR, None)
    mesh.comes_to("Istio", "Healthy")


def test_slow(mesh: Mesh) -> None:
    started = time.monotonic()
    mesh.write("IstioCNI", {"namespace": "istio-cni", "version": "v1.30.3"}, **{switches.SLOW: "1.5"})
    mesh.comes_to("IstioCNI", "Healthy")
    assert time.monotonic() - started > 1.5


def test_a_ztunnel_that_misses_its_targets_move(mesh: Mesh) -> None:
    mesh.istio()
    mesh.comes_to("Istio", "Healthy")
    target = {"kind": "Istio", "name": "default"}
    spec = {"namespace": "ztunnel", "version": "v1.30.2", "targetRef": target}
    mesh.write("ZTunnel", spec, **{switches.MISS_TARGET: "true"})
    assert mesh.comes_to("ZTunnel", "Healthy")["status"]["istioRevision"] == "default-v1-30-2"
    mesh.upgrade("v1.30.3")
    mesh.comes_to("IstioRevision", "Healthy", "default-v1-30-3")
    assert mesh.comes_to("ZTunnel", "Healthy")["status"]["istioRevision"] == "default-v1-30-2"
    mesh.upgrade("v1.30.3", "ZTunnel")
    eventually(
        "ZTunnel moved",
        lambda: mesh.comes_to("ZTunnel", "Healthy")["status"]["istioRevision"] == "default-v1-30-3",
    )


def test_a_target_that_is_pinned_stays(mesh: Mesh) -> None:
    mesh.istio()
    mesh.comes_to("Istio", "Healthy")
    target = {"kind": "IstioRevision", "name": "default-v1-30-2"}
    mesh.write("ZTunnel", {"namespace": "ztunnel", "version": "v1.30.2", "targetRef": target})
    mesh.comes_to("ZTunnel", "Healthy")
    mesh.upgrade("v1.30.3")
    mesh.comes_to("IstioRevision", "Healthy", "default-v1-30-3")
    assert mesh.comes_to("ZTunnel", "Healthy")["status"]["istioRevision"] == "default-v1-30-2"
    old = mesh.comes_to("IstioRevision", "Healthy", "default-v1-30-2")
    assert {each["type"]: each["status"] for each in old["status"]["conditions"]}["InUse"] == "True"


def test_what_is_not_the_operators_is_not_taken(mesh: Mesh) -> None:
    account = "/api/v1/namespaces/istio-cni/serviceaccounts"
    mesh.site.api.request("POST", account, {"metadata": {"name": "istio-cni"}})
    mesh.write("IstioCNI", {"namespace": "istio-cni", "version": "v1.30.3"})
    failed = mesh.comes_to("IstioCNI", "ReconcileError")
    assert 'failed to install/update Helm chart "cni": failed to install helm chart cni: ' in message(
        failed, "Reconciled"
    )
    assert "invalid ownership metadata" in message(failed, "Reconciled")
    mesh.site.api.delete(f"{account}/istio-cni")
    mesh.comes_to("IstioCNI", "Healthy")


def test_what_is_deleted_or_edited_comes_back(mesh: Mesh) -> None:
    mesh.istio(kind="InPlace")
    mesh.comes_to("Istio", "Healthy")
    path = DEPLOYMENTS.format("istio-system", "istiod")
    before = mesh.site.object(path)
    mesh.site.api.delete(path)
    again = eventually("istiod again", lambda: mesh.site.api.get(path))
    assert again["metadata"]["uid"] != before["metadata"]["uid"]
    mesh.comes_to("Istio", "Healthy")
    edit = {"spec": {"template": {"spec": {"serviceAccountName": "other"}}}}
    mesh.site.api.request("PATCH", path, edit, content_type=MERGE)
    wanted = before["spec"]["template"]["spec"]["serviceAccountName"]
    eventually(
        "istiod's account again",
        lambda: mesh.site.object(path)["spec"]["template"]["spec"]["serviceAccountName"] == wanted,
    )


def test_nothing_happens_without_the_operators_pod(mesh: Mesh) -> None:
    path = DEPLOYMENTS.format("sail-operator", "sail-operator")

    def scale(replicas: int) -> None:
        mesh.site.api.request("PATCH", path, {"spec": {"replicas": replicas}}, content_type=MERGE)

    def log() -> str:
        return (Path(mesh.site.state.logs) / "agent.log").read_text()

    before = len(log())
    scale(0)
    eventually("the operator at rest", lambda: "no pod of the operator is Ready" in log()[before:])
    try:
        mesh.write("IstioCNI", {"namespace": "istio-cni", "version": "v1.30.3"})
        time.sleep(1.0)
        found = mesh.get("IstioCNI")
        assert found is not None
        assert "status" not in found
        assert "finalizers" not in found["metadata"]
    finally:
        scale(1)
    mesh.comes_to("IstioCNI", "Healthy")
