# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.layout import (
    Installed,
    Layout,
    istiod_name,
    revision_name,
    target,
    wanted_revision,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version

from .._intent.meshes import intent

OLD, NEW = parse_version("1.30.3"), parse_version("1.31.1")
R_OLD, R_NEW = "default-v1-30-3", "default-v1-31-1"
BY_REVISIONS: dict[str, Any] = {"update_strategy": "revision_based"}


def there(**changes: Any) -> Layout:
    known: dict[str, Any] = {
        "revisions": {R_OLD: OLD},
        "active": R_OLD,
        "crds": OLD,
        "cni": OLD,
        "ztunnel": OLD,
        "ztunnel_revision": R_OLD,
        "tags": {"default": R_OLD},
    }
    return Layout(**{**known, **changes})


@pytest.mark.parametrize(
    ("name", "version", "revision"),
    [
        ("default", "1.31.1", "default-v1-31-1"),
        ("canary", "v1.31.1", "canary-v1-31-1"),
        ("default", "1.32.0-beta.1", "default-v1-32-0-beta-1"),
        ("default", "1.32.0-Alpha", "default-v1-32-0-alpha"),
    ],
)
def test_revision_names(name: str, version: str, revision: str) -> None:
    assert revision_name(name, parse_version(version)) == revision
    assert istiod_name(revision) == f"istiod-{revision}"


def test_in_place_there_is_one_name() -> None:
    assert wanted_revision(intent(name="other")) == "default"
    assert istiod_name("default") == "istiod"


@pytest.mark.parametrize(
    ("changes", "serving"),
    [
        ({}, R_OLD),
        ({"ztunnel_revision": R_NEW}, R_NEW),
        ({"ztunnel_revision": "", "tags": {"default": R_NEW}}, R_NEW),
        ({"ztunnel_revision": "", "tags": {"prod": R_NEW}}, R_OLD),
    ],
)
def test_which_revision_serves(changes: dict[str, Any], serving: str) -> None:
    assert there(**changes).serving == serving


def test_a_first_installation_is_whole() -> None:
    aim = target(intent(**BY_REVISIONS), Installed())
    assert aim.parts == {"crds", "control_plane", "cni", "ztunnel", "tags"}
    assert aim.layout.revisions == {R_NEW: NEW} and aim.layout.ztunnel_revision == R_NEW
    assert aim.layout.tags == {"default": R_NEW} and not aim.next_step
    assert target(intent(mode="sidecar"), Installed()).parts == {"crds", "control_plane", "tags"}


def test_a_new_version_goes_beside() -> None:
    aim = target(intent(**BY_REVISIONS), Installed("helm", there()))
    assert aim.parts == {"crds", "control_plane", "hold"} and "mesh_upgrade" in aim.next_step
    assert aim.layout.revisions == {R_OLD: OLD, R_NEW: NEW}
    assert (aim.layout.active, aim.layout.serving, aim.layout.hold) == (R_NEW, R_OLD, R_OLD)
    assert aim.layout.crds == NEW and aim.layout.ztunnel == OLD and aim.layout.tags == {"default": R_OLD}


def test_the_serving_version_is_whole_again_though_a_newer_one_is_beside() -> None:
    both = there(revisions={R_OLD: OLD, R_NEW: NEW}, active=R_NEW, crds=NEW)
    aim = target(intent(version="1.30.3", **BY_REVISIONS), Installed("helm", both))
    assert "ztunnel" in aim.parts and aim.layout.active == R_OLD
    assert aim.layout.crds == NEW, "CRDs are never downgraded"
    assert aim.layout.revisions.keys() == {R_OLD, R_NEW} and R_NEW in aim.notes[0]


def test_a_mesh_whose_serving_revision_is_gone_is_made_whole() -> None:
    lost = there(revisions={R_NEW: NEW}, active=R_NEW)
    aim = target(intent(**BY_REVISIONS), Installed("helm", lost))
    assert aim.layout.ztunnel_revision == R_NEW
    assert aim.layout.tags == {"default": R_NEW}, "a default tag that stands for nothing is given to the new revision"


@pytest.mark.parametrize(
    ("given", "installed", "tags"),
    [
        ({"tags": [{"name": "prod"}]}, Installed(), {"prod": R_NEW, "default": R_NEW}),
        ({"tags": [{"name": "prod", "revision": "other"}]}, Installed(), {"prod": "other", "default": R_NEW}),
        ({"default_tag": False}, Installed(), {}),
        ({"tags": [{"name": "default", "revision": "other"}]}, Installed(), {"default": "other"}),
        ({"tags": [{"name": "default", "state": "absent"}]}, Installed(), {}),
        # It is another mesh's already, or a control plane in place has the name.
        ({}, Installed(other_tags=("default",)), {}),
        ({}, Installed(others=("istio-system/default",)), {}),
        ({}, Installed(others=("istio-system/stable-v1-31-1",)), {"default": R_NEW}),
    ],
)
def test_tags(given: dict[str, Any], installed: Installed, tags: dict[str, str]) -> None:
    assert target(intent(**BY_REVISIONS, **given), installed).layout.tags == tags


def test_tags_not_listed_stay_and_unwanted_ones_go() -> None:
    mine = there(revisions={R_NEW: NEW}, active=R_NEW, ztunnel_revision=R_NEW, tags={"a": R_NEW, "b": R_NEW})
    aim = target(intent(**BY_REVISIONS, tags=[{"name": "b", "state": "absent"}]), Installed("helm", mine))
    assert aim.layout.tags == {"a": R_NEW, "default": R_NEW}


def test_a_mesh_that_leaves_the_node_agents_to_another() -> None:
    aim = target(intent(node_agents=False, **BY_REVISIONS), Installed())
    assert aim.parts == {"crds", "control_plane", "tags"}
    assert aim.layout.ztunnel is None and aim.layout.ztunnel_revision == "" and aim.layout.cni is None
