# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What guards find against a draft, and what becomes of it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Guard = Literal["lockout", "semantic"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`rule` is stable and short (`unknown-host`), `target` an object's label, `message` a sentence, `hint` a way out.

    An error refuses the run where the guard's option is `refuse`; a warning never does.
    """

    guard: Guard
    rule: str
    target: str
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def shown(self) -> dict[str, str]:
        shown = {"guard": self.guard, "rule": self.rule, "object": self.target, "message": self.message}
        return {**shown, "severity": self.severity, **({"hint": self.hint} if self.hint else {})}
