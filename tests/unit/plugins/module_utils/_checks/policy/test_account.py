# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who carries out a policy, for whom: by selector, by waypoint, by what refuses the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account import account
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account_model import Row
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import POD, Scene
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import View
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import (
    NARROWED_ANNOTATION,
    TLS_MODE,
    TLS_MODE_LABEL,
    TRANSLATED_ANNOTATION,
)

from .policies import (
    AMBIENT,
    GATEWAY_API,
    NETWORKING,
    SECURITY,
    SIDECAR,
    Obj,
    app,
    authorization,
    http_route,
    obj,
    peer,
    pod,
    service,
    space,
    view,
    waypoint,
)

PATHS = {"to": [{"operation": {"paths": ["/admin"]}}]}
PORTS = {"to": [{"operation": {"ports": ["8080"]}}]}
BOTH = {"to": [{"operation": {"paths": ["/admin"], "ports": ["8080"]}}]}
CLIENT = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/client"]}}]}
ANY_CLIENT = {"from": [{"source": {"principals": ["*"]}}]}
THROUGH = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/waypoint"]}}]}
PAST = {"from": [{"source": {"notPrincipals": ["cluster.local/ns/shop/sa/waypoint"]}}]}
USES = {"istio.io/use-waypoint": "waypoint"}
SHOP = space("shop", AMBIENT)
BEHIND = space("shop", {**AMBIENT, **USES})
WASM, WASM_KIND = "extensions.istio.io/v1alpha1", "WasmPlugin"
TO_REVIEWS = [{"group": "", "kind": "Service", "name": "reviews"}]
TO_WAYPOINT = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint"}]


def bound(*by: str) -> str:
    return "bound " + ", ".join(by)


def brief(rows: list[Row]) -> dict[str, str]:
    """Of one policy and workload, by client: `bound by whom`, or `gap`, `unknown`."""
    assert len({(row.policy, row.workload) for row in rows}) == 1, rows
    assert all(bool(row.reason) != (row.verdict == "bound") for row in rows), rows
    return {row.client: bound(*row.by) if row.verdict == "bound" else row.verdict for row in rows}


def rows(*objects: Obj | list[Obj], policy: str = "policy", workload: str = "Deployment shop/reviews") -> list[Row]:
    """Those for one policy and workload."""
    return [row for row in account(view(*objects)) if row.policy.endswith(f"/{policy}") and row.workload == workload]


def outcome(*objects: Obj | list[Obj]) -> str:
    """ambient, sidecar, outside: one word or `bound by whom` of each."""
    found = brief(rows(*objects))
    return " | ".join(found[client] for client in ("ambient", "sidecar", "outside"))


def same(verdict: str) -> str:
    return " | ".join([verdict] * 3)


def narrowed(policy: Obj, before: Any) -> Obj:
    policy["metadata"]["annotations"] = {NARROWED_ANNOTATION: json.dumps(before)}
    labels = {**((before or {}).get("matchLabels") or {}), TLS_MODE_LABEL: TLS_MODE}
    return {**policy, "spec": {**policy["spec"], "selector": {"matchLabels": labels}}}


def twin(policy: str = "policy", name: str = "twin", role: str = "", **spec: Any) -> Obj:
    """What a move has made of a policy."""
    found = authorization(name, **{"action": "DENY", "rules": [PATHS], "targetRefs": TO_REVIEWS, **spec})
    notes = {TRANSLATED_ANNOTATION: f"AuthorizationPolicy/{policy}"}
    found["metadata"]["annotations"] = {**notes, **({"meshwright.io/translated-as": role} if role else {})}
    return found


