# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A shop goes from sidecars to ambient behind a waypoint, leaving no policy to nobody, and to sidecars again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.embedded import Embedded

from . import enrollment_story as enrolling
from .enrollment_story import SHOP, generations, labels, modes, policies, report, sent_to_sidecars, told, waypoints
from .telling import Story

pytestmark = [pytest.mark.story, pytest.mark.long]

APPS = ("cart", "checkout", "payment")
SIDECAR, AMBIENT = {"istio-injection": "enabled"}, {"istio.io/dataplane-mode": "ambient"}
BEHIND = {**AMBIENT, "istio.io/use-waypoint": "waypoint"}
ENFORCED = {"cart": {f"{SHOP}/deny-admin"}, "payment": {f"{SHOP}/only-checkout"}}


def test_mode_switch(fresh_cluster: Embedded, tmp_path: Path) -> None:
    story = enrolling.begin(fresh_cluster, tmp_path)

    story.tell("A shop with sidecars, policies by selectors, and a budget for payment.")
    enrolling.namespace(story, SHOP, *APPS, labels=SIDECAR)
    story.policies(*enrolling.shop_policies(), enrolling.budget("payment"))
    before = policies(story, SHOP)
    _enforced_by_sidecars(story)

    story.tell("What would it take to go to ambient, behind a waypoint?")
    move: dict[str, Any] = {"mesh_namespaces": SHOP, "to": "ambient", "waypoint": True}
    story.play("migrate_data_plane", check=True, **move).ok()
    assert (labels(story, SHOP), waypoints(story, SHOP), policies(story, SHOP)) == (SIDECAR, [], before)

    story.tell("Try it: clients with sidecars would go round the waypoint, so nobody would keep them from /admin.")
    refused = story.play("migrate_data_plane", **move)
    words = told(refused.result)
    assert refused.failed == 1
    assert f"AuthorizationPolicy {SHOP}/deny-admin" in words and "accept_gaps" in words
    assert (labels(story, SHOP), policies(story, SHOP), modes(story, SHOP)) == (SIDECAR, before, {"sidecar": 6})
    assert waypoints(story, SHOP) == [], "the waypoint that was made for it is gone again"
    assert set(generations(story, SHOP).values()) == {1}

    story.tell("With protection against those who go round it, one workload in each step.")
    move["mesh_move"] = {"protect": True, "batch": 1}
    run = story.play("migrate_data_plane", **move).ok()
    assert (labels(story, SHOP), modes(story, SHOP)) == (BEHIND, {"ambient": 6})
    assert generations(story, SHOP) == dict.fromkeys(APPS, 2), "each was restarted once"
    for done in run.of("mesh_enrollment"):
        assert not done.get("account", {}).get("opened"), "no step left a policy to nobody"
    left = report(story, "to-ambient")
    assert [row["batch"] for row in left["batches"]] == [
        [f"prepare {SHOP}"],
        *([f"Deployment {SHOP}/{app}"] for app in APPS),
        [f"finish {SHOP}"],
    ]
    _told_at_the_end(left)
    resources = left["resources"]
    was, now = (resources[when]["namespaces"][SHOP] for when in ("before", "now"))
    assert was["sidecars"]["proxies"] == 6
    assert (now.get("sidecars"), now["waypoints"]["proxies"]) == (None, 1)
    there = policies(story, SHOP)
    assert "AuthorizationPolicy deny-admin" not in there, "what ztunnel would misread is gone"
    story.expect("the waypoint carries out its copy", lambda: _accepted(story, "deny-admin-waypoint"))
    assert story.play("migrate_data_plane", **move).ok().changed == 0

    story.tell("Sidecars again: a move by the rules of today, not the way back.")
    back: dict[str, Any] = {"mesh_namespaces": SHOP, "to": "sidecar", "mesh_move": {"batch": 1}}
    story.play("migrate_data_plane", check=True, **back).ok()
    assert modes(story, SHOP) == {"ambient": 6}
    story.play("migrate_data_plane", **back).ok()
    assert (labels(story, SHOP), modes(story, SHOP)) == (SIDECAR, {"sidecar": 6})
    assert generations(story, SHOP) == dict.fromkeys(APPS, 3)
    _told_at_the_end(report(story, "to-sidecar"))
    _enforced_by_sidecars(story)
    now_again = {name: one["spec"] for name, one in policies(story, SHOP).items()}
    assert now_again == {name: one["spec"] for name, one in before.items()}, "the same rules, by the same selectors"
    assert story.play("migrate_data_plane", **back).ok().changed == 0

    story.tell("An operator takes the waypoint, which nobody uses any more, and looks at everything.")
    story.playbooks({"meshwright.istio.waypoint": {"namespace": SHOP, "state": "absent"}}).ok()
    assert waypoints(story, SHOP) == []
    seen = enrolling.status(story, SHOP, mode="sidecar")
    assert (seen["in_place"], seen["pods"], seen["left"]) == (True, {"sidecar": 6}, [])
    verified = story.playbooks({"meshwright.istio.mesh_verify": {"fail_on": "error"}}).ok().result
    print(f"   mesh_verify: {json.dumps(verified['summary'])}")
    _enforced_by_sidecars(story)
    budget = story.kubectl.json("-n", SHOP, "get", "poddisruptionbudget", "payment")["status"]
    assert budget["currentHealthy"] == 2


def _enforced_by_sidecars(story: Story) -> None:
    """istiod sends each app's sidecars its policies, and no other."""
    for app in APPS:
        wanted = ENFORCED.get(app, set())
        story.expect(
            f"the sidecars of {app} have {', '.join(sorted(wanted)) or 'no policy'}",
            lambda app=app, wanted=wanted: sent_to_sidecars(story, SHOP, app) == wanted,  # type: ignore[misc]
        )


def _told_at_the_end(left: dict[str, Any]) -> None:
    """The account and the resources of a report, for people; nothing was opened."""
    account, resources = left["account"], left["resources"]
    print(f"   policies before {account['before']}, after {account['after']}")
    for when in ("before", "now"):
        print(f"   proxies {when}: {json.dumps(resources[when]['namespaces'][SHOP])}")
    assert (left["outcome"], account["opened"]) == ("moved", [])


def _accepted(story: Story, name: str) -> bool:
    policy = story.kubectl.json("-n", SHOP, "get", "authorizationpolicy", name)
    conditions = policy.get("status", {}).get("conditions", [])
    return any(one["type"] == "WaypointAccepted" and one["status"] == "True" for one in conditions)
