# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What it takes to read one source of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._checks.snapshot import Snapshot
from .snapshot_scope import Look

Items = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Read:
    """How one source is read.

    `needs` are sources that must be there first, since they say where to look: they are read too. `after` are those
    that are waited for if they are read anyway. `served` says whether the cluster knows the kind at all. `slow` may
    take all the time there is. `read` raises ApiError or Undecided for what it cannot read.
    """

    name: str
    read: Callable[[Look], Items]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    served: Callable[[Snapshot], bool] | None = None
    slow: bool = False
