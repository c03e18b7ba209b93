# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which objects are ready, and what is said of those that are not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._kube.readiness import readiness

Obj = dict[str, Any]


def obj(api_version: str, kind: str, *, spec: Obj | None = None, generation: int | None = 2, **status: Any) -> Obj:
    meta: Obj = {"name": "x"} if generation is None else {"name": "x", "generation": generation}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec or {}, "status": status}


def true(name: str, status: str = "True", **more: Any) -> Obj:
    return {"type": name, "status": status, **more}


def deployment(wanted: int = 2, observed: int = 2, **status: Any) -> Obj:
    return obj("apps/v1", "Deployment", spec={"replicas": wanted}, observedGeneration=observed, **status)


def daemon_set(observed: int = 2, strategy: str = "RollingUpdate", **status: Any) -> Obj:
    spec = {"updateStrategy": {"type": strategy}}
    return obj("apps/v1", "DaemonSet", spec=spec, observedGeneration=observed, **status)


def stateful_set(spec: Obj | None = None, **status: Any) -> Obj:
    return obj("apps/v1", "StatefulSet", spec={"replicas": 2, **(spec or {})}, observedGeneration=2, **status)


def pod(*containers: Obj, conditions: Any = (), phase: str = "Pending") -> Obj:
    return obj("v1", "Pod", generation=1, phase=phase, conditions=list(conditions), containerStatuses=list(containers))


