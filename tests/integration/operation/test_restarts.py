# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workloads that istiod injected are moved from one revision to another, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.restarts import restart, workloads_to_restart
from ansible_collections.meshwright.istio.plugins.module_utils._errors import GuardRefused, SettleTimeout
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline

from ..support.embedded import Kubectl
from .conftest import NEW, OLD, deployed, injected, until, workload

Obj = dict[str, Any]
KINDS = ("Deployment", "StatefulSet", "DaemonSet")


@pytest.fixture
def move(old: str, kubectl: Kubectl) -> Callable[[str], None]:
    """Points the namespace at another revision."""
    return lambda revision: (kubectl("label", "namespace", old, f"istio.io/rev={revision}", "--overwrite"), None)[1]


def generations(kubectl: Kubectl, namespace: str) -> dict[str, int]:
    """How often each workload's specification changed."""
    found = kubectl.json("-n", namespace, "get", "deployments,statefulsets,daemonsets")["items"]
    return {item["metadata"]["name"]: item["metadata"]["generation"] for item in found}


def test_each_kind_is_restarted_once_and_ends_on_the_new_revision(
    client: Client, old: str, kubectl: Kubectl, move: Callable[[str], None]
) -> None:
    deployed(kubectl, old, *(workload(kind, old, kind.lower()) for kind in KINDS))
    assert set(injected(kubectl, old).values()) == {OLD}
    move(NEW)
    found = workloads_to_restart(client, old, OLD)
    assert [one.ref for one in found] == [f"{kind} {old}/{kind.lower()}" for kind in sorted(KINDS)]
    assert all(not one.blockers for one in found)
    told: list[str] = []
    done = restart(client, found, "id-1", Deadline(120), max_unavailable=2, said=told.append)
    assert done.restarted == told == [one.ref for one in found]
    assert set(injected(kubectl, old).values()) == {NEW}
    before = generations(kubectl, old)
    assert set(before.values()) == {2}
    again = restart(client, found, "id-1", Deadline(60))
    assert (again.restarted, again.already) == ([], [one.ref for one in found])
    assert generations(kubectl, old) == before
    assert workloads_to_restart(client, old, OLD) == []


def test_it_stops_at_the_first_that_does_not_come_back(
    client: Client, old: str, kubectl: Kubectl, move: Callable[[str], None]
) -> None:
    deployed(kubectl, old, *(workload("Deployment", old, name) for name in ("a", "b", "c")))
    move(NEW)
    found = workloads_to_restart(client, old, OLD)
    # Its new pods cannot start; those that run are kept by the rolling update.
    broken = {
        "spec": {"paused": True, "template": {"spec": {"containers": [{"name": "web", "image": "x:does-not-exist"}]}}}
    }
    _patch(kubectl, old, "b", broken)
    _patch(kubectl, old, "b", {"spec": {"paused": False}})
    with pytest.raises(SettleTimeout) as caught:
        restart(client, found, "id-1", Deadline(60), each=8)
    refs = [one.ref for one in found]
    details = caught.value.details
    assert (details["restarted"], details["untouched"]) == (refs[:2], refs[2:])
    assert [entry["object"] for entry in details["unready"]] == [refs[1]]
    assert "ImagePullBackOff" in str(caught.value)
    assert generations(kubectl, old)["c"] == 1
    still = injected(kubectl, old)
    assert {revision for name, revision in still.items() if name.startswith("c-")} == {OLD}


def _patch(kubectl: Kubectl, namespace: str, name: str, patch: Obj) -> None:
    kubectl("-n", namespace, "patch", "deployment", name, "-p", json.dumps(patch))


def test_pods_that_come_back_on_the_old_revision_are_told(client: Client, old: str, kubectl: Kubectl) -> None:
    """The namespace was not moved: a restart alone changes nothing."""
    deployed(kubectl, old, workload("Deployment", old, "web"))
    found = workloads_to_restart(client, old, OLD)
    with pytest.raises(SettleTimeout, match=f"Pods of revision {OLD} are still there: Deployment {old}/web"):
        restart(client, found, "id-1", Deadline(60), each=6)


def test_what_cannot_be_restarted_is_listed_and_refused_before_anything_is_written(
    client: Client, old: str, kubectl: Kubectl, move: Callable[[str], None]
) -> None:
    on_delete = workload("StatefulSet", old, "manual", updateStrategy={"type": "OnDelete"})
    lone = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "lone", "namespace": old},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    }
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": old},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    kubectl.apply(budget)
    deployed(kubectl, old, workload("Deployment", old, "web", replicas=1), workload("Deployment", old, "still"), lone)
    kubectl.apply(on_delete)
    kubectl("-n", old, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=60s")
    _patch(kubectl, old, "still", {"spec": {"paused": True}})
    move(NEW)
    found = {one.name: one for one in workloads_to_restart(client, old, OLD)}
    assert set(found) == {"web", "still", "manual", "lone"}
    assert "is paused" in found["still"].blockers[0]
    assert "OnDelete" in found["manual"].blockers[0]
    assert "nobody would make the pod anew" in found["lone"].blockers[0]
    assert found["web"].blockers == ()
    assert "single replica" in found["web"].notes[0]
    assert f"PodDisruptionBudget {old}/web allows no disruption" in found["web"].notes[1]
    with pytest.raises(GuardRefused, match=r"Deployment .*/still: the Deployment is paused"):
        restart(client, list(found.values()), "id-1", Deadline(30))
    assert generations(kubectl, old)["web"] == 1
    restart(client, [found["web"]], "id-1", Deadline(60))
    after = injected(kubectl, old)
    assert {revision for name, revision in after.items() if name.startswith("web-")} == {NEW}


def test_one_that_was_deleted_meanwhile_is_no_failure(client: Client, old: str, kubectl: Kubectl) -> None:
    deployed(kubectl, old, workload("Deployment", old, "web"))
    found = workloads_to_restart(client, old, OLD)
    kubectl("-n", old, "delete", "deployment", "web", "--wait=true")
    assert restart(client, found, "id-1", Deadline(30)).gone == [f"Deployment {old}/web"]


def test_what_a_killed_run_did_not_wait_for_is_waited_for_by_the_next(
    client: Client, old: str, kubectl: Kubectl, move: Callable[[str], None]
) -> None:
    """All its old pods went at once, and its new ones cannot start: only the id tells that it is not done."""
    deployed(kubectl, old, workload("Deployment", old, "web", strategy={"type": "Recreate"}))
    move(NEW)
    broken = {"containers": [{"name": "web", "image": "x:does-not-exist"}]}
    mark = {"annotations": {"meshwright.io/restart": "id-1"}}
    _patch(kubectl, old, "web", {"spec": {"template": {"metadata": mark, "spec": broken}}})
    until("its old pods are gone", lambda: set(injected(kubectl, old).values()) == {NEW})
    assert workloads_to_restart(client, old, OLD) == []
    found = workloads_to_restart(client, old, OLD, restart_id="id-1")
    assert [one.ref for one in found] == [f"Deployment {old}/web"]
    with pytest.raises(SettleTimeout, match="ImagePullBackOff"):
        restart(client, found, "id-1", Deadline(60), each=4)
    _patch(kubectl, old, "web", {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "x:1"}]}}}})
    assert restart(client, found, "id-1", Deadline(60)).already == [f"Deployment {old}/web"]
    assert workloads_to_restart(client, old, OLD, restart_id="id-1") == []
