# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All families together."""

from __future__ import annotations

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.expand import FAMILIES, expand
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import FAMILIES as OPTIONS

from . import edge

EGRESS = edge.shorts("egress", "egress: [{namespace: shop, registry_only: true}]")
TELEMETRY = edge.shorts("telemetry", "telemetry: [{namespace: shop, access_log: {disabled: true}}]")


def test_every_option_has_its_family() -> None:
    assert tuple(FAMILIES) == OPTIONS


def test_objects_are_in_the_order_of_the_families() -> None:
    found = expand({"telemetry": TELEMETRY, "egress": EGRESS}, edge.PLANES["sidecars"])
    assert [(each.obj["kind"], each.origin) for each in found] == [
        ("Sidecar", "egress[0]"),
        ("Telemetry", "telemetry[0]"),
    ]


def test_all_that_is_wrong_in_all_families_is_told_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        expand({"telemetry": TELEMETRY, "egress": EGRESS}, edge.PLANES["ambient"])
    first, second = str(refused.value).splitlines()
    assert first.startswith("egress[0]: registry_only: shop is ambient")
    assert second.startswith("telemetry[0]: the namespace shop is ambient")
    assert refused.value.details["errors"] == [first, second]


def test_what_is_wrong_in_one_family_is_its_own_error() -> None:
    with pytest.raises(BadInput, match="registry_only") as refused:
        expand({"egress": EGRESS}, edge.PLANES["ambient"])
    assert len(refused.value.details["errors"]) == 1
