# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.olm import (
    csv_name,
    olm_objects,
    olm_problem,
    to_approve,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.operator import OperatorIntent
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version

from .._intent.meshes import intent

VERSION = parse_version("1.30.3")
CSV = "sailoperator.v1.30.3"


def operator(**given: Any) -> OperatorIntent:
    platform = given.pop("platform", None)
    return intent(method="sail", version="1.30.3", platform=platform, operator={"install": "olm", **given}).operator


def test_operatorhub() -> None:
    group, subscription = olm_objects(operator(), VERSION)
    assert group["kind"] == "OperatorGroup" and group["metadata"]["namespace"] == "sail-operator"
    assert subscription["spec"] == {
        "name": "sailoperator",
        "channel": "stable",
        "source": "operatorhubio-catalog",
        "sourceNamespace": "olm",
        "installPlanApproval": "Manual",
        "startingCSV": CSV,
    }


def test_openshift_has_its_group_and_its_own_package() -> None:
    found = olm_objects(operator(platform="openshift"), None)
    assert [obj["kind"] for obj in found] == ["Subscription"]
    assert found[0]["metadata"]["namespace"] == "openshift-operators"
    assert found[0]["spec"]["name"] == "servicemeshoperator3"
    assert found[0]["spec"]["source"] == "redhat-operators"
    assert "startingCSV" not in found[0]["spec"]
    assert csv_name(operator(platform="openshift"), parse_version("3.2.0")) == "servicemeshoperator3.v3.2.0"


def test_a_second_group_would_stop_the_first() -> None:
    group = {"metadata": {"name": "theirs", "namespace": "sail-operator"}}
    assert [obj["kind"] for obj in olm_objects(operator(), VERSION, [group])] == ["Subscription"]


def plan(name: str, csv: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"approval": "Manual", "approved": False, "clusterServiceVersionNames": [csv], **spec},
    }


@pytest.mark.parametrize(
    ("plans", "version", "found"),
    [
        ([plan("a", CSV)], VERSION, "a"),
        ([plan("a", "sailoperator.v1.31.0"), plan("b", CSV)], VERSION, "b"),
        ([plan("a", "sailoperator.v1.31.0")], VERSION, None),
        ([plan("a", CSV, approved=True)], VERSION, None),
        ([plan("waited", "sailoperator.v1.31.0")], None, "waited"),
        ([plan("another", "sailoperator.v1.31.0")], None, None),
        ([], VERSION, None),
    ],
)
def test_only_the_wanted_plan_is_approved(plans: list[dict[str, Any]], version: Any, found: str | None) -> None:
    subscription = {"status": {"installPlanRef": {"name": "waited"}}}
    chosen = to_approve(plans, operator(), version, subscription)
    assert (chosen["metadata"]["name"] if chosen else None) == found
    assert to_approve(plans, operator(approval="Automatic"), version, subscription) is None


@pytest.mark.parametrize(
    ("subscription", "csv", "words"),
    [
        (None, None, "does not exist"),
        ({"status": {"state": "UpgradePending"}}, None, "UpgradePending; installed is nothing, wanted"),
        ({"status": {"installedCSV": "sailoperator.v1.29.2"}}, None, "installed is sailoperator.v1.29.2"),
        (
            {"status": {"installedCSV": CSV}},
            {"status": {"phase": "Installing", "message": "waiting"}},
            "Installing: waiting",
        ),
        ({"status": {"installedCSV": CSV}}, {"status": {"phase": "Succeeded"}}, ""),
        (
            {"status": {"conditions": [{"type": "ResolutionFailed", "status": "True", "message": "no such channel"}]}},
            None,
            "ResolutionFailed: no such channel",
        ),
    ],
)
def test_what_olm_waits_for(subscription: Any, csv: Any, words: str) -> None:
    found = olm_problem(subscription, csv, CSV)
    assert words in found if words else found == ""
