# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Check of Istio's Gateways of the Gateway API: waypoints, ingress and east-west gateways, and the pods behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from . import mesh, sources
from .members import gateway_of, gateways_of
from .model import Check, Finding, NotApplicable, counted
from .policy import scene as kinds
from .policy.scene import Scene, Waypoint
from .policy.seen import mesh_here, need, scene_of, sources_of
from .snapshot import Obj, Snapshot, dig, meta, name_of, namespace_of, ref

_UNMANAGED = "istio.io/unmanaged-gateway"
_USERS = (kinds.NAMESPACE, kinds.SERVICE, kinds.SERVICE_ENTRY, kinds.WORKLOAD_ENTRY, kinds.POD)


def gateways(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0026."""
    mesh_here(snapshot)
    scene = scene_of(snapshot)
    classes = {name_of(item): str(dig(item, "spec", "controllerName")) for item in snapshot.items(_CLASSES)}
    found = gateways_of(snapshot)
    if not found:
        raise NotApplicable("there is no Gateway of a class of Istio")
    pods: dict[str, list[Obj]] = defaultdict(list)
    for pod in snapshot.items(sources.PODS):
        # those that are over are no pods behind it, and those that go serve no new connections
        if gateway_of(pod) and dig(pod, "status", "phase") not in ("Succeeded", "Failed"):
            pods[gateway_of(pod)].append(pod)
    for gateway in found:
        yield from _conditions(scene, gateway)
        if _controller(gateway, classes) != _UNMANAGED and not _by_hand(gateway):
            yield from _pods(snapshot, scene, gateway, pods.get(_key(gateway), []))
    need(snapshot, CHECKS[0].sources)


def _controller(gateway: Obj, classes: dict[str, str]) -> str:
    return classes.get(str(dig(gateway, "spec", "gatewayClassName")), "")


def _key(gateway: Obj) -> str:
    return f"{namespace_of(gateway)}/{name_of(gateway)}"


def _by_hand(gateway: Obj) -> bool:
    """Whether it stands for a Service that somebody else deploys: then its pods carry no label of it."""
    return any(one.get("type") == "Hostname" for one in dig(gateway, "spec", "addresses") or ())


def _conditions(scene: Scene, gateway: Obj) -> Iterator[Finding]:
    conditions = {item.get("type"): item for item in dig(gateway, "status", "conditions") or ()}
    generation = meta(gateway).get("generation")
    waypoint = scene.is_waypoint(gateway)
    for name in ("Accepted", "Programmed"):
        state = conditions.get(name, {})
        if state.get("status") != "True":
            has_address = bool(dig(gateway, "status", "addresses"))
            if waypoint:
                effect = (
                    "what uses it still goes by it, as it was last programmed."
                    if has_address
                    else "until it is, it fails open: traffic of whatever uses it goes straight, unchecked by it."
                )
            else:
                effect = "what it was last programmed with goes on." if has_address else "nothing comes in by it."
            said = str(state.get("message") or "istiod has not said a word about it").rstrip(".")
            yield Finding(
                "error",
                f"{_named(gateway, waypoint)} is not {name.lower()} ({said}): {effect}",
                (ref(gateway),),
                (
                    f"{name} is {state.get('status', 'not there')}, reason {state.get('reason', 'none')}",
                    f"class {dig(gateway, 'spec', 'gatewayClassName')}",
                ),
                f"kubectl -n {namespace_of(gateway)} describe gateway.gateway.networking.k8s.io {name_of(gateway)}; "
                "where no istiod has taken it, see its label istio.io/rev (MW0021), and whether istiod sees the "
                "namespace (MW0015).",
            )
            return
    behind = [
        name
        for name in ("Accepted", "Programmed")
        if _number(conditions[name].get("observedGeneration")) < _number(generation)
    ]
    if behind:
        yield Finding(
            "warning",
            f"{_named(gateway, waypoint)} was changed since istiod looked at it: its state is that of an older "
            "generation, and it serves as it was then.",
            (ref(gateway),),
            tuple(
                f"{name}: observed generation {conditions[name].get('observedGeneration')} of {generation}"
                for name in behind
            ),
            "Look again in a moment; if it stays, see whether an istiod is up and its log.",
        )


def _pods(snapshot: Snapshot, scene: Scene, gateway: Obj, pods: list[Obj]) -> Iterator[Finding]:
    if not dig(gateway, "status", "addresses") and not pods:
        # not programmed yet, which was told
        return
    if not pods and not snapshot.knows(sources.PODS, namespace_of(gateway)):
        return
    trouble = {ref(pod): why for pod in pods if (why := mesh.pod_trouble(pod))}
    ready = len(pods) - len(trouble)
    if ready == len(pods) and pods:
        return
    waypoint = scene.is_waypoint(gateway)
    named = _named(gateway, waypoint)
    evidence = (
        f"{ready} of {counted(len(pods), 'pod')} ready",
        *(f"{pod} {why}" for pod, why in sorted(trouble.items())),
    )
    remedy = f"kubectl -n {namespace_of(gateway)} get deployments,pods -l {kinds.GATEWAY_NAME}={name_of(gateway)}"
    if ready:
        yield Finding(
            "warning",
            f"{named} has {counted(len(trouble), 'pod')} that {'is' if len(trouble) == 1 else 'are'} not ready; the "
            "others carry its traffic.",
            (ref(gateway),),
            evidence,
            remedy,
        )
        return
    if not waypoint:
        yield Finding(
            "error",
            f"{named} has no ready pod, though it shows Programmed: nothing comes in by it.",
            (ref(gateway),),
            evidence,
            remedy,
        )
        return
    users = _users(scene, Waypoint(namespace_of(gateway), name_of(gateway)))
    yield Finding(
        "error" if users else "warning",
        f"{named} has no ready pod"
        + (
            ", and that fails closed: connections to whatever uses it fail, while it goes on showing Programmed, and "
            "Services istio.io/WaypointBound=True."
            if users
            else ": nothing uses it yet, but what will is cut off, for a waypoint without pods fails closed."
        ),
        (ref(gateway),),
        (*evidence, f"used by {counted(len(users), 'object')}"),
        f"{remedy}; let its Deployment run again, or take the label {kinds.USE_WAYPOINT} away, which lets traffic pass "
        "unchecked by it.",
        users,
    )


def _users(scene: Scene, waypoint: Waypoint) -> tuple[str, ...]:
    """What names a waypoint by its own label."""
    return tuple(ref(obj) for kind in _USERS for obj in scene.all(kind) if scene.waypoint_label(obj) == waypoint)


def _named(gateway: Obj, waypoint: bool) -> str:
    return f"{'Waypoint' if waypoint else 'Gateway'} {_key(gateway)}"


def _number(value: object) -> int:
    """A generation; some of istiod's arrive as text."""
    return int(str(value)) if str(value).isdigit() else 0


_CLASSES = sources.OF_KIND[kinds.GATEWAY_CLASS]

CHECKS = (
    Check(
        26,
        "Waypoints and gateways are programmed, and have pods",
        "gateways",
        "error",
        sources_of(kinds.GATEWAY, kinds.GATEWAY_CLASS, *_USERS),
        "Is every Gateway of Istio's classes Accepted and Programmed as it is now written, and are its pods ready? A "
        "waypoint that has been programmed keeps showing Programmed, and Services WaypointBound, when its last pod is "
        "gone, while connections to all that uses it fail: it fails closed. One that was never programmed fails open. "
        "Of a Gateway that stands for a Service deployed by hand only the conditions are looked at.",
        gateways,
    ),
)
