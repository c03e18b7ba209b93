# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused before the first write, and in whose words."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import SailMesh, failing

OPERATOR: dict[str, Any] = {"operator": {"version": "1.30.3"}}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "1.30.9", **OPERATOR}, ("cannot install Istio 1.30.9", "1.30.3, 1.30.2")),
        ({"version": "1.27.3", **OPERATOR}, ("1.27.3, which is past its end of life", "Operator 1.27.3 or 1.28.3")),
        ({"version": "1.31.1"}, ("no release of the Sail Operator is known to install Istio 1.31.1",)),
        ({"version": "v1.30-latest"}, ("is not a full version",)),
        ({"istiod": {"disruption_budget": {"min_available": "1"}}}, ("istiod.disruption_budget.min_available",)),
        ({"values": {"istiod": {"pilot": {"nosuch": 1}}}}, ("values.istiod.pilot.nosuch", "Istio.spec.values.pilot")),
        ({"operator": {"install": "none"}}, ("The Sail Operator is not installed",)),
    ],
    ids=["unknown", "end-of-life", "no-operator", "alias", "budget", "dropped", "nobody-installs-it"],
)
def test_refused_before_the_first_write(empty: SailMesh, options: dict[str, Any], words: tuple[str, ...]) -> None:
    before = empty.inventory()
    failed = failing(empty(**options))
    for said in words:
        assert said in failed.result["msg"]
    assert empty.inventory() == before
