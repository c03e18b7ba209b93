# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The short forms of `security`: PeerAuthentication, AuthorizationPolicy and RequestAuthentication. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..._errors import BadInput
from ..policy.model import Document
from . import security_jwt, security_rules
from .planes import Planes
from .security_rules import Ports, Rule, operation_of, principal, same_ports
from .security_scope import Obj, Scope, scope_of
from .texts import Complaints, Element

Entry = Mapping[str, Any]
Facet = Callable[[Entry, Scope], list[Obj]]

_API = "security.istio.io/v1"
_CLUSTER = "cluster.local"
_MODES = {"strict": "STRICT", "permissive": "PERMISSIVE", "disable": "DISABLE"}
_DISABLE = (
    "disable means nothing to ztunnel: traffic between ambient pods is always encrypted, and it takes disable for"
    " permissive. Say permissive, which lets plain text in just the same."
)


def expand(entries: Sequence[Entry], planes: Planes) -> list[Document]:
    """All elements' objects, in their order. Raises BadInput that names every element that cannot be made, and why."""
    complaints = Complaints("security")
    closed = _closed(entries)
    found: list[Document] = []
    made: dict[tuple[str, str, str], str] = {}
    for index, entry in enumerate(entries):
        element = complaints.element(index, _called(entry))
        for obj in _objects(entry, planes, element, closed):
            meta = obj["metadata"]
            key = (obj["kind"], meta["namespace"], meta["name"])
            if key in made:
                element.wrong(f"{made[key]} makes the {key[0]} {key[1]}/{key[2]} already. Give one of them a `name`.")
            made[key] = element.origin
            found.append(Document(obj, element.origin))
    complaints.done()
    return found


def _objects(entry: Entry, planes: Planes, element: Element, closed: set[str]) -> list[Obj]:
    given = {name: facet for name, facet in FACETS.items() if entry.get(name) not in (None, False)}
    if not given:
        element.wrong(f"nothing is asked for. Give one of {', '.join(FACETS)}.")
        return []
    try:
        scope = scope_of(entry, planes)
    except BadInput as wrong:
        element.wrong(str(wrong))
        return []
    found: list[Obj] = []
    for name, facet in given.items():
        try:
            found += facet(entry, scope)
        except BadInput as wrong:
            element.wrong(f"{name}: {wrong}")
    shut = scope.waypoints and (entry.get("default_deny") or scope.namespace in closed or "" in closed)
    if shut and entry.get("allow") and not entry.get("protect") and any(_attached(obj, "ALLOW") for obj in found):
        element.wrong(
            "allow: default_deny closes the pods to their waypoint too, so nothing would get through."
            " Give `protect: true`, which lets the waypoint in."
        )
    return found


def _closed(entries: Sequence[Entry]) -> set[str]:
    """The namespaces that these elements close as a whole; "" for the mesh."""
    whole = [each for each in entries if each.get("default_deny")]
    whole = [each for each in whole if not any(each.get(key) for key in ("service", "workload", "gateway"))]
    return {"" if each.get("mesh") else str(each.get("namespace") or "-") for each in whole}


def _called(entry: Entry) -> str:
    named = entry.get("name") or entry.get("service") or entry.get("gateway")
    return str(named or ("mesh" if entry.get("mesh") else entry.get("namespace") or ""))


def _attached(obj: Obj, action: str) -> bool:
    return obj["spec"].get("action") == action and "targetRefs" in obj["spec"]


def _mtls(entry: Entry, scope: Scope) -> list[Obj]:
    asked = entry["mtls"]
    where = scope.at_pods("mtls")
    single = "selector" in where
    if single and scope.root:
        raise BadInput("Istio ignores mtls of single workloads in the root namespace.")
    ports = _port_modes(asked.get("ports") or {})
    if ports and not single:
        raise BadInput("ports go with single workloads only.", hint="Name the `service` or the `workload`.")
    if scope.ambient and "disable" in (asked.get("mode"), *ports.values()):
        raise BadInput(_DISABLE)
    spec: Obj = dict(where)
    if asked.get("mode"):
        spec["mtls"] = {"mode": _MODES[asked["mode"]]}
    if ports:
        spec["portLevelMtls"] = {port: {"mode": _MODES[mode]} for port, mode in ports.items()}
    # Of several that cover a whole namespace Istio heeds the oldest, so there must be one, by the name all use.
    return [_obj("PeerAuthentication", scope, scope.name("mtls") if single else "default", spec)]


