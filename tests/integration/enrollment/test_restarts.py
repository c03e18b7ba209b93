# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workloads are restarted from sidecars to ambient and back, once; the first that is not as it should be stops it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.moving import workloads_to_move
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.reading import read
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.restarts import restart
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import Workload
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Expectation, Goal, Plane
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.move import Move
from ansible_collections.meshwright.istio.plugins.module_utils._errors import SettleTimeout
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline

from .conftest import Enrollment, workload

Obj = dict[str, Any]
AMBIENT, SIDECAR = Expectation("ambient"), Expectation("sidecar", "default")


def moving(enrollment: Enrollment, namespace: str, expects: Expectation, restart_id: str = "") -> list[Workload]:
    survey = read(enrollment.client(), [namespace], root="istio-system", deep=[namespace])
    move = Move(namespace, Plane(), Goal(expects.mode), expects)
    return workloads_to_move(survey, move, restart_id=restart_id)


def relabel(enrollment: Enrollment, namespace: str, *labels: str) -> None:
    enrollment.kubectl("label", "namespace", namespace, "--overwrite", *labels)


def missed(enrollment: Enrollment, namespace: str, expects: Expectation) -> dict[str, str]:
    return {pod["metadata"]["name"]: why for pod in enrollment.pods(namespace) if (why := expects.missed(pod))}


def generations(enrollment: Enrollment, namespace: str) -> dict[str, int]:
    """How often each workload's specification changed, from 1 on."""
    found = enrollment.kubectl.json("-n", namespace, "get", "deployments,statefulsets,daemonsets")["items"]
    return {item["metadata"]["name"]: item["metadata"]["generation"] for item in found}


def deployments(enrollment: Enrollment, namespace: str, *names: str, **more: Any) -> None:
    enrollment.deployed(namespace, *(workload(namespace, name, **more)[0] for name in names))


def budget(namespace: str, name: str, at_least: int) -> Obj:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"minAvailable": at_least, "selector": {"matchLabels": {"app": name}}},
    }


def test_each_kind_goes_to_ambient_and_back_and_is_restarted_once_each_way(enrollment: Enrollment) -> None:
    namespace, client = enrollment.namespace("sidecar"), enrollment.client()
    kinds = ("DaemonSet", "Deployment", "StatefulSet")
    pinned = workload(namespace, "pinned", replicas=1, labels={"sidecar.istio.io/inject": "true"})[0]
    enrollment.kubectl.apply(budget(namespace, "deployment", 1))
    enrollment.deployed(
        namespace, *(workload(namespace, kind.lower(), kind=kind, replicas=2)[0] for kind in kinds), pinned
    )
    assert missed(enrollment, namespace, SIDECAR) == {}
    assert moving(enrollment, namespace, SIDECAR) == []

    relabel(enrollment, namespace, "istio-injection-", "istio.io/dataplane-mode=ambient")
    found = moving(enrollment, namespace, AMBIENT)
    blocked = {one.name: [each.id for each in one.hindrances] for one in found if one.hindrances}
    assert blocked == {"pinned": ["single-replica", "asks-itself"]}
    enrollment.kubectl("-n", namespace, "delete", "deployment", "pinned")
    found = [one for one in found if one.name != "pinned"]
    refs = [f"{kind} {namespace}/{kind.lower()}" for kind in kinds]
    assert [one.ref for one in found] == refs
    done = restart(client, found, "there", Deadline(90), max_unavailable="100%", expect=AMBIENT, headroom=True)
    assert done.restarted == refs
    assert missed(enrollment, namespace, AMBIENT) == {}
    assert moving(enrollment, namespace, AMBIENT, "there") == []

    relabel(enrollment, namespace, "istio-injection=enabled")
    found = moving(enrollment, namespace, SIDECAR)
    assert restart(client, found, "back", Deadline(90), max_unavailable=3, expect=SIDECAR).restarted == refs
    relabel(enrollment, namespace, "istio.io/dataplane-mode-")
    assert missed(enrollment, namespace, SIDECAR) == {}
    assert set(generations(enrollment, namespace).values()) == {3}
    assert restart(client, found, "back", Deadline(30), max_unavailable=3, expect=SIDECAR).already == refs
    assert set(generations(enrollment, namespace).values()) == {3}


