# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a report is made of: any result, whole or in part, becomes one, bounded and in a stable order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._reports.clean import plain, text, texts
from ansible_collections.meshwright.istio.plugins.module_utils._reports.entries import namespace_in
from ansible_collections.meshwright.istio.plugins.module_utils._reports.model import Report
from ansible_collections.meshwright.istio.plugins.module_utils._reports.render import FORMATS, render
from ansible_collections.meshwright.istio.plugins.module_utils._reports.words import aside, cpu, memory, verdict, when

from . import samples


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\x00b\x1bc", "a\ufffdb\ufffdc"),
        ("two\nlines\tand  spaces ", "two lines and spaces"),
        ("a\u2028b\u2029c", "a b c"),
        ("\u202eevil\u2066", "\ufffdevil\ufffd"),
        ("\ud800lone", "\ufffdlone"),
        ("\ufffe\uffff", "\ufffd\ufffd"),
        (None, ""),
        (7, "7"),
        ("Straße 日本 🙂", "Straße 日本 🙂"),
    ],
)
def test_text_is_fit_to_be_written(given: Any, shown: str) -> None:
    assert text(given) == shown
    text(given).encode("utf-8")


def test_text_is_bounded() -> None:
    assert len(text("x" * 10_000)) == 600
    assert texts([str(number) for number in range(100)], 3) == ("0", "1", "2", "and 97 more")
    assert texts("one", 3) == ("one",)
    assert texts({"a": 1}, 3) == texts(5, 3) == ()


def test_plain_data_is_bounded() -> None:
    deep: Any = "end"
    for place in range(50):
        deep = {f"level {place}": deep}
    shown = str(plain(deep))
    assert "..." in shown
    assert "end" not in shown
    assert len(plain(list(range(5000)))) == 1000
    assert plain({"a": float("nan"), "b": object}) == {"a": None, "b": text(object)}


@pytest.mark.parametrize(
    ("label", "namespace"),
    [
        ("Pod shop/web", "shop"),
        ("Gateway.networking.istio.io shop/web", "shop"),
        ("Namespace shop", "shop"),
        ("Node node-1", ""),
        ("ClusterRole istiod", ""),
        ("and 3 more", ""),
        ("", ""),
        ("shop/web", ""),
        ("Host http://example.org/x", ""),
    ],
)
def test_a_label_says_its_namespace(label: str, namespace: str) -> None:
    assert namespace_in(label) == namespace


def counted(**counts: int) -> dict[str, Any]:
    names = ("checks", "failed", "warning", "unknown", "skipped", "passed", "errors", "warnings", "infos")
    return {"summary": {**dict.fromkeys(names, 0), **counts}}


@pytest.mark.parametrize(
    ("result", "status", "words"),
    [
        ({}, "unknown", "Nothing was checked"),
        (counted(checks=3, unknown=3), "unknown", "Nothing could be verified"),
        (counted(checks=3, skipped=3), "unknown", "Nothing could be verified"),
        (counted(checks=3, unknown=1, passed=2), "unknown", "Nothing was found, but 1 check could not see enough"),
        (counted(checks=3, passed=2, skipped=1), "passed", "Healthy: all 2 checks that applied passed"),
        (counted(checks=1, passed=1), "passed", "Healthy: the one check that applied passed"),
        (counted(checks=3, failed=1, errors=2, passed=2), "failed", "1 of 3 checks failed"),
        (
            counted(checks=3, warning=1, warnings=2, passed=2),
            "warning",
            "Nothing is broken, 2 things should be mended",
        ),
    ],
)
def test_the_verdict_never_says_more_than_was_seen(result: dict[str, Any], status: str, words: str) -> None:
    report = Report.of(result)
    assert report.status == status
    assert verdict(report) == words


def test_a_verdict_names_what_it_leaves_open() -> None:
    report = Report.of(samples.broken())
    assert aside(report) == (
        "4 warnings, 2 checks could not see enough, 3 checks had nothing to look at, 1 finding accepted."
    )


@pytest.mark.parametrize(
    ("verdict_of_path", "status", "words"),
    [
        ("works", "passed", "The path is in order"),
        ("broken", "failed", "The path is broken"),
        ("doubtful", "warning", "The path works as far as can be seen, and should be looked at"),
        ("odd", "unknown", "The path cannot be judged"),
    ],
)
def test_a_path_alone_has_a_verdict_of_its_own(verdict_of_path: str, status: str, words: str) -> None:
    path = {**samples.broken()["explanation"], "verdict": verdict_of_path}
    report = Report.of({"checks": [], "findings": [], "explanation": path})
    assert (report.status, verdict(report)) == (status, words)
    assert Report.of({**samples.healthy(), "explanation": path}).status == "passed"
    for each in FORMATS:
        assert "The waypoint serves" in render(each, report)


