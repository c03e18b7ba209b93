# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An istiod pod's status from its process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.agent.pod_status import Health, status

NOW, EARLIER = "2026-01-01T00:00:10Z", "2026-01-01T00:00:00Z"
POD: dict[str, Any] = {
    "spec": {"containers": [{"name": "discovery", "image": "pilot:1"}, {"name": "side", "image": "busybox"}]},
    "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": EARLIER}]},
}


@pytest.mark.parametrize(
    ("health", "phase", "ready", "state"),
    [
        (Health(started_at=NOW), "Running", "False", "running"),
        (Health(ready=True, started_at=NOW), "Running", "True", "running"),
        (Health(waiting="ImagePullBackOff"), "Pending", "False", "waiting"),
        (Health(waiting="CrashLoopBackOff", exit_code=137, restarts=1), "Running", "False", "waiting"),
    ],
)
def test_status(health: Health, phase: str, ready: str, state: str) -> None:
    found = status(POD, "discovery", health, NOW)["status"]
    conditions = {each["type"]: each["status"] for each in found["conditions"]}
    istiod, side = found["containerStatuses"]
    assert (found["phase"], conditions["Ready"], conditions["ContainersReady"]) == (phase, ready, ready)
    assert list(istiod["state"]) == [state]
    assert (istiod["ready"], istiod["restartCount"]) == (health.ready, health.restarts)
    assert side["ready"] is True


def test_a_crash_is_told_with_its_exit_code() -> None:
    health = Health(waiting="CrashLoopBackOff", exit_code=137, restarts=2, started_at=EARLIER, finished_at=NOW)
    last = status(POD, "discovery", health, NOW)["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert last == {"exitCode": 137, "reason": "Error", "startedAt": EARLIER, "finishedAt": NOW}


@pytest.mark.parametrize(("ready", "since"), [(True, EARLIER), (False, NOW)])
def test_transition_time_changes_only_with_the_condition(ready: bool, since: str) -> None:
    conditions = status(POD, "discovery", Health(ready=ready), NOW)["status"]["conditions"]
    assert {each["type"]: each["lastTransitionTime"] for each in conditions}["Ready"] == since
