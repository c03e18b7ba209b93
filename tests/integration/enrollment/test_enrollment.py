# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces are moved into the mesh, between its modes, and back to just what they were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..support.playbook import Run
from .conftest import Enrollment, workload

Obj = dict[str, Any]
MODULE = "mesh_enrollment"
JOURNAL = "meshwright-enrollment"


def modes(enrollment: Enrollment, namespace: str) -> dict[str, str]:
    """What each workload's pods are, by the label app."""
    found = {}
    for pod in enrollment.pods(namespace):
        meta = pod["metadata"]
        annotations, containers = meta.get("annotations") or {}, pod["spec"].get("initContainers") or []
        if any(one["name"] == "istio-proxy" for one in (*containers, *pod["spec"]["containers"])):
            mode = "sidecar"
        else:
            mode = "ambient" if annotations.get("ambient.istio.io/redirection") == "enabled" else "none"
        found[meta["labels"].get("app") or meta["name"]] = mode
    return found


def generations(enrollment: Enrollment, namespace: str) -> dict[str, int]:
    found = enrollment.kubectl.json("-n", namespace, "get", "deployments,statefulsets,daemonsets")["items"]
    return {item["metadata"]["name"]: item["metadata"]["generation"] for item in found}


def journals(enrollment: Enrollment, namespace: str) -> list[str]:
    found = enrollment.kubectl.json("-n", namespace, "get", "configmaps")["items"]
    return [item["metadata"]["name"] for item in found if item["metadata"]["name"] == JOURNAL]


def failure(run: Run) -> Obj:
    assert run.failed == 1 and run.changed == 0, run.text
    return run.result


def waypoint(namespace: str, enrollment: Enrollment) -> None:
    enrollment("waypoint", namespace=namespace, replicas=1).ok()


def deny_admin(namespace: str) -> Obj:
    rule = {"to": [{"operation": {"paths": ["/admin"]}}]}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "deny-admin", "namespace": namespace, "labels": {"team": "shop"}},
        "spec": {"selector": {"matchLabels": {"app": "cart"}}, "action": "DENY", "rules": [rule]},
    }


def test_namespaces_join_ambient_without_a_restart_and_leave_as_they_came(enrollment: Enrollment) -> None:
    spaces = [enrollment.namespace(), enrollment.namespace(team="media")]
    for space in spaces:
        enrollment.deployed(space, *workload(space, "web"))
    before = [enrollment.labels(space) for space in spaces]
    asked: dict[str, Any] = {"namespaces": spaces, "mode": "ambient"}
    foretold = enrollment(MODULE, **asked, check=True, diff=True).ok()
    assert foretold.changed == 1
    assert "istio.io/dataplane-mode" in foretold.stdout
    assert [enrollment.labels(space) for space in spaces] == before
    assert not journals(enrollment, spaces[0])
    first = enrollment(MODULE, **asked).ok().result
    assert first["batch"] == [f"label {space}" for space in spaces]
    assert first["batches_left"] == 0 and first["restarted"] == []
    assert {name: place["pods"] for name, place in first["namespaces"].items()} == {
        space: {"ambient": 2} for space in spaces
    }
    assert enrollment(MODULE, **asked).ok().changed == 0
    assert enrollment(MODULE, **asked, check=True).ok().changed == 0
    assert set(generations(enrollment, spaces[0]).values()) == {1}
    seen = enrollment(MODULE, state="status", **asked).ok().result["namespaces"]
    assert {name: (place["in_place"], place["stage"]) for name, place in seen.items()} == dict.fromkeys(
        spaces, (True, "done")
    )
    enrollment(MODULE, state="returned", namespaces=spaces).ok()
    assert [enrollment.labels(space) for space in spaces] == before
    assert set(modes(enrollment, spaces[0]).values()) == {"none"}
    assert not journals(enrollment, spaces[0])
    assert enrollment(MODULE, state="returned", namespaces=spaces).ok().changed == 0


def test_sidecars_become_ambient_behind_a_waypoint_and_go_back(enrollment: Enrollment) -> None:
    space = enrollment.namespace("sidecar")
    for name in ("cart", "web"):
        enrollment.deployed(space, *workload(space, name))
    enrollment.kubectl.apply(deny_admin(space))
    waypoint(space, enrollment)
    before = enrollment.labels(space)
    asked: dict[str, Any] = {"namespaces": [space], "mode": "ambient", "waypoint": "waypoint"}
    refused = failure(enrollment(MODULE, **asked))
    assert f"AuthorizationPolicy {space}/deny-admin" in refused["msg"] and "accept_gaps" in refused["msg"]
    assert {row["client"] for row in refused["gaps"]} >= {"sidecar"}
    assert enrollment.labels(space) == before and not journals(enrollment, space)

    asked["protect"] = True
    done = enrollment(MODULE, **asked, diff=True).ok().result
    assert sorted(done["restarted"]) == [f"Deployment {space}/cart", f"Deployment {space}/web"]
    assert done["account"]["opened"] == []
    assert modes(enrollment, space) | {"cart": "ambient", "web": "ambient"} == modes(enrollment, space)
    assert enrollment.labels(space) == {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}
    policies = {
        item["metadata"]["name"]: item
        for item in enrollment.kubectl.json("-n", space, "get", "authorizationpolicies")["items"]
    }
    assert "deny-admin" not in policies
    copy = policies["deny-admin-waypoint"]
    assert copy["spec"]["targetRefs"] == [{"group": "", "kind": "Service", "name": "cart"}]
    accepted = [one for one in copy["status"]["conditions"] if one["type"] == "WaypointAccepted"]
    assert [one["status"] for one in accepted] == ["True"]
    assert enrollment(MODULE, **asked).ok().changed == 0
    assert {generations(enrollment, space)[name] for name in ("cart", "web")} == {2}

    enrollment(MODULE, state="returned", namespaces=[space]).ok()
    assert enrollment.labels(space) == before
    assert modes(enrollment, space) | {"cart": "sidecar", "web": "sidecar"} == modes(enrollment, space)
    (policy,) = enrollment.kubectl.json("-n", space, "get", "authorizationpolicies")["items"]
    assert policy["spec"] == deny_admin(space)["spec"]
    assert policy["metadata"]["labels"] == {"team": "shop"} and "annotations" not in policy["metadata"]
    assert not journals(enrollment, space)


