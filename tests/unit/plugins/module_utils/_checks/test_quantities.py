# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quantities are compared by value."""

from __future__ import annotations

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.quantities import same_quantity


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1000m", "1"),
        ("1", 1),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1Gi", "1024Mi"),
        ("1k", "1000"),
        ("1e3", "1k"),
        ("1E3", 1000),
        ("100u", "0.1m"),
        ("2E", "2000P"),
        ("+1", "1"),
        ("1.", "1"),
    ],
)
def test_equal(left: object, right: object) -> None:
    assert same_quantity(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", "1m"),
        ("1G", "1Gi"),
        ("1", "2"),
        ("one", "one"),
        (True, 1),
        (None, None),
        ("1 Gi", "1Gi"),
        ("", "0"),
        ("m", "m"),
    ],
)
def test_not_equal(left: object, right: object) -> None:
    assert not same_quantity(left, right)
