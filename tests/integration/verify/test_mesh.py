# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mesh_verify on a real istiod: healthy, and then broken in one way after the other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import CHECKS

from ..support.embedded import Embedded, Kubectl
from ..support.playbook import Playbooks
from .conftest import Verify

VERIFY = "meshwright.istio.mesh_verify"
EMPTY = ("MW0024", "MW0026", "MW0029", "MW0040", "MW0049", "MW0051", "MW0054")
# What only istiod can tell, while there is none.
UNASKED = ("MW0036", "MW0037")
HEALTHY = {
    "MW0000": "passed",
    "MW0001": "passed",
    "MW0002": "skipped",
    "MW0003": "skipped",
    "MW0004": "passed",
    "MW0005": "skipped",
    "MW0006": "skipped",
    "MW0007": "warning",
    "MW0008": "passed",
    "MW0009": "passed",
    "MW0010": "passed",
    "MW0011": "passed",
    "MW0012": "passed",
    "MW0013": "passed",
    "MW0014": "passed",
    "MW0017": "passed",
    "MW0018": "passed",
    "MW0019": "passed",
    "MW0020": "passed",
    "MW0021": "passed",
    "MW0022": "passed",
    "MW0025": "passed",
}
# What nothing is enrolled for, and what only one cluster has, is skipped; the others pass.
HEALTHY |= {check.id: "passed" for check in CHECKS if check.id not in HEALTHY}
HEALTHY |= dict.fromkeys(EMPTY, "skipped")


def statuses(result: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["status"] for check in result["checks"]}


def changed(result: dict[str, Any]) -> dict[str, str]:
    """The checks that came out otherwise than in the healthy mesh."""
    return {name: status for name, status in statuses(result).items() if HEALTHY[name] != status}


def finding(result: dict[str, Any], check: str) -> dict[str, Any]:
    """The worst finding of a check."""
    found: dict[str, Any] = next(entry for entry in result["findings"] if entry["check"] == check)
    return found


@contextmanager
def patched(kubectl: Kubectl, what: str, path: str, value: Any) -> Iterator[None]:
    """One field of an object changed, and put back."""
    before: Any = kubectl.json("get", *what.split())
    for key in path.strip("/").split("/"):
        before = before[int(key) if isinstance(before, list) else key]

    def put(new: Any) -> None:
        kubectl(
            "patch", *what.split(), "--type=json", "-p", json.dumps([{"op": "replace", "path": path, "value": new}])
        )

    put(value)
    try:
        yield
    finally:
        put(before)


def test_healthy(verify: Verify) -> None:
    result = verify(wait_timeout=60)
    assert statuses(result) == HEALTHY
    assert result["changed"] is False
    assert result["table"][0] == "ambient mesh: istiod 1.31.1 (namespace istio-system, revision default)"
    counted = {status: list(HEALTHY.values()).count(status) for status in ("passed", "skipped")}
    assert result["table"][-1] == (
        f"{len(CHECKS)} checks: {counted['passed']} passed, 1 warning, "
        f"0 failed, 0 unknown, {counted['skipped']} skipped"
    )


def test_check_mode_does_the_same(mesh: Embedded, playbook: Playbooks) -> None:
    run = playbook({VERIFY: {}}, check=True).ok()
    assert statuses(run.result) == HEALTHY
    assert run.changed == 0


def test_a_warning_fails_who_is_strict(verify: Verify) -> None:
    result = verify(fail_on="warning")
    assert result["error"] == "VerifyFailed"
    assert result["msg"].startswith(f"1 of {len(CHECKS)} checks have warnings: MW0007")
    assert statuses(result) == HEALTHY


def test_selection(verify: Verify) -> None:
    assert list(statuses(verify(checks=["webhooks", "9"], skip=["MW0018"]))) == ["MW0000", "MW0009", "MW0017", "MW0019"]


