# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The picture's gateways: those of the Gateway API, waypoints among them, and those that were injected. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from . import mesh, versions
from .picture_looking import Looking
from .picture_planes import proxy_image
from .policy.scene import GATEWAY, GATEWAY_CLASS, GATEWAY_NAME, GATEWAY_POD, POD, SERVICE, Scene
from .skew import revision_of, workload_of
from .snapshot import Obj, dig, labels_of, name_of, namespace_of
from .sources import ALL_SERVICES, OF_KIND, PODS

SOURCES = (OF_KIND[GATEWAY], OF_KIND[GATEWAY_CLASS], PODS, ALL_SERVICES)

_FOR = "istio.io/waypoint-for"
_NETWORK = "topology.istio.io/network"
_LISTENER_OPTION, _AUTO_PASSTHROUGH = "gateway.istio.io/listener-protocol", "auto-passthrough"
_CONTROLLERS = "istio.io/"
_EAST_WEST = ("istio-east-west", "istio-remote")


def gateways(look: Looking) -> list[dict[str, Any]]:
    """Those whose class is Istio's, and those without a class, which are pods that the injector made gateways of."""
    scene = look.scene
    found = [*_of_api(look, scene), *_injected(look, scene)]
    return sorted(found, key=lambda one: (one["namespace"], one["name"], one["class"] or ""))


def _of_api(look: Looking, scene: Scene) -> list[dict[str, Any]]:
    # without them it cannot be said which there are
    look.snapshot.items(OF_KIND[GATEWAY])
    pods: dict[tuple[str, str], list[Obj]] = defaultdict(list)
    for pod in scene.all(GATEWAY_POD):
        pods[(namespace_of(pod), labels_of(pod)[GATEWAY_NAME])].append(pod)
    return [
        {
            "namespace": namespace_of(gateway),
            "name": name_of(gateway),
            "class": str(dig(gateway, "spec", "gatewayClassName") or ""),
            **_role(scene, gateway),
            "programmed": _programmed(gateway),
            "addresses": [str(item.get("value")) for item in dig(gateway, "status", "addresses") or ()],
            **_run(look, namespace_of(gateway), pods.get((namespace_of(gateway), name_of(gateway)), ())),
        }
        for gateway in scene.all(GATEWAY)
        if look.asked(namespace_of(gateway)) and _istios(scene, gateway)
    ]


def _istios(scene: Scene, gateway: Obj) -> bool:
    """Whether Istio carries it out; where classes cannot be read, their names tell."""
    name = str(dig(gateway, "spec", "gatewayClassName") or "")
    found = scene.get(GATEWAY_CLASS, "", name)
    if found is not None:
        return str(dig(found, "spec", "controllerName") or "").startswith(_CONTROLLERS)
    return name == "istio" or name.startswith("istio-")


def _role(scene: Scene, gateway: Obj) -> dict[str, Any]:
    name, labels = str(dig(gateway, "spec", "gatewayClassName") or ""), labels_of(gateway)
    passing = any(
        dig(listener, "tls", "options", _LISTENER_OPTION) == _AUTO_PASSTHROUGH
        for listener in dig(gateway, "spec", "listeners") or ()
    )
    # an east-west gateway listens for HBONE too
    if name in _EAST_WEST or passing or ("waypoint" not in name and _NETWORK in labels):
        return {"role": "east-west", "for": None}
    if scene.is_waypoint(gateway):
        return {"role": "waypoint", "for": labels.get(_FOR, "service")}
    return {"role": "ingress", "for": None}


def _programmed(gateway: Obj) -> bool:
    return any(
        item.get("type") == "Programmed" and item.get("status") == "True"
        for item in dig(gateway, "status", "conditions") or ()
    )


def _run(look: Looking, namespace: str, pods: Sequence[Obj]) -> dict[str, Any]:
    """Its pods, and what they run: the oldest version of several, null where there is none or none can be told."""
    if not look.scene.knows(POD, namespace):
        return {"pods": None, "pods_ready": None, "revision": None, "version": None}
    known = [version for version in (versions.of_image(proxy_image(pod) or "") for pod in pods) if version is not None]
    return {
        "pods": len(pods),
        "pods_ready": sum(not mesh.pod_trouble(pod) for pod in pods),
        "revision": ", ".join(sorted({revision_of(pod) for pod in pods})) or None,
        "version": str(min(known)) if known else None,
    }


def _injected(look: Looking, scene: Scene) -> list[dict[str, Any]]:
    """Workloads of gateway pods that no Gateway of the Gateway API made, as charts and istioctl install them."""
    workloads: dict[str, list[Obj]] = defaultdict(list)
    for pods in scene.pods.values():
        for pod in pods:
            if (
                scene.enrolled(pod) == "gateway"
                and GATEWAY_NAME not in labels_of(pod)
                and look.asked(namespace_of(pod))
            ):
                workloads[workload_of(pod)].append(pod)
    found = []
    for workload, pods in workloads.items():
        namespace, slash, name = workload.partition(" ")[2].partition("/")
        found.append(
            {
                "namespace": namespace,
                "name": name if slash else namespace,
                "class": None,
                "role": _said(str(labels_of(pods[0]).get("istio", "")) or name),
                "for": None,
                "programmed": None,
                "addresses": _addresses(scene, pods[0]) if scene.knows(SERVICE, namespace) else None,
                **_run(look, namespace, pods),
            }
        )
    return found


def _said(word: str) -> str:
    plain = word.replace("-", "").lower()
    return "east-west" if "eastwest" in plain else "egress" if "egress" in plain else "ingress"


def _addresses(scene: Scene, pod: Obj) -> list[str]:
    found: list[str] = []
    for service in scene.services_of(pod):
        for given in dig(service, "status", "loadBalancer", "ingress") or ():
            found.append(str(given.get("ip") or given.get("hostname") or ""))
        found += [str(address) for address in dig(service, "spec", "externalIPs") or ()]
    return list(dict.fromkeys(filter(None, found)))
