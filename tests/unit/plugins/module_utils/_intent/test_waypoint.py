# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a waypoint task asks for, and what it is told when it asks for what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Waypoint
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.waypoint import Canary

from .waypoint_options import intent

CART = {"services": ["cart"]}


def test_names_are_at_home_unless_they_say_otherwise() -> None:
    found = intent(
        enroll={"namespaces": ["b", "a", "b"], "services": ["cart", "other/cart", "shop/cart"], "pods": []},
        allowed_namespaces="all",
        canary={"name": "next", "weight": 10},
        disruption_budget={"min_available": "50%"},
    )
    assert found.waypoint == Waypoint("shop", "waypoint")
    assert found.enroll.namespaces == ("b", "a")
    assert found.enroll.services == (("shop", "cart"), ("other", "cart"))
    assert found.enroll.homes == ("a", "b", "other", "shop")
    assert found.canary == Canary(Waypoint("shop", "next"), 10)
    assert found.infrastructure.min_available == "50%"


def test_a_number_of_pods_is_a_number() -> None:
    assert intent(disruption_budget={"max_unavailable": "1"}).infrastructure.max_unavailable == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"replicas": 2, "autoscaling": {"min": 1, "max": 2}}, "replicas and autoscaling"),
        ({"replicas": 0}, "fails closed"),
        ({"autoscaling": {"min": 3, "max": 2}}, "autoscaling: min 3 and max 2"),
        ({"autoscaling": {"min": 1, "max": 2, "cpu": 0}}, "autoscaling.cpu"),
        ({"disruption_budget": {"min_available": "half"}}, "disruption_budget.min_available"),
        ({"labels": {f"key-{number}": "a" for number in range(9)}}, "at most 8"),
        ({"annotations": {"gateway.networking.k8s.io/gateway-name": "x"}}, "annotations: istiod passes over"),
        ({"node_selector": {"pool": {"a": 1}}}, "node_selector.pool"),
        ({"name": "none"}, "name: `none`"),
        ({"name": "Way_point"}, "name: 'Way_point'"),
        ({"namespace": "a/b"}, "namespace: 'a/b'"),
        ({"wait_timeout": 0}, "wait_timeout"),
        ({"enroll": {"services": ["a/b/c"]}}, "enroll.services: 'a/b/c'"),
        ({"enroll": {"services": ["/cart"]}}, "enroll.services: '/cart'"),
        ({"enroll": CART, "wait": False}, "wait: false with enroll"),
        ({"enroll": CART, "for": "workload"}, "for: a waypoint for `workload`"),
        ({"enroll": CART, "for": "none"}, "for: a waypoint for `none`"),
        ({"enroll": {"pods": ["cart-1"]}}, "for: a waypoint for `service`"),
        ({"enroll": {"services": ["other/cart"]}}, "allowed_namespaces: with `same`, shop/waypoint takes nothing"),
        ({"allowed_namespaces": "team=a=b"}, "allowed_namespaces: team=a=b"),
        ({"ingress": True}, "ingress is for what is enrolled"),
        ({"ingress": True, "for": "all", "enroll": {"pods": ["cart-1"]}}, "ingress is for what is enrolled"),
        ({"ingress": True, "for": "workload", "enroll": {"namespaces": ["shop"]}}, "for: ingress and canary"),
        ({"canary": {"name": "next"}}, "canary is for what is enrolled"),
        ({"canary": {"name": "waypoint"}, "enroll": CART}, "cannot be the canary of itself"),
        ({"canary": {"name": "next", "weight": 101}, "enroll": CART}, "canary.weight: 101"),
    ],
)
def test_what_cannot_be_is_named_with_a_way_out(options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        intent(**options)
    assert said in refused.value.message
    assert refused.value.hint


def test_removal_does_not_ask_whether_what_is_enrolled_fits() -> None:
    assert intent(state="absent", enroll={"pods": ["cart-1"]}, made_for=" wave-1 ").made_for == "wave-1"
