# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three waves into the mesh: planned, approved, moved, reported, one by its name, nothing the second time, one back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support.embedded import Embedded

from . import enrollment_story as enrolling
from .enrollment_story import RETURN, generations, labels, modes, report, told, waypoints

pytestmark = [pytest.mark.story, pytest.mark.long]

WAVES = [
    {"name": "observability", "namespaces": ["observability"], "waypoint": True, "soak": 2},
    {"name": "media", "namespaces": ["media"]},
    {"name": "default", "namespaces": ["default"], "waypoint": {"replicas": 2}, "batch": 2, "approval": True},
]
AMBIENT = {"istio.io/dataplane-mode": "ambient"}
BEHIND = {**AMBIENT, "istio.io/use-waypoint": "waypoint"}
SPACES = ("observability", "media", "default")


def test_waves(fresh_cluster: Embedded, tmp_path: Path) -> None:
    story = enrolling.begin(fresh_cluster, tmp_path)
    story.variables["mesh_waves"] = WAVES

    story.tell("A homelab: what observes it, what plays media, and default, which has sidecars.")
    enrolling.namespace(story, "observability", "grafana", "jaeger", "kiali")
    enrolling.namespace(story, "media", "jellyfin", "sonarr")
    enrolling.namespace(story, "default", "blog", "homepage", "wiki", labels={"istio-injection": "enabled"})
    before = {name: labels(story, name) for name in SPACES}

    story.tell("What would the waves do?")
    shown = [str(found["msg"]) for found in story.play("wave", check=True).ok().of("ansible.builtin.debug")]
    assert len(shown) == len(WAVES), "one plan for each"
    for name, plan in zip(SPACES, shown, strict=True):
        assert name in plan
    assert all(f"default/{app}" in shown[2] for app in ("blog", "homepage", "wiki")), "who is restarted is foretold"
    assert {name: labels(story, name) for name in SPACES} == before, "check mode writes nothing"
    assert not Path(story.variables["mesh_reports"]).exists()

    story.tell("The third wave alone: it does not begin before the others are in place.")
    refused = story.play("wave", wave="default", data_plane_approved="default")
    assert refused.failed == 1 and refused.changed == 0
    assert "Wave default does not begin before wave observability is in place" in told(refused.result)

    story.tell("The first wave, by its name.")
    story.play("wave", wave="observability").ok()
    assert labels(story, "observability") == BEHIND
    assert modes(story, "observability") == {"ambient": 6}
    assert set(generations(story, "observability").values()) == {1}, "nobody was restarted for it"
    assert {name: labels(story, name) for name in ("media", "default")} == {
        name: before[name] for name in ("media", "default")
    }
    left = report(story, "observability")
    assert (left["outcome"], left["waypoints_made"], left["restarted"]) == ("moved", ["observability"], [])
    assert left["after"]["observability"]["pods"] == {"ambient": 6, "gateway": 1}

    story.tell("All of them: the first is in place, the second is moved, the third waits for somebody to agree.")
    run = story.play("wave", allow=("stdin is not interactive",))
    assert run.failed == 1
    assert "Wave default waits for an approval, and nothing of it was begun" in told(run.result)
    assert (labels(story, "media"), modes(story, "media")) == (AMBIENT, {"ambient": 4})
    assert waypoints(story, "media") == [] and report(story, "media")["outcome"] == "moved"
    assert (labels(story, "default"), waypoints(story, "default")) == (before["default"], [])
    assert report(story, "observability") == left, "what is in place keeps the report of how it got there"

    story.tell("Somebody agrees.")
    story.play("wave", wave="default", data_plane_approved="default").ok()
    assert (labels(story, "default"), modes(story, "default")) == (BEHIND, {"ambient": 6})
    assert set(generations(story, "default").values()) == {2}, "each was restarted once"
    left = report(story, "default")
    assert sorted(left["restarted"]) == [f"Deployment default/{app}" for app in ("blog", "homepage", "wiki")]
    batches = [row["batch"][0].partition(" ")[0] for row in left["batches"]]
    assert batches == ["prepare", "Deployment", "Deployment", "finish"]
    assert left["before"]["default"]["pods"] == {"sidecar": 6}
    assert left["account"]["opened"] == [] and left["gate"]["summary"]["errors"] == 0

    story.tell("All of them again: nothing to do, and nobody to ask.")
    assert story.play("wave").ok().changed == 0

    story.tell("The last wave is taken back.")
    story.play("wave", wave="default", **RETURN).ok()
    assert (labels(story, "default"), modes(story, "default")) == (before["default"], {"sidecar": 6})
    assert set(generations(story, "default").values()) == {3}
    assert waypoints(story, "default") == [] and not enrolling.journal(story, "default")
    assert (labels(story, "observability"), labels(story, "media")) == (BEHIND, AMBIENT), "the others stay"
    assert report(story, "default")["outcome"] == "returned"
    assert story.play("wave", wave="default", **RETURN).ok().changed == 0
