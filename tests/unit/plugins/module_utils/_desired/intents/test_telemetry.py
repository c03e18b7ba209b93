# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`telemetry`: its page, what it refuses, and whom it means."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes

from . import edge

PAGE = list(edge.examples("telemetry"))


@pytest.mark.parametrize(
    ("heading", "short", "kinds", "expected"), PAGE, ids=[f"{each[0]}-{each[2][0]}" for each in PAGE]
)
def test_the_page_says_what_is_made(heading: str, short: str, kinds: tuple[str, ...], expected: str) -> None:
    assert heading
    edge.holds("telemetry", short, kinds, expected)


def short(**entry: Any) -> str:
    given = {"namespace": "shop", "access_log": {"disabled": True}, **entry}
    return f"telemetry: {[{key: value for key, value in given.items() if value is not None}]}"


@pytest.mark.parametrize(
    ("kind", "entry", "why"),
    [
        ("outside", {}, "the namespace shop is not in the mesh"),
        ("outside", {"service": "reviews"}, "istio-injection=enabled"),
        ("ambient", {"service": "reviews"}, "the Service shop/reviews is ambient and has no waypoint"),
        ("waypoint", {"workload": {"app": "a"}}, "a waypoint ignores selectors"),
        ("sidecars", {"service": "ratings"}, "the Service shop/ratings is not known"),
        ("sidecars", {"namespace": None}, "it has no namespace"),
        ("sidecars", {"namespace": "elsewhere"}, "The data plane of the namespace elsewhere is not known"),
        ("sidecars", {"namespace": "istio-system"}, "mesh's root namespace"),
        ("sidecars", {"tracing": {"sampling": 101}}, "tracing.sampling: 101 is no percentage"),
        ("sidecars", {"name": "Bad_Name"}, "'Bad_Name' cannot name an object"),
        ("sidecars", {"metric_tags": [{"tags": {"a": 1}}]}, "metric_tags[0].tags.a: 1 is no expression"),
        (
            "sidecars",
            {"tracing": {"tags": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}},
            "a name is given twice",
        ),
        ("waypoint", {"access_log": {"side": "client"}}, "access_log.side: client means nothing here"),
        ("waypoint", {"gateway": "waypoint", "tracing": {"side": "client"}}, "these proxies report as server"),
        ("sidecars", {"gateway": "public", "metric_tags": [{"side": "server", "disabled": True}]}, "report as client"),
    ],
)
def test_refused(kind: str, entry: dict[str, Any], why: str) -> None:
    assert why in edge.refusal("telemetry", short(**entry), edge.PLANES[kind])


def test_all_that_is_wrong_is_told_with_its_element() -> None:
    both = f"telemetry: [{short(name='A')[12:-1]}, {short(service='ratings')[12:-1]}]"
    told = edge.refusal("telemetry", both, edge.PLANES["sidecars"])
    assert "telemetry[0] (A): name" in told
    assert "telemetry[1] (ratings): the Service shop/ratings" in told


@pytest.mark.parametrize(
    ("one", "other"),
    [({}, {"name": "more"}), ({"service": "reviews"}, {"workload": {"app": "reviews"}, "name": "more"})],
)
def test_two_for_the_same_proxies(one: dict[str, Any], other: dict[str, Any]) -> None:
    both = f"telemetry: [{short(**one)[12:-1]}, {short(**other)[12:-1]}]"
    assert "is for the same proxies" in edge.refusal("telemetry", both, edge.PLANES["sidecars"])


def test_a_service_and_its_labels_need_no_cluster() -> None:
    text = short(service="reviews", workload={"app": "reviews"})
    for plane, expected in (
        (DataPlane("sidecar"), {"selector": {"matchLabels": {"app": "reviews"}}}),
        (DataPlane("ambient", "waypoint"), {"targetRefs": [{"group": "", "kind": "Service", "name": "reviews"}]}),
    ):
        (made,) = edge.made("telemetry", text, Planes(fallback=plane))
        assert made["spec"] == {**expected, "accessLogging": [{"disabled": True}]}


def test_a_namespace_whose_services_alone_use_a_waypoint() -> None:
    plane = DataPlane("ambient", "", {"reviews": "shop/one"})
    (made,) = edge.made("telemetry", short(), Planes({"shop": plane}))
    assert made["metadata"]["name"] == "default"
    assert "targetRefs" not in made["spec"]


def test_metrics_by_provider_keep_their_order() -> None:
    text = short(
        access_log=None,
        metric_tags=[
            {"metric": "mine", "tags": {"a": "b"}},
            {"provider": "other", "disabled": True},
            {"metric": "Request_Size", "disabled": False, "side": "server"},
        ],
    )
    (made,) = edge.made("telemetry", text, edge.PLANES["sidecars"])
    ours, other = made["spec"]["metrics"]
    assert [each["match"] for each in ours["overrides"]] == [
        {"customMetric": "mine"},
        {"metric": "REQUEST_SIZE", "mode": "SERVER"},
    ]
    assert ours["overrides"][1]["disabled"] is False
    assert other == {
        "providers": [{"name": "other"}],
        "overrides": [{"match": {"metric": "ALL_METRICS"}, "disabled": True}],
    }
