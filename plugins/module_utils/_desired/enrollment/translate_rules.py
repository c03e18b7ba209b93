# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Rules of AuthorizationPolicies at a waypoint and at the workloads: what they look at, and what they become. Pure.

At a sidecar a rule sees the workload's own port and the client. At a waypoint it sees the Service's port; behind one,
the waypoint instead of the client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from ..._checks.policy.ambient import http_fields
from ..._checks.policy.identities import admits, rules_of, takes_identity
from ..._checks.policy.scene import AUTHORIZATION, Waypoint, kind_of
from ..._checks.policy.view import action
from ..._checks.snapshot import Obj, dig, labels_of, name_of, namespace_of
from .translate_model import is_dry_run, narrow, widen, with_rules

# From a port where the rule is to what it is called elsewhere. Raises Unknown.
Ports = Callable[[str], Sequence[str]]

_PORT = "destination.port"
_BY_WHOM = ("source.principal", "source.namespace", "source.ip")
_ADDRESSES = ("ipBlocks", "notIpBlocks")
_DOMAINS = ("trustDomains", "notTrustDomains")
_ACCOUNTS = ("serviceAccounts", "notServiceAccounts")
# What means something else at a waypoint, and nothing there means the same.
_PLACES = {
    "destination.ip": "`destination.ip`, which at a sidecar is the pod's address and at a waypoint the Service's",
    "connection.sni": "`connection.sni`, which is what a client's sidecar says, and reaches no waypoint",
}


class Unknown(Exception):
    """A port of which it cannot be said what it is elsewhere; the text says why."""


def for_proxies(policy: Obj) -> list[str]:
    """What of an AuthorizationPolicy ztunnel does not carry out, as people name it; [] when it carries out all."""
    found = [f"action {action(policy)}"] if action(policy) not in ("ALLOW", "DENY") else []
    if is_dry_run(policy):
        found.append("dry run")
    domains = {name for rule in rules_of(policy) for one in sources_of(rule) for name in _DOMAINS if one.get(name)}
    return [*found, *sorted(domains), *http_fields(policy)]


def takes_client(policy: Obj) -> bool:
    """Whether it looks at who the client is or where it comes from: behind a waypoint that is the waypoint."""
    return takes_identity(policy) or any(_by_whom(rule) for rule in rules_of(policy))


def unmatched(policy: Obj) -> str:
    """What no waypoint can match as a sidecar does, in words; "" when there is nothing of the kind."""
    for rule in rules_of(policy):
        for when in rule.get("when") or ():
            if when.get("key") in _PLACES:
                return _PLACES[when["key"]]
    return ""


def admits_surely(policy: Obj, waypoint: Waypoint) -> bool:
    """Whether an ALLOW policy admits all that comes from the waypoint, whatever it is for."""
    return any(_unconditional(rule) and _meets(policy, rule, waypoint) for rule in rules_of(policy))


def names_waypoint(rule: Any, principal: str) -> bool:
    """Whether a DENY rule is for those who do not come by the waypoint: each of its sources leaves that one out."""
    tail = principal[principal.index("/ns/") :]
    sources = list(sources_of(rule))
    return bool(sources) and all(
        any(str(one).endswith(tail) for one in source.get("notPrincipals") or ()) for source in sources
    )


def only_by_waypoint(policy: Obj, principal: str) -> bool:
    """Whether an ALLOW or DENY lets in nobody but the waypoint."""
    tail = principal[principal.index("/ns/") :]
    rules = rules_of(policy)
    if action(policy) == "DENY":
        return any(names_waypoint(rule, principal) for rule in rules)
    if action(policy) != "ALLOW" or not rules:
        return False
    sources = [list(sources_of(rule)) for rule in rules]
    return all(
        each and all(one.get("principals") and all(str(p).endswith(tail) for p in one["principals"]) for one in each)
        for each in sources
    )


def sources_of(rule: Any) -> Iterator[Any]:
    for entry in rule.get("from") or ():
        yield entry.get("source") or {}


# -- the waypoint as a client --------------------------------------------------------------------------------------


def admitting(rules: Sequence[Any], principal: str) -> list[Any]:
    """Rules of an ALLOW, and one more by which the waypoint is admitted."""
    return [*deepcopy(list(rules)), admission(principal)]


def admission(principal: str) -> Any:
    return {"from": [{"source": {"principals": [principal]}}]}


def narrowed_for(policy: Obj, principal: str) -> dict[str, Any]:
    """A policy for pods with a sidecar only, which lets the waypoint by where it can; "" for no waypoint.

    Without that it would see the waypoint as the client of all that comes from there. Only istiod refuses to have
    identities in a CUSTOM policy: there the authorizer is asked twice.
    """
    found = narrow(policy)
    if not principal or kind_of(policy) != AUTHORIZATION or action(policy) == "CUSTOM":
        return found
    rules = rules_of(widen(policy))
    if action(policy) == "ALLOW":
        return with_rules(found, admitting(rules, principal))
    return with_rules(found, sparing(rules, principal))


def sparing(rules: Sequence[Any], principal: str) -> list[Any]:
    """Rules, each of which leaves out the waypoint."""
    return [_spared(rule, principal) for rule in rules]


def sparing_where_hit(policy: Obj, waypoint: Waypoint, principal: str) -> list[Any]:
    """A DENY's rules; those that look at the client and would take the waypoint for one of theirs leave it out."""
    return [
        _spared(rule, principal) if (_looks(policy, rule) and _meets(policy, rule, waypoint)) else deepcopy(rule)
        for rule in rules_of(policy)
    ]


