# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Data planes as namespaces and Services say, and what is offline."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.context import (
    offline,
    plane_of,
    planes,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.model import Document
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import GivenPlane, PolicyIntent

AMBIENT = {"istio.io/dataplane-mode": "ambient"}


def obj(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


@pytest.mark.parametrize(
    ("labels", "services", "plane"),
    [
        ({}, {}, DataPlane("none")),
        ({"istio-injection": "enabled"}, {}, DataPlane("sidecar")),
        ({"istio-injection": "disabled"}, {}, DataPlane("none")),
        ({"istio.io/rev": "canary"}, {}, DataPlane("sidecar")),
        (AMBIENT, {}, DataPlane("ambient")),
        # The revision is that of its waypoints.
        ({**AMBIENT, "istio.io/rev": "canary"}, {}, DataPlane("ambient")),
        ({**AMBIENT, "istio.io/use-waypoint": "w"}, {}, DataPlane("ambient", "shop/w")),
        ({**AMBIENT, "istio.io/use-waypoint": "none"}, {}, DataPlane("ambient")),
        (
            {**AMBIENT, "istio.io/use-waypoint": "w", "istio.io/use-waypoint-namespace": "infra"},
            {"a": {"istio.io/use-waypoint": "none"}, "b": {"istio.io/use-waypoint": "own"}, "c": {}},
            DataPlane("ambient", "infra/w", {"a": "", "b": "shop/own"}),
        ),
    ],
)
def test_the_data_plane_by_labels(
    labels: dict[str, str], services: dict[str, dict[str, str]], plane: DataPlane
) -> None:
    assert plane_of(obj("shop", **labels), {name: obj(name, **own) for name, own in services.items()}) == plane


def test_both_modes_are_refused() -> None:
    with pytest.raises(BadInput, match="Remove one of the two labels"):
        plane_of(obj("shop", **AMBIENT, **{"istio-injection": "enabled"}), {})


def intent(*given: GivenPlane, state: Any = "rendered") -> PolicyIntent:
    return PolicyIntent(state=state, families={"traffic": ({"namespace": "shop"},)}, planes=given, namespace="shop")


@pytest.mark.parametrize(
    ("wanted", "alone"),
    [
        (intent(), False),
        (intent(GivenPlane("ambient")), True),
        (intent(GivenPlane("ambient", "", ("shop",))), True),
        (intent(GivenPlane("ambient", "", ("other",))), False),
        (intent(GivenPlane("ambient"), state="present"), False),
        (PolicyIntent(state="rendered"), True),
    ],
)
def test_what_needs_no_cluster(wanted: PolicyIntent, alone: bool) -> None:
    assert offline(wanted) is alone


def test_offline_a_waypoint_is_each_namespaces_own_and_services_come_from_the_task() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "reviews"}}
    found = planes(None, intent(GivenPlane("ambient", "w")), [Document(service, "definitions[0]")])
    assert found.of("shop").waypoint_of("reviews") == "shop/w"
    assert found.of("other").waypoint == "other/w"
    assert found.service("shop", "reviews") == service
    with pytest.raises(BadInput, match="`data_planes`"):
        planes(None, intent()).of("shop")
