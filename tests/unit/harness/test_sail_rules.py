# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated Sail Operator's pure parts: names, conditions, use, values, pruning, switches."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.harness.agent.sail import context, istio, names, post_render, references, status, switches, values

Object = dict[str, Any]


def an_istio(name: str = "default", version: str = "v1.30.2", kind: str = "RevisionBased", **spec: Any) -> Object:
    strategy = {"type": kind} if kind else None
    body = {"version": version, "namespace": "istio-system", "updateStrategy": strategy, **spec}
    return {"metadata": {"name": name, "uid": "1", "generation": 1}, "spec": body}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (an_istio(), "default-v1-30-2"),
        (an_istio(version="v1.30-latest"), "default-v1-30-latest"),
        (an_istio("canary", "v1.31.0-beta.1"), "canary-v1-31-0-beta-1"),
        (an_istio(kind="InPlace"), "default"),
        (an_istio("stable", kind=""), "stable"),
    ],
)
def test_revision_names(item: Object, expected: str) -> None:
    assert names.revision(item) == expected


def test_istiod_of_a_revision() -> None:
    assert (names.istiod("default"), names.istiod("default-v1-30-2")) == ("istiod", "istiod-default-v1-30-2")


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        (None, ("False", "IstiodNotReady", "istiod Deployment not found")),
        ({"status": {}}, ("False", "IstiodNotReady", "istiod Deployment is scaled to zero replicas")),
        ({"status": {"replicas": 2, "readyReplicas": 1}}, ("False", "IstiodNotReady", "not all istiod pods are ready")),
        ({"status": {"replicas": 1, "readyReplicas": 1}}, ("True", "Ready", None)),
    ],
)
def test_istiod_ready(deployment: Object | None, expected: tuple[str, str, str | None]) -> None:
    found = status.istiod_ready(deployment)
    assert (found["status"], found["reason"], found.get("message")) == expected


@pytest.mark.parametrize(
    ("daemon_set", "expected"),
    [
        (None, "ztunnel DaemonSet not found"),
        ({"status": {"currentNumberScheduled": 0}}, "no ztunnel pods are currently scheduled"),
        ({"status": {"currentNumberScheduled": 3, "numberReady": 2}}, "not all ztunnel pods are ready"),
        ({"status": {"currentNumberScheduled": 3, "numberReady": 3}}, None),
    ],
)
def test_daemons_ready(daemon_set: Object | None, expected: str | None) -> None:
    assert status.daemons_ready("ztunnel", daemon_set).get("message") == expected


@pytest.mark.parametrize(
    ("given", "cni", "ztunnel", "expected"),
    [
        ({}, None, None, "DependenciesHealthy"),
        ({"profile": "ambient"}, None, None, "ZTunnelNotFound"),
        ({"profile": "ambient"}, None, {"status": {"state": "ReconcileError"}}, "ZTunnelNotHealthy"),
        ({"profile": "ambient"}, None, {"status": {"state": "Healthy"}}, "DependenciesHealthy"),
        ({"pilot": {"cni": {"enabled": True}}}, None, None, "IstioCNINotFound"),
        ({"global": {"platform": "openshift"}}, {"status": {}}, None, "IstioCNINotHealthy"),
    ],
)
def test_dependencies(given: Object, cni: Object | None, ztunnel: Object | None, expected: str) -> None:
    assert status.dependencies(given, cni, ztunnel)["reason"] == expected


def test_state_is_the_first_reason_that_is_not_true() -> None:
    ready = status.condition("Ready", "False", "IstiodNotReady")
    lacking = status.condition("DependenciesHealthy", "False", "ZTunnelNotFound")
    assert status.state([status.reconciled(None), ready, lacking]) == "IstiodNotReady"
    assert status.state([status.reconciled(None)]) == "Healthy"
    assert status.state([status.reconciled("words"), ready]) == "ReconcileError"


def test_conditions_keep_their_time_until_their_status_changes() -> None:
    before = [{"type": "Ready", "status": "True", "lastTransitionTime": "then"}]
    same = status.merged(before, [status.condition("Ready", "True")], "now")
    assert [each["lastTransitionTime"] for each in same] == ["then"]
    other = status.merged(before, [status.reconciled(None), status.condition("Ready", "False", "x")], "now")
    assert [(each["type"], each["lastTransitionTime"]) for each in other] == [("Ready", "now"), ("Reconciled", "now")]


def test_an_istio_says_what_its_revision_says() -> None:
    found = status.mirrored({"conditions": [status.reconciled(None), status.in_use(True)]})
    assert [(each["type"], each["status"]) for each in found] == [
        ("Reconciled", "True"),
        ("Ready", "Unknown"),
        ("DependenciesHealthy", "Unknown"),
    ]


def pod(
    labels: Object | None = None, annotations: Object | None = None, phase: str = "Running", where: str = "a"
) -> Object:
    metadata = {"namespace": where, "labels": labels, "annotations": annotations}
    return {"metadata": metadata, "status": {"phase": phase}}


REV = "istio.io/rev"


