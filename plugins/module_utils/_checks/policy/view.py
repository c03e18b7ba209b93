# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A scene with what judging asks of it again and again, each made once: hosts, rules, who routes for whom. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from ..selectors import Index
from ..snapshot import Obj, dig, labels_of, namespace_of
from .hosts import Hosts, Rules, full
from .scene import AUTHORIZATION, HTTP_ROUTE, SERVICE, VIRTUAL_SERVICE, Key, Scene

T = TypeVar("T")

MESH = "mesh"
_GATEWAY_GROUP = "gateway.networking.k8s.io"


class View:
    """One scene, looked at by all rules."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._made: dict[Any, Any] = {}

    def once(self, make: Callable[[View], T]) -> T:
        """What `make` makes of this view, made once."""
        if make not in self._made:
            self._made[make] = make(self)
        found: T = self._made[make]
        return found

    @cached_property
    def hosts(self) -> Hosts:
        return Hosts(self.scene)

    @cached_property
    def rules(self) -> Rules:
        return Rules(self.scene)

    @cached_property
    def on_mesh(self) -> dict[str, list[Obj]]:
        """VirtualServices on the mesh by full host."""
        found: dict[str, list[Obj]] = defaultdict(list)
        for service in self.scene.all(VIRTUAL_SERVICE):
            if is_on_mesh(service):
                for host in mesh_hosts(service):
                    found[host].append(service)
        return found

    @cached_property
    def routes_to(self) -> dict[Key, list[Obj]]:
        """HTTPRoutes by (namespace, name) of the Service that they are attached to."""
        found: dict[Key, list[Obj]] = defaultdict(list)
        for route in self.scene.all(HTTP_ROUTE):
            for parent in parents(route):
                if parent[0] == SERVICE:
                    found[parent[1:3]].append(route)
        return found

    def allowing(self, pod: Obj) -> list[Obj]:
        """AuthorizationPolicies that ALLOW, not for waypoints, and are for this pod."""
        spaces = [name for name in dict.fromkeys((namespace_of(pod), self.scene.root)) if name in self._allowing]
        return [policy for name in spaces for policy in self._allowing[name].of(labels_of(pod))]

    @cached_property
    def _allowing(self) -> dict[str, Index[Obj]]:
        found: dict[str, Index[Obj]] = defaultdict(Index)
        for policy in self.scene.all(AUTHORIZATION):
            if action(policy) == "ALLOW" and not targets(policy):
                found[namespace_of(policy)].add(selector(policy), policy)
        return found


def is_on_mesh(service: Obj) -> bool:
    """Whether a VirtualService is for the mesh's own traffic; a delegate, without hosts, is for whoever includes it."""
    gateways = dig(service, "spec", "gateways")
    return bool(dig(service, "spec", "hosts")) and (not gateways or MESH in gateways)


def mesh_hosts(service: Obj) -> list[str]:
    namespace = namespace_of(service)
    return [full(str(host), namespace) for host in dig(service, "spec", "hosts") or ()]


def parents(route: Obj) -> Iterator[tuple[str, str, str, Any]]:
    """A route's parents as (kind, namespace, name, the reference itself)."""
    home = namespace_of(route)
    for ref in dig(route, "spec", "parentRefs") or ():
        yield (
            f"{_group(ref.get('group', _GATEWAY_GROUP))}/{ref.get('kind', 'Gateway')}",
            str(ref.get("namespace") or home),
            str(ref.get("name")),
            ref,
        )


def targets(policy: Obj) -> list[Any]:
    """A policy's targetRefs, the older single one among them."""
    found = list(dig(policy, "spec", "targetRefs") or ())
    single = dig(policy, "spec", "targetRef")
    return found or ([single] if single else [])


def target_kind(ref: Any) -> str:
    return f"{_group(ref.get('group') or '')}/{ref.get('kind')}"


def _group(group: Any) -> str:
    return "" if group in ("core", None) else str(group)


def action(policy: Obj) -> str:
    return str(dig(policy, "spec", "action") or "ALLOW")


def selector(policy: Obj) -> dict[str, str]:
    """The labels of the workloads that a policy is for; {} for all of its namespace."""
    spec = policy.get("spec") or {}
    for path in ("selector", "workloadSelector"):
        chosen = spec.get(path)
        if chosen:
            return dict(chosen.get("matchLabels") or chosen.get("labels") or {})
    return {}
