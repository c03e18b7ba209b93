# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The words of the enforcement account: classes of clients, verdicts, rows. Pure data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

# By what a client's requests go: ztunnel, which knows waypoints; a proxy of its own, which goes past them; nothing.
ClientClass = Literal["ambient", "sidecar", "outside"]
Verdict = Literal["bound", "gap", "unknown"]

CLIENTS: tuple[ClientClass, ...] = ("ambient", "sidecar", "outside")
_RANK: dict[Verdict, int] = {"bound": 0, "unknown": 1, "gap": 2}


@dataclass(frozen=True, slots=True)
class Row:
    """Whether a policy is carried out for a workload against one class of clients.

    `policy` is as people name it, `AuthorizationPolicy shop/deny-admin`: the original, where a move has made others of
    it. `workload` is such as `Deployment shop/cart`. `by` says who carries it out, and in brackets where that is more
    than was asked for. `reason` is a sentence for gap and unknown. `present`: the mesh has such clients now, so far as
    is known; anybody may be outside.
    """

    policy: str
    workload: str
    client: ClientClass
    verdict: Verdict
    by: tuple[str, ...] = ()
    reason: str = ""
    present: bool = True

    @property
    def names(self) -> frozenset[str]:
        """What `accept_gaps` may say to accept this row."""
        place = self.policy.rpartition(" ")[2]
        return frozenset(
            (self.policy, place, f"{self.policy} from {self.client}", f"{place} from {self.client}"),
        )

    @property
    def told(self) -> str:
        return f"{self.policy} for {self.workload} from {self.client}: {self.verdict}, {self.reason}"


class Held(NamedTuple):
    """What becomes of a policy on one way to one pod."""

    verdict: Verdict
    by: tuple[str, ...] = ()
    reason: str = ""


def bound(*by: str) -> Held:
    return Held("bound", by)


def gap(reason: str) -> Held:
    return Held("gap", (), reason)


def unknown(reason: str) -> Held:
    return Held("unknown", (), reason)


def best(found: Iterable[Held]) -> Held | None:
    """One who carries it out is enough; where several do, all are named."""
    kept: Held | None = None
    for held in found:
        if kept is None or _RANK[held.verdict] < _RANK[kept.verdict]:
            kept = held
        elif held.verdict == kept.verdict == "bound":
            kept = Held("bound", tuple(dict.fromkeys((*kept.by, *held.by))))
    return kept


def worst(found: Iterable[Held]) -> Held | None:
    """A gap anywhere is a gap; what is carried out everywhere may be so by several."""
    kept: Held | None = None
    for held in found:
        if kept is None or _RANK[held.verdict] > _RANK[kept.verdict]:
            kept = held
        elif held.verdict == kept.verdict == "bound" and held.by != kept.by:
            kept = Held("bound", tuple(dict.fromkeys((*kept.by, *held.by))))
    return kept
