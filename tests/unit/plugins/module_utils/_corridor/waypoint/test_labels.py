# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which labels bind to a waypoint, which are taken away again, and when istiod has followed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Waypoint
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint import labels as marking
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.labels import (
    Marks,
    attached,
    bound,
    unbound,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.waypoint import Canary

Obj = dict[str, Any]
HERE, ELSEWHERE = Waypoint("shop", "waypoint"), Waypoint("infra", "shared")
USE, SPACE = "istio.io/use-waypoint", "istio.io/use-waypoint-namespace"
CANARY, CANARY_SPACE = "istio.io/use-waypoint-canary", "istio.io/use-waypoint-canary-namespace"
WEIGHT, INGRESS = "istio.io/use-waypoint-canary-weight", "istio.io/ingress-use-waypoint"


def obj(labels: Obj | None = None, *, kind: str = "Service", notes: Obj | None = None) -> Obj:
    meta: Obj = {"name": "shop", **({} if kind == "Namespace" else {"namespace": "shop"})}
    return {"apiVersion": "v1", "kind": kind, "metadata": {**meta, "labels": labels or {}, "annotations": notes or {}}}


@pytest.mark.parametrize(
    ("live", "waypoint", "expected"),
    [
        pytest.param(obj(), HERE, {USE: "waypoint"}, id="in its own namespace"),
        pytest.param(obj(kind="Namespace"), HERE, {USE: "waypoint"}, id="a namespace"),
        pytest.param(obj(), ELSEWHERE, {USE: "shared", SPACE: "infra"}, id="elsewhere"),
        pytest.param(obj({USE: "shared", SPACE: "infra"}), HERE, {USE: "waypoint", SPACE: None}, id="home again"),
        pytest.param(obj({USE: "none"}), HERE, {USE: "waypoint"}, id="had opted out"),
        pytest.param(obj({USE: "waypoint"}), HERE, {}, id="as desired"),
        pytest.param(obj({USE: "waypoint", SPACE: "shop"}), HERE, {SPACE: None}, id="said too much"),
    ],
)
def test_bound(live: Obj, waypoint: Waypoint, expected: Obj) -> None:
    assert bound(live, waypoint).differing(live) == Marks(expected, {})


@pytest.mark.parametrize(
    ("now", "asked", "inherits", "expected"),
    [
        (None, None, False, None),
        ("true", None, False, None),
        (None, True, False, {INGRESS: "true"}),
        ("false", True, False, {INGRESS: "true"}),
        ("true", True, False, {}),
        (None, False, False, None),
        ("true", False, False, {INGRESS: None}),
        ("false", False, False, None),
        (None, False, True, {INGRESS: "false"}),
        ("false", False, True, {}),
    ],
)
def test_ingress(now: str | None, asked: bool | None, inherits: bool, expected: Obj | None) -> None:
    live = obj({USE: "waypoint", **({INGRESS: now} if now else {})})
    assert bound(live, HERE, ingress=asked, inherits=inherits).differing(live).labels == (expected or {})


def test_canary() -> None:
    live = obj({USE: "waypoint"})
    near, far = Canary(Waypoint("shop", "next"), 20), Canary(ELSEWHERE, 0)
    assert bound(live, HERE, canary=near).differing(live) == Marks({CANARY: "next"}, {WEIGHT: "20"})
    assert bound(live, HERE, canary=far).differing(live) == Marks(
        {CANARY: "shared", CANARY_SPACE: "infra"}, {WEIGHT: "0"}
    )
    having = obj({USE: "waypoint", CANARY: "next"}, notes={WEIGHT: "20"})
    assert not bound(having, HERE, canary=near).differing(having)
    # Nothing is said of a canary: it stays.
    assert not bound(having, HERE).differing(having)
    # It has become the waypoint itself.
    promoted = bound(having, Waypoint("shop", "next")).differing(having)
    assert promoted == Marks({USE: "next", CANARY: None}, {WEIGHT: None})


def test_pods_have_neither_canary_nor_ingress() -> None:
    live = obj(kind="Pod")
    marks = bound(live, HERE, ingress=True, canary=Canary(ELSEWHERE, 5)).differing(live)
    assert marks == Marks({USE: "waypoint"}, {})


FULL = {USE: "waypoint", INGRESS: "true", CANARY: "next"}


@pytest.mark.parametrize(
    ("live", "alone", "expected"),
    [
        pytest.param(obj({USE: "waypoint"}), True, Marks({USE: None}, {}), id="its own"),
        pytest.param(obj({USE: "waypoint", SPACE: "shop"}), True, Marks({USE: None, SPACE: None}, {}), id="spelt out"),
        pytest.param(obj({USE: "waypoint", SPACE: "infra"}), True, Marks({}, {}), id="one of that name elsewhere"),
        pytest.param(obj({USE: "other"}), True, Marks({}, {}), id="another"),
        pytest.param(
            obj(FULL, notes={WEIGHT: "5"}),
            True,
            Marks({USE: None, INGRESS: None, CANARY: None}, {WEIGHT: None}),
            id="all",
        ),
        pytest.param(obj(FULL, notes={WEIGHT: "5"}), False, Marks({USE: None}, {}), id="the rest is for another"),
        pytest.param(
            obj({USE: "other", CANARY: "waypoint"}, notes={WEIGHT: "5"}),
            True,
            Marks({CANARY: None}, {WEIGHT: None}),
            id="as its canary",
        ),
        pytest.param(obj({INGRESS: "true"}), True, Marks({}, {}), id="names none"),
    ],
)
def test_unbound(live: Obj, alone: bool, expected: Marks) -> None:
    assert unbound(live, HERE, alone=alone) == expected


def test_shown() -> None:
    live = obj({USE: "waypoint", "app": "a"}, notes={WEIGHT: "5"})
    marks = Marks({USE: None, INGRESS: "true"}, {})
    assert marking.shown(live, marks.keys) == {"metadata": {"labels": {USE: "waypoint"}}}
    assert marking.shown(marking.changed(live, marks), marks.keys) == {"metadata": {"labels": {INGRESS: "true"}}}
    assert marking.shown(obj(), marks.keys) == {}


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        ("True", "Successfully attached to waypoint shop/waypoint", True),
        ("True", "Successfully attached to waypoint shop/waypoint. Ingress traffic will traverse the waypoint", True),
        ("True", "Successfully attached to waypoint shop/waypoint-2", False),
        ("True", "Successfully attached to waypoint shop/waypoint.2", False),
        ("True", "Successfully attached to waypoint myshop/waypoint", False),
        (
            "True",
            'Successfully attached to waypoint a/b. Canary waypoint not attached: waypoint "shop/waypoint"',
            False,
        ),
        ("False", "Successfully attached to waypoint shop/waypoint", False),
    ],
)
def test_attached(status: str, message: str, expected: bool) -> None:
    entry = {"type": "istio.io/WaypointBound", "status": status, "message": message}
    assert attached({**obj(), "status": {"conditions": [entry]}}, HERE) == expected
    assert not attached(obj(), HERE)
