# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The picture's namespaces, and the policies in them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import enrollment, mesh, naming
from .picture_looking import MOST, Looking
from .policy import scene as kinds
from .policy.mtls import Refusals
from .policy.scene import Scene
from .snapshot import Obj, Snapshot, labels_of, name_of, namespace_of
from .sources import MESH_CONFIGS, OF_KIND, PODS

# What is counted as policy, by the word that it is counted under: two groups have a Gateway.
POLICIES: dict[str, str] = {
    "VirtualService": kinds.VIRTUAL_SERVICE,
    "DestinationRule": kinds.DESTINATION_RULE,
    "ServiceEntry": kinds.SERVICE_ENTRY,
    "WorkloadEntry": kinds.WORKLOAD_ENTRY,
    "Gateway.networking.istio.io": kinds.ISTIO_GATEWAY,
    "Sidecar": kinds.SIDECAR,
    "EnvoyFilter": kinds.ENVOY_FILTER,
    "AuthorizationPolicy": kinds.AUTHORIZATION,
    "PeerAuthentication": kinds.PEER_AUTHENTICATION,
    "RequestAuthentication": kinds.REQUEST_AUTHENTICATION,
    "Telemetry": kinds.TELEMETRY,
    "WasmPlugin": kinds.WASM_PLUGIN,
    "TrafficExtension": kinds.TRAFFIC_EXTENSION,
    "HTTPRoute": kinds.HTTP_ROUTE,
    "GRPCRoute": kinds.GRPC_ROUTE,
    "TCPRoute": kinds.TCP_ROUTE,
    "TLSRoute": kinds.TLS_ROUTE,
}
POLICY_SOURCES = tuple(OF_KIND[kind] for kind in POLICIES.values())
SOURCES = ("namespaces", PODS, "istiods", "mutating_webhooks", "services", MESH_CONFIGS, *POLICY_SOURCES)


def policies(look: Looking) -> dict[str, int | None]:
    """How many there are of each kind; null for a kind that could not be read."""
    return {
        word: sum(look.asked(namespace_of(obj)) for obj in look.scene.all(kind))
        if look.readable(OF_KIND[kind])
        else None
        for word, kind in POLICIES.items()
    }


def namespaces(look: Looking) -> tuple[list[dict[str, Any]], int]:
    """The namespaces, those in the mesh first, and how many had to be left out. Raises `Undecided`."""
    objects = [item for item in look.snapshot.items("namespaces") if look.asked(name_of(item))]
    scene = look.scene
    hooks = look.maybe(lambda: mesh.injectors(look.snapshot))
    outdated = look.maybe(lambda: _outdated(look.snapshot))
    counted, unknown = _counted(scene)
    refusals = look.view.once(Refusals)
    found = []
    for item in objects:
        name, labels = name_of(item), labels_of(item)
        pods = _pods(scene, name) if scene.knows(kinds.POD, name) else None
        mode = _mode(scene, name)
        inside = mode != "none" or pods is None or pods["pods"] != pods["outside"]
        found.append(
            {
                "name": name,
                "mode": mode,
                "revision": _revision(hooks, labels) if mode in ("sidecar", "both") else None,
                "label": _label(labels),
                "waypoint": _waypoint(scene, item),
                "mtls": _mtls(scene, refusals, name) if inside else "unset",
                **(pods or dict.fromkeys(("pods", "sidecars", "captured", "outside"))),
                "outdated": None if outdated is None or pods is None else outdated[name],
                "policies": _policies(scene, counted[name], unknown, name),
            }
        )
    found.sort(key=lambda one: (one["mode"] == "none" and not _enrolled(one), one["name"]))
    return found[:MOST], max(0, len(found) - MOST)


def _enrolled(entry: Mapping[str, Any]) -> bool:
    return bool(entry["sidecars"] or entry["captured"])


def _mode(scene: Scene, name: str) -> str:
    mode = scene.mode(name)
    return "both" if mode == "sidecar" and scene.namespaces[name].get(naming.MODE) == "ambient" else mode


def _revision(hooks: Iterable[mesh.Webhook] | None, labels: Mapping[str, str]) -> str | None:
    """The revision that its labels lead to now, null where they lead to none or injectors could not be read."""
    return ", ".join(sorted(naming.injecting(hooks, labels, {}))) or None if hooks is not None else None


def _label(labels: Mapping[str, str]) -> str | None:
    """The labels that decide, as they are written."""
    said = [f"{key}={labels[key]}" for key in (naming.INJECTION, naming.REVISION, naming.MODE) if key in labels]
    return ", ".join(said) or None


def _waypoint(scene: Scene, namespace: Obj) -> str | None:
    labels = labels_of(namespace)
    name = labels.get(kinds.USE_WAYPOINT, "none")
    return None if name in ("", "none") else f"{labels.get(kinds.USE_WAYPOINT_NAMESPACE) or name_of(namespace)}/{name}"


def _pods(scene: Scene, namespace: str) -> dict[str, int]:
    pods = scene.pods.get(namespace, ())
    run = Counter(scene.enrolled(pod) for pod in pods)
    return {"pods": len(pods), "sidecars": run["sidecar"], "captured": run["ambient"], "outside": run["none"]}


def _outdated(snapshot: Snapshot) -> Counter[str]:
    """Pods by namespace whose proxy is of another revision than their labels lead to."""
    proxies = (pod for pod in snapshot.items(PODS) if _has_proxy(pod))
    return Counter(namespace_of(pod) for pod, *_rest in enrollment.led_elsewhere(snapshot, proxies))


def _has_proxy(pod: Obj) -> bool:
    spec = pod.get("spec") or {}
    return any(
        container.get("name") == "istio-proxy" and "ztunnel" not in (container.get("args") or ())
        for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    )


def _mtls(scene: Scene, refusals: Refusals, namespace: str) -> str | None:
    """As PeerAuthentications have it; null where those that decide could not be read."""
    if not scene.knows(kinds.PEER_AUTHENTICATION, namespace):
        return None
    stated = refusals.stated(namespace).lower()
    # what the mesh-wide one says counts where nobody else says anything
    return stated if stated != "unset" or scene.knows(kinds.PEER_AUTHENTICATION, scene.root) else None


def _counted(scene: Scene) -> tuple[Mapping[str, dict[str, int]], list[tuple[str, str]]]:
    """Policies by namespace and word, and the kinds of which not all were read."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for word, kind in POLICIES.items():
        for namespace, count in Counter(namespace_of(obj) for obj in scene.all(kind)).items():
            found[namespace][word] = count
    return found, [
        (word, kind) for word, kind in POLICIES.items() if kind not in scene.objects or kind in scene.partial
    ]


def _policies(
    scene: Scene, counted: Mapping[str, int], unknown: Sequence[tuple[str, str]], namespace: str
) -> dict[str, int | None] | None:
    """How many of each kind that it has; null for kinds that could not be read there, and for all of them in one."""
    unseen = [word for word, kind in unknown if not scene.knows(kind, namespace)]
    return None if len(unseen) == len(POLICIES) else {**counted, **dict.fromkeys(unseen)}
