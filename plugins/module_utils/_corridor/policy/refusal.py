# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Everything that speaks against a draft, told at once and before the first write."""

from __future__ import annotations

from collections.abc import Sequence

from ..._errors import ApiError, GuardRefused, MeshError
from ..._intent.policy import PolicyIntent
from ..items import raise_all
from .findings import Finding

_TOLD = 10
_KEPT = 50


def refuse(errors: Sequence[ApiError], findings: Sequence[Finding], intent: PolicyIntent) -> list[str]:
    """The warnings that are left when nothing refuses the run.

    Raises the errors as one, or GuardRefused: either with all findings in its details.
    """
    options = {"lockout": intent.lockout_guard, "semantic": intent.semantic_guard}
    against = [one for one in findings if one.severity == "error" and options[one.guard] == "refuse"]
    kept = [one for one in findings if options[one.guard] != "accept"]
    shown = {"findings": [one.shown() for one in kept[:_KEPT]]} if kept else {}
    if errors:
        try:
            raise_all(errors, **shown)
        except MeshError as error:
            also = [_heading("The guards object too", against), *_listed(against)] if against else []
            error.hint = "\n".join([error.hint, *also, "Nothing was written."]).lstrip("\n")
            raise
    if against:
        guards = sorted({f"{one.guard}_guard" for one in against})
        raise GuardRefused(
            "\n".join([_heading("Refused before the first write", against), *_listed(against)]),
            hint=f"\nMend them, or set {' and '.join(guards)} to warn or accept.",
            details=shown,
        )
    return [_line(one) for one in kept]


def _heading(words: str, against: Sequence[Finding]) -> str:
    return f"{words}, for {len(against)} {'reason' if len(against) == 1 else 'reasons'}:"


def _listed(against: Sequence[Finding]) -> list[str]:
    more = [f"- and {len(against) - _TOLD} more"] if len(against) > _TOLD else []
    return [*(f"- {_line(one)}" for one in against[:_TOLD]), *more]


def _line(one: Finding) -> str:
    return f"{one.target}: {one.message}" + (f" {one.hint}" if one.hint else "")
