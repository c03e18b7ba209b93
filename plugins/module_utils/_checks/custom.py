# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of the user's own: a JMESPath query over what was read, and a sentence for each thing that it finds. Pure."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .model import Check, Finding, Severity
from .snapshot import Obj, Snapshot, Undecided, name_of, ref

try:
    import jmespath

    HAS_JMESPATH = True
    JMESPATH_IMPORT_ERROR = ""
except ImportError:
    HAS_JMESPATH = False
    JMESPATH_IMPORT_ERROR = traceback.format_exc()

CATEGORY = "custom"
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_FIRST_NUMBER = 10_000
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Custom:
    """A check as the user writes it.

    `query` is JMESPath over a mapping of the sources by name, with `items` for the one where there is only one; all
    that it gives, other than null, false and nothing, is a finding. `message` may hold {expressions} over that.
    """

    id: str
    title: str
    severity: Severity
    sources: tuple[str, ...]
    query: str
    message: str = ""
    remedy: str = ""

    def check(self, place: int) -> Check:
        """The same as a check of the registry. `place` orders it behind those, after the others of the user."""
        return Check(
            _FIRST_NUMBER + place, self.title, CATEGORY, self.severity, self.sources, "", _function(self), name=self.id
        )


def problem(expression: str) -> str:
    """Why a JMESPath expression cannot be used, empty when it can."""
    try:
        jmespath.compile(expression)
    except ValueError as error:
        return " ".join(str(error).split())
    return ""


def expressions(message: str) -> list[str]:
    """The expressions in a message."""
    return _PLACEHOLDER.findall(message)


def _function(custom: Custom) -> Callable[[Snapshot], Iterator[Finding]]:
    def function(snapshot: Snapshot) -> Iterator[Finding]:
        lists: dict[str, Any] = {name: list(snapshot.items(name)) for name in custom.sources}
        if len(custom.sources) == 1:
            lists = {"items": lists[custom.sources[0]], **lists}
        for one in _found(custom, lists):
            yield Finding(
                custom.severity,
                _message(custom, one),
                (ref(one),) if isinstance(one, Mapping) and name_of(one) else (),
                () if isinstance(one, Mapping) and name_of(one) else (_told(one),) * (one is not True),
                custom.remedy,
            )

    return function


def _found(custom: Custom, lists: Obj) -> list[Any]:
    try:
        found = jmespath.search(custom.query, lists)
    except (TypeError, ValueError) as error:
        raise Undecided(f"the query failed: {' '.join(str(error).split())}") from error
    if not isinstance(found, list):
        found = [found]
    # Nothing, as JMESPath has it: null, false, and what is empty. A number is something.
    return [one for one in found if one is not None and one is not False and one not in ("", [], {})]


def _message(custom: Custom, one: Any) -> str:
    if not custom.message:
        return f"{ref(one)}: {custom.title}" if isinstance(one, Mapping) and name_of(one) else custom.title
    return _PLACEHOLDER.sub(lambda match: _told(_value(match[1], one)), custom.message)


def _value(expression: str, one: Any) -> Any:
    try:
        return jmespath.search(expression, one)
    except (TypeError, ValueError) as error:
        return f"<{' '.join(str(error).split())}>"


def _told(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 4]} ..."
