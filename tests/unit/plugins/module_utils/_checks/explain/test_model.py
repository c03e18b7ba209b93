# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answer's shape, its lines and its bounds."""

from __future__ import annotations

from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain.model import (
    Place,
    Question,
    Step,
    concluded,
)

ASKED = Question(source=Place("shop", "client", "Deployment"), target=Place("shop", "web", port="80"))


def step(name: str, status: str = "ok", **more: object) -> Step:
    return Step(name, name.title(), status, f"It is {status}.", **more)  # type: ignore[arg-type]


def test_the_first_broken_step_decides() -> None:
    found = concluded(
        ASKED, [step("a"), step("b", "warning"), step("c", "broken", remedy="Mend it."), step("d", "broken")]
    )
    assert (found.verdict, found.broken_at) == ("broken", "c")
    assert found.summary == (
        "The way from shop/Deployment/client to Service shop/web:80 breaks at C: It is broken. Mend it."
    )
    assert found.shown()["question"] == {"from": "shop/Deployment/client", "to": "shop/web:80"}


def test_what_is_doubtful_goes_before_what_is_unknown() -> None:
    assert concluded(ASKED, [step("a", "unknown"), step("b", "warning")]).verdict == "doubtful"
    assert concluded(ASKED, [step("a", "unknown"), step("b", "info")]).verdict == "unknown"
    assert concluded(ASKED, [step("a"), step("b", "info")]).verdict == "works"


def test_ids_are_told_apart() -> None:
    assert [one.id for one in concluded(ASKED, [step("a"), step("a"), step("a")]).steps] == ["a", "a-2", "a-3"]


def test_lines() -> None:
    found = concluded(
        ASKED, [step("a", evidence=("hidden",)), step("b", "broken", evidence=('a "fact"',), remedy="Mend it.")]
    )
    lines = found.lines()
    assert lines[lines.index("STATUS    STEP") :] == [
        "STATUS    STEP",
        "ok        A: It is ok.",
        "BROKEN    B: It is broken.",
        "            seen    a 'fact'",
        "            remedy  Mend it.",
        "",
        "2 steps: 1 ok, 0 warning, 1 broken, 0 unknown",
    ]
    assert all(len(line) <= 86 for line in lines)


def test_bounds() -> None:
    found = concluded(
        ASKED, [step(f"a{at}", objects=("Pod a/b",) * 50, evidence=("x" * 900,) * 50) for at in range(200)]
    )
    shown = found.shown()
    assert (len(shown["steps"]), shown["steps_left_out"]) == (80, 120)
    assert len(shown["steps"][0]["evidence"]) == 8
    assert len(shown["steps"][0]["evidence"][0]) <= 400
    assert any("a?[31m" in line for line in concluded(ASKED, [step("a", "broken", evidence=("a\x1b[31m",))]).lines())
