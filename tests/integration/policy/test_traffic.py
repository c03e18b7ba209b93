# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Traffic of a host: every expansion before the real webhooks, and what istiod makes of a waypoint's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Invalid, MeshError
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import connect
from ansible_collections.meshwright.istio.plugins.module_utils._kube.deadline import Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import POD
from ansible_collections.meshwright.istio.plugins.module_utils._kube.options import ConnectionOptions
from ansible_collections.meshwright.istio.plugins.module_utils._kube.portforward import pod_get

from ...unit.plugins.module_utils._desired.intents.traffic_page import forms
from ..harness.support import eventually
from .conftest import Policy

EXPERIMENTAL = "Behind a waypoint, with the experimental channel"
POLICY = {
    "canary": {"v1": 90, "v2": 10},
    "header_route": [{"headers": {"end-user": {"prefix": "ja."}}, "version": "v2"}],
    "timeout": "7s",
    "mirror": {"version": "v3", "percent": 0.5},
    "circuit_breaker": {"max_connections": 17},
    "load_balancer": {"consistent_hash": {"http_header_name": "x-user"}},
}


@pytest.fixture
def client(policy: Policy) -> Client:
    options = ConnectionOptions(kubeconfig=policy.cluster.kubeconfig, context=policy.cluster.context)
    return Client(connect(options), deadline=Deadline(120))


def test_the_server_takes_every_expansion_as_it_is(policy: Policy, client: Client) -> None:
    """Unchanged by defaults too, else each further run would have to ask whether anything differs."""
    namespace = policy.namespace()
    wrong, seen = [], 0
    for form in forms():
        for label, objects in form.objects.items():
            for obj in objects if label != EXPERIMENTAL else ():
                obj["metadata"]["namespace"] = namespace
                seen += 1
                try:
                    answer = client.apply(obj, manager="traffic-test", dry_run=True)
                except MeshError as error:
                    wrong.append(f"{form.title}, {label}: {error}")
                    continue
                ours = {name: answer["spec"].get(name) for name in obj["spec"]}
                if ours != obj["spec"] or (obj["kind"] != "Service" and ours != answer["spec"]):
                    wrong.append(f"{form.title}, {label}: {obj['spec']} became {answer['spec']}")
    assert seen > 40
    assert not wrong, "\n".join(wrong)


def test_the_standard_channel_has_no_retries(policy: Policy, client: Client) -> None:
    (route,) = next(form.objects[EXPERIMENTAL] for form in forms() if EXPERIMENTAL in form.objects)
    route["metadata"]["namespace"] = policy.namespace()
    with pytest.raises(Invalid, match="retry"):
        client.apply(route, manager="traffic-test", dry_run=True)


def _service(namespace: str) -> dict[str, Any]:
    spec = {"selector": {"app": "reviews"}, "ports": [{"name": "http", "port": 9080, "targetPort": 8080}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "reviews", "namespace": namespace},
        "spec": spec,
    }


def test_a_waypoint_gets_what_was_asked_for(policy: Policy, client: Client) -> None:
    namespace = policy.namespace("ambient", **{"istio.io/use-waypoint": "waypoint"})
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    waypoint = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "waypoint", "namespace": namespace},
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": [listener]},
    }
    element = {"host": "reviews", **POLICY}
    asked: dict[str, Any] = {"namespace": namespace, "definitions": [waypoint, _service(namespace)]}
    policy(**asked, traffic=[element]).ok()
    assert policy(**asked, traffic=[element]).ok().changed == 0

    refused = policy(**asked, traffic=[{**element, "retries": {"attempts": 3}}, {"host": "gone", "timeout": "1s"}])
    assert "traffic[0] (reviews): `retries`: an HTTPRoute says them in `retry`" in refused.result["msg"]
    assert "traffic[1] (gone): the Service gone is not there to be read" in refused.result["msg"]

    seen = eventually("the waypoint's configuration", lambda: _seen(client, namespace))
    assert seen["connections"] == {f"reviews{version}": 17 for version in ("", "-v1", "-v2", "-v3")}
    first, last = seen["routes"]
    assert first["match"]["headers"][0]["stringMatch"] == {"safeRegex": {"regex": "ja\\..*"}}
    assert f"|reviews-v2.{namespace}." in first["route"]["cluster"]
    split = last["route"]["weightedClusters"]["clusters"]
    assert [(f"|reviews-v1.{namespace}." in each["name"], each["weight"]) for each in split] == [
        (True, 90),
        (False, 10),
    ]
    for route in (first["route"], last["route"]):
        assert route["timeout"] == "7s"
        assert route["hashPolicy"][0]["header"]["headerName"] == "x-user"
        (mirror,) = route["requestMirrorPolicies"]
        assert f"|reviews-v3.{namespace}." in mirror["cluster"]
        assert mirror["runtimeFraction"]["defaultValue"] == {"numerator": 5000, "denominator": "MILLION"}


def _seen(client: Client, namespace: str) -> dict[str, Any] | None:
    """What istiod has for the simulated waypoint: connection limits by Service, and the routes of `reviews`."""
    pods = _pods(client, namespace, "gateway.networking.k8s.io/gateway-name=waypoint")
    istiod = _pods(client, "istio-system", "app=istiod")[0]
    if not pods:
        return None
    deadline = Deadline(30)
    query = {"proxyID": f"{pods[0]}.{namespace}"}
    answer = pod_get(client, "istio-system", istiod, 15014, "/debug/config_dump", deadline=deadline, query=query)
    if answer.status != 200:
        return None
    found: dict[str, Any] = {"connections": {}, "routes": []}
    for part in answer.json()["configs"]:
        for cluster in part.get("dynamicActiveClusters", ()):
            name = cluster["cluster"]["name"].split("|")
            if name[0] == "inbound-vip" and name[3].startswith("reviews"):
                limits = cluster["cluster"]["circuitBreakers"]["thresholds"][0]
                found["connections"][name[3].split(".")[0]] = limits["maxConnections"]
        if part["@type"].endswith("ListenersConfigDump"):
            found["routes"] = [
                each for each in _routes(part) if each.get("name", "").startswith(f"{namespace}.reviews.")
            ]
    return found if found["routes"] and len(found["connections"]) == 4 else None


def _pods(client: Client, namespace: str, labels: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in client.list(POD, namespace, labels=labels)]


def _routes(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [route for each in node for route in _routes(each)]
    if not isinstance(node, dict):
        return []
    own = [route for host in node.get("virtualHosts", ()) for route in host["routes"]]
    return own + [route for each in node.values() for route in _routes(each)]


def test_sidecars_get_subsets(policy: Policy) -> None:
    namespace = policy.namespace("sidecar")
    asked: dict[str, Any] = {"namespace": namespace, "definitions": [_service(namespace)]}
    element = {"host": "reviews", **POLICY, "fault": {"delay": {"duration": "1s", "percent": 5}}}
    policy(**asked, traffic=[element]).ok()
    assert policy(**asked, traffic=[element]).ok().changed == 0
    rule = policy.kubectl.json("get", "destinationrule", "reviews", "-n", namespace)
    assert [subset["name"] for subset in rule["spec"]["subsets"]] == ["v1", "v2", "v3"]