DONE = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
GATEWAY_API, SAIL, CRDS = "gateway.networking.k8s.io/v1", "sailoperator.io/v1", "apiextensions.k8s.io/v1"
CASES: dict[str, tuple[Obj, bool, str]] = {
    "deployment done": (deployment(**DONE), True, "2 of 2 replicas ready"),
    "deployment of an earlier generation": (
        deployment(observed=1, **DONE),
        False,
        "not seen generation 2 yet (observed 1)",
    ),
    "deployment without status": (obj("apps/v1", "Deployment"), False, "has written no status yet"),
    "rollout that restarts": (
        obj(
            "argoproj.io/v1alpha1", "Rollout", spec={"restartAt": "2"}, restartedAt="1", conditions=[true("Available")]
        ),
        False,
        "is restarting its pods, as asked at 2",
    ),
    "rollout that has restarted": (
        obj(
            "argoproj.io/v1alpha1", "Rollout", spec={"restartAt": "2"}, restartedAt="2", conditions=[true("Available")]
        ),
        True,
        "Available is True",
    ),
    "deployment being updated": (
        deployment(**{**DONE, "updatedReplicas": 1, "replicas": 3}),
        False,
        "1 of 2 replicas updated, 2 available",
    ),
    "deployment with old pods": (deployment(**{**DONE, "replicas": 3}), False, "1 old replicas still there"),
    "deployment not available": (
        deployment(**{**DONE, "availableReplicas": 1}),
        False,
        "1 of 2 updated replicas available",
    ),
    "deployment that failed to progress": (
        deployment(
            replicas=2,
            conditions=[true("Progressing", "False", reason="ProgressDeadlineExceeded", message="timed out")],
        ),
        False,
        "ProgressDeadlineExceeded: timed out",
    ),
    "deployment that cannot make pods": (
        deployment(conditions=[true("ReplicaFailure", reason="FailedCreate", message="quota")]),
        False,
        "FailedCreate: quota",
    ),
    "deployment scaled to nothing": (deployment(wanted=0), True, "0 of 0"),
    "daemon set done": (
        daemon_set(desiredNumberScheduled=3, updatedNumberScheduled=3, numberReady=3, numberAvailable=3),
        True,
        "ready on 3 of 3 nodes",
    ),
    "daemon set ready but not updated": (
        daemon_set(desiredNumberScheduled=1, numberReady=1, numberAvailable=1),
        False,
        "0 of 1 pods updated, 1 ready",
    ),
    "daemon set updated by hand only": (
        daemon_set(strategy="OnDelete", desiredNumberScheduled=1, numberReady=1, numberAvailable=1),
        True,
        "ready on 1 of 1",
    ),
    "daemon set without nodes": (daemon_set(desiredNumberScheduled=0), True, "ready on 0 of 0"),
    "daemon set of an earlier generation": (daemon_set(observed=1), False, "not seen generation 2"),
    "stateful set done": (
        stateful_set(readyReplicas=2, updatedReplicas=2, currentRevision="a", updateRevision="a"),
        True,
        "2 of 2 replicas ready",
    ),
    "stateful set rolling": (
        stateful_set(readyReplicas=2, updatedReplicas=1, currentRevision="a", updateRevision="b"),
        False,
        "1 of 2 replicas updated",
    ),
    "stateful set held back by its partition": (
        stateful_set(
            {"updateStrategy": {"rollingUpdate": {"partition": 1}}},
            readyReplicas=2,
            updatedReplicas=1,
            currentRevision="a",
            updateRevision="b",
        ),
        True,
        "2 of 2",
    ),
    "pod ready": (pod(conditions=[true("Ready")]), True, "Ready"),
    "pod completed": (pod(phase="Succeeded"), True, "has completed"),
    "pod that cannot pull": (
        pod({"name": "c", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}),
        False,
        "container c waits: ImagePullBackOff (no such image)",
    ),
    "pod that crashed": (
        pod({"name": "c", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}),
        False,
        "container c ended with 1 (Error)",
    ),
    "pod that is not ready": (
        pod({"name": "c", "state": {"running": {}}, "ready": False}),
        False,
        "container c runs but is not ready",
    ),
    "pod that finds no node": (
        pod(conditions=[true("PodScheduled", "False", reason="Unschedulable", message="0/3 nodes")]),
        False,
        "is not scheduled: 0/3 nodes",
    ),
    "service": (obj("v1", "Service", generation=None, spec={"type": "ClusterIP"}), True, "needs no load balancer"),
    "load balancer waiting": (obj("v1", "Service", spec={"type": "LoadBalancer"}), False, "no load balancer address"),
    "load balancer": (
        obj("v1", "Service", spec={"type": "LoadBalancer"}, loadBalancer={"ingress": [{"ip": "192.0.2.1"}]}),
        True,
        "address 192.0.2.1",
    ),
    "namespace": (obj("v1", "Namespace", phase="Active"), True, "phase Active"),
    "namespace going": (obj("v1", "Namespace", phase="Terminating"), False, "phase Terminating"),
    "job": (obj("batch/v1", "Job", conditions=[true("Complete")]), True, "Complete is True"),
    "job that failed": (
        obj("batch/v1", "Job", conditions=[true("Failed", reason="BackoffLimitExceeded", message="gave up")]),
        False,
        "BackoffLimitExceeded): gave up",
    ),
    "CRD": (
        obj(CRDS, "CustomResourceDefinition", conditions=[true("NamesAccepted"), true("Established")]),
        True,
        "Established",
    ),
    "CRD whose names clash": (
        obj(CRDS, "CustomResourceDefinition", conditions=[true("NamesAccepted", "False", reason="Conflict")]),
        False,
        "NamesAccepted is False (Conflict)",
    ),
    "CRD just made": (obj(CRDS, "CustomResourceDefinition"), False, "no NamesAccepted condition yet"),
    "gateway": (
        obj(
            GATEWAY_API,
            "Gateway",
            conditions=[true("Accepted", observedGeneration=2), true("Programmed", observedGeneration=2)],
        ),
        True,
        "Programmed",
    ),
    "gateway of an earlier generation": (
        obj(
            GATEWAY_API,
            "Gateway",
            conditions=[true("Accepted", observedGeneration=2), true("Programmed", observedGeneration=1)],
        ),
        False,
        "no Programmed condition yet",
    ),
    "Istio's Gateway has no status": (obj("networking.istio.io/v1", "Gateway"), True, "there"),
    "route": (
        obj(GATEWAY_API, "HTTPRoute", parents=[{"conditions": [true("Accepted"), true("ResolvedRefs")]}]),
        True,
        "Accepted",
    ),
    "route with a missing backend": (
        obj(
            GATEWAY_API,
            "HTTPRoute",
            parents=[
                {
                    "parentRef": {"name": "gw"},
                    "conditions": [true("Accepted"), true("ResolvedRefs", "False", reason="BackendNotFound")],
                }
            ],
        ),
        False,
        "parent gw: ResolvedRefs is False (BackendNotFound)",
    ),
    "route that nobody reported on": (obj(GATEWAY_API, "HTTPRoute"), False, "no parent has reported"),
    "Sail's Istio": (
        obj(SAIL, "Istio", state="Healthy", conditions=[true("Reconciled"), true("Ready")]),
        True,
        "state Healthy",
    ),
    "Sail's Istio just after a change": (
        obj(SAIL, "Istio", conditions=[true("Reconciled", "Unknown"), true("Ready", "Unknown")]),
        False,
        "state unknown; Reconciled is Unknown",
    ),
    "Sail's tag that nothing uses": (
        obj(
            SAIL,
            "IstioRevisionTag",
            state="NotReferencedByAnything",
            conditions=[true("Reconciled"), true("InUse", "False")],
        ),
        True,
        "NotReferencedByAnything",
    ),
    "observedGeneration as a string": (
        obj("example.com/v1", "Thing", observedGeneration="1", conditions=[true("Ready")]),
        False,
        "not seen generation 2",
    ),
    "any kind with a condition": (
        obj("example.com/v1", "Thing", conditions=[true("Ready", "False", message="why")]),
        False,
        "why",
    ),
    "any kind without": (obj("example.com/v1", "Thing"), True, "there"),
    "disruption budget with no pods": (
        obj("policy/v1", "PodDisruptionBudget", observedGeneration=2, conditions=[true("DisruptionAllowed", "False")]),
        True,
        "there",
    ),
    "being deleted": (
        {**deployment(**DONE), "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
        False,
        "is being deleted",
    ),
}


@pytest.mark.parametrize(("shown", "ready", "said"), CASES.values(), ids=CASES)
def test_readiness(shown: Obj, ready: bool, said: str) -> None:
    seen = readiness(shown)
    assert seen.ready is ready
    assert said in seen.reason
