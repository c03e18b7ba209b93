# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration is killed (kill -9) in the middle of a batch, goes on, restarts nothing twice, and is given back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.embedded import Embedded
from tests.integration.support.playbook import Running

from . import enrollment_story as enrolling
from .enrollment_story import RETURN, SHOP, generations, labels, modes, policies, waypoints
from .telling import Story

pytestmark = [pytest.mark.story, pytest.mark.long]

APPS = ("cart", "catalog", "checkout", "payment")
SIDECAR = {"istio-injection": "enabled"}
BEHIND = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}
# A pod counts as available only after so many seconds, so that a restart has a middle.
SLOW = {"minReadySeconds": 3}


def test_killed_migration(fresh_cluster: Embedded, tmp_path: Path) -> None:
    story = enrolling.begin(fresh_cluster, tmp_path)

    story.tell("A shop with sidecars and policies, whose pods take their time.")
    enrolling.namespace(story, SHOP, *APPS, labels=SIDECAR, **SLOW)
    story.policies(*enrolling.shop_policies())
    before = policies(story, SHOP)

    story.tell("It goes to ambient, two workloads in each batch, until the run is killed in the second one.")
    move: dict[str, Any] = {
        "mesh_namespaces": SHOP,
        "to": "ambient",
        "waypoint": True,
        "mesh_move": {"protect": True, "batch": 2},
    }
    with story.playbooks.start(
        "meshwright.istio.migrate_data_plane", extra_vars={**story.variables, **move}
    ) as running:
        _third_begun(story, running)
        running.kill()
    reached = generations(story, SHOP)
    print(f"   killed; restarts so far: { {name: count - 1 for name, count in reached.items()} }")
    assert sorted(reached.values()) == [1, 2, 2, 2]

    story.tell("Where does it stand?")
    seen = enrolling.status(story, SHOP, mode="ambient", waypoint="waypoint")
    assert (seen["stage"], seen["from"], seen["in_place"]) == ("restart", "sidecar", False)
    assert f"Deployment {SHOP}/payment" in seen["left"]
    assert labels(story, SHOP) == BEHIND
    untouched = {name for name, count in reached.items() if count == 1}

    story.tell("Run again: it goes on, once the killed run's lease is over.")
    run = story.play("migrate_data_plane", **move).ok()
    assert (labels(story, SHOP), modes(story, SHOP)) == (BEHIND, {"ambient": 8})
    assert generations(story, SHOP) == dict.fromkeys(APPS, 2), "no workload was restarted twice"
    restarted = {ref for done in run.of("mesh_enrollment") for ref in done.get("restarted", ())}
    assert {f"Deployment {SHOP}/{name}" for name in untouched} <= restarted
    assert "AuthorizationPolicy deny-admin" not in policies(story, SHOP)
    assert story.play("migrate_data_plane", **move).ok().changed == 0

    story.tell("Back to just what it was.")
    story.play("migrate_data_plane", **move, **RETURN).ok()
    assert (labels(story, SHOP), modes(story, SHOP)) == (SIDECAR, {"sidecar": 8})
    assert policies(story, SHOP) == before
    assert generations(story, SHOP) == dict.fromkeys(APPS, 3)
    assert not enrolling.journal(story, SHOP) and waypoints(story, SHOP) == []
    for app in APPS:
        wanted = {"cart": {f"{SHOP}/deny-admin"}, "payment": {f"{SHOP}/only-checkout"}}.get(app, set())
        story.expect(
            f"the sidecars of {app} have {', '.join(sorted(wanted)) or 'no policy'}",
            lambda app=app, wanted=wanted: enrolling.sent_to_sidecars(story, SHOP, app) == wanted,  # type: ignore[misc]
        )


def _third_begun(story: Story, running: Running) -> None:
    """Wait until the second batch has changed its first workload, whose pods are not all new by then."""
    end = time.monotonic() + 180
    while sum(count > 1 for count in generations(story, SHOP).values()) < 3:
        assert running.process.poll() is None, f"it ended before it could be killed\n{running.output[-3000:]}"
        assert time.monotonic() < end, f"it never got there\n{running.output[-3000:]}"
        time.sleep(0.2)