@pytest.mark.parametrize(
    ("mode", "policy", "expected"),
    [
        pytest.param("sidecar", authorization(action="DENY", rules=[PATHS]), same("bound sidecar"), id="sidecar"),
        pytest.param("sidecar", authorization(action="CUSTOM", rules=[{}]), same("bound sidecar"), id="custom-sidecar"),
        pytest.param("none", authorization(action="DENY", rules=[PORTS]), same("gap"), id="no-proxy"),
        pytest.param("ambient", authorization(action="DENY", rules=[PORTS]), same("bound ztunnel"), id="l4-deny"),
        pytest.param("ambient", authorization(rules=[CLIENT]), same("bound ztunnel"), id="l4-allow"),
        pytest.param("ambient", authorization(rules=[CLIENT], selector=app()), same("bound ztunnel"), id="selector"),
        pytest.param("ambient", authorization(action="DENY", rules=[PATHS]), same("gap"), id="l7-deny"),
        pytest.param(
            "ambient",
            authorization(action="DENY", rules=[BOTH]),
            same("bound ztunnel (denies everyone on its ports)"),
            id="l7-deny-with-port",
        ),
        pytest.param("ambient", authorization(action="DENY", rules=[PATHS, PORTS]), same("gap"), id="l7-deny-mixed"),
        pytest.param(
            "ambient", authorization(rules=[PATHS]), same("bound ztunnel (denies everyone)"), id="l7-allow-denies-all"
        ),
        pytest.param(
            "ambient",
            authorization(rules=[PATHS, CLIENT]),
            same("bound ztunnel (without its rules of HTTP)"),
            id="l7-allow-mixed",
        ),
        pytest.param("ambient", authorization(action="CUSTOM", rules=[PORTS]), same("gap"), id="custom-ambient"),
        pytest.param("ambient", obj(SECURITY, "RequestAuthentication", "policy", spec={}), same("gap"), id="jwt"),
        pytest.param("sidecar", obj(SECURITY, "RequestAuthentication", "policy", spec={}), same("bound sidecar")),
        pytest.param("ambient", obj(WASM, WASM_KIND, "policy", spec={}), same("gap"), id="wasm"),
        pytest.param("sidecar", obj(WASM, WASM_KIND, "policy", spec={}), same("bound sidecar"), id="wasm-sidecar"),
        pytest.param(
            "sidecar", authorization(rules=[PATHS], namespace="istio-system"), same("bound sidecar"), id="mesh-wide"
        ),
        pytest.param(
            "sidecar",
            authorization(rules=[PATHS], namespace="istio-system", selector=app()),
            same("bound sidecar"),
            id="mesh-wide-selector",
        ),
    ],
)
def test_by_selector_the_pods_own_proxy_carries_it_out(mode: str, policy: Obj, expected: str) -> None:
    assert outcome(SHOP, service(), pod(mode=mode), policy) == expected


