# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way of a move, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Scene
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.survey import Survey
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.usage import Usage
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.blocker import Blocker
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.blockers import blockers
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Expectation, Goal, Plane
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.move import Move

from tests.unit.plugins.module_utils._checks.policy.policies import (
    GATEWAY_API,
    NETWORKING,
    Obj,
    authorization,
    http_route,
    obj,
    peer,
    pod,
    service,
    space,
    to_service,
    virtual_service,
    waypoint,
)

AGENTS = ("istio-cni-node", "ztunnel")
HBONE = {"networking.istio.io/tunnel": "http"}
PATHS = [{"to": [{"operation": {"paths": ["/admin"]}}]}]


def agent(name: str, *, updated: int = 2, strategy: str = "RollingUpdate") -> Obj:
    found = obj("apps/v1", "DaemonSet", name, "istio-system", generation=1)
    labels = {"k8s-app": name} if name == "istio-cni-node" else {"app": name}
    found["spec"] = {"template": {"metadata": {"labels": labels}}, "updateStrategy": {"type": strategy}}
    found["status"] = {
        "desiredNumberScheduled": 2,
        "updatedNumberScheduled": updated,
        "numberReady": 2,
        "observedGeneration": 1,
    }
    return found


def agent_pod(name: str, node: str, *, ready: bool = True) -> Obj:
    owner = {"kind": "DaemonSet", "name": name, "controller": True}
    found = obj("v1", "Pod", f"{name}-{node}", "istio-system", {"nodeName": node}, ownerReferences=[owner])
    found["status"] = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return found


def node(name: str, **spec: Any) -> Obj:
    return obj("v1", "Node", name, "", spec, labels={"kubernetes.io/os": "linux"})


def deployment(name: str = "reviews", *, pods: Obj | None = None, **spec: Any) -> Obj:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": []}, **(pods or {})}
    return obj("apps/v1", "Deployment", name, "shop", {"replicas": 2, "template": template, **spec})


def ours(app: str = "reviews", mode: str = "none", **more: Any) -> Obj:
    """A pod whose ReplicaSet leads to its Deployment."""
    found = pod(app, mode=mode, **more)
    found["metadata"]["labels"]["pod-template-hash"] = "5d4f"
    found["metadata"]["ownerReferences"][0]["controller"] = True
    return found


def survey(*objects: Obj, owners: list[Obj] | None = None, **more: Any) -> Survey:
    """A mesh that has all that ambient mode needs, on two nodes."""
    nodes = [node("one"), node("two")]
    whole: dict[str, Any] = {
        "agents": [agent(name) for name in AGENTS],
        "agent_pods": [agent_pod(name, one["metadata"]["name"]) for name in AGENTS for one in nodes],
        "nodes": nodes,
        "owners": {"shop": [deployment()] if owners is None else owners},
        **more,
    }
    return Survey(Scene.of([space(), *objects], everything=True), Usage(), **whole)


def move(goal: Any = "ambient", now: Any = "none", asked: str | None = None, uses: str = "") -> Move:
    return Move("shop", Plane(now, waypoint=uses), Goal(goal, waypoint=asked), Expectation(goal))


def found(seen: Survey, what: Move | None = None, **more: Any) -> list[tuple[str, str]]:
    return [(one.id, one.obj) for one in blockers(seen, [what or move()], **more)]


def test_nothing_is_in_the_way_of_an_ordinary_namespace() -> None:
    assert found(survey(ours(), service(), ours("carts"))) == []


# -- the mesh ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("component", AGENTS)
def test_ambient_mode_needs_both_agents(component: str) -> None:
    agents = [agent(name) for name in AGENTS if name != component]
    assert found(survey(agents=agents)) == [("no-ambient", "Namespace istio-system")]


@pytest.mark.parametrize("path", ["/var/run/ztunnel", "/opt/cni/bin"])
def test_an_istio_cni_for_sidecars_captures_nobody(path: str) -> None:
    cni = agent("istio-cni-node")
    cni["spec"]["template"]["spec"] = {"volumes": [{"name": "one", "hostPath": {"path": path}}]}
    blocked = [("no-ambient", "DaemonSet istio-system/istio-cni-node")] if path == "/opt/cni/bin" else []
    assert found(survey(ours(), agents=[cni, agent("ztunnel")])) == blocked


