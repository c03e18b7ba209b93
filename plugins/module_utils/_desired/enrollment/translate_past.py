# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.
"""Whom the workloads refuse once they are in ambient, since it comes past the waypoint: gateways above all. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..._checks.policy.identities import admits
from ..._checks.policy.view import View
from ..._checks.policy.ways import gateways_to
from ..._checks.snapshot import Obj, labels_of, name_of, namespace_of, ref
from .translate_model import Draft
from .translate_policies import Policy
from .translate_targets import pods_behind

_INGRESS = "istio.io/ingress-use-waypoint"
_TRUE = ("1", "t", "true")


def past(draft: Draft, view: View, judging: Sequence[Policy], staying: Sequence[Policy], *, protect: bool) -> None:
    """Say of each policy that goes to the waypoint which gateways will be refused that are not now.

    `staying` are the ALLOWs that ztunnel goes on carrying out. `protect`: only who comes by the waypoint is served.
    """
    told: set[tuple[str, str]] = set()
    label = 'Label the Service istio.io/ingress-use-waypoint: "true"'
    for one in judging:
        for service in one.reach.services:
            ways = view.once(gateways_to).get((namespace_of(service), name_of(service)), set())
            for gateway, space in sorted(ways) if not _by_waypoint(view, service) else ():
                why = _closed(view, one, service, staying, space)
                if protect:
                    why = "only what comes by the waypoint is let in"
                if not why or (ref(one.obj), gateway) in told:
                    continue
                told.add((ref(one.obj), gateway))
                draft.block(
                    one.live,
                    f"goes to the waypoint, and {gateway} comes to Service {name_of(service)} past it: it would be "
                    f"refused, since {why}",
                    f"{label}." if protect else f"{label}, or admit the gateway in an ALLOW without HTTP.",
                )
    for one in judging:
        others = sorted({ref(each.obj) for each in staying if one.allows and _shared(one, each)})
        if others and not protect:
            draft.note(
                f"Who is admitted by {ref(one.obj)} alone is refused at ambient pods if it comes past the waypoint, as "
                f"clients with a sidecar do: {', '.join(others)} stays there."
            )


def _closed(view: View, one: Policy, service: Obj, staying: Sequence[Policy], space: str) -> str:
    """Why ztunnel would refuse a gateway of this namespace that an ALLOW lets in now; "" when it would not."""
    if not one.allows or not admits(one.obj, space, None):
        return ""
    pods = {id(pod) for pod in pods_behind(view, service)}
    others = [each for each in staying if pods & {id(pod) for pod in each.reach.pods}]
    if not others or any(admits(each.obj, space, None) for each in others):
        return ""
    return f"{ref(others[0].obj)} stays there"


def _shared(one: Policy, other: Policy) -> bool:
    return bool({id(pod) for pod in one.reach.pods} & {id(pod) for pod in other.reach.pods})


def _by_waypoint(view: View, service: Obj) -> bool:
    """Whether gateways go by the Service's waypoint too: its own label decides, else its namespace's."""
    space = view.scene.namespaces.get(namespace_of(service)) or {}
    return str(labels_of(service).get(_INGRESS, space.get(_INGRESS, ""))).lower() in _TRUE
