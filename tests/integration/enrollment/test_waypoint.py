# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`waypoint` on a real istiod: what it makes of the Gateway, what is bound when, what is refused, what is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.present import present
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.run import WaypointRun
from ansible_collections.meshwright.istio.plugins.module_utils._desired.waypoints import gateway_of
from ansible_collections.meshwright.istio.plugins.module_utils._errors import (
    BadInput,
    Conflict,
    GuardRefused,
    MeshError,
    SettleTimeout,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.waypoint import waypoint_intent
from ansible_collections.meshwright.istio.plugins.module_utils._intent.waypoint_spec import WAYPOINT_SPEC

from .conftest import Enrollment

Obj = dict[str, Any]


def service(namespace: str, name: str, **spec: Any) -> Obj:
    given = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": given}


def run_of(enrollment: Enrollment, *, check: bool = False, **options: Any) -> WaypointRun:
    """A run in this process, of options as a task has them."""
    params = ArgumentSpecValidator(WAYPOINT_SPEC).validate(options).validated_parameters
    return WaypointRun(enrollment.client(), waypoint_intent(params), check)


def refusal(enrollment: Enrollment, **options: Any) -> MeshError:
    with pytest.raises((BadInput, GuardRefused)) as found:
        present(run_of(enrollment, check=True, **options))
    return found.value


def actions(answer: Obj) -> dict[str, str]:
    return {step["step"]: step["action"] for step in answer["steps"]}


def test_check_apply_check_apply(enrollment: Enrollment) -> None:
    home = enrollment.namespace("ambient")
    enrollment.kubectl.apply(service(home, "cart"), service(home, "aside"))
    enrollment.kubectl("-n", home, "label", "service", "aside", "istio.io/use-waypoint=none")
    wanted: Obj = {
        "namespace": home,
        "enroll": {"namespaces": [home]},
        "ingress": True,
        "autoscaling": {"min": 2, "max": 3, "cpu": 70},
        "disruption_budget": {"max_unavailable": "1"},
        "resources": {"requests": {"cpu": "50m"}},
        "tolerations": [{"key": "mesh", "operator": "Exists"}],
        "topology_spread": [
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "labels": {"team": "shop"},
        "made_for": "wave-1",
    }

    task = {"meshwright.istio.waypoint": wanted, "diff": True}
    tasks = [{**task, "check_mode": check} for check in (True, False, True, False)]
    foreseen, made, *later = enrollment.playbooks(tasks).ok().of("waypoint")

    assert foreseen["changed"] and not foreseen["waypoint"]["exists"]
    assert {entry["after_header"] for entry in foreseen["diff"]} == set(actions(foreseen))
    # That nothing was written by then shows in what the next task made.
    assert actions(made) == actions(foreseen)
    assert actions(made) == {
        f"ConfigMap {home}/waypoint-infrastructure": "create",
        f"Gateway {home}/waypoint": "create",
        f"Namespace {home}": "update",
    }
    state = made["waypoint"]
    assert state["programmed"] and state["ready_pods"] and state["service_account"] == "waypoint"
    assert [(one["object"], one["bound"]) for one in state["bound"]] == [(f"Service {home}/cart", True)]
    assert "Ingress traffic will traverse" in state["bound"][0]["reason"]
    deployment = enrollment.kubectl.json("-n", home, "get", "deployment", "waypoint")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["requests"]["cpu"] == "50m"
    assert pod["containers"][0]["resources"]["limits"], "the mesh's own limits stay"
    assert pod["tolerations"] == wanted["tolerations"]
    spread = pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]
    assert spread == {"gateway.networking.k8s.io/gateway-name": "waypoint"}
    assert deployment["metadata"]["labels"]["team"] == "shop"
    assert enrollment.kubectl.json("-n", home, "get", "hpa", "waypoint")["spec"]["maxReplicas"] == 3
    assert enrollment.kubectl.json("-n", home, "get", "pdb", "waypoint")["spec"]["maxUnavailable"] == 1

    for again in later:
        assert not again["changed"] and not again["diff"], again["table"]
    assert later[1]["waypoint"]["bound"] == state["bound"]

    # An option that is no longer given takes with it what was made for it, and replicas count from then on.
    for option in ("autoscaling", "disruption_budget", "resources", "tolerations", "topology_spread"):
        del wanted[option]
    less = run_of(enrollment, replicas=1, **wanted)
    seen = present(less).seen
    assert {step.name for step in less.steps if step.action == "delete"} == {
        f"HorizontalPodAutoscaler {home}/waypoint",
        f"PodDisruptionBudget {home}/waypoint",
    }
    assert (seen.shown()["replicas"], seen.autoscaler, seen.budget) == (1, None, None)
    assert "tolerations" not in (seen.deployment or {})["spec"]["template"]["spec"]
    none = run_of(enrollment, **wanted)
    seen = present(none).seen
    assert [step.name for step in none.steps if step.action == "delete"] == [
        f"ConfigMap {home}/waypoint-infrastructure"
    ]
    assert (seen.gateway or {})["metadata"]["annotations"]["meshwright.io/made-for"] == "wave-1"
    assert "parametersRef" not in (seen.gateway or {})["spec"]["infrastructure"]
    last = run_of(enrollment, **wanted)
    present(last)
    assert not any(step.changes for step in last.steps)


def test_a_waypoint_that_others_share(enrollment: Enrollment) -> None:
    home, other = enrollment.namespace("ambient"), enrollment.namespace("ambient", team="shop")
    enrollment.kubectl.apply(service(other, "cart"), service(other, "orders"))
    narrow: Obj = {"namespace": home, "enroll": {"services": [f"{other}/cart"]}}
    assert "`same`" in str(refusal(enrollment, **narrow))
    wrong = str(refusal(enrollment, allowed_namespaces="team=office", **narrow))
    assert other in wrong and "does not choose" in wrong
    made = present(run_of(enrollment, allowed_namespaces="team in (shop, office)", **narrow))
    assert [one.target.label for one in made.bound or () if one.bound] == [f"Service {other}/cart"]
    labels = enrollment.kubectl.json("-n", other, "get", "service", "cart")["metadata"]["labels"]
    assert labels["istio.io/use-waypoint-namespace"] == home
    # Made narrower, it would leave what uses it without its policies.
    lost = str(refusal(enrollment, namespace=home))
    assert f"Service {other}/cart" in lost and "fails open" in lost


def test_nothing_is_bound_to_a_waypoint_without_pods(enrollment: Enrollment) -> None:
    home = enrollment.namespace("ambient")
    enrollment.kubectl.apply(service(home, "cart"))
    wanted: Obj = {"namespace": home, "enroll": {"services": ["cart"]}}
    with pytest.raises(SettleTimeout) as late:
        present(run_of(enrollment, node_selector={"there": "is-none"}, wait_timeout=2, **wanted))
    assert f"Deployment {home}/waypoint" in str(late.value) and "is not scheduled" in str(late.value)
    assert any(entry.get("pods") for entry in late.value.details["unready"])
    assert {step["step"] for step in late.value.details["steps"]} >= {f"Service {home}/cart"}
    labels = enrollment.kubectl.json("-n", home, "get", "service", "cart")["metadata"].get("labels") or {}
    assert not labels
    # The next run goes on from there.
    outcome = present(run_of(enrollment, **wanted))
    assert outcome.seen.ready_pods and outcome.bound and outcome.bound[0].bound


def test_what_is_wrong_is_named_before_the_first_write(enrollment: Enrollment) -> None:
    home = enrollment.namespace()
    enrollment.kubectl.apply(
        service(home, "elsewhere", type="ExternalName", externalName="shop.example", selector=None)
    )

    def refused(**more: Any) -> str:
        return str(refusal(enrollment, **{"namespace": home, **more}))

    said = refused(revision="nowhere")
    assert "nowhere" in said and "default" in said
    assert "does not exist" in refused(gateway_class="missing")
    assert "istio-waypoint" in refused(gateway_class="istio")
    assert "namespace: absent-here does not exist" in refused(namespace="absent-here")
    assert f"Service {home}/missing" in refused(enroll={"services": ["missing"]})
    assert "ExternalName" in refused(enroll={"services": ["elsewhere"]})
    assert "istio-system" in refused(istio_namespace="default")
    assert "does not exist" in refused(enroll={"namespaces": [home]}, canary={"name": "next"})


def test_fields_of_others_are_taken_over_only_when_asked(enrollment: Enrollment) -> None:
    home = enrollment.namespace("ambient")
    theirs = gateway_of(run_of(enrollment, namespace=home, allowed_namespaces="all").intent)
    enrollment.client().apply(theirs, manager="gitops")
    with pytest.raises(Conflict, match="gitops"):
        present(run_of(enrollment, namespace=home))
    taken = present(run_of(enrollment, namespace=home, force_conflicts=True)).seen
    listener = (taken.gateway or {})["spec"]["listeners"][0]
    assert listener["allowedRoutes"]["namespaces"]["from"] == "Same"
    # Who makes a Gateway that is there already has not made it.
    told = run_of(enrollment, namespace=home, made_for="wave-1", force_conflicts=True)
    assert "meshwright.io/made-for" not in (present(told).seen.gateway or {})["metadata"].get("annotations", {})
    assert any("made_for is written only" in note for note in told.notes)
