# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The minimal CRDs against the genuine ones, where those are at hand."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.harness.sail import crds, versions
from tests.harness.state import CHECKOUT

Object = dict[str, Any]
GENUINE = (CHECKOUT / "../shared/sail-crds").resolve()
CASES = [
    (operator, each["spec"]["names"]["kind"]) for operator in versions.OPERATORS for each in crds.definitions(operator)
]


@functools.cache
def genuine(operator: str) -> dict[str, Object]:
    """Kind -> genuine CRD; skips where there are none."""
    folder = GENUINE / operator
    if not folder.is_dir():
        pytest.skip(f"the genuine CRDs of the Sail Operator {operator} are not at {folder}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = [yaml.load(path.read_text(), loader) for path in folder.glob("*.yaml")]
    return {each["spec"]["names"]["kind"]: each for each in found}


def ours(operator: str) -> dict[str, Object]:
    return {each["spec"]["names"]["kind"]: each for each in crds.definitions(operator)}


def served(definition: Object) -> dict[str, Object]:
    return {each["name"]: each for each in definition["spec"]["versions"]}


def spec_of(version: Object) -> Object:
    return dict(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


def unlike(mine: Object, theirs: Object, path: str) -> Iterator[str]:
    """Where a modelled schema differs: fields, types, enums, defaults, rules."""
    for name in ("type", "default", "x-kubernetes-validations", "required", "minimum", "maxLength"):
        if mine.get(name) is not None and mine[name] != theirs.get(name):
            yield f"{path}: {name} is {mine[name]}, there {theirs.get(name)}"
    # The order counts where people read it, in the message that refuses a version.
    enums = [each.get("enum") or [] for each in (mine, theirs)]
    if enums[0] and enums[0] != enums[1] and (path.endswith(".version") or set(enums[0]) != set(enums[1])):
        yield f"{path}: enum is {enums[0]}, there {enums[1]}"
    fields = mine.get("properties")
    if fields is None:
        return
    there = theirs.get("properties") or {}
    if set(fields) != set(there):
        yield f"{path}: fields {set(fields) ^ set(there)}"
    for name in set(fields) & set(there):
        yield from unlike(fields[name], there[name], f"{path}.{name}")


@pytest.mark.parametrize(("operator", "kind"), CASES)
def test_spec_is_the_genuine_one(operator: str, kind: str) -> None:
    mine, theirs = served(ours(operator)[kind]), served(genuine(operator)[kind])
    assert list(mine) == list(theirs)
    for name, version in mine.items():
        differences = list(unlike(spec_of(version), spec_of(theirs[name]), f"{kind} {name}"))
        assert not differences, differences


@pytest.mark.parametrize(("operator", "kind"), CASES)
def test_the_rest_is_the_genuine_one(operator: str, kind: str) -> None:
    mine, theirs = ours(operator)[kind], genuine(operator)[kind]
    assert mine["metadata"]["name"] == theirs["metadata"]["name"]
    for name in ("group", "scope", "names"):
        assert mine["spec"][name] == theirs["spec"][name]
    for name, version in served(mine).items():
        there = served(theirs)[name]
        for each in ("served", "storage", "deprecated", "subresources"):
            assert version.get(each) == there.get(each), (kind, name, each)
        schema, genuine_schema = (found["schema"]["openAPIV3Schema"] for found in (version, there))
        rules = "x-kubernetes-validations"
        assert schema.get(rules) == genuine_schema.get(rules)
        status = set(schema["properties"]["status"]["properties"])
        assert status == set(genuine_schema["properties"]["status"]["properties"])


def test_target_reference_came_late() -> None:
    found = {operator: ours(operator)["ZTunnel"] for operator in versions.OPERATORS}
    has = {
        operator: {n: "targetRef" in spec_of(v)["properties"] for n, v in served(d).items()}
        for operator, d in found.items()
    }
    assert has == {
        "1.27.3": {"v1alpha1": False},
        "1.28.3": {"v1": False, "v1alpha1": False},
        "1.30.3": {"v1": True, "v1alpha1": False},
    }
