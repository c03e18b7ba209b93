# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of `istio_mesh` as AnsibleModule hands them on: every option there, None where not given."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh import MeshIntent, mesh_intent
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh_spec import MESH_SPEC


def params(**given: Any) -> dict[str, Any]:
    unknown = given.keys() - MESH_SPEC.keys()
    assert not unknown, unknown
    return {name: _filled(option, given.get(name)) for name, option in MESH_SPEC.items()}


def _filled(option: dict[str, Any], value: Any) -> Any:
    if value is None:
        return option.get("default")
    if option.get("options") and isinstance(value, dict):
        assert value.keys() <= option["options"].keys(), value
        return {name: _filled(below, value.get(name)) for name, below in option["options"].items()}
    if option.get("options") and isinstance(value, list):
        return [{name: _filled(below, each.get(name)) for name, below in option["options"].items()} for each in value]
    return value


def intent(**given: Any) -> MeshIntent:
    return mesh_intent(params(**{"version": "1.31.1", **given}))
