# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From one version to the next in place, and what is refused on the way. The next version is a stand-in."""

from __future__ import annotations

from .conftest import Mesh, steps


def test_upgrade_in_place_and_back(ambient: Mesh) -> None:
    current, newer = ambient.cluster.versions["current"], ambient.cluster.versions["next"]
    predicted = ambient(version=newer, check=True, diff=True).ok()
    assert steps(predicted)["release/istiod"]["reason"] == f"version {current} becomes {newer}"
    assert steps(predicted)["release/istiod"]["predicted_by"] == "server"
    assert {status for _revision, status in ambient.releases().values()} == {"deployed"}
    upgraded = ambient(version=newer).ok()
    assert upgraded.result["mesh"]["version"] == newer
    assert {part["version"] for part in upgraded.result["mesh"]["components"].values()} == {newer}
    assert ambient(version=newer, check=True).ok().changed == 0
    assert ambient(version=newer).ok().changed == 0

    refused = ambient(version=current)
    assert refused.failed == 1
    assert refused.result["error"] == "GuardRefused" and "allow_downgrade" in refused.result["msg"]
    back = ambient(version=current, allow_downgrade=True).ok()
    assert back.result["mesh"]["version"] == current
    assert ambient().ok().changed == 0


def test_a_version_that_skips_minors_is_refused(ambient: Mesh) -> None:
    refused = ambient(version="1.34.0", check=True)
    assert refused.failed == 1
    assert "skips minor versions" in refused.result["msg"] and "allow_version_skip" in refused.result["msg"]
