# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the simulator knows of the cluster, and its writes to its own kinds."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...api import MERGE, Api, ApiError
from ..watcher import key_of
from . import names, references, status

Object = dict[str, Any]


def now_text() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _version(item: Object) -> int:
    return int(item["metadata"].get("resourceVersion", 0))


@dataclass
class Store:
    """Objects by kind and key, from watches and from the answers to own writes, whichever are newer."""

    api: Api
    versions: dict[str, str] = field(default_factory=dict)
    """Kind -> API version in which the cluster serves it."""
    _items: dict[str, dict[str, Object]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _used: tuple[set[str], set[str]] | None = None

    def put(self, kind: str, item: Object) -> None:
        with self._lock:
            table = self._items.setdefault(kind, {})
            before = table.get(key_of(item))
            if before is not None and "resourceVersion" in item["metadata"] and _version(before) > _version(item):
                return
            table[key_of(item)] = item
            if kind in ("Pod", "Namespace"):
                self._used = None

    def drop(self, kind: str, key: str) -> None:
        with self._lock:
            self._items.get(kind, {}).pop(key, None)
            if kind in ("Pod", "Namespace"):
                self._used = None

    def get(self, kind: str, key: str) -> Object | None:
        with self._lock:
            return self._items.get(kind, {}).get(key)

    def all(self, kind: str) -> list[Object]:
        with self._lock:
            return list(self._items.get(kind, {}).values())

    def used(self) -> tuple[set[str], set[str]]:
        """(revisions, tags) that namespaces and pods name."""
        with self._lock:
            if self._used is None:
                self._used = references.used(self.all("Namespace"), self.all("Pod"))
            return self._used

    def path(self, kind: str, name: str = "", subresource: str = "") -> str:
        return names.path(kind, self.versions[kind], name, subresource)

    def owner(self, kind: str, item: Object) -> Object:
        return names.owner(kind, self.versions[kind], item)

    def patch(self, kind: str, item: Object, body: Mapping[str, Any], subresource: str = "") -> Object:
        """Merge into one of the operator's objects; the object as it is then."""
        path = self.path(kind, item["metadata"]["name"], subresource)
        query = {"fieldManager": "sail-operator"}
        found: Object = self.api.request("PATCH", path, body, query=query, content_type=MERGE)
        self.put(kind, found)
        return found

    def create(self, kind: str, body: Object) -> Object:
        found: Object = self.api.request("POST", self.path(kind), body, query={"fieldManager": "sail-operator"})
        self.put(kind, found)
        return found

    def delete(self, kind: str, name: str) -> None:
        self.api.delete(self.path(kind, name))

    def set_status(self, kind: str, item: Object, conditions: Sequence[Object], **fields: Any) -> Object:
        """Write conditions (keeping their times) and other fields of the status, where they differ from what is there.

        A field that is None is removed.
        """
        before = item.get("status") or {}
        wanted: Object = {
            **fields,
            "conditions": status.merged(before.get("conditions") or (), conditions, now_text()),
            "observedGeneration": item["metadata"]["generation"],
        }
        if all(before.get(name) == value for name, value in wanted.items()):
            return item
        try:
            return self.patch(kind, item, {"status": wanted}, "status")
        except ApiError as error:
            if error.code == 404:
                return item
            raise

    def keep(self, kind: str, item: Object) -> Object:
        """The object with the operator's finalizer."""
        finalizers = item["metadata"].get("finalizers") or []
        if names.FINALIZER in finalizers:
            return item
        return self.patch(kind, item, {"metadata": {"finalizers": [*finalizers, names.FINALIZER]}})

    def let_go(self, kind: str, item: Object) -> None:
        """Take the operator's finalizer away, which ends an object that is being deleted."""
        finalizers = item["metadata"].get("finalizers") or []
        if names.FINALIZER not in finalizers:
            return
        left = [each for each in finalizers if each != names.FINALIZER]
        try:
            path = self.path(kind, item["metadata"]["name"])
            self.api.request("PATCH", path, {"metadata": {"finalizers": left}}, content_type=MERGE)
        except ApiError as error:
            if error.code != 404:
                raise
