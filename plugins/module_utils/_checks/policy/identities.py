# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whom an AuthorizationPolicy admits, by the identity that a proxy or ztunnel sees. Pure.

Where it cannot be said for sure, somebody counts as admitted: the guards must not cry wolf.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..snapshot import Obj, dig, namespace_of

_IDENTITIES = ("principals", "namespaces", "serviceAccounts")
_EXCLUDED = ("notPrincipals", "notNamespaces", "notServiceAccounts")
_CONDITIONS = ("source.principal", "source.namespace")


def rules_of(policy: Obj) -> list[Any]:
    return list(dig(policy, "spec", "rules") or ())


def takes_identity(policy: Obj) -> bool:
    """Whether some rule looks at who the client is."""
    for rule in rules_of(policy):
        if any(source.get(name) for source in _sources(rule) for name in (*_IDENTITIES, *_EXCLUDED)):
            return True
        if any(when.get("key") in _CONDITIONS for when in rule.get("when") or ()):
            return True
    return False


def admits(policy: Obj, namespace: str, account: str | None) -> bool:
    """Whether an ALLOW policy has a rule for clients with this identity; `account` None: any of the namespace."""
    return any(_rule_admits(rule, namespace_of(policy), namespace, account) for rule in rules_of(policy))


def spares(policy: Obj, namespace: str, account: str) -> bool:
    """Whether a DENY says wherever it looks at clients that this one is not meant: `notPrincipals` names it."""
    for rule in rules_of(policy):
        sources = list(_sources(rule))
        named = [one.get("notPrincipals") or () for one in sources]
        if sources and not all(_any_principal(given, namespace, account) for given in named):
            return False
        if not sources and any(when.get("key") in _CONDITIONS for when in rule.get("when") or ()):
            return False
    return True


def admits_anonymous(policy: Obj) -> bool:
    """Whether an ALLOW policy has a rule for clients without any identity, as those outside the mesh are."""
    for rule in rules_of(policy):
        named = any(when.get("key") in _CONDITIONS and when.get("values") for when in rule.get("when") or ())
        sources = list(_sources(rule))
        if not named and (not sources or any(not any(one.get(name) for name in _IDENTITIES) for one in sources)):
            return True
    return False


def admits_nobody(policy: Obj) -> bool:
    """An ALLOW policy without rules: it is there to deny."""
    return not rules_of(policy)


def _sources(rule: Any) -> Iterator[Any]:
    for entry in rule.get("from") or ():
        yield entry.get("source") or {}


def _rule_admits(rule: Any, home: str, namespace: str, account: str | None) -> bool:
    for when in rule.get("when") or ():
        values = when.get("values") or ()
        if when.get("key") == "source.namespace" and values and not _any(values, namespace):
            return False
        if when.get("key") == "source.principal" and values and not _any_principal(values, namespace, account):
            return False
    sources = list(_sources(rule))
    return not sources or any(_source_admits(one, home, namespace, account) for one in sources)


def _source_admits(source: Any, home: str, namespace: str, account: str | None) -> bool:
    if source.get("namespaces") and not _any(source["namespaces"], namespace):
        return False
    if source.get("principals") and not _any_principal(source["principals"], namespace, account):
        return False
    accounts = source.get("serviceAccounts")
    if accounts and not any(_account(str(one), home, namespace, account) for one in accounts):
        return False
    if source.get("notNamespaces") and _any(source["notNamespaces"], namespace):
        return False
    return not (source.get("notPrincipals") and account and _any_principal(source["notPrincipals"], namespace, account))


def _account(given: str, home: str, namespace: str, account: str | None) -> bool:
    where, slash, name = given.partition("/")
    if not slash:
        where, name = home, given
    return where == namespace and account in (None, name)


def _any_principal(given: Iterable[str], namespace: str, account: str | None) -> bool:
    return any(_principal(str(one), namespace, account) for one in given)


def _principal(given: str, namespace: str, account: str | None) -> bool:
    """`cluster.local/ns/NAMESPACE/sa/ACCOUNT`, whatever the trust domain, with a * at either end."""
    if given in ("*", ""):
        return True
    body = f"/ns/{namespace}/sa/"
    if account is None:
        # Any account of the namespace: it is enough that the pattern speaks of it, or of no namespace in particular.
        if "/ns/" not in given:
            return True
        spoken = given[given.index("/ns/") :]
        return spoken.startswith(body) or (given.endswith("*") and body.startswith(spoken[:-1]))
    wanted = f"{body}{account}"
    if given.startswith("*"):
        return wanted.endswith(given[1:]) or f"cluster.local{wanted}".endswith(given[1:])
    if given.endswith("*"):
        head = given[:-1]
        return "/ns/" not in head or wanted.startswith(head[head.index("/ns/") :])
    return given.endswith(wanted)


def _any(given: Iterable[str], name: str) -> bool:
    return any(_match(str(one), name) for one in given)


def _match(pattern: str, name: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return pattern == name
