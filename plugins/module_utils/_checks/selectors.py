# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Label selectors, decided as the API server decides them: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Generic, TypeVar

from .snapshot import Obj

T = TypeVar("T")


def matches(selector: Obj | None, labels: Mapping[str, str]) -> bool:
    """Does a LabelSelector (matchLabels, matchExpressions) choose these labels? An empty one, or none, chooses all."""
    if not selector:
        return True
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(expression, labels) for expression in selector.get("matchExpressions") or ())


def selects(selector: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    """Does a plain selector, as a Service has, choose these labels? An empty one chooses nothing."""
    return bool(selector) and all(labels.get(key) == value for key, value in (selector or {}).items())


class Index(Generic[T]):
    """Things by plain selectors, to be found by labels without looking at them all."""

    def __init__(self) -> None:
        self._count = 0
        self._all: list[tuple[int, Mapping[str, str], T]] = []
        self._by_label: dict[tuple[str, str], list[tuple[int, Mapping[str, str], T]]] = defaultdict(list)

    def add(self, selector: Mapping[str, str], thing: T) -> None:
        """An empty selector chooses all labels."""
        entry = (self._count, selector, thing)
        self._count += 1
        if selector:
            self._by_label[next(iter(selector.items()))].append(entry)
        else:
            self._all.append(entry)

    def of(self, labels: Mapping[str, str]) -> list[T]:
        """Those whose selectors choose these labels, in the order in which they were added."""
        found = list(self._all)
        for pair in labels.items():
            for entry in self._by_label.get(pair, ()):
                if all(labels.get(key) == value for key, value in entry[1].items()):
                    found.append(entry)
        found.sort(key=lambda entry: entry[0])
        return [entry[2] for entry in found]


def _expression(expression: Obj, labels: Mapping[str, str]) -> bool:
    key, operator = str(expression.get("key")), expression.get("operator")
    values = expression.get("values") or ()
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    # An operator that this program does not know chooses nothing, as the API server would refuse it.
    return False
