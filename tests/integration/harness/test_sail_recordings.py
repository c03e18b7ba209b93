# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated Sail Operator does what the genuine one was recorded to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import sail_replay
from .support import Site

GRACE = {"install-upgrade-revisionbased": 3}
"""Recordings in which something is pruned, and how long to wait for that instead of the recorded 30 s."""


@pytest.fixture
def cleared(sail: Site) -> Iterator[Site]:
    yield sail
    sail_replay.clear(sail)


@pytest.mark.parametrize("name", sail_replay.recordings())
def test_recording(cleared: Site, name: str) -> None:
    sail_replay.Replay(cleared, name, GRACE.get(name)).run()
