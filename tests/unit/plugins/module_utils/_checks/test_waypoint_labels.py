# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labels that name no waypoint, one that is not there, or one that is for something else."""

from __future__ import annotations

from typing import Any

import pytest

from .enrolled import bare, found, gateway, of_recorded, pod, service, space, titles
from .snapshots import add, healthy, outcome, recorded

BOUND = {"type": "istio.io/WaypointBound", "status": "True", "reason": "WaypointAccepted"}
ALLOWED = {"from": "All"}


def refused(reason: str, message: str = "no") -> list[dict[str, Any]]:
    return [{"type": "istio.io/WaypointBound", "status": "False", "reason": reason, "message": message}]


@pytest.mark.parametrize("check", ["MW0027", "MW0028"])
def test_healthy_passes(check: str) -> None:
    assert outcome(check, healthy()).status == "passed"
    assert of_recorded(check, "recorded-healthy-waypoint").status == "passed"


@pytest.mark.parametrize("name", ["recorded-waypoint-missing", "recorded-waypoint-missing-with-l7-policy"])
def test_recorded_missing(name: str) -> None:
    result = of_recorded("MW0027", name)
    assert [one.severity for one in result.findings] == ["error"]
    assert "Service amb/echo" in result.findings[0].objects
    assert "fails open" in titles(result)
    assert any("WaypointIsNotReady" in fact for fact in result.findings[0].evidence)


def test_without_pods_is_not_dangling() -> None:
    assert of_recorded("MW0027", "recorded-waypoint-zero-pods").status == "passed"


@pytest.mark.parametrize(
    ("obj", "gateways", "severity", "words"),
    [
        (service(waypoint="wp"), [gateway()], "", ""),
        (service(waypoint="wp"), [], "error", "does not exist"),
        (service(waypoint="none"), [], "", ""),
        (service(), [], "", ""),
        (service(waypoint="wp", waypoint_namespace="other"), [gateway()], "error", "other/wp, which does not exist"),
        (service(waypoint="wp", waypoint_namespace="other"), [gateway(where="other")], "error", "takes nothing of"),
        (
            service(waypoint="wp", waypoint_namespace="other"),
            [gateway(where="other", allowed={"from": "Same"})],
            "error",
            "takes nothing of",
        ),
        (service(waypoint="wp", waypoint_namespace="other"), [gateway(where="other", allowed=ALLOWED)], "", ""),
        (
            service(waypoint="wp", waypoint_namespace="other"),
            [gateway(where="other", allowed={"from": "Selector", "selector": {"matchLabels": {"a": "b"}}})],
            "error",
            "takes nothing of",
        ),
        (
            service(waypoint="wp", waypoint_namespace="other"),
            [
                gateway(
                    where="other",
                    allowed={"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "team"}}},
                )
            ],
            "",
            "",
        ),
        (service(waypoint="wp"), [gateway(addresses=[])], "error", "not programmed yet"),
        (
            service(waypoint="wp"),
            [gateway(of_class="istio", listeners=[{"name": "http", "port": 80, "protocol": "HTTP"}])],
            "error",
            "no waypoint but of class istio",
        ),
        (service(waypoint_namespace="other"), [], "warning", "without istio.io/use-waypoint"),
        (pod(labels={"istio.io/use-waypoint": "wp"}), [], "error", "does not exist"),
    ],
)
def test_labels(obj: dict[str, Any], gateways: list[dict[str, Any]], severity: str, words: str) -> None:
    source = "pods" if obj["kind"] == "Pod" else "all_services"
    spaces = add(space("team"), space("other"))
    edits: dict[str, Any] = {source: add(obj), "gateways": add(*gateways), "namespaces": spaces}
    result = found("MW0027", **edits)
    assert [one.severity for one in result.findings] == ([severity] if severity else [])
    assert words in titles(result)


def test_a_namespace() -> None:
    result = found("MW0027", namespaces=add(space("team", waypoint="gone")))
    assert (result.findings[0].objects, result.findings[0].related) == (("Namespace team",), ("Gateway team/gone",))
    assert result.findings[0].evidence == ("label istio.io/use-waypoint=gone",)


def test_the_old_spelling() -> None:
    old = service()
    old["metadata"]["annotations"] = {"istio.io/use-waypoint": "team/wp"}
    result = found("MW0027", all_services=add(old))
    assert [one.severity for one in result.findings] == ["warning"]
    assert "annotation istio.io/use-waypoint: team/wp" in result.findings[0].evidence


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (service(waypoint="wp", conditions=[BOUND]), 0),
        (service(waypoint="wp", conditions=refused("CrossNamespaceWaypointForbidden", "a {b} c")), 1),
        # said by the other check, and by the label
        (service(waypoint="wp", conditions=refused("UnsupportedTrafficType")), 0),
        # left over from a label that is gone
        (service(conditions=refused("WaypointIsNotReady")), 0),
    ],
)
def test_what_istiod_says(one: dict[str, Any], expected: int) -> None:
    result = found("MW0027", gateways=add(gateway()), namespaces=add(space("team")), all_services=add(one))
    assert len(result.findings) == expected
    if expected:
        assert "(a {b} c)" in titles(result)


