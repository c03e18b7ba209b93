# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stories use the fixtures of the integration tests; the long ones have a fresh cluster each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import cluster as harness
from tests.integration.conftest import cluster, kubectl, namespace, offline_playbook, playbook
from tests.integration.support.embedded import Embedded, up

__all__ = ["cluster", "kubectl", "namespace", "offline_playbook", "playbook"]
_NAME = "story"


@pytest.fixture
def fresh_cluster(collections: Path) -> Iterator[Embedded]:
    """A cluster that nothing was ever installed on; gone afterwards."""
    harness.down(_NAME)
    embedded = up(_NAME)
    try:
        yield embedded
    finally:
        harness.down(_NAME)
