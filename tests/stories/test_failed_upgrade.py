# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two upgrades that go wrong, an istiod that never gets ready and proxies that reject it half-way, and come back."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.integration.support.embedded import Embedded

from . import upgrade_story
from .telling import Story
from .trouble import rejecting, watched
from .upgrade_story import LEGACY, PINNED, revision

pytestmark = [pytest.mark.story, pytest.mark.long]


def test_failed_upgrade(fresh_cluster: Embedded, tmp_path: Path) -> None:
    variables = {"control_plane_update_strategy": "revision_based", "control_plane_cluster_name": "homelab-cluster"}
    story = Story(fresh_cluster, fresh_cluster.playbooks(tmp_path), variables)
    current, later = fresh_cluster.versions["current"], fresh_cluster.versions["next"]
    upgrade_story.install(story, current)
    before = {namespace: story.generations(namespace) for namespace in (LEGACY, PINNED)}

    story.tell("An upgrade whose istiod never gets ready: its image does not exist.")
    with watched(story.ztunnel_dials) as dialled:
        run = story.play(
            "upgrade",
            control_plane_version=later,
            control_plane_tag="does-not-exist",
            control_plane_wait_timeout=20,
        )
    assert run.failed == 1, "a run that went back has failed"
    print(f"   it says: {run.result['msg'][:600]}")
    assert "does-not-exist" in run.result["msg"]
    assert dialled == {f"istiod-{revision(current)}"}, "ztunnel never pointed at the new istiod"
    _whole(story, current)
    assert before == {namespace: story.generations(namespace) for namespace in before}, "nothing was restarted"

    story.tell(
        "An upgrade that fails after half of the batches: the first namespace's proxies reject what they are sent."
    )
    with rejecting(story, PINNED, revision(later)):
        run = story.play("upgrade", control_plane_version=later)
    assert run.failed == 1, "a run that went back has failed"
    print(f"   it says: {run.result['msg'][:600]}")
    assert "reject" in run.result["msg"]
    returned = run.of("mesh_upgrade")[-1]
    assert returned["returned"]
    resets = [note for note in returned["notes"] if "reset" in note]
    assert resets, "connections that were reset are declared"
    print("\n".join(f"   declared: {note}" for note in resets))
    _whole(story, current)

    story.tell("Once more, and nobody rejects anything: it goes through.")
    upgrade_story.upgrade(story, current, later)


def _whole(story: Story, version: str) -> None:
    """Everything is on this version, and the mesh verifies."""
    now = revision(version)
    story.expect(f"only istiod-{now} is there", lambda: story.istiods() == {f"istiod-{now}"})
    story.expect("ztunnel dials it", lambda: story.ztunnel_dials() == f"istiod-{now}")
    for namespace in (LEGACY, PINNED):
        story.expect(f"{namespace} is on {now}", partial(story.runs, namespace, now))
    assert story.play("site", control_plane_version=version).ok().changed == 0
