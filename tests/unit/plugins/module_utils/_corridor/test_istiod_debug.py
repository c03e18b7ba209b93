# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What /debug/syncz says, and the verdict on it. The fixtures are recordings of genuine istiods and Envoys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import istiod_debug
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.istiod_debug import (
    ProxySync,
    ReplicaSync,
    TypeSync,
    judge_sync,
    parse_sync,
    told_since,
    watch_sync,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Deadline

RECORDED = Path(__file__).parents[4] / "fixtures" / "istiod"


def recorded(name: str) -> list[ReplicaSync]:
    entries = json.loads((RECORDED / f"syncz-{name}.json").read_text(encoding="utf-8"))
    return [ReplicaSync("istiod-1", parse_sync(entries))]


def proxy(name: str = "web-1.demo", sent: str = "2", acked: str = "2", error: str = "") -> ProxySync:
    return ProxySync(name, "sidecar", "Kubernetes", "1.31.1", (TypeSync("Listener", sent, acked, error),))


def replicas(*proxies: ProxySync) -> list[ReplicaSync]:
    return [ReplicaSync("istiod-1", proxies)]


def test_a_healthy_mesh_passes() -> None:
    found = recorded("healthy-waypoint")
    assert {one.type for one in found[0].proxies} == {"sidecar", "waypoint", "ztunnel"}
    # The waypoint was of an older release, and ztunnel says nothing.
    versions = {one.type: one.version for one in found[0].proxies}
    assert versions == {"sidecar": "1.31.1", "waypoint": "1.29.1", "ztunnel": ""}
    assert {one.cluster for one in found[0].proxies} == {"Kubernetes"}
    verdict = judge_sync(found)
    assert (verdict.status, verdict.connected) == ("passed", 3)


@pytest.mark.parametrize(("name", "acked"), [("xds-reject", False), ("xds-reject-running-pod", True)])
def test_a_reject_fails_and_is_named(name: str, acked: bool) -> None:
    """A new pod has acknowledged no listener ever, a running one an older listener."""
    found = recorded(name)
    client = next(one for one in found[0].proxies if one.id.startswith("client-"))
    (rejected,) = client.rejecting
    assert (rejected.name, rejected.waiting, bool(rejected.acked)) == ("Listener", True, acked)
    verdict = judge_sync(found)
    assert verdict.status == "failed"
    assert verdict.rejecting[0].startswith("client-74956fdb7b-djw2h.demo rejects Listener: ")
    assert "script load error" in verdict.reason
    assert verdict.stale == ()


def test_the_reject_that_was_there_before_is_no_news() -> None:
    verdict = judge_sync(recorded("xds-reject-running-pod"), recorded("xds-reject-running-pod"))
    assert verdict.status == "passed"
    assert len(verdict.known) == 1


def test_a_restarted_pod_brings_its_old_reject_along() -> None:
    before = replicas(proxy("web-1.demo", "2", "1", "bad listener a\nbad listener b"))
    after = replicas(proxy("web-2.demo", "9", "", "bad listener b\n bad  listener a"))
    assert judge_sync(after, before).status == "passed"
    other = replicas(proxy("web-2.demo", "9", "", "bad listener c"))
    assert judge_sync(other, before).status == "failed"


WAITING, LATER, ACKED = proxy(sent="2", acked="1"), proxy(sent="3", acked="2"), proxy(sent="2", acked="2")


@pytest.mark.parametrize(
    ("now", "earlier", "status"),
    [
        (WAITING, None, "unknown"),  # one look shows only that it is on its way
        (WAITING, WAITING, "failed"),
        (proxy(sent="3", acked="1"), WAITING, "failed"),  # more was pushed, nothing acknowledged
        (LATER, WAITING, "unknown"),  # it comes along
        (ACKED, WAITING, "passed"),
        (proxy(sent="2", acked=""), proxy(sent="2", acked=""), "failed"),
        (proxy(sent="", acked=""), None, "passed"),  # nothing was sent
        (WAITING, proxy("other.demo", "2", "1"), "unknown"),
    ],
)
def test_what_is_not_acknowledged_at_a_second_look_is_stale(
    now: ProxySync, earlier: ProxySync | None, status: str
) -> None:
    verdict = judge_sync(replicas(now), earlier=replicas(earlier) if earlier else ())
    assert verdict.status == status
    assert bool(verdict.stale) == (status == "failed")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ([], "no istiod of this revision is ready"),
        (replicas(), "no proxy is connected"),
        ([*replicas(proxy()), ReplicaSync("istiod-2", error="Nothing answers at port 15014")], "port 15014"),
    ],
)
def test_what_nobody_says_is_unknown(found: list[ReplicaSync], why: str) -> None:
    verdict = judge_sync(found)
    assert verdict.status == "unknown"
    assert why in verdict.reason


def test_a_reject_is_a_failure_though_another_istiod_is_silent() -> None:
    found = [*replicas(proxy(error="bad")), ReplicaSync("istiod-2", error="silent")]
    assert judge_sync(found).status == "failed"


def test_a_proxy_seen_by_two_istiods_is_one() -> None:
    assert judge_sync([*replicas(proxy()), *replicas(proxy())]).connected == 1


def test_istiods_before_1_26_say_less() -> None:
    entry: dict[str, Any] = {"proxy": "web.demo", "cluster_sent": "a", "cluster_acked": "a", "listener_sent": "b"}
    (found,) = parse_sync([entry])
    assert [(one.name, one.waiting) for one in found.types] == [("Cluster", False), ("Listener", True)]
    assert parse_sync(None) == ()


def test_a_proxy_that_ought_to_be_connected_is_missed() -> None:
    verdict = judge_sync(replicas(proxy("a.demo")), expected=["a.demo", "b.demo"])
    assert verdict.status == "unknown"
    assert "1 of 2 proxies expected are not connected: b.demo" in verdict.reason
    assert judge_sync(replicas(proxy("a.demo")), expected=["a.demo"]).status == "passed"


@pytest.mark.parametrize(
    ("looks", "status", "taken"),
    [
        ([ACKED], "passed", 1),
        ([WAITING, ACKED], "passed", 2),
        ([WAITING, WAITING], "failed", 2),
        ([WAITING, LATER], "unknown", 2),
        ([None], "unknown", 1),
        ([proxy(error="bad")], "failed", 1),
    ],
)
def test_without_time_to_wait_a_second_look_is_taken_where_it_decides(
    monkeypatch: pytest.MonkeyPatch, looks: list[ProxySync | None], status: str, taken: int
) -> None:
    answers, asked = iter(looks), []

    def read(_client: Any, _namespace: str, _revision: str, deadline: Deadline) -> list[ReplicaSync]:
        asked.append(deadline.seconds)
        found = next(answers)
        return replicas(found) if found else replicas()

    monkeypatch.setattr(istiod_debug, "read_sync", read)
    client: Any = None
    assert watch_sync(client, "istio-system", "v2", Deadline(0), pause=0).status == status
    assert len(asked) == taken
    assert min(asked) >= 10


def test_who_was_sent_something_since() -> None:
    before = replicas(proxy("web-1.demo", "2"), proxy("web-2.demo", "2"))
    now = replicas(proxy("web-1.demo", "3", "2"), proxy("web-2.demo", "2"), proxy("web-3.demo", "1"))
    assert told_since(now, before) == {"web-1.demo", "web-3.demo"}
    assert told_since(before, before) == set()
