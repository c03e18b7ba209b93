# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policy for ambient workloads: what a real ztunnel made of it is in the recordings that the messages tell of."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.identities import (
    admits,
    admits_anonymous,
    admits_nobody,
    takes_identity,
)

from .policies import (
    AMBIENT,
    NETWORKING,
    SECURITY,
    SIDECAR,
    Obj,
    app,
    authorization,
    found,
    obj,
    peer,
    pod,
    service,
    space,
    told,
    waypoint,
)

PATHS = {"to": [{"operation": {"paths": ["/secret"]}}]}
PORTS = {"to": [{"operation": {"ports": ["8080"]}}]}
CLIENT = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/client"]}}]}
SHOP = space("shop", AMBIENT)
WITH_WAYPOINT = space("shop", {**AMBIENT, "istio.io/use-waypoint": "waypoint"})


@pytest.mark.parametrize(
    ("policy", "effect"),
    [
        pytest.param(
            authorization(action="DENY", rules=[PATHS], selector=app()), "hole", id="l7-deny-without-waypoint"
        ),
        pytest.param(authorization(action="DENY", rules=[{**PATHS, **CLIENT}]), "hole", id="l7-deny-from"),
        pytest.param(authorization(action="DENY", rules=[PATHS, CLIENT]), "hole", id="l7-deny-mixed-rules"),
        pytest.param(
            authorization(action="DENY", rules=[{"to": [{"operation": {"paths": ["/secret"], "ports": ["80"]}}]}]),
            "outage",
            id="l7-deny-with-port",
        ),
        pytest.param(authorization(rules=[PATHS]), "outage", id="l7-allow"),
        pytest.param(authorization(rules=[{**PATHS, **CLIENT}]), "outage", id="l7-allow-from"),
        pytest.param(authorization(rules=[PATHS, CLIENT]), "outage for whom", id="l7-allow-mixed"),
        pytest.param(
            authorization(rules=[{"when": [{"key": "request.headers[x]", "values": ["y"]}]}]), "outage", id="headers"
        ),
        pytest.param(
            authorization(rules=[{"from": [{"source": {"requestPrincipals": ["*"]}}]}]),
            "outage",
            id="requestPrincipals",
        ),
    ],
)
def test_http_policies_by_selector(policy: Obj, effect: str) -> None:
    for others in ([SHOP], [SHOP, pod(mode="ambient")], [SHOP, pod()], [WITH_WAYPOINT, *waypoint(), service()]):
        (one,) = [each for each in found(policy, *others) if each.rule != "selects-nothing"]
        assert (one.rule, one.severity) == ("http-policy-on-ambient", "error")
        assert f"This is an {effect}" in one.message or f"This is a {effect}" in one.message


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([space("shop", SIDECAR), pod(mode="sidecar")], id="sidecars"),
        pytest.param([space("shop", SIDECAR)], id="sidecars to come"),
        pytest.param([space("shop")], id="not in the mesh"),
        pytest.param([SHOP, pod(mode="sidecar")], id="sidecars in an ambient namespace"),
        pytest.param([SHOP, pod(labels={"istio.io/dataplane-mode": "none"})], id="opted out"),
        pytest.param([space("shop"), pod(labels={"gateway.networking.k8s.io/gateway-name": "web"})], id="a gateway"),
    ],
)
def test_what_is_not_captured_is_none_of_it(others: list[Obj]) -> None:
    assert told(found(authorization(action="DENY", rules=[PATHS]), *others)) == []


@pytest.mark.parametrize(
    "rules",
    [
        [PORTS],
        [CLIENT],
        [{}],
        [],
        [{"when": [{"key": "source.ip", "values": ["10.0.0.0/8"]}]}],
        [{"from": [{"source": {"namespaces": ["shop"], "ipBlocks": ["10.0.0.0/8"]}}]}],
    ],
)
@pytest.mark.parametrize("action", ["ALLOW", "DENY"])
def test_l4_policies_pass(action: str, rules: list[Any]) -> None:
    assert told(found(authorization(action=action, rules=rules), SHOP, pod(mode="ambient"), service())) == []


