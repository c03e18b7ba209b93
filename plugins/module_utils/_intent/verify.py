# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a `mesh_verify` task asks for: validated, before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from .._checks.model import Check
from .._checks.registry import ALWAYS, CATEGORIES, CHECKS
from .._checks.run import FailOn
from .._errors import BadInput


@dataclass(frozen=True, slots=True)
class VerifyIntent:
    """The checks to run, in their order, and when the run counts as failed. Times are in seconds."""

    checks: tuple[Check, ...]
    fail_on: FailOn = "error"
    fail_on_unknown: bool = False
    wait_timeout: float = 0
    read_timeout: float = 60

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> VerifyIntent:
        """From a module's parameters. Raises BadInput for a check that does not exist and a selection of none."""
        chosen = _chosen("checks", params.get("checks") or ()) or {check.id for check in CHECKS}
        skipped = _chosen("skip", params.get("skip") or ())
        chosen.add(ALWAYS.id)
        checks = tuple(check for check in CHECKS if check.id in chosen - skipped)
        if not checks:
            raise BadInput("No check is left to run.", hint="`skip` takes away all that `checks` names.")
        for name in ("wait_timeout", "read_timeout"):
            if (params.get(name) or 0) < 0:
                raise BadInput(f"`{name}` is {params[name]}, and time does not run backwards.", hint="Give 0 or more.")
        if params.get("read_timeout") == 0:
            raise BadInput("`read_timeout` is 0: nothing can be read in no time.", hint="Give at least a few seconds.")
        return cls(
            checks=checks,
            fail_on=params.get("fail_on") or "error",
            fail_on_unknown=bool(params.get("fail_on_unknown")),
            wait_timeout=float(params.get("wait_timeout") or 0),
            read_timeout=float(params.get("read_timeout") or 60),
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of all that the checks read."""
        return tuple(dict.fromkeys(source for check in self.checks for source in check.sources))


def _chosen(option: str, names: Iterable[Any]) -> set[str]:
    """The ids that identifiers, numbers and categories stand for."""
    found: set[str] = set()
    for given in names:
        name = _plain(str(given))
        ids = {
            check.id
            for check in CHECKS
            if name in (_plain(check.id), str(check.number), f"mw{check.number}", _plain(check.category))
        }
        if not ids:
            raise BadInput(f"`{option}` names {given}, which is no check.", hint=_hint(name))
        found |= ids
    return found


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", " ").replace("-", " ")


def _hint(name: str) -> str:
    ids, categories = [check.id for check in CHECKS], list(CATEGORIES)
    close = get_close_matches(name, [*(each.lower() for each in ids), *categories], n=1, cutoff=0.7)
    if close:
        return f"Did you mean {close[0].upper() if close[0].startswith('mw') else close[0]}?"
    return f"There are {', '.join(ids)} and the categories {', '.join(categories)}."
