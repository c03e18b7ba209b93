# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of policy: what nobody carries out as written, who goes round it, and what stays open. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from . import sources
from .model import Check, Finding, NotApplicable, counted
from .policy import scene as kinds
from .policy import seen
from .policy.account import account
from .policy.account_groups import enforces
from .policy.account_model import Row
from .policy.account_paths import Paths
from .policy.ambient import http_fields
from .policy.model import Judged, some
from .policy.scene import Scene
from .policy.view import View, action, selector, targets
from .skew import workload_of
from .snapshot import Obj, Snapshot, labels_of, meta, name_of, namespace_of, ref

_CATEGORY = "policy"
_ON_AMBIENT = (
    "http-policy-on-ambient",
    "jwt-on-ambient",
    "custom-on-ambient",
    "client-behind-waypoint",
    "audit-on-ambient",
    "telemetry-on-ambient",
    "filter-on-ambient",
)
# What istiod says of AuthorizationPolicies itself is another check; of these kinds it says nothing.
_UNBOUND = ("target-without-waypoint", "unknown-target")
_POLICIES = seen.sources_of(
    kinds.AUTHORIZATION,
    kinds.REQUEST_AUTHENTICATION,
    kinds.TELEMETRY,
    kinds.ENVOY_FILTER,
    kinds.WASM_PLUGIN,
    kinds.SIDECAR,
    kinds.GATEWAY,
)
_DENY = seen.sources_of(kinds.AUTHORIZATION)
_MTLS = seen.sources_of(kinds.PEER_AUTHENTICATION, kinds.DESTINATION_RULE)
# Gateways come as clients too, by the routes that they have.
_ACCOUNT = seen.sources_of(
    kinds.AUTHORIZATION,
    kinds.REQUEST_AUTHENTICATION,
    kinds.PEER_AUTHENTICATION,
    kinds.WASM_PLUGIN,
    kinds.TRAFFIC_EXTENSION,
    kinds.GATEWAY,
    kinds.SERVICE_ENTRY,
    kinds.VIRTUAL_SERVICE,
    kinds.ISTIO_GATEWAY,
    *kinds.ROUTES,
)


