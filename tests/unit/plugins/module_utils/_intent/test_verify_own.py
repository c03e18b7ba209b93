# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of one's own and the baseline, as options: what is wrong with them is said before anything is read."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.baseline import Entry
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.verify import VerifyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._intent.verify_custom import Resource

TEAM: dict[str, Any] = {"id": "TEAM-1", "title": "A team", "sources": ["namespaces"], "query": "items"}


def intent(**params: Any) -> VerifyIntent:
    return VerifyIntent.from_params(params)


def ids(found: VerifyIntent) -> list[str]:
    return [check.id for check in found.checks]


def test_ones_own_run_along_with_any_selection() -> None:
    found = intent(checks=["MW0017"], custom_checks=[TEAM])
    assert ids(found) == ["MW0000", "MW0017", "TEAM-1"]
    assert "namespaces" in found.sources
    assert ids(intent(checks=["team-1"], custom_checks=[TEAM])) == ["MW0000", "TEAM-1"]
    assert ids(intent(checks=["17"], skip=["custom"], custom_checks=[TEAM])) == ["MW0000", "MW0017"]


def test_a_resource_becomes_a_source_of_its_own() -> None:
    resource = {"api_version": "v1", "kind": "ConfigMap", "namespace": "shop", "label_selector": None}
    found = intent(checks=["17"], custom_checks=[{**TEAM, "sources": [], "resource": resource}])
    assert found.resources == {"resource of TEAM-1": Resource("v1", "ConfigMap", "shop")}
    assert "resource of TEAM-1" not in found.sources


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"id": "MW0099"}, "identifiers beginning with MW are taken"),
        ({"id": "a b"}, "`custom_checks[0].id` is a b"),
        ({"id": "webhooks"}, "there is already"),
        ({"sources": []}, "neither sources nor resource"),
        ({"resource": {"api_version": "v1", "kind": "Pod"}}, "both sources and resource"),
        ({"sources": ["namespace"]}, "Did you mean namespaces?"),
        ({"query": "items[?"}, "`custom_checks[0].query` (TEAM-1) is no JMESPath"),
        ({"text": "{metadata.name} and {[}"}, "`custom_checks[0].text` (TEAM-1) is no JMESPath"),
    ],
)
def test_what_is_wrong_with_a_check(edit: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as error:
        intent(custom_checks=[{**TEAM, **edit}])
    assert words in str(error.value)


def test_a_check_named_twice() -> None:
    with pytest.raises(BadInput, match="there is already"):
        intent(custom_checks=[TEAM, TEAM])


@pytest.mark.parametrize(
    ("given", "entry"),
    [
        ({"check": "17", "reason": "r"}, Entry("MW0017", "", "r")),
        ({"check": "mw0017", "object": "shop/*", "reason": "r"}, Entry("MW0017", "shop/*", "r")),
        ({"check": "TEAM-1", "reason": " r "}, Entry("TEAM-1", "", "r")),
        ({"check": 17, "reason": "r", "expires": "2027-03-31"}, Entry("MW0017", "", "r", "2027-03-31")),
        (
            {"check": 17, "reason": "r", "expires": str(datetime.datetime(2027, 3, 31))},
            Entry("MW0017", "", "r", "2027-03-31"),
        ),
    ],
)
def test_the_baseline(given: dict[str, Any], entry: Entry) -> None:
    assert intent(custom_checks=[TEAM], baseline=[given]).baseline == (entry,)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"check": "MW9999", "reason": "r"}, "`baseline[0].check` is MW9999, which is no check"),
        ({"check": 17, "reason": "  "}, "`baseline[0].reason` is empty"),
        ({"check": 17, "reason": "r", "expires": "next week"}, "`baseline[0].expires` is next week, which is no date"),
    ],
)
def test_what_is_wrong_with_the_baseline(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as error:
        intent(baseline=[given])
    assert words in str(error.value)


def test_who_does_not_ask_proxies_reads_none_of_them() -> None:
    inside = {"istiod_sync", "ztunnel_dumps", "envoy_certificates"}
    assert not inside & set(intent(port_forward=False).sources)
    assert intent(namespaces=["a", "b", "a"]).namespaces == frozenset("ab")
    assert intent().namespaces is None
