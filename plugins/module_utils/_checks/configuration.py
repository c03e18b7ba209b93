# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of configuration as such: selectors, names of ports, and what istiod would refuse. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress

from . import mesh
from .model import Check, Finding, NotApplicable, counted
from .policy import scene as kinds
from .policy import seen
from .policy.clashing import both, same_pods, shown
from .policy.model import some
from .policy.ports import is_declared
from .policy.scene import Scene
from .policy.schema import VALIDATED, refused
from .policy.view import View, action, selector, targets
from .skew import workload_of
from .snapshot import Obj, Snapshot, Undecided, dig, labels_of, namespace_of, ref

_SELECTORS = seen.sources_of(
    kinds.AUTHORIZATION,
    kinds.PEER_AUTHENTICATION,
    kinds.REQUEST_AUTHENTICATION,
    kinds.TELEMETRY,
    kinds.WASM_PLUGIN,
    kinds.ENVOY_FILTER,
    kinds.SIDECAR,
    kinds.ISTIO_GATEWAY,
    kinds.SERVICE_ENTRY,
    kinds.WORKLOAD_ENTRY,
)
_PORTS = seen.GROUND
_VALIDATED = ("istiods", *(seen.SOURCE_OF[kind] for kind in VALIDATED))
_MANAGED = "gateway.istio.io/managed"
# Of the platform and of Istio itself: nobody here can name their ports otherwise.
_INFRASTRUCTURE = ("kube-", "openshift-")
_SCHEMA = "IST0106"


# -- selectors -----------------------------------------------------------------------------------------------------


