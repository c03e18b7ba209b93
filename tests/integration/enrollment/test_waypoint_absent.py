# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binding to waypoints and removing them, against what a real istiod says of it. Pods are simulated."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Waypoint
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.absent import absent
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.binding import Binding, plan_binding
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.labels import attached
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.run import WaypointRun
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.unbinding import (
    naming,
    plan_unbinding,
)
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, GuardRefused
from ansible_collections.meshwright.istio.plugins.module_utils._intent.waypoint import (
    Canary,
    Enroll,
    WaypointIntent,
)

from .conftest import Enrollment, workload

Obj = dict[str, Any]
USE = "istio.io/use-waypoint"
_SECONDS = 20.0


def gateway(namespace: str, name: str = "waypoint", **meta: Any) -> Obj:
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE", "allowedRoutes": {"namespaces": {"from": "All"}}}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace, **meta},
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": [listener]},
    }


def entry(namespace: str, name: str = "api") -> Obj:
    ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
    spec = {"hosts": [f"{name}.{namespace}.example"], "ports": ports, "resolution": "DNS"}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def programmed(enrollment: Enrollment, *gateways: Obj) -> None:
    enrollment.kubectl.apply(*gateways)
    for one in gateways:
        where = f"gateways.gateway.networking.k8s.io/{one['metadata']['name']}"
        space = one["metadata"]["namespace"]
        enrollment.kubectl("-n", space, "wait", "--for=condition=Programmed", where, "--timeout=60s")


def said(enrollment: Enrollment, kind: str, namespace: str, name: str) -> str:
    """What istiod says an object is bound to; "" for nothing."""
    conditions = (enrollment.kubectl.json("-n", namespace, "get", kind, name).get("status") or {}).get("conditions")
    return next((one["message"] for one in conditions or () if one["type"] == "istio.io/WaypointBound"), "")


def until(enrollment: Enrollment, expected: str, kind: str, namespace: str, name: str) -> None:
    """Wait until istiod says of an object what contains this; for "", nothing."""
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        now = said(enrollment, kind, namespace, name)
        if expected in now if expected else not now:
            return
        time.sleep(0.1)
    raise AssertionError(f"istiod says of {kind} {namespace}/{name}: {now!r}, not {expected!r}")


def bind(enrollment: Enrollment, waypoint: Waypoint, enroll: Enroll, **more: Any) -> Binding:
    client = enrollment.client()
    found = plan_binding(client, waypoint, enroll, ingress=more.get("ingress"), canary=more.get("canary"))
    found.carry_out(client)
    return found


def removal(enrollment: Enrollment, waypoint: Waypoint, *, check: bool = False, **more: Any) -> WaypointRun:
    return WaypointRun(enrollment.client(), WaypointIntent(state="absent", waypoint=waypoint, **more), check)


def changes(run: WaypointRun) -> list[str]:
    return [f"{step.action} {step.name}" for step in run.steps if step.changes]


