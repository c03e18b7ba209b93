# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is accepted beforehand is set aside: by check, by object, and for a time."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.baseline import Entry, weigh
from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import CheckResult, Finding, Status
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID

TODAY = "2026-06-15"
SERVICES = ("Service shop/web", "Service shop/cart", "Service pay/api")


def result(*findings: Finding, status: Status = "failed", reason: str = "") -> CheckResult:
    return CheckResult(BY_ID["MW0017"], status, reason, findings)


def error(*objects: str) -> Finding:
    return Finding("error", "These are wrong.", objects)


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("", None),
        ("Service shop/web", SERVICES[1:]),
        ("shop/web", SERVICES[1:]),
        ("shop/*", SERVICES[2:]),
        ("Service */a*", SERVICES[:2]),
        ("Deployment shop/web", SERVICES),
        ("*", None),
    ],
)
def test_objects_that_are_accepted_go(pattern: str, left: tuple[str, ...] | None) -> None:
    found = weigh([result(error(*SERVICES))], [Entry("MW0017", pattern, "planned")], TODAY)
    (one,) = found.results
    assert [finding.objects for finding in one.findings] == ([left] if left else [])
    assert one.status == ("failed" if left else "passed")
    assert found.unused == ([Entry("MW0017", pattern, "planned")] if left == SERVICES else [])


def test_several_entries_take_their_parts() -> None:
    entries = [Entry("MW0017", "shop/web", "one"), Entry("MW0017", "pay/*", "two"), Entry("MW0018", "", "other")]
    (one,) = weigh(
        [result(error(*SERVICES), Finding("warning", "This too.", ("Service shop/web",)))], entries, TODAY
    ).results
    assert [(finding.severity, finding.objects) for finding in one.findings] == [("error", ("Service shop/cart",))]
    assert [(each.reason, each.finding.objects) for each in one.accepted] == [
        ("one", ("Service shop/web",)),
        ("two", ("Service pay/api",)),
        ("one", ("Service shop/web",)),
    ]


@pytest.mark.parametrize(("expires", "accepted"), [("2026-06-15", True), ("2026-06-14", False), ("", True)])
def test_an_entry_holds_to_its_last_day(expires: str, accepted: bool) -> None:
    entry = Entry("MW0017", "shop/*", "until then", expires)
    found = weigh([result(error("Service shop/web"))], [entry], TODAY)
    assert (found.results[0].status == "passed") is accepted
    assert found.expired == ([] if accepted else [entry])
    assert found.unused == []


@pytest.mark.parametrize(
    ("status", "reason", "after"), [("failed", "looked at in part", "unknown"), ("unknown", "forbidden", "unknown")]
)
def test_what_was_not_seen_is_not_accepted(status: Status, reason: str, after: str) -> None:
    found = weigh([result(error("Service shop/web"), status=status, reason=reason)], [Entry("MW0017")], TODAY)
    assert found.results[0].status == after


def test_a_finding_about_no_object_is_accepted_as_a_whole_only() -> None:
    given = [result(Finding("error", "The mesh is wrong."))]
    assert weigh(given, [Entry("MW0017", "*", "no")], TODAY).results[0].status == "failed"
    assert weigh(given, [Entry("MW0017", "", "yes")], TODAY).results[0].status == "passed"


def test_an_entry_of_a_check_that_could_not_look_is_not_unused() -> None:
    assert weigh([result(status="unknown")], [Entry("MW0017", "shop/*")], TODAY).unused == []
    assert weigh([], [Entry("MW0017", "shop/*")], TODAY).unused == []


def test_shown() -> None:
    entry = Entry("MW0017", "shop/*", "because", "2027-01-01")
    shown: dict[str, Any] = (
        weigh([result(error("Service shop/web"))], [entry], TODAY).results[0].accepted[0].shown(BY_ID["MW0017"])
    )
    assert shown["accepted"] == {"reason": "because", "expires": "2027-01-01"}
    assert shown["objects"] == ["Service shop/web"]
