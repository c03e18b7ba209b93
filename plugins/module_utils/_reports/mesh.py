# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The picture of the mesh in a report: what `mesh_info` tells, in a fixed shape and bounded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .clean import amount, mapping, mappings, number, plain, text, texts

MODES = ("ambient", "sidecar", "both", "none")

_MOST_NAMESPACES = 1000
_MOST_GATEWAYS = 600
_MOST_OTHERS = 100
_MOST_CERTIFICATES = 150
_MOST_COSTS = 15


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """One istiod: `tags` lead to it."""

    namespace: str
    name: str
    revision: str
    version: str
    replicas: int
    ready: int
    tags: tuple[str, ...]
    in_use: bool | None


@dataclass(frozen=True, slots=True)
class Component:
    """istio-cni or ztunnel: `updated` and `ready` of so many `nodes`."""

    component: str
    namespace: str
    name: str
    version: str
    nodes: int
    updated: int
    ready: int

    @property
    def well(self) -> bool:
        return self.updated >= self.nodes and self.ready >= self.nodes


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway: `role` is waypoint, ingress, east-west or what was told."""

    namespace: str
    name: str
    role: str
    serves: str
    programmed: bool | None
    addresses: tuple[str, ...]
    pods: int
    ready: int
    revision: str
    version: str

    @property
    def ref(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def well(self) -> bool:
        return self.programmed is not False and self.ready > 0 and self.ready >= self.pods


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace: `mode` is one of MODES, `waypoint` is namespace/name or empty, `mtls` empty where it is not known.

    `pods` is None where they could not be read; then the counts beside it are 0.
    """

    name: str
    mode: str
    revision: str
    label: str
    waypoint: str
    mtls: str
    pods: int | None
    sidecars: int
    captured: int
    outside: int
    outdated: int
    policies: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate; times are RFC 3339, or empty where they are not known."""

    what: str
    where: str
    not_before: str
    not_after: str

    @property
    def is_root(self) -> bool:
        words = self.what.lower()
        return words.startswith(("root", "ca "))


@dataclass(frozen=True, slots=True)
class Cost:
    """What proxies of one kind, or of one namespace, request: millicores and MiB. `proxies` None where not counted."""

    name: str
    proxies: int | None
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Costs:
    """The account by kind, and of the namespaces that request most. `unknown` says why there is none."""

    kinds: tuple[Cost, ...] = ()
    whole: Cost | None = None
    namespaces: tuple[Cost, ...] = ()
    counted: int = 0
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Mesh:
    """The mesh as it is. `facts` is the whole of what was told, bounded, as JSON can say it."""

    mode: str
    control_planes: tuple[ControlPlane, ...]
    components: tuple[Component, ...]
    gateways: tuple[Gateway, ...]
    namespaces: tuple[Namespace, ...]
    certificates: tuple[Certificate, ...]
    costs: Costs
    policies: Mapping[str, int]
    proxies: Mapping[str, int]
    proxies_unknown: str
    versions: tuple[tuple[str, str], ...]
    unread: Mapping[str, str]
    facts: Mapping[str, Any]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Mesh:
        """From what `mesh_info` returns, any part of which may be absent."""
        namespaces = [_namespace(each) for each in mappings(info.get("namespaces"), 100_000)]
        namespaces.sort(key=lambda each: (MODES.index(each.mode), each.name))
        gateways = [_gateway(each) for each in mappings(info.get("gateways"), 100_000)]
        gateways.sort(key=lambda each: (each.role == "waypoint", each.well, each.namespace, each.name))
        certificates = [_certificate(each) for each in mappings(info.get("certificates"), 100_000)]
        certificates.sort(key=lambda each: (each.not_after or "9", each.what, each.where))
        proxies = mapping(info.get("proxies"))
        shown = (namespaces[:_MOST_NAMESPACES], gateways[:_MOST_GATEWAYS], certificates[:_MOST_CERTIFICATES])
        return cls(
            mode=text(info.get("mode"), 40),
            control_planes=tuple(_plane(each) for each in mappings(info.get("control_planes"), _MOST_OTHERS)),
            components=tuple(_component(each) for each in mappings(info.get("components"), _MOST_OTHERS)),
            gateways=tuple(shown[1]),
            namespaces=tuple(shown[0]),
            certificates=tuple(shown[2]),
            costs=_costs(mapping(info.get("resources"))),
            policies={
                text(kind, 80): number(count) for kind, count in sorted(mapping(info.get("policies")).items())[:60]
            },
            proxies={
                key: number(proxies[key]) for key in ("connected", "synced", "stale", "rejecting") if key in proxies
            },
            proxies_unknown=text(proxies.get("unknown")),
            versions=_versions(mapping(info.get("versions"))),
            unread={text(key, 80): text(why) for key, why in sorted(mapping(info.get("unread")).items())[:60]},
            facts=plain(info),
            left_out={
                "namespaces": len(namespaces) - len(shown[0]) + number(info.get("namespaces_left_out")),
                "gateways": len(gateways) - len(shown[1]) + number(info.get("gateways_left_out")),
                "certificates": len(certificates) - len(shown[2]),
            },
        )


def _plane(given: Mapping[str, Any]) -> ControlPlane:
    in_use = given.get("in_use")
    return ControlPlane(
        namespace=text(given.get("namespace"), 80),
        name=text(given.get("name"), 120),
        revision=text(given.get("revision"), 120) or "default",
        version=text(given.get("version"), 60),
        replicas=number(given.get("replicas")),
        ready=number(given.get("ready")),
        tags=texts(given.get("tags"), 20, 120),
        in_use=bool(in_use) if in_use is not None else None,
    )


def _component(given: Mapping[str, Any]) -> Component:
    return Component(
        component=text(given.get("component"), 60),
        namespace=text(given.get("namespace"), 80),
        name=text(given.get("name"), 120),
        version=text(given.get("version"), 60),
        nodes=number(given.get("nodes")),
        updated=number(given.get("updated")),
        ready=number(given.get("ready")),
    )


def _gateway(given: Mapping[str, Any]) -> Gateway:
    programmed = given.get("programmed")
    return Gateway(
        namespace=text(given.get("namespace"), 80),
        name=text(given.get("name"), 120),
        role=text(given.get("role"), 40) or "gateway",
        serves=text(given.get("for"), 40),
        programmed=programmed if isinstance(programmed, bool) else None,
        addresses=texts(given.get("addresses"), 5, 120),
        pods=number(given.get("pods")),
        ready=number(given.get("pods_ready")),
        revision=text(given.get("revision"), 120),
        version=text(given.get("version"), 60),
    )


def _namespace(given: Mapping[str, Any]) -> Namespace:
    name, mode = text(given.get("name"), 120), text(given.get("mode"), 40) or "none"
    waypoint = text(given.get("waypoint"), 250)
    policies = given.get("policies")
    return Namespace(
        name=name,
        mode=mode if mode in MODES else "both",
        revision=text(given.get("revision"), 120),
        label=text(given.get("label"), 200),
        waypoint=f"{name}/{waypoint}" if waypoint and "/" not in waypoint else waypoint,
        mtls=text(given.get("mtls"), 40).lower(),
        pods=number(given["pods"]) if isinstance(given.get("pods"), int) else None,
        sidecars=number(given.get("sidecars")),
        captured=number(given.get("captured")),
        outside=number(given.get("outside")),
        outdated=number(given.get("outdated")),
        policies=sum(map(number, policies.values())) if isinstance(policies, Mapping) else number(policies),
    )


def _certificate(given: Mapping[str, Any]) -> Certificate:
    return Certificate(*(text(given.get(key), 200) for key in ("what", "where", "not_before", "not_after")))


def _costs(given: Mapping[str, Any]) -> Costs:
    if "unknown" in given:
        return Costs(unknown=text(given["unknown"]))
    total = mapping(given.get("total"))
    kinds = [_cost(text(name, 40), mapping(each)) for name, each in total.items() if name != "all"]
    namespaces = []
    for name, each in mapping(given.get("namespaces")).items():
        parts = [_cost(kind, mapping(part)) for kind, part in mapping(each).items() if kind != "ztunnel_share"]
        proxies = sum(part.proxies or 0 for part in parts)
        cost = Cost(text(name, 120), proxies, sum(part.cpu for part in parts), sum(part.memory for part in parts))
        namespaces.append(cost)
    namespaces = [each for each in namespaces if each.proxies]
    namespaces.sort(key=lambda each: (-each.cpu, -each.memory, each.name))
    whole = _cost("all", mapping(total.get("all"))) if "all" in total else None
    return Costs(tuple(kinds), whole, tuple(namespaces[:_MOST_COSTS]), len(namespaces))


def _cost(name: str, given: Mapping[str, Any]) -> Cost:
    requested = mapping(given.get("requested"))
    return Cost(
        name,
        number(given["proxies"]) if "proxies" in given else None,
        amount(requested.get("cpu_millicores")),
        amount(requested.get("memory_mib")),
    )


def _versions(given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What runs in which version, as pairs of words."""
    found: list[tuple[str, str]] = []
    for part in ("control_plane", "cni", "ztunnel", "proxies"):
        value = given.get(part)
        if isinstance(value, Mapping):
            told = ", ".join(f"{text(version, 60)} ({number(count)})" for version, count in list(value.items())[:8])
        else:
            told = ", ".join(texts(value, 8, 60))
        if told:
            found.append((part.replace("_", " "), told))
    return tuple(found)
