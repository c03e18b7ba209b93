# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""One deadline per task: every wait and retry draws on the same budget."""

from __future__ import annotations

import time


class Deadline:
    """A point in time `seconds` from now, on the monotonic clock."""

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = float(seconds)
        self._end = time.monotonic() + self.seconds

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._end

    def sleep(self, seconds: float) -> None:
        """Sleep `seconds`, or what is left if that is less."""
        time.sleep(max(0.0, min(seconds, self.left())))
