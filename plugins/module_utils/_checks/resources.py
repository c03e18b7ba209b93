# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the data plane costs: what sidecars, ztunnel and waypoints request and, where measured, use. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .proxies import KINDS, SIDECARS, ZTUNNEL, Amount, PodKey, Proxy


@dataclass(frozen=True, slots=True)
class Tally:
    """Proxies of one kind: how many, how many of them request nothing, and what they request and use in all.

    `used` is of the `measured` ones, and None where none is.
    """

    proxies: int = 0
    bare: int = 0
    requested: Amount = field(default_factory=Amount)
    measured: int = 0
    used: Amount | None = None

    def __add__(self, other: Tally) -> Tally:
        used = [each for each in (self.used, other.used) if each is not None]
        return Tally(
            self.proxies + other.proxies,
            self.bare + other.bare,
            self.requested + other.requested,
            self.measured + other.measured,
            sum(used, Amount()) if used else None,
        )

    @property
    def whole(self) -> Amount | None:
        """What all of them use: nothing where there are none, None where not every one is measured."""
        if self.proxies == 0:
            return Amount()
        return self.used if self.measured == self.proxies else None

    def shown(self) -> dict[str, Any]:
        """As results show it: `proxies`, `requested`, `used` (null where nothing is measured) and odd counts."""
        found: dict[str, Any] = {
            "proxies": self.proxies,
            "requested": self.requested.shown(),
            "used": None if self.used is None else self.used.shown(),
        }
        if self.bare:
            found["without_requests"] = self.bare
        if 0 < self.measured < self.proxies:
            found["measured"] = self.measured
        return found


