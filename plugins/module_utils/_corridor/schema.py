# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Validating a custom resource against a CRD that no server has yet. Pure.

Covers what structural schemas say by themselves: unknown fields, types, required, enum, bounds, pattern, and the
combinations (allOf, anyOf, oneOf, not). CEL rules (`x-kubernetes-validations`) and formats are the server's to judge.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

Obj = dict[str, Any]


class Problem(NamedTuple):
    """What is wrong with one field; `unknown` when the schema does not have it."""

    path: str
    message: str
    unknown: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def served_schema(crd: Obj, version: str) -> Obj | None:
    """The schema of a CRD's served version: {} when it has none, None when the version is not served."""
    for entry in (crd.get("spec") or {}).get("versions") or []:
        if entry.get("name") == version and entry.get("served", True):
            return (entry.get("schema") or {}).get("openAPIV3Schema") or {}
    return None


def validate(obj: Obj, schema: Obj) -> list[Problem]:
    """The problems of a whole object under its version's schema; [] when there are none."""
    if not schema:
        return []
    body = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    properties = {key: value for key, value in (schema.get("properties") or {}).items() if key != "status"}
    required = [key for key in schema.get("required") or [] if key not in ("apiVersion", "kind", "metadata", "status")]
    found: list[Problem] = []
    _check(body, {**schema, "properties": properties, "required": required}, "", found, structural=True)
    return found


def _check(value: Any, schema: Obj, path: str, found: list[Problem], *, structural: bool) -> None:
    """`structural`: this schema declares fields. Those below allOf, anyOf, oneOf, not only constrain values."""
    if value is None:
        if not schema.get("nullable") and structural and schema.get("type"):
            found.append(Problem(path, "must not be null"))
        return
    if wrong := _type_problem(value, schema):
        found.append(Problem(path, wrong))
        return
    if "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(str(choice) for choice in schema["enum"])
        found.append(Problem(path, f"is {value!r}; must be one of: {choices}"))
    if isinstance(value, dict):
        _check_map(value, schema, path, found, structural)
    elif isinstance(value, list):
        _check_list(value, schema, path, found, structural)
    elif isinstance(value, str):
        _check_string(value, schema, path, found)
    elif not isinstance(value, bool):
        _check_number(value, schema, path, found)
    _check_combinations(value, schema, path, found)


def _type_problem(value: Any, schema: Obj) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "" if isinstance(value, int | str) and not isinstance(value, bool) else "must be an integer or a string"
    wanted = schema.get("type")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "number": number,
        "integer": number and float(value).is_integer(),
    }
    return f"must be of type {wanted}, is {_type_name(value)}" if not fits.get(wanted or "", True) else ""


def _type_name(value: Any) -> str:
    for kind, name in ((bool, "boolean"), (dict, "object"), (list, "array"), (str, "string"), (int, "integer")):
        if isinstance(value, kind):
            return name
    return "number"


def _check_map(value: Obj, schema: Obj, path: str, found: list[Problem], structural: bool) -> None:
    properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
    open_ended = bool(schema.get("x-kubernetes-preserve-unknown-fields")) or more is True
    embedded = schema.get("x-kubernetes-embedded-resource")
    for key, item in value.items():
        below = f"{path}.{key}" if path else str(key)
        if key in properties:
            _check(item, properties[key], below, found, structural=structural)
        elif isinstance(more, dict):
            _check(item, more, below, found, structural=structural)
        elif structural and not open_ended and not (embedded and key in ("apiVersion", "kind", "metadata")):
            found.append(Problem(below, "unknown field", unknown=True))
    for key in schema.get("required") or []:
        if key not in value:
            found.append(Problem(f"{path}.{key}" if path else str(key), "is required"))
    _check_size(len(value), schema, ("minProperties", "maxProperties"), "fields", path, found)


def _check_list(value: list[Any], schema: Obj, path: str, found: list[Problem], structural: bool) -> None:
    items = schema.get("items")
    if isinstance(items, dict):
        for at, item in enumerate(value):
            _check(item, items, f"{path}[{at}]", found, structural=structural)
    _check_size(len(value), schema, ("minItems", "maxItems"), "items", path, found)
    keys = schema.get("x-kubernetes-list-map-keys") if schema.get("x-kubernetes-list-type") == "map" else None
    if keys:
        seen: list[Any] = []
        for at, item in enumerate(value):
            identity = [item.get(key) for key in keys] if isinstance(item, dict) else item
            if identity in seen:
                found.append(Problem(f"{path}[{at}]", f"has the {', '.join(keys)} of an earlier item"))
            seen.append(identity)


def _check_size(size: int, schema: Obj, names: tuple[str, str], what: str, path: str, found: list[Problem]) -> None:
    least, most = schema.get(names[0]), schema.get(names[1])
    if least is not None and size < least:
        found.append(Problem(path, f"has {size} {what}; must have at least {least}"))
    if most is not None and size > most:
        found.append(Problem(path, f"has {size} {what}; must have at most {most}"))


def _check_string(value: str, schema: Obj, path: str, found: list[Problem]) -> None:
    _check_size(len(value), schema, ("minLength", "maxLength"), "characters", path, found)
    pattern = schema.get("pattern")
    if pattern and (compiled := _compiled(pattern)) and not compiled.search(value):
        found.append(Problem(path, f"is {value!r}; must match {pattern}"))


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern, or None when it is Go's alone: the server will judge it."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _check_number(value: float, schema: Obj, path: str, found: list[Problem]) -> None:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        found.append(Problem(path, f"is {value}; must be at least {low}"))
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        found.append(Problem(path, f"is {value}; must be at most {high}"))
    step = schema.get("multipleOf")
    if step and value % step:
        found.append(Problem(path, f"is {value}; must be a multiple of {step}"))


def _check_combinations(value: Any, schema: Obj, path: str, found: list[Problem]) -> None:
    for part in schema.get("allOf") or []:
        _check(value, part, path, found, structural=False)
    choices = schema.get("anyOf")
    # An int-or-string spells its two types as anyOf, which the type check has done already.
    if choices and not schema.get("x-kubernetes-int-or-string") and not any(_fits(value, one) for one in choices):
        found.append(Problem(path, "fits none of the forms it may have (anyOf)"))
    if exclusive := schema.get("oneOf"):
        fitting = sum(_fits(value, one) for one in exclusive)
        if fitting != 1:
            found.append(Problem(path, f"must have exactly one of its alternative forms, has {fitting} (oneOf)"))
    if "not" in schema and _fits(value, schema["not"]):
        found.append(Problem(path, "has a form it must not have (not)"))


def _fits(value: Any, schema: Obj) -> bool:
    found: list[Problem] = []
    _check(value, schema, "", found, structural=False)
    return not found
