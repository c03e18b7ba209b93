# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`traffic`: what is asked for one host, to the objects of its namespace's data plane. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._errors import BadInput
from ..policy.model import Document
from . import traffic_model, traffic_sidecar, traffic_waypoint
from .planes import Planes
from .texts import Complaints
from .traffic_model import Traffic

Obj = dict[str, Any]
_MESH = "mesh"


def expand(entries: Sequence[Mapping[str, Any]], planes: Planes) -> list[Document]:
    """All elements' objects, each element's together. Raises one BadInput that names every element with a fault."""
    complaints = Complaints("traffic")
    found: list[Document] = []
    hosts: dict[tuple[str, ...], str] = {}
    names: dict[tuple[str, str], str] = {}
    for index, entry in enumerate(entries):
        element = complaints.element(index, str(entry["host"]))
        traffic = traffic_model.read(element, entry)
        if traffic is None:
            continue
        same = hosts.setdefault((traffic.namespace, traffic.host.text), element.origin)
        if same != element.origin:
            element.wrong(f"{same} is for this host too: merge the two, since one host has one set of routes.")
            continue
        same = names.setdefault((traffic.namespace, traffic.name), element.origin)
        if same != element.origin:
            element.wrong(f"its objects would be named {traffic.name}, as those of {same}: give `name`.")
            continue
        found += [Document(obj, element.origin) for obj in _objects(traffic, planes)]
    complaints.done()
    return found


def _objects(traffic: Traffic, planes: Planes) -> list[Obj]:
    # What gateways route alone is theirs, whatever the data plane behind them.
    if traffic.gateways and _MESH not in traffic.gateways:
        return traffic_sidecar.objects(traffic)
    try:
        plane = planes.of(traffic.namespace)
    except BadInput as unknown:
        traffic.element.wrong(str(unknown))
        return []
    if plane.mode == "sidecar":
        return traffic_sidecar.objects(traffic)
    if plane.mode == "none":
        traffic.element.wrong(
            f"the namespace {traffic.namespace} is not in the mesh, so nothing would act on it. Label it "
            "istio.io/dataplane-mode=ambient and give it a waypoint, or istio-injection=enabled; where its clients "
            "have sidecars, or its pods ask for them one by one, say `mode: sidecar` of it in `data_planes`."
        )
        return []
    if not plane.waypoint_of(traffic.host.service):
        traffic.element.wrong(
            f"{traffic.host.text} in {traffic.namespace} has no waypoint, and ztunnel, which carries its traffic, "
            "knows connections but no requests: it ignores routes and DestinationRules. Make a waypoint and label the "
            "namespace or the Service istio.io/use-waypoint with its name."
        )
        return []
    return traffic_waypoint.objects(traffic, planes)