def test_one_that_comes_back_without_a_proxy_is_told_and_stops_the_rest(enrollment: Enrollment) -> None:
    """The namespace does not ask for injection: a restart alone changes nothing."""
    namespace, client = enrollment.namespace(), enrollment.client()
    deployments(enrollment, namespace, "a", "b", replicas=1)
    found = moving(enrollment, namespace, SIDECAR)
    with pytest.raises(SettleTimeout, match=rf"Deployment {namespace}/a: pod a-\S+ on \S+ has no proxy") as caught:
        restart(client, found, "id-1", Deadline(90), expect=SIDECAR)
    assert "the injector's webhook" in caught.value.hint
    assert caught.value.details["untouched"] == [f"Deployment {namespace}/b"]
    assert generations(enrollment, namespace) == {"a": 2, "b": 1}


def test_a_budget_without_headroom_is_waited_for_and_told(enrollment: Enrollment) -> None:
    namespace, client = enrollment.namespace(), enrollment.client()
    deployments(enrollment, namespace, "web")
    enrollment.kubectl.apply(budget(namespace, "web", 2))
    enrollment.kubectl("-n", namespace, "wait", "pdb/web", "--for=jsonpath={.status.expectedPods}=2", "--timeout=30s")
    relabel(enrollment, namespace, "istio-injection=enabled")
    found = moving(enrollment, namespace, SIDECAR)
    assert [one.id for one in found[0].hindrances] == ["budget-without-headroom"]
    told: list[str] = []

    def run(each: float) -> list[str]:
        done = restart(
            client,
            found,
            "id-1",
            Deadline(60),
            each=each,
            expect=SIDECAR,
            headroom=True,
            started=lambda one: told.append(one.ref),
        )
        return done.restarted

    with pytest.raises(SettleTimeout, match=f"PodDisruptionBudget {namespace}/web allows no disruption"):
        run(each=1)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(run, 50)
        assert (told, generations(enrollment, namespace)) == ([], {"web": 1})
        enrollment.kubectl.apply(budget(namespace, "web", 1))
        assert waiting.result() == told == [f"Deployment {namespace}/web"]


def test_one_that_crashes_stops_it_and_once_mended_it_is_settled_not_restarted(enrollment: Enrollment) -> None:
    namespace, client = enrollment.namespace("sidecar"), enrollment.client()
    deployments(enrollment, namespace, "a", "b", replicas=1)
    relabel(enrollment, namespace, "istio-injection-", "istio.io/dataplane-mode=ambient")
    found = moving(enrollment, namespace, AMBIENT)

    def crashing(value: str | None) -> None:
        template = {"metadata": {"annotations": {"harness.meshwright.io/crash": value}}}
        patch = json.dumps({"spec": {"template": template}})
        enrollment.kubectl("-n", namespace, "patch", "deployment", "a", "--type=merge", "-p", patch)

    crashing("true")
    with pytest.raises(SettleTimeout, match="CrashLoopBackOff") as caught:
        restart(client, found, "id-1", Deadline(60), each=4, expect=AMBIENT)
    assert caught.value.details["untouched"] == [f"Deployment {namespace}/b"]
    assert generations(enrollment, namespace) == {"a": 3, "b": 1}
    again = moving(enrollment, namespace, AMBIENT, "id-1")
    assert [one.ref for one in again] == [one.ref for one in found]
    crashing(None)
    done = restart(client, again, "id-1", Deadline(60), expect=AMBIENT)
    assert (done.already, done.restarted) == ([found[0].ref], [found[1].ref])
    assert generations(enrollment, namespace) == {"a": 4, "b": 2}


KILLED = """
import sys, time
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.moving import workloads_to_move
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.reading import read
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.restarts import restart
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Expectation, Goal, Plane
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.move import Move
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

kubeconfig, namespace = sys.argv[1:]
client = Client(connect(ConnectionOptions(kubeconfig=kubeconfig)), deadline=Deadline(60))
expects = Expectation("ambient")
found = workloads_to_move(
    read(client, [namespace], root="istio-system", deep=[namespace]),
    Move(namespace, Plane(), Goal("ambient"), expects),
)

def started(one):
    print(one.name, flush=True)
    if one.name == "b":
        time.sleep(60)

restart(client, found, "id-1", Deadline(60), max_unavailable=2, expect=expects, started=started)
"""