def test_a_policy_of_the_root_namespace_is_for_all_of_the_mesh() -> None:
    policy = authorization(namespace="istio-system", action="DENY", rules=[PATHS])
    assert told(found(policy, SHOP, space("istio-system"), pod(mode="ambient"))) == ["http-policy-on-ambient error"]
    assert told(found(policy, SHOP, space("istio-system"), pod(mode="sidecar"))) == []


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (authorization(action="CUSTOM", rules=[PATHS], provider={"name": "x"}), ["custom-on-ambient error"]),
        (authorization(action="AUDIT", rules=[PATHS]), ["audit-on-ambient warning"]),
        (obj(SECURITY, "RequestAuthentication", "jwt", spec={"jwtRules": [{"issuer": "a"}]}), ["jwt-on-ambient error"]),
        (
            obj("telemetry.istio.io/v1", "Telemetry", "t", spec={"accessLogging": [{}]}),
            ["telemetry-on-ambient warning"],
        ),
        (obj("telemetry.istio.io/v1", "Telemetry", "t", "istio-system", spec={"accessLogging": [{}]}), []),
        (peer("DISABLE"), ["disable-on-ambient error"]),
        (peer("STRICT", selector=app(), portLevelMtls={"80": {"mode": "DISABLE"}}), ["disable-on-ambient error"]),
        (peer("PERMISSIVE"), []),
        (authorization(action="ALLOW", rules=[PORTS], selector=app("gone")), ["selects-nothing warning"]),
        (
            obj(NETWORKING, "Sidecar", "s", spec={"workloadSelector": {"labels": {"app": "gone"}}}),
            ["selects-nothing warning"],
        ),
        (obj(NETWORKING, "Sidecar", "s", spec={"workloadSelector": {"labels": {"app": "reviews"}}}), []),
        (peer("STRICT", selector=app("vm")), []),
        (obj("v1", "ConfigMap", "c"), []),
    ],
)
def test_other_policies(policy: Obj, expected: list[str]) -> None:
    machine = obj(NETWORKING, "WorkloadEntry", "vm", spec={"address": "10.1.1.1", "labels": {"app": "vm"}})
    assert told(found(policy, SHOP, pod(mode="ambient"), machine)) == expected


def test_a_namespace_without_pods_says_nothing_of_a_selector() -> None:
    policy = peer("STRICT", selector=app("gone"))
    assert told(found(policy, SHOP)) == []
    assert told(found(policy, SHOP, pod())) == ["selects-nothing warning"]


def envoy_filter(namespace: str = "shop", context: str = "SIDECAR_INBOUND", **spec: Any) -> Obj:
    patches = [{"applyTo": "HTTP_FILTER", "match": {"context": context}}]
    return obj("networking.istio.io/v1alpha3", "EnvoyFilter", "limit", namespace, {"configPatches": patches, **spec})


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (envoy_filter(workloadSelector={"labels": {"app": "reviews"}}), ["filter-on-ambient error"]),
        (envoy_filter(), ["filter-on-ambient warning"]),
        (envoy_filter(context="GATEWAY"), []),
        (envoy_filter("istio-system"), []),
        (envoy_filter(targetRefs=[{"kind": "Service", "name": "gone"}]), ["unknown-target error"]),
        (obj("extensions.istio.io/v1alpha1", "WasmPlugin", "w", spec={"selector": app()}), ["filter-on-ambient error"]),
    ],
)
def test_filters(policy: Obj, expected: list[str]) -> None:
    assert told(found(policy, SHOP, pod(mode="ambient"))) == expected
    if "targetRefs" not in policy["spec"]:
        assert told(found(policy, space("shop", SIDECAR), pod(mode="sidecar"))) == []