def not_carried_out(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0031."""
    yield from seen.found(snapshot, _ON_AMBIENT, (), keep=lambda one: not _is_http_deny(one))
    yield from _at_waypoints(seen.view_of(snapshot))
    yield from _sidecars(seen.view_of(snapshot))
    yield from seen.found(snapshot, _UNBOUND, _POLICIES, keep=lambda one: one.obj.get("kind") != "AuthorizationPolicy")


def _at_waypoints(view: View) -> Iterator[Finding]:
    """Policies that select a waypoint's own pods."""
    paths = view.once(Paths)
    for kind in (kinds.AUTHORIZATION, kinds.REQUEST_AUTHENTICATION, kinds.WASM_PLUGIN, kinds.TELEMETRY):
        for policy in view.scene.all(kind):
            if not selector(policy) or targets(policy):
                continue
            pods = view.scene.selected(namespace_of(policy), selector(policy))
            names = {labels_of(pod).get(kinds.GATEWAY_NAME, "") for pod in pods if paths.is_waypoint_pod(pod)}
            if names and all(paths.is_waypoint_pod(pod) for pod in pods):
                waypoints = [f"Gateway {namespace_of(pods[0])}/{name}" for name in sorted(names)]
                yield Finding(
                    "warning" if kind == kinds.TELEMETRY else "error",
                    f"{ref(policy)} selects the pods of the waypoint {some(waypoints)}, but a waypoint takes no policy "
                    "by selector: nobody carries it out.",
                    (ref(policy),),
                    (),
                    "Name the Gateway, or the Service before which it stands, in targetRefs.",
                    tuple(waypoints),
                )


def _sidecars(view: View) -> Iterator[Finding]:
    """Sidecars (the kind) for pods that have none: left behind by a move, and harmless."""
    for obj in view.scene.all(kinds.SIDECAR):
        pods = view.scene.selected(namespace_of(obj), selector(obj)) if namespace_of(obj) != view.scene.root else ()
        own = [pod for pod in pods if view.scene.enrolled(pod) != "gateway"]
        if own and all(view.scene.enrolled(pod) == "ambient" for pod in own):
            yield Finding(
                "info",
                f"{ref(obj)} has no effect: all its pods are in ambient mode, and ztunnel takes no Sidecar.",
                (ref(obj),),
                (f"{counted(len(own), 'captured pod')}",),
                f"kubectl -n {namespace_of(obj)} delete sidecars.networking.istio.io {name_of(obj)}",
            )


def http_deny(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0032."""
    yield from seen.found(snapshot, ("http-policy-on-ambient",), _DENY, keep=_is_http_deny)


def _is_http_deny(one: Judged) -> bool:
    return one.rule == "http-policy-on-ambient" and action(one.obj) == "DENY"


def mtls_disabled(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0033."""
    yield from seen.found(snapshot, ("disable-on-ambient", "disable-against-strict"), _MTLS)


# -- who goes round a waypoint -------------------------------------------------------------------------------------


def round_waypoints(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0049."""
    seen.mesh_here(snapshot)
    view = seen.view_of(snapshot)
    open_to: dict[str, list[Row]] = defaultdict(list)
    by: dict[tuple[str, str], tuple[str, ...]] = {}
    rows = account(view)
    for row in rows:
        if row.client == "ambient" and row.verdict == "bound":
            by[(row.policy, row.workload)] = tuple(who for who in row.by if who.startswith("waypoint "))
    for row in rows:
        if row.client == "sidecar" and row.verdict == "gap" and row.present and by.get((row.policy, row.workload)):
            open_to[row.policy].append(row)
    clients = _sidecar_clients(view.scene) if open_to else ""
    for policy, gaps in sorted(open_to.items()):
        waypoints = sorted({who.partition(" (")[0] for row in gaps for who in by[(policy, row.workload)]})
        workloads = tuple(dict.fromkeys(row.workload for row in gaps))
        yield Finding(
            "warning",
            f"{policy} is carried out by {some(waypoints)} alone: clients with a proxy of their own go round it, "
            f"straight to {some(list(workloads), 3)}, and nobody carries the policy out for them.",
            (policy,),
            (clients, f"{counted(len(gaps), 'workload')} without a policy that refuses who does not come by it"),
            "Enroll those clients in ambient mode (meshwright.istio.mesh_enrollment), or refuse what comes past the "
            "waypoint: an AuthorizationPolicy with a selector, action DENY and notPrincipals of the waypoint's service "
            "account (protect: true of meshwright.istio.mesh_enrollment writes it).",
            (*(f"Gateway {one.partition(' ')[2]}" for one in waypoints), *workloads),
        )
    seen.need(snapshot, _ACCOUNT)
    if not open_to and not by:
        raise NotApplicable("no waypoint carries out a policy")


def _sidecar_clients(scene: Scene) -> str:
    found: Counter[str] = Counter()
    gateways = 0
    for namespace, pods in scene.pods.items():
        for pod in pods:
            mode = scene.enrolled(pod)
            found[namespace] += mode == "sidecar"
            gateways += mode == "gateway"
    spaces = [f"{name} ({count})" for name, count in sorted(found.items()) if count]
    told = f"pods with a sidecar: {some(spaces)}" if spaces else "no pod has a sidecar"
    return told if spaces else f"{told}, but {counted(gateways, 'gateway pod')} may route there"


# -- connections that were open before -----------------------------------------------------------------------------


def outlived_denies(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0051."""
    seen.mesh_here(snapshot)
    scene = seen.scene_of(snapshot)
    denies = [policy for policy in scene.all(kinds.AUTHORIZATION) if _cuts_by_selector(policy)]
    changed: list[Obj] = []
    for policy in denies:
        pods = [
            pod
            for pod in scene.selected(namespace_of(policy), selector(policy))
            if scene.enrolled(pod) == "ambient" and meta(pod).get("creationTimestamp")
        ]
        written = str(meta(policy).get("creationTimestamp") or "")
        older = [pod for pod in pods if written and str(meta(pod)["creationTimestamp"]) < written]
        if older:
            yield _outlived(policy, older, written)
        elif pods and isinstance(meta(policy).get("generation"), int) and meta(policy)["generation"] > 1:
            changed.append(policy)
    if changed:
        yield Finding(
            "info",
            f"{ref(changed[0])}{f' and {len(changed) - 1} more' if len(changed) > 1 else ''} "
            f"{'have' if len(changed) > 1 else 'has'} been changed at a time that cannot be read from the object: "
            "connections of captured pods that a change now denies are still served, if they were open before.",
            tuple(map(ref, changed)),
            tuple(f"{ref(policy)} is at generation {meta(policy)['generation']}" for policy in changed),
            _RESTART,
        )
    seen.need(snapshot, _DENY)
    if not denies:
        raise NotApplicable("no AuthorizationPolicy with a selector denies anything")


_RESTART = (
    "Restart the clients, or those workloads: kubectl -n NAMESPACE rollout restart deployment NAME. A DENY for a whole "
    "namespace (without a selector) cuts what is open."
)


def _cuts_by_selector(policy: Obj) -> bool:
    """A DENY that ztunnel carries out for some pods."""
    if action(policy) != "DENY" or not selector(policy) or targets(policy) or not enforces(policy):
        return False
    return bool((policy.get("spec") or {}).get("rules")) and not http_fields(policy)


def _outlived(policy: Obj, older: list[Obj], written: str) -> Finding:
    workloads = tuple(sorted({workload_of(pod) for pod in older}))
    since = min(str(meta(pod)["creationTimestamp"]) for pod in older)
    evidence = [f"written {written}", f"{counted(len(older), 'captured pod')} older than that, since {since}"]
    generation = meta(policy).get("generation")
    if isinstance(generation, int) and generation > 1:
        evidence.append(f"changed since (generation {generation}), at a time that cannot be read from the object")
    return Finding(
        "info",
        f"{ref(policy)} was written after pods of {some(list(workloads), 3)} had started: what it denies is still "
        "served on connections that were open before, since ztunnel does not cut them for a DENY with a selector.",
        (ref(policy),),
        tuple(evidence),
        _RESTART,
        workloads,
    )


CHECKS: tuple[Check, ...] = (
    Check(
        31,
        "Somebody carries out every policy",
        _CATEGORY,
        "error",
        _POLICIES,
        "ztunnel knows nothing of HTTP. An AuthorizationPolicy by selector that ALLOWs by methods, paths, hosts, "
        "headers or tokens is an outage for ambient workloads: ztunnel leaves such rules out, and then nobody is "
        "admitted, those named included (seen on a genuine ztunnel). RequestAuthentication and CUSTOM are holes there: "
        "no token is checked, no authorizer asked. AUDIT, Telemetry, EnvoyFilter and WasmPlugin have no effect. Behind "
        "a waypoint ztunnel sees the waypoint as the client, so a policy by selector that names clients does not mean "
        "them any more. A RequestAuthentication, Telemetry or WasmPlugin with a targetRef that no waypoint stands "
        "before is carried out by nobody, and so is one that selects a waypoint's own pods. What HTTP policy needs is "
        "a waypoint and targetRefs. A Sidecar left in an ambient namespace has no effect either (info).",
        not_carried_out,
        seen.BESIDE,
    ),
    Check(
        32,
        "No DENY on HTTP is without a waypoint",
        _CATEGORY,
        "error",
        _DENY,
        "A DENY by selector that has only fields of HTTP (also with principals beside them) fails open on ambient "
        "workloads: everything stays allowed, while the policy's status says True, with reason UnsupportedValue. With "
        "ports added, ztunnel keeps the ports alone, and cuts them for everybody. Both were seen on a genuine ztunnel.",
        http_deny,
        seen.BESIDE,
    ),
    Check(
        33,
        "Nobody disables mTLS where it is on",
        _CATEGORY,
        "error",
        _MTLS,
        "ztunnel ignores PeerAuthentication DISABLE and goes on encrypting, so what is to speak plain text to such "
        "pods cannot rely on it. A DestinationRule with tls.mode DISABLE tells clients with a sidecar to send plain "
        "text: where a PeerAuthentication is STRICT, all their requests fail. A warning in a mesh without sidecars.",
        mtls_disabled,
        seen.BESIDE,
    ),
    Check(
        49,
        "No client goes round a waypoint that carries out policy",
        _CATEGORY,
        "warning",
        _ACCOUNT,
        "Clients in ambient mode come by the waypoint of the Service that they call. Sidecars, and gateways where the "
        "Service is not labelled istio.io/ingress-use-waypoint, know nothing of waypoints: they go straight to the "
        "pods, and the waypoint's policy does not apply to them (seen on a genuine mesh). Istio does not close this. "
        "Looked at is the enforcement account (docs/enforcement-account.md): policies that a waypoint carries out for "
        "ambient clients, for workloads that refuse nobody who comes past it, in a mesh that has such clients.",
        round_waypoints,
        (sources.OF_KIND[kinds.GATEWAY_CLASS], *seen.BESIDE),
    ),
    Check(
        51,
        "No connection is older than the policy that denies it",
        _CATEGORY,
        "info",
        _DENY,
        "ztunnel does not cut connections that are open when a DENY with a selector comes: seen on a genuine one, kept "
        "connections and the pools of sidecars went on being served; a DENY for the whole namespace did cut them. So "
        "where such a policy is younger than the pods that it is for, clients may still be served what it denies, "
        "until they or the pods restart. Objects tell when a policy was written, not when it was changed: one with a "
        "generation above 1 cannot be dated, and is named apart.",
        outlived_denies,
        seen.BESIDE,
    ),
)
