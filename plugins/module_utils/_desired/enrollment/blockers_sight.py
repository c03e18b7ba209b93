# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What blockers look at, each made once: the survey, policy by namespace, pods by workload. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property

from ..._checks.policy.mtls import Refusals
from ..._checks.policy.view import View
from ..._checks.snapshot import Obj, namespace_of
from ..._corridor.enrollment.survey import Survey
from ..._corridor.workloads import Owner, by_owner, made_by, owners_by_name
from .move import Move


class Sight:
    """`excluded` are workloads as `Kind namespace/name` (or namespace/Kind/name): nothing is asked of them."""

    def __init__(
        self, survey: Survey, moves: Sequence[Move], excluded: Collection[str], *, translated: bool = False
    ) -> None:
        self.survey = survey
        self.scene = survey.scene
        self.view = View(survey.scene)
        self.moves = moves
        self.excluded = frozenset(excluded)
        self.translated = translated
        self.joining = frozenset(move.namespace for move in moves if move.goal.mode == "ambient")
        self._kinds: dict[str, dict[str, list[Obj]]] = {}
        self._groups: dict[str, dict[Owner, list[Obj]]] = {}
        self._owners: dict[str, dict[Owner, Obj]] = {}

    def of(self, kind: str, namespace: str) -> Sequence[Obj]:
        """The namespace's objects of a kind."""
        if kind not in self._kinds:
            found: dict[str, list[Obj]] = defaultdict(list)
            for obj in self.scene.all(kind):
                found[namespace_of(obj)].append(obj)
            self._kinds[kind] = found
        return self._kinds[kind].get(namespace, ())

    def around(self, kind: str, namespace: str) -> Iterator[Obj]:
        """Its objects of a kind, then those of the root namespace, which may be for the whole mesh."""
        for home in dict.fromkeys((namespace, self.scene.root)):
            yield from self.of(kind, home)

    def pods(self, namespace: str) -> dict[Owner, list[Obj]]:
        """The namespace's pods by workload, less excluded ones, gateways, and those that are ending."""
        if namespace not in self._groups:
            pods = [pod for pod in self.scene.pods.get(namespace, ()) if self.scene.enrolled(pod) != "gateway"]
            groups = by_owner(pods, made_by(self.survey.replica_sets.get(namespace, ())))
            self._groups[namespace] = {
                owner: mine for owner, mine in groups.items() if not self.is_excluded(namespace, *owner)
            }
        return self._groups[namespace]

    def owners(self, namespace: str) -> dict[Owner, Obj]:
        """The namespace's workloads, less excluded ones."""
        if namespace not in self._owners:
            owners = owners_by_name(self.survey.owners.get(namespace, ()))
            self._owners[namespace] = {
                owner: obj for owner, obj in owners.items() if not self.is_excluded(namespace, *owner)
            }
        return self._owners[namespace]

    def is_excluded(self, namespace: str, kind: str, name: str) -> bool:
        return not self.excluded.isdisjoint((f"{kind} {namespace}/{name}", f"{namespace}/{kind}/{name}"))

    def waypoint(self, move: Move) -> str:
        """The waypoint ("namespace/name") that the namespace will have, "" for none."""
        if move.goal.mode != "ambient":
            return ""
        return move.now.waypoint if move.goal.waypoint is None else move.goal.waypoint

    @cached_property
    def refusals(self) -> Refusals:
        return Refusals(self.view)


def named(namespace: str, owner: Owner) -> str:
    """`Deployment shop/cart`."""
    return f"{owner[0]} {namespace}/{owner[1]}"