def test_entries_of_the_baseline_are_told() -> None:
    report = Report.of(samples.broken())
    assert report.expired == ("MW0035 media/*: Cilium (until 2026-10-01)",)
    assert report.unused == ("MW0007: One is enough in staging",)


def test_findings_come_worst_first_in_one_order() -> None:
    result = samples.large(20, 60)
    shuffled = {**result, "findings": random.Random(1).sample(result["findings"], 60)}
    assert Report.of(result).findings == Report.of(shuffled).findings
    severities = [finding.severity for finding in Report.of(result).findings]
    assert severities == sorted(severities, key=("error", "warning", "info").index)


def test_what_does_not_fit_is_counted() -> None:
    result = samples.large(1500, 900)
    report = Report.of({**result, "findings_left_out": 7})
    assert len(report.findings) + report.left_out["findings"] == 907
    assert report.mesh is not None
    assert len(report.mesh.namespaces) + report.left_out["namespaces"] == 1500


def test_long_findings_are_bounded_together() -> None:
    long = samples.finding(31, "error", "t" * 600, ("Pod a/" + "b" * 290,) * 20, ("e" * 300,) * 12, "r" * 600)
    report = Report.of({"findings": [long] * 500})
    assert sum(finding.size for finding in report.findings) <= 700_000
    assert len(report.findings) + report.left_out["findings"] == 500


def test_changes_are_merged_and_marked() -> None:
    found = [{"check": "MW0031", "severity": "error", "title": "same", "objects": ["Pod a/b", "Pod a/c"]}]
    new = [{"check": "MW0031", "title": "same", "object": f"Pod a/{name}"} for name in "bcdefgh"]
    report = Report.of({"findings": found, "changes": {"since": samples.NOW, "new": new, "fixed": "none"}})
    assert report.changes is not None
    assert [change.objects for change in report.changes.new] == [
        ("Pod a/b", "Pod a/c", "Pod a/d", "Pod a/e", "Pod a/f", "and 2 more")
    ]
    assert report.changes.fixed == ()
    assert report.findings[0].new


def test_waves_come_from_reports_and_from_journals() -> None:
    journals = [
        {"name": "to ambient", "namespaces": ["a", "b"], "done": 1, "left": 1, "failures": []},
        {"name": "to none", "namespaces": ["c"], "done": 0, "left": 1,
         "failures": [{"namespace": "c", "message": "stuck"}]},
    ]  # fmt: skip
    report = Report.of({"info": {"waves": journals}})
    assert [(w.name, w.status, w.done, w.total) for w in report.waves] == [
        ("to ambient", "under way", 1, 2),
        ("to none", "failed", 0, 1),
    ]
    told = Report.of({"info": {"waves": journals}}, about={"waves": samples.WAVES})
    assert [(w.name, w.done, w.total) for w in told.waves][:2] == [("observability", 2, 2), ("media", 1, 3)]
    assert told.waves[2].detail == "The gate refused: MW0027."


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "result",
    [
        {},
        {"checks": None, "findings": None, "info": None, "changes": None, "summary": None, "cluster": None},
        {"checks": [None, 5, {}], "findings": ["x", {}], "accepted": {}, "limits": "one", "explanation": []},
        {"info": {"namespaces": None, "gateways": [{}], "certificates": [{}], "resources": {"unknown": "forbidden"}}},
        {"info": {"proxies": {"unknown": "no istiod is ready"}, "namespaces": [{"name": "a", "mode": "odd"}]}},
        {"explanation": {"question": {"pod": "a/b"}, "steps": [{}], "summary": "It works."}},
    ],
    ids=["nothing", "nulls", "odd", "bare picture", "unknown proxies", "explanation alone"],
)
def test_every_format_takes_what_is_there(format: str, result: dict[str, Any]) -> None:
    assert render(format, Report.of(result)).endswith("\n")


def test_a_format_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="no report format pdf"):
        render("pdf", Report.of({}))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-11-22T09:30:00Z", "22 Nov 2026, 09:30 UTC"),
        ("2026-11-22T09:30:00+02:00", "22 Nov 2026, 07:30 UTC"),
        ("2027-01-31", "31 Jan 2027"),
        ("soon", "soon"),
    ],
)
def test_times_are_told_plainly(given: str, shown: str) -> None:
    assert when(given) == shown


def test_amounts_are_told_plainly() -> None:
    assert (cpu(250), cpu(12_500), memory(64), memory(12_800)) == ("250m", "12.5 CPU", "64 MiB", "12.5 GiB")
