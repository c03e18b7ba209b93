# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON by its schema, JUnit as its readers take it, Markdown as short as a comment may be, a page of bounded size."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._reports.changes import changes
from ansible_collections.meshwright.istio.plugins.module_utils._reports.model import Report
from ansible_collections.meshwright.istio.plugins.module_utils._reports.render import FORMATS, render

from . import samples
from .schema import problems

ROOT = Path(__file__).resolve().parents[5]
SCHEMA = ROOT / "docs" / "report.schema.json"
EVERY = {
    "nothing": ({}, {}),
    "healthy": (samples.healthy(), {}),
    "broken": (samples.broken(), {"waves": samples.WAVES}),
    "large": (samples.large(200, 200), {}),
    "hostile": (samples.hostile(), {"waves": samples.WAVES}),
}


@pytest.fixture(params=EVERY)
def report(request: pytest.FixtureRequest) -> Report:
    result, about = EVERY[request.param]
    return Report.of(result, title="Nightly", collection="meshwright.istio 0.5.0", about=about)


def test_json_keeps_to_its_schema(report: Report) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert list(problems(schema, json.loads(render("json", report)))) == []


def test_the_whole_of_json_schema_says_the_same(report: Report) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(render("json", report)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "meshwright.io/report/v2"),
        (("verdict", "status"), "fine"),
        (("checks", 0, "status"), "ok"),
        (("findings", 0, "severity"), "fatal"),
        (("findings", 0, "extra"), 1),
        (("findings", 0, "title"), "x" * 601),
        (("summary", "passed"), -1),
        (("limits",), ["fine", 5]),
        (("left_out", "findings"), "many"),
    ],
)
def test_the_schema_refuses_what_is_not_so(path: tuple[str | int, ...], value: object) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    document = json.loads(render("json", Report.of(samples.broken())))
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert len(list(problems(schema, document))) == 1


def test_the_schema_names_all_that_a_report_holds() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    document = json.loads(render("json", Report.of(samples.broken())))
    assert list(schema["properties"]) == list(document)
    assert schema["required"] == list(document)


def test_the_same_result_gives_the_same_text() -> None:
    for name in FORMATS:
        assert render(name, Report.of(samples.broken())) == render(name, Report.of(samples.broken()))


def test_a_json_report_is_what_the_next_run_is_compared_with() -> None:
    before = json.loads(render("json", Report.of(samples.healthy())))
    found = changes(before, samples.broken())
    assert {each["check"] for each in found["new"]} >= {"MW0013", "MW0031"}
    assert changes(json.loads(render("json", Report.of(samples.broken()))), samples.broken())["new"] == []


# What Jenkins, GitLab and Azure read: elements with their attributes, and what each may hold, in this order.
_JUNIT = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped", "time"}, ("testsuite",)),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        ("properties", "testcase"),
    ),
    "properties": (set(), ("property",)),
    "property": ({"name", "value"}, ()),
    "testcase": ({"classname", "name", "time"}, ("skipped", "error", "failure", "system-out")),
    "skipped": ({"message"}, ()),
    "error": ({"message", "type"}, ()),
    "failure": ({"message", "type"}, ()),
    "system-out": (set(), ()),
}


def keeps(element: Element) -> None:
    attributes, children = _JUNIT[element.tag]
    assert set(element.attrib) <= attributes, element.tag
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order), element.tag
    for child in element:
        keeps(child)


def test_junit_is_valid_and_adds_up(report: Report) -> None:
    root = fromstring(render("junit", report))
    keeps(root)
    cases = list(root.iter("testcase"))
    assert int(root.get("tests", "")) == len(cases)
    assert len(cases) == len(report.checks) + (len(report.path.steps) if report.path else 0)
    assert sum(int(suite.get("failures", "")) for suite in root) == int(root.get("failures", ""))
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
    for suite in root.iter("testsuite"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|", suite.get("timestamp", ""))


def case(result: dict[str, Any], check: str, **about: Any) -> Element:
    root = fromstring(render("junit", Report.of(result, about=about)))
    return next(each for each in root.iter("testcase") if each.get("name", "").startswith(check))


def outcome(found: Element) -> str:
    return next((child.tag for child in found if child.tag != "system-out"), "passed")


@pytest.mark.parametrize(
    ("check", "about", "wanted"),
    [
        ("MW0031", {}, "failure"),
        ("MW0038", {}, "passed"),
        ("MW0038", {"fail_on": "warning"}, "failure"),
        ("MW0036", {}, "skipped"),
        ("MW0036", {"fail_on_unknown": True}, "error"),
        ("MW0002", {}, "skipped"),
        ("MW0002", {"fail_on_unknown": True}, "skipped"),
        ("MW0012", {}, "passed"),
    ],
)
def test_a_junit_case_fails_as_the_task_does(check: str, about: dict[str, Any], wanted: str) -> None:
    assert outcome(case(samples.broken(), check, **about)) == wanted


def test_nothing_decided_is_an_error_in_junit() -> None:
    blind = {"checks": [{"id": "MW0000", "category": "control plane", "status": "unknown", "reason": "forbidden"}]}
    assert outcome(case(blind, "MW0000")) == "error"
    assert outcome(case(blind, "MW0000", fail_on="never")) == "skipped"


def test_a_junit_failure_tells_all() -> None:
    told = case(samples.broken(), "MW0031").find("failure")
    assert told is not None
    assert told.get("message", "").startswith("The L7 policy shop/deny-writes has no waypoint")
    for words in ("object: AuthorizationPolicy shop/deny-writes", "seen: rules[0]", "remedy: waypoint:", "docs: docs/"):
        assert words in (told.text or "")
    warned = case(samples.broken(), "MW0038").find("system-out")
    assert warned is not None
    assert "21 days" in (warned.text or "")


def test_markdown_is_short_enough_worst_first_and_says_what_is_missing() -> None:
    whole = render("markdown", Report.of(samples.large(500, 500)))
    assert len(whole) <= 65_000
    assert "did not fit" in whole
    assert whole.index("❌ <b>") < whole.index("⚠️ <b>") if "⚠️ <b>" in whole else "❌ <b>" in whole
    assert whole.count("<details") == whole.count("</details>")
    short = render("markdown", Report.of(samples.broken()))
    for words in ("3 of", "MW0031", "Remedy", "What could not be seen", "Gone with the migration", "2 new, 1 fixed"):
        assert words in short


def test_a_page_is_bounded() -> None:
    assert len(render("html", Report.of(samples.large(500, 500))).encode()) < 2_000_000
    long = samples.finding(31, "error", "<" * 600, ("Pod a/" + "<" * 290,) * 20, ('"' * 300,) * 12, "&" * 600)
    worst = {**samples.large(1500, 0), "findings": [long] * 600}
    assert len(render("html", Report.of(worst)).encode()) < 2_500_000


def test_a_page_says_what_each_part_is_about() -> None:
    page = render("html", Report.of(samples.broken(), about={"waves": samples.WAVES}))
    for name in ("findings", "mesh", "certificates", "waves", "resources", "checks", "accepted", "limits", "changes"):
        assert f'<section id="{name}"' in page
    bare = render("html", Report.of({"checks": samples.checks([])}))
    for name in ("mesh", "certificates", "waves", "resources", "limits"):
        assert f'<section id="{name}"' not in bare
