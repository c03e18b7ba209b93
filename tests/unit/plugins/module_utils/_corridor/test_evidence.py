# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose pods and warnings count as evidence for an object that is not ready."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.evidence import evidence
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import Target
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds

Obj = dict[str, Any]


class Cluster:
    """As much of a client as evidence needs: lists of pods and events, or none permitted."""

    def __init__(self, pods: list[Obj], events: list[Obj], *, permitted: bool = True) -> None:
        self._items = {kinds.POD: pods, kinds.EVENT: events}
        self._permitted = permitted

    def list(self, kind: Any, namespace: str, fields: str = "") -> list[Obj]:
        if not self._permitted:
            raise Forbidden("no")
        return self._items[kind]


def pod(name: str, app: str, waiting: str = "") -> Obj:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    status: Obj = {"containerStatuses": [{"name": "c", "state": state, "ready": not waiting}]}
    if not waiting:
        status["conditions"] = [{"type": "Ready", "status": "True"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}}, "status": status}


def event(kind: str, name: str, reason: str, note: str, when: str) -> Obj:
    return {
        "regarding": {"kind": kind, "name": name},
        "reason": reason,
        "note": note,
        "deprecatedLastTimestamp": when,
        "metadata": {},
    }


WEB = Target(kinds.DEPLOYMENT, "n", "web")
LIVE = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}},
}


def test_own_pods_that_wait_and_warnings_about_them_last_ones_last() -> None:
    pods = [pod("web-1", "web", "ImagePullBackOff"), pod("web-2", "web"), pod("other-1", "other", "CrashLoopBackOff")]
    events = [
        event("Pod", "web-1", "Failed", "pull\n  failed", "2026-01-01T00:00:03Z"),
        event("ReplicaSet", "web-abc", "FailedCreate", "quota", "2026-01-01T00:00:01Z"),
        event("Deployment", "web", "Odd", "later", "2026-01-01T00:00:05Z"),
        event("Pod", "other-1", "BackOff", "not ours", "2026-01-01T00:00:09Z"),
        event("Pod", "web-1", "Failed", "pull failed", "2026-01-01T00:00:04Z"),
    ]
    found = evidence(Cluster(pods, events), {WEB: LIVE})[WEB]  # type: ignore[arg-type]
    assert found.pods == ["pod web-1: container c waits: ImagePullBackOff"]
    assert found.warnings == ["FailedCreate: quota", "Failed: pull failed", "Odd: later"]


def test_what_may_not_be_read_is_left_out() -> None:
    found = evidence(Cluster([], [], permitted=False), {WEB: LIVE})[WEB]  # type: ignore[arg-type]
    assert (found.pods, found.warnings) == ([], [])
