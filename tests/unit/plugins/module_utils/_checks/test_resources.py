# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the data plane costs: adding up, sharing out, and comparing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.proxies import (
    SIDECARS,
    WAYPOINTS,
    ZTUNNEL,
    Amount,
    PodKey,
    Proxy,
)
from ansible_collections.meshwright.istio.plugins.module_utils._checks.resources import (
    Account,
    Tally,
    account,
    compare,
    foreseen,
)

ONE = Amount(100, 128)
NO_SERVER = "the cluster serves no metrics.k8s.io"


def sidecars(namespace: str, count: int, requests: Amount = ONE) -> list[Proxy]:
    return [Proxy(SIDECARS, namespace, f"web-{number}", requests=requests) for number in range(count)]


def ztunnels(*nodes: str) -> list[Proxy]:
    return [Proxy(ZTUNNEL, "ztunnel", f"ztunnel-{node}", requests=Amount(200, 512), node=node) for node in nodes]


WAYPOINT = Proxy(WAYPOINTS, "shop", "waypoint-1", requests=ONE)


USED = Amount(5, 40)


def used(*names: str, by: Amount = USED) -> Mapping[PodKey, Mapping[str, Amount]]:
    return {("shop", name): {"istio-proxy": by, "app": Amount(999, 999)} for name in names}


BEFORE = account([*sidecars("shop", 3), *sidecars("media", 2, Amount()), *ztunnels("n1", "n2", "n2")], nodes=4)


@pytest.mark.parametrize(
    ("namespace", "kind", "expected"),
    [
        ("shop", SIDECARS, Tally(3, 0, Amount(300, 384))),
        ("media", SIDECARS, Tally(2, 2)),
        ("ztunnel", ZTUNNEL, Tally(3, 0, Amount(600, 1536))),
        ("shop", WAYPOINTS, Tally()),
        ("nowhere", SIDECARS, Tally()),
    ],
)
def test_proxies_are_added_up_by_namespace_and_kind(namespace: str, kind: str, expected: Tally) -> None:
    assert BEFORE.of(namespace, kind) == expected


def test_in_all_by_kind_and_by_nodes() -> None:
    assert BEFORE.total(SIDECARS) == Tally(5, 2, Amount(300, 384))
    assert BEFORE.total() == Tally(8, 2, Amount(900, 1920))
    assert BEFORE.total("", ["shop", "nowhere"]) == Tally(3, 0, Amount(300, 384))
    assert (BEFORE.ztunnel_nodes, BEFORE.nodes) == (2, 4)


@pytest.mark.parametrize(
    ("usage", "measured", "total", "whole"),
    [
        (None, 0, None, None),
        ({}, 0, None, None),
        (used("web-0"), 1, Amount(5, 40), None),
        (used("web-0", "web-1", "gone"), 2, Amount(10, 80), Amount(10, 80)),
        ({("shop", "web-0"): {"app": ONE}}, 0, None, None),
    ],
)
def test_use_is_that_of_the_proxys_container(
    usage: Mapping[PodKey, Mapping[str, Amount]] | None, measured: int, total: Amount | None, whole: Amount | None
) -> None:
    found = account(sidecars("shop", 2), usage=usage).of("shop", SIDECARS)
    assert (found.measured, found.used, found.whole) == (measured, total, whole)


def test_ztunnels_cost_is_shared_by_the_pods_that_it_carries() -> None:
    shared = account(ztunnels("n1"), captured={"shop": 3, "media": 1})
    assert (shared.share("shop"), shared.share("media")) == (Amount(150, 384), Amount(50, 128))
    assert shared.share("elsewhere") == Amount()
    assert BEFORE.share("shop") is None
    assert shared.shown(["shop"])["namespaces"] == {
        "shop": {"ztunnel_share": {"pods": 3, "requested": {"cpu_millicores": 150, "memory_mib": 384}}}
    }


