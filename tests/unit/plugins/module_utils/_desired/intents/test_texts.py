# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading durations, percents and hosts of short forms."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents import texts
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput

# Of the Gateway API's CRDs: what a Duration may look like.
GATEWAY_DURATION = re.compile(r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")


@pytest.mark.parametrize(
    ("given", "written", "total"),
    [
        ("10s", "10s", 10_000),
        ("1.5s", "1500ms", 1500),
        ("20ms", "20ms", 20),
        ("1m30s", "90s", 90_000),
        ("2h", "7200s", 7_200_000),
        ("48h", "48h", 172_800_000),
        ("100000.5s", "27h46m40s500ms", 100_000_500),
        ("100.123s", "1m40s123ms", 100_123),
    ],
)
def test_durations_as_both_apis_take_them(given: str, written: str, total: int) -> None:
    assert texts.duration(given) == written
    assert GATEWAY_DURATION.match(written)
    assert texts.milliseconds(given) == texts.milliseconds(written) == total


@pytest.mark.parametrize(
    ("parse", "value"),
    [
        (texts.milliseconds, "10"),
        (texts.milliseconds, "0s"),
        (texts.milliseconds, "0.5ms"),
        (texts.milliseconds, "-1s"),
        (texts.milliseconds, "1s "),
        (texts.milliseconds, "1d"),
        (texts.percent, -1),
        (texts.percent, 100.5),
        (texts.port, 0),
        (texts.port, 65536),
        (texts.dns_label, "V1"),
        (texts.dns_label, "v1-"),
        (texts.dns_label, "v1\n"),
        (texts.dns_label, "v1.2"),
        (texts.dns_subdomain, "a..b"),
        (texts.dns_subdomain, "a_b"),
    ],
)
def test_what_is_refused(parse: Any, value: Any) -> None:
    with pytest.raises(BadInput, match=re.escape(str(value).strip())):
        parse(value)


@pytest.mark.parametrize(
    ("given", "namespace", "expected"),
    [
        ("reviews", "shop", texts.Host("reviews", "reviews", "shop")),
        ("reviews.shop.svc.cluster.local", "shop", texts.Host("reviews", "reviews", "shop")),
        ("reviews.shop.svc", "shop", texts.Host("reviews", "reviews", "shop")),
        ("reviews.shop.svc", "till", texts.Host("reviews.shop.svc.cluster.local", "reviews", "shop")),
        ("reviews.shop.svc.acme.internal", None, texts.Host("reviews.shop.svc.acme.internal", "reviews", "shop")),
        ("api.example.com", "shop", texts.Host("api.example.com", "", "shop")),
        ("*.example.com", "shop", texts.Host("*.example.com", "", "shop")),
    ],
)
def test_hosts(given: str, namespace: str | None, expected: texts.Host) -> None:
    assert texts.host(given, namespace) == expected


@pytest.mark.parametrize(("given", "namespace"), [("reviews", None), ("a..b", "shop"), ("*", "shop"), ("A b", "shop")])
def test_hosts_that_are_none(given: str, namespace: str | None) -> None:
    with pytest.raises(BadInput, match=re.escape(given)):
        texts.host(given, namespace)


def test_all_that_is_wrong_is_told_at_once_and_bounded() -> None:
    complaints = texts.Complaints("traffic")
    complaints.done()
    first, second = complaints.element(0), complaints.element(1, "reviews")
    assert first.read("timeout", texts.duration, None) is None
    assert second.read("timeout", texts.duration, "2s") == "2s"
    first.read("timeout", texts.duration, "soon")
    second.wrong("no.")
    with pytest.raises(BadInput) as caught:
        complaints.done()
    assert caught.value.message.splitlines() == [
        "traffic[0]: timeout: 'soon' is no duration of at least 1ms. Write it as 1h, 1m, 1s, 1.5s or 1ms.",
        "traffic[1] (reviews): no.",
    ]
    for _number in range(100):
        second.wrong("no.")
    with pytest.raises(BadInput, match=r"and 72 more$") as caught:
        complaints.done()
    assert len(caught.value.message.splitlines()) == 31