def test_agents_that_could_not_be_read_are_not_missing() -> None:
    assert found(survey(agents=[], agent_pods=[], agents_known=False)) == []


def test_sidecars_need_no_agents() -> None:
    assert found(survey(ours(mode="sidecar"), agents=[], agent_pods=[]), move("sidecar", "sidecar")) == []


@pytest.mark.parametrize("ambient", [True, False])
def test_some_istiod_has_to_know_ambient_mode(ambient: bool) -> None:
    container: Obj = {"name": "discovery", "env": [{"name": "PILOT_ENABLE_AMBIENT", "value": "true"}]}
    istiod = obj("apps/v1", "Deployment", "istiod", "istio-system")
    istiod["spec"] = {"template": {"spec": {"containers": [container if ambient else {"name": "discovery"}]}}}
    assert bool(found(survey(istiods=[istiod]))) is not ambient


def test_a_control_plane_outside_is_none_for_ambient_mode() -> None:
    hook = obj("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "injector", "")
    hook["webhooks"] = [{"name": "sidecar-injector.istio.io", "clientConfig": {"url": "https://elsewhere/inject"}}]
    assert found(survey(hook)) == [("primary-remote", "Namespace istio-system")]


@pytest.mark.parametrize(
    ("stuck", "blocked"),
    [
        (agent("ztunnel", updated=0), True),
        (agent("ztunnel", updated=1), True),
        # Nobody rolls this one: its pods are replaced by hand.
        (agent("ztunnel", updated=1, strategy="OnDelete"), False),
    ],
)
def test_a_stuck_update_of_ztunnel_shows_every_pod_ready(stuck: Obj, blocked: bool) -> None:
    seen = found(survey(ours(), agents=[agent("istio-cni-node"), stuck]))
    assert seen == ([("agents-updating", "DaemonSet istio-system/ztunnel")] if blocked else [])


@pytest.mark.parametrize(
    ("spec", "blocked"),
    [
        ({}, True),
        ({"unschedulable": True}, False),
        ({"taints": [{"key": "gpu", "effect": "NoSchedule"}]}, False),
        ({"taints": [{"key": "soft", "effect": "PreferNoSchedule"}]}, True),
    ],
)
def test_a_node_without_an_agent_counts_where_pods_may_come(spec: Obj, blocked: bool) -> None:
    pods = [agent_pod(name, one) for name in AGENTS for one in ("one", "two") if (name, one) != ("ztunnel", "two")]
    seen = survey(ours(), agent_pods=pods, nodes=[node("one"), node("two", **spec)])
    assert found(seen) == ([("no-node-agent", "Node two")] if blocked else [])


def test_a_node_without_a_ready_agent_counts_where_pods_of_the_namespace_run() -> None:
    pods = [agent_pod(name, one, ready=(name, one) != ("ztunnel", "two")) for name in AGENTS for one in ("one", "two")]
    closed = [node("one"), node("two", unschedulable=True)]
    there = {"two": frozenset({("shop", "reviews-5d4f-none")})}
    seen = blockers(survey(ours(), agent_pods=pods, nodes=closed, stranded=there), [move()])
    assert [(one.id, one.namespace, one.obj) for one in seen] == [("no-node-agent", "shop", "Node two")]
    assert "no ready ztunnel, and reviews-5d4f-none" in seen[0].message
    others = {"two": frozenset({("shop", "carts-1")})}
    assert found(survey(ours(), agent_pods=pods, nodes=closed, stranded=others)) == []


# -- workloads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goal", ["ambient", "sidecar"])
def test_pods_on_their_hosts_network_cannot_join(goal: str) -> None:
    exporter = deployment("exporter", pods={"spec": {"hostNetwork": True}})
    agreed = move(goal, "sidecar" if goal == "sidecar" else "none")
    expected = [("host-network", "Deployment shop/exporter")]
    assert found(survey(owners=[exporter]), agreed) == expected
    alone = obj("v1", "Pod", "debug", "shop")
    on_host = frozenset({("shop", "debug")})
    assert found(survey(alone, owners=[], on_host=on_host), agreed) == [("host-network", "Pod shop/debug")]
    assert found(survey(owners=[exporter]), agreed, excluded=["Deployment shop/exporter"]) == []
    assert found(survey(owners=[exporter]), move("none")) == []


@pytest.mark.parametrize(
    ("labels", "blocked"),
    [
        ({"sidecar.istio.io/inject": "false"}, True),
        ({"sidecar.istio.io/inject": "false", "istio.io/dataplane-mode": "none"}, False),
        ({"sidecar.istio.io/inject": "true"}, False),
    ],
)
def test_who_opted_out_of_sidecars_would_be_captured(labels: dict[str, str], blocked: bool) -> None:
    kept_out = deployment(pods={"metadata": {"labels": labels}})
    expected = [("opt-out-ignored", "Deployment shop/reviews")] if blocked else []
    assert found(survey(ours(), owners=[kept_out])) == expected


@pytest.mark.parametrize(
    "template",
    [
        {"metadata": {"annotations": {"inject.istio.io/templates": "sidecar,spire"}}},
        {"spec": {"volumes": [{"name": "socket", "csi": {"driver": "csi.spiffe.io"}}]}},
    ],
)
def test_spire_has_no_place_in_ambient_mode(template: Obj) -> None:
    seen = survey(ours(mode="sidecar"), owners=[deployment(pods=template)])
    assert found(seen, move(now="sidecar")) == [("spire", "Deployment shop/reviews")]
    assert found(seen, move("none", "sidecar")) == []


@pytest.mark.parametrize(
    ("entry", "blocked"),
    [
        (obj(NETWORKING, "WorkloadEntry", "vm", spec={"address": "10.1.1.1", "serviceAccount": "vm"}), True),
        (
            obj(
                NETWORKING,
                "WorkloadEntry",
                "vm",
                spec={"address": "10.1.1.1"},
                annotations={"istio.io/autoRegistrationGroup": "vms"},
            ),
            True,
        ),
        (obj(NETWORKING, "WorkloadEntry", "vm", spec={"address": "10.1.1.1"}), False),
        (obj(NETWORKING, "WorkloadEntry", "vm", "bank", spec={"address": "1.1.1.1", "serviceAccount": "vm"}), False),
    ],
)
def test_virtual_machines_of_the_mesh_stay_in_sidecar_mode(entry: Obj, blocked: bool) -> None:
    assert found(survey(entry)) == ([("virtual-machines", "WorkloadEntry shop/vm")] if blocked else [])


def test_what_hinders_restarts_counts_where_pods_are_made_anew() -> None:
    single = deployment(replicas=1)
    restarted = survey(ours(mode="sidecar", labels=HBONE), owners=[single])
    assert found(restarted, move(now="sidecar")) == [("single-replica", "Deployment shop/reviews")]
    assert found(restarted, move(now="sidecar"), excluded=["Deployment shop/reviews"]) == []
    assert found(survey(ours(), owners=[single])) == []


def test_what_has_begun_to_restart_already_runs_its_risks() -> None:
    begun = deployment(replicas=1, pods={"metadata": {"annotations": {"meshwright.io/restart": "r1"}}})
    seen = survey(ours(mode="sidecar", labels=HBONE), owners=[begun])
    assert found(seen, move(now="sidecar")) == [("single-replica", "Deployment shop/reviews")]
    assert found(seen, move(now="sidecar"), restart_ids={"shop": "r1"}) == []


# -- policy --------------------------------------------------------------------------------------------------------


def envoy_filter(namespace: str = "shop", context: str = "SIDECAR_INBOUND", **spec: Any) -> Obj:
    patches = [{"applyTo": "HTTP_FILTER", "match": {"context": context}}]
    return obj("networking.istio.io/v1alpha3", "EnvoyFilter", "tune", namespace, {"configPatches": patches, **spec})


@pytest.mark.parametrize(
    ("given", "blocked"),
    [
        (envoy_filter(), True),
        (envoy_filter(workloadSelector={"labels": {"app": "reviews"}}), True),
        (envoy_filter(workloadSelector={"labels": {"app": "other"}}), False),
        (envoy_filter(context="GATEWAY"), False),
        (envoy_filter(targetRefs=[{"kind": "Gateway", "name": "waypoint"}]), False),
        (envoy_filter("istio-system", workloadSelector={"labels": {"app": "reviews"}}), True),
        # Mesh-wide ones come with installations; they are for whoever has a proxy.
        (envoy_filter("istio-system"), False),
        (envoy_filter("bank"), False),
    ],
)
def test_envoy_filters_are_lost_with_the_proxies(given: Obj, blocked: bool) -> None:
    seen = survey(ours(mode="sidecar", labels=HBONE), given)
    namespace = given["metadata"]["namespace"]
    assert found(seen, move(now="sidecar")) == ([("envoy-filter", f"EnvoyFilter {namespace}/tune")] if blocked else [])
    # Without a proxy nothing took it before.
    assert found(survey(ours(), given)) == []


@pytest.mark.parametrize(
    ("given", "blocked"),
    [
        ([peer("DISABLE")], True),
        ([peer("PERMISSIVE", selector={"matchLabels": {"app": "reviews"}})], False),
        ([peer(None, selector={"matchLabels": {"app": "reviews"}}, portLevelMtls={"9": {"mode": "DISABLE"}})], True),
        ([peer("DISABLE", selector={"matchLabels": {"app": "other"}})], False),
        ([peer("DISABLE", "istio-system")], True),
        ([peer("DISABLE", "istio-system"), peer("PERMISSIVE", name="own")], False),
        ([peer("DISABLE", "bank")], False),
    ],
)
def test_disable_is_not_heeded(given: list[Obj], blocked: bool) -> None:
    expected = [("mtls-disable", f"PeerAuthentication {given[0]['metadata']['namespace']}/default")]
    assert found(survey(ours(), *given)) == (expected if blocked else [])


@pytest.mark.parametrize(
    ("given", "blocked"),
    [
        (authorization(rules=PATHS, selector={"matchLabels": {"app": "reviews"}}), True),
        (authorization(rules=PATHS), True),
        (authorization(action="CUSTOM", rules=[{}]), True),
        (authorization(action="AUDIT", rules=PATHS), False),
        (authorization(rules=[{"from": [{"source": {"namespaces": ["a"]}}]}]), False),
        (authorization(rules=PATHS, selector={"matchLabels": {"app": "other"}}), False),
        (authorization(rules=PATHS, targetRefs=[to_service()]), False),
        (authorization(namespace="istio-system", rules=PATHS), True),
        (authorization(namespace="bank", rules=PATHS), False),
    ],
)
def test_policies_of_http_by_selector_are_for_proxies_only(given: Obj, blocked: bool) -> None:
    place = f"AuthorizationPolicy {given['metadata']['namespace']}/policy"
    assert found(survey(ours(), given)) == ([("l7-selector-policy", place)] if blocked else [])
    assert found(survey(ours(), given), translated=True) == []


def test_sidecars_without_hbone_cannot_reach_strict_ambient_workloads() -> None:
    old, new = pod("client", "bank", "sidecar"), pod("client", "bank", "sidecar", labels=HBONE)
    blocked = [("strict-and-old-sidecars", "Namespace shop")]
    assert found(survey(ours(), old, peer("STRICT", "istio-system"))) == blocked
    assert found(survey(ours(), new, peer("STRICT", "istio-system"))) == []
    assert found(survey(ours(), old, peer("PERMISSIVE", "istio-system"))) == []
    assert found(survey(ours(), old, peer("STRICT", "bank"))) == []
    # Those of a namespace that goes to ambient itself are restarted before.
    mine = ours(mode="sidecar")
    assert found(survey(mine, peer("STRICT")), move(now="sidecar")) == []


@pytest.mark.parametrize(
    ("given", "now", "blocked"),
    [
        (peer("STRICT", "istio-system"), "ambient", True),
        (peer("PERMISSIVE", "istio-system"), "ambient", False),
        (peer("STRICT", "bank"), "ambient", False),
        (peer("STRICT", "istio-system"), "none", False),
    ],
)
def test_who_leaves_a_strict_mesh_is_refused_by_it(given: Obj, now: str, blocked: bool) -> None:
    seen = found(survey(ours(mode=now), given), move("none", now))
    assert seen == ([("strict-mesh", "Namespace shop")] if blocked else [])


def network_policy(**spec: Any) -> Obj:
    return obj("networking.k8s.io/v1", "NetworkPolicy", "web", spec={"podSelector": {}, **spec})


@pytest.mark.parametrize(
    ("spec", "blocked"),
    [
        ({"ingress": [{"ports": [{"port": 8080}]}]}, True),
        ({"ingress": [{"ports": [{"port": 8080}, {"port": 15008}]}]}, False),
        ({"ingress": [{"from": [{"podSelector": {}}]}]}, False),
        # Nothing is to come in, from whomever: that is meant.
        ({"policyTypes": ["Ingress"]}, False),
        ({"podSelector": {"matchLabels": {"app": "other"}}, "ingress": [{"ports": [{"port": 8080}]}]}, False),
        ({"policyTypes": ["Egress"], "egress": [{"ports": [{"port": 5432}]}]}, True),
        ({"policyTypes": ["Egress"], "egress": [{"ports": [{"port": 53}]}]}, False),
        ({"policyTypes": ["Egress"], "egress": [{"ports": [{"port": 5432}]}, {"ports": [{"port": 15008}]}]}, False),
    ],
)
def test_network_policies_have_to_let_hbone_by(spec: Obj, blocked: bool) -> None:
    seen = found(survey(ours(), network_policy(**spec)))
    assert seen == ([("network-policy", "NetworkPolicy shop/web")] if blocked else [])


def test_routes_of_the_mesh_need_a_waypoint() -> None:
    service_route = http_route(parent=to_service())
    routed = virtual_service()
    seen = survey(ours(mode="sidecar", labels=HBONE), service(), service_route, routed)
    blocked = [
        ("routing-without-waypoint", "VirtualService shop/reviews"),
        ("routing-without-waypoint", "HTTPRoute shop/reviews"),
    ]
    assert found(seen, move(now="sidecar")) == blocked
    assert found(seen, move("none", "sidecar")) == []
    own = service(labels={"istio.io/use-waypoint": "waypoint"})
    assert found(survey(ours(mode="sidecar", labels=HBONE), own, routed), move(now="sidecar")) == []


# -- the waypoint --------------------------------------------------------------------------------------------------


def of(scene: list[Obj], **allowed: Any) -> list[Obj]:
    scene[0]["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": allowed}
    return scene


@pytest.mark.parametrize(
    ("there", "asked", "expected"),
    [
        ([], "shop/waypoint", "waypoint-missing"),
        (waypoint(), "shop/waypoint", ""),
        (waypoint(ready=False), "shop/waypoint", "waypoint-not-ready"),
        (waypoint(ready=None), "shop/waypoint", "waypoint-not-ready"),
        (waypoint(namespace="infra"), "infra/waypoint", "waypoint-not-admitted"),
        (of(waypoint(namespace="infra"), **{"from": "All"}), "infra/waypoint", ""),
        (
            of(waypoint(namespace="infra"), **{"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}),
            "infra/waypoint",
            "waypoint-not-admitted",
        ),
        (
            [obj(GATEWAY_API, "Gateway", "edge", spec={"gatewayClassName": "istio", "listeners": []})],
            "shop/edge",
            "waypoint-missing",
        ),
        ([], "", ""),
    ],
)
def test_the_waypoint_has_to_stand_before_anything_relies_on_it(there: list[Obj], asked: str, expected: str) -> None:
    place = "Namespace shop" if expected == "waypoint-not-admitted" else f"Gateway {asked}"
    blocked = [(expected, place)] if expected else []
    assert found(survey(ours(), *there), move(asked=asked)) == blocked
    assert found(survey(ours(), *there), move(asked=None, uses=asked)) == blocked


def test_without_the_gateway_api_there_is_no_waypoint() -> None:
    seen: list[Blocker] = blockers(survey(ours(), gateway_api=False), [move(asked="shop/waypoint")])
    assert [one.told for one in seen] == [
        "Gateway shop/waypoint: the cluster does not serve the Gateway API [waypoint-missing]"
    ]