def test_batches_are_calls_and_ambient_becomes_sidecars(enrollment: Enrollment) -> None:
    space = enrollment.namespace("ambient")
    for name in ("a", "b", "c"):
        enrollment.deployed(space, *workload(space, name))
    asked: dict[str, Any] = {"namespaces": [space], "mode": "sidecar", "batch": 2, "max_unavailable": "100%"}
    plan = enrollment(MODULE, **asked, check=True).ok().result
    refs = [f"Deployment {space}/{name}" for name in ("a", "b", "c")]
    assert plan["batches"] == [[f"prepare {space}"], refs[:2], refs[2:], [f"finish {space}"]]
    for number, batch in enumerate(plan["batches"]):
        done = enrollment(MODULE, **asked).ok().result
        assert (done["batch"], done["batches_left"]) == (batch, 3 - number)
    assert modes(enrollment, space) == dict.fromkeys(("a", "b", "c"), "sidecar")
    assert enrollment.labels(space) == {"istio-injection": "enabled"}
    again = enrollment(MODULE, **asked).ok()
    assert (again.changed, again.result["batches_left"]) == (0, 0)
    assert set(generations(enrollment, space).values()) == {2}


def test_a_failed_batch_stops_and_what_was_moved_is_given_back(enrollment: Enrollment) -> None:
    space = enrollment.namespace("sidecar")
    for name in ("a", "b", "c"):
        enrollment.deployed(space, *workload(space, name))
    # Its next pods cannot start.
    broken = {"spec": {"template": {"metadata": {"annotations": {"harness.meshwright.io/crash": "true"}}}}}
    enrollment.kubectl("-n", space, "patch", "deployment", "b", "-p", json.dumps({"spec": {"paused": True}}))
    enrollment.kubectl("-n", space, "patch", "deployment", "b", "-p", json.dumps(broken))
    before = enrollment.labels(space)
    asked: dict[str, Any] = {"namespaces": [space], "mode": "ambient", "restart_timeout": 6}
    paused = failure(enrollment(MODULE, **asked))
    assert f"Deployment {space}/b" in paused["msg"] and "[paused]" in paused["msg"]
    enrollment.kubectl("-n", space, "patch", "deployment", "b", "-p", json.dumps({"spec": {"paused": False}}))
    failed = failure(enrollment(MODULE, **asked))
    assert f"Deployment {space}/b" in failed["msg"] and failed["namespace"] == space
    assert failed["untouched"] == [f"Deployment {space}/c"]
    assert generations(enrollment, space)["c"] == 1
    undo = [{"op": "remove", "path": "/spec/template/metadata/annotations/harness.meshwright.io~1crash"}]
    enrollment.kubectl("-n", space, "patch", "deployment", "b", "--type=json", "-p", json.dumps(undo))
    enrollment(MODULE, state="returned", namespaces=[space]).ok()
    assert enrollment.labels(space) == before
    assert modes(enrollment, space) == dict.fromkeys(("a", "b", "c"), "sidecar")
    assert generations(enrollment, space)["c"] == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"mode": "ambient", "namespaces": ["{space}", "no-such"]}, "no-such does not exist"),
        ({"mode": "sidecar", "revision": "nope"}, "nope"),
        ({"mode": "ambient", "waypoint": "missing"}, "[waypoint-missing]"),
        ({"mode": "ambient", "revision": "x"}, "goes with mode: sidecar"),
    ],
)
def test_bad_input_is_named_before_the_first_write(enrollment: Enrollment, asked: Obj, said: str) -> None:
    space = enrollment.namespace()
    given = [name.replace("{space}", space) for name in asked.get("namespaces", [space])]
    failed = failure(enrollment(MODULE, **{**asked, "namespaces": given}))
    assert said in failed["msg"]
    assert enrollment.labels(space) == {} and not journals(enrollment, space)


def test_single_workloads_and_exclusions_go_by_their_own_labels(enrollment: Enrollment) -> None:
    space = enrollment.namespace("ambient")
    for name in ("a", "b"):
        enrollment.deployed(space, *workload(space, name))
    one: dict[str, Any] = {"workloads": [f"{space}/Deployment/a"], "mode": "sidecar"}
    enrollment(MODULE, **one).ok()
    assert modes(enrollment, space) == {"a": "sidecar", "b": "ambient"}
    assert enrollment(MODULE, **one).ok().changed == 0
    enrollment(MODULE, state="returned", namespaces=[space]).ok()
    assert modes(enrollment, space) == {"a": "ambient", "b": "ambient"}
    enrollment(MODULE, namespaces=[space], mode="none", exclude=[f"{space}/Deployment/b"]).ok()
    assert modes(enrollment, space) == {"a": "none", "b": "ambient"}
    enrollment(MODULE, state="returned", namespaces=[space]).ok()
    assert modes(enrollment, space) == {"a": "ambient", "b": "ambient"}
    labels = enrollment.kubectl.json("-n", space, "get", "deployment", "b")["spec"]["template"]["metadata"]["labels"]
    assert labels == {"app": "b"}