def test_telemetry_is_a_waypoints_too() -> None:
    telemetry = obj("telemetry.istio.io/v1", "Telemetry", "t", spec={"accessLogging": [{}]})
    chosen = obj("telemetry.istio.io/v1", "Telemetry", "t", spec={"accessLogging": [{}], "selector": app()})
    others = [WITH_WAYPOINT, pod(mode="ambient"), *waypoint()]
    assert told(found(telemetry, *others)) == []
    assert told(found(chosen, *others)) == ["telemetry-on-ambient warning"]


def test_clients_behind_a_waypoint() -> None:
    others = [WITH_WAYPOINT, service(), pod(mode="ambient"), *waypoint()]
    (allow,) = found(authorization(rules=[CLIENT]), *others)
    (deny,) = found(authorization(action="DENY", rules=[CLIENT]), *others)
    assert (allow.rule, deny.rule) == ("client-behind-waypoint", "client-behind-waypoint")
    assert "outage" in allow.message
    assert "hole" in deny.message
    gate = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/waypoint"]}}]}
    assert told(found(authorization(rules=[gate]), *others)) == []
    assert told(found(authorization(rules=[CLIENT]), authorization("gate", rules=[gate]), *others)) == []
    assert told(found(authorization(rules=[CLIENT]), SHOP, *others[1:])) == [], "no Service of it uses the waypoint"


def test_those_who_go_round_a_waypoint_may_be_denied_by_selector() -> None:
    others = [WITH_WAYPOINT, service(), pod(mode="ambient"), *waypoint()]
    spared = {"notPrincipals": ["cluster.local/ns/shop/sa/waypoint"]}
    source = CLIENT["from"][0]["source"]
    direct = {"from": [{"source": {**source, **spared}}]}
    assert told(found(authorization(action="DENY", rules=[{"from": [{"source": spared}]}]), *others)) == []
    assert told(found(authorization(action="DENY", rules=[direct]), *others)) == []
    mixed = authorization(action="DENY", rules=[direct, CLIENT])
    assert told(found(mixed, *others)) == ["client-behind-waypoint error"]