@pytest.mark.parametrize(
    ("labels", "pods", "revisions", "tags"),
    [
        ({}, [], set(), set()),
        ({REV: "x"}, [], {"x"}, {"x"}),
        ({"istio-injection": "enabled", REV: "x"}, [], {"default"}, {"default"}),
        ({"istio.io/dataplane-mode": "ambient"}, [pod()], set(), set()),
        ({}, [pod({REV: "x"})], {"x"}, {"x"}),
        ({REV: "y"}, [pod({REV: "x"})], {"y"}, {"y"}),
        ({}, [pod({REV: "x", "sidecar.istio.io/inject": "false"})], set(), set()),
        ({}, [pod({"sidecar.istio.io/inject": "true"})], {"default"}, {"default"}),
        ({}, [pod(annotations={REV: "x"})], {"x"}, set()),
        ({}, [pod(annotations={REV: "x"}, phase="Succeeded")], set(), set()),
        ({}, [pod(annotations={REV: "x"}, where="gone")], set(), set()),
    ],
)
def test_use(labels: Object, pods: list[Object], revisions: set[str], tags: set[str]) -> None:
    item = {"metadata": {"name": "a", "labels": labels}}
    assert references.used([item], pods) == (revisions, tags)


def test_values_of_a_revision() -> None:
    item = an_istio(profile="ambient", values={"global": {"multiCluster": {"clusterName": "home"}}})
    assert values.of_revision(item, "default-v1-30-2") == {
        "global": {
            "configValidation": True,
            "istioNamespace": "istio-system",
            "multiCluster": {"clusterName": "home"},
        },
        "profile": "ambient",
        "revision": "default-v1-30-2",
    }
    assert values.of_revision(an_istio(kind="InPlace"), "default")["revision"] == ""


def test_ztunnel_copies_its_target_and_the_user_wins() -> None:
    target = {
        "spec": {"values": {"revision": "r", "meshConfig": {"a": 1}, "global": {"network": "n"}, "pilot": {"b": 1}}}
    }
    spec = {"values": {"global": {"logAsJson": True}, "ztunnel": {"revision": "mine", "network": "m"}}}
    assert values.of_ztunnel(spec, target) == {
        "profile": "ambient",
        "revision": "mine",
        "network": "m",
        "meshConfig": {"a": 1},
        "global": {"network": "n", "logAsJson": True},
    }
    assert values.of_ztunnel({}, None) == {"profile": "ambient"}


def revision(name: str, used: str, ago: float, **metadata: Any) -> Object:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_000_000 - ago))
    condition = {"type": "InUse", "status": used, "lastTransitionTime": at}
    return {"metadata": {"name": name, **metadata}, "status": {"conditions": [condition]}}


def test_pruning() -> None:
    owned = [
        revision("active", "False", 100),
        revision("used", "True", 100),
        revision("stale", "False", 40),
        revision("waits", "False", 10),
        revision("going", "False", 100, deletionTimestamp="now"),
    ]
    assert istio.prune(owned, "active", 30, 1_000_000.0) == (["stale"], 20.0)
    assert istio.counts(owned) == {"total": 5, "ready": 0, "inUse": 1}


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [
        ("", "v1.30.3", None),
        ("words", "v1.30.3", "words"),
        ("v1.30.3=words", "v1.30.3", "words"),
        ("v1.30.3=words", "v1.30.2", None),
    ],
)
def test_switch_for_errors(text: str, version: str, expected: str | None) -> None:
    assert switches.error(version, None, {"metadata": {"annotations": {switches.ERROR: text}}}) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("v1.30.3", True), ("v1.30.2,v1.30.3", True), ("*", True), ("v1.3", False)]
)
def test_switch_for_istiods_that_never_get_ready(text: str, expected: bool) -> None:
    assert switches.never_ready("v1.30.3", {"metadata": {"annotations": {switches.NEVER_READY: text}}}) is expected


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        (None, None, False),
        (None, ("a", 1), False),
        (None, ("a", 2), True),
        (("a", 3), ("a", 4), False),
        (("a", 3), ("a", 5), True),
        (("a", 3), ("b", 1), False),
    ],
)
def test_edits_during_a_run_of_helm(earlier: Any, later: Any, expected: bool) -> None:
    assert context.edited(earlier, later) is expected


def test_rendered_manifests_have_an_owner() -> None:
    wanted = {"owner": {"name": "o"}, "labels": {"managed-by": "x"}, "nodeSelector": {"a": "b"}}
    pods: Object = {"spec": {"nodeSelector": {"c": "d"}}}
    found = post_render.edit(
        {"kind": "Deployment", "metadata": {"labels": {"k": "v"}}, "spec": {"template": pods}}, wanted
    )
    assert found["metadata"] == {"labels": {"k": "v", "managed-by": "x"}, "ownerReferences": [{"name": "o"}]}
    assert found["spec"]["template"]["spec"]["nodeSelector"] == {"a": "b", "c": "d"}
    plain = post_render.edit({"kind": "Service", "metadata": {}, "spec": {}}, wanted)
    assert plain["spec"] == {}