def test_what_keeps_nobody_out_has_no_rows() -> None:
    dry = authorization("dry", action="DENY", rules=[{}])
    dry["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    audit = authorization("audit", action="AUDIT", rules=[{}])
    for_clients = obj(WASM, WASM_KIND, "clients", spec={"match": [{"mode": "CLIENT"}]})
    elsewhere = authorization("elsewhere", rules=[PORTS], selector=app("cart"))
    other = authorization("other", "bank", rules=[PORTS])
    assert account(view(SHOP, pod(mode="sidecar"), dry, audit, for_clients, elsewhere, other)) == []


TARGETED = authorization(action="DENY", rules=[PATHS], targetRefs=TO_REVIEWS)
FOR_WAYPOINT = authorization(action="DENY", rules=[PATHS], targetRefs=TO_WAYPOINT)
FOR_ALL_WAYPOINTS = authorization(
    action="DENY",
    rules=[PATHS],
    namespace="istio-system",
    targetRefs=[{"kind": "GatewayClass", "name": "istio-waypoint", "group": "gateway.networking.k8s.io"}],
)
PASSED_BY = "bound waypoint shop/waypoint | gap | gap"


@pytest.mark.parametrize("mode", ["ambient", "sidecar", "none"])
@pytest.mark.parametrize("policy", [TARGETED, FOR_WAYPOINT, FOR_ALL_WAYPOINTS], ids=["service", "gateway", "class"])
def test_a_waypoint_is_passed_by_who_does_not_come_by_ztunnel(mode: str, policy: Obj) -> None:
    assert outcome(BEHIND, service(), pod(mode=mode), waypoint(), policy) == PASSED_BY


def labelled(gateway: list[Obj], labels: Obj) -> list[Obj]:
    gateway[0]["metadata"]["labels"] = labels
    return gateway


@pytest.mark.parametrize(
    ("stands", "ambient", "told"),
    [
        pytest.param([], "gap", "does not exist, so traffic goes straight", id="absent"),
        pytest.param(waypoint(ready=None), "gap", "is not programmed yet", id="not-programmed"),
        pytest.param(
            waypoint(ready=False), "bound waypoint shop/waypoint (no ready pod, refuses everyone)", "", id="no-pods"
        ),
        pytest.param(
            labelled(waypoint(), {"istio.io/waypoint-for": "workload"}), "gap", "is for workload", id="for-workloads"
        ),
        pytest.param(
            labelled(waypoint(), {"istio.io/waypoint-for": "all"}), "bound waypoint shop/waypoint", "", id="for-all"
        ),
    ],
)
@pytest.mark.parametrize("policy", [TARGETED, FOR_WAYPOINT], ids=["service", "gateway"])
def test_a_waypoint_that_does_not_stand(stands: list[Obj], ambient: str, told: str, policy: Obj) -> None:
    found = rows(BEHIND, service(), pod(mode="ambient"), stands, policy)
    assert brief(found)["ambient"] == ambient
    assert told in found[0].reason


def test_a_waypoint_that_was_not_read_leaves_it_unknown() -> None:
    objects = view(BEHIND, service(), pod(mode="ambient"), TARGETED).scene.objects
    kept = {kind: found for kind, found in objects.items() if "Gateway" not in kind}
    found = account(View(Scene(kept)))
    assert brief(found) == {"ambient": "unknown", "sidecar": "gap", "outside": "gap"}


def test_outside_is_unknown_where_peer_authentications_were_not_read() -> None:
    objects = view(BEHIND, service(), pod(mode="ambient"), waypoint(), TARGETED).scene.objects
    kept = {kind: found for kind, found in objects.items() if "PeerAuthentication" not in kind}
    assert brief(account(View(Scene(kept))))["outside"] == "unknown"


@pytest.mark.parametrize(
    ("allowed", "ambient"),
    [
        ({}, "gap"),
        ({"allowedRoutes": {"namespaces": {"from": "All"}}}, "bound waypoint gates/waypoint"),
        (
            {"allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchLabels": AMBIENT}}}},
            "bound waypoint gates/waypoint",
        ),
        ({"allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchLabels": SIDECAR}}}}, "gap"),
    ],
    ids=["same", "all", "selected", "not-selected"],
)
def test_a_waypoint_of_another_namespace(allowed: Obj, ambient: str) -> None:
    stands = waypoint(namespace="gates")
    stands[0]["spec"]["listeners"][0].update(allowed)
    home = space("shop", {**AMBIENT, **USES, "istio.io/use-waypoint-namespace": "gates"})
    assert outcome(home, service(), pod(mode="ambient"), stands, TARGETED) == f"{ambient} | gap | gap"


def test_each_service_that_the_policy_names_counts_and_no_other() -> None:
    cart = service("all")
    cart["spec"]["selector"] = {"app": "reviews"}
    cart["metadata"]["labels"] = {"istio.io/use-waypoint": "none"}
    objects = (BEHIND, service(), cart, pod(mode="ambient"), waypoint())
    assert outcome(*objects, TARGETED) == PASSED_BY
    both = authorization(action="DENY", rules=[PATHS], targetRefs=[*TO_REVIEWS, {"kind": "Service", "name": "all"}])
    assert outcome(*objects, both) == same("gap")


def test_of_several_pods_the_worst_counts() -> None:
    found = rows(SHOP, service(), pod(mode="sidecar"), pod(mode="ambient"), authorization(action="DENY", rules=[PATHS]))
    assert brief(found) == dict.fromkeys(("ambient", "sidecar", "outside"), "gap")
    assert "(1 of 2 pods)" in found[0].reason


# -- who is refused, since he comes past the waypoint --------------------------------------------------------------