@pytest.mark.parametrize(
    ("target", "others", "expected"),
    [
        ({"kind": "Service", "group": "", "name": "reviews"}, [SHOP, service()], ["target-without-waypoint error"]),
        ({"kind": "Service", "group": "", "name": "reviews"}, [WITH_WAYPOINT, service()], ["waypoint-absent error"]),
        ({"kind": "Service", "group": "", "name": "reviews"}, [WITH_WAYPOINT, service(), *waypoint()], []),
        ({"kind": "Service", "group": "", "name": "gone"}, [WITH_WAYPOINT, *waypoint()], ["unknown-target error"]),
        (
            {"kind": "Service", "group": "core", "name": "reviews", "namespace": "b"},
            [service()],
            ["unknown-target error"],
        ),
        (
            {"kind": "Service", "name": "reviews"},
            [SHOP, service(labels={"istio.io/use-waypoint": "none"})],
            ["target-without-waypoint error"],
        ),
        ({"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "waypoint"}, [SHOP, *waypoint()], []),
        (
            {"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "waypoint"},
            [SHOP],
            ["unknown-target error"],
        ),
        (
            {"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "waypoint"},
            [SHOP, *waypoint(ready=False)],
            ["waypoint-down error"],
        ),
        (
            {"kind": "GatewayClass", "group": "gateway.networking.k8s.io", "name": "istio-waypoint"},
            [SHOP],
            ["unknown-target error"],
        ),
        ({"kind": "Thing", "group": "example.com", "name": "x"}, [SHOP], []),
    ],
)
def test_targets(target: Obj, others: list[Obj], expected: list[str]) -> None:
    policy = authorization(action="DENY", rules=[PATHS], targetRefs=[target])
    assert told(found(policy, pod(mode="ambient"), *others)) == expected


def test_labels_that_name_a_waypoint() -> None:
    named = {"istio.io/use-waypoint": "waypoint"}
    assert told(found(service(labels=named), SHOP)) == ["waypoint-absent error"]
    assert told(found(service(labels=named), SHOP, *waypoint())) == []
    assert told(found(space("shop", named))) == ["waypoint-absent error"]
    elsewhere = {**named, "istio.io/use-waypoint-namespace": "gates"}
    assert told(found(service(labels=elsewhere), SHOP, *waypoint())) == ["waypoint-absent error"]
    closed = waypoint(namespace="gates")
    assert told(found(service(labels=elsewhere), SHOP, *closed)) == ["waypoint-absent error"], "it takes only its own"
    closed[0]["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": {"from": "All"}}
    assert told(found(service(labels=elsewhere), SHOP, *closed)) == []


@pytest.mark.parametrize(("kind", "good"), [("service", True), ("all", True), ("workload", False), ("none", False)])
def test_a_waypoint_must_be_for_services(kind: str, good: bool) -> None:
    made = waypoint()
    made[0]["metadata"]["labels"] = {"istio.io/waypoint-for": kind}
    policy = authorization(action="DENY", rules=[PATHS], targetRefs=[{"kind": "Service", "name": "reviews"}])
    expected = [] if good else ["waypoint-for-others error"]
    assert told(found(policy, WITH_WAYPOINT, service(), *made)) == expected
    assert told(found(service(labels={"istio.io/use-waypoint": "waypoint"}), SHOP, *made)) == expected
    assert told(found(WITH_WAYPOINT, *made)) == [], "its workloads may be meant"


@pytest.mark.parametrize(
    ("source", "namespace", "account", "expected"),
    [
        ({"principals": ["cluster.local/ns/a/sa/b"]}, "a", "b", True),
        ({"principals": ["cluster.local/ns/a/sa/b"]}, "a", "c", False),
        ({"principals": ["other.domain/ns/a/sa/b"]}, "a", "b", True),
        ({"principals": ["cluster.local/ns/a/*"]}, "a", "c", True),
        ({"principals": ["cluster.local/ns/a/*"]}, "b", "c", False),
        ({"principals": ["*/sa/b"]}, "a", "b", True),
        ({"principals": ["*/sa/b"]}, "a", "c", False),
        ({"principals": ["*"]}, "a", "c", True),
        ({"principals": ["cluster.local/ns/a/sa/b"]}, "a", None, True),
        ({"principals": ["cluster.local/ns/b/sa/b"]}, "a", None, False),
        ({"principals": ["cluster.local/*"]}, "a", None, True),
        ({"namespaces": ["a*"]}, "ab", None, True),
        ({"namespaces": ["*a"]}, "ab", None, False),
        ({"serviceAccounts": ["b"]}, "shop", "b", True),
        ({"serviceAccounts": ["b"]}, "a", "b", False),
        ({"serviceAccounts": ["a/b"]}, "a", "b", True),
        ({"notNamespaces": ["a"]}, "a", "b", False),
        ({"notPrincipals": ["cluster.local/ns/a/sa/b"]}, "a", "b", False),
        ({"ipBlocks": ["10.0.0.0/8"]}, "a", "b", True),
    ],
)
def test_who_is_admitted(source: Obj, namespace: str, account: str | None, expected: bool) -> None:
    policy = authorization(rules=[{"from": [{"source": source}]}])
    assert admits(policy, namespace, account) is expected


def test_rules_in_kind() -> None:
    anyone, by_name, nobody = authorization(rules=[PORTS]), authorization(rules=[CLIENT]), authorization()
    conditional = authorization(rules=[{"when": [{"key": "source.namespace", "values": ["a"]}]}])
    assert [admits_anonymous(one) for one in (anyone, by_name, nobody, conditional)] == [True, False, False, False]
    assert [takes_identity(one) for one in (anyone, by_name, nobody, conditional)] == [False, True, False, True]
    assert [admits_nobody(one) for one in (anyone, by_name, nobody, conditional)] == [False, False, True, False]
    assert admits(conditional, "a", "x")
    assert not admits(conditional, "b", "x")
