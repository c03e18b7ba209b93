# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A gateway in order, and with one thing broken after the other; ways in from outside."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain import sight
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput

from .world import Obj, World, authorization, endpoints, one, pod, service, step_of

API, NETWORKING = "gateway.networking.k8s.io/v1", "networking.istio.io/v1"
NAME = "gateway.networking.k8s.io/gateway-name"
TRUE = [{"type": name, "status": "True"} for name in ("Accepted", "Programmed")]


def gateway(**status: Any) -> Obj:
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}]
    found = {
        "conditions": TRUE,
        "addresses": [{"value": "192.0.2.1"}],
        "listeners": [{"name": "http", "attachedRoutes": 1}],
    }
    spec = {"gatewayClassName": "istio", "listeners": listeners}
    return one(API, "Gateway", "out", "public", spec, status={**found, **status})


def route(**spec: Any) -> Obj:
    body = {
        "parentRefs": [{"name": "public", "namespace": "out"}],
        "hostnames": ["shop.example"],
        "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
        **spec,
    }
    return one(API, "HTTPRoute", "shop", "web", body)


def world(*, with_route: bool = True, **status: Any) -> World:
    found = World().add("gateways", gateway(**status)).add("pods", pod("out", "public", labels={NAME: "public"}))
    found.lists["istiod_sync"][0]["proxies"].append({"id": "public-7d9f-out.out", "types": []})
    classes = one(API, "GatewayClass", "", "istio", {"controllerName": "istio.io/gateway-controller"})
    found.add("gateway_classes", classes)
    ingress = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    found.add(
        "all_services",
        {**service("out", "public-istio", type="LoadBalancer", labels={NAME: "public"}), "status": ingress},
    )
    return found.add("http_routes", route()) if with_route else found


ASKED = {"gateway": "out/public"}


def test_in_order() -> None:
    found = world().ask(**ASKED)
    assert (found.verdict, found.broken_at) == ("works", ""), found.lines()


def test_not_there() -> None:
    with pytest.raises(BadInput, match=r"no Gateway of that name.*out/public"):
        world().ask(gateway="out/publik")


def test_no_class() -> None:
    assert "no GatewayClass istio" in world().drop("gateway_classes").broken("class", **ASKED).text


def test_a_class_of_others_is_doubtful() -> None:
    found = world()
    found.lists["gateway_classes"][0]["spec"]["controllerName"] = "example.com/nginx"
    assert found.ask(**ASKED).verdict == "doubtful"


def test_no_controller() -> None:
    assert "No istiod" in world(conditions=[]).broken("accepted", **ASKED).text


def test_not_programmed() -> None:
    waits = {"type": "Programmed", "status": "False", "reason": "AddressNotAssigned", "message": "address pending"}
    step = world(conditions=[TRUE[0], waits]).broken("programmed", **ASKED)
    assert "address pending" in step.text
    assert "networking.istio.io/service-type" in step.remedy


def test_a_load_balancer_that_is_pending() -> None:
    found = world()
    found.get("all_services", "public-istio")["status"] = {"loadBalancer": {}}
    assert "pending" in found.broken("address", **ASKED).text


def test_no_pods() -> None:
    assert "nobody listens" in world().drop("pods", "public").broken("pods", **ASKED).text


def test_a_certificate_that_is_missing() -> None:
    bad = [
        {
            "type": "ResolvedRefs",
            "status": "False",
            "reason": "InvalidCertificateRef",
            "message": "secret out/tls not found",
        }
    ]
    step = world(listeners=[{"name": "http", "conditions": bad}]).broken("listeners", **ASKED)
    assert "secret out/tls not found" in step.text


def test_listeners_are_looked_at_before_what_comes_of_them() -> None:
    refs = {"type": "ResolvedRefs", "status": "False", "reason": "InvalidCertificateRef", "message": "no such secret"}
    bad = [{"type": "Programmed", "status": "False", "reason": "Invalid", "message": "bad TLS"}, refs]
    invalid = {"type": "Accepted", "status": "False", "reason": "ListenersNotValid", "message": "none is valid"}
    found = world(listeners=[{"name": "http", "conditions": bad}], conditions=[invalid, TRUE[1]])
    assert "no such secret" in found.broken("listeners", **ASKED).text


def test_a_waypoint_that_nobody_uses_is_doubtful() -> None:
    listeners = [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]
    found = world()
    found.lists["gateways"][0]["spec"] = {"gatewayClassName": "istio", "listeners": listeners}
    answer = found.ask(**ASKED)
    assert (answer.verdict, "nothing goes by it" in answer.summary) == ("doubtful", True)
    found.get("namespaces", "out")["metadata"]["labels"]["istio.io/use-waypoint"] = "public"
    assert found.ask(**ASKED).verdict == "works"


