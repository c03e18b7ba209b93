# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes

from .security_entries import (
    AMBIENT,
    FAR,
    POD,
    REVIEWS,
    SERVICE,
    SIDECAR,
    WAYPOINT,
    made,
    planes,
    refused,
    service,
)

BY_CALLER = {"service_accounts": ["web"]}
BY_PATH = {"paths": ["/admin"]}
JWT = {"issuer": "https://login.example.com"}


def sources(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [each["source"] for rule in spec["rules"] for each in rule.get("from", ())]


# What needs the client's identity is at the pods, except behind a waypoint; what needs HTTP is never at ztunnel.
@pytest.mark.parametrize(
    ("plane", "facet", "expected"),
    [
        (SIDECAR, {"allow": [BY_CALLER]}, {"reviews-allow": POD}),
        (SIDECAR, {"allow": [BY_PATH]}, {"reviews-allow": POD}),
        (SIDECAR, {"jwt": {**JWT, "required": True}}, {"reviews-jwt": POD, "reviews-jwt-required": POD}),
        (SIDECAR, {"external_authorization": {"provider": "opa"}}, {"reviews-ext-authz": POD}),
        (AMBIENT, {"allow": [BY_CALLER]}, {"reviews-allow": POD}),
        (AMBIENT, {"deny": [BY_CALLER]}, {"reviews-deny": POD}),
        (WAYPOINT, {"allow": [BY_CALLER]}, {"reviews-allow": SERVICE}),
        (WAYPOINT, {"allow": [{"ports": [9080]}]}, {"reviews-allow": SERVICE}),
        (WAYPOINT, {"deny": [BY_CALLER]}, {"reviews-deny": SERVICE, "reviews-deny-direct": POD}),
        (WAYPOINT, {"deny": [{"ports": [9080]}]}, {"reviews-deny": POD}),
        (WAYPOINT, {"deny": [BY_PATH]}, {"reviews-deny": SERVICE}),
        (WAYPOINT, {"jwt": JWT}, {"reviews-jwt": SERVICE}),
        (WAYPOINT, {"mtls": {"mode": "strict"}}, {"reviews-mtls": POD}),
        (WAYPOINT, {"default_deny": True}, {"reviews-default-deny": POD}),
        (FAR, {"allow": [BY_CALLER]}, {"reviews-allow": SERVICE}),
    ],
)
def test_place_of_a_service(plane: DataPlane, facet: dict[str, Any], expected: dict[str, Any]) -> None:
    found = made(plane, {"service": "reviews", **facet})
    places = {
        name: {key: spec[key] for key in ("selector", "targetRefs") if key in spec} for name, spec in found.items()
    }
    assert places == expected


def test_the_whole_namespace() -> None:
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint"}
    assert made(SIDECAR, {"allow": [BY_CALLER]})["allow"].keys() == {"action", "rules"}
    assert made(AMBIENT, {"allow": [BY_CALLER]})["allow"].keys() == {"action", "rules"}
    assert made(WAYPOINT, {"allow": [BY_CALLER]})["allow"]["targetRefs"] == [gateway]
    assert made(WAYPOINT, {"default_deny": True}) == {"default-deny": {"action": "ALLOW"}}
    assert "edge/shared is in another namespace" in refused(FAR, {"allow": [BY_CALLER]})
    both = DataPlane("ambient", "shop/waypoint", {"reviews": "shop/own"})
    targets = made(both, {"allow": [BY_CALLER]})["allow"]["targetRefs"]
    assert targets == [gateway, {**gateway, "name": "own"}]


def test_a_whole_namespace_leaves_no_service_out() -> None:
    single = DataPlane("ambient", "", {"reviews": "shop/own"})
    mixed = planes(single, REVIEWS, service("db", {"port": 5432}), service("outside", selector={}))
    for facet in (
        {"allow": [BY_CALLER]},
        {"deny": [BY_PATH]},
        {"jwt": JWT},
        {"external_authorization": {"provider": "a"}},
    ):
        assert "not hold for the whole namespace: no waypoint for db." in refused(mixed, facet)
        assert not refused(mixed, {**facet, "protect": True})
    assert made(mixed, {"deny": [BY_CALLER]}).keys() == {"deny", "deny-direct"}


def test_a_waypoint_that_only_some_services_use() -> None:
    mixed = planes(DataPlane("ambient", "shop/waypoint", {"db": ""}), REVIEWS, service("db", {"port": 5432}))
    assert made(mixed, {"service": "db", "allow": [BY_CALLER]})["db-allow"]["selector"] == {
        "matchLabels": {"app": "db"}
    }
    assert "there is no waypoint" in refused(mixed, {"service": "db", "allow": [BY_PATH]})
    assert "selector" in made(mixed, {"workload": {"app": "db"}, "allow": [BY_CALLER]})["db-allow"]
    assert "knows no labels" in refused(mixed, {"workload": {"app": "reviews"}, "allow": [BY_CALLER]})
    # Labels that a Service does not mention may be of its pods all the same.
    assert "knows no labels" in refused(mixed, {"workload": {"version": "v2"}, "allow": [BY_CALLER]})


def test_a_workload_behind_a_waypoint() -> None:
    labels = {"app": "reviews"}
    for facet in ({"allow": [BY_CALLER]}, {"deny": [BY_CALLER]}, {"jwt": JWT}, {"allow": [BY_PATH]}):
        assert "Name their `service`" in refused(WAYPOINT, {"workload": labels, **facet})
    assert made(WAYPOINT, {"workload": labels, "deny": [{"ports": [9080]}]})["reviews-deny"]["selector"]
    assert made(WAYPOINT, {"workload": labels, "mtls": {"mode": "strict"}})["reviews-mtls"]["selector"]


def test_the_pods_of_a_service_that_cannot_be_read() -> None:
    offline = Planes({"shop": WAYPOINT})
    named = {"service": "reviews", "workload": {"app": "reviews"}}
    assert made(offline, {"service": "reviews", "allow": [BY_CALLER]})["reviews-allow"].items() >= SERVICE.items()
    assert made(offline, {**named, "default_deny": True})["reviews-default-deny"].items() >= POD.items()
    assert "give their labels in `workload`" in refused(offline, {"service": "reviews", "default_deny": True})
    assert "give their labels" in refused(Planes({"shop": SIDECAR}), {"service": "reviews", "allow": [BY_CALLER]})
    headless = planes(SIDECAR, service("outside", selector={}))
    assert "selects no pods" in refused(headless, {"service": "outside", "allow": [BY_CALLER]})


def test_services_of_the_task_that_are_not_checked_yet() -> None:
    """They are told of where they were written; here they must not be in the way."""
    for spec in ({}, {"spec": None}, {"spec": {"ports": [7, {}], "selector": None}}):
        known = planes(WAYPOINT, {"metadata": {"name": "reviews", "namespace": "shop"}, **spec})
        assert made(known, {"service": "reviews", "allow": [BY_CALLER]})
        assert made(known, {"allow": [{**BY_CALLER, "ports": [80]}]})
        assert "selects no pods" in refused(known, {"service": "reviews", "default_deny": True})


def test_a_gateway_that_is_a_waypoint_sees_the_ports_of_services() -> None:
    asked = {"allow": [{"ports": [9080]}]}
    assert "reviews leads 80 to 9080" in refused(WAYPOINT, {"gateway": "waypoint", **asked})
    assert made(WAYPOINT, {"gateway": "public", **asked})["public-allow"]["rules"][0]["to"]


def test_ports_behind_a_waypoint_are_those_of_the_service() -> None:
    def ports(where: Any, *rule: int, **more: Any) -> Any:
        found = made(where, {"service": "reviews", "allow": [{"ports": list(rule)}], **more})
        return {name: spec["rules"][-1]["to"][0]["operation"]["ports"] for name, spec in found.items()}

    both = planes(WAYPOINT, service("reviews", *({"port": n, "targetPort": 9080} for n in (80, 81)), {"port": 90}))
    assert ports(SIDECAR, 9080) == ports(AMBIENT, 9080) == {"reviews-allow": ["9080"]}
    assert ports(both, 9080, 90) == {"reviews-allow": ["80", "81", "90"]}
    assert ports(both, 9080, protect=True) == {"reviews-allow": ["80", "81"], "reviews-protect": ["9080"]}
    rule = {"service": "reviews", "allow": [{"ports": [7]}]}
    assert "no port of it leads there" in refused(both, rule)
    by_name = planes(WAYPOINT, service("reviews", {"port": 80, "targetPort": "http"}))
    assert "targetPort http is a name" in refused(by_name, rule)
    whole = {"allow": [{**BY_CALLER, "ports": [9080]}]}
    assert "reviews leads 80 to 9080" in refused(WAYPOINT, whole)
    assert made(planes(WAYPOINT, service("reviews", {"port": 9080})), whole)["allow"]["rules"][0]["to"]


def test_who_goes_round_the_waypoint_is_denied_and_never_the_waypoint_itself() -> None:
    rules = [
        {"namespaces": ["shop"]},
        {"not_service_accounts": ["web"]},
        {"when": [{"key": "source.ip", "values": ["10.0.0.0/8"]}]},
    ]
    found = made(WAYPOINT, {"service": "reviews", "deny": [*rules, BY_PATH]})
    assert len(found["reviews-deny"]["rules"]) == 4
    assert sources(found["reviews-deny-direct"]) == [
        {"namespaces": ["shop"], "notPrincipals": ["cluster.local/ns/shop/sa/waypoint"]},
        {"notPrincipals": ["cluster.local/ns/shop/sa/web", "cluster.local/ns/shop/sa/waypoint"]},
        {"notPrincipals": ["cluster.local/ns/shop/sa/waypoint"]},
    ]


def test_protection() -> None:
    def let_in(**more: Any) -> list[dict[str, Any]]:
        return sources(made(WAYPOINT, {"service": "reviews", "protect": True, **more})["reviews-protect"])

    waypoint, web = (
        {"principals": ["cluster.local/ns/shop/sa/waypoint"]},
        {"principals": ["cluster.local/ns/shop/sa/web"]},
    )
    assert let_in() == let_in(allow=[BY_PATH]) == let_in(allow=[BY_CALLER, BY_PATH]) == [waypoint]
    assert let_in(allow=[BY_CALLER]) == [waypoint, web]
    assert let_in(allow=[BY_CALLER], jwt=JWT) == let_in(allow=[BY_CALLER], deny=[{"ports": [9080]}]) == [waypoint]
    assert let_in(waypoint_service_account="edge/wp") == [{"principals": ["cluster.local/ns/edge/sa/wp"]}]
    both = DataPlane("ambient", "edge/shared", {"reviews": "shop/own", "db": ""})
    ways = {"principals": ["cluster.local/ns/edge/sa/shared", "cluster.local/ns/shop/sa/own"]}
    assert sources(made(both, {"protect": True})["protect"]) == [ways]
    assert made(SIDECAR, {"service": "reviews", "protect": True}) == {}
    assert made(AMBIENT, {"service": "reviews", "protect": True, "allow": [BY_CALLER]}).keys() == {"reviews-allow"}
    assert "no waypoint to let in" in refused(AMBIENT, {"service": "reviews", "protect": True})


def test_what_is_closed_must_let_the_waypoint_in() -> None:
    closed = {"default_deny": True}
    allow = {"service": "reviews", "allow": [BY_CALLER]}
    for others in ([closed], [{"mesh": True, **closed}]):
        assert "security[1] (reviews): allow: default_deny closes" in refused(WAYPOINT, *others, allow)
        assert not refused(WAYPOINT, *others, {**allow, "protect": True})
        assert not refused(SIDECAR, *others, allow) and not refused(AMBIENT, *others, allow)
    assert "default_deny closes" in refused(WAYPOINT, {**allow, **closed})
    assert not refused(WAYPOINT, {"namespace": "shop", "service": "other", "workload": {"app": "o"}, **closed}, allow)


def test_gateways_need_no_data_plane() -> None:
    for plane in (DataPlane("none"), SIDECAR, None):
        found = made(planes(plane), {"gateway": "public", "allow": [BY_PATH], "default_deny": True})
        assert {spec["targetRefs"][0]["name"] for spec in found.values()} == {"public"} and len(found) == 2
    assert "mtls cannot be enforced" in refused(SIDECAR, {"gateway": "public", "mtls": {"mode": "strict"}})
    assert "no waypoint to let in" in refused(SIDECAR, {"gateway": "public", "protect": True})


def test_a_namespace_that_is_in_no_mesh() -> None:
    said = refused(DataPlane("none"), {"mtls": {"mode": "strict"}})
    assert "not in the mesh" in said and "istio.io/dataplane-mode=ambient" in said and "istio-injection=enabled" in said
    assert "data plane of the namespace shop is not known" in refused(planes(None), {"mtls": {"mode": "strict"}})


MESH_WIDE = {
    "nothing known": (None, "no waypoint. Give it for each namespace"),
    "ambient": (AMBIENT, "reads no HTTP"),
}


@pytest.mark.parametrize(("plane", "reason"), MESH_WIDE.values(), ids=MESH_WIDE)
def test_of_the_whole_mesh_ztunnel_takes_no_http(plane: DataPlane | None, reason: str) -> None:
    for facet in ({"jwt": JWT}, {"external_authorization": {"provider": "opa"}}, {"deny": [BY_PATH]}):
        assert reason in refused(planes(plane, fallback=plane), {"mesh": True, **facet})


def test_the_whole_mesh() -> None:
    classes = [{"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}]
    unknown, sidecars = planes(SIDECAR), planes(SIDECAR, fallback=SIDECAR)
    waypoints = planes(WAYPOINT, fallback=DataPlane("ambient", "waypoint"))
    for where in (unknown, sidecars, waypoints, planes(AMBIENT, fallback=AMBIENT)):
        assert made(where, {"mesh": True, "mtls": {"mode": "strict"}}) == {"default": {"mtls": {"mode": "STRICT"}}}
        assert made(where, {"mesh": True, "default_deny": True}) == {"mesh-default-deny": {"action": "ALLOW"}}
        assert made(where, {"mesh": True, "deny": [{"ports": [23]}]})["mesh-deny"].keys() == {"action", "rules"}
    assert made(sidecars, {"mesh": True, "allow": [BY_CALLER, BY_PATH]})["mesh-allow"].keys() == {"action", "rules"}
    assert made(planes(AMBIENT, fallback=AMBIENT), {"mesh": True, "allow": [{"namespaces": ["shop"]}]})
    assert {each["targetRefs"][0]["kind"] for each in made(waypoints, {"mesh": True, "jwt": JWT}).values()} == {
        "GatewayClass"
    }
    assert made(waypoints, {"mesh": True, "deny": [BY_PATH]})["mesh-deny"]["targetRefs"] == classes
    for facet in ({"allow": [BY_CALLER]}, {"deny": [{"namespaces": ["shop"]}]}, {"allow": [BY_PATH]}):
        assert "by namespace" in refused(waypoints, {"mesh": True, **facet})
    assert "all of the mesh" in refused(sidecars, {"mesh": True, "service": "reviews", "default_deny": True})
    everything = {"mesh": True, "mtls": {"mode": "disable"}}
    assert made(sidecars, everything) and "permissive" in refused(unknown, everything)


def test_the_root_namespace_is_not_taken_for_the_mesh_by_accident() -> None:
    root = planes(SIDECAR, root="shop")
    assert "mesh: true" in refused(root, {"default_deny": True})
    assert made(root, {"workload": {"istio": "ingressgateway"}, "jwt": JWT})["ingressgateway-jwt"]["selector"]
    assert "ignores mtls of single workloads" in refused(root, {"workload": {"a": "b"}, "mtls": {"mode": "strict"}})


def test_mtls_ports() -> None:
    strict = {"mode": "strict", "ports": {"8080": "permissive"}}
    found = made(WAYPOINT, {"service": "reviews", "mtls": strict})["reviews-mtls"]
    assert found["portLevelMtls"] == {"8080": {"mode": "PERMISSIVE"}} and found["mtls"] == {"mode": "STRICT"}
    inherited = made(SIDECAR, {"service": "reviews", "mtls": {"ports": {9: "disable"}}})["reviews-mtls"]
    assert inherited == {**POD, "portLevelMtls": {"9": {"mode": "DISABLE"}}}
    assert "single workloads only" in refused(SIDECAR, {"mtls": strict})
    for ports, why in (({"http": "strict"}, "no port"), ({0: "strict"}, "no port"), ({80: "on"}, "no mode")):
        assert why in refused(SIDECAR, {"service": "reviews", "mtls": {"ports": ports}})
    assert "Say permissive" in refused(AMBIENT, {"service": "reviews", "mtls": {"ports": {9: "disable"}}})


@pytest.mark.parametrize("option", ["service", "gateway"])
@pytest.mark.parametrize("name", ["other/reviews", "Reviews", "*", ""])
def test_what_is_no_name(option: str, name: str) -> None:
    assert f"{option}: {name!r} is no name" in refused(SIDECAR, {option: name, "default_deny": True})


def test_names() -> None:
    deny = {"default_deny": True}
    assert made(SIDECAR, {"workload": {"b": "Two_2", "a": "x"}, **deny}).keys() == {"x-two-2-default-deny"}
    assert made(SIDECAR, {"name": "door", "service": "reviews", **deny}).keys() == {"door-default-deny"}
    twice = refused(SIDECAR, {"service": "reviews", **deny}, {"service": "reviews", **deny})
    assert twice.startswith(
        "security[1] (reviews): security[0] (reviews) makes the AuthorizationPolicy shop/reviews-default"
    )


def test_all_that_is_wrong_is_told_at_once() -> None:
    said = refused(AMBIENT, {"service": "reviews", "jwt": JWT, "deny": [BY_PATH]}, {}, {"name": "x", "protect": True})
    assert [line.split(": ")[:2] for line in said.splitlines()] == [
        ["security[0] (reviews)", "deny"],
        ["security[0] (reviews)", "jwt"],
        [
            "security[1] (shop)",
            "nothing is asked for. Give one of mtls, default_deny, allow, deny, jwt, external_authorization, protect.",
        ],
        ["security[2] (x)", "protect"],
    ]
