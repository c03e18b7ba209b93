# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What counts on one waypoint, and what would become of it without: policies, routes, what names its identity. Pure.

A missing waypoint fails open: traffic goes straight, and nothing that it carried out is carried out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of, ref
from .hosts import full, matches
from .model import some
from .scene import (
    AUTHORIZATION,
    DESTINATION_RULE,
    ENVOY_FILTER,
    GATEWAY,
    GATEWAY_CLASS,
    NAMESPACE,
    REQUEST_AUTHENTICATION,
    ROUTES,
    SERVICE,
    SERVICE_ENTRY,
    TELEMETRY,
    TRAFFIC_EXTENSION,
    VIRTUAL_SERVICE,
    WASM_PLUGIN,
    Key,
    Scene,
    Waypoint,
    kind_of,
)
from .view import action, is_on_mesh, mesh_hosts, parents, target_kind, targets

TARGETING = (AUTHORIZATION, REQUEST_AUTHENTICATION, TELEMETRY, WASM_PLUGIN, ENVOY_FILTER, TRAFFIC_EXTENSION)
# Those whose loss lets pass what they refuse.
_GUARDING = (AUTHORIZATION, REQUEST_AUTHENTICATION)
_MANAGED = "gateway.istio.io/managed"
_ACCOUNT = "gateway.istio.io/service-account"
_FOR = "istio.io/waypoint-for"
_DOMAIN = "svc.cluster.local"

HOLE, OUTAGE, LOST = "waypoint-hole", "waypoint-outage", "waypoint-lost"


@dataclass(frozen=True, slots=True)
class Dependent:
    """One object that counts on the waypoint.

    `effect`: `waypoint-hole` when what it refuses would pass, `waypoint-outage` when what it admits would be refused,
    `waypoint-lost` when it would have no effect any more. `message` goes on from the object's name.
    """

    obj: Obj
    effect: str
    message: str

    @property
    def label(self) -> str:
        return ref(self.obj)


