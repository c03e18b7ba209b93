# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Hosts as Istio resolves them: short names by namespace, Services and ServiceEntries by name, exportTo. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Literal, TypeVar

from ..snapshot import Obj, annotations_of, dig, name_of, namespace_of
from .scene import DESTINATION_RULE, SERVICE, SERVICE_ENTRY, Scene

_EXPORT = "networking.istio.io/exportTo"
_DOMAIN = "svc.cluster.local"
# Names of Services in other clusters, of which this one holds no object.
_ELSEWHERE = (".svc.clusterset.local", ".global")

T = TypeVar("T")

Found = Literal["found", "hidden", "absent", "unknown"]


def full(host: str, namespace: str) -> str:
    """The host as Istio takes it: a name without a dot is a Service of this namespace, any other stays as it is."""
    if not host or "." in host or "*" in host or ":" in host:
        return host
    return f"{host}.{namespace}.{_DOMAIN}"


def service_of(host: str) -> tuple[str, str] | None:
    """(namespace, name) that a full host names, or None for a host outside Kubernetes."""
    parts = host.split(".")
    if len(parts) > 3 and parts[2] == "svc" and not host.endswith(_ELSEWHERE):
        return parts[1], parts[0]
    return None


def matches(pattern: str, host: str) -> bool:
    """Whether a host that may be a wildcard covers the other, which may be one too."""
    if pattern == "*" or pattern == host:
        return True
    if not pattern.startswith("*"):
        return False
    return host.lstrip("*").endswith(pattern[1:])


def overlap(one: str, other: str) -> bool:
    """Whether some host is covered by both."""
    return matches(one, other) or matches(other, one)


class Wild(Generic[T]):
    """Things by hosts with a wildcard, to be found by a host without looking at them all."""

    def __init__(self) -> None:
        self._count = 0
        self._by_domain: dict[str, list[tuple[int, str, T]]] = defaultdict(list)
        self._others: list[tuple[int, str, T]] = []

    def add(self, pattern: str, thing: T) -> None:
        entry = (self._count, pattern, thing)
        self._count += 1
        if pattern.startswith("*.") and len(pattern) > len("*."):
            self._by_domain[pattern[2:]].append(entry)
        else:
            self._others.append(entry)

    def of(self, host: str) -> list[T]:
        """Those whose pattern covers a host, which may be a pattern too, in the order in which they were added."""
        found = [entry for entry in self._others if matches(entry[1], host)]
        for domain in domains(host):
            found += self._by_domain.get(domain, ())
        return [entry[2] for entry in sorted(found, key=lambda entry: entry[0])]

    def same(self, pattern: str) -> list[T]:
        """Those of exactly this pattern."""
        among = self._by_domain.get(pattern[2:], ()) if pattern.startswith("*.") else self._others
        return [thing for _at, one, thing in among if one == pattern]

    def all(self) -> Iterator[tuple[str, T]]:
        for among in (*self._by_domain.values(), self._others):
            for _at, pattern, thing in among:
                yield pattern, thing


def domains(host: str) -> Iterator[str]:
    """What stands after each dot of a host: `b.c` and `c` of `a.b.c`."""
    at = host.find(".")
    while at >= 0:
        yield host[at + 1 :]
        at = host.find(".", at + 1)


@dataclass(frozen=True, slots=True)
class Host:
    """One host of the registry. `ports` are numbers; `exported` are namespaces, None for all."""

    obj: Obj
    namespace: str
    ports: tuple[int, ...]
    names: tuple[str, ...]
    exported: frozenset[str] | None

    def visible(self, namespace: str) -> bool:
        return self.exported is None or namespace in self.exported


