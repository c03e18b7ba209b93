# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""As much of JSON Schema (draft 2020-12) as the schema of reports uses; a keyword that it does not know is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "null": lambda value: value is None,
}
_SAYS_NOTHING = ("$schema", "$id", "$defs", "title", "description", "examples")


def problems(whole: Schema, value: Any, schema: Schema | None = None, where: str = "$") -> Iterator[str]:
    """What is wrong with a value, each with its place."""
    rules = whole if schema is None else schema
    for keyword, rule in rules.items():
        if keyword not in _SAYS_NOTHING:
            yield from _RULES[keyword](whole, rules, rule, value, where)


def _properties(whole: Schema, rules: Schema, rule: Any, value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key in set(rule) & set(value):
            yield from problems(whole, value[key], rule[key], f"{where}.{key}")


def _additional(whole: Schema, rules: Schema, rule: Any, value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key in set(value) - set(rules.get("properties", {})):
            if rule is False:
                yield f"{where}.{key} is not known"
            else:
                yield from problems(whole, value[key], rule, f"{where}.{key}")


def _items(whole: Schema, rules: Schema, rule: Any, value: Any, where: str) -> Iterator[str]:
    if isinstance(value, list):
        for place, each in enumerate(value):
            yield from problems(whole, each, rule, f"{where}[{place}]")


def _reference(whole: Schema, rules: Schema, rule: Any, value: Any, where: str) -> Iterator[str]:
    yield from problems(whole, value, whole["$defs"][rule.removeprefix("#/$defs/")], where)


def _several(rule: str | list[str]) -> list[str]:
    return [rule] if isinstance(rule, str) else rule


def _simple(holds: Callable[[Any, Any], bool], words: str) -> Callable[..., Iterator[str]]:
    def rule_of(whole: Schema, rules: Schema, rule: Any, value: Any, where: str) -> Iterator[str]:
        if not holds(rule, value):
            yield f"{where}: {words} {rule}"

    return rule_of


_RULES: dict[str, Callable[..., Iterator[str]]] = {
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "$ref": _reference,
    "const": _simple(lambda rule, value: value == rule, "is not"),
    "enum": _simple(lambda rule, value: value in rule, "is none of"),
    "type": _simple(lambda rule, value: any(_TYPES[one](value) for one in _several(rule)), "is no"),
    "required": _simple(lambda rule, value: not isinstance(value, dict) or set(rule) <= set(value), "lacks one of"),
    "maxItems": _simple(lambda rule, value: not isinstance(value, list) or len(value) <= rule, "has more items than"),
    "maxLength": _simple(lambda rule, value: not isinstance(value, str) or len(value) <= rule, "is longer than"),
    "minimum": _simple(lambda rule, value: not isinstance(value, int) or value >= rule, "is less than"),
}  # fmt: skip
