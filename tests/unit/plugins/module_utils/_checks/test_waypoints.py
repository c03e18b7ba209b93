# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gateways that are not programmed, or have nobody behind them."""

from __future__ import annotations

from typing import Any

import pytest

from .enrolled import bare, behind, found, gateway, of_recorded, pod, service, space, titles
from .snapshots import add, both, healthy, outcome, recorded


def test_healthy_passes() -> None:
    assert outcome("MW0026", healthy()).status == "passed"
    assert of_recorded("MW0026", "recorded-healthy-waypoint").status == "passed"


def test_recorded_without_pods() -> None:
    result = of_recorded("MW0026", "recorded-waypoint-zero-pods")
    assert [one.severity for one in result.findings] == ["error"]
    assert "fails closed" in titles(result)
    assert "Service amb/echo" in result.findings[0].related


def checked(one: dict[str, Any], *pods: dict[str, Any], user: bool = True) -> Any:
    labels: dict[str, Any] = {"waypoint": "wp"} if user else {}
    return found("MW0026", gateways=add(one), namespaces=add(space("team", **labels)), pods=add(*pods))


def edge(**more: Any) -> dict[str, Any]:
    return gateway(of_class="istio", listeners=[{"name": "http", "port": 80, "protocol": "HTTP"}], **more)


@pytest.mark.parametrize(
    ("one", "pods", "expected", "words"),
    [
        (gateway(), [behind()], "", ""),
        (gateway(), [], "error", "fails closed"),
        (gateway(), [behind(ready=False)], "error", "fails closed"),
        (gateway(), [behind(), behind(ready=False)], "warning", "the others carry its traffic"),
        (edge(), [], "error", "nothing comes in"),
        # what stands for a Service deployed by hand has pods without its label
        (edge(spec={"addresses": [{"type": "Hostname", "value": "a.b.svc"}]}), [], "", ""),
        (gateway(of_class="istio-remote"), [], "", ""),
        (gateway(of_class="somebody-elses"), [], "", ""),
        (gateway(conditions={"Programmed": "False"}, addresses=[]), [], "error", "fails open"),
        (gateway(conditions={"Programmed": "False"}), [behind()], "error", "still goes by it"),
        (gateway(conditions={"Accepted": "False"}, addresses=[]), [], "error", "not accepted"),
        (gateway(conditions={"Accepted": "Unknown", "Programmed": "Unknown"}, addresses=[]), [], "error", "fails open"),
        (gateway(conditions={"Accepted": "", "Programmed": ""}, addresses=[]), [], "error", "not said a word"),
        (edge(conditions={"Programmed": "False"}, addresses=[]), [], "error", "nothing comes in"),
        (gateway(generation=3, observed=3), [behind()], "", ""),
        (gateway(generation=3, observed=2), [behind()], "warning", "older generation"),
        (gateway(generation=3, observed="3"), [behind()], "", ""),
    ],
)
def test_states(one: dict[str, Any], pods: list[dict[str, Any]], expected: str, words: str) -> None:
    for number, each in enumerate(pods):
        each["metadata"]["name"] += str(number)
    result = checked(one, *pods)
    assert [finding.severity for finding in result.findings] == ([expected] if expected else [])
    assert words in titles(result)


def test_a_waypoint_that_nobody_uses_is_a_warning() -> None:
    result = checked(gateway(), user=False)
    assert [finding.severity for finding in result.findings] == ["warning"]


@pytest.mark.parametrize(
    ("source", "user"),
    [
        ("all_services", service(waypoint="wp")),
        ("all_services", service(where="other", waypoint="wp", waypoint_namespace="team")),
        ("pods", pod(labels={"istio.io/use-waypoint": "wp"})),
    ],
)
def test_users(source: str, user: dict[str, Any]) -> None:
    result = found("MW0026", gateways=add(gateway()), namespaces=add(space("team")), **{source: both(add(user))})
    assert [finding.severity for finding in result.findings] == ["error"]
    assert len(result.findings[0].related) == 1


def test_why_its_pod_is_not_ready() -> None:
    stuck = behind(ready=False)
    state = {"name": "istio-proxy", "ready": False, "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    stuck["status"]["containerStatuses"] = [state]
    assert "ImagePullBackOff" in " ".join(checked(gateway(), stuck).findings[0].evidence)


def test_no_gateway_of_istio() -> None:
    lists = recorded("embedded-ambient")
    result = bare("MW0026", istiods=lists["istiods"], gateways=[gateway(of_class="other")])
    assert result.status == "skipped"
    assert "no Gateway" in result.reason
