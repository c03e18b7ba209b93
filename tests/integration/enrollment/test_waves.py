# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waves, by the playbook that people run."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from ..support.playbook import Playbooks, Run
from .conftest import Enrollment, workload

Wave = dict[str, Any]
# What other tests do to the mesh meanwhile is not these waves' business.
GATE = ["components"]


def waves(playbooks: Playbooks, *plan: Wave, check: bool = False, allow: list[str] | None = None, **more: Any) -> Run:
    variables = {"mesh_waves": list(plan), "mesh_reports": "", **more}
    return playbooks("meshwright.istio.wave", check=check, extra_vars=variables, allow=allow or [])


def message(run: Run) -> str:
    assert run.failed == 1, run.text
    return str(run.result["msg"])


class TestPlansAreLookedOver:
    """No cluster is read for it, so there is none here."""

    def test_all_that_is_wrong_is_told_at_once(self, offline_playbook: Playbooks) -> None:
        told = message(
            waves(
                offline_playbook,
                {"name": "one", "namespaces": ["shop", "shop"]},
                {"name": "one", "namespaces": ["media"]},
                {"name": "two", "namespaces": ["media"], "mode": "sidecar"},
                {"name": "three", "namespaces": ["a"], "revision": "canary"},
                {"name": "four", "namespaces": ["b"], "mode": "sidecar", "waypoint": True},
                {"name": "five"},
                {"name": "six/seven", "namespaces": ["c"]},
                {"name": "eight", "namespaces": ["d", "e"], "waypoint": {"namespace": "infra"}},
                {"name": "nine", "namespaces": ["f"], "protect": True, "soak": -1},
                {"name": "ten", "selector": "team=shop", "mode": "none", "pod_security": "privileged"},
                wave="eleven",
            )
        ).splitlines()
        for words in (
            "Wave one: namespace shop is in it twice.",
            "Wave one: two waves have this name",
            "Namespace media is in two waves, one (ambient) and two (sidecar)",
            "Wave three: revision is for sidecars, and mode is ambient",
            "Wave four: waypoint is for ambient, and mode is sidecar",
            "Wave five: neither namespaces nor selector",
            "Wave six/seven: a name is of letters",
            "Wave eight: waypoint infra/waypoint serves its own namespace only",
            "Wave nine: protect refuses those who go round a waypoint",
            "Wave nine: soak is -1",
            "Wave ten: pod_security is for sidecars, and mode is none",
            "No wave is called eleven. There are: one, one, two",
        ):
            assert [line for line in told if line.startswith(words)], words
        assert len(told) == 12

    def test_what_no_wave_has(self, offline_playbook: Playbooks) -> None:
        told = message(
            waves(
                offline_playbook,
                {"name": "a", "namespaces": ["x"], "mode": "both"},
                {"name": "b", "namespaces": ["y"], "waypoints": True},
                {"namespaces": ["z"]},
            )
        )
        assert "value of mode must be one of: ambient, sidecar, none, got: both" in told
        assert "data_plane_waves.waypoints. Supported parameters include: " in told
        assert "missing required arguments: name" in told

    def test_what_no_waypoint_has(self, offline_playbook: Playbooks) -> None:
        plan = [
            {"name": "a", "namespaces": ["x"], "waypoint": {"replica": 2}},
            {"name": "b", "namespaces": ["y"], "waypoint": {"replicas": "two"}},
        ]
        told = message(waves(offline_playbook, *plan))
        assert "waypoint of wave a.replica. Supported parameters include: " in told
        assert "'replicas' is of type str found in 'waypoint of wave b'" in told

    def test_nothing_is_no_plan(self, offline_playbook: Playbooks) -> None:
        assert "there is no wave in it" in message(waves(offline_playbook))
        for given in ({"to": "nowhere", "mesh_namespaces": "shop"}, {"to": "ambient"}):
            run = offline_playbook("meshwright.istio.migrate_data_plane", extra_vars=given)
            assert message(run).startswith("Say what is moved, and where to")


class Shop:
    """Two waves: a namespace with sidecars and a waypoint to come, and one outside the mesh."""

    def __init__(self, enrollment: Enrollment) -> None:
        self.enrollment = enrollment
        self.first = enrollment.namespace("sidecar")
        self.second = enrollment.namespace()
        mark = uuid.uuid4().hex[:6]
        self.names = (f"first-{mark}", f"second-{mark}")
        for name in ("cart", "catalog"):
            enrollment.deployed(self.first, *workload(self.first, name))
        enrollment.deployed(self.second, *workload(self.second, "runner"))
        self.plan: list[Wave] = [
            {"name": self.names[0], "namespaces": [self.first], "waypoint": True, "batch": 1, "gate": GATE},
            {"name": self.names[1], "namespaces": [self.second], "gate": GATE},
        ]

    def run(self, *, check: bool = False, allow: list[str] | None = None, **more: Any) -> Run:
        return waves(self.enrollment.playbooks, *self.plan, check=check, allow=allow, **more)

    def modes(self) -> tuple[dict[str, str], dict[str, str]]:
        return self.enrollment.labels(self.first), self.enrollment.labels(self.second)

    def pods(self, namespace: str) -> set[str]:
        found = self.enrollment.pods(namespace)
        return {pod["metadata"]["uid"] for pod in found if "app" in pod["metadata"]["labels"]}


@pytest.fixture
def shop(enrollment: Enrollment) -> Shop:
    return Shop(enrollment)
