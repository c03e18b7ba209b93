# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk of mesh_verify: one look, or several until it passes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot as snapshots
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import verify as walk
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Unreachable
from ansible_collections.meshwright.istio.plugins.module_utils._intent.verify import VerifyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from .._checks.snapshots import broken, healthy, put


class Clock:
    """A deadline on a clock of its own, so that no test waits."""

    now = 0.0

    def __init__(self, seconds: float) -> None:
        self.end = Clock.now + seconds

    def left(self) -> float:
        return max(0.0, self.end - Clock.now)

    def sleep(self, seconds: float) -> None:
        Clock.now += seconds


class NoClient:
    connection = SimpleNamespace(server="https://api.example:6443", context="staging")

    def version(self) -> dict[str, Any]:
        return {"gitVersion": "v1.35.4"}

    def with_deadline(self, deadline: Any) -> NoClient:
        return self


def verify(monkeypatch: pytest.MonkeyPatch, looks: list[Snapshot | Exception], **params: Any) -> dict[str, Any]:
    """Verify with these snapshots, one for each look; the last one stays."""
    monkeypatch.setattr(walk, "Deadline", Clock)

    def take(client: Client, names: Any, **how: Any) -> Snapshot:
        look = looks.pop(0) if len(looks) > 1 else looks[0]
        if isinstance(look, Exception):
            raise look
        return look

    monkeypatch.setattr(snapshots, "take", take)
    return walk.verify(cast(Client, NoClient()), VerifyIntent.from_params({"checks": ["10"], **params}))


def stuck() -> Snapshot:
    return healthy(daemonsets=put("ztunnel", "status", "numberReady", value=1))


def test_well_at_first_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    result = verify(monkeypatch, [healthy()], wait_timeout=60)
    assert (result["attempts"], result["changed"], result["findings"]) == (1, False, [])


def test_failing_carries_the_whole_result(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(walk.VerifyFailed) as caught:
        verify(monkeypatch, [stuck()])
    assert str(caught.value).startswith("1 of 2 checks failed: MW0010 ztunnel is ready on 1 of 3 nodes")
    assert "Remedy: kubectl" in str(caught.value)
    assert set(caught.value.details) == {
        "changed",
        "checks",
        "findings",
        "findings_left_out",
        "accepted",
        "baseline",
        "summary",
        "limits",
        "cluster",
        "table",
        "attempts",
        "warnings",
    }


def test_the_remedy_told_is_that_of_the_worst_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(walk.VerifyFailed) as caught:
        verify(monkeypatch, [stuck()], checks=["7", "10"])
    assert caught.value.hint.startswith("Remedy: kubectl")


def test_never_failing_has_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify(monkeypatch, [stuck()], fail_on="never")["summary"]["failed"] == 1


def test_looks_again_until_it_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify(monkeypatch, [stuck(), stuck(), healthy()], wait_timeout=60)["attempts"] == 3


def test_gives_up_in_time_and_says_how_long_it_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    started = Clock.now
    with pytest.raises(walk.VerifyFailed, match=r"after 10 s and \d attempts"):
        verify(monkeypatch, [stuck()], wait_timeout=10)
    assert Clock.now - started <= 10


def test_a_server_that_goes_away_while_waiting_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Unreachable("no answer")
    assert verify(monkeypatch, [gone, stuck(), gone, healthy()], wait_timeout=60)["attempts"] == 4


@pytest.mark.parametrize("wait_timeout", [0, 5])
def test_a_server_that_stays_away_is_the_error(monkeypatch: pytest.MonkeyPatch, wait_timeout: int) -> None:
    with pytest.raises(Unreachable):
        verify(monkeypatch, [Unreachable("no answer")], wait_timeout=wait_timeout)


def test_unknown_is_named_in_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = broken(healthy(), "nodes", "user u may not list nodes")
    result = verify(monkeypatch, [seen])
    assert result["warnings"] == ["MW0010 (ztunnel is ready on every node) is unknown: user u may not list nodes"]


def test_one_reason_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = broken(healthy(), "daemonsets", "may not list daemonsets")
    warnings = verify(monkeypatch, [seen], checks=["9", "10"])["warnings"]
    assert warnings == ["2 checks are unknown (MW0009, MW0010): may not list daemonsets"]


def test_what_was_not_looked_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    result = verify(monkeypatch, [healthy()], namespaces=["shop"], port_forward=False, checks=["8", "36"])
    assert result["limits"] == [
        "Only these namespaces, and those of the control plane, were looked at: shop.",
        "Neither istiod nor any proxy was asked itself, for port_forward is false.",
    ]
    assert result["cluster"]["context"] == "staging"


def test_what_is_accepted_does_not_fail_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = replace(stuck(), taken=1_780_000_000.0)
    entry = {"check": "10", "object": "DaemonSet */ztunnel", "reason": "a node is mended", "expires": "2026-06-30"}
    result = verify(monkeypatch, [seen], baseline=[entry])
    assert (result["summary"]["failed"], len(result["accepted"]), result["warnings"]) == (0, 1, [])
    with pytest.raises(walk.VerifyFailed) as caught:
        verify(monkeypatch, [seen], baseline=[{**entry, "expires": "2026-05-01"}])
    assert "accepted MW0010 for DaemonSet */ztunnel until 2026-05-01" in caught.value.details["warnings"][0]
