# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What stands in the way of ambient mode in the mesh as a whole, or on some of its nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..._checks import mesh
from ..._checks.policy.model import some
from ..._checks.policy.scene import MUTATING, SERVICE
from ..._checks.snapshot import Snapshot, Source, name_of, ref
from .agents import captures, half_updated, nodes_lacking, of_component, open_to_all
from .blocker import Blocker
from .blockers_sight import Sight
from .blockers_table import blocked
from .move import Move


def in_the_mesh(sight: Sight) -> Iterator[Blocker]:
    """Told once, whichever namespaces go to ambient mode."""
    survey, root = sight.survey, f"Namespace {sight.scene.root}"
    scene = sight.scene
    if survey.agents_known:
        for component in (mesh.CNI, mesh.ZTUNNEL):
            if not of_component(survey, component):
                yield blocked("no-ambient", "", root, f"no {component} runs in this cluster")
    for agent in of_component(survey, mesh.CNI):
        if not captures(agent):
            yield blocked("no-ambient", "", ref(agent), "it runs without ambient mode, for sidecars only")
    planes = mesh.control_planes(Snapshot.of([Source("istiods", tuple(survey.istiods))]))
    if planes and not any(plane.ambient for plane in planes):
        told = some([plane.ref for plane in planes])
        yield blocked("no-ambient", "", root, f"no istiod has ambient mode (PILOT_ENABLE_AMBIENT): {told}")
    outside = mesh.remote_control_plane(
        Snapshot.of(
            [Source("mutating_webhooks", tuple(scene.all(MUTATING))), Source("services", tuple(scene.all(SERVICE)))]
        )
    )
    if outside:
        yield blocked("primary-remote", "", root, f"its control plane runs outside this cluster: {outside}")
    for agent in survey.agents:
        if problem := half_updated(agent):
            yield blocked("agents-updating", "", ref(agent), problem)
    yield from _open_nodes(sight)


def _open_nodes(sight: Sight) -> Iterator[Blocker]:
    nodes = {name_of(node): node for node in sight.survey.nodes}
    for name, components in nodes_lacking(sight.survey).items():
        if open_to_all(nodes[name]):
            told = " and no ready ".join(components)
            yield blocked(
                "no-node-agent", "", f"Node {name}", f"it has no ready {told}, and pods may be scheduled there"
            )


def on_nodes(sight: Sight, move: Move) -> Iterator[Blocker]:
    """Pods of the namespace that run where an agent is missing."""
    survey = sight.survey
    if not survey.stranded:
        return
    lacking = nodes_lacking(survey)
    mine = {
        (move.namespace, name_of(pod))
        for pods in sight.pods(move.namespace).values()
        for pod in pods
        if (move.namespace, name_of(pod)) not in survey.on_host
    }
    for node, pods in survey.stranded.items():
        there = sorted(name for _namespace, name in pods & mine)
        if there and node in lacking:
            told = " and no ready ".join(lacking[node])
            yield blocked(
                "no-node-agent",
                move.namespace,
                f"Node {node}",
                f"it has no ready {told}, and {some(there)} of {move.namespace} run there",
            )
