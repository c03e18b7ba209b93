# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.decide import decide, manifest_difference
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.helm.observe import busy
from ansible_collections.meshwright.istio.plugins.module_utils._desired.helm import DesiredRelease
from ansible_collections.meshwright.istio.plugins.module_utils._tools.helm_releases import Record, Release

DESIRED = DesiredRelease("cni", "istio-cni", "istio-system", "cni", "1.31.1", {"profile": "ambient"})
NOW = 1_000_000.0


def rec(revision: int, status: str, *, ours: bool = True, age: float = 0) -> Record:
    return Record("istio-cni", "istio-system", revision, status, f"v{revision}", "u", ours, NOW - age)


def rel(**changes: Any) -> Release:
    fields: dict[str, Any] = {
        "name": "istio-cni",
        "namespace": "istio-system",
        "revision": 1,
        "status": "deployed",
        "chart": "cni",
        "version": "1.31.1",
        "app_version": "1.31.1",
        "values": {"profile": "ambient"},
        "manifest": "",
        "description": "",
        "modified": NOW,
    }
    return Release(**{**fields, **changes})


@pytest.mark.parametrize(
    ("records", "release", "action", "recovery", "word"),
    [
        ([], None, "create", "", "not installed"),
        ([rec(1, "deployed")], rel(), "none", "", "as desired"),
        ([rec(1, "deployed")], rel(version="1.30.3"), "update", "", "1.30.3 becomes 1.31.1"),
        ([rec(1, "deployed")], rel(chart="base"), "update", "", "the chart is base"),
        ([rec(1, "deployed")], rel(values={"profile": "ambient", "x": {"y": 1}}), "update", "", "x.y"),
        ([rec(1, "deployed")], rel(values={"profile": "ambient", "x": None}), "none", "", "as desired"),
        ([rec(1, "pending-install")], rel(status="pending-install"), "recover", "drop", "pending-install"),
        ([rec(1, "deployed"), rec(2, "pending-upgrade")], rel(), "recover", "rollback", "back to revision 1"),
        ([rec(1, "deployed"), rec(2, "pending-rollback")], rel(), "recover", "rollback", "back to revision 1"),
        ([rec(1, "failed"), rec(2, "pending-upgrade")], rel(), "recover", "drop", "pending-upgrade"),
        ([rec(1, "deployed"), rec(2, "failed")], rel(), "recover", "", "ended as failed"),
        ([rec(1, "failed")], rel(status="failed"), "recover", "", "ended as failed"),
        ([rec(1, "uninstalling")], rel(status="uninstalling"), "recover", "uninstall", "uninstalling"),
        ([rec(1, "uninstalled")], rel(status="uninstalled"), "create", "", "uninstalled before"),
        ([rec(1, "deployed")], None, "recover", "drop", "no readable record"),
    ],
)
def test_decisions(records: list[Record], release: Release | None, action: str, recovery: str, word: str) -> None:
    decision = decide(DESIRED, records, release)
    assert (decision.action, decision.recovery) == (action, recovery)
    assert word in decision.reason


def test_what_is_dropped_and_what_is_gone_back_to() -> None:
    dropped = decide(DESIRED, [rec(1, "failed"), rec(2, "pending-upgrade")], rel())
    assert [one.revision for one in dropped.unfinished] == [2]
    assert decide(DESIRED, [rec(4, "deployed"), rec(5, "pending-upgrade")], rel()).back_to == 4


def test_values_that_differ_are_named_not_shown() -> None:
    decision = decide(DESIRED, [rec(1, "deployed")], rel(values={"profile": "ambient", "env": {"TOKEN": "hush"}}))
    assert "env.TOKEN" in decision.reason and "hush" not in decision.reason


@pytest.mark.parametrize(
    ("records", "grace", "is_busy"),
    [
        ([rec(1, "deployed", ours=False)], 300, False),
        ([rec(1, "pending-install", ours=False, age=10)], 300, True),
        ([rec(1, "pending-install", ours=False, age=400)], 300, False),
        ([rec(1, "pending-install", ours=False, age=10)], 0, False),
        # Our own runs exclude each other by a Lease: whoever left this is dead.
        ([rec(1, "pending-install", age=10)], 300, False),
        ([rec(1, "pending-upgrade", ours=False, age=10), rec(2, "deployed", ours=False)], 300, False),
        ([], 300, False),
    ],
)
def test_whether_another_helm_may_be_at_work(records: list[Record], grace: float, is_busy: bool) -> None:
    assert (busy(records, NOW, grace) is not None) is is_busy


def test_manifest_difference() -> None:
    def hook(**more: Any) -> dict[str, Any]:
        webhook = {"name": "validation.istio.io", **more}
        meta = {"name": "v", "labels": {"istio.io/rev": "default"}}
        return {"apiVersion": "x/v1", "kind": "ValidatingWebhookConfiguration", "metadata": meta, "webhooks": [webhook]}

    # An installation renders failurePolicy, an upgrade leaves it out: no difference, since it is istiod's.
    assert manifest_difference([hook(failurePolicy="Ignore")], [hook()]) == ""
    assert "ValidatingWebhookConfiguration v" in manifest_difference([hook()], [hook(timeoutSeconds=15)])
    assert "ValidatingWebhookConfiguration v" in manifest_difference([], [hook()])
