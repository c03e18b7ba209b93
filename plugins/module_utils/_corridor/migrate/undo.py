# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Going back after a failure that came before the point of no return."""

from __future__ import annotations

from collections.abc import Callable

from ..._errors import MeshError


def with_undo(error: MeshError, work: Callable[[], None]) -> None:
    """Undo after a failure; the error's details say whether that succeeded."""
    try:
        work()
        error.details["undone"] = True
    except MeshError as second:
        error.details["undone"] = False
        error.hint = f"{error.hint} Going back failed too ({second.message}): run again to go on.".strip()
