# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who would lose a waypoint that is made narrower."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.losses import admits, losing, takes
from ansible_collections.meshwright.istio.plugins.module_utils._desired.waypoints import gateway_of

from ..._intent.waypoint_options import intent

Obj = dict[str, Any]
LABELS = {"shop": {}, "team": {"team": "shop"}, "other": {}}


def obj(kind: str, name: str, namespace: str = "") -> Obj:
    group = {"ServiceEntry": "networking.istio.io/v1"}.get(kind, "v1")
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": group, "kind": kind, "metadata": meta}


SERVICE, AWAY, OTHER = obj("Service", "cart", "shop"), obj("Service", "cart", "team"), obj("Service", "cart", "other")
SPACE, POD = obj("Namespace", "team"), obj("Pod", "cart-1", "shop")


def waypoint(allowed: str = "all", traffic: str = "service") -> Obj:
    return gateway_of(intent(allowed_namespaces=allowed, **{"for": traffic}))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(waypoint(), waypoint(), [], id="as it was"),
        pytest.param(
            waypoint(),
            waypoint("same"),
            ["Namespace team", "Service other/cart", "Service team/cart"],
            id="its own only",
        ),
        pytest.param(waypoint(), waypoint("team=shop"), ["Service other/cart", "Service shop/cart"], id="a selector"),
        pytest.param(waypoint("same"), waypoint("team=shop"), ["Service shop/cart"], id="who could not before"),
        pytest.param(
            waypoint("same", "all"), waypoint("same", "service"), ["Pod shop/cart-1"], id="no longer for workloads"
        ),
        pytest.param(
            waypoint(traffic="service"),
            waypoint(traffic="workload"),
            ["Namespace team", "Service other/cart", "Service shop/cart", "Service team/cart"],
            id="no longer for services",
        ),
    ],
)
def test_who_loses_it(before: Obj, after: Obj, expected: list[str]) -> None:
    named = [SERVICE, AWAY, OTHER, SPACE, *([POD] if "workload" in takes(before) else [])]
    assert losing(named, before, after, LABELS) == expected


def test_a_listener_that_says_nothing_admits_its_own_namespace() -> None:
    bare = {"metadata": {"name": "waypoint", "namespace": "shop"}, "spec": {"listeners": [{"port": 15008}]}}
    assert admits(bare, "shop", {}) and not admits(bare, "team", {})
    assert takes(bare) == {"service"}
