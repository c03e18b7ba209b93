# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The request of `mesh_upgrade`: what is required when, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.upgrade import (
    UPGRADE_SPEC,
    UpgradeIntent,
    upgrade_intent,
)


def asked(**given: Any) -> UpgradeIntent:
    params = {name: option.get("default") for name, option in UPGRADE_SPEC.items()}
    return upgrade_intent({**params, "update_strategy": "revision_based", **given})


@pytest.mark.parametrize("stage", ["status", "return", "finish"])
def test_some_stages_go_by_the_journal(stage: str) -> None:
    intent = asked(stage=stage)
    assert not intent.versioned
    assert str(intent.to("1.31.1").mesh.version) == "1.31.1" and intent.to("1.31.1").versioned


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"stage": "gate"}, "version is required when stage is gate"),
        ({"stage": "gate", "version": "1.31.1", "update_strategy": "in_place"}, "istio_mesh"),
        ({"stage": "shift", "version": "1.31.1", "batch": 0}, "batch"),
        ({"stage": "gate", "version": "1.31.1", "soak": -1}, "soak"),
        ({"stage": "gate", "version": "1.31.1", "gate_skip": ["MW9999"]}, "MW9999"),
        ({"stage": "shift", "version": "1.31.1", "wait": False}, "wait"),
        ({"stage": "shift", "version": "1.31.1", "restarts_at_a_time": 0}, "restarts_at_a_time"),
    ],
)
def test_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput) as refused:
        asked(**given)
    assert named in str(refused.value)


def test_what_the_gate_skips_is_spelled_as_people_like() -> None:
    found = asked(stage="gate", version="1.31.1", gate_skip=["XDS", " mw0011 "])
    assert found.skip == {"xds", "MW0011"}
