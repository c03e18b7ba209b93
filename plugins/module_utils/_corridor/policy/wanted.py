# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What guards have to read of the cluster for one draft: by the kinds that it writes and removes, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..._checks.policy import scene
from ..._checks.policy.clients import disables
from ..._checks.policy.lockout import scope_of
from ..._checks.policy.scene import USE_WAYPOINT, kind_of
from ..._checks.policy.view import selector, targets
from ..._checks.snapshot import Obj, dig, labels_of, namespace_of
from ..._intent.policy import PolicyIntent
from ..items import Item

_HOSTS = (scene.SERVICE, scene.SERVICE_ENTRY)
_ROUTING = (*_HOSTS, scene.GATEWAY, scene.GATEWAY_POD)
_SELECTING = (
    scene.AUTHORIZATION,
    scene.REQUEST_AUTHENTICATION,
    scene.TELEMETRY,
    scene.WASM_PLUGIN,
    scene.PEER_AUTHENTICATION,
    scene.SIDECAR,
    scene.ENVOY_FILTER,
)
# Whoever may name something of these kinds, and so may be left without it.
NAMED_BY: dict[str, tuple[str, ...]] = {
    scene.SERVICE: (scene.VIRTUAL_SERVICE, scene.DESTINATION_RULE, *scene.ROUTES, *_SELECTING[:4]),
    scene.SERVICE_ENTRY: (scene.VIRTUAL_SERVICE, scene.DESTINATION_RULE, *scene.ROUTES, *_SELECTING[:4]),
    scene.DESTINATION_RULE: (scene.VIRTUAL_SERVICE,),
    scene.VIRTUAL_SERVICE: (scene.VIRTUAL_SERVICE,),
    scene.ISTIO_GATEWAY: (scene.VIRTUAL_SERVICE,),
    scene.GATEWAY: (*scene.ROUTES, *_SELECTING[:4], *_HOSTS, scene.NAMESPACE),
    scene.REFERENCE_GRANT: scene.ROUTES,
}


@dataclass(slots=True)
class Wanted:
    """Which kinds are to be read, and the pods of which namespaces; `everywhere`: of all."""

    kinds: set[str] = field(default_factory=set)
    spaces: set[str] = field(default_factory=set)
    everywhere: bool = False

    def want(self, *names: str) -> None:
        self.kinds.update(names)

    @property
    def anything(self) -> bool:
        return bool(self.kinds or self.spaces or self.everywhere)


def wanted_for(intent: PolicyIntent, written: Sequence[Obj], naming: Iterable[Item], locking: Sequence[Obj]) -> Wanted:
    """What to read. `naming`: items that something else may name, and that go or change; `locking`: policies that may
    lock somebody out.
    """
    wanted = Wanted()
    guarding = intent.lockout_guard != "accept"
    if intent.semantic_guard != "accept":
        for obj in written:
            _for_written(wanted, obj, intent.istio_namespace)
        for item in naming:
            _for_names(wanted, item)
    for obj in written if guarding else ():
        kind = kind_of(obj)
        if kind == scene.NETWORK_POLICY and _lets_ports_in(obj):
            wanted.want(kind)
            wanted.spaces.add(namespace_of(obj))
        elif kind == scene.DESTINATION_RULE and disables(obj):
            wanted.want(scene.PEER_AUTHENTICATION, scene.SERVICE)
            wanted.spaces.add(_home(obj))
    if locking:
        wanted.want(scene.AUTHORIZATION, scene.PEER_AUTHENTICATION)
        _pods_of(wanted, scope_of(intent.istio_namespace, locking))
    if wanted.anything:
        wanted.want(scene.NAMESPACE)
    return wanted


def kind_of_item(item: Item) -> str:
    return f"{item.target.kind.group}/{item.target.kind.kind}"


def _for_written(wanted: Wanted, obj: Obj, root: str) -> None:
    kind = kind_of(obj)
    if kind == scene.VIRTUAL_SERVICE:
        wanted.want(*_ROUTING, kind, scene.DESTINATION_RULE, scene.ISTIO_GATEWAY, scene.HTTP_ROUTE)
    elif kind == scene.DESTINATION_RULE:
        wanted.want(*_HOSTS, kind)
        if dig(obj, "spec", "subsets"):
            wanted.spaces.add(_home(obj))
    elif kind in scene.ROUTES:
        wanted.want(*_ROUTING, scene.REFERENCE_GRANT, scene.VIRTUAL_SERVICE)
    elif kind == scene.ISTIO_GATEWAY:
        wanted.everywhere = True
    elif kind in _SELECTING:
        _for_policy(wanted, obj, root)
    elif kind in (*_HOSTS, scene.NAMESPACE) and USE_WAYPOINT in labels_of(obj):
        wanted.want(scene.GATEWAY, scene.GATEWAY_POD)


def _for_policy(wanted: Wanted, obj: Obj, root: str) -> None:
    if targets(obj):
        wanted.want(*_ROUTING)
        return
    if namespace_of(obj) == root:
        wanted.everywhere = True
    else:
        wanted.spaces.add(namespace_of(obj))
    if selector(obj):
        wanted.want(scene.WORKLOAD_ENTRY)
    if kind_of(obj) == scene.TELEMETRY:
        wanted.want(scene.GATEWAY)
    elif kind_of(obj) == scene.AUTHORIZATION:
        # Whether a waypoint stands before its workloads, and who else admits whom.
        wanted.want(scene.AUTHORIZATION, scene.SERVICE, scene.GATEWAY, scene.GATEWAY_POD)


def _for_names(wanted: Wanted, item: Item) -> None:
    """What may name an object that goes, or that changes."""
    kind = kind_of_item(item)
    if kind not in NAMED_BY:
        return
    wanted.want(kind, *NAMED_BY[kind])
    # To say whether a name was right before, all that such objects name has to be known.
    wanted.want(*_ROUTING, scene.DESTINATION_RULE, scene.ISTIO_GATEWAY, scene.VIRTUAL_SERVICE, scene.REFERENCE_GRANT)


def wanted_for_clients(locking: Iterable[Obj]) -> Wanted:
    """What tells who would lose traffic: to be read only where some workload is about to refuse somebody."""
    wanted = Wanted(everywhere=True)
    wanted.want(
        scene.SERVICE,
        scene.DESTINATION_RULE,
        scene.EXCUSED_POD,
        scene.VALIDATING,
        scene.MUTATING,
        scene.INGRESS,
        scene.NETWORK_POLICY,
    )
    if any(kind_of(policy) == scene.AUTHORIZATION for policy in locking):
        wanted.want(scene.VIRTUAL_SERVICE, scene.ISTIO_GATEWAY, scene.GATEWAY, *scene.ROUTES)
    return wanted


def _pods_of(wanted: Wanted, namespaces: set[str] | None) -> None:
    if namespaces is None:
        wanted.everywhere = True
    else:
        wanted.spaces |= namespaces


def _home(rule: Obj) -> str:
    """The namespace of the Service that a DestinationRule is for."""
    parts = str(dig(rule, "spec", "host") or "").split(".")
    return parts[1] if len(parts) > 2 and parts[2] == "svc" else namespace_of(rule)


def _lets_ports_in(policy: Obj) -> bool:
    return any(rule.get("ports") for rule in dig(policy, "spec", "ingress") or ())
