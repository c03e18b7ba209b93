# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Policy that an ambient mesh does not carry out as written: a hole, an outage, or nothing at all. Pure.

What ztunnel makes of each was seen on a genuine one: see docs/policy-guards.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..snapshot import Obj, dig, namespace_of, ref
from .identities import admits, spares, takes_identity
from .model import Judged, some
from .scene import (
    AUTHORIZATION,
    ENVOY_FILTER,
    GATEWAY,
    GATEWAY_NAME,
    NAMESPACE,
    PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION,
    TELEMETRY,
    WASM_PLUGIN,
    kind_of,
)
from .view import View, action, selector, targets
from .waypoints import target_refs

_HTTP_OPERATIONS = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
_HTTP_SOURCES = ("remoteIpBlocks", "notRemoteIpBlocks", "requestPrincipals", "notRequestPrincipals")
_L4_CONDITIONS = ("source.ip", "source.namespace", "source.principal", "destination.ip", "destination.port")
_MAKE = "Make a waypoint (meshwright.istio.waypoint), and name it or the Service in targetRefs."


def http_fields(policy: Obj) -> list[str]:
    """The fields of an AuthorizationPolicy that only a proxy for HTTP can judge, named as in its rules."""
    found: set[str] = set()
    for rule in dig(policy, "spec", "rules") or ():
        found |= rule_http_fields(rule)
    return sorted(found)


def rule_http_fields(rule: Any) -> set[str]:
    found = set()
    for to in rule.get("to") or ():
        found |= {name for name in _HTTP_OPERATIONS if (to.get("operation") or {}).get(name)}
    for source in rule.get("from") or ():
        found |= {name for name in _HTTP_SOURCES if (source.get("source") or {}).get(name)}
    for when in rule.get("when") or ():
        if when.get("key") not in _L4_CONDITIONS:
            found.add(str(when.get("key")))
    return found


def policy(view: View, obj: Obj) -> Iterator[Judged]:
    """A policy for workloads or for waypoints, of any of the kinds that have either."""
    yield from target_refs(view, obj)
    if targets(obj):
        return
    kind = kind_of(obj)
    if kind == AUTHORIZATION:
        yield from _authorization(view, obj)
    elif kind == REQUEST_AUTHENTICATION and ambient_in_scope(view, obj):
        yield Judged(
            "jwt-on-ambient",
            obj,
            f"would be checked by nobody for {_who(view, obj)}: ztunnel knows no JWT. This is a hole: every request "
            "passes, with or without a token",
            _MAKE,
        )
    elif kind == TELEMETRY and _telemetry_is_lost(view, obj):
        # One without a selector is for waypoints too: of its own namespace, and for the Services in it.
        if selector(obj) or view.scene.waypoint_of(obj) is None:
            yield Judged(
                "telemetry-on-ambient",
                obj,
                f"has no effect on {_who(view, obj)}: ztunnel takes no Telemetry, and a waypoint none with a selector",
                _MAKE,
                "warning",
            )
    elif kind in (ENVOY_FILTER, WASM_PLUGIN):
        yield from _filter(view, obj)
    elif kind == PEER_AUTHENTICATION:
        yield from _disable(view, obj)


def _telemetry_is_lost(view: View, obj: Obj) -> bool:
    """Without a selector it is for the waypoints of its namespace too, in the root namespace for all."""
    scene, namespace = view.scene, namespace_of(obj)
    if namespace == scene.root or not ambient_in_scope(view, obj):
        return False
    if selector(obj):
        return True
    return scene.knows(GATEWAY) and not any(
        namespace_of(gateway) == namespace and scene.is_waypoint(gateway) for gateway in scene.all(GATEWAY)
    )


def _filter(view: View, obj: Obj) -> Iterator[Judged]:
    """What is built into a proxy's filters: ztunnel has none. Without a selector it may be for others beside them."""
    if namespace_of(obj) == view.scene.root or not ambient_in_scope(view, obj):
        return
    patches = dig(obj, "spec", "configPatches") or ()
    if patches and all(dig(patch, "match", "context") == "GATEWAY" for patch in patches):
        return
    yield Judged(
        "filter-on-ambient",
        obj,
        f"has no effect on {_who(view, obj)}: ztunnel takes no filters. What it is to limit or check passes",
        _MAKE,
        "error" if selector(obj) else "warning",
    )


def ambient_in_scope(view: View, obj: Obj) -> list[Obj]:
    """The ambient pods that a selector policy is for; a namespace that has no pods yet stands for those to come."""
    scene, namespace, labels = view.scene, namespace_of(obj), selector(obj)
    if GATEWAY_NAME in labels:
        return []
    pods = scene.selected(namespace, labels)
    if not labels:
        # A gateway alone says nothing of the workloads to come.
        pods = [pod for pod in pods if scene.enrolled(pod) != "gateway"]
    if pods:
        return [pod for pod in pods if scene.meant(pod) == "ambient"]
    if namespace != scene.root and scene.mode(namespace) == "ambient":
        found = scene.get(NAMESPACE, "", namespace)
        return [found] if found is not None else []
    return []