@pytest.mark.parametrize(
    ("closing", "expected"),
    [
        pytest.param(peer("STRICT"), "gap | bound mtls STRICT", id="strict"),
        pytest.param(peer("PERMISSIVE"), "gap | gap", id="permissive"),
        pytest.param(
            peer("STRICT", name="p", selector=app(), portLevelMtls={"80": {"mode": "PERMISSIVE"}}),
            "gap | gap",
            id="port",
        ),
        pytest.param(
            authorization("protect", action="DENY", rules=[PAST], selector=app()),
            "bound protection shop/protect | bound protection shop/protect",
            id="protection",
        ),
        pytest.param(
            authorization("protect", action="DENY", rules=[PAST], selector=app("cart")), "gap | gap", id="of-another"
        ),
        pytest.param(
            authorization("protect", action="DENY", rules=[{**PAST, **PORTS}]), "gap | gap", id="of-a-port-only"
        ),
        pytest.param(
            authorization("protect", action="DENY", rules=[{**PAST, **PATHS}]), "gap | gap", id="protection-of-http"
        ),
        pytest.param(
            authorization(
                "protect",
                action="DENY",
                rules=[{"from": [{"source": {"notPrincipals": ["*/ns/shop/sa/waypoint", "*/ns/shop/sa/client"]}}]}],
            ),
            "gap | gap",
            id="spares-others-too",
        ),
        pytest.param(
            authorization("only", rules=[THROUGH]), "bound protection shop/only | bound AuthorizationPolicy shop/only"
        ),
        pytest.param(
            authorization("only", rules=[THROUGH, CLIENT]), "gap | bound AuthorizationPolicy shop/only", id="allow-two"
        ),
    ],
)
def test_who_comes_past_the_waypoint_may_be_refused(closing: Obj, expected: str) -> None:
    found = outcome(BEHIND, service(), pod(mode="ambient"), waypoint(), TARGETED, closing)
    assert found == f"bound waypoint shop/waypoint | {expected}"


def test_protection_closes_the_straight_way_of_ambient_clients_too() -> None:
    protect = authorization("protect", action="DENY", rules=[PAST])
    cart = {**service("headless"), "spec": {"selector": {"app": "reviews"}, "clusterIP": "None"}}
    objects = (BEHIND, service(), cart, pod(mode="ambient"), waypoint(), twin())
    assert outcome(*objects) == same("gap")
    assert "headless" in rows(*objects)[0].reason
    assert brief(rows(*objects, protect))["ambient"] == "bound protection shop/protect, waypoint shop/waypoint"


def test_nothing_is_refused_where_there_is_no_proxy() -> None:
    found = outcome(BEHIND, service(), pod(), waypoint(), TARGETED, peer("STRICT"))
    assert found == PASSED_BY


# -- policies by the client's identity, behind a waypoint ----------------------------------------------------------

ADMITTED = authorization("admit", rules=[THROUGH], selector=app())
BY_ZTUNNEL = "bound ztunnel | bound ztunnel"


