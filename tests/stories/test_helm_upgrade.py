# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By Helm: an ambient mesh with workloads is upgraded beside the old revision, moved, and the old one removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support.embedded import Embedded

from . import upgrade_story
from .telling import Story

pytestmark = [pytest.mark.story, pytest.mark.long]


def test_helm_upgrade(fresh_cluster: Embedded, tmp_path: Path) -> None:
    variables = {"control_plane_update_strategy": "revision_based", "control_plane_cluster_name": "homelab-cluster"}
    story = Story(fresh_cluster, fresh_cluster.playbooks(tmp_path), variables)
    current, later = fresh_cluster.versions["current"], fresh_cluster.versions["next"]
    upgrade_story.install(story, current)
    upgrade_story.upgrade(story, current, later)
