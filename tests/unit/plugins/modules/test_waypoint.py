# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`waypoint`: its documentation says what its argument spec says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._intent.waypoint_spec import WAYPOINT_SPEC
from ansible_collections.meshwright.istio.plugins.modules import waypoint

from .test_istio_mesh import pairs

DOCUMENTED: dict[str, Any] = yaml.safe_load(waypoint.DOCUMENTATION)["options"]
PAIRS = list(pairs(WAYPOINT_SPEC, DOCUMENTED))


@pytest.mark.parametrize(("name", "spec", "documented"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_an_option_is_documented_as_it_is(name: str, spec: Any, documented: Any) -> None:
    assert spec is not None, "documented, but not in the spec"
    assert documented is not None, "not documented"
    for key in ("type", "default", "choices", "elements"):
        assert documented.get(key) == spec.get(key), key
    assert bool(documented.get("required")) == bool(spec.get("required"))


def test_examples_use_known_options() -> None:
    for task in yaml.safe_load(waypoint.EXAMPLES):
        assert task["meshwright.istio.waypoint"].keys() - WAYPOINT_SPEC.keys() <= {"context"}


def test_every_return_value_says_what_and_when() -> None:
    for entry in yaml.safe_load(waypoint.RETURN).values():
        assert entry["description"] and entry["type"] and entry["returned"]
