# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Revisions, tags, labels and what ztunnel is told, on real istiods: wrong in one way after the other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..support.embedded import Embedded, Kubectl
from .conftest import Verify
from .test_mesh import changed, finding, patched

SNAPSHOTS = Path(__file__).resolve().parents[2] / "fixtures" / "snapshots"
REVISION = "next"
# The Sail Operator's kinds, as far as a verification reads them: no operator runs here.
SAIL_KINDS = {
    "Istio": "istios",
    "IstioRevision": "istiorevisions",
    "IstioRevisionTag": "istiorevisiontags",
    "IstioCNI": "istiocnis",
    "ZTunnel": "ztunnels",
}


@contextmanager
def environment(kubectl: Kubectl, **variables: str) -> Iterator[None]:
    """Variables of ztunnel's DaemonSet changed, and put back."""
    where = "-n istio-system daemonset ztunnel"
    containers = kubectl.json("get", *where.split())["spec"]["template"]["spec"]["containers"]
    told = [{**item, "value": variables.get(item["name"], item.get("value"))} for item in containers[0]["env"]]
    told = [{key: value for key, value in item.items() if value is not None} for item in told]
    with patched(kubectl, where, "/spec/template/spec/containers/0/env", told):
        yield


@contextmanager
def labelled(kubectl: Kubectl, name: str, **labels: str) -> Iterator[None]:
    """A namespace with these labels; gone afterwards, with all that is in it."""
    keys = {"rev": "istio.io/rev", "injection": "istio-injection", "mode": "istio.io/dataplane-mode"}
    metadata = {"name": name, "labels": {keys[key]: value for key, value in labels.items()}}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    try:
        yield
    finally:
        kubectl("delete", "namespace", name, "--wait=true")


