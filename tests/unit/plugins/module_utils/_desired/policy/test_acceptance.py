# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What istiod's conditions mean, held against those that genuine istiods wrote."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.context import plane_of
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.acceptance import judge, own_waypoint
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.verdict import Surroundings

FIXTURES = Path(__file__).parents[5] / "fixtures" / "policy"


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"acceptance-{name}.json").read_text(encoding="utf-8"))
    return found


SEEN = load("istiod")
OBJECTS = {f"{o['kind']} {o['metadata']['namespace']}/{o['metadata']['name']}": o for o in SEEN["objects"]}
AROUND = Surroundings(
    planes={one["metadata"]["name"]: plane_of(one, {}) for one in SEEN["namespaces"]},
    classes=SEEN["classes"],
    gateways={
        (o["metadata"]["namespace"], o["metadata"]["name"]): o["spec"]["gatewayClassName"]
        for o in SEEN["objects"]
        if o["kind"] == "Gateway"
    },
)
POLICIES = ("audit", "l4", "l7-deny", "nothing")
SAYS: dict[str, tuple[str, str]] = {
    "AuthorizationPolicy ambient/l4": ("accepted", "Accepted"),
    "AuthorizationPolicy ambient/nothing": ("accepted", "Accepted"),
    # It refuses nothing, so that nobody is worse off.
    "AuthorizationPolicy ambient/audit": ("nothing", ""),
    # Its status is True.
    "AuthorizationPolicy ambient/l7-deny": ("limited", "UnsupportedValue"),
    # istiod wrote the same there, but sidecars enforce it, or nobody does.
    **{f"AuthorizationPolicy {where}/{name}": ("nothing", "") for where in ("sidecar", "outside") for name in POLICIES},
    "AuthorizationPolicy served/t-svc": ("accepted", "Accepted"),
    "AuthorizationPolicy served/t-gw": ("accepted", "Accepted"),
    "AuthorizationPolicy served/t-ingress": ("accepted", "Accepted"),
    "AuthorizationPolicy ambient/t-svc": ("refused", "AncestorNotBound"),
    "AuthorizationPolicy ambient/t-svc-missing": ("refused", "TargetNotFound"),
    "AuthorizationPolicy ambient/t-two": ("limited", "PartiallyInvalid"),
    "AuthorizationPolicy outside/t-two": ("refused", "Invalid"),
    "AuthorizationPolicy outside/t-gw": ("refused", "TargetNotFound"),
    "Service ambient/web": ("nothing", ""),
    "Service ambient/none": ("nothing", ""),
    # By its namespace's label: that is the namespace's business.
    "Service served/web": ("nothing", ""),
    "Service ambient/labelled": ("accepted", "WaypointAccepted"),
    "Service ambient/dangling": ("refused", "WaypointIsNotReady"),
    "ServiceEntry ambient/se-l": ("accepted", "WaypointAccepted"),
    "ServiceEntry ambient/se": ("nothing", ""),
    "WorkloadEntry ambient/we": ("nothing", ""),
    "WorkloadEntry ambient/we-l": ("refused", "UnsupportedTrafficType"),
    "HTTPRoute served/r-svc": ("accepted", "Accepted"),
    "HTTPRoute served/r-gw": ("accepted", "Accepted"),
    "HTTPRoute served/r-se": ("accepted", "Accepted"),
    "HTTPRoute served/r-svc-bad": ("refused", "BackendNotFound"),
    "HTTPRoute served/r-noparent": ("refused", "NoMatchingParent"),
    "HTTPRoute served/r-gw-section": ("refused", "NoMatchingParent"),
    "HTTPRoute served/r-none": ("nothing", ""),
    # istiod wrote nothing on these three.
    "HTTPRoute served/r-gw-missing": ("refused", "NoSuchParent"),
    "HTTPRoute served/r-unknown": ("refused", "NoSuchParent"),
    "HTTPRoute served/r-wp": ("refused", "NoMatchingParent"),
    "GRPCRoute served/g-svc": ("accepted", "Accepted"),
    "TLSRoute served/tls-svc": ("accepted", "Accepted"),
    "Gateway served/ingress": ("accepted", "Programmed"),
    "Gateway served/waypoint": ("accepted", "Programmed"),
    "Gateway served/badcert": ("refused", "ListenersNotValid"),
    # Accepted is True.
    "Gateway served/mixed": ("limited", "ListenersNotValid"),
    "Gateway served/unknown": ("refused", "NoSuchClass"),
    "BackendTLSPolicy served/btls": ("accepted", "Accepted"),
    "ListenerSet served/ls": ("refused", "NotAllowed"),
    "RequestAuthentication served/ra": ("nothing", ""),
    "Telemetry served/te": ("nothing", ""),
    "WasmPlugin served/wa": ("nothing", ""),
    "VirtualService served/vs": ("nothing", ""),
}


