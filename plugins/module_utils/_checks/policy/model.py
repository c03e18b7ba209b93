# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What judging policy says: one problem of one object; and the table of all rules there are. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..snapshot import Obj, ref

Severity = Literal["error", "warning"]

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """One problem. `subject` is what is missing or clashes: with rule and object it says which problem it is."""

    rule: str
    obj: Obj
    message: str
    hint: str = ""
    severity: Severity = "error"
    subject: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.rule, ref(self.obj), self.subject


class Rule(NamedTuple):
    """A rule as its documentation shows it. `severities` are all that it may report."""

    guard: Literal["lockout", "semantic"]
    severities: tuple[Severity, ...]
    what: str
    way_out: str


def some(names: list[str], most: int = _NAMED) -> str:
    """The first names in words, the others counted: `a, b and 7 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