def pod(name: str, where: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": where, "labels": labels},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    }


def helm(mesh: Embedded, *args: str) -> str:
    done = subprocess.run(
        [mesh.programs["helm"], "--kubeconfig", mesh.kubeconfig, "-n", "istio-system", *args],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, "HELM_CACHE_HOME": f"{mesh.kubeconfig}.helm"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tag_objects(mesh: Embedded, tag: str, revision: str) -> str:
    """What makes a tag by Helm: two templates of the istiod chart."""
    shown = [f"--show-only=templates/revision-tags-{part}.yaml" for part in ("mwc", "svc")]
    chart = ["istiod", "--repo", mesh.charts, "--version", mesh.versions["current"]]
    return helm(mesh, "template", *chart, *shown, "--set", f"revision={revision},revisionTags={{{tag}}}")


@pytest.fixture
def second(mesh: Embedded, kubectl: Kubectl) -> Iterator[None]:
    """A second istiod beside the first, of the same version; gone afterwards."""
    chart = ["istiod-next", "istiod", "--repo", mesh.charts, "--version", mesh.versions["current"]]
    sets = f"revision={REVISION},profile=ambient,autoscaleEnabled=false,global.defaultPodDisruptionBudget.enabled=false"
    try:
        helm(mesh, "install", *chart, "--set", sets)
        kubectl("-n", "istio-system", "rollout", "status", "deployment", f"istiod-{REVISION}", "--timeout=120s")
        yield
    finally:
        helm(mesh, "uninstall", "istiod-next", "--wait", "--ignore-not-found")


def test_ztunnel_dials_a_service_that_is_not_there(verify: Verify, kubectl: Kubectl) -> None:
    """As under a revision of the Sail Operator when ztunnel was told none, the other way round."""
    gone = "istiod-gone.istio-system.svc:15012"
    with environment(kubectl, XDS_ADDRESS=gone, CA_ADDRESS=gone):
        result = verify(checks=["12", "13", "14"])
    assert changed(result) == {"MW0012": "failed"}
    found = finding(result, "MW0012")
    assert "Service istio-system/istiod-gone does not exist" in found["evidence"]
    assert "istiod there is: Deployment istio-system/istiod (revision default)" in found["evidence"]


def test_ztunnel_claims_another_cluster(verify: Verify, kubectl: Kubectl) -> None:
    with environment(kubectl, ISTIO_META_CLUSTER_ID="homelab-cluster"):
        result = verify(checks=["12", "13", "14"])
    assert changed(result) == {"MW0013": "failed"}
    assert 'cluster "homelab-cluster", istiod knows only "Kubernetes"' in finding(result, "MW0013")["title"]


def test_istiod_does_not_trust_ztunnels_account(verify: Verify, kubectl: Kubectl) -> None:
    where = "-n istio-system daemonset ztunnel"
    with patched(kubectl, where, "/spec/template/spec/serviceAccountName", "istio-cni"):
        result = verify(checks=["12", "13", "14"])
    assert changed(result) == {"MW0014": "failed"}
    assert "CA_TRUSTED_NODE_ACCOUNTS istio-system/ztunnel" in finding(result, "MW0014")["evidence"]


def test_a_sidecar_that_the_real_injector_made_is_in_the_same_cluster(verify: Verify, kubectl: Kubectl) -> None:
    with labelled(kubectl, "shop", injection="enabled"):
        kubectl.apply(pod("client", "shop"))
        assert changed(verify(checks=["13", "21", "22"])) == {}


def test_labels_that_name_nobody(verify: Verify, kubectl: Kubectl) -> None:
    with labelled(kubectl, "shop", rev="gone"), labelled(kubectl, "bare"):
        kubectl.apply(pod("lost", "bare", **{"istio.io/rev": "gone"}))
        result = verify(checks=["enrollment"])
    assert changed(result) == {"MW0021": "failed"}
    assert sorted(finding(result, "MW0021")["objects"]) == ["Namespace shop", "Pod bare/lost"]
    assert finding(result, "MW0021")["evidence"] == ["revisions and tags there are: default"]


def test_a_namespace_that_asks_for_both_modes(verify: Verify, kubectl: Kubectl) -> None:
    with labelled(kubectl, "shop", mode="ambient", injection="enabled"):
        result = verify(checks=["enrollment"])
    assert changed(result) == {"MW0020": "warning"}
    assert finding(result, "MW0020")["objects"] == ["Namespace shop"]


def test_two_revisions_and_a_tag(verify: Verify, mesh: Embedded, kubectl: Kubectl, second: None) -> None:
    chosen = ["revisions", "enrollment"]
    result = verify(checks=chosen)
    assert changed(result) == {"MW0004": "warning"}
    assert finding(result, "MW0004")["objects"] == [f"Deployment istio-system/istiod-{REVISION}"]
    objects = tag_objects(mesh, "prod", REVISION)
    try:
        kubectl("apply", "-f", "-", stdin=objects)
        # the tag resolves, and makes the revision used
        until_ready = verify(checks=chosen, wait_timeout=30)
        assert changed(until_ready) == {"MW0005": "passed"}
        with labelled(kubectl, "shop", rev="prod"):
            kubectl.apply(pod("client", "shop"))
            injected = kubectl.json("-n", "shop", "get", "pod", "client")["metadata"]["annotations"]
            assert json.loads(injected["sidecar.istio.io/status"])["revision"] == REVISION
            assert changed(verify(checks=chosen)) == {"MW0005": "passed"}
            kubectl("label", "namespace", "shop", "istio.io/rev=default", "--overwrite")
            moved = verify(checks=chosen)
            assert changed(moved) == {"MW0005": "passed", "MW0022": "warning"}
            assert finding(moved, "MW0022")["objects"] == ["Pod shop/client"]
            helm(mesh, "uninstall", "istiod-next", "--wait")
            gone = verify(checks=chosen)
        assert changed(gone) == {"MW0005": "failed", "MW0022": "failed"}
        assert finding(gone, "MW0005")["title"].startswith("Tag prod does not resolve")
        assert "whose istiod is gone" in finding(gone, "MW0022")["title"]
    finally:
        kubectl("delete", "-f", "-", "--ignore-not-found", stdin=objects)


@pytest.fixture
def sail(kubectl: Kubectl) -> Iterator[None]:
    """The kinds of the Sail Operator and its resources, with the statuses recorded from a genuine one. None runs."""
    crds = [_crd(kind, plural) for kind, plural in SAIL_KINDS.items()]
    try:
        kubectl.apply(*crds)
        for plural in SAIL_KINDS.values():
            kubectl("wait", "crd", f"{plural}.sailoperator.io", "--for=condition=Established", "--timeout=30s")
        recorded = json.loads((SNAPSHOTS / "sail-cluster-name.json").read_text(encoding="utf-8"))
        for source in ("sail_istios", "sail_revisions", "sail_cnis", "sail_ztunnels"):
            for item in recorded[source]:
                spec = {**item["spec"], "namespace": "istio-system"}
                made = {**item, "metadata": {"name": item["metadata"]["name"]}, "spec": spec}
                kubectl("create", "-f", "-", stdin=json.dumps(made))
                status = json.dumps({"status": item["status"]})
                where = f"{SAIL_KINDS[item['kind']]}.sailoperator.io"
                kubectl("patch", where, made["metadata"]["name"], "--subresource=status", "--type=merge", "-p", status)
        yield
    finally:
        names = [f"{plural}.sailoperator.io" for plural in SAIL_KINDS.values()]
        kubectl("delete", "crd", *names, "--ignore-not-found")


def _crd(kind: str, plural: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.sailoperator.io"},
        "spec": {
            "group": "sailoperator.io",
            "scope": "Cluster",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def test_what_the_operator_calls_healthy_is_not_taken_at_its_word(verify: Verify, kubectl: Kubectl, sail: None) -> None:
    well = verify()
    assert {check["id"] for check in well["checks"] if check["status"] == "failed"} == set()
    gone = "istiod-default-v1-30-3.istio-system.svc:15012"
    with environment(kubectl, XDS_ADDRESS=gone, CA_ADDRESS=gone, ISTIO_META_CLUSTER_ID="homelab-cluster"):
        result = verify(checks=["2", "3", "6", "12", "13"])
    failed = {check["id"] for check in result["checks"] if check["status"] == "failed"}
    assert failed == {"MW0012", "MW0013"}
    for check in failed:
        assert "though the operator calls ZTunnel default Healthy" in finding(result, check)["title"]


def test_what_the_operator_calls_unwell_is_told_with_its_reason(verify: Verify, kubectl: Kubectl, sail: None) -> None:
    unwell = json.loads((SNAPSHOTS / "sail.json").read_text(encoding="utf-8"))["never_ready_istios"][0]["status"]
    kubectl(
        "patch",
        "istios.sailoperator.io",
        "default",
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps({"status": unwell}),
    )
    found = finding(verify(checks=["2"]), "MW0002")
    assert found["title"] == "Istio default is not ready: IstiodNotReady, not all istiod pods are ready."