def hits(policy: Obj, waypoint: Waypoint) -> bool:
    """Whether a rule that looks at the client takes the waypoint for one that is meant."""
    return any(_looks(policy, rule) and _meets(policy, rule, waypoint) for rule in rules_of(policy))


def _spared(rule: Any, principal: str) -> Any:
    found = deepcopy(rule)
    entries = found.get("from") or [{"source": {}}]
    for entry in entries:
        source = entry.setdefault("source", {})
        if any(source.get(name) for name in _ACCOUNTS):
            # istiod refuses principals beside service accounts.
            head, _sa, account = principal.rpartition("/sa/")
            key, value = "notServiceAccounts", f"{head.rpartition('/ns/')[2]}/{account}"
        else:
            key, value = "notPrincipals", principal
        if value not in (source.get(key) or ()):
            source[key] = [*(source.get(key) or ()), value]
    found["from"] = entries
    return found


def _looks(policy: Obj, rule: Any) -> bool:
    return takes_identity({**policy, "spec": {"rules": [rule]}}) or _by_whom(rule)


def _meets(policy: Obj, rule: Any, waypoint: Waypoint) -> bool:
    return admits({**policy, "spec": {"rules": [rule]}}, *waypoint)


def _by_whom(rule: Any) -> bool:
    return any(one.get(name) for one in sources_of(rule) for name in _ADDRESSES) or any(
        when.get("key") in _BY_WHOM for when in rule.get("when") or ()
    )


def _unconditional(rule: Any) -> bool:
    """Whether nothing but who the client is decides."""
    if rule.get("to") or any(
        when.get("key") not in _BY_WHOM[:2] or when.get("notValues") for when in rule.get("when") or ()
    ):
        return False
    known = {"principals", "namespaces", "notPrincipals", "notNamespaces", "serviceAccounts"}
    sources = list(sources_of(rule))
    return not sources or any(set(one) <= known for one in sources)


# -- ports ---------------------------------------------------------------------------------------------------------


def takes_ports(policy: Obj) -> bool:
    return any(
        operation.get("ports") or operation.get("notPorts")
        for rule in rules_of(policy)
        for operation in (to.get("operation") or {} for to in rule.get("to") or ())
    ) or any(when.get("key") == _PORT for rule in rules_of(policy) for when in rule.get("when") or ())


def ports_at(service: Obj, pods: Sequence[Obj]) -> Ports:
    """From a workload's port to those by which the Service leads there. `pods`: whole ones, so far as known."""

    def ports(number: str) -> list[str]:
        given = dig(service, "spec", "ports") or ()
        return [str(one["port"]) for one in given if _target(service, one, pods) == number]

    return ports


def ports_behind(service: Obj, pods: Sequence[Obj]) -> Ports:
    """From a Service's port to that of the workload."""

    def ports(number: str) -> list[str]:
        given = dig(service, "spec", "ports") or ()
        return [_target(service, one, pods) for one in given if str(one["port"]) == number]

    return ports


def _target(service: Obj, port: Any, pods: Sequence[Obj]) -> str:
    found = str(port.get("targetPort") or port["port"])
    if found.isdecimal():
        return found
    chosen = (dig(service, "spec", "selector") or {}).items()
    numbers = {
        str(one["containerPort"])
        for pod in pods
        if chosen <= labels_of(pod).items()
        for container in dig(pod, "spec", "containers") or ()
        for one in container.get("ports") or ()
        if one.get("name") == found
    }
    if len(numbers) != 1:
        why = "and they give it different numbers" if numbers else "and its number is not known"
        raise Unknown(f"Service {name_of(service)} names the port of its pods ({found}), {why}")
    return numbers.pop()


def mapped(rules: Sequence[Any], ports: Ports) -> list[Any]:
    """Rules with their ports as they are called elsewhere; without those that match no port there. Raises Unknown."""
    return [one for one in (_mapped(rule, ports) for rule in rules) if one is not None]


def _mapped(rule: Any, ports: Ports) -> Any:
    found = deepcopy(rule)
    if found.get("to"):
        operations = [_operation(to.get("operation") or {}, ports) for to in found["to"]]
        kept = [one for one in operations if one is not None]
        if not kept:
            return None
        # One that says nothing any more is for everything, and so are all together.
        if all(kept):
            found["to"] = [{"operation": one} for one in kept]
        else:
            del found["to"]
    conditions = []
    for when in found.get("when") or ():
        if when.get("key") == _PORT:
            values, others = _renamed(when.get("values"), ports), _renamed(when.get("notValues"), ports)
            if when.get("values") and not values:
                return None
            when = {"key": _PORT, **({"values": values} if values else {}), **({"notValues": others} if others else {})}
            if len(when) == 1:
                continue
        conditions.append(when)
    if conditions:
        found["when"] = conditions
    else:
        found.pop("when", None)
    return found


def _operation(operation: Any, ports: Ports) -> Any:
    """The same operation; None where it can match nothing."""
    found = dict(operation)
    for key in ("ports", "notPorts"):
        if not found.get(key):
            continue
        numbers = _renamed(found[key], ports)
        if numbers:
            found[key] = numbers
        elif key == "ports":
            return None
        else:
            del found[key]
    return found


def _renamed(numbers: Any, ports: Ports) -> list[str]:
    return list(dict.fromkeys(one for number in numbers or () for one in ports(str(number))))


def qualified(policy: Obj) -> list[Any]:
    """The rules for use in another namespace: service accounts without a namespace are those of the policy's."""
    found: list[Any] = deepcopy(rules_of(policy))
    for rule in found:
        for source in sources_of(rule):
            for key in _ACCOUNTS:
                if source.get(key):
                    source[key] = [one if "/" in one else f"{namespace_of(policy)}/{one}" for one in source[key]]
    return found