def _port_modes(ports: Mapping[Any, Any]) -> dict[str, str]:
    for port, mode in ports.items():
        if not str(port).isdigit() or not 1 <= int(port) <= 65535:
            raise BadInput(f"ports: {port!r} is no port.", hint="Give the workload's ports, 1 to 65535.")
        if mode not in _MODES:
            raise BadInput(f"ports: {mode!r} is no mode.", hint=f"Give {', '.join(_MODES)}.")
    return {str(int(port)): mode for port, mode in ports.items()}


def _rules(entry: Entry, facet: str) -> list[Rule]:
    if not entry[facet]:
        raise BadInput("it has no rules.", hint="Use `default_deny` to allow nothing." if facet == "allow" else "")
    found = []
    for index, given in enumerate(entry[facet]):
        try:
            found.append(security_rules.read(given))
        except BadInput as wrong:
            raise BadInput(f"rule {index}: {wrong}") from None
    return found


def _at_proxies(rules: Sequence[Rule], scope: Scope) -> str:
    """Why the rules must be enforced where HTTP is read or the client is seen; "" where the pods will do."""
    if scope.gateway:
        return "it"
    l7 = [field for rule in rules for field in rule.l7]
    if l7:
        return ", ".join(dict.fromkeys(l7))
    hidden = [field for rule in rules for field in rule.sources] if scope.waypoints else []
    return ", ".join(dict.fromkeys(hidden))


def _made(rules: Sequence[Rule], entry: Entry, scope: Scope, ports: Ports) -> list[Obj]:
    trust_domain = entry.get("trust_domain") or _CLUSTER
    moved = [place for rule in rules for place in rule.places]
    if moved and scope.waypoints and ports is not same_ports:
        raise BadInput(f"{moved[0]} is the pod's address, which a waypoint does not match.")
    return [security_rules.made(rule, scope.namespace, trust_domain, ports) for rule in rules]


def _allow(entry: Entry, scope: Scope) -> list[Obj]:
    rules = _rules(entry, "allow")
    why = _at_proxies(rules, scope)
    if not why and scope.waypoints and scope.proxies is not None and not scope.mesh:
        # All ALLOW policies of a Service in one place, where they add up; at two places all would have to match.
        why = "it"
    if not why:
        return [_policy(scope, "allow", scope.at_pods("allow"), "ALLOW", _made(rules, entry, scope, same_ports))]
    where = scope.at_proxies(why, protected=entry.get("protect", False))
    if scope.mesh and scope.waypoints:
        raise BadInput(f"{why} for all of the mesh would be denied behind waypoints.", hint="Give it by namespace.")
    return [_policy(scope, "allow", where, "ALLOW", _made(rules, entry, scope, scope.ports))]


def _deny(entry: Entry, scope: Scope) -> list[Obj]:
    rules = _rules(entry, "deny")
    why = _at_proxies(rules, scope)
    if not why:
        return [_policy(scope, "deny", scope.at_pods("deny"), "DENY", _made(rules, entry, scope, same_ports))]
    # Rules without HTTP hold at the pods as well.
    protected = entry.get("protect", False) or not any(rule.l7 for rule in rules)
    where = scope.at_proxies(why, protected=protected)
    direct = [rule for rule in rules if not rule.l7] if scope.waypoints else []
    if direct and scope.mesh:
        raise BadInput(f"{why} for all of the mesh would be let in around waypoints.", hint="Give it by namespace.")
    found = [_policy(scope, "deny", where, "DENY", _made(rules, entry, scope, scope.ports))]
    if direct:
        # ztunnel sees those who go round the waypoint as who they are. The waypoint itself must never match.
        made = _made(direct, entry, scope, same_ports)
        for rule in made:
            source = rule.setdefault("from", [{"source": {}}])[0]["source"]
            source["notPrincipals"] = [*source.get("notPrincipals", ()), *_identities(entry, scope)]
        found.append(_policy(scope, "deny-direct", scope.at_pods("deny"), "DENY", made))
    return found


