# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task may ask of mesh_policy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import (
    ApplySetName,
    GivenPlane,
    PolicyIntent,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy_spec import POLICY_SPEC

DEFAULTS = {name: option.get("default") for name, option in POLICY_SPEC.items()}
ONE: list[Any] = [{"kind": "ConfigMap"}]


def intent(**params: Any) -> PolicyIntent:
    return PolicyIntent.from_params({**DEFAULTS, **params})


def test_defaults() -> None:
    found = intent(definitions=ONE)
    assert (found.state, found.concurrency, found.validate, found.wait) == ("present", 8, True, True)
    assert (found.manager, found.apply_set, found.prometheus) == ("meshwright-policy", None, None)


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"apply_set": "shop"}, ApplySetName("shop", "default")),
        ({"apply_set": "shop", "namespace": "a"}, ApplySetName("shop", "a")),
        ({"apply_set": "shop", "namespace": "a", "apply_set_namespace": "b"}, ApplySetName("shop", "b")),
    ],
)
def test_the_set_has_a_place_and_a_manager(params: dict[str, Any], where: ApplySetName) -> None:
    found = intent(definitions=ONE, **params)
    assert found.apply_set == where
    assert found.manager == "meshwright-policy-shop"


def test_short_forms_take_the_tasks_namespace() -> None:
    found = intent(namespace="a", traffic=[{"host": "x", "namespace": None}, {"host": "x", "namespace": "b"}])
    assert [entry["namespace"] for entry in found.families["traffic"]] == ["a", "b"]


def test_given_planes() -> None:
    found = intent(definitions=ONE, data_planes=[{"mode": "ambient", "waypoint": "w", "namespaces": None}])
    assert found.planes == (GivenPlane("ambient", "w"),)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "No object is given"),
        ({"apply_set": "shop", "prune": True}, "use state: absent with the same apply_set"),
        ({"state": "absent"}, "Nothing is named that should be absent"),
        ({"definitions": ONE, "prune": True}, "`prune` needs `apply_set`"),
        ({"definitions": ONE, "concurrency": 0}, "`concurrency` is 0"),
        ({"definitions": ONE, "concurrency": 65}, "`concurrency` is 65"),
        ({"definitions": ONE, "wait_timeout": 0}, "`wait_timeout` is 0"),
        ({"definitions": ONE, "labels": {"a": 1}}, "`labels` has values that are no text: a"),
        ({"definitions": ONE, "annotations": {"a": True}}, "`annotations` has values that are no text: a"),
        ({"definitions": ONE, "apply_set": "Shop"}, "cannot name a ConfigMap"),
        ({"definitions": ONE, "apply_set": "-a"}, "cannot name a ConfigMap"),
        ({"definitions": ONE, "apply_set": "a" * 46}, "at most 45"),
        ({"definitions": ONE, "apply_set_namespace": "a"}, "without `apply_set`"),
        ({"definitions": ONE, "data_planes": [{"mode": "none"}, {"mode": "ambient"}]}, "two things"),
        (
            {"definitions": ONE, "data_planes": [{"mode": "none", "namespaces": ["a"]}] * 2},
            "two things of the same namespace",
        ),
    ],
)
def test_what_is_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        intent(**params)


def test_a_token_is_not_shown() -> None:
    found = intent(definitions=ONE, prometheus={"url": "http://p/", "token": "hunter2"})
    assert found.prometheus is not None
    assert found.prometheus.url == "http://p"
    assert "hunter2" not in repr(found)
