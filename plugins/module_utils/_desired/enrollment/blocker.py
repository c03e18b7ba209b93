# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What stands in the way of a move: one thing, of one object, in one namespace. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocker:
    """`id` is such as `single-replica`; `obj` as people name it, `Deployment shop/cart`. `message` goes on from it."""

    id: str
    namespace: str
    obj: str
    message: str
    hint: str = ""

    @property
    def told(self) -> str:
        return f"{self.obj}: {self.message} [{self.id}]"

    @property
    def names(self) -> frozenset[str]:
        """What `accept_blockers` may say to accept it."""
        place = self.obj.rpartition(" ")[2]
        return frozenset((self.id, self.obj, place, f"{self.id}:{self.obj}", f"{self.id}:{place}"))
