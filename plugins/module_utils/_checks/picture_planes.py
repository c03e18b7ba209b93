# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The picture's control planes, tags, components and versions. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from . import mesh, naming, revisions, sail, versions
from .picture_looking import MOST, Looking
from .snapshot import Obj, Snapshot, dig, labels_of, name_of, namespace_of, number
from .sources import MESH_CONFIGS, PODS

MODE_SOURCES = ("istiods", "daemonsets", "mutating_webhooks")
PLANE_SOURCES = (
    "istiods",
    "mutating_webhooks",
    "services",
    "namespaces",
    "proxies",
    "revision_pods",
    "daemonsets",
    "sail_istios",
    "sail_tags",
    MESH_CONFIGS,
)
TAG_SOURCES = ("mutating_webhooks", "sail_tags", "namespaces")
COMPONENT_SOURCES = ("daemonsets",)
VERSION_SOURCES = ("istiods", "daemonsets", PODS)

# What istiod takes where its configuration says nothing.
_TRUST_DOMAIN, _ROOT, _CLUSTER = "cluster.local", "istio-system", "Kubernetes"


def mode(look: Looking) -> str:
    """`ambient`, `sidecar`, or `none` where there is no mesh."""
    snapshot = look.snapshot
    planes = mesh.control_planes(snapshot)
    if any(plane.ambient for plane in planes) or mesh.components(snapshot, mesh.ZTUNNEL):
        return "ambient"
    return "sidecar" if planes or mesh.injectors(snapshot) else "none"


def control_planes(look: Looking) -> list[dict[str, Any]]:
    snapshot = look.snapshot
    led = look.maybe(lambda: _led(snapshot))
    used = look.maybe(lambda: _used(snapshot))
    return [
        {
            "namespace": plane.namespace,
            "name": plane.name,
            "revision": plane.revision,
            "version": _shown(plane.version),
            "replicas": _replicas(plane.deployment),
            "ready": number(plane.deployment, "status", "readyReplicas"),
            "ambient": plane.ambient,
            "tags": None if led is None else sorted(tag for tag, names in led.items() if plane.revision in names),
            "in_use": None if used is None else plane.revision in used,
            "cluster_name": plane.env("CLUSTER_ID") or _CLUSTER,
            **_settings(look, plane),
        }
        for plane in mesh.control_planes(snapshot)
    ]


def _replicas(deployment: Obj) -> int:
    found = dig(deployment, "spec", "replicas")
    return found if isinstance(found, int) else 1


def _settings(look: Looking, plane: mesh.ControlPlane) -> dict[str, Any]:
    """What its mesh configuration says, null where that could not be read."""
    if not look.readable(MESH_CONFIGS):
        return {"trust_domain": None, "root_namespace": None}
    for config in look.snapshot.items(MESH_CONFIGS):
        if namespace_of(config) == plane.namespace and config.get("revision") == plane.revision:
            settings = config.get("mesh")
            said = settings if isinstance(settings, Mapping) else {}
            return {
                "trust_domain": str(said.get("trustDomain") or _TRUST_DOMAIN),
                "root_namespace": str(said.get("rootNamespace") or _ROOT),
            }
    return {"trust_domain": None, "root_namespace": None}


def _used(snapshot: Snapshot) -> set[str]:
    used = snapshot.once(revisions.uses)
    return {revision for revision, users in used.items() if users} | sail.active_revisions(snapshot)


def tags(look: Looking) -> list[dict[str, Any]]:
    led = _led(look.snapshot)
    users = look.maybe(lambda: _users(look))
    return [
        {
            "name": tag,
            "revision": ", ".join(sorted(led[tag])) or None,
            "namespaces": None if users is None else users.get(tag, [])[:MOST],
        }
        for tag in sorted(led)
    ]


def _led(snapshot: Snapshot) -> dict[str, set[str]]:
    """The revisions that each tag leads to: one, unless it is being moved."""
    found = {tag: {naming.revision_of(hook) for hook in hooks} for tag, hooks in naming.tags(snapshot).items()}
    for item in snapshot.items("sail_tags"):
        revision = str(dig(item, "status", "istioRevision") or "")
        found.setdefault(name_of(item), {revision} if revision else set())
    return found


def _users(look: Looking) -> dict[str, list[str]]:
    """The namespaces that name each revision or tag by their labels."""
    found: dict[str, list[str]] = {}
    for namespace in sorted(look.snapshot.items("namespaces"), key=name_of):
        wanted = named(labels_of(namespace))
        if wanted and look.asked(name_of(namespace)):
            found.setdefault(wanted, []).append(name_of(namespace))
    return found


def named(labels: Mapping[str, str]) -> str:
    """The revision or tag that a namespace's labels name, empty for none; istio-injection goes before istio.io/rev."""
    if labels.get(naming.INJECTION) == "enabled":
        return "default"
    return "" if labels.get(naming.INJECTION) == "disabled" else labels.get(naming.REVISION, "")


def components(look: Looking) -> list[dict[str, Any]]:
    return [
        {
            "component": component,
            "namespace": namespace_of(item),
            "name": name_of(item),
            "version": _shown(versions.of_workload(item)),
            "nodes": number(item, "status", "desiredNumberScheduled"),
            "updated": number(item, "status", "updatedNumberScheduled"),
            "ready": number(item, "status", "numberReady"),
        }
        for component in (mesh.CNI, mesh.ZTUNNEL)
        for item in mesh.components(look.snapshot, component)
    ]


def versions_of(look: Looking) -> dict[str, Any]:
    """The versions of each part, as a sorted list; of proxies how many there are of each."""
    snapshot = look.snapshot
    planes = look.maybe(lambda: [plane.version for plane in mesh.control_planes(snapshot)])
    agents = {
        component: look.maybe(
            lambda component=component: [  # type: ignore[misc]
                versions.of_workload(item) for item in mesh.components(snapshot, component)
            ]
        )
        for component in (mesh.CNI, mesh.ZTUNNEL)
    }
    return {
        "control_plane": _listed(planes),
        "cni": _listed(agents[mesh.CNI]),
        "ztunnel": _listed(agents[mesh.ZTUNNEL]),
        "proxies": look.maybe(lambda: _proxies(look)),
    }


def _proxies(look: Looking) -> dict[str, int]:
    """Of sidecars, gateways and waypoints; thousands of them have a handful of images."""
    images: Counter[str] = Counter()
    for pod in look.snapshot.items(PODS):
        if look.asked(namespace_of(pod)):
            image = proxy_image(pod)
            if image is not None:
                images[image] += 1
    found: Counter[versions.Version | None] = Counter()
    for image, count in images.items():
        found[versions.of_image(image)] += count
    known = sorted((version, count) for version, count in found.items() if version is not None)
    shown = {str(version): count for version, count in known}
    return {**shown, "unknown": found[None]} if found[None] else shown


def proxy_image(pod: Obj) -> str | None:
    """The image of a pod's proxy, None for one without (ztunnel's container is called otherwise, but for its name)."""
    spec = pod.get("spec") or {}
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        if container.get("name") == "istio-proxy":
            arguments = container.get("args") or ()
            return None if "ztunnel" in arguments else str(container.get("image", ""))
    return None


def _listed(found: list[versions.Version | None] | None) -> list[str] | None:
    if found is None:
        return None
    known = sorted({version for version in found if version is not None})
    return [*map(str, known), *(["unknown"] if None in found else [])]


def _shown(version: versions.Version | None) -> str | None:
    return None if version is None else str(version)
