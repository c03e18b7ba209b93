# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: absent`: in reverse order, leaving nothing dead behind. Still a stub."""

from __future__ import annotations

from typing import Any

from .mesh_context import MeshRun


def absent(run: MeshRun) -> dict[str, Any]:
    raise NotImplementedError(run)