def test_istiod_scaled_to_zero(verify: Verify, kubectl: Kubectl) -> None:
    kubectl("-n", "istio-system", "scale", "deployment", "istiod", "--replicas=0")
    try:
        kubectl("-n", "istio-system", "wait", "pods", "-l", "app=istiod", "--for=delete", "--timeout=60s")
        result = verify()
        away = ("MW0007", "MW0008", "MW0012", "MW0017", "MW0019", "MW0050")
        assert changed(result) == {**dict.fromkeys(away, "failed"), **dict.fromkeys(UNASKED, "unknown")}
        assert result["msg"].startswith(f"{len(away)} of {len(CHECKS)} checks failed: MW0007 istiod is scaled to zero")
        assert "Service istio-system/istiod" in finding(result, "MW0008")["objects"]
        assert verify(fail_on="never")["summary"]["failed"] == len(away)
    finally:
        kubectl("-n", "istio-system", "scale", "deployment", "istiod", "--replicas=1")
    waited = verify(wait_timeout=90)
    assert statuses(waited) == HEALTHY


def test_an_injector_that_calls_nobody(verify: Verify, kubectl: Kubectl) -> None:
    where = "mutatingwebhookconfiguration istio-sidecar-injector"
    with patched(kubectl, where, "/webhooks/0/clientConfig/service/name", "istiod-gone"):
        result = verify()
    assert changed(result) == {"MW0017": "failed"}
    assert finding(result, "MW0017")["objects"] == ["MutatingWebhookConfiguration istio-sidecar-injector"]
    assert finding(result, "MW0017")["evidence"][0] == "Service istio-system/istiod-gone does not exist"


def test_a_default_validator_that_calls_nobody(verify: Verify, kubectl: Kubectl) -> None:
    where = "validatingwebhookconfiguration istiod-default-validator"
    with patched(kubectl, where, "/webhooks/0/clientConfig/service/name", "istiod-old"):
        result = verify()
    assert changed(result) == {"MW0019": "failed"}
    assert "no Istio configuration can be changed" in finding(result, "MW0019")["title"]


def test_injectors_that_overlap(verify: Verify, kubectl: Kubectl) -> None:
    twin = kubectl.json("get", "mutatingwebhookconfiguration", "istio-sidecar-injector")
    twin["metadata"] = {"name": "istio-sidecar-injector-copy"}
    for webhook in twin["webhooks"]:
        # so that istiod does not take it for its own, nor Helm
        webhook["clientConfig"].pop("caBundle", None)
        webhook["clientConfig"]["caBundle"] = "LS0tLS1CRUdJTg=="
        webhook["failurePolicy"] = "Ignore"
    try:
        kubectl("create", "-f", "-", stdin=json.dumps(twin))
        result = verify()
        assert statuses(result)["MW0018"] == "warning"
        kubectl("create", "namespace", "shop")
        kubectl("label", "namespace", "shop", "istio-injection=enabled")
        result = verify()
    finally:
        kubectl("delete", "mutatingwebhookconfiguration", "istio-sidecar-injector-copy", "--ignore-not-found")
        kubectl("delete", "namespace", "shop", "--ignore-not-found")
    assert statuses(result)["MW0018"] == "failed"
    assert "Namespace shop" in finding(result, "MW0018")["objects"]


def test_a_daemon_set_that_looks_ready_while_its_update_is_stuck(verify: Verify, kubectl: Kubectl) -> None:
    image = "/spec/template/spec/containers/0/image"
    with patched(kubectl, "-n istio-system daemonset ztunnel", image, "docker.io/istio/ztunnel:does-not-exist"):
        # the pod of the new generation is made by a controller: look until it is there
        until = time.monotonic() + 60
        result = verify(checks=["components"])
        while "ImagePullBackOff" not in str(finding(result, "MW0010")["evidence"]) and time.monotonic() < until:
            result = verify(checks=["components"])
    found = finding(result, "MW0010")
    assert found["objects"] == ["DaemonSet istio-system/ztunnel"]
    assert any("ImagePullBackOff" in text for text in found["evidence"])
    assert "of 3 nodes" in found["title"]


def test_a_crd_that_is_gone(verify: Verify, kubectl: Kubectl) -> None:
    name = "trafficextensions.extensions.istio.io"
    crd = kubectl.json("get", "crd", name)
    kept = {"apiVersion": crd["apiVersion"], "kind": crd["kind"], "spec": crd["spec"]}
    kept["metadata"] = {key: crd["metadata"][key] for key in ("name", "labels", "annotations")}
    kubectl("delete", "crd", name)
    try:
        result = verify(checks=["1"], wait_timeout=0)
        assert finding(result, "MW0001")["objects"] == [f"CustomResourceDefinition {name}"]
    finally:
        kubectl("create", "-f", "-", stdin=json.dumps(kept))


