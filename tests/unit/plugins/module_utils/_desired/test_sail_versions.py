# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.sail_versions import (
    alias_of,
    choose_operator,
    installable,
    operators_for,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version


@pytest.mark.parametrize(
    ("istio", "operators", "chosen"),
    [
        ("1.30.3", ["1.30.3"], "1.30.3"),
        ("1.28.3", ["1.28.3", "1.29.2", "1.30.3"], "1.30.3"),
        ("1.28.10", ["1.29.2", "1.30.3"], "1.30.3"),
        ("1.27.3", ["1.27.3", "1.28.3", "1.29.2"], "1.29.2"),
        ("1.26.6", ["1.27.3", "1.28.3"], "1.28.3"),
        ("1.24.0", ["1.26.3", "1.27.3"], "1.27.3"),
        ("1.30.4", [], None),
        ("1.31.1", [], None),
        ("1.30.0-rc.1", [], None),
    ],
)
def test_which_operator_installs_which_istio(istio: str, operators: list[str], chosen: str | None) -> None:
    version = parse_version(istio)
    assert [str(one) for one in operators_for(version)] == operators
    found = choose_operator(version)
    assert (str(found) if found else None) == chosen


def test_revisions_that_are_there_are_not_left_behind() -> None:
    wanted, there = parse_version("1.28.3"), parse_version("1.27.3")
    assert str(choose_operator(wanted, [there])) == "1.29.2"
    # Where no release installs both, the wanted one decides.
    assert str(choose_operator(parse_version("1.30.3"), [parse_version("1.24.0")])) == "1.30.3"


def test_what_is_past_its_end_of_life_is_listed_and_not_installed() -> None:
    served = ["v1.30-latest", "v1.30.3", "v1.30.2", "v1.28-latest", "v1.28.0", "v1.27.9", "v1.21.6"]
    assert [str(one) for one in installable(served)] == ["1.30.3", "1.30.2", "1.28.0"]
    # A release that this table does not know decides by itself.
    assert [str(one) for one in installable(["v1.44.0", "v1.30.3"])] == ["1.44.0", "1.30.3"]
    assert installable([]) == []


@pytest.mark.parametrize(("text", "is_alias"), [("v1.30-latest", True), ("v1.30.3", False), ("", False)])
def test_aliases(text: str, is_alias: bool) -> None:
    assert alias_of(text) is is_alias
