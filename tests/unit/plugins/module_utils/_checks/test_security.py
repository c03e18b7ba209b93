# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks 31, 32, 33, 49 and 51: what nobody carries out, who goes round a waypoint, what stays open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run_one
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source

from tests.conftest import ROOT

from .policy import policies as given
from .policy.policies import AMBIENT, GATEWAY_API, NETWORKING, SECURITY, SIDECAR, Obj
from .policy.seeing import findings, snapshot

RECORDED: dict[str, list[Any]] = json.loads(
    (ROOT / "tests" / "fixtures" / "policy" / "guards-recorded.json").read_text(encoding="utf-8")
)

PATHS = [{"to": [{"operation": {"paths": ["/admin"]}}]}]
PATHS_AND_PORT = [{"to": [{"operation": {"paths": ["/admin"], "ports": ["8080"]}}]}]
CLIENT = [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}]}]
WAYPOINT = {"istio.io/use-waypoint": "waypoint"}
OLD, NEW = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"


def ambient(*more: Obj, labels: Obj | None = None) -> list[Obj]:
    """A namespace in ambient mode with a Service and a captured pod."""
    return [given.space(labels={**AMBIENT, **(labels or {})}), given.service(), given.pod(mode="ambient"), *more]


def sidecars(*more: Obj) -> list[Obj]:
    return [given.space(labels=SIDECAR), given.service(), given.pod(mode="sidecar"), *more]


def told(check: str, objects: list[Obj]) -> list[str]:
    return [f"{one.severity}: {one.title}" for one in findings(check, *objects)]


# -- 31 and 32 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "check", "effect"),
    [
        ("l7-allow-from-without-waypoint", "MW0031", "This is an outage"),
        ("l7-deny-without-waypoint", "MW0032", "This is a hole"),
        ("l7-deny-from-without-waypoint", "MW0032", "This is a hole"),
        ("l7-deny-with-port-without-waypoint", "MW0032", "This is an outage"),
    ],
)
def test_what_a_genuine_ztunnel_made_of_it(scenario: str, check: str, effect: str) -> None:
    found = told(check, RECORDED[scenario])
    assert len(found) == 1
    assert effect in found[0] and found[0].startswith("error: AuthorizationPolicy amb/")
    other = {"MW0031": "MW0032", "MW0032": "MW0031"}[check]
    assert told(other, RECORDED[scenario]) == []


@pytest.mark.parametrize("scenario", ["l4-deny", "healthy-waypoint"])
@pytest.mark.parametrize("check", ["MW0031", "MW0032", "MW0033", "MW0034"])
def test_what_a_genuine_mesh_carried_out(scenario: str, check: str) -> None:
    assert told(check, RECORDED[scenario]) == []


@pytest.mark.parametrize(
    ("policy", "severity", "words"),
    [
        (given.authorization(rules=PATHS, selector=given.app()), "error", "outage"),
        (given.authorization(rules=PATHS), "error", "outage"),
        (given.authorization(rules=CLIENT, selector=given.app()), "", ""),
        (given.authorization(action="CUSTOM", rules=[{}], provider={"name": "ext"}), "error", "external authorizer"),
        (given.authorization(action="AUDIT", rules=[{}]), "warning", "AUDIT"),
        (given.obj(SECURITY, "RequestAuthentication", "jwt", spec={"jwtRules": []}), "error", "no JWT"),
        (given.obj("telemetry.istio.io/v1", "Telemetry", "t", spec={"selector": given.app()}), "warning", "no effect"),
        (
            given.obj(given.NETWORKING, "EnvoyFilter", "f", spec={"workloadSelector": {"labels": {"app": "reviews"}}}),
            "error",
            "no filters",
        ),
        (given.obj("extensions.istio.io/v1alpha1", "WasmPlugin", "w", spec={}), "warning", "no filters"),
    ],
    ids=["allow-http", "allow-http-all", "allow-l4", "custom", "audit", "jwt", "telemetry", "filter", "wasm"],
)
def test_by_selector_on_ambient(policy: Obj, severity: str, words: str) -> None:
    found = told("MW0031", ambient(policy))
    assert [one.partition(":")[0] for one in found] == ([severity] if severity else [])
    assert all(words in one for one in found)
    # A sidecar carries all of that out.
    assert told("MW0031", sidecars(policy)) == []


def test_a_token_policy_for_a_service_without_waypoint() -> None:
    policy = given.obj(SECURITY, "RequestAuthentication", "jwt", spec={"targetRefs": [given.to_service()]})
    assert "uses no waypoint" in told("MW0031", ambient(policy))[0]
    assert told("MW0031", ambient(policy, *given.waypoint(), labels=WAYPOINT)) == []


