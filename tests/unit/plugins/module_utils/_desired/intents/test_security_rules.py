# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from .security_entries import AMBIENT, SIDECAR, WAYPOINT, made, refused

KEYS = {"keys": [{"kty": "RSA", "n": "abc", "e": "AQAB"}]}


def rule(given: dict[str, Any], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(SIDECAR, {"allow": [given], **more})["allow"]["rules"][0]
    return found


@pytest.mark.parametrize(
    ("account", "trust_domain", "expected"),
    [
        ("web", "cluster.local", "cluster.local/ns/shop/sa/web"),
        ("edge/gw", "cluster.local", "cluster.local/ns/edge/sa/gw"),
        ("edge/*", "td", "td/ns/edge/sa/*"),
        ("edge/gw-*", "td", "td/ns/edge/sa/gw-*"),
        ("edge/gw", "*", "*/ns/edge/sa/gw"),
        ("*", "td", "*"),
    ],
)
def test_service_accounts(account: str, trust_domain: str, expected: str) -> None:
    found = rule({"service_accounts": [account]}, trust_domain=trust_domain)
    assert found == {"from": [{"source": {"principals": [expected]}}]}


@pytest.mark.parametrize("account", ["*/web", "a/b/c", "/web", "a/", "a/w*b", "cluster.local/ns/a/sa/b"])
def test_service_accounts_that_cannot_be(account: str) -> None:
    assert f"service account {account!r} cannot be matched" in refused(
        SIDECAR, {"allow": [{"service_accounts": [account]}]}
    )


def test_a_wildcard_of_every_trust_domain() -> None:
    asked = {"allow": [{"service_accounts": ["shop/*"]}], "trust_domain": "*"}
    assert "Use `namespaces`" in refused(SIDECAR, asked)


@pytest.mark.parametrize("trust_domain", ["a/b", "a*", "spiffe://td"])
def test_trust_domains_that_cannot_be(trust_domain: str) -> None:
    said = refused(SIDECAR, {"allow": [{"service_accounts": ["web"]}], "trust_domain": trust_domain})
    assert f"trust_domain {trust_domain!r}" in said


def test_every_field() -> None:
    found = rule(
        {
            "service_accounts": ["web"],
            "principals": ["td/ns/a/sa/b"],
            "not_namespaces": ["old"],
            "ip_blocks": ["10.0.0.0/8"],
            "not_remote_ip_blocks": ["1.2.3.4"],
            "request_principals": ["*"],
            "ports": [80, 443],
            "not_methods": ["DELETE"],
            "paths": ["/a"],
            "hosts": ["*.example.com"],
            "when": [{"key": "request.headers[x]", "values": ["1"], "not_values": ["2"]}],
        }
    )
    assert found == {
        "from": [
            {
                "source": {
                    "principals": ["cluster.local/ns/shop/sa/web", "td/ns/a/sa/b"],
                    "ipBlocks": ["10.0.0.0/8"],
                    "requestPrincipals": ["*"],
                    "notNamespaces": ["old"],
                    "notRemoteIpBlocks": ["1.2.3.4"],
                }
            }
        ],
        "to": [
            {
                "operation": {
                    "hosts": ["*.example.com"],
                    "paths": ["/a"],
                    "ports": ["80", "443"],
                    "notMethods": ["DELETE"],
                }
            }
        ],
        "when": [{"key": "request.headers[x]", "values": ["1"], "notValues": ["2"]}],
    }
    assert rule({}) == {}


# What istiod tells ztunnel of a rule, as pilot/pkg/serviceregistry/ambient/authorization.go has it.
@pytest.mark.parametrize(
    ("given", "l4"),
    [
        ({"service_accounts": ["web"], "not_namespaces": ["a"], "ip_blocks": ["10.0.0.1"], "not_ports": [80]}, True),
        *(({"when": [{"key": key, "values": ["10.0.0.1"]}]}, True) for key in ("source.ip", "destination.ip")),
        *(({"when": [{"key": key, "values": ["a"]}]}, True) for key in ("source.namespace", "source.principal")),
        *(({"when": [{"key": key, "values": ["a"]}]}, False) for key in ("request.headers[x]", "connection.sni")),
        *(({f"{negated}{key}": ["a"]}, False) for negated in ("", "not_") for key in ("methods", "paths", "hosts")),
        *(({f"{negated}request_principals": ["a"]}, False) for negated in ("", "not_")),
        *(({f"{negated}remote_ip_blocks": ["10.0.0.1"]}, False) for negated in ("", "not_")),
    ],
)
def test_what_ztunnel_can_enforce(given: dict[str, Any], l4: bool) -> None:
    for facet in ("allow", "deny"):
        said = refused(AMBIENT, {"service": "reviews", facet: [given]})
        assert (not said) is l4
        assert l4 or (f"{facet}: " in said and "there is no waypoint" in said)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"service_accounts": []}, "service_accounts is an empty list, which would match anything"),
        ({"paths": [""]}, "paths holds an empty text"),
        ({"ports": [70000]}, "no port"),
        ({"when": [{"key": "source.ip"}]}, "neither values nor not_values"),
        ({"when": [{"key": "destination.port", "values": ["80"]}]}, "Use ports"),
        ({"when": [{"key": "source.serviceAccount", "values": ["a"]}]}, "Use service_accounts"),
    ],
)
def test_rules_that_cannot_be(given: dict[str, Any], why: str) -> None:
    said = refused(SIDECAR, {"allow": [{}, given]})
    assert said.startswith("security[0] (shop): allow: rule 1: ") and why in said


