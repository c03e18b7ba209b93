# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judging what a genuine mesh held while a genuine ztunnel was seen to leave holes and cause outages.

The objects are trimmed copies of recordings; each scenario's name says what was seen.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.judge import judge
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.lockout import Lockout

from tests.conftest import ROOT

from .policies import Obj, pod, told, view

RECORDED: dict[str, list[Any]] = json.loads(
    (ROOT / "tests" / "fixtures" / "policy" / "guards-recorded.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("scenario", "kind", "expected", "effect"),
    [
        ("l7-deny-without-waypoint", "AuthorizationPolicy", ["http-policy-on-ambient error"], "hole"),
        ("l7-deny-from-without-waypoint", "AuthorizationPolicy", ["http-policy-on-ambient error"], "hole"),
        ("l7-deny-with-port-without-waypoint", "AuthorizationPolicy", ["http-policy-on-ambient error"], "outage"),
        ("l7-allow-from-without-waypoint", "AuthorizationPolicy", ["http-policy-on-ambient error"], "outage"),
        ("l4-deny", "AuthorizationPolicy", [], ""),
        ("healthy-waypoint", "AuthorizationPolicy", [], ""),
        ("healthy-waypoint", "HTTPRoute", [], ""),
        ("waypoint-missing-with-l7-policy", "AuthorizationPolicy", ["waypoint-absent error"], "hole"),
        ("waypoint-missing-with-l7-policy", "HTTPRoute", ["waypoint-absent error"], "hole"),
        ("waypoint-zero-pods", "AuthorizationPolicy", ["waypoint-down error"], "outage"),
    ],
)
def test_what_was_seen_is_told(scenario: str, kind: str, expected: list[str], effect: str) -> None:
    objects = RECORDED[scenario]
    subject = next(one for one in objects if one["kind"] == kind)
    found = list(judge(view(*objects), subject))
    assert told(found) == expected
    assert all(f"This is a {effect}" in one.message or f"This is an {effect}" in one.message for one in found)


def test_strict_where_a_plain_client_was_cut() -> None:
    objects = RECORDED["strict-blocked"]
    strict = next(one for one in objects if one["kind"] == "PeerAuthentication")
    others: list[Obj] = [one for one in objects if one is not strict]
    clean = Lockout(view(*others), view(*others, strict), [strict])
    assert [len(group.pods) for group in clean.strict.values()] == [3], "all its pods are captured"
    assert told(clean.judge()) == []
    with_client = [*others, pod("client", "plain")]
    assert told(Lockout(view(*with_client), view(*with_client, strict), [strict]).judge()) == [
        "outside-clients warning"
    ]
