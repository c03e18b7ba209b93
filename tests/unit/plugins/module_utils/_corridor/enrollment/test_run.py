# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.run import Work, rows
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import Workload
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.journey import Journey
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Expectation, Goal, Plane
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.move import Move
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.translate import Translation

LABEL = {"istio.io/dataplane-mode": "ambient"}
POLICY = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "namespace": "shop"}}


def work(name: str, *first: dict[str, Any], last: dict[str, Any] | None = None, **more: Any) -> Work:
    move = Move(name, Plane(), Goal("ambient"), Expectation("ambient"))
    given = {"translation": Translation(), **more}
    return Work(move, {"metadata": {"name": name}}, Journey(first, last or {}), **given)


def workloads(namespace: str, count: int) -> list[Workload]:
    return [Workload("Deployment", namespace, f"w{number}", "", ()) for number in range(count)]


def names(works: list[Work], batch: int) -> list[list[str]]:
    return [row.names for row in rows(works, batch)]


@pytest.mark.parametrize("batch", [0, 3])
def test_what_needs_no_restart_goes_together(batch: int) -> None:
    assert names([work("a", LABEL), work("b"), work("c", LABEL)], batch) == [["label a", "label c"]]


def test_namespaces_with_restarts_go_one_after_the_other() -> None:
    works = [work("a", LABEL, workloads=workloads("a", 3)), work("b", LABEL), work("c", LABEL, hbone=workloads("c", 1))]
    refs = [f"Deployment a/w{number}" for number in range(3)]
    assert names(works, 2) == [
        ["label b"],
        ["prepare a"],
        refs[:2],
        refs[2:],
        ["finish a"],
        ["Deployment c/w0"],
        ["prepare c"],
        ["finish c"],
    ]
    assert names(works, 0)[2] == refs


def test_what_only_has_to_end_comes_first() -> None:
    ending = work("a", last=LABEL, continues=True)
    assert names([work("b", LABEL), ending], 1) == [["finish a"], ["label b"]]


def test_nothing_to_do_is_no_batch() -> None:
    assert names([work("a"), work("b")], 0) == []


@pytest.mark.parametrize(
    ("one", "light"),
    [
        (work("a", LABEL), True),
        (work("a", LABEL, LABEL), False),
        (work("a", LABEL, last=LABEL), False),
        (work("a", LABEL, workloads=workloads("a", 1)), False),
        (work("a", LABEL, translation=Translation(create=(POLICY,))), False),
        (work("a", LABEL, translation=Translation(remove=(POLICY,))), False),
        (work("a", LABEL, back=True), False),
    ],
)
def test_one_patch_is_light(one: Work, light: bool) -> None:
    assert one.light is light
