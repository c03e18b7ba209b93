# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mesh changes hands from the Sail Operator to Helm and back; no policy, certificate or workload is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.embedded import Embedded

from . import upgrade_story
from .telling import Story, sail_variables
from .upgrade_story import LEGACY, PINNED, SHOP, revision

pytestmark = [pytest.mark.story, pytest.mark.long]
_VERSION = "1.30.3"


def test_sail_to_helm(fresh_cluster: Embedded, tmp_path: Path) -> None:
    by_sail = sail_variables(fresh_cluster, _VERSION)
    by_helm: dict[str, Any] = {"control_plane_method": "helm"}
    variables = {
        "control_plane_update_strategy": "revision_based",
        "control_plane_cluster_name": "homelab-cluster",
        "control_plane_cni_namespace": "istio-cni",
        "control_plane_ztunnel_namespace": "ztunnel",
    }
    story = Story(fresh_cluster, fresh_cluster.playbooks(tmp_path), {**variables, **by_sail})
    upgrade_story.install(story, _VERSION)
    policies, root = story.versions_of_policies(), story.root_certificate()
    before = {namespace: story.generations(namespace) for namespace in (SHOP, LEGACY, PINNED)}

    def untouched() -> None:
        assert story.versions_of_policies() == policies, "no policy was lost or rewritten"
        assert story.root_certificate() == root, "the root certificate is the same"
        assert before == {namespace: story.generations(namespace) for namespace in before}, "no workload was restarted"
        story.expect("ztunnel dials the same istiod", lambda: story.ztunnel_dials() == f"istiod-{revision(_VERSION)}")

    story.variables = {key: value for key, value in story.variables.items() if key not in by_sail}
    story.tell("Helm is asked for while Sail is what there is: refused, with the way out.")
    refused = story.play("site", control_plane_version=_VERSION, **by_helm)
    assert refused.failed == 1
    assert "migrate" in refused.result["msg"]
    print(f"   it says: {refused.result['msg'][:400]}")

    story.tell("What would the way to Helm be?")
    told = story.play("migrate_install_method", check=True, control_plane_version=_VERSION, **by_helm).ok()
    assert told.changed > 0
    untouched()

    story.tell("To Helm.")
    story.play("migrate_install_method", control_plane_version=_VERSION, **by_helm).ok()
    untouched()
    assert story.sail_revisions() == set(), "the operator has nothing left to look after"
    assert story.play("site", control_plane_version=_VERSION, **by_helm).ok().changed == 0

    story.tell("And back to the Sail Operator.")
    story.play("migrate_install_method", control_plane_version=_VERSION, **by_sail).ok()
    untouched()
    assert story.sail_revisions() == {revision(_VERSION)}
    assert story.play("site", control_plane_version=_VERSION, **by_sail).ok().changed == 0
