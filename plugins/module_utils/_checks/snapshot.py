# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The snapshot that checks look at: what was read from one cluster, source by source.

Pure data. A source that could not be read keeps the reason, and looking into it raises `Undecided`: so no check
can pass on what it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

Obj = Mapping[str, Any]
# Nearly all are dicts, and to ask that first is many times as fast.
_MAPPINGS = (dict, Mapping)


class Undecided(Exception):
    """A check could not see enough to decide; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that was read: a list of objects, or the reason why there is none.

    `items` have the shape of the API's objects (some trimmed to what checks look at). `served` is False when the
    cluster does not know the kind at all: then `items` is empty and that is an answer. `error` is a sentence, empty
    when the source was read. `namespaces` are those that were read where not all were (None: all), and `unseen` is a
    sentence that says why the others were not; it is empty when nobody asked for more.
    """

    name: str
    items: tuple[Obj, ...] = ()
    served: bool = True
    error: str = ""
    namespaces: frozenset[str] | None = None
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All sources of one run, by name. What was never asked for is treated as unreadable.

    `taken` is when it was read, in seconds since the epoch: checks know no other clock.
    """

    sources: Mapping[str, Source] = field(default_factory=dict)
    taken: float = 0.0
    _made: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, sources: Iterable[Source]) -> Snapshot:
        return cls({source.name: source for source in sources})

    def items(self, name: str) -> tuple[Obj, ...]:
        """The objects of a source; raises `Undecided` when it could not be read."""
        return self._readable(name).items

    def served(self, name: str) -> bool:
        """Does the cluster know this kind? Raises `Undecided` when that could not be read."""
        return self._readable(name).served

    def knows(self, name: str, namespace: str = "") -> bool:
        """Whether an object that is not among these items is not there either: in this namespace, or in any."""
        source = self.sources.get(name)
        if source is None or source.error:
            return False
        return source.namespaces is None or namespace in source.namespaces

    def unseen(self, names: Iterable[str]) -> str:
        """Why some of these were read in part only, as a sentence; empty when they were read as asked."""
        return next(
            (self.sources[name].unseen for name in names if name in self.sources and self.sources[name].unseen), ""
        )

    def once(self, make: Callable[[Snapshot], T]) -> T:
        """What `make` makes of this snapshot, made once for all checks that ask; what it raises is raised each time."""
        if make not in self._made:
            self._made[make] = make(self)
        found: T = self._made[make]
        return found

    def problems(self, names: Iterable[str]) -> dict[str, str]:
        """The reasons, by source, for which any of these could not be read."""
        return {name: self.sources[name].error for name in names if name in self.sources and self.sources[name].error}

    def _readable(self, name: str) -> Source:
        source = self.sources.get(name)
        if source is None:
            raise Undecided(f"{name} was not read")
        if source.error:
            raise Undecided(source.error)
        return source


def meta(obj: Obj) -> Obj:
    """An object's metadata, empty when it has none."""
    found = obj.get("metadata")
    return found if isinstance(found, _MAPPINGS) else {}


def name_of(obj: Obj) -> str:
    return str(meta(obj).get("name", ""))


def namespace_of(obj: Obj) -> str:
    return str(meta(obj).get("namespace", ""))


def labels_of(obj: Obj) -> Mapping[str, str]:
    return meta(obj).get("labels") or {}


def annotations_of(obj: Obj) -> Mapping[str, str]:
    return meta(obj).get("annotations") or {}


def ref(obj: Obj) -> str:
    """The object as people name it: `Deployment istio-system/istiod`, `Node node-1`."""
    namespace = namespace_of(obj)
    return f"{obj.get('kind', 'object')} {namespace + '/' if namespace else ''}{name_of(obj)}"


def dig(obj: Obj, *path: str) -> Any:
    """The value under a path of keys, or None where it ends."""
    found: Any = obj
    for key in path:
        if not isinstance(found, _MAPPINGS):
            return None
        found = found.get(key)
    return found


def number(obj: Obj, *path: str) -> int:
    """The number under a path of keys; an absent counter of the API means 0."""
    found = dig(obj, *path)
    return found if isinstance(found, int) else 0