def test_bundles_of_the_gateway_api_mixed(verify: Verify, kubectl: Kubectl) -> None:
    where = "crd httproutes.gateway.networking.k8s.io"
    note = "/metadata/annotations/gateway.networking.k8s.io~1bundle-version"
    before = kubectl.json("get", *where.split())["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"]
    change = [{"op": "replace", "path": note, "value": "v1.7.0"}]
    kubectl("patch", *where.split(), "--type=json", "-p", json.dumps(change))
    try:
        result = verify()
    finally:
        kubectl("patch", *where.split(), "--type=json", "-p", json.dumps([{**change[0], "value": before}]))
    assert changed(result) == {"MW0025": "warning"}
    assert "2 different bundles" in finding(result, "MW0025")["title"]


def test_a_proxy_too_old_for_its_istiod(verify: Verify, kubectl: Kubectl) -> None:
    """The sidecar is injected by the real istiod; the pod asks for an older proxy, as a pod not restarted has."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "old", "labels": {"istio-injection": "enabled"}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "client",
            "namespace": "old",
            "annotations": {"sidecar.istio.io/proxyImage": "docker.io/istio/proxyv2:1.29.4"},
        },
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    }
    kubectl.apply(namespace)
    try:
        kubectl.apply(pod)
        result = verify()
    finally:
        kubectl("delete", "namespace", "old")
    assert changed(result) == {"MW0011": "warning"}
    assert finding(result, "MW0011")["objects"] == ["Pod old/client"]


# Those that read no policy and ask no proxy.
OF_THE_MESH = ["control plane", "revisions", "components", "webhooks", "20", "21", "22", "25"]


@pytest.mark.parametrize(
    ("missing", "unknown", "told"),
    [
        (
            "daemonsets",
            ["MW0009", "MW0010", "MW0011", "MW0012", "MW0013", "MW0014"],
            "may not list daemonsets.apps at the cluster scope",
        ),
        ("nodes", ["MW0009", "MW0010"], "may not list nodes at the cluster scope"),
        (
            "services",
            ["MW0008", "MW0012", "MW0013", "MW0014", "MW0017", "MW0019"],
            "may not list services in the namespace istio-system",
        ),
        (
            "customresourcedefinitions",
            ["MW0001", "MW0025"],
            "may not list customresourcedefinitions.apiextensions.k8s.io",
        ),
    ],
)
def test_what_may_not_be_read_is_unknown_and_named(
    mesh: Embedded, kubectl: Kubectl, playbook: Playbooks, missing: str, unknown: list[str], told: str
) -> None:
    resources = {
        "": ["pods", "services", "nodes", "namespaces"],
        "apps": ["deployments", "daemonsets"],
        "discovery.k8s.io": ["endpointslices"],
        "autoscaling": ["horizontalpodautoscalers"],
        "policy": ["poddisruptionbudgets"],
        "admissionregistration.k8s.io": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        "apiextensions.k8s.io": ["customresourcedefinitions"],
    }
    rules = [
        {"apiGroups": [group], "verbs": ["list"], "resources": [name for name in names if name != missing]}
        for group, names in resources.items()
        if names != [missing]
    ]
    name = {"name": "verify-partial"}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": name, "rules": rules}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": name,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "verify-partial"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "viewer"}],
    }
    kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [role, binding]}))
    try:
        kubectl("auth", "can-i", "list", "pods", "--as=viewer", "--all-namespaces")
        viewer = {"context": f"{mesh.context}-viewer", "checks": OF_THE_MESH, "port_forward": False}
        run = playbook([{VERIFY: viewer}, {VERIFY: {**viewer, "fail_on_unknown": True}}], allow=("unknown",))
    finally:
        kubectl("delete", "clusterrole,clusterrolebinding", "verify-partial")
    tolerant, strict = run.of("mesh_verify")
    assert changed(tolerant) == dict.fromkeys(unknown, "unknown")
    reasons = {check["id"]: check["reason"] for check in tolerant["checks"]}
    assert all(told in reasons[check] for check in unknown)
    assert all(any(check in warning for warning in run.warnings) for check in unknown)
    assert "error" not in tolerant
    assert strict["error"] == "VerifyFailed"
    assert told in strict["msg"]