def test_no_route() -> None:
    assert "No route is attached" in world(with_route=False).broken("routes", **ASKED).text


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"rules": [{"backendRefs": [{"name": "gone", "port": 80}]}]}, "gone, which does not exist"),
        ({"rules": [{"backendRefs": [{"name": "web", "port": 81}]}]}, "names port 81"),
        ({"parentRefs": [{"name": "public", "namespace": "out", "sectionName": "https"}]}, "wants the listener https"),
    ],
)
def test_a_route_that_leads_nowhere(spec: Obj, words: str) -> None:
    found = world(with_route=False).add("http_routes", route(**spec))
    assert words in found.broken("routes", **ASKED).text


def test_a_route_that_istiod_refuses() -> None:
    found = world()
    refused = [{"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": "not allowed"}]
    found.lists["http_routes"][0]["status"] = {"parents": [{"parentRef": {"name": "public"}, "conditions": refused}]}
    assert "not allowed" in found.broken("routes", **ASKED).text


def test_a_backend_without_endpoints() -> None:
    found = world().drop(sight.ENDPOINTS).add(sight.ENDPOINTS, endpoints("shop", ready=False))
    assert "503" in found.broken("backends", **ASKED).text


class TestIstio:
    ASKED = {"gateway": "out/old"}

    def world(self, **server: Any) -> World:
        port = {"number": 80, "name": "http", "protocol": "HTTP"}
        spec = {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": port, "hosts": ["shop.example"], **server}],
        }
        found = World().add("istio_gateways", one(NETWORKING, "Gateway", "out", "old", spec))
        found.add("pods", pod("istio-system", "ingress", labels={"istio": "ingressgateway"}))
        found.lists["istiod_sync"][0]["proxies"].append({"id": "ingress-7d9f-istio-system.istio-system", "types": []})
        found.add("all_services", service("istio-system", "ingress", selector={"istio": "ingressgateway"}))
        body = {
            "hosts": ["shop.example"],
            "gateways": ["out/old"],
            "http": [{"route": [{"destination": {"host": "web"}}]}],
        }
        return found.add("virtual_services", one(NETWORKING, "VirtualService", "shop", "web", body))

    def test_in_order(self) -> None:
        found = self.world().ask(**self.ASKED)
        assert (found.verdict, found.broken_at) == ("works", ""), found.lines()

    def test_selects_nothing(self) -> None:
        found = self.world().drop("pods", "ingress")
        assert "no pod has that" in found.broken("pods", **self.ASKED).text

    def test_a_port_that_the_service_has_not(self) -> None:
        port = {"number": 443, "name": "https", "protocol": "HTTPS"}
        assert "no port 443" in self.world(port=port).broken("servers", **self.ASKED).text

    def test_a_secret_that_is_missing(self) -> None:
        found = self.world(tls={"mode": "SIMPLE", "credentialName": "shop-tls"}).add(sight.SECRETS)
        assert "Secret istio-system/shop-tls does not exist" in found.broken("servers", **self.ASKED).text
        found.add(sight.SECRETS, {"kind": "Secret", "metadata": {"name": "shop-tls", "namespace": "istio-system"}})
        assert found.ask(**self.ASKED).verdict == "works"

    def test_no_virtual_service(self) -> None:
        found = self.world().drop("virtual_services")
        assert "No VirtualService names" in found.broken("routes", **self.ASKED).text

    def test_hosts_that_do_not_meet(self) -> None:
        found = self.world(hosts=["other.example"])
        assert "serves none" in found.broken("routes", **self.ASKED).text


class TestWaysIn:
    def test_by_a_gateway(self) -> None:
        found = world().ask(to="shop/web")
        assert "Gateway out/public leads to it" in step_of(found, "exposed").text
        assert found.verdict == "works"

    def test_by_a_gateway_that_is_broken(self) -> None:
        found = world().drop("pods", "public")
        assert found.broken("gateway.pods", to="shop/web").title == "Gateway out/public: Its pods"

    def test_a_policy_that_does_not_admit_the_gateway(self) -> None:
        rule = {"from": [{"source": {"principals": ["cluster.local/ns/out/sa/public"]}}]}
        found = world().add("authorization_policies", authorization("shop", "ALLOW", [rule]))
        assert found.ask(to="shop/web").verdict == "works"
        found.drop("authorization_policies").add("authorization_policies", authorization("shop", "ALLOW", None))
        assert "ns/out/sa/public" in found.broken("gateway.authorization", to="shop/web").text

    def test_what_is_wrong_with_other_routes_is_no_matter(self) -> None:
        found = world()
        other = route(rules=[{"backendRefs": [{"name": "gone", "port": 80}]}])
        other["metadata"]["name"] = "other"
        assert found.add("http_routes", other).ask(to="shop/web").verdict == "works"
        assert found.ask(**ASKED).broken_at == "routes-2"