def test_after_kill_9_within_a_group_a_second_run_restarts_nothing_twice(
    enrollment: Enrollment, collections: Path
) -> None:
    """Killed when the first is written to, the second only about to be, and the third not yet due."""
    namespace, client = enrollment.namespace("sidecar"), enrollment.client()
    deployments(enrollment, namespace, "a", "b", "c", replicas=1)
    relabel(enrollment, namespace, "istio-injection-", "istio.io/dataplane-mode=ambient")
    found = moving(enrollment, namespace, AMBIENT)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, enrollment.cluster.kubeconfig, namespace],
        env={**os.environ, "PYTHONPATH": str(collections)},
        stdout=subprocess.PIPE,
        text=True,
    ) as killed:
        assert killed.stdout is not None
        assert [killed.stdout.readline(), killed.stdout.readline()] == ["a\n", "b\n"]
        killed.kill()
    assert generations(enrollment, namespace) == {"a": 2, "b": 1, "c": 1}
    left = [one.name for one in moving(enrollment, namespace, AMBIENT, "id-1")]
    assert left in (["a", "b", "c"], ["b", "c"]), "a may be through by now"
    done = restart(client, found, "id-1", Deadline(60), max_unavailable=2, expect=AMBIENT)
    assert (done.already, done.restarted) == ([found[0].ref], [found[1].ref, found[2].ref])
    assert set(generations(enrollment, namespace).values()) == {2}
    assert missed(enrollment, namespace, AMBIENT) == {}


# -- Argo Rollouts -------------------------------------------------------------------------------------------------

ROLLOUTS: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "rollouts.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "names": {"kind": "Rollout", "plural": "rollouts", "singular": "rollout", "listKind": "RolloutList"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}


class SimulatedRollouts:
    """What the genuine controller does when told to restart: pod after pod goes, then it says so in the status."""

    def __init__(self, enrollment: Enrollment, namespace: str, name: str) -> None:
        self.kubectl, self.namespace, self.name = enrollment.kubectl, namespace, name
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.2):
            shown = self.kubectl.json("-n", self.namespace, "get", "rollout", self.name)
            asked = shown["spec"].get("restartAt")
            if asked == (shown.get("status") or {}).get("restartedAt"):
                continue
            for pod in self.kubectl.json("-n", self.namespace, "get", "pods")["items"]:
                self.kubectl("-n", self.namespace, "delete", "pod", pod["metadata"]["name"])
                self.ready()
            status = json.dumps({"status": {"restartedAt": asked}})
            patch = ("patch", "rollout", self.name, "--subresource=status", "--type=merge", "-p", status)
            self.kubectl("-n", self.namespace, *patch)

    def ready(self) -> None:
        self.kubectl(
            *("-n", self.namespace, "wait", f"replicaset/{self.name}-abc", "--timeout=30s"),
            "--for=jsonpath={.status.readyReplicas}=2",
        )


@contextmanager
def rollout(enrollment: Enrollment, namespace: str, name: str) -> Iterator[None]:
    """A Rollout with two pods, and its controller at work."""
    kubectl = enrollment.kubectl
    kubectl.apply(ROLLOUTS)
    controller = SimulatedRollouts(enrollment, namespace, name)
    try:
        kubectl("wait", "crd/rollouts.argoproj.io", "--for=condition=Established", "--timeout=30s")
        made = workload(namespace, name, labels={"rollouts-pod-template-hash": "abc"})[0]
        kubectl.apply({**made, "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"})
        owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": name, "controller": True}
        owner["uid"] = kubectl.json("-n", namespace, "get", "rollout", name)["metadata"]["uid"]
        meta = {"name": f"{name}-abc", "namespace": namespace, "ownerReferences": [owner]}
        kubectl.apply({**made, "kind": "ReplicaSet", "metadata": meta})
        controller.ready()
        with ThreadPoolExecutor() as pool:
            running = pool.submit(controller.run)
            try:
                yield
            finally:
                controller.over.set()
            running.result()
    finally:
        kubectl("delete", "crd", "rollouts.argoproj.io", "--timeout=30s")


def test_a_rollout_replaces_its_pods_and_keeps_its_template(enrollment: Enrollment) -> None:
    namespace = enrollment.namespace("sidecar")
    with rollout(enrollment, namespace, "web"):
        before = enrollment.kubectl.json("-n", namespace, "get", "rollout", "web")["spec"]["template"]
        relabel(enrollment, namespace, "istio-injection-", "istio.io/dataplane-mode=ambient")
        found = moving(enrollment, namespace, AMBIENT)
        assert [(one.ref, one.blockers) for one in found] == [(f"Rollout {namespace}/web", ())]
        client: Client = enrollment.client()
        assert restart(client, found, "id-1", Deadline(60), expect=AMBIENT).restarted == [found[0].ref]
        assert missed(enrollment, namespace, AMBIENT) == {}
        assert restart(client, found, "id-1", Deadline(60), expect=AMBIENT).already == [found[0].ref]
        assert enrollment.kubectl.json("-n", namespace, "get", "rollout", "web")["spec"]["template"] == before
