# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a policy task is about to do: objects to write and to remove, with what is there now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..._desired.policy.applyset import Scope, scope_of
from ..._errors import ApiError
from ..._intent.policy import ApplySetName
from ..items import Item
from ..live import Obj, Target
from ..plan import Step


@dataclass(slots=True)
class Parent:
    """The apply set's parent. `live` is as last seen or written.

    `step` is "none" when the parent only has to be widened or narrowed along with other changes. `stays` is where
    members are that this run neither writes nor deletes.
    """

    of: ApplySetName
    identity: str
    live: Obj | None = None
    step: Step = field(default_factory=lambda: Step("", "none", ""))
    stays: Scope = field(default_factory=Scope)

    @property
    def scope(self) -> Scope:
        return scope_of(self.live)


@dataclass(slots=True)
class Draft:
    """`items` are all desired objects in the order of writing, each with its live state and its step.

    `removals` are objects to delete: pruned ones, or with state absent those named. `left` are steps of objects that
    are left alone, with the reason. `origins` say where each desired object was written. `errors` are what already
    speaks against single objects; of `hopeless` ones the server need not be asked. `parent` is the apply set's.
    """

    items: list[Item] = field(default_factory=list)
    removals: list[Item] = field(default_factory=list)
    left: list[Step] = field(default_factory=list)
    origins: Mapping[Target, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    errors: list[ApiError] = field(default_factory=list)
    hopeless: set[Target] = field(default_factory=set)
    parent: Parent | None = None

    @property
    def writing(self) -> list[Item]:
        """What is (or may be, as long as the server has not been asked) to be written."""
        return [item for item in self.items if item.step.changes]

    @property
    def changes(self) -> bool:
        if self.parent is not None and self.parent.step.changes:
            return True
        return any(item.step.changes for item in (*self.items, *self.removals))

    @property
    def steps(self) -> list[Step]:
        """All steps; the parent's only when it is made, mended or removed."""
        parent = [self.parent.step] if self.parent is not None and self.parent.step.changes else []
        return [item.step for item in (*self.items, *self.removals)] + parent + self.left