def at(generation: int, obj: dict[str, Any]) -> dict[str, Any]:
    """The object changed since, so that its status is of an earlier generation."""
    changed = copy.deepcopy(obj)
    changed["metadata"]["generation"] = generation
    return changed


@pytest.mark.parametrize("name", sorted(SAYS))
def test_what_istiod_wrote_means(name: str) -> None:
    verdict = judge(OBJECTS[name], AROUND)
    assert (verdict.says, verdict.reason) == SAYS[name], verdict.detail


def test_what_was_written_for_an_earlier_generation_says_nothing() -> None:
    found = {}
    for name, obj in OBJECTS.items():
        verdict = judge(at(99, obj), AROUND)
        if obj["kind"] not in ("Service", "ServiceEntry", "WorkloadEntry"):
            found[name] = verdict.says
    assert set(found.values()) == {"waiting", "nothing", "refused"}
    # Refused without istiod's word: by what their parents and classes are.
    refused = {name for name, says in found.items() if says == "refused"}
    assert refused == {f"HTTPRoute served/{one}" for one in ("r-gw-missing", "r-unknown", "r-wp")} | {
        "Gateway served/unknown"
    }


def test_what_is_waited_for_is_what_was_written() -> None:
    """No object without a status is waited for, and none with one of istiod's is taken to have none."""
    for name, obj in OBJECTS.items():
        bare = {key: value for key, value in obj.items() if key != "status"}
        says = judge(bare, AROUND).says
        verdict = judge(obj, AROUND)
        if "status" not in obj:
            assert says in ("nothing", "refused"), name
        elif verdict.says in ("accepted", "limited") and obj["kind"] != "BackendTLSPolicy":
            assert says == "waiting", name


def test_a_policy_of_the_root_namespace_is_for_all_namespaces() -> None:
    policy = copy.deepcopy(OBJECTS["AuthorizationPolicy ambient/l7-deny"])
    policy["metadata"]["namespace"] = "istio-system"
    assert judge(policy, AROUND).says == "limited"
    nowhere = replace(AROUND, planes={"web": DataPlane("sidecar")})
    assert judge(policy, nowhere).says == "nothing"


def test_without_ambient_mode_or_statuses_nothing_is_waited_for() -> None:
    old = replace(AROUND, ambient=False, statuses=False)
    bare = [{key: value for key, value in obj.items() if key != "status"} for obj in OBJECTS.values()]
    assert {judge(obj, old).says for obj in bare} == {"nothing"}


def test_what_time_may_mend_is_told_apart() -> None:
    def passing(name: str, services: dict[tuple[str, str], str]) -> bool:
        return judge(OBJECTS[f"AuthorizationPolicy {name}"], replace(AROUND, services=services)).passing

    assert passing("ambient/t-svc", {})
    assert passing("ambient/t-svc", {("ambient", "web"): "ambient/waypoint"})
    assert not passing("ambient/t-svc", {("ambient", "web"): ""})
    # Of its two targets the Gateway is bound, and the Service will never be.
    assert not passing("ambient/t-two", {("ambient", "nope"): ""})
    assert not passing("outside/t-gw", {})
    there = replace(AROUND, gateways={("outside", "waypoint"): "istio-waypoint"})
    assert judge(OBJECTS["AuthorizationPolicy outside/t-gw"], there).passing
    assert judge(OBJECTS["Service ambient/dangling"], AROUND).passing