def _who(view: View, obj: Obj) -> str:
    pods = ambient_in_scope(view, obj)
    if pods and pods[0].get("kind") == "Namespace":
        return f"the ambient workloads of namespace {namespace_of(obj)}"
    spaces = sorted({namespace_of(pod) for pod in pods})
    return f"{len(pods)} ambient pod{'' if len(pods) == 1 else 's'} in {some(spaces)}"


# -- AuthorizationPolicy for ztunnel -------------------------------------------------------------------------------


def _authorization(view: View, obj: Obj) -> Iterator[Judged]:
    if not ambient_in_scope(view, obj):
        return
    doing = action(obj)
    if doing == "CUSTOM":
        yield Judged(
            "custom-on-ambient",
            obj,
            f"has action CUSTOM, which ztunnel does not carry out for {_who(view, obj)}. This is a hole: no request is "
            "sent to the external authorizer",
            _MAKE,
        )
        return
    if doing == "AUDIT":
        yield Judged(
            "audit-on-ambient",
            obj,
            f"has action AUDIT, which ztunnel does not carry out for {_who(view, obj)}",
            _MAKE,
            "warning",
        )
        return
    fields = http_fields(obj)
    if fields:
        yield _without_waypoint(view, obj, doing, fields)
    else:
        yield from _behind_waypoint(view, obj, doing)


def _without_waypoint(view: View, obj: Obj, doing: str, fields: list[str]) -> Judged:
    rules = list(dig(obj, "spec", "rules") or ())
    named = f"has fields of HTTP ({some(fields)}), of which ztunnel knows nothing, and is for {_who(view, obj)}"
    if doing == "ALLOW":
        kept = [rule for rule in rules if not rule_http_fields(rule)]
        effect = (
            "This is an outage for whom those rules admit: ztunnel leaves them out, and only the others admit anybody"
            if kept
            else "This is an outage: ztunnel leaves such rules out, and then nobody is admitted, those named included"
        )
    elif any(rule_http_fields(rule) and rule_ports(rule) for rule in rules):
        effect = "This is an outage: ztunnel keeps only the ports of such a DENY, and cuts them for everybody"
    else:
        effect = "This is a hole: seen on a real ztunnel, such a DENY denies nothing, though its status says accepted"
    return Judged(
        "http-policy-on-ambient", obj, f"{named}. {effect}", f"{_MAKE} Or use ports, principals and namespaces only."
    )


def rule_ports(rule: Any) -> bool:
    """Whether a rule is for certain ports only."""
    return any((to.get("operation") or {}).get("ports") for to in rule.get("to") or ()) or any(
        when.get("key") == "destination.port" for when in rule.get("when") or ()
    )


def _behind_waypoint(view: View, obj: Obj, doing: str) -> Iterator[Judged]:
    """Policies by the client's identity, of which ztunnel sees none where traffic comes by a waypoint."""
    if not takes_identity(obj):
        return
    scene = view.scene
    cut: dict[str, list[str]] = {}
    for pod in ambient_in_scope(view, obj):
        for service in scene.services_of(pod):
            waypoint = scene.waypoint_of(service)
            if waypoint is None or scene.waypoint_state(waypoint) in ("absent", "unknown"):
                continue
            if doing == "ALLOW" and any(admits(other, *waypoint) for other in view.allowing(pod)):
                continue
            if doing == "DENY" and spares(obj, *waypoint):
                # It is about those who go round the waypoint.
                continue
            cut.setdefault(str(waypoint), []).append(ref(service))
            break
    for waypoint_name, services in sorted(cut.items()):
        namespace, _slash, name = waypoint_name.partition("/")
        effect = (
            "This is an outage: ztunnel sees the waypoint's identity, not the client's, and admits it not"
            if doing == "ALLOW"
            else "This is a hole: ztunnel sees the waypoint's identity, not the client's, and lets it pass"
        )
        yield Judged(
            "client-behind-waypoint",
            obj,
            f"names clients of {some(sorted(set(services)))}, whose traffic comes by the waypoint {waypoint_name}. "
            f"{effect}",
            f"Put the clients into a policy with targetRefs, and let this one admit the waypoint's service account "
            f"({namespace}/{name})."
            if doing == "ALLOW"
            else "Put it into a policy with targetRefs, which the waypoint carries out.",
            subject=waypoint_name,
        )


def _disable(view: View, obj: Obj) -> Iterator[Judged]:
    spec = obj.get("spec") or {}
    modes = [(spec.get("mtls") or {}).get("mode")]
    modes += [(one or {}).get("mode") for one in (spec.get("portLevelMtls") or {}).values()]
    if "DISABLE" in modes and ambient_in_scope(view, obj):
        yield Judged(
            "disable-on-ambient",
            obj,
            f"says DISABLE for {_who(view, obj)}: ztunnel ignores that and goes on encrypting",
            "Use PERMISSIVE, or take those workloads out of the mesh (istio.io/dataplane-mode: none).",
        )