def test_as_results_show_it() -> None:
    found = account([*sidecars("shop", 2), WAYPOINT], usage=used("web-0", by=Amount(1.26, 3)), nodes=3).shown()
    both = {"cpu_millicores": 200, "memory_mib": 256}
    sidecar = {"proxies": 2, "requested": both, "used": {"cpu_millicores": 1.3, "memory_mib": 3}, "measured": 1}
    waypoint = {"proxies": 1, "requested": {"cpu_millicores": 100, "memory_mib": 128}, "used": None}
    nothing = {"proxies": 0, "requested": {"cpu_millicores": 0, "memory_mib": 0}, "used": None}
    everything = sidecar | {"proxies": 3, "requested": {"cpu_millicores": 300, "memory_mib": 384}}
    assert found == {
        "total": {"sidecars": sidecar, "ztunnel": nothing, "waypoints": waypoint, "all": everything},
        "namespaces": {"shop": {"sidecars": sidecar, "waypoints": waypoint}},
        "ztunnel_nodes": 0,
        "nodes": 3,
    }


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            BEFORE,
            [
                "sidecars: 5 request 0.3 CPU and 384 MiB, 2 of them request nothing",
                "ztunnel: 3 request 0.6 CPU and 1.5 GiB, on 2 of 4 nodes",
                "waypoints: none",
                "in all: 8 request 0.9 CPU and 1.88 GiB, 2 of them request nothing",
            ],
        ),
        (
            account(sidecars("shop", 2), usage=used("web-0")),
            [
                "sidecars: 2 request 0.2 CPU and 256 MiB, use 0.005 CPU and 40 MiB (1 measured)",
                "ztunnel: none",
                "waypoints: none",
                "in all: 2 request 0.2 CPU and 256 MiB, use 0.005 CPU and 40 MiB (1 measured)",
            ],
        ),
        (
            account([], unmeasured=NO_SERVER),
            [
                "sidecars: none",
                "ztunnel: none",
                "waypoints: none",
                "in all: none",
                f"what they use is not known: {NO_SERVER}",
            ],
        ),
        (Account(unread="no"), ["what proxies request is not known: no"]),
    ],
)
def test_for_people(found: Account, lines: list[str]) -> None:
    assert found.lines() == lines


AFTER = account([*sidecars("media", 2, Amount()), WAYPOINT, *ztunnels("n1", "n2", "n2")], nodes=4)


def change(shown: dict[str, Any], *path: str) -> tuple[int, dict[str, float], dict[str, float] | None]:
    for key in path:
        shown = shown[key]
    return shown["change"]["proxies"], shown["change"]["requested"], shown["change"]["used"]


def test_what_became_of_it() -> None:
    compared = compare(BEFORE, AFTER)
    assert compared.lines() == [
        "shop: 3 -> 0 sidecars, 0 -> 1 waypoints (0.3 CPU and 384 MiB requested before, 0.1 CPU and 128 MiB after)",
        "in all: 0.9 CPU and 1.88 GiB requested before, 0.7 CPU and 1.62 GiB after",
    ]
    shown = compared.shown()
    assert list(shown["namespaces"]) == ["shop"]
    assert change(shown, "namespaces", "shop", "sidecars")[:2] == (-3, {"cpu_millicores": -300, "memory_mib": -384})
    assert change(shown, "total", "waypoints")[:2] == (1, {"cpu_millicores": 100, "memory_mib": 128})
    assert change(shown, "total", "all")[:2] == (-2, {"cpu_millicores": -200, "memory_mib": -256})
    assert shown["total"]["sidecars"]["before"]["proxies"] == 5
    assert compared.shown(["media"])["namespaces"]["media"]["sidecars"]["change"]["proxies"] == 0
    assert compare(AFTER, AFTER).lines() == ["in all: 0.7 CPU and 1.62 GiB requested, as before"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (account(sidecars("shop", 1), usage=used("web-0")), account([]), {"cpu_millicores": -5, "memory_mib": -40}),
        (account(sidecars("shop", 2), usage=used("web-0")), account([]), None),
        (account(sidecars("shop", 1), usage=used("web-0")), account([], unmeasured=NO_SERVER), None),
    ],
)
def test_use_is_compared_only_where_all_of_it_is_measured(before: Account, after: Account, expected: Any) -> None:
    shown = compare(before, after).shown()
    assert change(shown, "total", "sidecars")[2] == expected
    assert shown.get("used_unknown", "") == after.unmeasured


def test_what_could_not_be_read_is_not_compared() -> None:
    assert compare(BEFORE, Account(unread="no")).shown() == {"unknown": "no"}
    assert compare(Account(unread="no"), BEFORE).lines() == ["what proxies request is not known: no"]


def test_what_is_foreseen() -> None:
    found = foreseen(BEFORE, {"shop": 0, "new": 4, "media": 2}, ONE)
    assert [(name, found.of(name, SIDECARS)) for name in ("shop", "new", "media")] == [
        ("shop", Tally()),
        ("new", Tally(4, 0, Amount(400, 512))),
        ("media", Tally(2, 0, Amount(200, 256))),
    ]
    assert found.of("ztunnel", ZTUNNEL) == BEFORE.of("ztunnel", ZTUNNEL)
    assert BEFORE.of("shop", SIDECARS).proxies == 3