@dataclass(frozen=True, slots=True)
class Account:
    """What all proxies of a cluster request and use, by namespace and kind.

    `nodes` counts the cluster's, None where they were not read; `ztunnel_nodes` those where a ztunnel runs. `captured`
    counts by namespace the pods that ztunnel carries, as far as told: it shares out what ztunnel costs. `unmeasured`
    says why nothing is known of what they use, and is empty where something is. `unread` says why nothing is known.
    """

    tallies: Mapping[str, Mapping[str, Tally]] = field(default_factory=dict)
    nodes: int | None = None
    ztunnel_nodes: int = 0
    captured: Mapping[str, int] = field(default_factory=dict)
    unmeasured: str = ""
    unread: str = ""

    def of(self, namespace: str, kind: str) -> Tally:
        """The proxies of a kind in a namespace. (ztunnel's are where its DaemonSet is.)"""
        return self.tallies.get(namespace, {}).get(kind, Tally())

    def total(self, kind: str = "", namespaces: Collection[str] | None = None) -> Tally:
        """Those of a kind, or of every kind, in some namespaces or in all."""
        chosen = self.tallies.values() if namespaces is None else [self.tallies.get(each, {}) for each in namespaces]
        found = [tally for each in chosen for name, tally in each.items() if kind in ("", name)]
        return sum(found, Tally())

    def share(self, namespace: str) -> Amount | None:
        """The namespace's part of what ztunnel requests, by its part of the pods carried; None when not told."""
        return self._share(namespace, self.total(ZTUNNEL).requested, sum(self.captured.values()))

    def shown(self, namespaces: Iterable[str] | None = None) -> dict[str, Any]:
        """As results show it: `total` by kind and in all, `namespaces` (those named, or all that have any proxy).

        Each entry is as `Tally.shown`; a namespace's `ztunnel_share` is what it costs there, where that is known.
        """
        if self.unread:
            return {"unknown": self.unread}
        chosen = sorted(self.tallies) if namespaces is None else sorted(set(namespaces))
        whole, everyone = self.total(ZTUNNEL).requested, sum(self.captured.values())
        found: dict[str, Any] = {
            "total": {**{kind: self.total(kind).shown() for kind in KINDS}, "all": self.total().shown()},
            "namespaces": {name: self._namespace(name, whole, everyone) for name in chosen},
            "ztunnel_nodes": self.ztunnel_nodes,
            "nodes": self.nodes,
        }
        if self.unmeasured:
            found["used_unknown"] = self.unmeasured
        return found

    def _share(self, namespace: str, whole: Amount, everyone: int) -> Amount | None:
        return whole.times(self.captured.get(namespace, 0) / everyone) if everyone else None

    def _namespace(self, name: str, whole: Amount, everyone: int) -> dict[str, Any]:
        found: dict[str, Any] = {kind: tally.shown() for kind, tally in sorted(self.tallies.get(name, {}).items())}
        share = self._share(name, whole, everyone)
        if share is not None and self.captured.get(name):
            found["ztunnel_share"] = {"pods": self.captured[name], "requested": share.shown()}
        return found

    def lines(self) -> list[str]:
        """For people: a line for each kind, and one for all of them."""
        if self.unread:
            return [f"what proxies request is not known: {self.unread}"]
        found = [f"{kind}: {_told(self.total(kind))}{self._where(kind)}" for kind in KINDS]
        found.append(f"in all: {_told(self.total())}")
        if self.unmeasured:
            found.append(f"what they use is not known: {self.unmeasured}")
        return found

    def _where(self, kind: str) -> str:
        if kind != ZTUNNEL or self.nodes is None:
            return ""
        return f", on {self.ztunnel_nodes} of {self.nodes} nodes"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two accounts of one cluster, `after` the later one."""

    before: Account
    after: Account

    def shown(self, namespaces: Iterable[str] | None = None) -> dict[str, Any]:
        """`before` and `after` in all, `change` of what is requested (negative: saved) in all and by kind.

        `namespaces` has the same of those named, or of all that changed.
        """
        if reason := self.after.unread or self.before.unread:
            return {"unknown": reason}
        chosen = self._changed() if namespaces is None else sorted(set(namespaces))
        found: dict[str, Any] = {
            "total": {
                **{kind: self._pair(self.before.total(kind), self.after.total(kind)) for kind in KINDS},
                "all": self._pair(self.before.total(), self.after.total()),
            },
            "namespaces": {
                name: {
                    kind: self._pair(self.before.of(name, kind), self.after.of(name, kind))
                    for kind in self._kinds(name)
                }
                for name in chosen
            },
        }
        if reason := self.after.unmeasured or self.before.unmeasured:
            found["used_unknown"] = reason
        return found

    def lines(self) -> list[str]:
        """For people: what changed in each namespace, and in all."""
        if reason := self.after.unread or self.before.unread:
            return [f"what proxies request is not known: {reason}"]
        found = [
            f"{name}: "
            + ", ".join(
                f"{self.before.of(name, kind).proxies} -> {self.after.of(name, kind).proxies} {kind}"
                for kind in self._kinds(name)
            )
            + f" ({_change(self.before.total('', [name]), self.after.total('', [name]))})"
            for name in self._changed()
        ]
        return [*found, f"in all: {_change(self.before.total(), self.after.total())}"]

    def _changed(self) -> list[str]:
        names = {*self.before.tallies, *self.after.tallies}
        return sorted(name for name in names if self.before.tallies.get(name) != self.after.tallies.get(name))

    def _kinds(self, name: str) -> Sequence[str]:
        return [kind for kind in KINDS if self.before.of(name, kind).proxies or self.after.of(name, kind).proxies]

    def _pair(self, before: Tally, after: Tally) -> dict[str, Any]:
        change: dict[str, Any] = {
            "proxies": after.proxies - before.proxies,
            "requested": (after.requested - before.requested).shown(),
            "used": None,
        }
        then, now = before.whole, after.whole
        if then is not None and now is not None and not (self.before.unmeasured or self.after.unmeasured):
            change["used"] = (now - then).shown()
        return {"before": before.shown(), "after": after.shown(), "change": change}


def compare(before: Account, after: Account) -> Comparison:
    """What became of the cost between two accounts."""
    return Comparison(before, after)


def account(
    proxies: Iterable[Proxy],
    *,
    usage: Mapping[PodKey, Mapping[str, Amount]] | None = None,
    unmeasured: str = "",
    nodes: int | None = None,
    captured: Mapping[str, int] | None = None,
) -> Account:
    """Add up. `usage` as from `usage_of`, None where there is none, with the reason in `unmeasured`."""
    tallies: dict[str, dict[str, Tally]] = {}
    occupied: set[str] = set()
    for proxy in proxies:
        used = (usage or {}).get((proxy.namespace, proxy.pod), {}).get(proxy.container)
        bare = proxy.requests == Amount()
        one = Tally(1, int(bare), proxy.requests, int(used is not None), used)
        kinds = tallies.setdefault(proxy.namespace, {})
        kinds[proxy.kind] = kinds.get(proxy.kind, Tally()) + one
        if proxy.kind == ZTUNNEL and proxy.node:
            occupied.add(proxy.node)
    return Account(tallies, nodes, len(occupied), dict(captured or {}), unmeasured)


def foreseen(before: Account, sidecars: Mapping[str, int], each: Amount) -> Account:
    """The account once these namespaces have so many sidecars (0: none) that request so much each; nothing is measured.

    Namespaces that are not named stay as they are.
    """
    tallies = {name: dict(kinds) for name, kinds in before.tallies.items()}
    for name, count in sidecars.items():
        kinds = tallies.setdefault(name, {})
        kinds.pop(SIDECARS, None)
        if count:
            kinds[SIDECARS] = Tally(count, count if each == Amount() else 0, each.times(count))
        if not kinds:
            del tallies[name]
    return replace(before, tallies=tallies)


def _told(tally: Tally) -> str:
    if not tally.proxies:
        return "none"
    used = "" if tally.used is None else f", use {tally.used}"
    part = f" ({tally.measured} measured)" if 0 < tally.measured < tally.proxies else ""
    bare = f", {tally.bare} of them request nothing" if tally.bare else ""
    return f"{tally.proxies} request {tally.requested}{bare}{used}{part}"


def _change(before: Tally, after: Tally) -> str:
    change = after.requested - before.requested
    if change == Amount():
        return f"{after.requested} requested, as before"
    return f"{before.requested} requested before, {after.requested} after"
