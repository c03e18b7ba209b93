# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients that come past a waypoint, and clients that are seen as the waypoint: who of them is stopped, and by whom."""

from __future__ import annotations

import pytest

from .accounts import (
    ANY_CLIENT,
    BEHIND,
    CLIENT,
    PASSED_BY,
    PAST,
    PATHS,
    PORTS,
    TARGETED,
    THROUGH,
    USES,
    brief,
    outcome,
    rows,
    same,
    twin,
)
from .policies import (
    SIDECAR,
    Obj,
    app,
    authorization,
    peer,
    pod,
    service,
    space,
    waypoint,
)

PASSING = {"notPrincipals": ["cluster.local/ns/shop/sa/waypoint"]}

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
            authorization("protect", action="DENY", rules=[PAST, PATHS]), "gap | gap", id="protection-beside-http"
        ),
        pytest.param(
            authorization(
                "protect", action="DENY", rules=[{"from": [{"source": {**PASSING, "namespaces": ["bank"]}}]}]
            ),
            "gap | gap",
            id="of-some-namespaces-only",
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
            authorization(action="DENY", rules=[{"from": [*PAST["from"], *CLIENT["from"]]}]),
            [],
            "gap",
            id="deny-two-sources",
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