def selectors(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0052."""
    seen.mesh_here(snapshot)
    view = seen.view_of(snapshot)
    yield from _outside(view)
    yield from _entries(view.scene)
    yield from _namespaces(snapshot, view.scene)
    for kind in (kinds.SIDECAR, kinds.TELEMETRY):
        for same in same_pods(view, kind):
            what = "the whole namespace" if same.pod is None else f"{ref(same.pod)}, and others perhaps"
            yield Finding(
                "warning",
                f"{both(same.objects)} are for the same: {what}. A workload takes only one of them, the oldest.",
                tuple(map(ref, same.objects)),
                (),
                "Put them into one, or let their selectors tell the workloads apart.",
                (ref(same.pod),) if same.pod is not None else (),
            )
    yield from seen.found(snapshot, ("selects-nothing",), _SELECTORS)


def _outside(view: View) -> Iterator[Finding]:
    """Policies that are for pods of which none is in the mesh: there is nobody who could carry them out."""
    scene = view.scene
    for kind in (kinds.AUTHORIZATION, kinds.REQUEST_AUTHENTICATION, kinds.PEER_AUTHENTICATION):
        for policy in scene.all(kind):
            home = namespace_of(policy)
            # A policy of the root namespace is for pods everywhere.
            if (
                not selector(policy)
                or targets(policy)
                or not scene.knows(kinds.POD, "" if home == scene.root else home)
            ):
                continue
            pods = scene.selected(home, selector(policy))
            modes = {scene.meant(pod) for pod in pods}
            if modes == {"none"} and not all(scene.excused(pod) for pod in pods):
                hole = kind == kinds.AUTHORIZATION and action(policy) in ("ALLOW", "DENY", "CUSTOM")
                yield Finding(
                    "warning",
                    f"{ref(policy)} is for {counted(len(pods), 'pod')} without a proxy and not captured: nobody "
                    f"carries it out{', so they take all requests' if hole else ''}.",
                    (ref(policy),),
                    (f"selects {shown(selector(policy))}",),
                    "Enroll their namespace (meshwright.istio.mesh_enrollment), or restart pods that started before.",
                    tuple(sorted({workload_of(pod) for pod in pods})),
                )


def _entries(scene: Scene) -> Iterator[Finding]:
    """ServiceEntries that select workloads: of their own namespace."""
    for entry in scene.all(kinds.SERVICE_ENTRY):
        chosen, home = dig(entry, "spec", "workloadSelector", "labels") or {}, namespace_of(entry)
        if not chosen or not scene.knows(kinds.POD, home) or not scene.knows(kinds.WORKLOAD_ENTRY, home):
            continue
        if scene.selected(home, chosen) if home != scene.root else _among(scene.pods.get(home, []), chosen):
            continue
        if not any(namespace_of(one) == home and _has(one, chosen) for one in scene.all(kinds.WORKLOAD_ENTRY)):
            yield Finding(
                "warning",
                f"{ref(entry)} selects {shown(chosen)}, which no pod and no WorkloadEntry of namespace {home} has: its "
                "hosts have no endpoint, and requests to them get 503.",
                (ref(entry),),
                (f"hosts {some([str(host) for host in dig(entry, 'spec', 'hosts') or ()])}",),
                "Correct the selector, or deploy the workload.",
            )


def _namespaces(snapshot: Snapshot, scene: Scene) -> Iterator[Finding]:
    """Clients' namespaces that do not exist here."""
    if not scene.knows(kinds.NAMESPACE) or seen.multicluster(snapshot):
        return
    for policy in scene.all(kinds.AUTHORIZATION):
        named = {
            str(name)
            for rule in dig(policy, "spec", "rules") or ()
            for entry in rule.get("from") or ()
            for key in ("namespaces", "notNamespaces")
            for name in (entry.get("source") or {}).get(key) or ()
        }
        lost = sorted(name for name in named if "*" not in name and name not in scene.namespaces)
        if lost:
            yield Finding(
                "info",
                f"{ref(policy)} names clients of namespace {some(lost)}, which does not exist: this is for nobody.",
                (ref(policy),),
                (),
                "Correct the name, or take it out.",
            )


def _among(pods: list[Obj], chosen: Mapping[str, str]) -> bool:
    return any(all(labels_of(pod).get(key) == value for key, value in chosen.items()) for pod in pods)


def _has(entry: Obj, chosen: Mapping[str, str]) -> bool:
    own = {**labels_of(entry), **(dig(entry, "spec", "labels") or {})}
    return all(own.get(key) == value for key, value in chosen.items())


# -- port names ----------------------------------------------------------------------------------------------------


def port_names(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0053."""
    seen.mesh_here(snapshot)
    scene = seen.scene_of(snapshot)
    own = {scene.root}
    with suppress(Undecided):
        own |= {plane.namespace for plane in mesh.control_planes(snapshot)}
    spaces: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for service in scene.all(kinds.SERVICE):
        namespace = namespace_of(service)
        if namespace in own or namespace.startswith(_INFRASTRUCTURE) or _MANAGED in labels_of(service):
            continue
        guessed = _guessed(service)
        if guessed and _in_mesh(scene, service):
            spaces[namespace][ref(service)] = guessed
    for namespace, services in sorted(spaces.items()):
        names = sorted(services)
        who = names[0] if len(names) == 1 else f"Namespace {namespace} has {len(names)} Services that"
        yield Finding(
            "info",
            f"{who} {'has' if len(names) == 1 else 'have'} ports whose protocol neither name nor appProtocol tells: "
            "proxies listen to find out, and what they do not know is plain TCP, without routes, retries and metrics "
            "of HTTP.",
            tuple(names),
            tuple(f"{name}: {some(services[name])}" for name in names),
            "Name the ports PROTOCOL or PROTOCOL-SUFFIX (http-web, grpc, tcp-sql), or set appProtocol.",
        )
    seen.need(snapshot, _PORTS)


def _guessed(service: Obj) -> list[str]:
    """The ports of a Service whose protocol has to be guessed, as `web (80)`."""
    external = dig(service, "spec", "type") == "ExternalName"
    return [
        f"{port.get('name') or 'no name'} ({port.get('port')})"
        for port in dig(service, "spec", "ports") or ()
        if not is_declared(port) or (external and port.get("name") == "tcp")
    ]


def _in_mesh(scene: Scene, service: Obj) -> bool:
    """Whether pods of the mesh are behind a Service, or it has none and its namespace is in the mesh."""
    chosen, namespace = dig(service, "spec", "selector") or {}, namespace_of(service)
    pods = _of(scene, namespace, chosen) if chosen else []
    if pods:
        return any(scene.meant(pod) != "none" for pod in pods)
    return scene.mode(namespace) != "none"


def _of(scene: Scene, namespace: str, chosen: Mapping[str, str]) -> list[Obj]:
    return [pod for pod in scene.selected(namespace, chosen) if namespace_of(pod) == namespace]


# -- what istiod would refuse --------------------------------------------------------------------------------------


def validated(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0054."""
    seen.mesh_here(snapshot)
    scene = seen.scene_of(snapshot)
    looked = False
    for kind in VALIDATED:
        for obj in scene.all(kind):
            looked = True
            reasons = list(dict.fromkeys(refused(obj)))
            told = _messages(obj)
            if reasons or any(code == _SCHEMA and level == "ERROR" for code, level in told):
                why = reasons[0] if reasons else f"its analysis says {_SCHEMA}"
                yield Finding(
                    "error",
                    f"{ref(obj)} would be refused by istiod: {why}. It came in while nobody validated, and what "
                    "proxies make of it is not told.",
                    (ref(obj),),
                    tuple(reasons[1:]),
                    "Correct it; and see that istiod's validating webhook answers and fails closed (MW0017, MW0019).",
                )
            for code, level in told:
                if code != _SCHEMA:
                    yield Finding(
                        "info",
                        f"{ref(obj)} has a message of istiod's own analysis in its status: {code} ({level.lower()}).",
                        (ref(obj),),
                        (),
                        f"istioctl analyze -n {namespace_of(obj)} tells it in words.",
                    )
    seen.need(snapshot, _VALIDATED)
    if not looked:
        raise NotApplicable("there is no configuration of Istio")


def _messages(obj: Obj) -> list[tuple[str, str]]:
    """What istiod wrote into the object's status, as (code, level), each once."""
    found = [
        (str(dig(one, "type", "code") or ""), str(one.get("level") or ""))
        for one in dig(obj, "status", "validationMessages") or ()
    ]
    return list(dict.fromkeys(one for one in found if one[0]))


CHECKS: tuple[Check, ...] = (
    Check(
        52,
        "Selectors select workloads that are there, each by one",
        "policy",
        "warning",
        _SELECTORS,
        "A policy, Sidecar, EnvoyFilter, Gateway or ServiceEntry whose selector no workload has does nothing until one "
        "has. Where nothing runs in the namespace yet, policy may well come first, and is not told. A policy for pods "
        "of which none is in the mesh is carried out by nobody. Of Sidecars and Telemetries a workload takes one: "
        "several for the same get into each other's way. "
        "Namespaces of clients that do not exist are told as info.",
        selectors,
        seen.BESIDE,
    ),
    Check(
        53,
        "Ports of Services tell their protocol",
        "routing",
        "info",
        _PORTS,
        "Istio takes the protocol of a Service's port from appProtocol, else from the port's name up to the first "
        "dash. Where neither tells, proxies listen to what is sent, which costs the first bytes and fails where the "
        "server speaks first; what they do not know is plain TCP. Looked at are Services with pods in the mesh, not "
        "those of Istio, of kube-* and openshift-*.",
        port_names,
        seen.BESIDE,
    ),
    Check(
        54,
        "Configuration is valid",
        "policy",
        "error",
        _VALIDATED,
        "istiod's webhook refuses configuration that makes no sense, while it answers: what came in while it was away, "
        "or under failurePolicy Ignore, stays. Looked for is the common part of istiod's validation of "
        "VirtualServices, DestinationRules, Gateways, ServiceEntries, Sidecars, AuthorizationPolicies, "
        "PeerAuthentications and RequestAuthentications: hosts, ports, weights, what a route has to say, selectors, "
        "targetRefs, rules. Not covered: headers, regular expressions, durations, load balancing and connection pools, "
        "TLS settings, JWT rules, WasmPlugins, EnvoyFilters and Telemetries; istioctl analyze has all of it. Where "
        "istiod runs with PILOT_ENABLE_ANALYSIS, what it wrote into the status is told too.",
        validated,
        seen.BESIDE,
    ),
)
