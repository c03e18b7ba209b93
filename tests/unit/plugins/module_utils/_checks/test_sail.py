# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Sail Operator's resources: each recorded state, and what it is told as."""

from __future__ import annotations

from typing import Any

import pytest

from .snapshots import healthy, outcome, recorded, severities, snapshot


def sail(**lists: str) -> dict[str, list[dict[str, Any]]]:
    """The recorded healthy resources; each keyword puts a recorded list in the place of a source."""
    content = recorded("sail")
    sources = {"sail_istios", "sail_revisions", "sail_tags", "sail_cnis", "sail_ztunnels"}
    return {name: content[lists.get(name, name)] for name in sources}


@pytest.mark.parametrize("check", ["MW0002", "MW0003", "MW0006"])
def test_skipped_without_sail(check: str) -> None:
    result = outcome(check, healthy())
    assert (result.status, "not installed" in result.reason) == ("skipped", True)


@pytest.mark.parametrize("check", ["MW0002", "MW0003", "MW0006"])
def test_skipped_without_resources(check: str) -> None:
    assert outcome(check, snapshot({name: [] for name in sail()})).status == "skipped"


@pytest.mark.parametrize("check", ["MW0002", "MW0003", "MW0006"])
def test_recorded_healthy(check: str) -> None:
    result = outcome(check, snapshot(sail()))
    assert (result.status, result.findings) == ("passed", ())


@pytest.mark.parametrize(
    ("check", "source", "name", "expected", "told"),
    [
        ("MW0002", "sail_istios", "never_ready_istios", "error", "IstiodNotReady, not all istiod pods are ready"),
        ("MW0002", "sail_istios", "end_of_life_istios", "error", 'version "v1.24.0" is end-of-life'),
        ("MW0002", "sail_istios", "unjudged_istios", "error", "has not been judged by the operator yet"),
        (
            "MW0002",
            "sail_istios",
            "without_ztunnel_istios",
            "warning",
            "ZTunnelNotFound, ZTunnel resource does not exist",
        ),
        ("MW0003", "sail_revisions", "never_ready_revisions", "error", "IstiodNotReady"),
        ("MW0003", "sail_revisions", "lagging_revisions", "warning", "the operator has not acted on it yet"),
        ("MW0006", "sail_ztunnels", "orphaned_ztunnels", "error", 'Istio.sailoperator.io "default" not found'),
        ("MW0006", "sail_ztunnels", "young_ztunnels", "error", "DaemonSetNotReady, no ztunnel pods are currently"),
    ],
)
def test_recorded_unwell(check: str, source: str, name: str, expected: str, told: str) -> None:
    result = outcome(check, snapshot(sail(**{source: name})))
    assert severities(result) == [expected]
    assert told in result.findings[0].title
    assert result.findings[0].remedy


def test_ready_without_its_ztunnel_is_told_as_that() -> None:
    found = outcome("MW0002", snapshot(sail(sail_istios="without_ztunnel_istios"))).findings[0]
    assert found.title.startswith("Istio default is ready, but what it depends on is not")
    assert "creates ZTunnel" in found.remedy


def test_an_istio_that_is_healthy_while_its_revision_lags() -> None:
    seen = snapshot(sail(sail_istios="lagging_istios", sail_revisions="lagging_revisions"))
    assert outcome("MW0002", seen).status == "passed"
    # it is the active one, so it counts
    assert severities(outcome("MW0003", seen)) == ["error"]


def test_the_last_change_was_not_acted_on() -> None:
    lists = sail()
    lists["sail_cnis"][0]["metadata"]["generation"] += 1
    result = outcome("MW0006", snapshot(lists))
    assert (result.status, "observed" in result.findings[0].evidence[-1]) == ("failed", True)


def test_no_status_at_all() -> None:
    lists = sail()
    lists["sail_istios"][0].pop("status")
    assert "does an operator run?" in outcome("MW0002", snapshot(lists)).findings[0].title
