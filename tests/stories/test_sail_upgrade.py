# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By the Sail Operator: ambient, RevisionBased, a named cluster; ztunnel bound to its istiod, upgraded, pruned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support.embedded import Embedded

from . import upgrade_story
from .telling import Story, sail_variables

pytestmark = [pytest.mark.story, pytest.mark.long]


def test_sail_upgrade(fresh_cluster: Embedded, tmp_path: Path) -> None:
    current, later = "1.29.6", "1.30.3"
    assert {current, later} <= set(fresh_cluster.sail["versions"]["1.30.3"])
    variables = {
        **sail_variables(fresh_cluster, "1.30.3"),
        "control_plane_update_strategy": "revision_based",
        "control_plane_cluster_name": "homelab-cluster",
        "control_plane_inactive_revision_grace": 5,
    }
    story = Story(fresh_cluster, fresh_cluster.playbooks(tmp_path), variables)
    upgrade_story.install(story, current)
    story.tell("The names that Sail's users look for are there, and the cluster has one name everywhere.")
    ztunnel = story.kubectl.json("get", "ztunnels.sailoperator.io/default")
    assert ztunnel["status"]["state"] == "Healthy"
    assert ztunnel["status"]["istioRevision"] == upgrade_story.revision(current)
    story.expect(
        "ztunnel says homelab-cluster", lambda: story.ztunnel_env("ISTIO_META_CLUSTER_ID") == "homelab-cluster"
    )
    upgrade_story.upgrade(story, current, later)
    story.expect(
        "the operator pruned the old revision", lambda: story.sail_revisions() == {upgrade_story.revision(later)}
    )
