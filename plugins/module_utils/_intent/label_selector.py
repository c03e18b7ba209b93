# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Label selectors as people write them, `team=shop,env in (a, b),!legacy`, as the API's LabelSelector. Pure."""

from __future__ import annotations

import re
from typing import Any

from .._errors import BadInput

_KEY = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
# Commas between terms, not those within brackets.
_TERMS = re.compile(r",(?![^()]*\))")


def label_selector(text: str, option: str) -> dict[str, Any]:
    """`matchLabels` and `matchExpressions` of a selector. Raises BadInput that names the option."""
    labels: dict[str, str] = {}
    expressions: list[dict[str, Any]] = []
    for term in _TERMS.split(text):
        _add(term.strip(), text, option, labels, expressions)
    found: dict[str, Any] = {"matchLabels": labels} if labels else {}
    if expressions:
        found["matchExpressions"] = expressions
    return found


def _add(term: str, text: str, option: str, labels: dict[str, str], expressions: list[dict[str, Any]]) -> None:
    if found := _EQUAL.fullmatch(term):
        key, operator, value = found.groups()
        if operator == "!=":
            expressions.append({"key": key, "operator": "NotIn", "values": [value]})
        elif labels.setdefault(key, value) != value:
            raise BadInput(f"{option}: {text} asks for two values of {key}.", hint=f"Use `{key} in (...)`.")
    elif found := _SET.fullmatch(term):
        values = [value.strip() for value in found[3].split(",")]
        if not all(re.fullmatch(_VALUE, value) for value in values):
            raise _unreadable(option, text, term)
        expressions.append({"key": found[1], "operator": "In" if found[2] == "in" else "NotIn", "values": values})
    elif found := _EXISTS.fullmatch(term):
        expressions.append({"key": found[2], "operator": "DoesNotExist" if found[1] else "Exists"})
    else:
        raise _unreadable(option, text, term)


def _unreadable(option: str, text: str, term: str) -> BadInput:
    return BadInput(
        f"{option}: {term or 'an empty term'} in {text!r} is no label selector.",
        hint="Write it as kubectl takes it, such as `team=shop,env in (test, stage),!legacy`.",
    )