def test_no_rules() -> None:
    assert "Use `default_deny`" in refused(SIDECAR, {"allow": []})
    assert "it has no rules" in refused(SIDECAR, {"deny": []})


def test_an_address_that_a_waypoint_does_not_see() -> None:
    by_address = {"when": [{"key": "destination.ip", "values": ["10.0.0.1"]}]}
    assert "a waypoint does not match" in refused(WAYPOINT, {"service": "reviews", "allow": [by_address]})


def test_jwt_fields() -> None:
    asked = {
        "issuer": "me",
        "jwks": KEYS,
        "from_headers": [{"name": "x-token", "prefix": "Bearer "}, {"name": "x-other"}],
        "from_params": ["token"],
        "from_cookies": ["session"],
        "forward": True,
        "payload_header": "x-payload",
    }
    found = made(SIDECAR, {"jwt": asked})
    assert found == {
        "jwt": {
            "jwtRules": [
                {
                    "issuer": "me",
                    "jwks": '{"keys":[{"e":"AQAB","kty":"RSA","n":"abc"}]}',
                    "fromHeaders": [{"name": "x-token", "prefix": "Bearer "}, {"name": "x-other"}],
                    "fromParams": ["token"],
                    "fromCookies": ["session"],
                    "outputPayloadToHeader": "x-payload",
                    "forwardOriginalToken": True,
                }
            ]
        }
    }
    text = json.dumps(KEYS)
    assert made(SIDECAR, {"jwt": {"issuer": "me", "jwks": text}})["jwt"]["jwtRules"][0]["jwks"] == text


def test_claims_ask_for_a_token() -> None:
    asked = {"issuer": "https://me", "claims": {"groups": ["a", "b"], "[realm][role]": "reader"}, "ports": [9080]}
    rules = made(WAYPOINT, {"service": "reviews", "jwt": asked})["reviews-jwt-required"]["rules"]
    assert [each["to"] for each in rules] == [[{"operation": {"ports": ["80"]}}]] * 3
    assert rules[0]["from"] == [{"source": {"notRequestPrincipals": ["*"]}}]
    assert [each["when"][0] for each in rules[1:]] == [
        {"key": "request.auth.claims[groups]", "notValues": ["a", "b"]},
        {"key": "request.auth.claims[realm][role]", "notValues": ["reader"]},
    ]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"issuer": ""}, "issuer is empty"),
        ({"issuer": "me"}, "nothing says where the keys"),
        ({"jwks_uri": "file:///keys"}, "no address by http"),
        ({"jwks": "{"}, "jwks is no JSON"),
        ({"jwks": {"keys": []}}, "jwks is no key set"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "s3cret"}]}}, "jwks holds a private key"),
        ({"audiences": []}, "audiences is empty"),
        ({"claims": {"groups": []}}, "groups has no usable values"),
        ({"claims": {"level": [3]}}, "level has no usable values"),
        ({"paths": ["/a"]}, "Give `required: true`"),
        ({"required": True, "paths": []}, "paths is an empty list"),
    ],
)
def test_tokens_that_cannot_be(given: dict[str, Any], why: str) -> None:
    said = refused(SIDECAR, {"jwt": {"issuer": "https://me", **given}})
    assert why in said and "s3cret" not in said


def test_external_authorization() -> None:
    def asked(**more: Any) -> Any:
        return made(WAYPOINT, {"service": "reviews", "external_authorization": {"provider": "opa", **more}})

    assert asked()["reviews-ext-authz"]["rules"] == [{}]
    found = asked(paths=["/a"], ports=[9080])["reviews-ext-authz"]
    assert found["rules"] == [{"to": [{"operation": {"paths": ["/a"], "ports": ["80"]}}]}]
    assert found["provider"] == {"name": "opa"} and found["action"] == "CUSTOM"
