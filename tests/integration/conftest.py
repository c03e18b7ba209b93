# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the integration tests: the shared embedded cluster, playbooks against it, kubectl, namespaces."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.embedded import Embedded, Kubectl, shared
from .support.playbook import Playbooks


@pytest.fixture(scope="session")
def cluster() -> Iterator[Embedded]:
    """The embedded cluster that all integration tests share.

    Named `test`, or as MESHWRIGHT_CLUSTER says. Taken down at the end, even after failures, unless it was up before
    and MESHWRIGHT_KEEP=1 is set. Where its programs cannot be had, the tests that need it skip and say why.
    """
    with shared() as embedded:
        yield embedded


@pytest.fixture
def playbook(cluster: Embedded, collections: Path, tmp_path: Path) -> Playbooks:
    """Runs playbooks or tasks against the shared cluster; any warning that is not allowed fails the test."""
    return cluster.playbooks(tmp_path)


@pytest.fixture
def offline_playbook(collections: Path, tmp_path: Path) -> Playbooks:
    """Runs playbooks or tasks with no cluster named anywhere."""
    return Playbooks(tmp_path)


@pytest.fixture
def kubectl(cluster: Embedded) -> Kubectl:
    """`kubectl(*args)` gives its output, `kubectl.json(*args)` its parsed output."""
    return Kubectl(cluster)


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of this test's own, deleted afterwards (not waited for)."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
