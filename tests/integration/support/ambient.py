# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster with an ambient mesh on it, for folders of tests that need one of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .embedded import Embedded, shared


@contextlib.contextmanager
def ambient(suffix: str, folder: Path) -> Iterator[Embedded]:
    """The cluster of that suffix, its mesh installed by this collection; kept as the shared one is."""
    with shared(suffix) as embedded:
        install = {
            "meshwright.istio.istio_mesh": {
                "version": embedded.versions["current"],
                "charts": {"repository": embedded.charts},
                "gateway_api": {"source": embedded.gateway_api},
                "istiod": {"replicas": 1},
            }
        }
        embedded.playbooks(folder)(install).ok()
        yield embedded