def test_a_waypoint_takes_no_policy_by_selector() -> None:
    chosen = {"matchLabels": {"gateway.networking.k8s.io/gateway-name": "waypoint"}}
    policy = given.authorization(rules=PATHS, selector=chosen)
    found = findings("MW0031", *ambient(policy, *given.waypoint(), labels=WAYPOINT))
    assert [one.title for one in found] == [
        "AuthorizationPolicy shop/policy selects the pods of the waypoint Gateway shop/waypoint, but a waypoint takes "
        "no policy by selector: nobody carries it out."
    ]
    # A gateway does.
    gateway = given.obj(GATEWAY_API, "Gateway", "waypoint", spec={"gatewayClassName": "istio", "listeners": []})
    assert told("MW0031", ambient(policy, gateway, given.waypoint()[1])) == []


def test_a_sidecar_left_behind() -> None:
    left = given.obj(NETWORKING, "Sidecar", "default", spec={"egress": [{"hosts": ["./*"]}]})
    assert told("MW0031", ambient(left)) == [
        "info: Sidecar shop/default has no effect: all its pods are in ambient mode, and ztunnel takes no Sidecar."
    ]
    assert told("MW0031", ambient(left, given.pod("old", mode="sidecar"))) == []
    assert told("MW0031", sidecars(left)) == []


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (given.authorization(action="DENY", rules=PATHS), "denies nothing, though its status says accepted"),
        (given.authorization(action="DENY", rules=PATHS_AND_PORT), "cuts them for everybody"),
        (given.authorization(action="DENY", rules=CLIENT), ""),
    ],
    ids=["hole", "whole-port", "l4"],
)
def test_a_deny_on_http(policy: Obj, words: str) -> None:
    found = told("MW0032", ambient(policy))
    assert len(found) == bool(words) and all(words in one for one in found)
    assert told("MW0031", ambient(policy)) == []
    assert told("MW0032", sidecars(policy)) == []


# -- 33 ------------------------------------------------------------------------------------------------------------


def test_disable_is_ignored_by_ztunnel() -> None:
    found = told("MW0033", ambient(given.peer("DISABLE")))
    assert found[0].startswith("error: PeerAuthentication shop/default says DISABLE for 1 ambient pod in shop")
    assert told("MW0033", ambient(given.peer("PERMISSIVE"))) == []
    assert told("MW0033", sidecars(given.peer("DISABLE"))) == []


def test_plain_text_for_who_refuses_it() -> None:
    plain = given.rule(trafficPolicy={"tls": {"mode": "DISABLE"}})
    found = findings("MW0033", *sidecars(given.peer(), plain))
    assert [(*one.objects, *one.related) for one in found] == [
        ("DestinationRule shop/reviews", "PeerAuthentication shop/default")
    ]
    assert told("MW0033", sidecars(plain)) == []
    assert told("MW0033", ambient(given.peer(), plain))[0].startswith("warning: ")


# -- 49 ------------------------------------------------------------------------------------------------------------


def behind(*more: Obj) -> list[Obj]:
    """An ambient workload behind a waypoint that denies a path."""
    policy = given.authorization("admin", action="DENY", rules=PATHS, targetRefs=[given.to_service()])
    return ambient(policy, *given.waypoint(), *more, labels=WAYPOINT)


def client(mode: str = "sidecar") -> list[Obj]:
    return [given.space("web", SIDECAR), given.pod("web", "web", mode)]


def test_sidecars_go_round_a_waypoint() -> None:
    found = findings("MW0049", *behind(*client()))
    assert [one.title for one in found] == [
        "AuthorizationPolicy shop/admin is carried out by waypoint shop/waypoint alone: clients with a proxy of their "
        "own go round it, straight to Deployment shop/reviews, and nobody carries the policy out for them."
    ]
    assert found[0].severity == "warning"
    assert found[0].objects == ("AuthorizationPolicy shop/admin",)
    assert found[0].related == ("Gateway shop/waypoint", "Deployment shop/reviews")
    assert found[0].evidence[0] == "pods with a sidecar: web (1)"


@pytest.mark.parametrize(
    "more",
    [
        client("ambient"),
        [
            *client(),
            given.authorization(
                "protect",
                action="DENY",
                rules=[{"from": [{"source": {"notPrincipals": ["cluster.local/ns/shop/sa/waypoint"]}}]}],
                selector=given.app(),
            ),
        ],
    ],
    ids=["no-sidecars", "protected"],
)
def test_nobody_goes_round(more: list[Obj]) -> None:
    assert told("MW0049", behind(*more)) == []


