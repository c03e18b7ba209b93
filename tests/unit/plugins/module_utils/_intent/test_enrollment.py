# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Goal
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.enrollment import (
    EnrollmentIntent,
    WorkloadRef,
    enrollment_intent,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.enrollment_spec import ENROLLMENT_SPEC


def intent(**given: Any) -> EnrollmentIntent:
    params = {name: spec.get("default") for name, spec in ENROLLMENT_SPEC.items()}
    return enrollment_intent({**params, **given})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"namespaces": ["shop"]}, "state: enrolled needs mode"),
        ({"mode": "ambient"}, "None of namespaces, selector and workloads is given"),
        ({"state": "returned"}, "None of namespaces"),
        ({"state": "returned", "namespaces": ["shop"], "mode": "ambient"}, "it takes no mode"),
        ({"namespaces": ["shop"], "mode": "ambient", "revision": "stable"}, "revision: stable goes with mode: sidecar"),
        ({"namespaces": ["shop"], "mode": "sidecar", "waypoint": "wp"}, "waypoint: wp goes with mode: ambient"),
        ({"namespaces": ["shop"], "mode": "ambient", "pod_security": "baseline"}, "pod_security goes with"),
        ({"namespaces": ["shop"], "mode": "ambient", "protect": True}, "protect refuses those who go round"),
        ({"namespaces": ["Shop"], "mode": "ambient"}, "namespaces: 'Shop' is no name"),
        ({"namespaces": ["shop"], "mode": "ambient", "waypoint": "a/b/c"}, "waypoint: 'a/b/c' names no Gateway"),
        ({"namespaces": ["istio-system", "shop"], "mode": "ambient"}, "istio-system must not be enrolled"),
        ({"namespaces": ["kube-system"], "mode": "sidecar"}, "kube-system must not be enrolled"),
        ({"workloads": ["shop/cart"], "mode": "ambient"}, "workloads: 'shop/cart' names no workload"),
        ({"workloads": ["shop/Job/cart"], "mode": "ambient"}, "kinds are Deployment"),
        ({"workloads": ["shop/Deployment/cart"], "namespaces": ["shop"], "mode": "none"}, "given together"),
        ({"workloads": ["shop/Deployment/a"], "mode": "ambient", "waypoint": "wp"}, "are for whole namespaces"),
        ({"namespaces": ["shop"], "mode": "none", "max_unavailable": "0"}, "max_unavailable: '0'"),
        ({"namespaces": ["shop"], "mode": "none", "max_unavailable": "120%"}, "max_unavailable: '120%'"),
        ({"namespaces": ["shop"], "mode": "none", "batch": -1}, "batch: -1 is too small"),
        ({"namespaces": ["shop"], "mode": "none", "exclude": ["shop/Pod/x"]}, "exclude: 'shop/Pod/x' names no"),
    ],
)
def test_what_cannot_be_meant_is_named_with_the_way_out(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        intent(**given)
    assert said in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("waypoint", "goal"),
    [
        (None, Goal("ambient", waypoint=None)),
        ("none", Goal("ambient", waypoint="")),
        ("wp", Goal("ambient", waypoint="shop/wp")),
        ("edge/wp", Goal("ambient", waypoint="edge/wp")),
    ],
)
def test_a_waypoint_is_of_the_namespace_unless_it_says_otherwise(waypoint: str | None, goal: Goal) -> None:
    assert intent(namespaces=["shop"], mode="ambient", waypoint=waypoint).goal("shop") == goal


def test_sidecars_have_no_waypoint() -> None:
    found = intent(namespaces=["shop"], mode="sidecar", revision="stable", exclude=["media", "shop/Deployment/old"])
    assert found.goal("shop") == Goal("sidecar", "stable", "", "")
    assert found.skipped == {"media"}
    assert found.excluded == {WorkloadRef("shop", "Deployment", "old")}