def _identities(entry: Entry, scope: Scope) -> list[str]:
    """The principals of the waypoints before the pods, each with the service account of its Gateway's name."""
    accounts = [entry["waypoint_service_account"]] if entry.get("waypoint_service_account") else scope.waypoints
    return [principal(each, scope.namespace, entry.get("trust_domain") or _CLUSTER) for each in accounts]


def _default_deny(entry: Entry, scope: Scope) -> list[Obj]:
    # Behind a waypoint too it is the pods that close: who goes round it meets nothing else.
    where = scope.at_proxies("it") if scope.gateway else scope.at_pods("default_deny")
    return [_policy(scope, "default-deny", where, "ALLOW", None)]


def _jwt(entry: Entry, scope: Scope) -> list[Obj]:
    where = scope.at_proxies("a JWT", protected=entry.get("protect", False))
    asked = entry["jwt"]
    spec = {**where, "jwtRules": [security_jwt.rule(asked)]}
    found = [_obj("RequestAuthentication", scope, scope.name("jwt"), spec)]
    rules = security_jwt.required(asked, operation_of(_checked(asked, ("ports", "paths", "not_paths")), scope.ports))
    if rules:
        found.append(_policy(scope, "jwt-required", where, "DENY", rules))
    return found


def _external(entry: Entry, scope: Scope) -> list[Obj]:
    where = scope.at_proxies("external authorization", protected=entry.get("protect", False))
    asked = entry["external_authorization"]
    fields = ("ports", "methods", "paths", "not_paths", "hosts", "not_hosts")
    operation = operation_of(_checked(asked, fields), scope.ports)
    made = _policy(scope, "ext-authz", where, "CUSTOM", [{"to": [{"operation": operation}]} if operation else {}])
    made["spec"]["provider"] = {"name": asked["provider"]}
    return [made]


def _checked(asked: Mapping[str, Any], fields: Sequence[str]) -> Mapping[str, Any]:
    """These fields as a rule has them. Raises BadInput for an empty list."""
    return security_rules.read({field: asked.get(field) for field in fields}).given


def _protect(entry: Entry, scope: Scope) -> list[Obj]:
    """Lets the waypoint into the pods and shuts out who would go round it.

    Clients that `allow` names by nothing but L4 fields may go round it, as ztunnel enforces those itself; unless the
    waypoint has more to say than `allow`.
    """
    if not scope.waypoints:
        if any(entry.get(each) for each in FACETS if each != "protect") or not (scope.ambient or scope.gateway):
            return []
        raise BadInput("there is no waypoint to let in.")
    if scope.mesh:
        raise BadInput("it lets the waypoints of a namespace in.", hint="Give it by namespace.")
    rules: list[Obj] = [{"from": [{"source": {"principals": _identities(entry, scope)}}]}]
    allowed = _rules(entry, "allow") if entry.get("allow") else []
    more = any(entry.get(each) for each in ("deny", "jwt", "external_authorization"))
    if not more and not any(rule.l7 for rule in allowed):
        rules += _made(allowed, entry, scope, same_ports)
    return [_policy(scope, "protect", scope.at_pods("protect"), "ALLOW", rules)]


FACETS: dict[str, Facet] = {
    "mtls": _mtls,
    "default_deny": _default_deny,
    "allow": _allow,
    "deny": _deny,
    "jwt": _jwt,
    "external_authorization": _external,
    "protect": _protect,
}


def _policy(scope: Scope, facet: str, where: Mapping[str, Any], action: str, rules: list[Obj] | None) -> Obj:
    spec: Obj = {**where, "action": action}
    if rules is not None:
        spec["rules"] = rules
    return _obj("AuthorizationPolicy", scope, scope.name(facet), spec)


def _obj(kind: str, scope: Scope, name: str, spec: Obj) -> Obj:
    return {
        "apiVersion": _API,
        "kind": kind,
        "metadata": {"name": name, "namespace": scope.namespace},
        "spec": spec,
    }
