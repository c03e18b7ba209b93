# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Helm 4 at the same work, on releases of its own and on those that Helm 3 left."""

from __future__ import annotations

import pytest

from tests.harness import builder
from tests.harness.errors import HarnessError

from .conftest import Mesh, steps


@pytest.fixture(scope="module")
def helm4() -> str:
    try:
        return str(builder.ensure([builder.HELM_4])["helm"])
    except HarnessError as error:
        pytest.skip(f"helm 4 cannot be had: {error}")


def test_helm4_installs_repairs_and_removes(empty: Mesh, helm4: str) -> None:
    assert empty(helm_binary=helm4, check=True).ok().changed == 1
    installed = empty(helm_binary=helm4).ok()
    assert any("helm v4" in note for note in steps(installed)["release/istiod"]["notes"])
    assert empty(helm_binary=helm4, check=True).ok().changed == 0
    assert empty(helm_binary=helm4).ok().changed == 0

    # Another manager now owns what Helm wrote: under server-side apply only force takes it back.
    empty.kubectl("set", "env", "deployment/istiod", "-n", "istio-system", "CLUSTER_ID=elsewhere")
    repaired = empty(helm_binary=helm4).ok()
    assert steps(repaired)["release/istiod"]["action"] == "repair"
    assert empty(helm_binary=helm4).ok().changed == 0

    empty(helm_binary=helm4, state="absent", purge=True).ok()
    assert empty.releases() == {}


def test_helm4_takes_over_what_helm3_installed(empty: Mesh, helm4: str) -> None:
    empty().ok()
    assert empty(helm_binary=helm4).ok().changed == 0
    upgraded = empty(helm_binary=helm4, version=empty.cluster.versions["next"]).ok()
    assert steps(upgraded)["release/istiod"]["action"] == "update"
    assert {status for _revision, status in empty.releases().values()} <= {"deployed", "superseded"}
    assert empty(helm_binary=helm4, version=empty.cluster.versions["next"]).ok().changed == 0
    # And back in Helm 3's hands.
    assert empty(version=empty.cluster.versions["next"]).ok().changed == 0
