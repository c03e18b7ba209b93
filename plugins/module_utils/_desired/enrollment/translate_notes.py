# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What whoever moves policies to a waypoint should know besides, as sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..._checks.policy.model import some
from ..._checks.policy.scene import AUTHORIZATION, VIRTUAL_SERVICE
from ..._checks.policy.view import View, action, is_on_mesh
from ..._checks.snapshot import Obj, dig, name_of, namespace_of, ref
from .translate_model import Draft
from .translate_policies import PLUGINS, Policy, modes


def notes(draft: Draft, view: View, carried: Sequence[Policy], judging: Sequence[Policy], *, protect: bool) -> None:
    """`carried` are the policies that go to the waypoint altogether, `judging` those by which it refuses somebody."""
    names = some([ref(one.obj) for one in judging])
    if judging and protect:
        draft.note(
            f"In the end nobody reaches the workloads of {names} but by the waypoint: clients with a sidecar, those "
            "outside the mesh and who calls pods by their addresses, as a Prometheus does, are refused, and so are "
            "gateways unless the Service is labelled istio.io/ingress-use-waypoint. Probes of the kubelet pass."
        )
    elif judging:
        draft.note(
            f"{names} will hold for who comes by the waypoint. Clients with a sidecar and those outside the mesh go "
            "round it, and so do calls to pods' own addresses, and gateways unless the Service is labelled "
            "istio.io/ingress-use-waypoint. To refuse them, protect."
        )
    twice = [ref(one.obj) for one in carried if one.kind in PLUGINS or action(one.obj) in ("CUSTOM", "AUDIT")]
    if twice:
        draft.note(f"Until the restarts are over, {some(twice)} may act twice: at the waypoint and at a sidecar.")
    both = [ref(one.obj) for one in carried if _sent_too(one)]
    if both:
        draft.note(f"{some(both)} will act on what comes to its workloads, and no more on what they send.")
    headless = {name_of(one) for each in judging for one in each.reach.services if _headless(one)}
    if headless:
        draft.note(f"Who calls the headless {some(sorted(headless))} calls pods by their addresses.")
    mesh = [one for one in view.scene.all(VIRTUAL_SERVICE) if namespace_of(one) == draft.namespace and is_on_mesh(one)]
    if mesh:
        names = some(sorted(ref(one) for one in mesh))
        draft.note(f"{names} stays; waypoints heed VirtualServices as an alpha feature, HTTPRoutes as a stable one.")


def _sent_too(one: Policy) -> bool:
    """Whether it is for what the workloads send, besides what comes to them."""
    if one.kind in PLUGINS:
        return modes(one.obj) != {"SERVER"}
    return one.kind != AUTHORIZATION and bool(modes(one.obj) - {"SERVER"})


def _headless(service: Obj) -> bool:
    return bool(dig(service, "spec", "clusterIP") == "None")