class Hosts:
    """All hosts of a scene, by name."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._exact: dict[str, list[Host]] = defaultdict(list)
        self._wild: Wild[Host] = Wild()
        for service in scene.all(SERVICE):
            self._exact[f"{name_of(service)}.{namespace_of(service)}.{_DOMAIN}"].append(_of_service(service))
        for entry in scene.all(SERVICE_ENTRY):
            host = _of_entry(entry)
            for name in dig(entry, "spec", "hosts") or ():
                if str(name).startswith("*"):
                    self._wild.add(str(name), host)
                else:
                    self._exact[full(str(name), host.namespace)].append(host)

    def find(self, host: str, namespace: str) -> tuple[Found, list[Host]]:
        """What a host names, seen from a namespace: those that it may see; else whether there are others.

        `unknown`: it cannot be said that there is none.
        """
        wanted = full(host, namespace)
        if named := service_of(wanted):
            wanted = f"{named[1]}.{named[0]}.{_DOMAIN}"
        there = list(self._exact.get(wanted, ()))
        if not there:
            there = self._wild.of(wanted)
        seen = [found for found in there if found.visible(namespace)]
        if seen:
            return "found", seen
        if there:
            return "hidden", there
        if wanted.startswith("*"):
            return ("found" if self._any_below(wanted, namespace) else self._absent(wanted)), []
        return self._absent(wanted), []

    def _any_below(self, pattern: str, namespace: str) -> bool:
        if pattern in ("*", "*.local"):
            return True
        if pattern.startswith("*."):
            return any(host.visible(namespace) for host in self._below.get(pattern[2:], ()))
        return any(matches(pattern, name) and host.visible(namespace) for name, host in self._named())

    @cached_property
    def _below(self) -> dict[str, list[Host]]:
        """All hosts by each domain that they are in."""
        found: dict[str, list[Host]] = defaultdict(list)
        for name, host in self._named():
            for domain in domains(name):
                found[domain].append(host)
        return found

    def _named(self) -> Iterator[tuple[str, Host]]:
        yield from self._wild.all()
        for name, hosts in self._exact.items():
            for host in hosts:
                yield name, host

    def _absent(self, host: str) -> Found:
        scene, named = self.scene, service_of(host)
        if host.endswith(_ELSEWHERE):
            return "unknown"
        if named and not host.startswith("*"):
            # A ServiceEntry elsewhere might have a Service's own name, but nobody does that.
            seen = scene.knows(SERVICE, named[0]) and SERVICE_ENTRY in scene.objects
        else:
            seen = scene.knows(SERVICE_ENTRY) and (scene.knows(SERVICE) or not host.startswith("*"))
        return "absent" if seen else "unknown"

    def service(self, host: str, namespace: str) -> Obj | None:
        """The Service that a host names, None when it is none."""
        named = service_of(full(host, namespace))
        return self.scene.get(SERVICE, *named) if named else None


def _of_service(service: Obj) -> Host:
    ports = dig(service, "spec", "ports") or ()
    namespace = namespace_of(service)
    export = annotations_of(service).get(_EXPORT)
    return Host(
        service,
        namespace,
        tuple(int(port.get("port") or 0) for port in ports),
        tuple(str(port.get("name") or "") for port in ports),
        _exported([part.strip() for part in export.split(",")] if export else (), namespace),
    )


def _of_entry(entry: Obj) -> Host:
    ports = dig(entry, "spec", "ports") or ()
    namespace = namespace_of(entry)
    return Host(
        entry,
        namespace,
        tuple(int(port.get("number") or 0) for port in ports),
        tuple(str(port.get("name") or "") for port in ports),
        _exported(dig(entry, "spec", "exportTo") or (), namespace),
    )


def _exported(export: Iterable[str], namespace: str) -> frozenset[str] | None:
    names = frozenset(namespace if name == "." else str(name) for name in export)
    return None if not names or "*" in names else names


def exported(obj: Obj) -> frozenset[str] | None:
    """The namespaces that see a VirtualService or DestinationRule; None for all."""
    return _exported(dig(obj, "spec", "exportTo") or (), namespace_of(obj))


def share(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    """Whether some namespace sees both."""
    return one is None or other is None or bool(one & other)


class Rules:
    """The DestinationRules of a scene by host."""

    def __init__(self, scene: Scene) -> None:
        self._exact: dict[str, list[Obj]] = defaultdict(list)
        self._wild: Wild[Obj] = Wild()
        for rule in scene.all(DESTINATION_RULE):
            host = full(str(dig(rule, "spec", "host") or ""), namespace_of(rule))
            if host.startswith("*"):
                self._wild.add(host, rule)
            else:
                self._exact[host].append(rule)

    def same(self, host: str) -> list[Obj]:
        """The rules for exactly this host, a full one."""
        return self._exact.get(host, []) if not host.startswith("*") else self._wild.same(host)

    def of(self, host: str) -> Iterator[Obj]:
        """The rules that cover a full host."""
        yield from self._exact.get(host, ())
        yield from self._wild.of(host)
