# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A move: one namespace, what its labels ask for now, and what it shall be. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Expectation, Goal, Plane


@dataclass(frozen=True, slots=True)
class Move:
    """`expects` is what every pod that is not excluded shall be like in the end; its revision is resolved."""

    namespace: str
    now: Plane
    goal: Goal
    expects: Expectation
