# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Policy, routing and NetworkPolicies that a namespace's move to ambient mode would undo or turn against it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..._checks import selectors
from ..._checks.policy.ambient import http_fields
from ..._checks.policy.hbone import blocking, lets_hbone
from ..._checks.policy.hosts import service_of
from ..._checks.policy.model import some
from ..._checks.policy.scene import (
    AUTHORIZATION,
    ENVOY_FILTER,
    GRPC_ROUTE,
    HTTP_ROUTE,
    NETWORK_POLICY,
    PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION,
    SERVICE,
    kind_of,
)
from ..._checks.policy.view import View, action, parents, selector, targets
from ..._checks.skew import workload_of
from ..._checks.snapshot import Obj, dig, labels_of, name_of, namespace_of, ref
from .blocker import Blocker
from .blockers_sight import Sight
from .blockers_table import blocked
from .move import Move

_TUNNEL, _SPEAKS = "networking.istio.io/tunnel", "http"
_DNS = (53, "dns", "dns-tcp")


def envoy_filters(sight: Sight, move: Move) -> Iterator[Blocker]:
    """Of the namespace, and those of the root namespace that choose workloads; not those for gateways."""
    for obj in sight.around(ENVOY_FILTER, move.namespace):
        elsewhere = namespace_of(obj) != move.namespace
        if targets(obj) or _for_gateways(obj) or (elsewhere and not selector(obj)):
            continue
        if chosen := _chosen(sight, move.namespace, obj):
            message = f"it is for {_told(chosen, move.namespace)}, and neither ztunnel nor a waypoint takes it"
            yield blocked("envoy-filter", move.namespace, ref(obj), message)


def mtls_disabled(sight: Sight, move: Move) -> Iterator[Blocker]:
    """What is in force: a policy of the namespace goes before one of the whole mesh."""
    own = [obj for obj in sight.of(PEER_AUTHENTICATION, move.namespace) if not selector(obj)]
    for obj in sight.around(PEER_AUTHENTICATION, move.namespace):
        if not _disables(obj):
            continue
        above = namespace_of(obj) != move.namespace
        if above and (selector(obj) or any(_mode(one) != "UNSET" for one in own)):
            continue
        if not selector(obj):
            message = f"it says DISABLE for namespace {move.namespace}, which ztunnel does not heed"
            yield blocked("mtls-disable", move.namespace, ref(obj), message)
        elif chosen := _chosen(sight, move.namespace, obj):
            message = f"it says DISABLE for {_told(chosen, move.namespace)}, which ztunnel does not heed"
            yield blocked("mtls-disable", move.namespace, ref(obj), message)


def l7_policies(sight: Sight, move: Move) -> Iterator[Blocker]:
    """Those for workloads that ztunnel would carry out wrongly; a waypoint takes none that has a selector."""
    if sight.translated:
        return
    for kind in (AUTHORIZATION, REQUEST_AUTHENTICATION):
        for obj in sight.around(kind, move.namespace):
            if targets(obj) or not (problem := _beyond_ztunnel(obj)):
                continue
            if chosen := _chosen(sight, move.namespace, obj):
                who = _told(chosen, move.namespace)
                message = f"it {problem}, is for {who}, and ztunnel would carry it out wrongly or not at all"
                yield blocked("l7-selector-policy", move.namespace, ref(obj), message)


def old_sidecars(sight: Sight, move: Move) -> Iterator[Blocker]:
    """STRICT here, and proxies elsewhere that know no HBONE; those of the moves' own namespaces are restarted."""
    elsewhere = sorted({name for space, name in sight.view.once(_without_hbone) if space not in sight.joining})
    if not elsewhere:
        return
    for pods in sight.pods(move.namespace).values():
        refusal = sight.refusals.of(pods[0])
        if refusal is not None:
            yield blocked(
                "strict-and-old-sidecars",
                move.namespace,
                f"Namespace {move.namespace}",
                f"{ref(refusal.cause)} is STRICT, and the proxies of {some(elsewhere)} speak no HBONE: they would be "
                "refused",
            )
            return


def leaving(sight: Sight, move: Move) -> Iterator[Blocker]:
    """STRICT for the whole mesh, which lets nobody in from outside it."""
    policy = sight.refusals.mesh
    if move.now.mode != "none" and policy is not None and _mode(policy) == "STRICT":
        message = f"{ref(policy)} is STRICT for the whole mesh, which refuses clients outside it"
        yield blocked("strict-mesh", move.namespace, f"Namespace {move.namespace}", message)


