# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every check: nothing unseen passes, nothing found is lost, and the sums are right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import (
    Check,
    Finding,
    NotApplicable,
    Severity,
)
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID, CATEGORIES, CHECKS
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import (
    FailOn,
    run,
    run_one,
    shown_findings,
    summary,
    verdict,
)
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source, Undecided
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.snapshot import SOURCES

from .snapshots import broken, healthy, load, outcome

ERROR, WARNING, INFO = (Finding(severity, f"{severity} found.") for severity in ("error", "warning", "info"))


def check(*outcomes: Finding | Exception) -> Check:
    """A check that yields these findings, or raises."""

    def function(seen: Snapshot) -> Iterator[Finding]:
        for one in outcomes:
            if isinstance(one, Exception):
                raise one
            yield one

    return Check(99, "Anything", "any", "error", (), "", function)


def test_numbers_are_those_of_the_list_and_unique() -> None:
    assert [one.number for one in CHECKS] == [*range(43), *range(49, 55)]
    assert BY_ID["MW0017"].number == 17


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.id)
def test_every_check_is_documented_and_its_sources_exist(one: Check) -> None:
    assert one.docs.endswith(".")
    assert one.sources
    assert set(one.sources) <= set(SOURCES)
    assert one.category in CATEGORIES


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.id)
def test_a_snapshot_with_nothing_in_it_passes_nothing(one: Check) -> None:
    assert run_one(one, Snapshot()).status == "unknown"


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.id)
def test_an_empty_cluster_passes_nothing(one: Check) -> None:
    empty = Snapshot({name: Source(name) for name in SOURCES})
    assert run_one(one, empty).status == ("failed" if one.number == 0 else "skipped")


@pytest.mark.parametrize(
    ("one", "source"),
    [(one, source) for one in CHECKS for source in one.sources],
    ids=lambda value: value.id if isinstance(value, Check) else value,
)
def test_a_source_that_is_forbidden_is_unknown_with_the_reason(one: Check, source: str) -> None:
    reason = f"user u may not list {source}"
    result = run_one(one, broken(healthy(), source, reason))
    if (one.number, source) in DECIDED_WITHOUT:
        assert result.status in ("passed", "warning", "skipped")
        assert reason not in result.reason
    else:
        assert (result.status, result.reason) == ("unknown", reason)


# Read only when something looks wrong: to tell a remote control plane, or why pods are not ready.
DECIDED_WITHOUT = {
    (0, "mutating_webhooks"),
    (0, "services"),
    (7, "component_pods"),
    (8, "component_pods"),
    (9, "component_pods"),
    (10, "component_pods"),
    (50, "component_pods"),
    (50, "pods"),
    # a single istiod is in use; there are no tags, and no pods of a revision that is gone
    *((4, source) for source in BY_ID["MW0004"].sources if source != "istiods"),
    (5, "istiods"),
    (5, "services"),
    (5, "endpoint_slices"),
    (22, "services"),
    # what the operator says is told besides, and decides nothing
    (12, "sail_ztunnels"),
    (12, "sail_revisions"),
    (13, "sail_ztunnels"),
    # asked only where no DaemonSet, no default validator, or no ambient istiod was found
    (9, "istiods"),
    (10, "istiods"),
    (19, "istiods"),
    (20, "istiods"),
    (25, "daemonsets"),
}


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.id)
def test_a_check_reads_no_source_that_it_does_not_name(one: Check) -> None:
    for name in ("embedded-ambient", "healthy-sidecar", "istiod-down", "ztunnel-never-ready"):
        full = {**{source: Source(source) for source in SOURCES}, **load(name).sources}
        narrow = Snapshot({source: full[source] for source in one.sources})
        assert "was not read" not in run_one(one, narrow).reason


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ((), "passed"),
        ((INFO,), "passed"),
        ((WARNING, INFO), "warning"),
        ((INFO, ERROR, WARNING), "failed"),
        ((NotApplicable("no"),), "skipped"),
        ((Undecided("?"),), "unknown"),
        ((WARNING, Undecided("?")), "unknown"),
        ((ERROR, Undecided("?")), "failed"),
    ],
)
def test_status(outcomes: tuple[Finding | Exception, ...], status: str) -> None:
    result = run_one(check(*outcomes), Snapshot())
    assert result.status == status
    assert len(result.findings) == sum(isinstance(one, Finding) for one in outcomes)


def test_what_a_failed_check_could_not_see_is_said() -> None:
    assert run_one(check(ERROR, Undecided("no right to list x")), Snapshot()).reason.endswith("no right to list x")


@pytest.mark.parametrize(
    ("outcomes", "fail_on", "strict", "told"),
    [
        ([()], "error", False, ""),
        ([(WARNING,)], "error", False, ""),
        ([(WARNING,)], "warning", False, "1 of 1 checks have warnings"),
        ([(INFO,)], "warning", False, ""),
        ([(ERROR,), ()], "error", False, "1 of 2 checks failed: MW0099 error found."),
        ([(ERROR,)], "never", True, ""),
        ([(), (Undecided("?"),)], "error", False, ""),
        ([(), (Undecided("?"),)], "error", True, "1 of 2 checks are unknown"),
        ([(Undecided("?"),)], "error", False, "Nothing could be verified"),
        ([(Undecided("?"),)], "never", False, ""),
        ([(NotApplicable("?"),)], "error", False, ""),
    ],
)
def test_verdict(outcomes: list[tuple[Finding | Exception, ...]], fail_on: FailOn, strict: bool, told: str) -> None:
    results = [run_one(check(*one), Snapshot()) for one in outcomes]
    reason = verdict(results, fail_on, strict)
    assert reason.startswith(told) if told else not reason


def test_sums() -> None:
    results = [run_one(check(*one), Snapshot()) for one in ((), (ERROR, WARNING), (INFO,), (Undecided("?"),))]
    assert summary(results) == {
        "checks": 4,
        "failed": 1,
        "warning": 0,
        "unknown": 1,
        "skipped": 0,
        "passed": 2,
        "errors": 1,
        "warnings": 1,
        "infos": 1,
    }


def test_findings_are_worst_first_and_bounded() -> None:
    severities: list[Severity] = ["info", "error", "warning"]
    many = [
        Finding(severities[number % 3], "x " * 5_000, ("Pod a/b",) * 500, ("y" * 9_000,) * 50) for number in range(600)
    ]
    shown, left_out = shown_findings([run_one(check(*many), Snapshot())])
    assert (len(shown), left_out) == (500, 100)
    assert [one["severity"] for one in shown] == sorted(
        (one["severity"] for one in shown), key=["error", "warning", "info"].index
    )
    assert shown[0]["objects"][-1] == "and 480 more"
    assert len(str(shown[0])) < 8_000


def test_the_recorded_meshes_are_judged_as_what_they_are() -> None:
    failing = {
        name: [result.check.id for result in run(CHECKS, load(name)) if result.status == "failed"]
        for name in (
            "healthy-ambient",
            "healthy-sidecar",
            "ztunnel-rollout-stuck",
            "ztunnel-never-ready",
            "istiod-down",
        )
    }
    assert failing == {
        "healthy-ambient": [],
        "healthy-sidecar": [],
        "ztunnel-rollout-stuck": ["MW0010", "MW0013"],
        "ztunnel-never-ready": ["MW0010", "MW0013"],
        "istiod-down": ["MW0007", "MW0008", "MW0012"],
    }


def test_what_the_recordings_lack_is_unknown() -> None:
    assert outcome("MW0001", load("healthy-ambient")).reason == "api was not read"
