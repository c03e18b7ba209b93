# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mesh_policy's documentation agrees with its argument specification."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.doc_fragments import (
    policy_egress,
    policy_gateways,
    policy_limits,
    policy_security,
    policy_telemetry,
    policy_traffic,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import FAMILIES
from ansible_collections.meshwright.istio.plugins.module_utils._kube.options import CONNECTION_SPEC
from ansible_collections.meshwright.istio.plugins.modules import mesh_policy

FRAGMENTS = (policy_traffic, policy_security, policy_limits, policy_gateways, policy_egress, policy_telemetry)
DOCUMENTED: dict[str, Any] = yaml.safe_load(mesh_policy.DOCUMENTATION)["options"]
for fragment in FRAGMENTS:
    DOCUMENTED |= yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
OWN = {name: option for name, option in mesh_policy.SPEC.items() if name not in CONNECTION_SPEC}
# What a specification says that documentation has no word for.
_SILENT = ("no_log", "mutually_exclusive", "required_one_of", "required_together", "required_by", "required_if")


def spoken(option: dict[str, Any]) -> dict[str, Any]:
    """An option of the specification as documentation has it."""
    found = {key: value for key, value in option.items() if key not in (*_SILENT, "options", "apply_defaults")}
    if "options" in option:
        found["suboptions"] = {name: spoken(each) for name, each in option["options"].items()}
    return found


def described(option: dict[str, Any]) -> dict[str, Any]:
    """A documented option as the specification has it; each must be described."""
    assert option["description"]
    found = {key: value for key, value in option.items() if key not in ("description", "version_added")}
    if "suboptions" in found:
        found["suboptions"] = {name: described(each) for name, each in found["suboptions"].items()}
    return found


def test_every_option_is_documented_and_no_other() -> None:
    assert set(DOCUMENTED) == set(OWN)
    assert set(FAMILIES) <= set(OWN)


@pytest.mark.parametrize("name", OWN)
def test_option_is_documented_as_it_is(name: str) -> None:
    assert described(DOCUMENTED[name]) == spoken(OWN[name])


def test_examples_and_return_are_whole() -> None:
    tasks = yaml.safe_load(mesh_policy.EXAMPLES)
    assert all(task["name"] for task in tasks)
    assert all(set(task["meshwright.istio.mesh_policy"]) <= set(OWN) for task in tasks)
    returned = yaml.safe_load(mesh_policy.RETURN)
    assert all(entry["description"] and entry["type"] and entry["returned"] for entry in returned.values())
