# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Whether istiod took an object as it was meant: which conditions it writes on which, and what they say. Pure.

Seen with istiod 1.31: `ZtunnelAccepted` comes on every AuthorizationPolicy without targetRefs, in whatever namespace,
though it only tells of ambient pods; RequestAuthentication, PeerAuthentication, Telemetry, WasmPlugin, EnvoyFilter and
all of networking.istio.io but entries with a waypoint get no condition, with targetRefs or without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..._kube.readiness import condition
from . import gateway_acceptance as gateways
from .verdict import Obj, Surroundings, Verdict, awaited, read

_NETWORKING = "networking.istio.io"
USE_WAYPOINT, USE_WAYPOINT_NAMESPACE = "istio.io/use-waypoint", "istio.io/use-waypoint-namespace"
_BOUND = "istio.io/WaypointBound"
_DRY_RUN = "istio.io/dry-run"


def judge(obj: Obj, around: Surroundings) -> Verdict:
    """What istiod says of the object, as the API server showed it."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    rule = _RULES.get((group, str(obj.get("kind"))))
    return rule(obj, around) if rule else Verdict("nothing", "istiod writes no condition on its kind")


def own_waypoint(obj: Obj, home: str = "") -> str | None:
    """The waypoint that an object's labels name, "namespace/name"; "" for none at all, None when they say nothing.

    `home` is the object's namespace, where it does not say itself.
    """
    meta = obj.get("metadata") or {}
    labels = meta.get("labels") or {}
    name = labels.get(USE_WAYPOINT)
    if name is None:
        return None
    # A Namespace's waypoint is in itself, unless it says otherwise.
    place = labels.get(USE_WAYPOINT_NAMESPACE) or home or meta.get("namespace") or meta.get("name")
    return "" if name in ("", "none") else f"{place}/{name}"


def targets(policy: Obj) -> list[Obj]:
    """The targetRefs of a policy."""
    spec = policy.get("spec") or {}
    single = spec.get("targetRef")
    return [*(spec.get("targetRefs") or ()), *([single] if single else ())]


def _policy(obj: Obj, around: Surroundings) -> Verdict:
    """AuthorizationPolicy."""
    if not around.ambient:
        return Verdict("nothing", "this istiod has no ambient mode, so it writes no condition on it")
    namespace = obj["metadata"]["namespace"]
    refs = targets(obj)
    if not refs and around.known and not around.captured(namespace):
        return Verdict("nothing", "its namespace is not in ambient mode, of which alone istiod writes")
    name = "WaypointAccepted" if refs else "ZtunnelAccepted"
    entry = condition(dict(obj), name)
    if entry is None:
        return awaited(name)
    if not refs:
        if not around.known:
            # It only tells of ambient pods, and which ones the policy is for was not read.
            return Verdict("accepted", f"ztunnel says {entry.get('reason')}: {entry.get('message')}", name)
        if _enforces_nothing(obj) and entry.get("status") != "True":
            return Verdict("nothing", "ztunnel has no part in it", remark=str(entry.get("message")))
        # It follows from the policy alone.
        verdict = read(entry, controller="ztunnel")
        return verdict if verdict.says == "accepted" else replace(verdict, fixed=True)
    return read(entry, passing=_may_bind(entry, refs, namespace, around), controller="waypoint")


def _enforces_nothing(policy: Obj) -> bool:
    """Whether it is only to be watched, so that nobody is worse off where ztunnel cannot do it."""
    annotations = (policy.get("metadata") or {}).get("annotations") or {}
    tried = str(annotations.get(_DRY_RUN, "")).lower() in ("true", "1", "t")
    return tried or (policy.get("spec") or {}).get("action") == "AUDIT"


def _may_bind(entry: Obj, refs: list[Obj], namespace: str, around: Surroundings) -> bool:
    """Whether the targets that are not bound may be once their waypoints run."""
    reason, message = entry.get("reason"), str(entry.get("message"))
    if reason not in ("TargetNotFound", "AncestorNotBound", "PartiallyInvalid", "Invalid"):
        return False
    for ref in refs:
        kind, where = ref.get("kind"), (ref.get("namespace") or namespace, str(ref.get("name")))
        if len(refs) > 1 and f"{kind}.{ref.get('group') or 'core'}:{'/'.join(where)}" not in message:
            continue
        if kind == "Gateway" and where in around.gateways:
            continue
        if kind not in ("Service", "ServiceEntry") or reason == "TargetNotFound" or around.services.get(where) == "":
            return False
    return True


def _bound(obj: Obj, around: Surroundings) -> Verdict:
    """Service, ServiceEntry, WorkloadEntry: bound to the waypoint that their own label names."""
    waypoint = own_waypoint(obj)
    spec = obj.get("spec") or {}
    if not around.ambient or not waypoint or spec.get("type") == "ExternalName":
        return Verdict("nothing", "it names no waypoint, so that istiod writes no condition on it")
    found = [one for one in (obj.get("status") or {}).get("conditions") or () if one.get("type") == _BOUND]
    # It says nothing of a generation: until it names this waypoint it is of another.
    if not found or (waypoint not in str(found[0].get("message")) and "waypoint" in str(found[0].get("message"))):
        return awaited(_BOUND)
    if found[0].get("status") == "True":
        remark = str(found[0]["message"]) if "Canary waypoint not attached" in str(found[0].get("message")) else ""
        words = f"bound to waypoint {waypoint}"
        return Verdict("accepted", words, _BOUND, str(found[0].get("reason")), controller="istiod", remark=remark)
    return read(found[0], controller="istiod")


_RULES: Mapping[tuple[str, str], Callable[[Obj, Surroundings], Verdict]] = {
    ("security.istio.io", "AuthorizationPolicy"): _policy,
    **{
        (gateways.GATEWAY_API, name): gateways.route
        for name in ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")
    },
    (gateways.GATEWAY_API, "Gateway"): gateways.gateway,
    (gateways.GATEWAY_API, "ListenerSet"): gateways.listener_set,
    (gateways.GATEWAY_API, "GatewayClass"): gateways.gateway_class,
    (gateways.GATEWAY_API, "BackendTLSPolicy"): gateways.backend_policy,
    ("", "Service"): _bound,
    (_NETWORKING, "ServiceEntry"): _bound,
    (_NETWORKING, "WorkloadEntry"): _bound,
}