def test_many_with_one_cause_are_one_finding() -> None:
    many = [service(f"app-{number}", waypoint="gone") for number in range(30)]
    result = found("MW0027", namespaces=add(space("team")), all_services=add(*many))
    assert [one.title.split()[0] for one in result.findings] == ["30"]


FOR = "istio.io/waypoint-for"


@pytest.mark.parametrize(
    ("traffic", "obj", "severity"),
    [
        ("service", service(waypoint="wp"), ""),
        ("all", service(waypoint="wp"), ""),
        ("", service(waypoint="wp"), ""),
        ("workload", service(waypoint="wp"), "error"),
        ("none", service(waypoint="wp"), "error"),
        ("services", service(waypoint="wp"), "error"),
        ("service", pod(labels={"istio.io/use-waypoint": "wp"}), "error"),
        ("", pod(labels={"istio.io/use-waypoint": "wp"}), "error"),
        ("workload", pod(labels={"istio.io/use-waypoint": "wp"}), ""),
        ("all", pod(labels={"istio.io/use-waypoint": "wp"}), ""),
        ("service", space("team", waypoint="wp"), ""),
        ("workload", space("team", waypoint="wp"), "warning"),
        ("none", space("team", waypoint="wp"), "error"),
    ],
)
def test_traffic(traffic: str, obj: dict[str, Any], severity: str) -> None:
    source = {"Pod": "pods", "Service": "all_services", "Namespace": "namespaces"}[obj["kind"]]
    labels = {FOR: traffic} if traffic else {}
    result = found("MW0028", **{source: add(obj), "gateways": add(gateway(labels=labels))})
    assert [one.severity for one in result.findings] == ([severity] if severity else [])


def test_traffic_of_the_class() -> None:
    def by_class(items: list[dict[str, Any]]) -> None:
        next(one for one in items if one["metadata"]["name"] == "istio-waypoint")["metadata"]["labels"] = {
            FOR: "workload"
        }

    edits: dict[str, Any] = {"all_services": add(service(waypoint="wp")), "gateway_classes": by_class}
    # that of shop is labelled itself
    assert len(found("MW0028", **edits, gateways=add(gateway())).findings) == 1
    assert found("MW0028", **edits, gateways=add(gateway(labels={FOR: "service"}))).findings == ()


@pytest.mark.parametrize("check", ["MW0027", "MW0028"])
def test_no_gateway_api(check: str) -> None:
    istiods = recorded("embedded-ambient")["istiods"]
    unserved = ("gateways", "gateway_classes")
    assert bare(check, unserved, istiods=istiods, namespaces=[space("team")]).status == "skipped"
    assert bare(check, istiods=[], namespaces=[space("team")]).status == "skipped"


def test_labels_without_a_gateway_api() -> None:
    istiods = recorded("embedded-ambient")["istiods"]
    result = bare("MW0027", ("gateways",), istiods=istiods, namespaces=[space("team", waypoint="wp")])
    assert "does not exist" in titles(result)
