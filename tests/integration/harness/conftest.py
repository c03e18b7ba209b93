# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster for the harness's own tests, apart from the one that the other integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness import builder, cluster
from tests.harness.errors import HarnessError
from tests.harness.toolchain import find_go

from .support import Site

NAME = "harness-tests"
AMBIENT = "profile=ambient"


@pytest.fixture(scope="session")
def programs() -> None:
    """Skips, naming the reason, where the programs can neither be found nor built."""
    try:
        find_go(builder.cache_folder())
    except HarnessError as error:
        pytest.skip(f"embedded cluster: {error}")


@pytest.fixture(scope="session")
def site(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cluster without Istio."""
    cluster.down(NAME)
    state = cluster.up(NAME)
    try:
        yield Site(state, tmp_path_factory.mktemp("helm"))
    finally:
        cluster.down(NAME)


@pytest.fixture(scope="session")
def mesh(site: Site) -> Site:
    """The cluster with Istio in ambient mode, by Helm from the loopback repository."""
    site.install("istio-base", "base", "defaultRevision=default")
    site.install("istiod", "istiod", AMBIENT)
    site.install("istio-cni", "cni", AMBIENT)
    site.install("ztunnel", "ztunnel")
    return site