def test_what_enforces_nothing_is_remarked_and_custom_is_refused() -> None:
    audit = OBJECTS["AuthorizationPolicy ambient/audit"]
    assert judge(audit, AROUND).remark == "ztunnel does not support the AUDIT action"
    custom = {**audit, "spec": {"action": "CUSTOM"}}
    assert (judge(custom, AROUND).says, judge(custom, AROUND).reason) == ("refused", "UnsupportedValue")
    tried = copy.deepcopy(custom)
    tried["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    assert judge(tried, AROUND).remark


def test_a_bound_service_is_bound_to_the_waypoint_it_names() -> None:
    """The condition names no generation, so that what it says of the waypoint before is not taken for this one."""
    moved = copy.deepcopy(OBJECTS["Service ambient/labelled"])
    moved["metadata"]["labels"]["istio.io/use-waypoint"] = "other"
    assert judge(moved, AROUND).says == "waiting"
    moved["metadata"]["labels"]["istio.io/use-waypoint-namespace"] = "served"
    assert own_waypoint(moved) == "served/other"
    moved["status"]["conditions"][0]["message"] = "Successfully attached to waypoint served/other"
    assert judge(moved, AROUND).says == "accepted"


def test_a_route_that_ambient_clients_ignore_is_remarked() -> None:
    assert "use-waypoint label missing" in judge(OBJECTS["HTTPRoute ambient/r-svc"], AROUND).remark
    assert judge(OBJECTS["HTTPRoute served/r-svc"], AROUND).remark == ""


def test_a_gateway_left_to_others_is_not_waited_for() -> None:
    gateway = at(99, OBJECTS["Gateway served/unknown"])
    other = replace(AROUND, classes={"nope": "example.com/other"})
    assert judge(gateway, other).says == "nothing"
    assert judge(OBJECTS["HTTPRoute served/r-unknown"], other).says == "nothing"


def test_an_istiod_may_have_a_name_of_its_own_for_itself() -> None:
    """As on OpenShift, where it serves the platform's gateways."""
    name = "openshift.io/gateway-controller/v1"
    own = replace(AROUND, controller=name, classes={**AROUND.classes, "istio": name})
    for label in ("Gateway served/ingress", "HTTPRoute served/r-gw"):
        obj = json.loads(json.dumps(OBJECTS[label]).replace("istio.io/gateway-controller", name))
        assert judge(obj, own).says == "accepted"
        assert judge(obj, replace(own, controller="istio.io/gateway-controller")).says != "accepted"


def test_a_parent_of_a_kind_that_istiod_does_not_know_is_left_to_others() -> None:
    route = copy.deepcopy(OBJECTS["HTTPRoute served/r-none"])
    route["spec"] = {"parentRefs": [{"group": "example.com", "kind": "Router", "name": "r"}]}
    assert judge(route, AROUND).says == "nothing"


@pytest.mark.parametrize("obj", load("recorded")["objects"], ids=lambda one: f"{one['recording']}-{one['kind']}")
def test_a_genuine_mesh_says_the_same(obj: dict[str, Any]) -> None:
    verdict = judge(obj, Surroundings(planes={"amb": DataPlane("ambient", "amb/waypoint")}))
    recording = obj["recording"]
    if recording in ("healthy-waypoint", "l4-deny"):
        assert verdict.says == "accepted"
    elif recording.startswith("l7-"):
        assert (verdict.says, verdict.fixed, verdict.semantic) == ("limited", True, True)
    else:
        assert (verdict.says, verdict.passing) == ("refused", True)
