# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mesh_verify's documentation agrees with its argument specification."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import CATEGORIES
from ansible_collections.meshwright.istio.plugins.module_utils._kube.options import CONNECTION_SPEC
from ansible_collections.meshwright.istio.plugins.modules import mesh_verify

DOCUMENTED: dict[str, Any] = yaml.safe_load(mesh_verify.DOCUMENTATION)["options"]
OWN = {name: option for name, option in mesh_verify.SPEC.items() if name not in CONNECTION_SPEC}


def test_every_option_is_documented_and_no_other() -> None:
    assert set(DOCUMENTED) == set(OWN)


def bare(option: dict[str, Any]) -> dict[str, Any]:
    """An option's documentation as an argument specification has it."""
    found = {key: value for key, value in option.items() if key not in ("description", "version_added", "suboptions")}
    if "suboptions" in option:
        found["options"] = {name: bare(each) for name, each in option["suboptions"].items()}
    return found


@pytest.mark.parametrize("name", OWN)
def test_option_is_documented_as_it_is(name: str) -> None:
    assert bare(DOCUMENTED[name]) == OWN[name]


def test_examples_and_return_are_whole() -> None:
    assert all(task["name"] for task in yaml.safe_load(mesh_verify.EXAMPLES))
    returned = yaml.safe_load(mesh_verify.RETURN)
    assert set(returned) >= {"checks", "findings", "summary", "table"}
    assert all(entry["description"] and entry["type"] and entry["returned"] for entry in returned.values())


def test_the_categories_are_named() -> None:
    for category in CATEGORIES:
        assert f"V({category})" in " ".join(DOCUMENTED["checks"]["description"])
