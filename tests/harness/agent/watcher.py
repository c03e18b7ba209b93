# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List and watch of one kind, in a thread, into the agent's queue."""

from __future__ import annotations

import http.client
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..api import Api, ApiError

Object = dict[str, Any]
MAXIMUM_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it now is, or None when it is gone."""

    kind: str
    key: str
    now: Object | None


def key_of(item: Object) -> str:
    """ "namespace/name", or "name" for what has no namespace."""
    metadata = item["metadata"]
    return "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))


def slim(item: Object) -> Object:
    """Without managed fields: they are most of an object's size, and nobody here reads them."""
    item["metadata"].pop("managedFields", None)
    return item


@dataclass
class Watcher:
    """Keeps sending changes of what is at `path`; after an interruption lists again and sends what differs."""

    api: Api
    kind: str
    path: str
    out: queue.Queue[Change | None]
    reduce: Callable[[Object], Object] = slim
    announce: bool = False
    """Send a change without a key once the first list is through."""
    stopped: bool = False
    """Set it to send nothing more; the thread ends with the watch that it is in."""

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"watch-{self.kind}", daemon=True).start()

    def _list(self, known: set[str]) -> str:
        items: list[Object] = []
        continuation, version = "", ""
        while True:
            query = {"limit": "500", **({"continue": continuation} if continuation else {})}
            page = self.api.request("GET", self.path, query=query)
            items += map(self.reduce, page["items"])
            version = str(page["metadata"]["resourceVersion"])
            continuation = page["metadata"].get("continue", "")
            if not continuation:
                break
        current = {key_of(item): item for item in items}
        for key in known - set(current):
            self.out.put(Change(self.kind, key, None))
        for key, item in current.items():
            self.out.put(Change(self.kind, key, item))
        known.clear()
        known.update(current)
        return version

    def _run(self) -> None:
        known: set[str] = set()
        pause = 0.1
        while not self.stopped:
            try:
                version = self._list(known)
                pause = 0.1
                if self.announce:
                    self.announce = False
                    self.out.put(Change(self.kind, "", None))
                while not self.stopped:
                    for event in self.api.watch(self.path, version):
                        version = event["object"]["metadata"]["resourceVersion"]
                        if self.stopped:
                            return
                        if event["type"] == "BOOKMARK":
                            continue
                        key = key_of(event["object"])
                        gone = event["type"] == "DELETED"
                        (known.discard if gone else known.add)(key)
                        self.out.put(Change(self.kind, key, None if gone else self.reduce(event["object"])))
            except (ApiError, OSError, http.client.HTTPException, ValueError, KeyError):
                # The server restarts, the version is too old, or a kind is not there yet: list again.
                time.sleep(pause)
                pause = min(pause * 2, MAXIMUM_PAUSE)
