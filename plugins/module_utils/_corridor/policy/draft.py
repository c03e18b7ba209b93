# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a policy task is about to do: objects to write and to remove, with what is there now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..items import Item
from ..live import Target
from ..plan import Step


@dataclass(slots=True)
class Draft:
    """`items` are all desired objects in the order of writing, each with its live state and its step.

    `removals` are objects to delete: pruned ones, or with state absent those named. `left` are steps of objects that
    are left alone, with the reason. `origins` say where each desired object was written.
    """

    items: list[Item] = field(default_factory=list)
    removals: list[Item] = field(default_factory=list)
    left: list[Step] = field(default_factory=list)
    origins: Mapping[Target, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def writing(self) -> list[Item]:
        """What is (or may be, as long as the server has not been asked) to be written."""
        return [item for item in self.items if item.step.changes]

    @property
    def changes(self) -> bool:
        return any(item.step.changes for item in (*self.items, *self.removals))

    @property
    def steps(self) -> list[Step]:
        return [item.step for item in (*self.items, *self.removals)] + self.left