def test_bound_by_patches(enrollment: Enrollment) -> None:
    home, away = enrollment.namespace("ambient"), enrollment.namespace("ambient")
    waypoint, other = Waypoint(home, "waypoint"), Waypoint(away, "other")
    enrollment.deployed(away, *workload(away, "web"), *workload(away, "own", replicas=1))
    enrollment.kubectl.apply(*workload(home, "app"))
    enrollment.kubectl.apply(entry(away))
    programmed(enrollment, gateway(home), gateway(away, "other"))
    pod = enrollment.pods(away)[0]["metadata"]["name"]

    with pytest.raises(BadInput) as refused:
        bind(
            enrollment, waypoint, Enroll(namespaces=(home, "no-such"), services=((away, "none"),), pods=((away, "no"),))
        )
    assert all(
        name in refused.value.message for name in ("Namespace no-such", f"Service {away}/none", f"Pod {away}/no")
    )
    assert USE not in enrollment.labels(home), "nothing is written where a target is missing"

    assert [step.action for step in bind(enrollment, other, Enroll(services=((away, "own"),))).steps] == ["update"]
    until(enrollment, f"attached to waypoint {other}", "service", away, "own")
    enroll = Enroll(
        namespaces=(home, away), services=((away, "web"),), service_entries=((away, "api"),), pods=((away, pod),)
    )
    steps = {step.name: step for step in bind(enrollment, waypoint, enroll, ingress=True).steps}
    assert {step.action for step in steps.values()} == {"update"} and len(steps) == 5
    assert {step.predicted_by for step in steps.values()} == {"server"}
    assert any("own (" in note for note in steps[f"Namespace {away}"].notes), "one Service has a waypoint of its own"
    assert "lost" in steps[f"Pod {away}/{pod}"].notes[0] and "Deployment" in steps[f"Pod {away}/{pod}"].notes[0]
    assert enrollment.labels(away)[f"{USE}-namespace"] == home and f"{USE}-namespace" not in enrollment.labels(home)
    until(enrollment, f"attached to waypoint {waypoint}", "service", home, "app")
    until(enrollment, "Ingress traffic will traverse", "service", away, "web")
    until(enrollment, f"attached to waypoint {waypoint}", "serviceentry", away, "api")
    assert not any(step.changes for step in bind(enrollment, waypoint, enroll, ingress=True).steps)

    taken = bind(enrollment, waypoint, Enroll(services=((away, "own"),)), canary=Canary(other, 10)).steps[0]
    assert taken.reason == f"is taken from the waypoint {other}"
    assert taken.before["metadata"]["labels"][USE] == "other" and taken.after["metadata"]["labels"][USE] == "waypoint"
    until(enrollment, f"attached to waypoint {waypoint}", "service", away, "own")
    assert "Canary" not in said(enrollment, "service", away, "own"), "istiod takes the canary"

    # It goes back by the same way: what named it as canary does so no more, nothing else is touched.
    run = removal(enrollment, other)
    assert absent(run)["unbound"] == [f"Service {away}/own"]
    labels = enrollment.kubectl.json("-n", away, "get", "service", "own")["metadata"]
    assert labels["labels"][USE] == "waypoint" and not any(
        "canary" in key for key in {**labels["labels"], **(labels.get("annotations") or {})}
    )


POLICY: Obj = {"action": "DENY", "rules": [{"to": [{"operation": {"methods": ["POST"]}}]}]}


def counting(namespace: str) -> list[Obj]:
    """A policy, a route and a protection that count on the waypoint of a namespace."""
    meta = {"name": "counts", "namespace": namespace}
    service = {"group": "", "kind": "Service", "name": "web"}
    source = {"notPrincipals": [f"cluster.local/ns/{namespace}/sa/waypoint"]}
    protect = {"action": "DENY", "selector": {"matchLabels": {"app": "web"}}, "rules": [{"from": [{"source": source}]}]}
    api = "security.istio.io/v1"
    return [
        {
            "apiVersion": api,
            "kind": "AuthorizationPolicy",
            "metadata": meta,
            "spec": {**POLICY, "targetRefs": [service]},
        },
        {"apiVersion": api, "kind": "AuthorizationPolicy", "metadata": {**meta, "name": "protects"}, "spec": protect},
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": meta,
            "spec": {
                "parentRefs": [{**service, "port": 80}],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
        },
    ]


