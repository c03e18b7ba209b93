# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/policy-translation.md says of every example what the code makes of it, and of what is impossible the way out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.translate import Translation

from ..._checks.policy.policies import AMBIENT, Obj, pod, space, waypoint
from . import test_translate_to_sidecars, test_translate_to_waypoint
from .translating import applied, back, forth, leads, shop

PAGE = Path(__file__).parents[6] / "docs" / "policy-translation.md"
BLOCK = re.compile(r"^```(?:yaml|text) (before|between|after)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMES = re.compile(r"(?:\w+ [\w-]+\n)+")
WAYS = ("to a waypoint", "to a waypoint, protected", "to sidecars")


def outcome(given: list[Obj], way: str) -> tuple[list[Obj], list[Obj]]:
    """The policies during the restarts, and in the end."""
    if way == "to sidecars":
        labels = {**AMBIENT, "istio.io/use-waypoint": "waypoint"}
        objects = [space("shop", labels), *waypoint(), pod(mode="ambient"), leads(), *given]
        done = back(*objects)
    else:
        objects = shop(*given)
        done = forth(*objects, protect=way.endswith("protected"))
    assert not done.impossible
    return _policies(objects, done, ends=False), _policies(objects, done, ends=True)


def _policies(objects: list[Obj], done: Translation, *, ends: bool) -> list[Obj]:
    kinds = ("AuthorizationPolicy", "RequestAuthentication")
    return [one for one in applied(objects, done, ends=ends) if one["kind"] in kinds]


def examples() -> list[tuple[str, dict[str, list[Any]]]]:
    """Each example with its way, told by the headings above it."""
    found = []
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title = part.splitlines()[0].lower()
        for section in part.split("\n### ")[1:]:
            blocks = {kind: _read(text) for kind, text in BLOCK.findall(section)}
            protected = ", protected" if "With `protect`" in section else ""
            if blocks:
                found.append((f"{title}{protected}", blocks))
    return found


def _read(text: str) -> list[Any]:
    """Objects; or the names of those that are as they were before."""
    return text.splitlines() if NAMES.fullmatch(text) else list(yaml.safe_load_all(text))


@pytest.mark.parametrize(("way", "blocks"), examples())
def test_example(way: str, blocks: dict[str, list[Any]]) -> None:
    between, after = outcome(blocks["before"], way)
    assert blocks["between"] == between
    if isinstance(blocks["after"][0], str):
        assert all(one in between for one in after)
        assert blocks["after"] == [f"{one['kind']} {one['metadata']['name']}" for one in after]
    else:
        assert blocks["after"] == after


def test_there_are_examples_of_every_way() -> None:
    assert {way for way, _blocks in examples()} == set(WAYS)


@pytest.mark.parametrize("tests", [test_translate_to_waypoint, test_translate_to_sidecars])
def test_every_way_out_is_on_the_page(tests: Any) -> None:
    told = " ".join(PAGE.read_text(encoding="utf-8").replace("`", "").split())
    # The parameters of each module's test_impossible.
    cases = [case.values for mark in tests.test_impossible.pytestmark for case in mark.args[1]]
    hints = set()
    for objects, said in cases:
        there = [space(), *waypoint(), *objects] if tests is test_translate_to_waypoint else None
        done = forth(*there) if there else back(*test_translate_to_sidecars.ambient(*objects))
        hints |= {one.hint for one in done.impossible}
        assert bool(said) == bool(done.impossible)
    assert hints and not [hint for hint in hints if hint.replace("`", "") not in told]
