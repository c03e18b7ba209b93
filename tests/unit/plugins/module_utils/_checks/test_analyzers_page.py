# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/analyzers.md names checks that there are, every check, and every code of istioctl once."""

from __future__ import annotations

import re

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID

from tests.conftest import ROOT
from tests.integration.verify.analyzers import COVERED, ELSEWHERE

PAGE = (ROOT / "docs" / "analyzers.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|")) for line in PAGE.splitlines() if line.startswith("| IST")
]


def ids(text: str) -> set[str]:
    """The checks that a text names; `MW0007 to MW0011` are five."""
    found = set(re.findall(r"MW\d{4}", text))
    for first, last in re.findall(r"MW(\d{4}) to MW(\d{4})", text):
        found |= {f"MW{number:04d}" for number in range(int(first), int(last) + 1)}
    return found


def test_each_code_once_and_in_order() -> None:
    codes = [row[0] for row in ROWS]
    assert codes == sorted(set(codes))
    assert len(codes) > 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_a_code_is_covered_or_it_says_why_not(row: tuple[str, ...]) -> None:
    _code, _name, severity, here = row
    assert severity in ("error", "warning", "info")
    assert bool(ids(here)) != here.startswith("not: ")
    assert ids(here) <= set(BY_ID)


def test_the_page_says_what_is_tried_on_a_cluster() -> None:
    page = {row[0]: ids(row[3]) for row in ROWS if ids(row[3])}
    assert set(page) == {*COVERED, *ELSEWHERE}
    for code, checks in COVERED.items():
        assert set(checks) <= page[code], code


def test_every_check_is_in_one_of_the_tables() -> None:
    tables = ids("\n".join(line for line in PAGE.splitlines() if line.startswith("|")))
    # Whether there is a mesh, and whether its CRDs are served, is nothing to compare.
    assert set(BY_ID) - tables <= {"MW0000", "MW0001", "MW0019"}
