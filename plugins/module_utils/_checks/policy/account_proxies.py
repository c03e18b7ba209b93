# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What a pod's own proxy makes of a policy by selector: its sidecar, a gateway, or ztunnel. Pure.

What ztunnel makes of HTTP was seen on a genuine one: see docs/policy-guards.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..snapshot import Obj, namespace_of
from .account_model import Held, bound, gap, unknown
from .account_paths import Facts, Path, Paths
from .ambient import rule_http_fields, rule_ports
from .identities import admits, rules_of
from .model import some
from .scene import AUTHORIZATION, REQUEST_AUTHENTICATION, Key, kind_of
from .view import action

SIDECAR, ZTUNNEL, GATEWAY_PROXY = "sidecar", "ztunnel", "gateway"
_NAMED = ("principals", "namespaces", "serviceAccounts", "notPrincipals", "notNamespaces", "notServiceAccounts")
_ADDRESSES = ("ipBlocks", "notIpBlocks")
_BY_NAME, _BY_ADDRESS = ("source.principal", "source.namespace"), ("source.ip",)


class Proxies:
    """Of one view."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self._straight: dict[tuple[int, str], Held] = {}
        self._admitted: dict[tuple[int, Key], bool] = {}

    def own(self, policy: Obj, facts: Facts, path: Path) -> Held:
        """What the pod's own proxy makes of a policy that selects it, for who comes on this path."""
        if facts.mode == "none":
            return gap(_without_proxy(self.paths, facts))
        held = self._on_straight(policy, facts.mode)
        if path.state == "straight" or held.verdict != "bound" or kind_of(policy) != AUTHORIZATION:
            return held
        if path.state == "unknown":
            return unknown(path.note) if any(names_clients(rule) for rule in rules_of(policy)) else held
        return self._behind(policy, facts, path, held)

    def _on_straight(self, policy: Obj, mode: str) -> Held:
        key = (id(policy), mode)
        if key not in self._straight:
            self._straight[key] = _plain(policy, mode)
        return self._straight[key]

    # -- behind a waypoint, as which its clients come ----------------------------------------------------------------

    def _behind(self, policy: Obj, facts: Facts, path: Path, held: Held) -> Held:
        if path.through is None or action(policy) not in ("ALLOW", "DENY"):
            return held
        account = self.paths.account_of(path.through)
        who = f"{' and '.join(held.by)} sees the waypoint {path.through}, not its clients"
        rules = rules_of(policy)
        if any(_names_addresses(rule) for rule in rules):
            return unknown(f"it names addresses of clients, and {who}")
        if action(policy) == "ALLOW":
            return self._allow(policy, facts, account, held, who)
        note = False
        for rule in rules:
            if not names_clients(rule) or self.only_waypoints_pass(rule):
                continue
            if not _matches(policy, rule, account):
                return gap(f"{who}, so it denies them not")
            note = True
        return bound(*(f"{by} (denies all that come by the waypoint)" for by in held.by)) if note else held

    def _allow(self, policy: Obj, facts: Facts, account: Key, held: Held, who: str) -> Held:
        if self._waypoint_admitted(facts, account):
            return gap(f"{who}, and admits the waypoint whoever comes by it")
        rules = rules_of(policy)
        if rules and all(names_clients(rule) for rule in rules):
            return bound(*(f"{by} (denies all that come by the waypoint)" for by in held.by))
        return held

    def _waypoint_admitted(self, facts: Facts, account: Key) -> bool:
        """Whether some ALLOW policy for the pod admits the waypoint for who it is: then its clients need not be."""
        key = (id(facts.pod), account)
        if key not in self._admitted:
            self._admitted[key] = any(
                names_clients(rule) and _matches(policy, rule, account)
                for policy in self.paths.refusals.allowing(facts.pod)
                for rule in rules_of(policy)
                if facts.mode != "ambient" or not rule_http_fields(rule)
            )
        return self._admitted[key]

    def only_waypoints_pass(self, rule: Any) -> bool:
        """Whether a rule of a DENY is for all who do not come by a waypoint, and for nobody else."""
        sources = list(_sources(rule))
        return (
            len(sources) == 1
            and not rule.get("to")
            and not rule.get("when")
            and set(sources[0]) == {"notPrincipals"}
            and all(self._waypoint_principal(one) for one in sources[0]["notPrincipals"])
        )

    def only_waypoints_come(self, policy: Obj, rule: Any) -> bool:
        """Whether a rule of an ALLOW admits waypoints and nobody else."""
        sources = list(_sources(rule))
        return bool(sources) and all(
            (one.get("principals") and all(self._waypoint_principal(name) for name in one["principals"]))
            or (
                one.get("serviceAccounts")
                and all(self._waypoint_account(str(name), namespace_of(policy)) for name in one["serviceAccounts"])
            )
            for one in sources
        )

    def _waypoint_principal(self, given: object) -> bool:
        head, found, tail = str(given).partition("/ns/")
        namespace, _sa, account = tail.partition("/sa/")
        return bool(found and head) and (namespace, account) in self.paths.accounts

    def _waypoint_account(self, given: str, home: str) -> bool:
        namespace, slash, account = given.partition("/")
        return ((namespace, account) if slash else (home, given)) in self.paths.accounts


