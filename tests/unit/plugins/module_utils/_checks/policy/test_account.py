# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who carries out a policy, for whom: by selector, by waypoint, by what refuses the others."""

from __future__ import annotations

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account import account
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account_model import Row
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import POD, Scene
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import View

from .accounts import (
    BEHIND,
    BOTH,
    CLIENT,
    FOR_ALL_WAYPOINTS,
    FOR_WAYPOINT,
    PASSED_BY,
    PATHS,
    PORTS,
    SHOP,
    TARGETED,
    TO_REVIEWS,
    TO_WAYPOINT,
    USES,
    brief,
    labelled,
    outcome,
    rows,
    same,
    twin,
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

WASM, WASM_KIND = "extensions.istio.io/v1alpha1", "WasmPlugin"


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
        pytest.param(
            "ambient", authorization(action="DENY", rules=[BOTH, PATHS]), same("gap"), id="l7-deny-port-or-not"
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


@pytest.mark.parametrize("mode", ["ambient", "sidecar", "none"])
@pytest.mark.parametrize("policy", [TARGETED, FOR_WAYPOINT, FOR_ALL_WAYPOINTS], ids=["service", "gateway", "class"])
def test_a_waypoint_is_passed_by_who_does_not_come_by_ztunnel(mode: str, policy: Obj) -> None:
    assert outcome(BEHIND, service(), pod(mode=mode), waypoint(), policy) == PASSED_BY


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
    policy = authorization(targetRefs=[{"group": NETWORKING.partition("/")[0], "kind": "ServiceEntry", "name": "api"}])
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
