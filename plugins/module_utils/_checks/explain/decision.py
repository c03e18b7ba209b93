# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What one AuthorizationPolicy decides for one client, as far as that can be said without its request. Pure.

Of a rule's fields those about the client's identity, its namespace and the port are decided here; those of HTTP, and
addresses, depend on the request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ..policy.ambient import http_fields, rule_http_fields, rule_ports
from ..policy.identities import rules_of
from ..policy.view import action
from ..snapshot import Obj, namespace_of

Match = Literal["yes", "no", "depends"]

_OPERATIONS = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
_REQUEST_SOURCES = (
    "requestPrincipals",
    "notRequestPrincipals",
    "ipBlocks",
    "notIpBlocks",
    "remoteIpBlocks",
    "notRemoteIpBlocks",
)


@dataclass(frozen=True, slots=True)
class Who:
    """A client as the enforcing proxy sees it. `identity` is empty for one without; `port` is the pod's own, or 0."""

    identity: str
    namespace: str
    account: str
    port: int = 0
    trust_domain: str = "cluster.local"


@dataclass(frozen=True, slots=True)
class Decision:
    """`matched` says whether some rule is about this client; `on` are the fields that it depends on, in words."""

    policy: Obj
    action: str
    matched: Match
    on: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def decide(policy: Obj, who: Who, *, http: bool) -> Decision:
    """What the policy's rules say of this client. `http`: the proxy that asks reads HTTP; ztunnel does not.

    What ztunnel makes of fields of HTTP was seen on a genuine one: it leaves such rules out, but for a DENY with ports,
    of which it keeps the ports alone.
    """
    doing = action(policy)
    best: Match = "no"
    on: list[str] = []
    ignored = tuple(http_fields(policy)) if not http else ()
    for rule in rules_of(policy):
        if not http and rule_http_fields(rule):
            if doing != "DENY" or not rule_ports(rule):
                continue
            rule = {"to": [{"operation": {"ports": _ports(rule)}}]}
        found, depends = _rule(rule, who, namespace_of(policy))
        if found == "yes":
            return Decision(policy, doing, "yes", (), ignored)
        if found == "depends":
            best = "depends"
            on += depends
    return Decision(policy, doing, best, tuple(dict.fromkeys(on)), ignored)


def _ports(rule: Any) -> list[str]:
    return [str(port) for to in rule.get("to") or () for port in (to.get("operation") or {}).get("ports") or ()]


def _rule(rule: Any, who: Who, home: str) -> tuple[Match, list[str]]:
    """All parts of a rule have to match; of `from` and of `to` one entry has to."""
    parts: list[tuple[Match, list[str]]] = [_condition(when, who) for when in rule.get("when") or ()]
    sources = rule.get("from") or ()
    if sources:
        parts.append(_any([_source(one.get("source") or {}, who, home) for one in sources]))
    operations = rule.get("to") or ()
    if operations:
        parts.append(_any([_operation(one.get("operation") or {}, who) for one in operations]))
    return _all(parts)


def _source(source: Any, who: Who, home: str) -> tuple[Match, list[str]]:
    parts: list[tuple[Match, list[str]]] = []
    tests: dict[str, Callable[[str], bool]] = {
        "principals": lambda given: _principal(given, who),
        "namespaces": lambda given: bool(who.identity) and matches(given, who.namespace),
        "serviceAccounts": lambda given: bool(who.identity) and _account(given, who, home),
    }
    for field, test in tests.items():
        given = [str(one) for one in source.get(field) or ()]
        if given:
            parts.append(_plain(any(test(one) for one in given)))
        other = f"not{field[0].upper()}{field[1:]}"
        refused = [str(one) for one in source.get(other) or ()]
        if refused:
            parts.append(_plain(not any(test(one) for one in refused)))
    for field in _REQUEST_SOURCES:
        if source.get(field):
            parts.append(("depends", [_told(field, source[field])]))
    return _all(parts)


def _operation(operation: Any, who: Who) -> tuple[Match, list[str]]:
    parts: list[tuple[Match, list[str]]] = []
    for field, wanted in (("ports", True), ("notPorts", False)):
        given = [str(one) for one in operation.get(field) or ()]
        if given and not who.port:
            parts.append(("depends", [_told(field, given)]))
        elif given:
            parts.append(_plain(any(matches(one, str(who.port)) for one in given) is wanted))
    for field in _OPERATIONS:
        if operation.get(field):
            parts.append(("depends", [_told(field, operation[field])]))
    return _all(parts)


def _condition(when: Any, who: Who) -> tuple[Match, list[str]]:
    key = str(when.get("key"))
    values, others = [str(one) for one in when.get("values") or ()], [str(one) for one in when.get("notValues") or ()]
    if key == "source.namespace":
        found = [bool(who.identity) and matches(one, who.namespace) for one in values]
        against = [bool(who.identity) and matches(one, who.namespace) for one in others]
    elif key == "source.principal":
        found, against = [_principal(one, who) for one in values], [_principal(one, who) for one in others]
    elif key == "destination.port" and who.port:
        found, against = [one == str(who.port) for one in values], [one == str(who.port) for one in others]
    else:
        return "depends", [_told(key, values or [f"not {one}" for one in others])]
    return _plain((not values or any(found)) and not any(against))


def _principal(given: str, who: Who) -> bool:
    if not who.identity:
        return False
    # Istio takes cluster.local for the mesh's own trust domain, whatever that is called.
    _domain, _slash, rest = who.identity.partition("/")
    return any(matches(given, f"{domain}/{rest}") for domain in (who.trust_domain, "cluster.local"))


def _account(given: str, who: Who, home: str) -> bool:
    where, slash, name = given.partition("/")
    if not slash:
        where, name = home, given
    return (where, name) == (who.namespace, who.account)


def matches(pattern: str, value: str) -> bool:
    """Istio's patterns: a * at either end, or alone for anything that is there."""
    if pattern == "*":
        return bool(value)
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == value


def _told(field: str, values: Iterable[Any]) -> str:
    given = [str(one) for one in values]
    return f"{field} {', '.join(given[:4])}{' ...' if len(given) > 4 else ''}"


def _plain(found: bool) -> tuple[Match, list[str]]:
    return ("yes" if found else "no"), []


def _all(parts: list[tuple[Match, list[str]]]) -> tuple[Match, list[str]]:
    if any(found == "no" for found, _on in parts):
        return "no", []
    on = [text for _found, texts in parts for text in texts]
    return ("depends", on) if any(found == "depends" for found, _on in parts) else ("yes", [])


def _any(parts: list[tuple[Match, list[str]]]) -> tuple[Match, list[str]]:
    if any(found == "yes" for found, _on in parts):
        return "yes", []
    on = [text for found, texts in parts if found == "depends" for text in texts]
    return ("depends", on) if on else ("no", [])
