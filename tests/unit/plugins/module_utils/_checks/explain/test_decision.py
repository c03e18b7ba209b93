# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a policy decides for one client."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain.decision import Who, decide, matches

from .world import authorization

ME = Who("cluster.local/ns/shop/sa/client", "shop", "client", 8080)
NOBODY = Who("", "", "", 8080)


def source(**fields: Any) -> dict[str, Any]:
    return {"from": [{"source": fields}]}


def to(**fields: Any) -> dict[str, Any]:
    return {"to": [{"operation": fields}]}


@pytest.mark.parametrize(
    ("rule", "mine", "nobodys"),
    [
        ({}, "yes", "yes"),
        (source(principals=["cluster.local/ns/shop/sa/client"]), "yes", "no"),
        (source(principals=["*/sa/client"]), "yes", "no"),
        (source(principals=["*"]), "yes", "no"),
        (source(notPrincipals=["*"]), "no", "yes"),
        (source(namespaces=["sh*"]), "yes", "no"),
        (source(notNamespaces=["shop"]), "no", "yes"),
        (source(serviceAccounts=["client"]), "yes", "no"),
        (source(serviceAccounts=["other/client"]), "no", "no"),
        (source(principals=["*"], namespaces=["other"]), "no", "no"),
        (source(ipBlocks=["10.0.0.0/8"]), "depends", "depends"),
        (to(ports=["8080"]), "yes", "yes"),
        (to(notPorts=["8080"]), "no", "no"),
        (to(methods=["GET"]), "depends", "depends"),
        ({**source(namespaces=["other"]), **to(methods=["GET"])}, "no", "no"),
        ({"when": [{"key": "source.namespace", "values": ["shop"]}]}, "yes", "no"),
        ({"when": [{"key": "source.principal", "notValues": ["*"]}]}, "no", "yes"),
        ({"when": [{"key": "destination.port", "values": ["80"]}]}, "no", "no"),
        ({"when": [{"key": "request.headers[x]", "values": ["1"]}]}, "depends", "depends"),
    ],
)
def test_rules(rule: dict[str, Any], mine: str, nobodys: str) -> None:
    policy = authorization("shop", "DENY", [rule])
    assert decide(policy, ME, http=True).matched == mine
    assert decide(policy, NOBODY, http=True).matched == nobodys


def test_the_trust_domain_has_two_names() -> None:
    who = Who("corp.example/ns/shop/sa/client", "shop", "client", 0, "corp.example")
    for domain in ("corp.example", "cluster.local"):
        rule = source(principals=[f"{domain}/ns/shop/sa/client"])
        assert decide(authorization("shop", "DENY", [rule]), who, http=True).matched == "yes"


@pytest.mark.parametrize(
    ("action", "rule", "matched"),
    [
        ("DENY", to(methods=["GET"]), "no"),
        ("DENY", {**source(principals=["*"]), **to(methods=["GET"])}, "no"),
        ("DENY", to(methods=["GET"], ports=["8080"]), "yes"),
        ("DENY", to(methods=["GET"], ports=["9090"]), "no"),
        ("ALLOW", to(methods=["GET"]), "no"),
        ("ALLOW", source(principals=["*"]), "yes"),
    ],
)
def test_what_ztunnel_makes_of_fields_of_http(action: str, rule: dict[str, Any], matched: str) -> None:
    """As recorded of a genuine ztunnel."""
    found = decide(authorization("shop", action, [rule]), ME, http=False)
    assert found.matched == matched
    assert bool(found.ignored) is ("methods" in str(rule))


def test_no_rules_match_nobody() -> None:
    assert decide(authorization("shop", "ALLOW", None), ME, http=True).matched == "no"


@pytest.mark.parametrize(
    ("pattern", "value", "found"), [("*", "", False), ("a*", "ab", True), ("*b", "ab", True), ("a", "ab", False)]
)
def test_patterns(pattern: str, value: str, found: bool) -> None:
    assert matches(pattern, value) is found
