# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks by the names that people give them: identifiers, numbers, categories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from .._checks.model import Check
from .._errors import BadInput


def chosen(option: str, names: Iterable[Any], checks: Sequence[Check], categories: Sequence[str]) -> set[str]:
    """The ids that identifiers, numbers and categories stand for. Raises BadInput for what is no check."""
    found: set[str] = set()
    for given in names:
        name = plain(str(given))
        ids = {
            check.id
            for check in checks
            if name in (plain(check.id), plain(check.category))
            or (not check.name and name in (str(check.number), f"mw{check.number}"))
        }
        if not ids:
            raise BadInput(f"`{option}` names {given}, which is no check.", hint=hint(name, checks, categories))
        found |= ids
    return found


def plain(name: str) -> str:
    return name.strip().lower().replace("_", " ").replace("-", " ")


def hint(name: str, checks: Sequence[Check], categories: Sequence[str]) -> str:
    """What may have been meant, else what there is."""
    known = {plain(each): each for each in (*(check.id for check in checks), *categories)}
    close = get_close_matches(plain(name), list(known), n=1, cutoff=0.7)
    if close:
        return f"Did you mean {known[close[0]]}?"
    ids = [check.id for check in checks]
    return f"There are {ids[0]} to {ids[-1]} (docs/checks.md) and the categories {', '.join(categories)}."
