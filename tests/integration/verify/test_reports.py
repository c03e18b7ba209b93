# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports, baselines, rules of one's own, and when a task fails: as AWX and CI see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ..support.embedded import Embedded
from ..support.playbook import Playbooks, Run
from .ground import Ground, one

VERIFY = "meshwright.istio.mesh_verify"
LONELY = "names the host nowhere"


def lonely(ground: Ground) -> dict[str, Any]:
    """A route to nowhere, with markup where only words belong."""
    rule = {"route": [{"destination": {"host": "nowhere"}}]}
    marked = {"note": "<script>alert('x')</script>"}
    spec = {"hosts": ["web"], "http": [rule]}
    route = one("networking.istio.io/v1", "VirtualService", ground.space, "web", spec, annotations=marked)
    ground.kubectl.apply(route)
    return route


def test_what_ci_and_awx_see(ground: Ground, playbook: Playbooks, tmp_path: Path) -> None:
    ground.namespace("sidecar")
    folder = tmp_path / "reports"
    reports = [{"format": each, "path": f"{folder}/mesh.{each}"} for each in ("html", "json", "junit", "markdown")]

    def run(check: bool = False, **options: Any) -> Run:
        given = {"checks": ["routing"], "reports": reports, **options}
        return playbook({VERIFY: given}, check=check)

    # Well: the reports are there, nothing changed, also in check mode.
    well = run(check=True).ok()
    assert (well.rc, well.changed) == (0, 0)
    assert [entry["format"] for entry in well.result["reports"]] == ["html", "json", "junit", "markdown"]
    assert "changes" not in well.result
    assert "info" not in well.result

    # Broken: the task fails, the exit code is 2, the result is whole, and the reports are written all the same.
    lonely(ground)
    broken = run()
    assert (broken.rc, broken.failed) == (2, 1)
    result = broken.result
    assert result["error"] == "VerifyFailed"
    label = f"VirtualService {ground.space}/web"
    assert [(entry["check"], entry["object"]) for entry in result["changes"]["new"]] == [("MW0034", label)]
    assert result["reports"][1]["bytes"] == Path(folder / "mesh.json").stat().st_size
    suite = ElementTree.parse(folder / "mesh.junit").getroot()
    assert [case.get("name", "")[:6] for case in suite.iter("testcase") if case.find("failure") is not None] == [
        "MW0034"
    ]
    page = (folder / "mesh.html").read_text()
    assert label in page
    assert "<script>alert" not in page
    saved = json.loads((folder / "mesh.json").read_text())
    assert any(entry["check"] == "MW0034" and label in entry["objects"] for entry in saved["findings"])

    # Accepted, with a reason: it is told apart everywhere, and fails nothing.
    accepted = run(baseline=[{"check": 34, "object": label, "reason": "goes soon"}]).ok()
    assert accepted.result["accepted"][0]["accepted"]["reason"] == "goes soon"
    assert accepted.result["changes"]["fixed"] == []

    # Mended: what is fixed is said.
    ground.kubectl("-n", ground.space, "delete", "virtualservice", "web")
    fixed = run().ok().result["changes"]
    assert [(entry["check"], entry["object"]) for entry in fixed["fixed"]] == [("MW0034", label)]
    assert fixed["new"] == []


def test_without_a_place_the_text_is_given_back(mesh: Embedded, playbook: Playbooks) -> None:
    reports = [{"format": "markdown", "title": "Of the day"}, {"format": "junit"}]
    given = playbook({VERIFY: {"checks": ["25"], "reports": reports}}).ok().result["reports"]
    assert "Of the day" in given[0]["content"]
    assert ElementTree.fromstring(given[1]["content"]).tag in ("testsuites", "testsuite")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reports": [{"format": "pdf"}]}, "`reports[0].format` has to be one of html, json, junit, markdown."),
        ({"reports": [{"format": "html", "path": "/"}]}, "is a folder on the controller"),
        ({"compare_with": "{folder}/words.json"}, "is no JSON report of mesh_verify"),
        ({"reports": [{"format": "json", "path": "{folder}/words.json"}]}, "it is not overwritten"),
        ({"explain": {"pod": "a/b", "to": "c/d"}}, "pod"),
    ],
)
def test_wrong_options(
    mesh: Embedded, playbook: Playbooks, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    (tmp_path / "words.json").write_text('["words"]', encoding="utf-8")
    given = json.loads(json.dumps(options).replace("{folder}", str(tmp_path)))
    run = playbook({VERIFY: given})
    assert run.rc == 2
    assert words in run.result["msg"]
    assert "checks" not in run.result
    assert (tmp_path / "words.json").read_text() == '["words"]'


def test_rules_of_ones_own(ground: Ground) -> None:
    space = ground.namespace("ambient")
    rule = {
        "id": "TEAM-1",
        "title": "Every enrolled namespace names its team",
        "sources": ["namespaces"],
        "query": 'items[?metadata.labels."istio.io/dataplane-mode" && metadata.labels.team == null]',
        "text": "Namespace {metadata.name} names no team.",
    }
    kind = {"api_version": "v1", "kind": "Secret", "namespace": space}
    secrets = {
        "id": "TEAM-2",
        "title": "No Secret holds a password",
        "resource": kind,
        "query": "items[?data.password != null]",
        "text": "{metadata.name} holds {data.password}.",
    }
    misspelt = {**secrets, "id": "TEAM-3", "resource": {"api_version": "v1", "kind": "Sercet"}}
    ground.kubectl("-n", space, "create", "secret", "generic", "db", "--from-literal=password=hunter2")

    result = ground.verify("25", custom_checks=[rule, secrets, misspelt])
    status = {check["id"]: check["status"] for check in result["checks"]}
    assert status == {
        "MW0000": "passed",
        "MW0025": "passed",
        "TEAM-1": "warning",
        "TEAM-2": "warning",
        "TEAM-3": "unknown",
    }
    titles = [entry["title"] for entry in result["findings"] if space in str(entry)]
    assert f"Namespace {space} names no team." in titles
    assert "hunter2" not in json.dumps(result)
    ground.kubectl("label", "namespace", space, "team=one")
    named = [entry for entry in ground.verify("25", custom_checks=[rule])["findings"] if space in entry["title"]]
    assert named == []