def test_an_ingress_gateway_goes_round_too() -> None:
    pod = given.pod("ingress", "edge", labels={"istio": "ingressgateway"})
    gateway = given.obj(given.NETWORKING, "Gateway", "edge", "edge", {"selector": {"istio": "ingressgateway"}})
    host = "reviews.shop.svc.cluster.local"
    route = given.virtual_service("edge", "edge", hosts=["a.example"], gateways=["edge"], host=host)
    edge = [given.space("edge"), pod, gateway, route]
    assert len(told("MW0049", behind(*edge))) == 1
    objects = behind(*edge)
    objects[1]["metadata"]["labels"] = {"istio.io/ingress-use-waypoint": "true"}
    assert told("MW0049", objects) == []


def test_nothing_goes_round_what_is_not_there() -> None:
    result = run_one(BY_ID["MW0049"], snapshot(*ambient(), istiods=[given.istiod()]))
    assert (result.status, result.reason) == ("skipped", "no waypoint carries out a policy")


# -- 51 ------------------------------------------------------------------------------------------------------------


def dated(obj: Obj, when: str, **meta: Any) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "creationTimestamp": when, **meta}}


@pytest.mark.parametrize(
    ("written", "started", "generation", "words"),
    [
        (NEW, OLD, 1, "was written after pods of Deployment shop/reviews had started"),
        (NEW, OLD, 3, "was written after pods"),
        (OLD, NEW, 1, ""),
        (OLD, NEW, 2, "has been changed at a time that cannot be read"),
    ],
    ids=["younger", "younger-and-changed", "older", "changed"],
)
def test_connections_older_than_a_deny(written: str, started: str, generation: int, words: str) -> None:
    deny = given.authorization("deny", action="DENY", rules=CLIENT, selector=given.app())
    objects = [
        given.space(labels=AMBIENT),
        dated(given.pod(mode="ambient"), started),
        dated(deny, written, generation=generation),
    ]
    found = findings("MW0051", *objects)
    assert [one.severity for one in found] == (["info"] if words else [])
    assert all(words in one.title for one in found)
    changed = any(f"generation {generation}" in fact for one in found for fact in one.evidence)
    assert changed is (generation > 1)


@pytest.mark.parametrize(
    "policy",
    [
        given.authorization(action="DENY", rules=CLIENT),
        given.authorization(action="ALLOW", rules=CLIENT, selector=given.app()),
        given.authorization(action="DENY", rules=PATHS, selector=given.app()),
        given.authorization(action="DENY", rules=CLIENT, targetRefs=[given.to_service()]),
    ],
    ids=["whole-namespace", "allow", "http", "waypoint"],
)
def test_only_a_deny_with_a_selector_leaves_connections_open(policy: Obj) -> None:
    taken = snapshot(*ambient(dated(policy, NEW)), istiods=[given.istiod()])
    assert run_one(BY_ID["MW0051"], taken).status == "skipped"


def test_sidecars_cut_what_is_open() -> None:
    deny = dated(given.authorization(action="DENY", rules=CLIENT, selector=given.app()), NEW)
    assert told("MW0051", [given.space(labels=SIDECAR), dated(given.pod(mode="sidecar"), OLD), deny]) == []


# -- of all --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", ["MW0031", "MW0032", "MW0033", "MW0049", "MW0051"])
def test_what_was_not_read_is_unknown(check: str) -> None:
    """And what was found before that still counts."""
    taken = snapshot(*ambient(), istiods=[given.istiod()])
    for name in BY_ID[check].sources:
        blind = Snapshot({**taken.sources, name: Source(name, error="may not list this")})
        assert run_one(BY_ID[check], blind).status == "unknown", name


def test_what_was_found_counts_though_not_all_was_read() -> None:
    taken = snapshot(*ambient(given.authorization(rules=PATHS)), istiods=[given.istiod()])
    blind = Snapshot({**taken.sources, "telemetries": Source("telemetries", error="may not list this")})
    result = run_one(BY_ID["MW0031"], blind)
    assert (result.status, len(result.findings)) == ("failed", 1)


@pytest.mark.parametrize("check", ["MW0031", "MW0032", "MW0033", "MW0049", "MW0051"])
def test_without_a_mesh_policy_means_nothing(check: str) -> None:
    taken = snapshot(*ambient(given.authorization(rules=PATHS), *given.waypoint()), istiods=[])
    assert run_one(BY_ID[check], taken).status == "skipped"
