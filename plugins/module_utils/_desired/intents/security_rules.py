# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Rules of AuthorizationPolicies from their short forms, and what a rule needs of who enforces it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._errors import BadInput
from . import texts

Obj = dict[str, Any]
# From a workload's port to what it is called where the rule is enforced. Raises BadInput.
Ports = Callable[[int], Sequence[int]]

_IDENTITY = {"principals": "principals", "namespaces": "namespaces", "ip_blocks": "ipBlocks"}
_REQUEST_SOURCE = {"remote_ip_blocks": "remoteIpBlocks", "request_principals": "requestPrincipals"}
_REQUEST = ("methods", "paths", "hosts")
# What istiod hands to ztunnel of `when`; with any other key the rule counts as one about HTTP.
_L4_KEYS = ("source.ip", "source.namespace", "source.principal", "destination.ip")
_ADDRESS_KEYS = {
    "destination.port": "ports",
    "source.serviceAccount": "service_accounts",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as it was written, with what enforcing it takes.

    `l7` are its fields that only a proxy that reads HTTP can match; `sources` those about who calls, which ztunnel
    cannot match behind a waypoint; `places` those about the address called, which differs at a waypoint.
    """

    given: Mapping[str, Any]
    l7: tuple[str, ...]
    sources: tuple[str, ...]
    places: tuple[str, ...]


def read(given: Mapping[str, Any]) -> Rule:
    """A rule of `allow`, `deny` or `external_authorization`, checked. Raises BadInput."""
    fields = {key: value for key, value in given.items() if value is not None}
    for key, value in fields.items():
        if not value:
            raise BadInput(f"{key} is an empty list, which would match anything.", hint="Leave it out, or name some.")
        if key != "when" and any(each == "" for each in value):
            raise BadInput(f"{key} holds an empty text.")
    for port in (*fields.get("ports", ()), *fields.get("not_ports", ())):
        texts.port(int(port))
    l7 = [key for key in fields if _bare(key) in _REQUEST or _bare(key) in _REQUEST_SOURCE]
    sources = [key for key in fields if _bare(key) in _IDENTITY or _bare(key) == "service_accounts"]
    places = []
    for each in fields.get("when") or ():
        key = each["key"]
        if not (each.get("values") or each.get("not_values")):
            raise BadInput(f"when: {key} has neither values nor not_values.")
        if key in _ADDRESS_KEYS:
            raise BadInput(
                f"when: {key} means something else at each kind of proxy.", hint=f"Use {_ADDRESS_KEYS[key]}."
            )
        if key not in _L4_KEYS:
            l7.append(f"when: {key}")
        elif key.startswith("source."):
            sources.append(f"when: {key}")
        else:
            places.append(f"when: {key}")
    return Rule(fields, tuple(l7), tuple(sources), tuple(places))


def made(rule: Rule, namespace: str, trust_domain: str, ports: Ports) -> Obj:
    """The rule as Istio has it; {} for one that matches everything. Raises BadInput."""
    given = rule.given
    source: Obj = {}
    for negated in ("", "not_"):
        identities = [principal(each, namespace, trust_domain) for each in given.get(f"{negated}service_accounts", ())]
        identities += given.get(f"{negated}principals", ())
        if identities:
            source[_cased(negated, "principals")] = identities
        for key, name in {**_IDENTITY, **_REQUEST_SOURCE}.items():
            if key != "principals" and given.get(negated + key):
                source[_cased(negated, name)] = list(given[negated + key])
    found: Obj = {}
    if source:
        found["from"] = [{"source": source}]
    operation = operation_of(given, ports)
    if operation:
        found["to"] = [{"operation": operation}]
    if given.get("when"):
        found["when"] = [condition(each["key"], each.get("values"), each.get("not_values")) for each in given["when"]]
    return found


def operation_of(given: Mapping[str, Any], ports: Ports) -> Obj:
    """The `operation` of a rule's hosts, ports, methods and paths; {} for any."""
    operation: Obj = {}
    for negated in ("", "not_"):
        for key in ("hosts", "methods", "paths"):
            if given.get(negated + key):
                operation[_cased(negated, key)] = list(given[negated + key])
        numbers = given.get(f"{negated}ports")
        if numbers:
            mapped = dict.fromkeys(str(one) for port in numbers for one in ports(texts.port(int(port))))
            operation[_cased(negated, "ports")] = list(mapped)
    return operation


def condition(key: str, values: Iterable[str] | None, not_values: Iterable[str] | None = None) -> Obj:
    """A `when` condition."""
    found: Obj = {"key": key}
    if values:
        found["values"] = list(values)
    if not_values:
        found["notValues"] = list(not_values)
    return found


def principal(account: str, namespace: str, trust_domain: str) -> str:
    """The principal of a service account, written `namespace/name`, `name` or `*` for anybody with an identity.

    The name may be `*` or end in it. These are principals and not `serviceAccounts`, since those hold for every trust
    domain, and Istio before 1.28.6 and 1.29.2 took their dots for any character (CVE-2026-39350). Raises BadInput.
    """
    if account == "*":
        return "*"
    if not trust_domain or "/" in trust_domain or "*" in trust_domain[1:]:
        raise BadInput(f"trust_domain {trust_domain!r} is none.", hint="Give a name such as cluster.local, or *.")
    space, slash, name = account.rpartition("/")
    space = space if slash else namespace
    if not space or not name or "/" in space or "*" in space or "*" in name[:-1]:
        raise BadInput(
            f"service account {account!r} cannot be matched.",
            hint="Write namespace/name or name; only the name may end in *.",
        )
    if trust_domain.startswith("*") and name.endswith("*"):
        raise BadInput(
            f"service account {account!r} cannot be matched in every trust domain.", hint="Use `namespaces` for that."
        )
    return f"{trust_domain}/ns/{space}/sa/{name}"


def same_ports(port: int) -> Sequence[int]:
    """Ports where the workload's own count: sidecars, ztunnel and gateways."""
    return (port,)


def spec_of(service: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Service's spec. One of the task's own objects may lack it: its own errors are told elsewhere."""
    spec = service.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def ports_of(service: Mapping[str, Any]) -> Ports:
    """Ports at a waypoint, which matches the Service's port and not the workload's."""

    entries = _port_entries(service)

    def translate(port: int) -> Sequence[int]:
        found = [own for own, target in entries if target == port]
        if found:
            return found
        named = sorted({target for _own, target in entries if isinstance(target, str)})
        why = f"its targetPort {', '.join(named)} is a name, not a number" if named else "no port of it leads there"
        raise BadInput(
            f"port {port} of the workload is not known at the waypoint, which sees the ports of the Service "
            f"{service['metadata']['name']}: {why}."
        )

    return translate


def ports_of_all(services: Sequence[Mapping[str, Any]]) -> Ports:
    """Ports at a waypoint for all Services behind it: only those that all of them call the same as their workloads."""

    entries = [(each["metadata"]["name"], own, to) for each in services for own, to in _port_entries(each)]

    def translate(port: int) -> Sequence[int]:
        for name, own, target in entries:
            if port in (own, target) and target != own:
                raise BadInput(
                    f"port {port} is not the same at the waypoint, which sees the ports of Services: "
                    f"{name} leads {own} to {target}.",
                    hint="Name the `service`.",
                )
        return (port,)

    return translate


def _port_entries(service: Mapping[str, Any]) -> list[tuple[int, int | str]]:
    """A Service's ports, each with where it leads: a number or a name."""
    given = [each for each in spec_of(service).get("ports") or () if isinstance(each, Mapping) and each.get("port")]
    return [(each["port"], each.get("targetPort") or each["port"]) for each in given]


def _bare(key: str) -> str:
    return key.removeprefix("not_")


def _cased(negated: str, name: str) -> str:
    return f"not{name[0].upper()}{name[1:]}" if negated else name
