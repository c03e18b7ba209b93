# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The versions that each release of the stand-in operator knows."""

from __future__ import annotations

import pytest

from tests.harness.sail import versions


@pytest.mark.parametrize(
    ("operator", "first", "last"),
    [("1.27.3", "1.27.3", "1.24.0"), ("1.28.3", "1.28.3", "1.26.0"), ("1.30.3", "1.30.3", "1.28.0")],
)
def test_what_an_operator_installs(operator: str, first: str, last: str) -> None:
    found = versions.installable(operator)
    assert (found[0], found[-1]) == (first, last)
    assert not any("latest" in each for each in found)


@pytest.mark.parametrize(
    ("operator", "version", "meant"),
    [
        ("1.30.3", "v1.30-latest", "v1.30.3"),
        ("1.30.3", "v1.28-latest", "v1.28.10"),
        ("1.28.3", "v1.28-latest", "v1.28.3"),
        ("1.30.3", "v1.29.6", "v1.29.6"),
        ("1.28.3", "v1.30.3", None),
        ("1.30.3", "v1.20.0", None),
    ],
)
def test_aliases(operator: str, version: str, meant: str | None) -> None:
    assert versions.resolve(operator, version) == meant


@pytest.mark.parametrize(
    ("operator", "version", "ended"),
    [
        ("1.30.3", "v1.24.0", True),
        ("1.30.3", "v1.27-latest", True),
        ("1.30.3", "v1.28.0", False),
        ("1.28.3", "v1.26.0", False),
        ("1.28.3", "v1.25.5", True),
        ("1.27.3", "v1.24.0", False),
    ],
)
def test_end_of_life(operator: str, version: str, ended: bool) -> None:
    assert versions.is_end_of_life(operator, version) is ended


def test_each_operator_can_upgrade_from_one_build_to_another() -> None:
    for operator, found in versions.for_state()["versions"].items():
        assert {versions.build(each) for each in found} == {"current", "next"}, operator
        assert set(found) <= set(versions.installable(operator))


def test_every_installable_version_has_a_build() -> None:
    builds = versions.builds()
    assert set(versions.LABELLED) <= set(builds)
    assert builds["1.30.2"] == builds["1.29.6"] == builds["1.26.0"] == "current"
    assert builds["1.30.3"] == "next"
