# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which field managers of this module's are of the past."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.former import (
    FAMILY,
    as_desired,
    formers,
    is_former,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.applyset import PART_OF, set_id
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import ApplySetName, PolicyIntent

Obj = dict[str, Any]
SHOP = PolicyIntent(apply_set=ApplySetName("shop", "home")).manager
ID = set_id("shop", "home")
OWNED: Obj = {"f:data": {"f:a": {}}}


def live(*managers: str, operation: str = "Apply", label: str = "", **entry: str) -> Obj:
    entries = [
        {"manager": name, "operation": operation, "apiVersion": "v1", "fieldsV1": OWNED, **entry} for name in managers
    ]
    labels = {PART_OF: label} if label else {}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"managedFields": entries, "labels": labels},
        "data": {"a": "1"},
    }


def test_the_family_is_the_modules() -> None:
    assert PolicyIntent().manager == FAMILY
    assert not is_former(FAMILY, FAMILY) and is_former(SHOP, FAMILY) and is_former(FAMILY, SHOP)
    assert not is_former("meshwright-policyholder", SHOP) and not is_former("meshwright-mesh", SHOP)


@pytest.mark.parametrize(
    ("seen", "manager", "identity", "found"),
    [
        pytest.param(None, SHOP, ID, [], id="not there"),
        pytest.param(live(FAMILY, SHOP, "kubectl"), SHOP, ID, [FAMILY], id="from before there was a set"),
        pytest.param(live(FAMILY, SHOP, label=ID), SHOP, ID, [FAMILY], id="in the set by now"),
        pytest.param(live(FAMILY, SHOP), FAMILY, "", [SHOP], id="taken out of its set"),
        pytest.param(live(FAMILY, SHOP, label=ID), FAMILY, "", [], id="still in its set"),
        pytest.param(live("meshwright-policy-other", label="another"), SHOP, ID, [], id="in another set"),
        pytest.param(live(FAMILY, operation="Update"), SHOP, ID, [], id="not applied"),
        pytest.param(live(FAMILY, subresource="status"), SHOP, ID, [], id="not the object itself"),
    ],
)
def test_formers(seen: Obj | None, manager: str, identity: str, found: list[str]) -> None:
    assert formers(seen, manager, identity) == found


def test_what_a_former_manager_has_is_not_as_desired() -> None:
    desired = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}}
    assert as_desired(desired, live(SHOP), SHOP, ID)
    assert not as_desired(desired, live(SHOP, FAMILY), SHOP, ID)
