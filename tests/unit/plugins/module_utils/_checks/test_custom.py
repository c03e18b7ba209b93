# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of the user's own, over made-up sources."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.custom import Custom
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run_one
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


SEEN = Snapshot.of(
    [
        Source("namespaces", (namespace("shop", team="one"), namespace("pay"))),
        Source("pods", ({"kind": "Pod", "metadata": {"name": "a", "namespace": "pay"}},)),
        Source("gateways", error="may not list gateways"),
    ]
)


def custom(query: str, *sources: str, message: str = "") -> Custom:
    return Custom("TEAM-1", "Every namespace has a team", "warning", sources or ("namespaces",), query, message, "Ask.")


@pytest.mark.parametrize(
    ("query", "objects", "evidence"),
    [
        ("items[?metadata.labels.team == null]", ["Namespace pay"], []),
        ("namespaces[?metadata.labels.team == null]", ["Namespace pay"], []),
        ("items[?metadata.labels.team == null].metadata.name", [], ["pay"]),
        ("length(items) > `5`", [], []),
        ("items[?metadata.name == 'none']", [], []),
        ("nothing.there", [], []),
        ("items[0].metadata.labels", [], ['{"team": "one"}']),
        ("length(items)", [], ["2"]),
    ],
)
def test_what_a_query_gives_is_a_finding(query: str, objects: list[str], evidence: list[str]) -> None:
    result = run_one(custom(query).check(0), SEEN)
    assert [label for finding in result.findings for label in finding.objects] == objects
    assert [text for finding in result.findings for text in finding.evidence] == evidence
    assert result.status == ("warning" if objects or evidence else "passed")


def test_true_is_one_finding_with_the_title() -> None:
    (finding,) = run_one(custom("length(items) == `2`").check(0), SEEN).findings
    assert (finding.title, finding.evidence, finding.remedy) == ("Every namespace has a team", (), "Ask.")


def test_several_sources_go_by_name() -> None:
    query = "pods[].metadata.namespace | [?!contains(['shop'], @)]"
    (finding,) = run_one(custom(query, "pods", "namespaces").check(0), SEEN).findings
    assert finding.evidence == ("pay",)


def test_a_message_quotes_what_was_found() -> None:
    message = "{metadata.name} has {metadata.labels}, not {metadata.missing}; {length(@)}"
    (finding,) = run_one(custom("items[?metadata.name == 'shop']", message=message).check(0), SEEN).findings
    assert finding.title == 'shop has {"team": "one"}, not null; 3'
    assert finding.objects == ("Namespace shop",)


@pytest.mark.parametrize("query", ["length(items[0].metadata.nothing)", "sum(items)"])
def test_a_query_that_fails_is_unknown(query: str) -> None:
    result = run_one(custom(query).check(0), SEEN)
    assert result.status == "unknown"
    assert result.reason.startswith("the query failed: ")


@pytest.mark.parametrize("source", ["gateways", "never-read"])
def test_a_source_that_was_not_read_is_unknown(source: str) -> None:
    assert run_one(custom("items", source).check(0), SEEN).status == "unknown"


def test_it_is_named_by_its_own_id() -> None:
    check = custom("items").check(3)
    assert (check.id, check.category, check.page) == ("TEAM-1", "custom", "")
    assert run_one(check, SEEN).shown()["id"] == "TEAM-1"
