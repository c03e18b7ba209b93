# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What stands in the way of moves, all of it at once. Pure: what only the server can tell, the probe asks it.

The table of all blockers is in `blockers_table.py`, and in docs/blockers.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ..._corridor.enrollment.survey import Survey
from . import blockers_policy as policy
from . import blockers_workloads as workloads
from .blocker import Blocker
from .blockers_mesh import in_the_mesh, on_nodes
from .blockers_sight import Sight
from .blockers_waypoint import waypoint
from .move import Move

# For what is about to be captured, wherever it comes from.
_JOINS = (
    on_nodes,
    waypoint,
    workloads.virtual_machines,
    workloads.spire,
    workloads.opted_out,
    policy.mtls_disabled,
    policy.l7_policies,
    policy.network_policies,
    policy.old_sidecars,
)
# For what loses a proxy of its own.
_SWITCHES = (policy.envoy_filters, policy.routing)


def blockers(
    survey: Survey,
    moves: Sequence[Move],
    *,
    excluded: Collection[str] = (),
    restart_ids: Mapping[str, str] | None = None,
    translated: bool = False,
) -> list[Blocker]:
    """All that stands in the way, of the mesh first, then by namespace as they come.

    `excluded` are workloads ("Kind namespace/name") of which nothing is asked. `restart_ids` {namespace: id} are
    those of moves under way: what has begun to restart already runs its risks. `translated`: policies are translated,
    and judged there. A blocker whose namespace is "" stands in the way of every move to ambient.
    """
    sight = Sight(survey, moves, excluded, translated=translated)
    found: dict[tuple[str, str, str], Blocker] = {}
    for one in _found(sight, restart_ids or {}):
        found.setdefault((one.id, one.namespace, one.obj), one)
    return list(found.values())


def _found(sight: Sight, restart_ids: Mapping[str, str]) -> Iterator[Blocker]:
    if any(move.goal.mode == "ambient" for move in sight.moves):
        yield from in_the_mesh(sight)
    for move in sight.moves:
        if move.goal.mode == "none":
            yield from policy.leaving(sight, move)
        else:
            yield from workloads.on_host_network(sight, move)
        if move.goal.mode == "ambient":
            # On the way still, or ambient already: nothing joins then.
            rules = _JOINS if move.now.mode != "ambient" else (on_nodes, waypoint)
            for rule in rules:
                yield from rule(sight, move)
            if move.now.mode == "sidecar":
                for rule in _SWITCHES:
                    yield from rule(sight, move)
        yield from workloads.restarts(sight, move, restart_ids)
