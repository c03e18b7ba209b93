# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What an install method is to the corridor: it tells what is there, plans the way to a layout, and goes it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Protocol

from ..._desired.layout import Installed, Layout, Part
from ..plan import Plan

Objects = list[dict[str, Any]]


@dataclass(slots=True)
class Prepared:
    """A plan that was rehearsed, and what carrying it out needs.

    `namespaces` are made first, since the Lease lies in one of them; their steps lead the plan. `fingerprint` is
    compared to tell whether another run changed something since. `work` is the driver's own.
    """

    layout: Layout
    plan: Plan
    namespaces: Objects
    fingerprint: object
    work: Any


class Driver(Protocol):
    """One install method, for one run."""

    def installed(self) -> Installed:
        """What is there of this mesh, whoever installed it. Reads only; read afresh at each call."""

    def prepare(self, layout: Layout, parts: Set[Part]) -> Prepared:
        """Plan and rehearse these parts of a layout. Reads and dry runs only; every refusal happens in here.

        A revision of the layout that is not its `active` one is never written to: it stays as it is.
        """

    def fingerprint(self) -> object:
        """`Prepared.fingerprint`, as it would be now."""

    def carry_out(self, prepared: Prepared) -> None:
        """Write what differs, in order, each step only over what is ready; adds notes to the plan's steps.

        Waits as the intent says. Raises MeshError; run again, it goes on where it stopped.
        """

    def settle(self, prepared: Prepared) -> None:
        """Wait until what was prepared is ready, where nothing had to be written."""

    def state(self) -> dict[str, Any]:
        """The mesh as results show it (`mesh` of the return values), read afresh."""
