# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The agents of ambient mode, istio-cni and ztunnel: whether they are there, and on which nodes not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..._checks import mesh
from ..._checks.snapshot import Obj, Snapshot, Source, dig, labels_of, meta, name_of, namespace_of
from ..._corridor.enrollment.survey import Survey

_COMPONENTS = (mesh.CNI, mesh.ZTUNNEL)
_SOCKET = "/var/run/ztunnel"
_KEEPS_AWAY = ("NoSchedule", "NoExecute")


def of_component(survey: Survey, component: str) -> list[Obj]:
    """The DaemonSets of one component."""
    return mesh.components(Snapshot.of([Source("daemonsets", tuple(survey.agents))]), component)


def captures(agent: Obj) -> bool:
    """Whether an istio-cni has ambient mode: then it shares a socket with ztunnel. Else it serves sidecars only."""
    volumes = dig(agent, "spec", "template", "spec", "volumes")
    return not volumes or any(dig(volume, "hostPath", "path") == _SOCKET for volume in volumes)


def nodes_lacking(survey: Survey) -> dict[str, list[str]]:
    """The nodes on which pods of Linux may run without a ready agent: {node: components that are missing}.

    Nothing where a component is not installed at all, or where its pods could not be read: that says nothing of nodes.
    """
    found: dict[str, list[str]] = {}
    for component in _COMPONENTS:
        agents = of_component(survey, component)
        if not agents:
            continue
        pods = _pods_of(survey, agents)
        if not pods and any(dig(agent, "status", "numberReady") for agent in agents):
            continue
        served = {str(dig(pod, "spec", "nodeName")) for pod in pods if not mesh.pod_trouble(pod)}
        for node in survey.nodes:
            if name_of(node) not in served and labels_of(node).get("kubernetes.io/os", "linux") == "linux":
                found.setdefault(name_of(node), []).append(component)
    return found


def open_to_all(node: Obj) -> bool:
    """Whether pods that tolerate nothing in particular may be scheduled there; needs the whole node."""
    if "spec" not in node or dig(node, "spec", "unschedulable"):
        return False
    return not any(taint.get("effect") in _KEEPS_AWAY for taint in dig(node, "spec", "taints") or ())


def half_updated(agent: Obj) -> str:
    """Why a rolling update of an agent is not done, in words; "" when it is, or when nobody rolls.

    The old pod keeps serving while the new one never gets ready: counting ready pods would not tell.
    """
    if (dig(agent, "spec", "updateStrategy", "type") or "RollingUpdate") != "RollingUpdate":
        return ""
    status = agent.get("status") or {}
    wanted, updated = status.get("desiredNumberScheduled") or 0, status.get("updatedNumberScheduled") or 0
    behind = (status.get("observedGeneration") or 0) < (meta(agent).get("generation") or 0)
    if behind or updated < wanted:
        return f"its update is not done ({updated} of {wanted} pods are new)"
    return ""


def _pods_of(survey: Survey, agents: Sequence[Obj]) -> list[Obj]:
    names: Collection[tuple[str, str]] = {(namespace_of(agent), name_of(agent)) for agent in agents}
    return [
        pod
        for pod in survey.agent_pods
        if any((namespace_of(pod), owner.get("name")) in names for owner in meta(pod).get("ownerReferences") or ())
    ]
