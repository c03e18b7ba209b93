# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the schema validator finds wrong with a custom resource."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import schema

STRING = {"type": "string"}
CASES: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "fits": ({"a": "x"}, {"properties": {"a": STRING}}, []),
    "unknown field": ({"b": 1}, {"properties": {"a": STRING}}, ["spec.b: unknown field"]),
    "unknown field in a list": (
        {"a": [{"x": 1, "y": 1}]},
        {"properties": {"a": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}}}},
        ["spec.a[0].y: unknown field"],
    ),
    "unknown fields are preserved": (
        {"b": 1},
        {"x-kubernetes-preserve-unknown-fields": True, "properties": {"a": STRING}},
        [],
    ),
    "known fields are checked where unknown ones are preserved": (
        {"a": 1, "b": 1},
        {"x-kubernetes-preserve-unknown-fields": True, "properties": {"a": STRING}},
        ["spec.a: must be of type string, is integer"],
    ),
    "any value where there is no type": (
        {"a": [1]},
        {"properties": {"a": {"x-kubernetes-preserve-unknown-fields": True}}},
        [],
    ),
    "a map": (
        {"a": {"x": "1", "y": 1}},
        {"properties": {"a": {"type": "object", "additionalProperties": STRING}}},
        ["spec.a.y: must be of type string, is integer"],
    ),
    "a free map": ({"a": {"x": {"y": 1}}}, {"properties": {"a": {"type": "object", "additionalProperties": True}}}, []),
    "an embedded object": (
        {"a": {"apiVersion": "v1", "kind": "X", "metadata": {}, "z": 1}},
        {"properties": {"a": {"type": "object", "x-kubernetes-embedded-resource": True}}},
        ["spec.a.z: unknown field"],
    ),
    "required": ({}, {"required": ["a"], "properties": {"a": STRING}}, ["spec.a: is required"]),
    "null": ({"a": None}, {"properties": {"a": STRING}}, ["spec.a: must not be null"]),
    "null where it may be": ({"a": None}, {"properties": {"a": {**STRING, "nullable": True}}}, []),
    "true is no integer": (
        {"a": True},
        {"properties": {"a": {"type": "integer"}}},
        ["spec.a: must be of type integer, is boolean"],
    ),
    "1.0 is an integer": ({"a": 1.0}, {"properties": {"a": {"type": "integer"}}}, []),
    "1.5 is no integer": (
        {"a": 1.5},
        {"properties": {"a": {"type": "integer"}}},
        ["spec.a: must be of type integer, is number"],
    ),
    "a list for a string": ({"a": []}, {"properties": {"a": STRING}}, ["spec.a: must be of type string, is array"]),
    "int-or-string, both": (
        {"a": 1, "b": "10%"},
        {
            "properties": {
                name: {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, STRING]} for name in "ab"
            }
        },
        [],
    ),
    "int-or-string, neither": (
        {"a": 1.5},
        {"properties": {"a": {"x-kubernetes-int-or-string": True}}},
        ["spec.a: must be an integer or a string"],
    ),
    "enum": (
        {"a": "C"},
        {"properties": {"a": {**STRING, "enum": ["A", "B"]}}},
        ["spec.a: is 'C'; must be one of: A, B"],
    ),
    "bounds": (
        {"a": 0, "b": 9, "c": 5},
        {"properties": {name: {"type": "integer", "minimum": 1, "maximum": 8} for name in "abc"}},
        ["spec.a: is 0; must be at least 1", "spec.b: is 9; must be at most 8"],
    ),
    "exclusive bounds": (
        {"a": 1},
        {"properties": {"a": {"type": "number", "minimum": 1, "exclusiveMinimum": True}}},
        ["spec.a: is 1; must be at least 1"],
    ),
    "pattern": (
        {"a": "x1", "b": "1"},
        {"properties": {name: {**STRING, "pattern": "^[0-9]+$"} for name in "ab"}},
        ["spec.a: is 'x1'; must match ^[0-9]+$"],
    ),
    "a pattern that only Go knows": ({"a": "x"}, {"properties": {"a": {**STRING, "pattern": r"^\p{Greek}+$"}}}, []),
    "length": (
        {"a": ""},
        {"properties": {"a": {**STRING, "minLength": 1}}},
        ["spec.a: has 0 characters; must have at least 1"],
    ),
    "items": (
        {"a": [1, 2, 3]},
        {"properties": {"a": {"type": "array", "maxItems": 2, "items": {"type": "integer"}}}},
        ["spec.a: has 3 items; must have at most 2"],
    ),
    "a keyed list's key twice": (
        {"a": [{"n": "x"}, {"n": "y"}, {"n": "x"}]},
        {
            "properties": {
                "a": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["n"],
                    "items": {"type": "object", "properties": {"n": STRING}},
                }
            }
        },
        ["spec.a[2]: has the n of an earlier item"],
    ),
    "oneOf, as Istio writes it": (
        {"exact": "x", "prefix": "y"},
        {
            "properties": {"exact": STRING, "prefix": STRING},
            "oneOf": [
                {"not": {"anyOf": [{"required": ["exact"]}, {"required": ["prefix"]}]}},
                {"required": ["exact"]},
                {"required": ["prefix"]},
            ],
        },
        ["spec: must have exactly one of its alternative forms, has 2 (oneOf)"],
    ),
    "not": (
        {"a": "x"},
        {"properties": {"a": {**STRING, "not": {"enum": ["x"]}}}},
        ["spec.a: has a form it must not have (not)"],
    ),
    "allOf": (
        {"a": 9},
        {"properties": {"a": {"type": "integer", "allOf": [{"maximum": 8}]}}},
        ["spec.a: is 9; must be at most 8"],
    ),
}


@pytest.mark.parametrize(("spec", "declared", "expected"), CASES.values(), ids=CASES)
def test_validate(spec: Any, declared: dict[str, Any], expected: list[str]) -> None:
    whole = {"type": "object", "properties": {"spec": {"type": "object", **declared}}}
    obj = {"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec}
    assert [str(problem) for problem in schema.validate(obj, whole)] == expected


def test_an_unknown_field_beside_spec() -> None:
    whole = {"type": "object", "properties": {"apiVersion": STRING, "spec": {"type": "object"}}}
    assert [str(problem) for problem in schema.validate({"apiVersion": "x/v1", "spce": {}}, whole)] == [
        "spce: unknown field"
    ]


CRD = {
    "spec": {
        "versions": [
            {"name": "v1", "served": True, "schema": {"openAPIV3Schema": {"type": "object"}}},
            {"name": "v2", "served": False},
        ]
    }
}


@pytest.mark.parametrize(("version", "expected"), [("v1", {"type": "object"}), ("v2", None), ("v3", None)])
def test_served_schema(version: str, expected: Any) -> None:
    assert schema.served_schema(CRD, version) == expected
