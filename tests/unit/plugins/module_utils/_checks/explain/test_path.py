# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A way from a client to a Service in order, and with one thing broken after the other."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain import sight

from .world import Obj, World, authorization, endpoints, namespace, one, pod, service, step_of, strict

CLIENT = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/client"]}}]}
WEB = {"selector": {"matchLabels": {"app": "web"}}}
NETWORKING, API = "networking.istio.io/v1", "gateway.networking.k8s.io/v1"
HOST = "web.side.svc.cluster.local"


def way(source: str, target: str, port: str = "") -> dict[str, str]:
    return {"from_": f"{source}/client", "to": f"{target}/web{port}"}


def waypoint(space: str = "shop", **more: Any) -> Obj:
    listeners = [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]
    spec = {"gatewayClassName": "istio-waypoint", "listeners": listeners}
    return one(API, "Gateway", space, "wp", spec, status={"addresses": [{"value": "10.0.0.9"}]}, **more)


def waypoint_pod(ready: bool = True) -> Obj:
    found = pod(
        "shop",
        "wp",
        labels={"gateway.networking.k8s.io/gateway-name": "wp", "gateway.istio.io/managed": "istio.io-mesh-controller"},
    )
    found["status"]["conditions"] = [{"type": "Ready", "status": str(ready)}]
    return found


def behind(world: World, space: str = "shop") -> World:
    world.get("all_services", "web", space)["metadata"]["labels"]["istio.io/use-waypoint"] = "wp"
    return world


@pytest.mark.parametrize("source", ["shop", "side"])
@pytest.mark.parametrize("target", ["shop", "side", "out"])
def test_in_order(source: str, target: str) -> None:
    found = World().ask(**way(source, target))
    assert (found.verdict, found.broken_at) == ("works", ""), found.lines()


