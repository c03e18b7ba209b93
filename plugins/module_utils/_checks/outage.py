# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What starts while no istiod is ready (MW0050)."""

from __future__ import annotations

from collections.abc import Iterator

from . import inside, mesh
from .model import Check, Finding, counted
from .skew import revision_of
from .snapshot import Obj, Snapshot, Undecided, dig, meta, number
from .sources import PODS, ZTUNNEL_DUMPS

_TOLD = 6


def outage(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0050."""
    planes = mesh.require_control_planes(snapshot)
    ambient = [plane for plane in planes if plane.ambient] or planes
    ambient_down = not any(_ready(plane) for plane in ambient)
    unknown = _unknown_to_ztunnel(snapshot) if ambient_down else set()
    for plane in planes:
        if _ready(plane):
            continue
        since = _since(plane)
        cut = []
        for pod in snapshot.items(PODS):
            if not inside.running(pod):
                continue
            if inside.proxy_kind(pod) in ("sidecar", "gateway", "waypoint"):
                mine, missed = revision_of(pod) == plane.revision, False
            else:
                mine = plane in ambient and ambient_down and inside.captured(pod)
                missed = inside.proxy_id(pod) in unknown
            if mine and (missed or _started(pod, since)):
                cut.append(inside.pod_ref(pod))
        when = f" since {_available(plane)['lastTransitionTime']}" if since is not None else ""
        yield Finding(
            "error",
            f"No istiod of revision {plane.revision} is ready{when}: running pods go on, but "
            + (
                f"{counted(len(cut), 'pod')} started without it and {'has' if len(cut) == 1 else 'have'} no "
                "certificate and no configuration: Running, perhaps Ready, and their traffic times out."
                if cut
                else "a pod that starts now gets no certificate and no configuration: in ambient mode it is Running "
                "and Ready, and its traffic times out; with a sidecar it is refused, or never gets Ready."
            ),
            (plane.ref,),
            (
                f"{number(plane.deployment, 'status', 'readyReplicas')} of "
                f"{number(plane.deployment, 'spec', 'replicas')} replicas of {plane.ref} ready",
                *mesh.pods_in_trouble(snapshot, plane.deployment)[:_TOLD],
            ),
            f"Bring istiod back first: kubectl -n {plane.namespace} describe deployment {plane.name}, and its pods' "
            "logs. Until then restart and scale nothing in the mesh.",
            tuple(sorted(cut)),
        )


def _unknown_to_ztunnel(snapshot: Snapshot) -> set[str]:
    """Captured pods that no ztunnel knows, by the id of a proxy; none where ztunnels cannot be asked."""
    try:
        dumps = [dump for dump in snapshot.items(ZTUNNEL_DUMPS) if not dump.get("error") and not dump.get("on_demand")]
    except Undecided:
        return set()
    if not dumps:
        return set()
    known = {f"{one['name']}.{one['namespace']}" for dump in dumps for one in dump["workloads"]}
    return {inside.proxy_id(pod) for pod in snapshot.items(PODS) if inside.captured(pod)} - known


def _ready(plane: mesh.ControlPlane) -> bool:
    return number(plane.deployment, "status", "readyReplicas") > 0


def _available(plane: mesh.ControlPlane) -> Obj:
    for condition in dig(plane.deployment, "status", "conditions") or ():
        if condition.get("type") == "Available":
            found: Obj = condition
            return found
    return {}


def _since(plane: mesh.ControlPlane) -> float | None:
    """When it stopped being available; None where that is not told.

    A Deployment that is scaled to zero is called available still.
    """
    if _available(plane).get("status") == "True":
        return None
    return inside.moment(_available(plane).get("lastTransitionTime"))


def _started(pod: Obj, since: float | None) -> bool:
    made = inside.moment(meta(pod).get("creationTimestamp"))
    return since is not None and made is not None and made >= since


CHECKS = (
    Check(
        50,
        "Nothing starts while no istiod is ready",
        "control plane",
        "error",
        ("istiods", "component_pods", PODS),
        "Is an istiod of each revision ready? Without one, running pods go on as they are and ztunnel stays Ready, but "
        "a pod that starts gets neither certificate nor configuration: an ambient one is Running and Ready, and its "
        "traffic times out. So the pods are named that were made since the Deployment stopped being available, and the "
        "captured ones that no ztunnel knows: of an istiod that was scaled to zero it is not told since when.",
        outage,
        (ZTUNNEL_DUMPS,),
    ),
)
