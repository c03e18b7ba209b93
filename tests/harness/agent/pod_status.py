# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of an istiod pod, from the state of its process. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    """What the process is like.

    `waiting` is a waiting reason ("CrashLoopBackOff", "ImagePullBackOff", ...) when no process runs, else empty.
    `exit_code` is that of the last process that ended, None when none did. Times are RFC 3339.
    """

    ready: bool = False
    waiting: str = ""
    message: str = ""
    restarts: int = 0
    started_at: str = ""
    exit_code: int | None = None
    finished_at: str = ""


def _state(health: Health) -> Object:
    if health.waiting:
        return {"waiting": {"reason": health.waiting, "message": health.message}}
    return {"running": {"startedAt": health.started_at}}


def _last_state(health: Health) -> Object:
    if health.exit_code is None:
        return {}
    reason = "Completed" if health.exit_code == 0 else "Error"
    return {
        "terminated": {
            "exitCode": health.exit_code,
            "reason": reason,
            "startedAt": health.started_at or health.finished_at,
            "finishedAt": health.finished_at,
        }
    }


def _container(container: Object, health: Health, *, is_istiod: bool, now: str) -> Object:
    shared = {"name": container["name"], "image": container["image"], "imageID": container["image"]}
    if not is_istiod:
        running = {"running": {"startedAt": health.started_at or now}}
        return {**shared, "ready": True, "started": True, "restartCount": 0, "state": running, "lastState": {}}
    return {
        **shared,
        "ready": health.ready,
        "started": not health.waiting,
        "restartCount": health.restarts,
        "state": _state(health),
        "lastState": _last_state(health),
    }


def status(pod: Object, container: str, health: Health, now: str) -> Object:
    """A strategic-merge patch of the pod's status, with a transition time only where a condition changes."""
    before = {each["type"]: each for each in pod.get("status", {}).get("conditions", ())}
    # A pod whose image was never pulled has not started; one whose process crashed has.
    pending = bool(health.waiting) and health.exit_code is None
    conditions = []
    for kind in ("Initialized", "Ready", "ContainersReady"):
        true = kind == "Initialized" or health.ready
        value = "True" if true else "False"
        condition: Object = {"type": kind, "status": value}
        old = before.get(kind, {})
        same = old.get("status") == value
        condition["lastTransitionTime"] = old.get("lastTransitionTime", now) if same else now
        condition["reason"] = None if true else "ContainersNotReady"
        condition["message"] = None if true else f"containers with unready status: [{container}]"
        conditions.append(condition)
    containers = [
        _container(each, health, is_istiod=each["name"] == container, now=now) for each in pod["spec"]["containers"]
    ]
    return {
        "status": {
            "phase": "Pending" if pending else "Running",
            "conditions": conditions,
            "containerStatuses": containers,
        }
    }
