# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waves, by the playbook that people run."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from ..support.playbook import Playbooks, Run
from .conftest import Enrollment, workload

Wave = dict[str, Any]
# What other tests do to the mesh meanwhile is not these waves' business.
GATE = ["components"]


def waves(
    playbooks: Playbooks,
    *plan: Wave,
    check: bool = False,
    back: bool = False,
    allow: list[str] | None = None,
    **more: Any,
) -> Run:
    variables: dict[str, Any] = {"mesh_waves": list(plan), "mesh_reports": "", **more}
    # A word of Python's, so no argument's name.
    variables |= {"return": True} if back else {}
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
    """Two namespaces: one with sidecars, and one outside the mesh whose proxies, once it has any, cannot start."""

    def __init__(self, enrollment: Enrollment) -> None:
        self.enrollment = enrollment
        self.first, self.second = enrollment.namespace("sidecar"), enrollment.namespace()
        mark = uuid.uuid4().hex[:6]
        self.names = (f"first-{mark}", f"second-{mark}")
        enrollment.deployed(self.first, *workload(self.first, "cart"))
        runner, service = workload(self.second, "runner")
        image = {"sidecar.istio.io/proxyImage": "registry.example/proxy:does-not-exist"}
        runner["spec"]["template"]["metadata"]["annotations"] = image
        enrollment.deployed(self.second, runner, service)

    def plan(self, first: Wave, second: Wave) -> list[Wave]:
        return [
            {"name": self.names[0], "namespaces": [self.first], "gate": GATE, **first},
            {"name": self.names[1], "namespaces": [self.second], "gate": GATE, **second},
        ]

    @property
    def labels(self) -> tuple[dict[str, str], dict[str, str]]:
        return self.enrollment.labels(self.first), self.enrollment.labels(self.second)

    def pods(self, namespace: str) -> dict[str, bool]:
        """Of each pod of the workloads whether it has a proxy, by its uid."""
        found = [pod["metadata"] for pod in self.enrollment.pods(namespace) if "app" in pod["metadata"]["labels"]]
        return {pod["uid"]: "sidecar.istio.io/status" in pod.get("annotations", {}) for pod in found}

    def waypoint(self) -> bool:
        return bool(
            self.enrollment.kubectl.json("-n", self.first, "get", "gateways.gateway.networking.k8s.io")["items"]
        )


@pytest.fixture
def shop(enrollment: Enrollment) -> Shop:
    return Shop(enrollment)


def test_two_waves(shop: Shop, tmp_path: Path) -> None:
    """Planned, refused out of turn; one moved, one waiting for a person, then failing and given back; one returned."""
    playbooks, reports = shop.enrollment.playbooks, tmp_path / "reports"
    one, two = shop.names
    plan = shop.plan({"waypoint": True, "batch": 1}, {"mode": "sidecar", "approval": True, "restart_timeout": 5})
    before, pods = shop.labels, (shop.pods(shop.first), shop.pods(shop.second))

    planned = waves(playbooks, *plan, check=True).ok()
    shown = [str(answer["msg"]) for answer in planned.of("ansible.builtin.debug")]
    assert [f"{shop.first}/cart" in shown[0], f"{shop.second}/runner" in shown[1]] == [True, True]
    early = message(waves(playbooks, *plan, wave=two))
    assert f"Wave {two} does not begin before wave {one} is in place" in early
    assert f"Namespace {shop.first} is sidecar" in early
    assert (shop.labels, (shop.pods(shop.first), shop.pods(shop.second)), shop.waypoint()) == (before, pods, False)

    run = waves(playbooks, *plan, mesh_reports=str(reports), allow=["stdin is not interactive"])
    assert f"To agree, run the same with -e data_plane_approved={two}" in message(run)
    moved = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}
    assert shop.labels == (moved, {}) and shop.waypoint()
    assert not any(shop.pods(shop.first).values()) and shop.pods(shop.second) == pods[1]
    batches = [answer["batch"] for answer in run.of("mesh_enrollment") if answer.get("batch")]
    assert [f"Deployment {shop.first}/cart"] in batches
    report = json.loads((reports / "localhost" / f"{one}.json").read_text())
    assert (report["outcome"], report["waypoints_made"]) == ("moved", [shop.first])
    assert report["restarted"] == [f"Deployment {shop.first}/cart"]
    assert [report[when][shop.first]["mode"] for when in ("before", "after")] == ["sidecar", "ambient"]
    assert report["gate"]["summary"]["failed"] == 0 and report["resources"]["now"]
    page = reports / "localhost" / f"{one}.md"
    assert f"| Deployment {shop.first}/cart | 1 |" in page.read_text()
    written, pods = page.stat().st_mtime_ns, (shop.pods(shop.first), {})

    run = waves(playbooks, *plan, mesh_reports=str(reports), data_plane_approved=two)
    failed = message(run)
    assert failed.startswith(
        f"Wave {two} failed in the batch Deployment {shop.second}/runner, and its namespaces have "
    )
    assert "does-not-exist" in failed or "ImagePullBackOff" in failed
    assert shop.labels == (moved, {}) and not any(shop.pods(shop.second).values())
    assert not [entry for entry in run.results if entry["changed"] and f"Wave {one}" in entry["task"]]
    assert (page.stat().st_mtime_ns, shop.pods(shop.first)) == (written, pods[0])
    assert json.loads((reports / "localhost" / f"{two}.json").read_text())["outcome"] == "returned"

    waves(playbooks, *plan, wave=one, back=True).ok()
    assert shop.labels == before and all(shop.pods(shop.first).values()) and not shop.waypoint()
