# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Objects that are for the same and get into each other's way: servers of Gateways, Sidecars, Telemetries. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..snapshot import Obj, dig, name_of, namespace_of, ref
from .hosts import exported, share
from .scene import ISTIO_GATEWAY, POD, SERVICE_ENTRY, kind_of
from .view import View, selector


@dataclass(frozen=True, slots=True)
class SameServer:
    """Servers of Istio Gateways on one port of the same pods that share a host.

    `ignored`: istiod takes the first of them alone, since clients of TLS are told apart by the host. Servers of plain
    HTTP are merged; `redirects` says whether only some of them send clients on to HTTPS.
    """

    gateways: tuple[Obj, ...]
    port: int
    hosts: tuple[str, ...]
    ignored: bool
    redirects: bool


def same_servers(view: View) -> Iterator[SameServer]:
    """Each set of Gateways (or one, with itself) whose servers share a port and a host for the same pods."""
    claims: dict[tuple[int, str, str], list[tuple[Obj, Any]]] = defaultdict(list)
    for gateway in sorted(view.scene.all(ISTIO_GATEWAY), key=_age):
        for server in dig(gateway, "spec", "servers") or ():
            number = dig(server, "port", "number")
            if isinstance(number, int):
                for host in dict.fromkeys(map(str, server.get("hosts") or ())):
                    space, slash, name = host.rpartition("/")
                    scope = namespace_of(gateway) if slash and space == "." else space
                    host = f"{scope}/{name}" if scope not in ("", "*") else name
                    claims[(number, host, str(server.get("bind") or ""))].append((gateway, server))
    found: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    sets: dict[tuple[Any, ...], tuple[tuple[Obj, ...], bool, bool]] = {}
    for (port, host, bind), claimed in claims.items():
        for group in _same_pods(view, claimed) if len(claimed) > 1 else ():
            gateways = tuple({ref(gateway): gateway for gateway, _server in group}.values())
            secure = [bool(server.get("tls")) and _is_tls(server) for _gateway, server in group]
            redirects = {bool(dig(server, "tls", "httpsRedirect")) for _gateway, server in group}
            key = (tuple(map(ref, gateways)), port, bind, any(secure))
            found[key].append(host)
            sets[key] = (gateways, sum(secure) > 1, len(redirects) > 1)
    for key, hosts in found.items():
        gateways, ignored, mixed = sets[key]
        yield SameServer(gateways, key[1], tuple(hosts), ignored, mixed)


def _is_tls(server: Any) -> bool:
    return str(dig(server, "port", "protocol") or "").upper() in ("HTTPS", "TLS")


def _same_pods(view: View, claimed: list[tuple[Obj, Any]]) -> Iterator[list[tuple[Obj, Any]]]:
    """Groups of those that are for the same pods: with one and the same selector, or with a pod that all have."""
    by_selector: dict[frozenset[tuple[str, str]], list[tuple[Obj, Any]]] = defaultdict(list)
    for gateway, server in claimed:
        by_selector[frozenset((dig(gateway, "spec", "selector") or {}).items())].append((gateway, server))
    groups: list[tuple[set[int], list[tuple[Obj, Any]]]] = []
    for labels, members in by_selector.items():
        pods = {id(pod) for pod in view.scene.selected(view.scene.root, dict(labels))}
        touching = [group for group in groups if group[0] & pods]
        for group in touching:
            groups.remove(group)
        merged = [one for group in touching for one in group[1]]
        groups.append((pods.union(*(group[0] for group in touching)), [*merged, *members]))
    for _pods, members in groups:
        if len(members) > 1:
            yield sorted(members, key=lambda one: _age(one[0]))


@dataclass(frozen=True, slots=True)
class SamePods:
    """Objects of one kind and namespace that are for the same: a pod, or (`pod` None) the whole namespace."""

    objects: tuple[Obj, ...]
    namespace: str
    pod: Obj | None


def same_pods(view: View, kind: str) -> Iterator[SamePods]:
    """Sidecars, or Telemetries, of which each workload takes one, and several are there."""
    spaces: dict[str, list[Obj]] = defaultdict(list)
    for obj in view.scene.all(kind):
        spaces[namespace_of(obj)].append(obj)
    for namespace, objects in spaces.items():
        wide = [obj for obj in objects if not selector(obj) and not dig(obj, "spec", "targetRefs")]
        if len(wide) > 1:
            yield SamePods(tuple(sorted(wide, key=name_of)), namespace, None)
        if len(objects) - len(wide) < 2 or not view.scene.knows(POD, namespace):
            continue
        of_pod: dict[int, list[Obj]] = defaultdict(list)
        pods: dict[int, Obj] = {}
        for obj in objects:
            for pod in view.scene.selected(namespace, selector(obj)) if selector(obj) else ():
                if namespace_of(pod) == namespace:
                    of_pod[id(pod)].append(obj)
                    pods[id(pod)] = pod
        told: set[tuple[str, ...]] = set()
        for at, several in of_pod.items():
            names = tuple(sorted(map(name_of, several)))
            if len(several) > 1 and names not in told:
                told.add(names)
                yield SamePods(tuple(sorted(several, key=name_of)), namespace, pods[at])


@dataclass(frozen=True, slots=True)
class SameHost:
    """ServiceEntries that give one host and port several protocols."""

    entries: tuple[Obj, ...]
    host: str
    port: int
    protocols: tuple[str, ...]


def same_hosts(view: View) -> Iterator[SameHost]:
    found: dict[tuple[str, int], list[tuple[Obj, str]]] = defaultdict(list)
    for entry in view.scene.all(SERVICE_ENTRY):
        for port in dig(entry, "spec", "ports") or ():
            for host in dig(entry, "spec", "hosts") or ():
                found[(str(host), int(port.get("number") or 0))].append(
                    (entry, str(port.get("protocol") or "").upper())
                )
    for (host, number), given in found.items():
        protocols = {protocol for _entry, protocol in given}
        if len(protocols) < 2:
            continue
        # Two that no namespace sees together do not meet.
        meeting = [
            (entry, protocol)
            for entry, protocol in given
            if any(protocol != other and share(exported(entry), exported(one)) for one, other in given)
        ]
        if meeting:
            entries = {ref(entry): entry for entry, _protocol in meeting}
            told = tuple(sorted({protocol or "none" for _entry, protocol in meeting}))
            yield SameHost(tuple(entries.values()), host, number, told)


def _age(obj: Obj) -> tuple[str, str, str]:
    return str(dig(obj, "metadata", "creationTimestamp") or "9999"), namespace_of(obj), name_of(obj)


def both(objects: Sequence[Obj]) -> str:
    """`Gateway shop/a and shop/b`, `Sidecar shop/a, shop/b and shop/c`: objects of one kind, as a sentence begins."""
    names = [f"{namespace_of(obj)}/{name_of(obj)}" for obj in objects]
    kind = kind_of(objects[0]).rpartition("/")[2]
    return f"{kind} {', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else f"{kind} {names[0]}"


def shown(labels: Mapping[str, str]) -> str:
    """Labels as a selector: `app=web, tier=front`."""
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "all pods"