def test_refused_while_something_counts_on_it(enrollment: Enrollment) -> None:
    space = enrollment.namespace("ambient")
    waypoint = Waypoint(space, "waypoint")
    enrollment.kubectl.apply(*workload(space, "web"), *counting(space))
    programmed(enrollment, gateway(space))
    bind(enrollment, waypoint, Enroll(namespaces=(space,)))
    until(enrollment, "attached", "service", space, "web")

    run = removal(enrollment, waypoint)
    with pytest.raises(GuardRefused) as refused:
        absent(run)
    assert [(one["object"], one["effect"]) for one in refused.value.details["dependents"]] == [
        (f"AuthorizationPolicy {space}/counts", "waypoint-hole"),
        (f"AuthorizationPolicy {space}/protects", "waypoint-outage"),
        (f"HTTPRoute {space}/counts", "waypoint-lost"),
    ]
    assert enrollment.labels(space)[USE] == "waypoint"
    some = frozenset((f"AuthorizationPolicy {space}/counts", "waypoint-lost"))
    with pytest.raises(GuardRefused, match="1 object counts"):
        absent(removal(enrollment, waypoint, accept=some))

    wanted: Obj = {"state": "absent", "namespace": space, "accept_dependents": sorted(some | {f"{space}/protects"})}
    warned = "goes although these count on it"
    everything = [("update", f"Namespace {space}"), ("delete", f"Gateway {space}/waypoint")]
    foretold = enrollment("waypoint", check=True, diff=True, allow=[warned], **wanted).ok().result
    assert [(step["action"], step["step"]) for step in foretold["steps"]] == everything and foretold["changed"]
    assert foretold["waypoint"]["exists"] and foretold["diff"][0]["before"] == {
        "metadata": {"labels": {USE: "waypoint"}}
    }
    assert enrollment.labels(space)[USE] == "waypoint"
    done = enrollment("waypoint", diff=True, allow=[warned], **wanted).ok().result
    assert done["steps"] == foretold["steps"] and done["diff"] == foretold["diff"] and done["changed"]
    assert not done["waypoint"]["exists"] and len(done["dependents"]) == 3
    # istiod was waited for, and what it had made is gone with the Gateway.
    assert said(enrollment, "service", space, "web") == "" and USE not in enrollment.labels(space)
    left = enrollment.kubectl.json("-n", space, "get", "deployments,services,gateways.gateway.networking.k8s.io")
    assert sorted(f"{one['kind']}/{one['metadata']['name']}" for one in left["items"]) == [
        "Deployment/web",
        "Service/web",
    ]
    again = enrollment("waypoint", state="absent", namespace=space).ok()
    assert not again.changed and [step["action"] for step in again.result["steps"]] == ["none"]


def test_killed_dangling_and_of_others(enrollment: Enrollment) -> None:
    space = enrollment.namespace("ambient")
    waypoint = Waypoint(space, "waypoint")
    parameters = {
        "name": "waypoint-infrastructure",
        "namespace": space,
        "labels": {"app.kubernetes.io/managed-by": "meshwright"},
    }
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": parameters, "data": {"deployment": "spec: {}"}}
    enrollment.kubectl.apply(*workload(space, "web"), config)
    programmed(enrollment, gateway(space, annotations={"meshwright.io/made-for": "wave one"}))
    bind(enrollment, waypoint, Enroll(namespaces=(space,), services=((space, "web"),)))

    # Of somebody else: nothing is touched.
    run = removal(enrollment, waypoint, made_for="wave two")
    assert absent(run)["exists"] and not changes(run) and "'wave one'" in run.notes[0]
    # Killed after unbinding, before istiod or anybody followed: the next run completes it.
    client = enrollment.client()
    named, unread = naming(client, waypoint)
    assert len(named) == 2 and not unread
    plan_unbinding(client, waypoint, named, None).carry_out(client)
    run = removal(enrollment, waypoint, made_for="wave one")
    absent(run)
    assert changes(run) == [f"delete Gateway {space}/waypoint", f"delete ConfigMap {space}/waypoint-infrastructure"]
    assert not attached(enrollment.kubectl.json("-n", space, "get", "service", "web"), waypoint)

    # Killed with only the parameters left.
    enrollment.kubectl.apply(config)
    run = removal(enrollment, waypoint)
    absent(run)
    assert changes(run) == [f"delete ConfigMap {space}/waypoint-infrastructure"]

    # Labels that name a waypoint that is not there go too, but not for one made for something.
    bind(enrollment, waypoint, Enroll(namespaces=(space,)))
    assert absent(removal(enrollment, waypoint, made_for="wave one"))["unbound"] == []
    assert absent(removal(enrollment, waypoint))["unbound"] == [f"Namespace {space}"]
    assert USE not in enrollment.labels(space)

    ingress = gateway(space, "edge")
    ingress["spec"] = {"gatewayClassName": "istio", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    enrollment.kubectl.apply(ingress)
    with pytest.raises(GuardRefused, match="is no waypoint: its class is istio"):
        absent(removal(enrollment, Waypoint(space, "edge")))
