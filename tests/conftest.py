# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all tests share: where the checkout and the collections are, and an environment that names no cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Whoever runs the tests may be logged in somewhere: none of this may steer a test to a cluster of theirs.
_ELSEWHERE = ("KUBECONFIG", "K8S_AUTH_", "HELM_", "ANSIBLE_")


def pytest_configure(config: pytest.Config) -> None:
    """Forget other clusters before anything is imported."""
    for name in list(os.environ):
        if name.startswith(_ELSEWHERE):
            del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a cluster stay with one worker, in order: those of a folder, those of the shared cluster.

    Before pytest-xdist's own hook, which reads the mark.
    """
    for item in items:
        folders = item.path.relative_to(ROOT / "tests").parts[:-1]
        shared = "cluster" in getattr(item, "fixturenames", ())
        place = folders[0] if folders[0] == "unit" else "/".join(folders[:2])
        item.add_marker(pytest.mark.xdist_group("shared" if shared else place))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def collections() -> Path:
    """The folder that holds `ansible_collections/meshwright/istio`, a link to the checkout."""
    folder = ROOT / "build" / "collections"
    if not (folder / "ansible_collections" / "meshwright" / "istio" / "galaxy.yml").is_file():
        pytest.exit("build/collections does not lead to the checkout: run `make collections` first.", returncode=2)
    return folder
