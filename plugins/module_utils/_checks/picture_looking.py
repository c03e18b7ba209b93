# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What each part of the picture is made with: the snapshot, the scene over it, and what could not be seen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from .model import NotApplicable
from .policy.scene import Scene
from .policy.seen import scene_of, view_of
from .policy.view import View
from .snapshot import Obj, Snapshot, Undecided, dig

T = TypeVar("T")

# A mesh of more is counted, not listed.
MOST = 1000


@dataclass(frozen=True, slots=True)
class Looking:
    """One look at a snapshot. `namespaces`: those that are asked about; None for all.

    `unread` gathers, by source, why a part of the picture is missing.
    """

    snapshot: Snapshot
    namespaces: frozenset[str] | None = None
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def scene(self) -> Scene:
        return scene_of(self.snapshot)

    @property
    def view(self) -> View:
        return view_of(self.snapshot)

    def asked(self, namespace: str) -> bool:
        return self.namespaces is None or namespace in self.namespaces

    def maybe(self, make: Callable[[], T]) -> T | None:
        """What `make` gives, None where it could not see enough: that is told by the sources themselves."""
        try:
            return make()
        except (Undecided, NotApplicable):
            return None

    def readable(self, *names: str) -> bool:
        """Whether these were read, at least in part."""
        return all(name in self.snapshot.sources and not self.snapshot.sources[name].error for name in names)

    def answers(self, name: str) -> list[Obj]:
        """What was answered from inside; those who did not answer are noted. Raises `Undecided` when nobody did."""
        items = self.snapshot.items(name)
        silent = [item for item in items if item.get("error")]
        if silent:
            told = f"{len(silent)} of {len(items)} did not answer: {silent[0]['error']}"
            self.unread[name] = told
            if len(silent) == len(items):
                raise Undecided(told)
        return [item for item in items if not item.get("error")]

    def note(self, names: Iterable[str]) -> None:
        """Note of these sources why they were not read, or in part only."""
        for name in names:
            source = self.snapshot.sources.get(name)
            reason = "it was not asked for" if source is None else source.error or source.unseen
            if reason:
                self.unread.setdefault(name, reason)


def text(obj: Obj, *path: str) -> str | None:
    """The text under a path of keys; None where there is none."""
    found = dig(obj, *path)
    return str(found) if found not in (None, "") else None
