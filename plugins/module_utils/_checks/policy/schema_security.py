# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What istiod's validation would refuse in policies for workloads: selectors, targetRefs, rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from ..snapshot import Obj, dig
from .scene import GATEWAY, GATEWAY_CLASS, SERVICE, SERVICE_ENTRY
from .view import action, target_kind, targets

_TARGETS = (SERVICE, SERVICE_ENTRY, GATEWAY, GATEWAY_CLASS)
_ADDRESSES = ("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks")
_WHO = ("principals", "notPrincipals", "namespaces", "notNamespaces")
_ACCOUNTS = ("serviceAccounts", "notServiceAccounts")
_FROM = (*_ADDRESSES, *_WHO, *_ACCOUNTS, "requestPrincipals", "notRequestPrincipals", "trustDomains", "notTrustDomains")
_TO = ("ports", "notPorts", "methods", "notMethods", "paths", "notPaths", "hosts", "notHosts")
# An external authorizer is asked before anybody knows who the client is.
_NOT_CUSTOM = (*_WHO, *_ACCOUNTS, "requestPrincipals", "notRequestPrincipals", "trustDomains", "notTrustDomains")
_KEYS = (
    "source.ip",
    "remote.ip",
    "source.namespace",
    "source.serviceAccount",
    "source.principal",
    "source.trustDomain",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "destination.ip",
    "destination.port",
    "connection.sni",
)
_MAPS = ("request.headers", "request.auth.claims", "experimental.envoy.filters.")


def selected(obj: Obj) -> Iterator[str]:
    """Of any policy: for whom it is."""
    spec = obj.get("spec") or {}
    given = [name for name in ("selector", "targetRef", "targetRefs") if spec.get(name)]
    if len(given) > 1:
        yield f"it has both {' and '.join(given)}"
    labels = dig(spec, "selector", "matchLabels") or {}
    if any("*" in str(part) for item in labels.items() for part in item) or "" in labels:
        yield "its selector has a wildcard or an empty label"
    for one in targets(obj):
        if not one.get("name"):
            yield "it has a targetRef without a name"
        if one.get("namespace"):
            yield f"it has a targetRef in namespace {one['namespace']}, which must be its own"
        if target_kind(one) not in _TARGETS:
            yield f"it has a targetRef to {one.get('group') or 'core'}/{one.get('kind')}, which is no target of policy"


def peer_authentication(obj: Obj) -> Iterator[str]:
    ports = dig(obj, "spec", "portLevelMtls")
    if ports and not dig(obj, "spec", "selector", "matchLabels"):
        yield "it has portLevelMtls, but no selector"
    if ports is not None and not ports:
        yield "portLevelMtls is empty"
    for port in ports or ():
        if not str(port).isdecimal() or not 1 <= int(port) <= 65535:
            yield f"portLevelMtls has port {port}"
    yield from selected(obj)


def authorization(obj: Obj) -> Iterator[str]:
    yield from selected(obj)
    doing, rules = action(obj), dig(obj, "spec", "rules")
    provider = dig(obj, "spec", "provider")
    if doing in ("DENY", "CUSTOM") and rules is None:
        yield f"it has action {doing} and no rules: it would never apply"
    elif doing == "CUSTOM" and not dig(provider or {}, "name"):
        yield "it has action CUSTOM, and names no provider"
    if provider is not None and doing != "CUSTOM":
        yield f"it names a provider, and has action {doing}"
    for at, rule in enumerate(rules or ()):
        for why in _rule(rule, doing):
            yield f"rules[{at}] {why}"


def _rule(rule: Any, doing: str) -> Iterator[str]:
    if rule is None:
        yield "is nothing"
        return
    for name in ("from", "to"):
        if rule.get(name) is not None and not rule[name]:
            yield f"has an empty {name}"
    for entry in rule.get("from") or ():
        yield from _source((entry or {}).get("source"), doing)
    for entry in rule.get("to") or ():
        yield from _operation((entry or {}).get("operation"))
    for when in rule.get("when") or ():
        yield from _condition(when or {}, doing)


def _source(source: Any, doing: str) -> Iterator[str]:
    if not source or not any(source.get(name) for name in _FROM):
        yield "has a from without a source"
        return
    if any(source.get(name) for name in _WHO) and any(source.get(name) for name in _ACCOUNTS):
        yield "has serviceAccounts beside principals or namespaces"
    if doing == "CUSTOM":
        for name in _NOT_CUSTOM:
            if source.get(name):
                yield f"has {name}, which action CUSTOM does not know"
    yield from _empty(source, _FROM)
    for name in _ADDRESSES:
        for address in source.get(name) or ():
            if not _is_address(str(address)):
                yield f"has {address} in {name}, which is no address"


def _operation(operation: Any) -> Iterator[str]:
    if not operation or not any(operation.get(name) for name in _TO):
        yield "has a to without an operation"
        return
    yield from _empty(operation, _TO)
    for name in ("ports", "notPorts"):
        for port in operation.get(name) or ():
            if not str(port).isdecimal() or int(port) > 65535:
                yield f"has port {port}"


def _condition(when: Any, doing: str) -> Iterator[str]:
    key = str(when.get("key") or "")
    if not key:
        yield "has a when without a key"
        return
    if not when.get("values") and not when.get("notValues"):
        yield f"has a when {key} without values"
    elif key.startswith(_MAPS):
        if not key.endswith("]") or not 0 < key.find("[") < len(key) - 2:
            yield f"has a when {key}, which must look like {key.partition('[')[0]}[NAME]"
    elif key not in _KEYS:
        yield f"has a when {key}, which Istio does not know"
    if doing == "CUSTOM" and (key.startswith("request.auth.") or key in _KEYS[2:6]):
        yield f"has a when {key}, which action CUSTOM does not know"


def _empty(given: Any, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if "" in (given.get(name) or ()):
            yield f"has an empty value in {name}"


def _is_address(text: str) -> bool:
    try:
        if "/" in text:
            ip_network(text, strict=False)
        else:
            ip_address(text)
    except ValueError:
        return False
    return True
