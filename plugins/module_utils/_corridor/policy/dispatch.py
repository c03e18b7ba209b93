# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Requests for many objects at once, of which it stays known what became of each."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from ..._errors import ApiError, MeshError, Unauthorized, Unreachable
from ..._kube.client import Client
from ..items import Item
from ..live import Target
from .outcome import Outcome

Fate = Literal["done", "failed", "unknown", "not_sent"]


class Dispatch:
    """Calls for items over the client's threads, wave after wave, until the first error; with `go_on` to the end.

    What would meet every other object too (no answer, no credentials, a webhook that is down) ends it in either case.
    `permitted` is asked before each request and raises MeshError when this run may no longer write.
    `errors` are in the order in which they came.
    """

    def __init__(self, client: Client, *, go_on: bool, permitted: Callable[[], None]) -> None:
        self.errors: list[MeshError] = []
        self._client = client
        self._go_on = go_on
        self._permitted = permitted
        self._stopped = False
        self._lock = threading.Lock()
        self._fates: dict[Target, Fate] = {}

    def each(self, call: Callable[[Item], object], items: Sequence[Item]) -> None:
        """Call for every item; those under way when something stops it are waited for."""
        due = deque(items)

        def work(_number: int) -> None:
            while not self._stopped:
                try:
                    item = due.popleft()
                except IndexError:
                    return
                self._try(call, item)

        self._client.many(work, range(min(self._client.threads, len(items))))
        self.skip(due)

    def skip(self, items: Iterable[Item]) -> None:
        """Items that are not to be tried any more."""
        for item in items:
            self._fates[item.target] = "not_sent"

    def unfinished(self, items: Iterable[Item], error: MeshError) -> None:
        """Items whose request was answered, while what it began has not come to its end."""
        self.errors.append(error)
        for item in items:
            self._fates[item.target] = "unknown"

    def report(self, outcome: Outcome, writing: Sequence[Item], removing: Sequence[Item]) -> None:
        """Put every item into the one list of the outcome that it belongs to, in the draft's order."""
        outcome.errors += self.errors
        lists = {"failed": outcome.failed, "unknown": outcome.unknown, "not_sent": outcome.not_sent}
        for items, done in ((writing, outcome.applied), (removing, outcome.deleted)):
            for item in items:
                lists.get(self._fates.get(item.target, "not_sent"), done).append(item)

    def _try(self, call: Callable[[Item], object], item: Item) -> None:
        fate: Fate = "not_sent"
        try:
            self._permitted()
            fate = "failed"
            call(item)
            fate = "done"
        except MeshError as error:
            if isinstance(error, Unreachable) and fate == "failed":
                fate = "unknown" if error.maybe_done else "not_sent"
            with self._lock:
                # Each thread learns that this run was overtaken, or has no time left; once is enough.
                if fate != "not_sent" or not self._stopped:
                    self.errors.append(error)
                if not self._go_on or fate != "failed" or _of_all(error):
                    self._stopped = True
        self._fates[item.target] = fate


def _of_all(error: MeshError) -> bool:
    """Whether every other object would meet the same."""
    return isinstance(error, Unauthorized) or (isinstance(error, ApiError) and bool(error.details.get("webhook")))