def names_clients(rule: Any) -> bool:
    """Whether a rule tells clients of the mesh apart by who they are; `*` and a whole trust domain do not."""
    for source in _sources(rule):
        for field in _NAMED:
            if any(not _anybody(field, str(one)) for one in source.get(field) or ()):
                return True
    return any(when.get("key") in _BY_NAME for when in rule.get("when") or ())


def _anybody(field: str, given: str) -> bool:
    return given == "*" or (field == "principals" and given.endswith("/*") and "/ns/" not in given)


def _names_addresses(rule: Any) -> bool:
    return any(source.get(field) for source in _sources(rule) for field in _ADDRESSES) or any(
        when.get("key") in _BY_ADDRESS for when in rule.get("when") or ()
    )


def _sources(rule: Any) -> Iterator[Any]:
    for entry in rule.get("from") or ():
        yield entry.get("source") or {}


def _matches(policy: Obj, rule: Any, account: Key) -> bool:
    return admits({"metadata": {"namespace": namespace_of(policy)}, "spec": {"rules": [rule]}}, *account)


def _without_proxy(paths: Paths, facts: Facts) -> str:
    if paths.view.scene.meant(facts.pod) == "ambient":
        return "no proxy: ztunnel has not captured the pod"
    return "no proxy: the pod is neither injected nor captured"


def _plain(policy: Obj, mode: str) -> Held:
    if mode == "sidecar":
        return bound(SIDECAR)
    if mode == "gateway":
        return bound(GATEWAY_PROXY)
    if kind_of(policy) != AUTHORIZATION:
        what = "knows no JWT" if kind_of(policy) == REQUEST_AUTHENTICATION else "takes no filters"
        return gap(f"ztunnel {what}, and no waypoint carries it out")
    if action(policy) == "CUSTOM":
        return gap("ztunnel does not carry out action CUSTOM, and no waypoint does")
    rules = rules_of(policy)
    fields = sorted({field for rule in rules for field in rule_http_fields(rule)})
    if not fields:
        return bound(ZTUNNEL)
    if action(policy) == "ALLOW":
        kept = any(not rule_http_fields(rule) for rule in rules)
        return bound(f"{ZTUNNEL} (without its rules of HTTP)" if kept else f"{ZTUNNEL} (denies everyone)")
    if all(rule_ports(rule) for rule in rules if rule_http_fields(rule)):
        return bound(f"{ZTUNNEL} (denies everyone on its ports)")
    return gap(f"ztunnel knows nothing of HTTP ({some(fields)}): such a DENY denies nothing, and no waypoint does")
