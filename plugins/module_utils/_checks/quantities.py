# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Kubernetes quantities ("500m", "1Gi"), compared by value as the API server stores them in a form of its own. Pure."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

_QUANTITY = re.compile(r"^(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<suffix>[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}

# The maps whose values, and the fields whose value, are quantities.
_MAPS = {
    "requests",
    "limits",
    "capacity",
    "allocatable",
    "hard",
    "max",
    "min",
    "default",
    "defaultRequest",
    "overhead",
    "podFixed",
}
_FIELDS = {"sizeLimit", "averageValue", "divisor", "storage"}


def quantity(value: Any) -> Fraction | None:
    """The number that a quantity stands for, or None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return _number(str(value))


# Thousands of containers say the same few.
@lru_cache(maxsize=1024)
def _number(text: str) -> Fraction | None:
    match = _QUANTITY.match(text)
    if match is None:
        return None
    number, suffix = Fraction(match["number"]), match["suffix"] or ""
    if suffix in _BINARY:
        return number * Fraction(1024) ** _BINARY[suffix]
    power = int(suffix[1:]) if suffix[:1] in ("e", "E") and len(suffix) > 1 else _DECIMAL[suffix]
    return number * Fraction(10) ** power


def holds_quantities(parent: str, field: str) -> bool:
    """Whether the field `field` of the map `parent` is a quantity, going by the names the API uses."""
    return parent in _MAPS or field in _FIELDS


def same_quantity(left: Any, right: Any) -> bool:
    one, other = quantity(left), quantity(right)
    return one is not None and one == other
