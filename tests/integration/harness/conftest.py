# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster for the harness's own tests, apart from the one that the other integration tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import builder, cluster, state
from tests.harness.errors import HarnessError
from tests.harness.sail import operator_chart
from tests.harness.state import CHECKOUT
from tests.harness.toolchain import find_go

from .support import Site

NAME = "harness-tests"
SAIL_NAME = "harness-sail"
SAIL_NAMESPACES = ("istio-system", "istio-cni", "ztunnel")
GENUINE_CRDS = Path("../shared/sail-crds")
AMBIENT = "profile=ambient"


def _is_up(name: str) -> bool:
    known = state.load(name)
    return known is not None and cluster.healthy(known)


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
    found = cluster.up(NAME)
    try:
        yield Site(found, tmp_path_factory.mktemp("helm"))
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


@pytest.fixture(scope="session", params=["minimal", "genuine"])
def sail(request: pytest.FixtureRequest, programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cluster with the simulated Sail Operator 1.30.3, by Helm; with our minimal CRDs, then with the genuine ones."""
    genuine = (CHECKOUT / GENUINE_CRDS).resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(operator_chart.GENUINE_CRDS, raising=False)
        if request.param == "genuine":
            if not genuine.is_dir():
                pytest.skip(f"the genuine CRDs of the Sail Operator are not at {genuine}")
            patch.setenv(operator_chart.GENUINE_CRDS, str(genuine))
        name = f"{SAIL_NAME}-{request.param}"
        kept = os.environ.get("MESHWRIGHT_KEEP") == "1" and _is_up(name)
        if not kept:
            cluster.down(name)
        site = Site(cluster.up(name), tmp_path_factory.mktemp("helm"))
    try:
        if not kept:
            for each in SAIL_NAMESPACES:
                site.namespace(each)
        source = ["--repo", site.state.charts, "--version", "1.30.3"]
        where = ["--namespace", "sail-operator", "--create-namespace", "--wait", "--timeout", "60s"]
        site.helm("upgrade", "--install", "sail-operator", "sail-operator", *source, *where)
        yield site
    finally:
        if not kept:
            cluster.down(name)
