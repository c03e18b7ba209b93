# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task may ask of mesh_verify."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import CHECKS
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.verify import VerifyIntent


def ids(**params: Any) -> list[str]:
    return [check.id for check in VerifyIntent.from_params(params).checks]


def test_all_by_default() -> None:
    assert ids() == [check.id for check in CHECKS]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"checks": ["MW0017"]}, ["MW0000", "MW0017"]),
        ({"checks": ["17", "mw0009"]}, ["MW0000", "MW0009", "MW0017"]),
        ({"checks": [17]}, ["MW0000", "MW0017"]),
        ({"checks": ["webhooks"]}, ["MW0000", "MW0017", "MW0018", "MW0019"]),
        ({"checks": ["control_plane"]}, ["MW0000", "MW0001", "MW0002", "MW0003", "MW0007", "MW0008", "MW0050"]),
        ({"checks": ["Control Plane"], "skip": ["7", "50"]}, ["MW0000", "MW0001", "MW0002", "MW0003", "MW0008"]),
        ({"checks": ["25"], "skip": ["MW0000"]}, ["MW0025"]),
    ],
)
def test_selection(params: dict[str, Any], expected: list[str]) -> None:
    assert ids(**params) == expected


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"checks": ["MW0071"]}, "`checks` names MW0071"),
        ({"skip": ["webhook"]}, "Did you mean webhooks?"),
        ({"checks": ["mw0060"]}, "Did you mean MW00"),
        ({"checks": ["everything"]}, "There are MW0000 to MW"),
        ({"checks": ["25"], "skip": ["MW0025", "0"]}, "No check is left"),
        ({"wait_timeout": -1}, "`wait_timeout` is -1"),
        ({"read_timeout": 0}, "`read_timeout` is 0"),
    ],
)
def test_bad_input_says_what_and_the_way_out(params: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput) as caught:
        VerifyIntent.from_params(params)
    assert told in str(caught.value)


def test_only_what_the_checks_need_is_read() -> None:
    sources = VerifyIntent.from_params({"checks": ["25"], "skip": ["0"]}).sources
    assert sorted(sources) == ["api", "crds", "daemonsets", "istiods"]