@pytest.mark.parametrize(
    ("policy", "others", "ambient"),
    [
        pytest.param(authorization(action="DENY", rules=[CLIENT]), [], "gap", id="deny"),
        pytest.param(authorization(action="DENY", rules=[PORTS]), [], "bound ztunnel", id="deny-by-port"),
        pytest.param(authorization(action="DENY", rules=[PORTS, CLIENT]), [], "gap", id="deny-one-of-two"),
        pytest.param(authorization(action="DENY", rules=[ANY_CLIENT]), [], "bound ztunnel", id="deny-anybody"),
        pytest.param(authorization(action="DENY", rules=[PAST]), [], "bound ztunnel", id="protection"),
        pytest.param(
            authorization(action="DENY", rules=[{"from": [{"source": {"notNamespaces": ["bank"]}}]}]),
            [],
            "bound ztunnel (denies all that come by the waypoint)",
            id="deny-hits-the-waypoint",
        ),
        pytest.param(
            authorization(
                action="DENY", rules=[{"from": [{"source": {"notPrincipals": ["*/sa/a", "*/sa/waypoint"]}}]}]
            ),
            [],
            "gap",
            id="deny-spares-the-waypoint",
        ),
        pytest.param(
            authorization(action="DENY", rules=[CLIENT]), [twin()], "bound waypoint shop/waypoint", id="deny-with-twin"
        ),
        pytest.param(
            authorization(rules=[CLIENT]), [], "bound ztunnel (denies all that come by the waypoint)", id="allow"
        ),
        pytest.param(authorization(rules=[ANY_CLIENT]), [], "bound ztunnel", id="allow-anybody"),
        pytest.param(authorization(rules=[CLIENT]), [ADMITTED], "gap", id="allow-and-waypoint-admitted"),
        pytest.param(authorization(rules=[PORTS]), [ADMITTED], "gap", id="ports-and-waypoint-admitted"),
        pytest.param(
            authorization(rules=[CLIENT]),
            [ADMITTED, twin(action="ALLOW")],
            "bound waypoint shop/waypoint",
            id="allow-twin",
        ),
        pytest.param(
            authorization(rules=[{"from": [{"source": {"namespaces": ["shop"]}}]}]), [], "gap", id="same-namespace"
        ),
        pytest.param(
            authorization(action="DENY", rules=[{"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}]),
            [],
            "unknown",
            id="addresses",
        ),
    ],
)
def test_ztunnel_sees_the_waypoint_not_its_clients(policy: Obj, others: list[Obj], ambient: str) -> None:
    found = outcome(BEHIND, service(), pod(mode="ambient"), waypoint(), policy, others)
    assert found == f"{ambient} | {BY_ZTUNNEL}"


def test_a_sidecar_behind_a_waypoint_sees_it_too() -> None:
    policy = authorization(action="DENY", rules=[{**CLIENT, **PATHS}])
    home = space("shop", {**SIDECAR, **USES})
    objects = (home, service(), pod(mode="sidecar"), waypoint(), policy)
    assert outcome(*objects) == "gap | bound sidecar | bound sidecar"
    assert outcome(*objects, twin()) == "bound waypoint shop/waypoint | bound sidecar | bound sidecar"


# -- what moves make of policies -----------------------------------------------------------------------------------


def test_a_policy_and_its_twin_are_one() -> None:
    deny = narrowed(authorization(action="DENY", rules=[PATHS]), None)
    still = pod(mode="sidecar", labels={TLS_MODE_LABEL: TLS_MODE})
    objects = (BEHIND, service(), waypoint(), deny, twin())
    assert outcome(*objects, still) == "bound sidecar, waypoint shop/waypoint | bound sidecar | bound sidecar"
    assert outcome(*objects, pod(mode="ambient")) == PASSED_BY
    assert outcome(*objects[:-1], pod(mode="ambient")) == same("gap")


def test_a_narrowed_policy_without_a_twin_tells_that_nobody_carries_it_out() -> None:
    deny = narrowed(authorization(action="DENY", rules=[PATHS], selector=app()), app())
    found = rows(SHOP, service(), pod(mode="ambient"), pod("cart", mode="ambient"), deny)
    assert brief(found) == dict.fromkeys(("ambient", "sidecar", "outside"), "gap")
    assert "narrowed" in found[0].reason


def test_a_twin_has_to_stand_before_every_service_of_its_pods() -> None:
    cart = service("other")
    cart["spec"]["selector"] = {"app": "reviews"}
    objects = (BEHIND, service(), cart, pod(mode="ambient"), waypoint())
    assert outcome(*objects, twin()) == same("gap")
    assert "has nothing of it for Service shop/other" in rows(*objects, twin())[0].reason
    assert outcome(*objects, twin(targetRefs=TO_WAYPOINT)) == PASSED_BY
    assert outcome(*objects, twin(), twin(name="b", targetRefs=[{"kind": "Service", "name": "other"}])) == PASSED_BY


def test_what_admits_or_protects_stands_for_no_policy() -> None:
    helper = twin(role="admission", action="ALLOW", rules=[THROUGH], selector=app(), targetRefs=None)
    protect = twin(role="protection", name="protect", rules=[PAST], selector=app(), targetRefs=None)
    objects = (BEHIND, service(), pod(mode="ambient"), waypoint())
    assert account(view(*objects, helper, protect)) == []
    protected = "bound protection shop/protect"
    assert outcome(*objects, twin(), protect) == f"bound waypoint shop/waypoint | {protected} | {protected}"


def test_back_to_sidecars_a_copy_by_selector_stands_for_the_waypoints() -> None:
    copy = twin(name="copy", targetRefs=None, selector={"matchLabels": {"app": "reviews", TLS_MODE_LABEL: TLS_MODE}})
    objects = (BEHIND, service(), waypoint(), TARGETED, copy)
    assert outcome(*objects, pod(mode="ambient")) == PASSED_BY
    new = pod(mode="sidecar", labels={TLS_MODE_LABEL: TLS_MODE})
    assert outcome(*objects, new) == "bound sidecar, waypoint shop/waypoint | bound sidecar | bound sidecar"


# -- workloads addressed by their pods, gateways, ServiceEntries, mTLS -----------------------------------------------


def test_pods_without_a_service_are_behind_a_waypoint_for_workloads() -> None:
    stands = labelled(waypoint(), {"istio.io/waypoint-for": "workload"})
    assert outcome(BEHIND, pod(mode="ambient"), stands, FOR_WAYPOINT) == PASSED_BY
    assert account(view(BEHIND, pod(mode="ambient"), waypoint(), FOR_WAYPOINT)) == []


def test_a_gateway_is_its_own_proxy_and_a_waypoint_no_workload() -> None:
    gateway = obj(GATEWAY_API, "Gateway", "public", spec={"gatewayClassName": "istio", "listeners": []})
    runs = obj("v1", "Pod", "public-1", labels={"gateway.networking.k8s.io/gateway-name": "public"})
    target = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}]
    targeted = authorization("targeted", action="DENY", rules=[PATHS], targetRefs=target)
    found = account(view(BEHIND, waypoint(), gateway, runs, authorization(rules=[PATHS]), targeted))
    assert {(row.policy, row.workload, row.by) for row in found} == {
        ("AuthorizationPolicy shop/policy", "Pod shop/public-1", ("gateway",)),
        ("AuthorizationPolicy shop/targeted", "Pod shop/public-1", ("gateway",)),
    }


def test_a_service_entry_is_left_to_its_waypoint() -> None:
    entry = obj(NETWORKING, "ServiceEntry", "api", spec={"hosts": ["api.example"]})
    policy = authorization(targetRefs=[{"group": NETWORKING.split("/")[0], "kind": "ServiceEntry", "name": "api"}])
    found = brief(account(view(BEHIND, entry, waypoint(), policy)))
    assert found == {"ambient": "bound waypoint shop/waypoint", "sidecar": "gap"}


def test_strict_is_for_clients_outside() -> None:
    lenient = peer("PERMISSIVE", name="lenient", selector=app("cart"))
    pods = [pod(mode="ambient"), pod("web", mode="sidecar"), pod("job"), pod("cart", mode="sidecar")]
    found = account(view(SHOP, pods, peer("STRICT", name="policy"), lenient))
    assert [(row.workload, row.client, row.verdict, row.by) for row in found] == [
        ("Deployment shop/job", "outside", "gap", ()),
        ("Deployment shop/reviews", "outside", "bound", ("mtls STRICT", "ztunnel")),
        ("Deployment shop/web", "outside", "bound", ("mtls STRICT", "sidecar")),
    ]


def test_who_is_there() -> None:
    def there(*more: Obj | list[Obj]) -> dict[str, bool]:
        objects = (BEHIND, service(), pod(mode="ambient"), waypoint(), TARGETED)
        return {row.client: row.present for row in rows(*objects, *more)}

    assert there() == {"ambient": True, "sidecar": False, "outside": True}
    assert there(space("bank", SIDECAR), pod("till", "bank", "sidecar"))["sidecar"]
    gateway = obj(GATEWAY_API, "Gateway", "public", spec={"gatewayClassName": "istio", "listeners": []})
    routed = http_route(parent={"name": "public"})
    assert there(gateway, routed)["sidecar"]
    assert not there(gateway, routed, service(labels={"istio.io/ingress-use-waypoint": "true"}))["sidecar"]


def test_only_the_namespaces_asked_for_in_a_stable_order() -> None:
    objects = [SHOP, space("bank", AMBIENT), pod(mode="ambient"), pod("till", "bank", "ambient")]
    mesh = authorization("mesh", "istio-system", rules=[PORTS])
    found = account(view(objects, mesh, authorization("b", rules=[PORTS]), authorization("a", rules=[PORTS])), {"shop"})
    names = [(row.policy.rpartition("/")[2], row.workload, row.client) for row in found]
    assert names == [
        (policy, "Deployment shop/reviews", client)
        for policy in ("mesh", "a", "b")
        for client in ("ambient", "sidecar", "outside")
    ]
    assert POD in view(objects).scene.objects


# -- canaries of waypoints, and what could not be read ---------------------------------------------------------------

CANARY = {"istio.io/use-waypoint-canary": "next"}


@pytest.mark.parametrize(
    ("labels", "notes", "ambient"),
    [
        pytest.param({**USES, **CANARY}, {}, "both", id="without-weight"),
        pytest.param({**USES, **CANARY}, {"istio.io/use-waypoint-canary-weight": "50"}, "both", id="weight"),
        pytest.param({**USES, **CANARY}, {"istio.io/use-waypoint-canary-weight": "101"}, "first", id="bad-weight"),
        pytest.param({**USES, "istio.io/use-waypoint-canary": "none"}, {}, "first", id="none"),
        pytest.param({**USES, "istio.io/use-waypoint-canary": "missing"}, {}, "first", id="absent"),
        pytest.param({**USES, "istio.io/use-waypoint-canary": "waypoint"}, {}, "first", id="the-same"),
        pytest.param(CANARY, {}, "both", id="beside-the-namespaces"),
    ],
)
def test_a_canary_beside_the_waypoint_has_to_carry_it_out_too(labels: Obj, notes: Obj, ambient: str) -> None:
    before = service(labels=labels, annotations=notes)
    objects = (BEHIND, before, pod(mode="ambient"), waypoint(), waypoint("next"))
    both = "bound waypoint shop/next, waypoint shop/waypoint"
    assert brief(rows(*objects, TARGETED))["ambient"] == (both if ambient == "both" else "bound waypoint shop/waypoint")
    for for_the_first in (FOR_WAYPOINT, twin(targetRefs=TO_WAYPOINT)):
        found = brief(rows(*objects, for_the_first))["ambient"]
        assert found == ("gap" if ambient == "both" else "bound waypoint shop/waypoint")


def test_a_namespaces_canary_is_for_services_that_name_no_waypoint_themselves() -> None:
    home = space("shop", {**AMBIENT, **USES, **CANARY})
    objects = (home, pod(mode="ambient"), waypoint(), waypoint("next"), TARGETED)
    assert "next" in brief(rows(*objects, service()))["ambient"]
    assert "next" not in brief(rows(*objects, service(labels=USES)))["ambient"]


def unread(kind: str, *objects: Obj | list[Obj]) -> list[Row]:
    found = view(*objects).scene.objects
    return account(View(Scene({name: items for name, items in found.items() if name != kind})), {"shop"})


def test_what_was_not_read_is_unknown_and_not_left_out() -> None:
    objects = (BEHIND, service(), pod(mode="ambient"), waypoint(), TARGETED)
    for kind, workload in (("/Service", "Service shop/reviews"), ("/Pod", "Namespace shop")):
        found = unread(kind, *objects)
        assert {(row.workload, row.verdict) for row in found} == {(workload, "unknown")}
        assert all("could not be read" in row.reason for row in found)
    by_client = unread("/Service", BEHIND, service(), pod(mode="ambient"), authorization(action="DENY", rules=[CLIENT]))
    assert brief(by_client) == {"ambient": "unknown", "sidecar": "bound ztunnel", "outside": "bound ztunnel"}
    by_port = unread("/Service", BEHIND, service(), pod(mode="ambient"), authorization(action="DENY", rules=[PORTS]))
    assert brief(by_port)["ambient"] == "bound ztunnel"
