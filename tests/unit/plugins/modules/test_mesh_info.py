# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mesh_info's documentation agrees with its argument specification, and with what the picture holds."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._checks.picture import PARTS, picture
from ansible_collections.meshwright.istio.plugins.module_utils._kube.options import CONNECTION_SPEC
from ansible_collections.meshwright.istio.plugins.modules import mesh_info

from ..module_utils._checks.pictures import whole

DOCUMENTED: dict[str, Any] = yaml.safe_load(mesh_info.DOCUMENTATION)["options"]
RETURNED: dict[str, Any] = yaml.safe_load(mesh_info.RETURN)
OWN = {name: option for name, option in mesh_info.SPEC.items() if name not in CONNECTION_SPEC}
TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}


def test_every_option_is_documented_and_no_other() -> None:
    assert set(DOCUMENTED) == set(OWN)


@pytest.mark.parametrize("name", OWN)
def test_option_is_documented_as_it_is(name: str) -> None:
    documented = {key: value for key, value in DOCUMENTED[name].items() if key != "description"}
    assert documented == OWN[name]


def test_examples_are_named() -> None:
    assert all(task["name"] for task in yaml.safe_load(mesh_info.EXAMPLES))


def test_the_return_value_is_documented_as_it_is() -> None:
    """Every key that a full picture has, of the type that is written, and no other."""
    agree("mesh", RETURNED["mesh"], picture(whole()))


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_documented(part: str) -> None:
    assert RETURNED["mesh"]["contains"][part]["description"]


def agree(where: str, documented: dict[str, Any], found: Any) -> None:
    assert documented["description"], where
    if found is None:
        return
    assert isinstance(found, TYPES[documented["type"]]), where
    contains = documented.get("contains")
    if contains is None:
        return
    entries: list[Any] = list(found) if isinstance(found, list) else [found]
    assert entries, f"{where} is empty, so nothing shows what is in it"
    for entry in entries:
        extra = set(entry) - set(contains)
        absent = {key for key in set(contains) - set(entry) if "returned" not in contains[key]}
        assert not extra, f"{where} has {extra} undocumented"
        assert not absent, f"{where} lacks {absent}"
        for key, value in entry.items():
            agree(f"{where}.{key}", contains[key], value)
