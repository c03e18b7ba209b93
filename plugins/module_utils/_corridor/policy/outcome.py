# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What became of a draft: an exact boundary, whatever happened in the middle. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..._errors import MeshError
from ..items import Item
from ..live import Obj


@dataclass(slots=True)
class Outcome:
    """Every change of the draft is in exactly one of these lists.

    `applied` and `deleted` were done. `failed` were refused, nothing of them was written. Of `unknown` the request
    went out and no answer came, or what it began was not seen to end. `not_sent` were not tried. After a return:
    `returned` are back as they were, `not_returned` are {object, reason}. `parent` is the apply set's as it was before.
    """

    applied: list[Item] = field(default_factory=list)
    deleted: list[Item] = field(default_factory=list)
    failed: list[Item] = field(default_factory=list)
    unknown: list[Item] = field(default_factory=list)
    not_sent: list[Item] = field(default_factory=list)
    errors: list[MeshError] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    not_returned: list[dict[str, Any]] = field(default_factory=list)
    parent: Obj | None = None

    @property
    def complete(self) -> bool:
        return not (self.failed or self.unknown or self.not_sent or self.errors)

    def told_of_return(self) -> str:
        """A sentence about what was taken back. Objects that are back with another uid count as returned."""
        if not (self.returned or self.not_returned):
            return "There was nothing to take back."
        back = set(self.returned)
        kept = sum(entry["object"] not in back for entry in self.not_returned)
        partly = len(self.not_returned) - kept
        new = f" ({partly} of them not wholly as they were)" if partly else ""
        if not kept:
            return f"What was written was taken back: all {len(back)} objects{new}."
        return f"What was written was taken back: {len(back)} objects{new}, while {kept} could not be returned."
