# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Judging one object of a scene by all rules for its kind, or only by what it names. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..snapshot import Obj, dig, labels_of, namespace_of
from .ambient import policy
from .clients import disabled, disables
from .hbone import network_policy
from .hosts import full, service_of
from .model import Judged
from .mtls import Refusals
from .routes import attached, route, route_refs
from .scene import (
    AUTHORIZATION,
    DESTINATION_RULE,
    ENVOY_FILTER,
    GATEWAY,
    ISTIO_GATEWAY,
    NAMESPACE,
    NETWORK_POLICY,
    PEER_AUTHENTICATION,
    POD,
    REQUEST_AUTHENTICATION,
    ROUTES,
    SERVICE,
    SERVICE_ENTRY,
    SIDECAR,
    TELEMETRY,
    VIRTUAL_SERVICE,
    WASM_PLUGIN,
    WORKLOAD_ENTRY,
    kind_of,
)
from .subsets import destination_rule, destination_rule_refs
from .traffic import virtual_service, virtual_service_refs
from .view import View, is_on_mesh, mesh_hosts, parents, selector, targets
from .waypoints import labelled, routed, target_refs

Judge = Callable[[View, Obj], Iterator[Judged]]

_POLICIES = (AUTHORIZATION, REQUEST_AUTHENTICATION, TELEMETRY, WASM_PLUGIN, ENVOY_FILTER, PEER_AUTHENTICATION)
_SELECTING = (*_POLICIES, SIDECAR)


def judge(view: View, obj: Obj) -> Iterator[Judged]:
    """All that is wrong with one object, in the state that the view shows. Kinds without rules pass."""
    kind = kind_of(obj)
    if kind == VIRTUAL_SERVICE:
        yield from virtual_service(view, obj)
        if is_on_mesh(obj):
            yield from routed(view, obj, _services(obj), elsewhere=len(dig(obj, "spec", "gateways") or ()) > 1)
    elif kind == DESTINATION_RULE:
        yield from destination_rule(view, obj)
        yield from _against_strict(view, obj)
    elif kind in ROUTES:
        yield from route(view, obj)
        yield from routed(view, obj, attached(obj), elsewhere=any(one[0] == GATEWAY for one in parents(obj)))
    elif kind in _POLICIES:
        yield from policy(view, obj)
    elif kind in (SERVICE, SERVICE_ENTRY, NAMESPACE):
        yield from labelled(view, obj)
    if kind in _SELECTING and not targets(obj):
        yield from _selects(view, obj)
    elif kind == ISTIO_GATEWAY:
        yield from _gateway_selects(view, obj)
    elif kind == NETWORK_POLICY:
        yield from network_policy(view, obj)


def references(view: View, obj: Obj) -> Iterator[Judged]:
    """Only what the object names: for those that stay as they are while others go."""
    kind = kind_of(obj)
    if kind == VIRTUAL_SERVICE:
        yield from virtual_service_refs(view, obj)
    elif kind == DESTINATION_RULE:
        yield from destination_rule_refs(view, obj)
    elif kind in ROUTES:
        yield from route_refs(view, obj)
    elif kind in _POLICIES:
        yield from target_refs(view, obj)
    elif kind in (SERVICE, SERVICE_ENTRY, NAMESPACE):
        yield from labelled(view, obj)


JUDGED = (
    NAMESPACE,
    SERVICE,
    SERVICE_ENTRY,
    VIRTUAL_SERVICE,
    DESTINATION_RULE,
    ISTIO_GATEWAY,
    *ROUTES,
    *_SELECTING,
    NETWORK_POLICY,
)

REFERRING = (VIRTUAL_SERVICE, DESTINATION_RULE, *ROUTES, *_POLICIES, SERVICE, SERVICE_ENTRY, NAMESPACE)


def _services(obj: Obj) -> list[tuple[str, str]]:
    return [named for host in mesh_hosts(obj) if (named := service_of(host))]


def _selects(view: View, obj: Obj) -> Iterator[Judged]:
    chosen, namespace = selector(obj), namespace_of(obj)
    scene = view.scene
    if not chosen or not scene.knows(POD, namespace) or scene.selected(namespace, chosen):
        return
    if not scene.selected(namespace, {}):
        # Where nothing runs yet, policy may well come first.
        return
    everywhere = namespace == scene.root
    if everywhere and not scene.knows(POD):
        return
    if not scene.knows(WORKLOAD_ENTRY, "" if everywhere else namespace):
        # It may be for machines that could not be read.
        return
    for entry in scene.all(WORKLOAD_ENTRY):
        own = {**labels_of(entry), **(dig(entry, "spec", "labels") or {})}
        if (everywhere or namespace_of(entry) == namespace) and all(own.get(k) == v for k, v in chosen.items()):
            return
    yield _nothing(obj, chosen, "the mesh" if everywhere else f"namespace {namespace}")


def _gateway_selects(view: View, obj: Obj) -> Iterator[Judged]:
    chosen = dig(obj, "spec", "selector") or {}
    if not chosen or not view.scene.knows(POD) or view.scene.selected(view.scene.root, chosen):
        return
    yield _nothing(obj, chosen, "the cluster")


def _nothing(obj: Obj, chosen: dict[str, str], where: str) -> Judged:
    labels = ", ".join(f"{key}={value}" for key, value in sorted(chosen.items()))
    return Judged(
        "selects-nothing",
        obj,
        f"selects {labels}, which no workload of {where} has: it has no effect until one has",
        "Correct the selector, or deploy the workload.",
        "warning",
        subject=labels,
    )


def _against_strict(view: View, obj: Obj) -> Iterator[Judged]:
    """A DestinationRule that sends plain text to workloads that refuse it."""
    if not disables(obj):
        return
    named = service_of(full(str(dig(obj, "spec", "host") or ""), namespace_of(obj)))
    service = view.scene.get(SERVICE, *named) if named else None
    if service is None:
        return
    refusals = view.once(Refusals)
    for pod in view.scene.selected(named[0], dig(service, "spec", "selector") or {"": ""}) if named else ():
        if view.scene.enrolled(pod) in ("sidecar", "ambient"):
            refusal = refusals.of(pod)
            if refusal is not None and refusal.ports is None:
                yield disabled(view, obj, obj, refusal.cause)
                return
