# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What moves make of policies: an original and what stands for it are one."""

from __future__ import annotations

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.account import account
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import (
    TLS_MODE,
    TLS_MODE_LABEL,
)

from .accounts import (
    BEHIND,
    PASSED_BY,
    PAST,
    PATHS,
    SHOP,
    TARGETED,
    THROUGH,
    TO_WAYPOINT,
    brief,
    narrowed,
    outcome,
    rows,
    same,
    twin,
)
from .policies import (
    app,
    authorization,
    pod,
    service,
    view,
    waypoint,
)

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


def test_on_the_way_back_the_copies_of_one_original_are_one_policy_by_its_name() -> None:
    """The sidecars' copy is made of the waypoint's, and has the original's name again."""
    for_waypoint = twin("policy", "policy-waypoint", "waypoint")
    for_sidecars = twin("policy-waypoint", "policy", "sidecar", selector=app(), targetRefs=None)
    there = pod(mode="ambient")
    for objects in ((for_waypoint,), (for_waypoint, for_sidecars)):
        found = account(view(BEHIND, service(), waypoint(), there, *objects))
        assert {row.policy for row in found} == {"AuthorizationPolicy shop/policy"}
    alone = account(view(BEHIND, service(), there, twin("gone-waypoint", "policy", "sidecar", selector=app())))
    assert {row.policy for row in alone} == {"AuthorizationPolicy shop/gone-waypoint"}
