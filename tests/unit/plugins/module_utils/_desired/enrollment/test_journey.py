# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.journey import (
    journey,
    moving_labels,
    staying_labels,
    touched,
    wanted_labels,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import (
    Expectation,
    Goal,
    Plane,
    plane_of,
)

AMBIENT = {"istio.io/dataplane-mode": "ambient"}
SIDECAR = {"istio-injection": "enabled"}


def space(labels: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}


@pytest.mark.parametrize(
    ("labels", "plane"),
    [
        ({}, Plane()),
        (AMBIENT, Plane("ambient")),
        (SIDECAR, Plane("sidecar", "default")),
        ({"istio.io/rev": "stable"}, Plane("sidecar", "stable")),
        ({"istio.io/rev": "stable", "istio-injection": "disabled"}, Plane()),
        ({"istio.io/rev": "stable", **SIDECAR}, Plane("sidecar", "default")),
        ({**AMBIENT, **SIDECAR}, Plane("sidecar", "default", both=True)),
        ({**AMBIENT, "istio.io/use-waypoint": "wp"}, Plane("ambient", waypoint="shop/wp")),
        ({**AMBIENT, "istio.io/use-waypoint": "none"}, Plane("ambient")),
        (
            {"istio.io/use-waypoint": "wp", "istio.io/use-waypoint-namespace": "edge"},
            Plane(waypoint="edge/wp"),
        ),
        ({"pod-security.kubernetes.io/enforce": "baseline"}, Plane(pod_security="baseline")),
    ],
)
def test_what_labels_ask_for(labels: dict[str, str], plane: Plane) -> None:
    assert plane_of(space(labels)) == plane


@pytest.mark.parametrize(
    ("labels", "goal", "first", "last"),
    [
        ({}, Goal("ambient"), [{"istio.io/dataplane-mode": "ambient"}], {}),
        (AMBIENT, Goal("ambient"), [], {}),
        (
            {},
            Goal("ambient", waypoint="shop/wp"),
            [{"istio.io/use-waypoint": "wp"}, {"istio.io/dataplane-mode": "ambient"}],
            {},
        ),
        (
            SIDECAR,
            Goal("ambient", waypoint="edge/wp"),
            [
                {"istio.io/use-waypoint": "wp", "istio.io/use-waypoint-namespace": "edge"},
                {"istio.io/dataplane-mode": "ambient", "istio-injection": None},
            ],
            {},
        ),
        (
            {"istio.io/rev": "stable"},
            Goal("ambient"),
            [{"istio.io/dataplane-mode": "ambient", "istio.io/rev": None}],
            {},
        ),
        ({}, Goal("sidecar"), [{"istio-injection": "enabled"}], {}),
        ({"istio.io/rev": "stable"}, Goal("sidecar"), [], {}),
        (
            {"istio.io/rev": "stable"},
            Goal("sidecar", revision="canary", pod_security="privileged"),
            [{"pod-security.kubernetes.io/enforce": "privileged", "istio.io/rev": "canary"}],
            {},
        ),
        (SIDECAR, Goal("sidecar", revision="default"), [], {}),
        (SIDECAR, Goal("sidecar", revision="stable"), [{"istio-injection": None, "istio.io/rev": "stable"}], {}),
        (
            {**AMBIENT, "istio.io/use-waypoint": "wp"},
            Goal("sidecar", waypoint=""),
            [{"istio-injection": "enabled"}],
            {"istio.io/dataplane-mode": None, "istio.io/use-waypoint": None},
        ),
        # Half-way: both labels are there, and the last step is what is left.
        ({**AMBIENT, **SIDECAR}, Goal("sidecar"), [], {"istio.io/dataplane-mode": None}),
        (
            {**AMBIENT, "istio.io/use-waypoint": "wp"},
            Goal("none", waypoint=""),
            [{"istio.io/use-waypoint": None, "istio.io/dataplane-mode": None}],
            {},
        ),
        (SIDECAR, Goal("none"), [{"istio-injection": None}], {}),
        ({"istio-injection": "disabled"}, Goal("none"), [], {}),
        ({"istio-injection": "disabled"}, Goal("ambient"), [{"istio.io/dataplane-mode": "ambient"}], {}),
    ],
)
def test_the_way(labels: dict[str, str], goal: Goal, first: list[dict[str, str]], last: dict[str, str]) -> None:
    found = journey(labels, wanted_labels("shop", labels, plane_of(space(labels)), goal), goal.mode)
    assert ([*found.first], found.last) == (first, last)


@pytest.mark.parametrize("before", [{}, AMBIENT, SIDECAR, {"istio.io/rev": "stable", "istio.io/use-waypoint": "wp"}])
@pytest.mark.parametrize(
    "goal", [Goal("ambient", waypoint="edge/wp"), Goal("sidecar", revision="canary"), Goal("none")]
)
def test_there_and_back_gives_the_labels_that_were(before: dict[str, str], goal: Goal) -> None:
    there = journey(before, wanted_labels("shop", before, plane_of(space(before)), goal), goal.mode)
    labels: dict[str, str | None] = {**before, "team": "shop", **there.labels}
    now = {name: value for name, value in labels.items() if value is not None}
    back = journey(now, touched(before), plane_of(space(before)).mode)
    again = {name: value for name, value in {**now, **back.labels}.items() if value is not None}
    assert again == {**before, "team": "shop"}


@pytest.mark.parametrize(
    ("expects", "annotations", "reason"),
    [
        (Expectation("sidecar"), {}, "has no proxy"),
        (Expectation("sidecar", "new"), {"sidecar.istio.io/status": '{"revision": "old"}'}, "revision old"),
        (Expectation("sidecar", "new"), {"sidecar.istio.io/status": '{"revision": "new"}'}, ""),
        (Expectation("sidecar", "new"), {"sidecar.istio.io/status": "{}"}, ""),
        (Expectation("ambient"), {}, "not captured"),
        (Expectation("ambient"), {"ambient.istio.io/redirection": "enabled"}, ""),
        (Expectation("ambient"), {"sidecar.istio.io/status": "{}"}, "still has a proxy"),
        (Expectation("none"), {"sidecar.istio.io/status": "{}"}, "still has a proxy"),
        (Expectation("none"), {}, ""),
    ],
)
def test_what_a_pod_is_like(expects: Expectation, annotations: dict[str, str], reason: str) -> None:
    missed = expects.missed({"metadata": {"name": "a", "annotations": annotations}})
    assert reason in missed and bool(reason) == bool(missed)


def test_labels_of_single_workloads() -> None:
    assert staying_labels(Plane("sidecar", "stable")) == {"sidecar.istio.io/inject": "true", "istio.io/rev": "stable"}
    assert staying_labels(Plane("ambient")) == {
        "sidecar.istio.io/inject": "false",
        "istio.io/dataplane-mode": "ambient",
    }
    assert staying_labels(Plane()) == {"sidecar.istio.io/inject": "false", "istio.io/dataplane-mode": "none"}
    assert moving_labels(Goal("sidecar")) == {
        "sidecar.istio.io/inject": "true",
        "istio.io/rev": None,
        "istio.io/dataplane-mode": None,
    }
    assert moving_labels(Goal("none"))["istio.io/dataplane-mode"] == "none"
