# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way of a move, on a real API server: read in bulk, and asked of its webhooks and admission."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.moving import workloads_to_move
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.probe import injected
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.reading import read, resolve
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.survey import Survey
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.blocker import Blocker
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.blockers import blockers
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Goal, plane_of
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.move import Move
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput

from ..support import modules
from .conftest import Enrollment, Obj, workload

ROOT = "istio-system"
LEVEL = "pod-security.kubernetes.io/enforce"


def move(survey: Survey, namespace: str, goal: Goal) -> Move:
    obj = survey.scene.get("/Namespace", "", namespace)
    assert obj is not None
    now = plane_of(obj)
    return Move(namespace, now, goal, resolve(survey, goal, now))


def named(found: Sequence[Blocker]) -> list[tuple[str, str]]:
    return sorted((one.id, one.obj) for one in found)


def policy(api: str, kind: str, namespace: str, **spec: Any) -> Obj:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "own", "namespace": namespace}, "spec": spec}


def test_what_keeps_a_namespace_from_ambient_mode_is_told_at_once(enrollment: Enrollment) -> None:
    """All kinds of it in one namespace, beside one that nothing is wrong with."""
    bad, good = enrollment.namespace("sidecar"), enrollment.namespace()
    exporter = workload(bad, "exporter", kind="DaemonSet")
    exporter[0]["spec"]["template"]["spec"]["hostNetwork"] = True
    pinned = workload(bad, "pinned", labels={"sidecar.istio.io/inject": "true"})
    manual = workload(bad, "manual", kind="StatefulSet")
    vm = policy("networking.istio.io/v1", "WorkloadEntry", bad, address="10.9.9.9", serviceAccount="default")
    selector = {"matchLabels": {"app": "web"}}
    by_hand = '{"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}'
    enrollment.deployed(bad, *workload(bad, "web", replicas=1), *exporter, *pinned, *manual)
    enrollment.kubectl.apply(
        policy("networking.istio.io/v1alpha3", "EnvoyFilter", bad, workloadSelector={"labels": {"app": "web"}}),
        policy("security.istio.io/v1", "PeerAuthentication", bad, mtls={"mode": "DISABLE"}),
        policy(
            "networking.k8s.io/v1", "NetworkPolicy", bad, podSelector=selector, ingress=[{"ports": [{"port": 8080}]}]
        ),
        policy("policy/v1", "PodDisruptionBudget", bad, minAvailable=1, selector=selector),
        vm,
    )
    enrollment.kubectl("-n", bad, "patch", "statefulset", "manual", "--type=merge", "-p", by_hand)
    enrollment.deployed(good, *workload(good, "web"))
    before = enrollment.labels(good)
    client = enrollment.client()
    survey = read(client, [bad, good], root=ROOT)
    assert survey.unread == ()
    assert survey.deep == {bad}
    goal = Goal("ambient", waypoint=f"{bad}/waypoint")
    found = blockers(survey, [move(survey, bad, goal), move(survey, good, goal)], translated=True)
    assert named(found) == [
        ("asks-itself", f"Deployment {bad}/pinned"),
        ("budget-without-headroom", f"Deployment {bad}/web"),
        ("envoy-filter", f"EnvoyFilter {bad}/own"),
        ("host-network", f"DaemonSet {bad}/exporter"),
        ("mtls-disable", f"PeerAuthentication {bad}/own"),
        ("network-policy", f"NetworkPolicy {bad}/own"),
        ("on-delete", f"StatefulSet {bad}/manual"),
        ("single-replica", f"Deployment {bad}/web"),
        ("virtual-machines", f"WorkloadEntry {bad}/own"),
        *[("waypoint-missing", f"Gateway {bad}/waypoint")] * 2,
    ]
    # The module tells all of it, and has written nothing then.
    labels = enrollment.labels(bad)
    run = enrollment("mesh_enrollment", namespaces=[bad, good], mode="ambient", waypoint=f"{bad}/waypoint")
    assert {one.told for one in found} <= set(run.result["blockers"])
    assert enrollment.labels(bad) == labels and enrollment.labels(good) == before
    assert not enrollment.kubectl("-n", bad, "get", "configmap", "-o", "name", "--ignore-not-found").count("meshwright")
    # What is left out is asked nothing.
    excluded = [f"{kind} {bad}/{name}" for kind, name in (("Deployment", "web"), ("DaemonSet", "exporter"))]
    left = {one.obj for one in blockers(survey, [move(survey, bad, goal)], excluded=excluded)}
    assert left.isdisjoint(excluded)


def test_the_real_injector_and_admission_say_whether_pods_would_get_a_proxy(enrollment: Enrollment) -> None:
    kubectl = enrollment.kubectl
    levels = {level: enrollment.namespace(**{LEVEL: level}) for level in ("restricted", "baseline")}
    plain, tight, empty = (
        enrollment.namespace(),
        enrollment.namespace("ambient"),
        enrollment.namespace(**{LEVEL: "baseline"}),
    )
    junk = workload(plain, "junk")
    junk[0]["spec"]["template"]["metadata"]["annotations"] = {"sidecar.istio.io/proxyCPU": "a lot"}
    enrollment.deployed(plain, *workload(plain, "web"), *junk)
    enrollment.deployed(levels["baseline"], *workload(levels["baseline"], "web"))
    little = workload(tight, "web")
    little[0]["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1m"}}
    kubectl.apply(policy("v1", "ResourceQuota", tight, hard={"requests.cpu": "150m"}))
    enrollment.deployed(tight, *little)

    client = enrollment.client()
    spaces = [plain, tight, empty, *levels.values()]
    survey = read(client, spaces, root=ROOT, deep=spaces)

    def asked(namespace: str, goal: Goal | None = None) -> list[tuple[str, str]]:
        one = move(survey, namespace, goal or Goal("sidecar"))
        return named(injected(client, survey, one, workloads_to_move(survey, one)))

    assert asked(plain) == [("injector-failed", f"Deployment {plain}/junk")]
    assert asked(tight) == [("quota", f"ResourceQuota {tight}/own")]
    assert asked(empty) == [("pod-security", f"Namespace {empty}")]
    assert asked(empty, Goal("sidecar", pod_security="privileged")) == []
    assert asked(levels["baseline"]) == [("pod-security", f"Deployment {levels['baseline']}/web")]
    assert asked(levels["baseline"], Goal("sidecar", pod_security="privileged")) == []
    assert asked(levels["restricted"]) == [("pod-security", f"Namespace {levels['restricted']}")]
    assert survey.unread == ()
    made = [pod["metadata"]["name"] for name in spaces for pod in enrollment.pods(name)]
    assert made and all(name.startswith(("web-", "junk-")) for name in made)


def test_an_unknown_revision_is_bad_input_and_who_sees_little_hears_what_is_not_known(enrollment: Enrollment) -> None:
    namespace = enrollment.namespace()
    survey = read(enrollment.client(), [namespace], root=ROOT)
    with pytest.raises(BadInput, match=r"there is no revision or tag 1-99\. Revisions there are: default"):
        move(survey, namespace, Goal("sidecar", "1-99"))
    cluster = enrollment.cluster
    nobody = modules.client(cluster.kubeconfig, f"{cluster.context}-nobody")
    unread = " ".join(read(nobody, [namespace], root=ROOT).unread)
    for unknown in ("which namespaces there are", "whether port 15008 is let in", "which revisions and tags inject"):
        assert f"So it is not known {unknown}" in unread
