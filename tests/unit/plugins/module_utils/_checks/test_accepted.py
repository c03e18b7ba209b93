# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What istiod says of AuthorizationPolicies, and what that means."""

from __future__ import annotations

from typing import Any

import pytest

from .enrolled import ago, found, gateway, of_recorded, pod, space, titles
from .snapshots import add, drop, healthy, outcome


@pytest.mark.parametrize("name", ["recorded-l4-deny", "recorded-healthy-waypoint", "recorded-waypoint-zero-pods"])
def test_recorded_accepted(name: str) -> None:
    result = of_recorded("MW0030", name)
    assert (result.status, result.findings) == ("passed", ())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("recorded-l7-deny-without-waypoint", "fails open"),
        ("recorded-l7-allow-without-waypoint", "whom they are to admit is refused"),
        ("recorded-waypoint-missing-with-l7-policy", "the Service that it is for uses no waypoint"),
    ],
)
def test_recorded_not_as_written(name: str, words: str) -> None:
    result = of_recorded("MW0030", name)
    assert [one.severity for one in result.findings] == ["error"]
    assert words in titles(result)


def policy(
    condition: str = "ZtunnelAccepted",
    status: str = "True",
    reason: str = "Accepted",
    *,
    generation: int = 1,
    observed: str = "1",
    age: float = 600,
    notes: dict[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    state = {"type": condition, "status": status, "reason": reason, "message": "said", "observedGeneration": observed}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {
            "name": "rule",
            "namespace": "team",
            "generation": generation,
            "creationTimestamp": ago(age),
            "annotations": notes or {},
        },
        "spec": spec,
        "status": {"conditions": [state]} if condition else {},
    }


TARGET: dict[str, Any] = {"targetRefs": [{"kind": "Service", "group": "", "name": "app"}]}
EDGE: dict[str, Any] = {"targetRefs": [{"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "wp"}]}
HTTP = [{"to": [{"operation": {"methods": ["GET"]}}]}]


@pytest.mark.parametrize(
    ("one", "severity"),
    [
        (policy(), ""),
        (policy(reason="UnsupportedValue", rules=HTTP), "error"),
        (policy(reason="UnsupportedValue", rules=HTTP, action="DENY"), "error"),
        (policy(status="False", reason="UnsupportedValue", action="CUSTOM"), "error"),
        (policy(status="False", reason="UnsupportedValue", action="AUDIT"), "warning"),
        (policy(status="False", reason="UnsupportedValue", notes={"istio.io/dry-run": "true"}), "info"),
        (policy(generation=2, observed="1"), "warning"),
        (policy(generation=2, observed="2"), ""),
        (policy(""), "info"),
        (policy("", age=3), ""),
        (policy("WaypointAccepted", **TARGET), ""),
        (policy("WaypointAccepted", "False", "AncestorNotBound", **TARGET), "error"),
        (policy("WaypointAccepted", "False", "TargetNotFound", **TARGET), "error"),
        (policy("WaypointAccepted", "True", "PartiallyInvalid", **TARGET), "error"),
        (policy("WaypointAccepted", generation=5, observed="4", **TARGET), "warning"),
        (policy("", **TARGET), "info"),
        (policy("", **EDGE), "info"),
    ],
)
def test_states(one: dict[str, Any], severity: str) -> None:
    result = found(
        "MW0030",
        namespaces=add(space("team", mode="ambient")),
        pods=add(pod(notes={"ambient.istio.io/redirection": "enabled"})),
        gateways=add(gateway()),
        authorization_policies=add(one),
    )
    assert [finding.severity for finding in result.findings] == ([severity] if severity else [])


@pytest.mark.parametrize("labels", [{}, {"injection": "enabled"}])
def test_what_is_not_for_ztunnel(labels: dict[str, Any]) -> None:
    """istiod says so of policies for sidecars too, which carry them out well."""
    result = found(
        "MW0030",
        namespaces=add(space("team", **labels)),
        authorization_policies=add(policy(reason="UnsupportedValue", rules=HTTP)),
    )
    assert (result.status, result.findings) == ("passed", ())


def test_an_ingress_gateways_policy_has_no_status() -> None:
    http = [{"name": "http", "port": 80, "protocol": "HTTP"}]
    result = found(
        "MW0030",
        namespaces=add(space("team")),
        gateways=add(gateway(of_class="istio", listeners=http)),
        authorization_policies=add(policy("", **EDGE)),
    )
    assert result.findings == ()


def test_a_mesh_without_ambient_mode() -> None:
    def sidecars_only(items: list[dict[str, Any]]) -> None:
        items[0]["spec"]["template"]["spec"]["containers"][0]["env"] = []

    assert outcome("MW0030", healthy(istiods=sidecars_only, daemonsets=drop())).status == "skipped"
