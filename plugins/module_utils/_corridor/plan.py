# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A plan: ordered steps, each with before, after and a reason. Pure data, made before the first write."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal["create", "update", "repair", "recover", "delete", "none"]
PredictedBy = Literal["server", "schema", "local", ""]

# Inside the JSON in which Ansible's default callback shows a list, a line of this length fits 110 columns.
_WIDTH = 98


@dataclass(slots=True)
class Step:
    """One step of a plan.

    `name` is stable and readable, such as `release/istiod` or `Namespace istio-system`.
    `before` and `after` have the shape of the objects or releases they describe, less what
    controllers own; both empty when nothing is to be shown.
    `predicted_by` says who vouches for `after`: the server's dry run, a schema, or only this program.
    """

    name: str
    action: Action
    reason: str
    before: Any = None
    after: Any = None
    predicted_by: PredictedBy = ""
    notes: list[str] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        return self.action != "none"

    def summary(self) -> dict[str, Any]:
        """The step as the task's result shows it: without bodies, so that results stay small."""
        shown: dict[str, Any] = {"step": self.name, "action": self.action, "reason": self.reason}
        if self.predicted_by:
            shown["predicted_by"] = self.predicted_by
        if self.notes:
            shown["notes"] = list(self.notes)
        return shown


@dataclass(slots=True)
class Plan:
    """Steps in the order in which they are carried out."""

    steps: list[Step] = field(default_factory=list)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    @property
    def changed(self) -> bool:
        return any(step.changes for step in self.steps)

    def summary(self) -> list[dict[str, Any]]:
        return [step.summary() for step in self.steps]

    def diff(self) -> list[dict[str, Any]]:
        """Ansible's diff: one entry for each step that changes something."""
        return [
            {
                "before_header": step.name,
                "after_header": step.name,
                "before": step.before or {},
                "after": step.after or {},
            }
            for step in self.steps
            if step.changes
        ]

    def table(self) -> list[str]:
        """The plan as lines of text, columns aligned: for people, since an ok task prints nothing of its result."""
        rows = [("ACTION", "STEP", "PREDICTED BY", "REASON")]
        rows += [(step.action, step.name, step.predicted_by or "-", step.reason) for step in self.steps]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        indent = " " * (sum(widths) + 6)
        lines = []
        for row, notes in zip(rows, [[], *(step.notes for step in self.steps)], strict=True):
            first = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False))
            for number, text in enumerate([row[3], *notes]):
                start = f"{first}  " if number == 0 else indent
                lines += textwrap.wrap(
                    text,
                    max(_WIDTH, len(indent) + 30),
                    initial_indent=start,
                    subsequent_indent=indent,
                    break_long_words=False,
                    break_on_hyphens=False,
                ) or [start.rstrip()]
        return lines