class Dependents:
    """Who counts on one waypoint of a scene, if all labels that name it are taken away and it goes."""

    def __init__(self, scene: Scene, waypoint: Waypoint) -> None:
        self.scene = scene
        self.waypoint = waypoint
        self.gateway = scene.get(GATEWAY, *waypoint)

    @cached_property
    def bound(self) -> list[Obj]:
        """The Services and ServiceEntries whose traffic goes by it, through their own label or their namespace's."""
        serves = self.gateway is None or labels_of(self.gateway).get(_FOR, "service") in ("service", "all")
        return [
            obj
            for kind in (SERVICE, SERVICE_ENTRY)
            for obj in self.scene.all(kind)
            if serves and not labels_of(obj).get(_MANAGED) and self.scene.waypoint_of(obj) == self.waypoint
        ]

    def afterwards(self, obj: Obj) -> Waypoint | None:
        """The waypoint that a Service or ServiceEntry has once nothing names this one any more."""
        own = self.scene.waypoint_of(obj)
        if own != self.waypoint:
            return own
        namespace = self.scene.get(NAMESPACE, "", namespace_of(obj))
        given = self.scene.waypoint_label(namespace) if namespace is not None else None
        return None if given == self.waypoint else given

    @cached_property
    def losing(self) -> dict[tuple[str, Key], Obj]:
        """Of those bound, by kind and (namespace, name), which have no waypoint then that is there."""
        return {
            (kind_of(obj), (namespace_of(obj), name_of(obj))): obj
            for obj in self.bound
            if (after := self.afterwards(obj)) is None or self.scene.waypoint_state(after) == "absent"
        }

    def found(self) -> list[Dependent]:
        """All dependents: those that open holes first, then outages, by their names."""
        order = (HOLE, OUTAGE, LOST)
        told = [*self._policies(), *self._routes(), *self._identities()]
        return sorted(told, key=lambda one: (order.index(one.effect), one.label))

    # -- policies --------------------------------------------------------------------------------------------------

    def _policies(self) -> Iterator[Dependent]:
        for kind in TARGETING:
            for policy in self.scene.all(kind):
                if given := targets(policy):
                    yield from self._policy(policy, kind, given)

    def _policy(self, policy: Obj, kind: str, given: Sequence[Obj]) -> Iterator[Dependent]:
        home = namespace_of(policy)
        lost: list[str] = []
        for one in given:
            at, name = target_kind(one), str(one.get("name"))
            if one.get("namespace") not in (None, "", home):
                continue
            if at == GATEWAY and (home, name) == self.waypoint:
                lost.append(f"Gateway {home}/{name}")
            elif (at, (home, name)) in self.losing:
                lost.append(f"{one.get('kind')} {home}/{name}")
            elif at == GATEWAY_CLASS and home == self.scene.root and self._of_class(name):
                lost += [ref(obj) for obj in self.losing.values()]
        if not lost:
            return
        where = some(sorted(lost))
        if kind == AUTHORIZATION and action(policy) == "ALLOW":
            yield Dependent(policy, HOLE, f"admits only some to {where}: without the waypoint everybody gets in")
        elif kind == AUTHORIZATION and action(policy) == "AUDIT":
            yield Dependent(policy, LOST, f"audits {where}: without the waypoint nothing is audited")
        elif kind in _GUARDING:
            does = "checks the tokens for" if kind == REQUEST_AUTHENTICATION else "refuses some"
            yield Dependent(policy, HOLE, f"{does} {where}: without the waypoint nobody is refused")
        else:
            yield Dependent(policy, LOST, f"is for {where}: without the waypoint it has no effect there")

    def _of_class(self, name: str) -> bool:
        return self.gateway is not None and dig(self.gateway, "spec", "gatewayClassName") == name

    # -- routes ----------------------------------------------------------------------------------------------------

    def _routes(self) -> Iterator[Dependent]:
        for kind in ROUTES:
            for route in self.scene.all(kind):
                lost = sorted(
                    {
                        f"{at.rpartition('/')[2]} {namespace}/{name}"
                        for at, namespace, name, _given in parents(route)
                        if (at, (namespace, name)) in self.losing
                        or (at == GATEWAY and (namespace, name) == self.waypoint)
                    }
                )
                if lost:
                    message = f"routes for {some(lost)}: without the waypoint ztunnel sends all straight, unrouted"
                    yield Dependent(route, LOST, message)

    def followed(self) -> list[str]:
        """Notes on VirtualServices and DestinationRules for what loses its waypoint, which only others follow then."""
        hosts = [host for obj in self.losing.values() for host in _hosts(obj)]
        if not hosts:
            return []
        rest = " (clients with a sidecar and gateways follow it still)" if self.scene.sidecars else ""
        notes = []
        for service in self.scene.all(VIRTUAL_SERVICE):
            if is_on_mesh(service) and (lost := _covered(mesh_hosts(service), hosts)):
                notes.append(f"{ref(service)} routes for {some(lost)}: without the waypoint ztunnel does not{rest}")
        for rule in self.scene.all(DESTINATION_RULE):
            host = full(str(dig(rule, "spec", "host") or ""), namespace_of(rule))
            if lost := _covered([host], hosts):
                notes.append(f"{ref(rule)} is for {some(lost)}: without the waypoint ztunnel does not apply it{rest}")
        return notes

    # -- identities ------------------------------------------------------------------------------------------------

    def _identities(self) -> Iterator[Dependent]:
        """Policies for workloads that let in the waypoint by name: clients come as themselves then."""
        account = self._account
        for policy in self.scene.all(AUTHORIZATION):
            if targets(policy):
                continue
            doing = action(policy)
            if doing == "ALLOW" and _names(policy, "principals", "serviceAccounts", account=account):
                told = "whom it does not name otherwise is refused"
                yield Dependent(
                    policy, OUTAGE, f"admits the waypoint by its identity: clients come straight then, and {told}"
                )
            elif doing == "DENY" and _names(policy, "notPrincipals", "notServiceAccounts", account=account):
                told = "refuses all but the waypoint: clients come straight then, and are refused"
                yield Dependent(policy, OUTAGE, told)

    @property
    def _account(self) -> tuple[str, str]:
        given = annotations_of(self.gateway).get(_ACCOUNT) if self.gateway is not None else None
        return self.waypoint.namespace, given or self.waypoint.name


def _names(policy: Obj, principals: str, accounts: str, *, account: tuple[str, str]) -> bool:
    """Whether a rule names just this service account, by no wildcard."""
    ends, home = f"/ns/{account[0]}/sa/{account[1]}", namespace_of(policy)
    wanted = {f"{account[0]}/{account[1]}"} | ({account[1]} if home == account[0] else set())
    for rule in dig(policy, "spec", "rules") or ():
        for entry in rule.get("from") or ():
            source = entry.get("source") or {}
            if any(str(one).endswith(ends) for one in source.get(principals) or ()):
                return True
            if any(str(one) in wanted for one in source.get(accounts) or ()):
                return True
    return False


def _hosts(obj: Obj) -> list[str]:
    if kind_of(obj) == SERVICE:
        return [f"{name_of(obj)}.{namespace_of(obj)}.{_DOMAIN}"]
    return [full(str(host), namespace_of(obj)) for host in dig(obj, "spec", "hosts") or ()]


def _covered(patterns: Iterable[str], hosts: Sequence[str]) -> list[str]:
    given = list(patterns)
    return sorted({host for host in hosts if any(matches(pattern, host) for pattern in given)})