def network_policies(sight: Sight, move: Move) -> Iterator[Blocker]:
    """NetworkPolicies that let some ports in or out, but not 15008; one that lets nothing in means that."""
    policies = sight.of(NETWORK_POLICY, move.namespace)
    if not policies:
        return
    found: dict[str, str] = {}
    for pods in sight.pods(move.namespace).values():
        pod = pods[0]
        mine = [policy for policy in policies if selectors.matches(dig(policy, "spec", "podSelector"), labels_of(pod))]
        if any(dig(policy, "spec", "ingress") for policy in mine) and (policy := blocking(sight.view, pod)) is not None:
            opening = next((one for one in mine if dig(one, "spec", "ingress")), policy)
            found.setdefault(ref(opening), f"it lets ports in to {workload_of(pod)}, but not 15008")
        if (policy := _keeping_in(mine)) is not None:
            found.setdefault(ref(policy), f"it lets {workload_of(pod)} reach some ports, but not 15008")
    for name, message in sorted(found.items()):
        yield blocked("network-policy", move.namespace, name, f"{message}, by which all traffic of the mesh goes")


def routing(sight: Sight, move: Move) -> Iterator[Blocker]:
    """Routes on the mesh for Services that would have no waypoint."""
    if sight.waypoint(move):
        return
    # Only what a Service itself is labelled with counts then.
    bare = {
        name_of(service) for service in sight.of(SERVICE, move.namespace) if sight.scene.waypoint_label(service) is None
    }
    for obj, name in sight.view.once(_routes).get(move.namespace, ()):
        if name in bare:
            yield blocked(
                "routing-without-waypoint",
                move.namespace,
                ref(obj),
                f"it routes for Service {move.namespace}/{name}, which would have no waypoint: ztunnel does not route",
            )


# -- whom a policy is for ------------------------------------------------------------------------------------------


def _chosen(sight: Sight, namespace: str, obj: Obj) -> list[str]:
    """The namespace's workloads that a policy is for; the namespace itself where it has none and it is for all."""
    labels = selector(obj)
    groups = sight.pods(namespace)
    found = [
        workload_of(pods[0])
        for pods in groups.values()
        if any(all(labels_of(pod).get(key) == value for key, value in labels.items()) for pod in pods)
    ]
    return sorted(found) if groups or labels else [f"Namespace {namespace}"]


def _told(chosen: Sequence[str], namespace: str) -> str:
    return some(list(chosen), 3) if len(chosen) < 10 else f"{len(chosen)} workloads of {namespace}"


def _for_gateways(obj: Obj) -> bool:
    patches = dig(obj, "spec", "configPatches") or ()
    return bool(patches) and all(dig(patch, "match", "context") == "GATEWAY" for patch in patches)


def _mode(obj: Obj) -> str:
    return str(dig(obj, "spec", "mtls", "mode") or "UNSET")


def _disables(obj: Obj) -> bool:
    ports = (dig(obj, "spec", "portLevelMtls") or {}).values()
    return "DISABLE" in (_mode(obj), *((port or {}).get("mode") for port in ports))


def _beyond_ztunnel(obj: Obj) -> str:
    """What of a policy ztunnel cannot carry out, in words. AUDIT changes nothing for anybody."""
    if kind_of(obj) == REQUEST_AUTHENTICATION:
        return "checks tokens"
    if action(obj) == "CUSTOM":
        return "has action CUSTOM"
    fields = http_fields(obj) if action(obj) != "AUDIT" else []
    return f"has fields of HTTP ({some(fields)})" if fields else ""


def _without_hbone(view: View) -> frozenset[tuple[str, str]]:
    """(namespace, workload) of sidecars that were injected before HBONE was there."""
    return frozenset(
        (namespace_of(pod), workload_of(pod))
        for pods in view.scene.pods.values()
        for pod in pods
        if view.scene.enrolled(pod) == "sidecar" and labels_of(pod).get(_TUNNEL) != _SPEAKS
    )


def _keeping_in(mine: Sequence[Obj]) -> Obj | None:
    """A NetworkPolicy for outgoing traffic, where all that are let some ports out, DNS aside, but not 15008."""
    limiting = [
        one for one in mine if "Egress" in (dig(one, "spec", "policyTypes") or ()) or dig(one, "spec", "egress")
    ]
    rules: list[tuple[Obj, Any]] = [(one, rule) for one in limiting for rule in dig(one, "spec", "egress") or ()]
    if any(lets_hbone(rule) for _policy, rule in rules):
        return None
    for policy, rule in rules:
        if any(port.get("port") not in _DNS for port in rule.get("ports") or ()):
            return policy
    return None


def _routes(view: View) -> dict[str, list[tuple[Obj, str]]]:
    """By namespace, what routes HTTP on the mesh for which of its Services."""
    found: dict[str, list[tuple[Obj, str]]] = {}
    for host, services in view.on_mesh.items():
        if named := service_of(host):
            routed = found.setdefault(named[0], [])
            routed += [(obj, named[1]) for obj in services if dig(obj, "spec", "http")]
    for kind in (HTTP_ROUTE, GRPC_ROUTE):
        for obj in view.scene.all(kind):
            for parent in parents(obj):
                if parent[0] == SERVICE:
                    found.setdefault(parent[1], []).append((obj, parent[2]))
    return found