class TestService:
    def test_not_there(self) -> None:
        assert "Did you mean web?" in World().broken("service", from_="shop/client", to="shop/wep").remedy

    def test_in_another_namespace(self) -> None:
        world = World().drop("all_services", "web").add("all_services", service("side"))
        assert "one of that name in side" in world.broken("service", **way("shop", "shop")).remedy

    def test_no_such_port(self) -> None:
        step = World().broken("port", **way("shop", "shop", ":8080"))
        assert "8080 is the pods' port: clients use 80" in step.text

    def test_a_port_by_its_name(self) -> None:
        assert World().ask(**way("shop", "shop", ":http")).verdict == "works"

    def test_a_selector_that_nothing_has(self) -> None:
        world = World()
        world.get("all_services", "web", "shop")["spec"]["selector"] = {"app": "web", "tier": "front"}
        assert "Pod shop/web-7d9f-shop has no tier" in world.broken("selects", **way("shop", "shop")).evidence

    def test_a_workload_that_is_scaled_to_zero(self) -> None:
        spec = {"replicas": 0, "template": {"metadata": {"labels": {"app": "web"}}}}
        owner = {"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}
        world = World().drop("pods", "web").add(sight.WORKLOADS, owner)
        step = world.broken("selects", **way("shop", "shop"))
        assert step.remedy == "kubectl -n shop scale deployment web --replicas=1"

    def test_no_ready_endpoint(self) -> None:
        world = World().drop(sight.ENDPOINTS).add(sight.ENDPOINTS, endpoints("shop", ready=False))
        assert "HTTP gets 503" in world.broken("endpoints", **way("shop", "shop")).text

    def test_a_target_port_by_a_name_that_no_container_has(self) -> None:
        world = World()
        world.get("all_services", "web", "shop")["spec"]["ports"][0]["targetPort"] = "web"
        world.get("pods", "web", "shop")["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8080}]
        assert "name of no port" in world.broken("target-port", **way("shop", "shop")).text

    @pytest.mark.parametrize(
        ("port", "words"),
        [({"protocol": "UDP"}, "does not carry UDP"), ({"appProtocol": "amqp"}, "does not know that protocol")],
    )
    def test_protocols(self, port: dict[str, str], words: str) -> None:
        world = World()
        world.get("all_services", "web", "shop")["spec"]["ports"][0].update(port)
        found = world.ask(**way("shop", "shop"))
        assert (found.verdict, words in found.summary) == ("doubtful", True)


class TestEnds:
    def test_a_client_that_is_not_ready(self) -> None:
        world = World()
        world.get("pods", "client", "shop")["status"]["conditions"] = [
            {"type": "Ready", "status": "False", "message": "no"}
        ]
        assert world.broken("client.ready", **way("shop", "shop")).title == "The client: It is ready"

    def test_a_client_that_was_not_injected_is_doubtful_while_both_are_taken(self) -> None:
        world = World().drop("pods", "client").add("pods", pod("side", "client"))
        found = world.ask(**way("side", "shop"))
        assert found.verdict == "doubtful"
        assert found.steps[1].id == "client.injected"

    def test_a_server_whose_ztunnel_is_gone(self) -> None:
        world = World().drop("daemonsets", "ztunnel")
        assert "no ztunnel" in world.broken("client.ztunnel", **way("shop", "shop")).text


class TestMtls:
    @pytest.mark.parametrize("target", ["shop", "side"])
    def test_strict_against_a_client_outside(self, target: str) -> None:
        world = World().add("peer_authentications", strict(target))
        assert "sends plain text" in world.broken("mtls", **way("out", target)).text
        assert world.ask(**way("shop", target)).verdict == "works"

    def test_a_port_that_is_exempt(self) -> None:
        exempt = strict("shop", **WEB, portLevelMtls={"8080": {"mode": "PERMISSIVE"}})
        found = World().add("peer_authentications", exempt).ask(**way("out", "shop"))
        assert (found.verdict, step_of(found, "mtls").status) == ("works", "info")

    def test_a_rule_that_says_disable(self) -> None:
        rule = one(
            NETWORKING, "DestinationRule", "side", "web", {"host": "web", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
        )
        world = World().add("peer_authentications", strict("side")).add("destination_rules", rule)
        step = world.broken("mtls", **way("side", "side"))
        assert "DestinationRule side/web" in step.remedy
        # ztunnel takes no DestinationRules.
        assert world.ask(**way("shop", "side")).verdict == "works"

    def test_a_rule_that_asks_for_mtls_of_a_server_without_a_proxy(self) -> None:
        tls = {"mode": "ISTIO_MUTUAL"}
        rule = one(NETWORKING, "DestinationRule", "side", "all", {"host": "*.local", "trafficPolicy": {"tls": tls}})
        world = World().add("destination_rules", rule)
        assert "no proxy to answer it" in world.broken("mtls", **way("side", "out")).text

    def test_a_sidecar_from_before_ambient(self) -> None:
        world = World().add("peer_authentications", strict("shop"))
        del world.get("pods", "client", "side")["metadata"]["labels"]["networking.istio.io/tunnel"]
        assert "speaks no HBONE" in world.broken("mtls", **way("side", "shop")).text


class TestPolicies:
    @pytest.mark.parametrize(
        ("policy", "words"),
        [
            (authorization("shop", "DENY", [CLIENT], **WEB), "denies cluster.local/ns/shop/sa/client"),
            (authorization("shop", "ALLOW", [{"from": [{"source": {"namespaces": ["side"]}}]}], **WEB), "none admits"),
            (authorization("shop", "ALLOW", None), "none admits"),
            (authorization("istio-system", "DENY", [{}]), "denies"),
        ],
    )
    def test_that_keep_the_client_out(self, policy: Obj, words: str) -> None:
        world = World().add("authorization_policies", policy)
        assert words in world.broken("authorization", **way("shop", "shop")).text

    @pytest.mark.parametrize(
        "policy",
        [
            authorization("shop", "ALLOW", [CLIENT], **WEB),
            authorization("shop", "DENY", [{"from": [{"source": {"namespaces": ["side"]}}]}], **WEB),
            authorization("shop", "DENY", [CLIENT], selector={"matchLabels": {"app": "other"}}),
            authorization("shop", "DENY", [{"to": [{"operation": {"ports": ["9090"]}}]}]),
        ],
    )
    def test_that_let_it_in(self, policy: Obj) -> None:
        found = World().add("authorization_policies", policy).ask(**way("shop", "shop"))
        assert found.verdict == "works", found.lines()

    def test_http_is_read_by_sidecars_and_not_by_ztunnel(self) -> None:
        rule = {"to": [{"operation": {"methods": ["POST"], "paths": ["/admin*"]}}]}
        world = World().add("authorization_policies", authorization("side", "DENY", [rule]))
        found = world.ask(**way("side", "side"))
        assert "methods POST; paths /admin*" in step_of(found, "authorization").text
        world.add("authorization_policies", authorization("shop", "DENY", [rule]))
        assert "ztunnel knows nothing of HTTP" in world.ask(**way("shop", "shop")).summary

    def test_an_allow_with_http_denies_all_at_ztunnel(self) -> None:
        rule = {**CLIENT, "to": [{"operation": {"methods": ["GET"]}}]}
        world = World().add("authorization_policies", authorization("shop", "ALLOW", [rule]))
        assert "none admits" in world.broken("authorization", **way("shop", "shop")).text

    def test_a_dry_run_denies_nobody(self) -> None:
        policy = authorization("shop", "DENY", [{}])
        policy["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
        assert World().add("authorization_policies", policy).ask(**way("shop", "shop")).verdict == "works"

    def test_ztunnel_asks_no_external_authorizer(self) -> None:
        found = World().add("authorization_policies", authorization("shop", "CUSTOM", [{}])).ask(**way("shop", "shop"))
        assert (found.verdict, "action CUSTOM" in str(found.steps)) == ("doubtful", True)
        found = World().add("authorization_policies", authorization("side", "CUSTOM", [{}])).ask(**way("side", "side"))
        assert "external authorizer" in step_of(found, "authorization").text

    def test_plain_text_has_no_identity(self) -> None:
        world = World().add(
            "authorization_policies", authorization("shop", "ALLOW", [{"from": [{"source": {"namespaces": ["out"]}}]}])
        )
        assert "without an identity" in world.broken("authorization", **way("out", "shop")).text


class TestNetworkPolicy:
    @pytest.mark.parametrize(
        ("rule", "source", "broken"),
        [
            ({"ports": [{"port": 8080}]}, "shop", True),
            ({"ports": [{"port": 15008}]}, "shop", False),
            ({"ports": [{"port": 8080}]}, "out", False),
            ({"from": [{"podSelector": {}}]}, "shop", False),
            ({"from": [{"podSelector": {}}]}, "out", True),
            ({"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "out"}}}]}, "out", False),
            ({"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}, "out", False),
        ],
    )
    def test_in(self, rule: Obj, source: str, broken: bool) -> None:
        spec = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [rule]}
        world = World().add("network_policies", one("networking.k8s.io/v1", "NetworkPolicy", "shop", "web", spec))
        assert (world.ask(**way(source, "shop")).broken_at == "network") is broken

    def test_out(self) -> None:
        spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 80}]}]}
        world = World().add("network_policies", one("networking.k8s.io/v1", "NetworkPolicy", "shop", "web", spec))
        assert "out to port 15008" in world.broken("network", **way("shop", "shop")).text


class TestWaypoint:
    def test_missing(self) -> None:
        assert "does not exist" in behind(World()).broken("waypoint", **way("shop", "shop")).text

    def test_down(self) -> None:
        world = behind(World()).add("gateways", waypoint()).add("pods", waypoint_pod(ready=False))
        assert "no ready pod" in world.broken("waypoint", **way("shop", "shop")).text

    def test_for_others(self) -> None:
        world = behind(World()).add("gateways", waypoint(labels={"istio.io/waypoint-for": "workload"}))
        assert "is for workload" in world.add("pods", waypoint_pod()).broken("waypoint", **way("shop", "shop")).text

    def test_not_bound(self) -> None:
        world = behind(World()).add("gateways", waypoint()).add("pods", waypoint_pod())
        condition = {"type": "istio.io/WaypointBound", "status": "False", "message": "not ready"}
        world.get("all_services", "web", "shop")["status"] = {"conditions": [condition]}
        assert "not bound" in world.broken("waypoint", **way("shop", "shop")).text

    def test_unknown_to_ztunnel(self) -> None:
        world = behind(World()).add("gateways", waypoint()).add("pods", waypoint_pod())
        known = [{"namespace": "shop", "name": "web", "hostname": "web.shop.svc.cluster.local", "waypoint": ""}]
        world.lists["ztunnel_dumps"][0]["services"] = known
        assert "ztunnel does not know" in world.broken("waypoint", **way("shop", "shop")).text

    def test_its_policies_see_the_client_and_ztunnel_sees_the_waypoint(self) -> None:
        world = behind(World()).add("gateways", waypoint()).add("pods", waypoint_pod())
        found = world.ask(**way("shop", "shop"))
        assert found.verdict == "works", found.lines()
        target = [{"kind": "Service", "group": "", "name": "web"}]
        at_waypoint = authorization("shop", "DENY", [CLIENT], targetRefs=target)
        world.add("authorization_policies", at_waypoint)
        assert "403" in world.broken("authorization-waypoint", **way("shop", "shop")).text
        world.drop("authorization_policies").add(
            "authorization_policies", authorization("shop", "ALLOW", [CLIENT], **WEB)
        )
        assert "ns/shop/sa/wp" in world.broken("authorization", **way("shop", "shop")).text

    @pytest.mark.parametrize("source", ["side", "out"])
    def test_who_goes_round(self, source: str) -> None:
        world = behind(World()).add("gateways", waypoint()).add("pods", waypoint_pod())
        world.add(
            "authorization_policies",
            authorization(
                "shop",
                "DENY",
                [{}],
                targetRefs=[{"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "wp"}],
            ),
        )
        step = step_of(world.ask(**way(source, "shop")), "goes-by")
        assert (step.status, "does not hold for it" in step.text) == ("warning", True)


class TestRoutes:
    def virtual(self, **rule: Any) -> Obj:
        rule.setdefault("route", [{"destination": {"host": "web"}}])
        return one(NETWORKING, "VirtualService", "side", "web", {"hosts": ["web"], "http": [rule]})

    def test_a_missing_subset(self) -> None:
        route = self.virtual(route=[{"destination": {"host": "web", "subset": "v2"}}])
        assert "subset v2" in World().add("virtual_services", route).broken("route", **way("side", "side")).text

    def test_a_missing_host(self) -> None:
        route = self.virtual(route=[{"destination": {"host": "gone"}}])
        assert "gone" in World().add("virtual_services", route).broken("route", **way("side", "side")).text

    def test_a_fault(self) -> None:
        for share, verdict in ((100, "broken"), (10, "doubtful")):
            route = self.virtual(fault={"abort": {"httpStatus": 503, "percentage": {"value": share}}})
            assert World().add("virtual_services", route).ask(**way("side", "side")).verdict == verdict

    def test_what_is_told_of_it(self) -> None:
        to = [{"destination": {"host": "web"}, "weight": 90}, {"destination": {"host": HOST}, "weight": 10}]
        route = self.virtual(match=[{"uri": {"prefix": "/v1"}}], route=to, timeout="5s")
        found = World().add("virtual_services", route).ask(**way("side", "side"))
        assert step_of(found, "route").evidence == (f"rule 0 (uri prefix /v1) to web 90%, {HOST} 10% (timeout 5s)",)

    def test_nobody_carries_it_out(self) -> None:
        route = one(
            API,
            "HTTPRoute",
            "shop",
            "web",
            {"parentRefs": [{"group": "", "kind": "Service", "name": "web"}], "rules": []},
        )
        found = World().add("http_routes", route).ask(**way("shop", "shop"))
        assert (found.verdict, "ztunnel does not route" in found.summary) == ("doubtful", True)

    def test_http_routes_for_a_port_of_tcp(self) -> None:
        world = World().add("virtual_services", self.virtual())
        world.get("all_services", "web", "side")["spec"]["ports"][0]["name"] = "tcp-web"
        world.lists[sight.ENDPOINTS][1]["ports"][0]["name"] = "tcp-web"
        assert "route by HTTP" in world.ask(**way("side", "side")).summary

    def test_a_sidecar_that_leaves_the_host_out(self) -> None:
        scope = one(NETWORKING, "Sidecar", "side", "default", {"egress": [{"hosts": ["istio-system/*"]}]})
        world = World().add("sidecars", scope)
        assert world.ask(**way("side", "shop")).verdict == "doubtful"
        scope["spec"]["outboundTrafficPolicy"] = {"mode": "REGISTRY_ONLY"}
        assert "502" in world.broken("sidecar-scope", **way("side", "shop")).text
        scope["spec"]["egress"][0]["hosts"].append("./*")
        assert world.ask(**way("side", "side")).verdict == "works"

    def test_registry_only_of_the_mesh(self) -> None:
        scope = one(NETWORKING, "Sidecar", "side", "default", {"egress": [{"hosts": ["istio-system/*"]}]})
        config = {
            "metadata": {"name": "istio", "namespace": "istio-system"},
            "mesh": {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}},
        }
        world = World().add("sidecars", scope).add("mesh_configs", config)
        world.broken("sidecar-scope", **way("side", "shop"))

    def test_what_a_sidecar_hides_is_not_sent(self) -> None:
        scope = one(NETWORKING, "Sidecar", "side", "default", {"egress": [{"hosts": ["istio-system/*"]}]})
        meta = {"namespace": "side", "name": "client-7d9f-side"}
        sent = {"kind": "Pod", "metadata": meta, "clusters": []}
        found = World().add("sidecars", scope).add(sight.CONFIG, sent).ask(**way("side", "shop"))
        assert (found.verdict, step_of(found, "sent").status) == ("doubtful", "warning")

    def test_what_istiod_sent(self) -> None:
        meta = {"namespace": "side", "name": "client-7d9f-side"}
        world = World().add(sight.CONFIG, {"kind": "Pod", "metadata": meta, "clusters": [f"outbound|80||{HOST}"]})
        assert step_of(world.ask(**way("side", "side")), "sent").status == "ok"
        assert "no cluster for web.shop" in world.broken("sent", **way("side", "shop")).text


class TestFromOutside:
    def test_by_nothing_but_port_forward(self) -> None:
        found = World().ask(to="shop/web")
        assert found.verdict == "works"
        assert "port-forward svc/web 80:80" in step_of(found, "exposed").text

    def test_strict_alone_is_doubtful(self) -> None:
        assert World().add("peer_authentications", strict("shop")).ask(to="shop/web").verdict == "doubtful"

    def test_a_namespace_that_nobody_may_read(self) -> None:
        world = World()
        world.errors["all_services"] = "The user may not list services"
        found = world.ask(to="shop/web")
        assert (found.verdict, "may not list services" in found.summary) == ("unknown", True)


class TestRights:
    """What may not be read is unknown, with the reason, and what is seen is judged all the same."""

    def test_policies_of_one_namespace_only(self) -> None:
        world = World()
        world.partial["authorization_policies"] = frozenset({"shop"})
        found = world.ask(**way("shop", "shop"))
        assert (found.verdict, step_of(found, "authorization").status) == ("unknown", "unknown")
        assert "Only shop was read" in found.summary
        # What denies, denies.
        world.add("authorization_policies", authorization("shop", "DENY", [CLIENT]))
        world.broken("authorization", **way("shop", "shop"))

    @pytest.mark.parametrize(
        ("source", "step"),
        [
            ("network_policies", "network"),
            ("peer_authentications", "mtls"),
            ("authorization_policies", "authorization"),
            ("virtual_services", "route"),
            ("namespaces", "waypoint"),
        ],
    )
    def test_of_one_kind(self, source: str, step: str) -> None:
        world = World()
        world.errors[source] = "The user may not list these."
        found = world.ask(**way("shop", "shop"))
        assert (found.verdict, step_of(found, step).status) == ("unknown", "unknown"), found.lines()
        assert "The user may not list these." in step_of(found, step).text

    def test_a_pod_without_its_namespace(self) -> None:
        world = World()
        world.errors["namespaces"] = "The user may not list namespaces"
        assert step_of(world.ask(pod="shop/web"), "known").status == "ok"
        assert step_of(world.ask(pod="side/web"), "connected").status == "ok"


def test_labels_of_namespaces_matter_for_network_policies() -> None:
    chosen = {"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}
    spec = {"podSelector": {}, "ingress": [chosen]}
    world = World().add("network_policies", one("networking.k8s.io/v1", "NetworkPolicy", "shop", "web", spec))
    world.drop("namespaces", "out").add("namespaces", namespace("out", team="blue"))
    assert world.ask(**way("out", "shop")).broken_at == ""
    assert world.ask(**way("side", "shop")).broken_at == "network"
