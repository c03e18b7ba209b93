# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What each part of a mesh by Sail is ready by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._desired.sail import DEFAULT, istiod_of, sail_revision, spelled
from ..._desired.sail_served import ServedSail
from ..._desired.sail_values import dig
from ..._intent.mesh import MeshIntent
from ..._kube import kinds
from ..live import Obj, Target, target
from .dials import dial_problem, wanted_dial
from .observe import ztunnel_kind
from .prepare import SailWork
from .settle import Awaited

_AGENTS = {"IstioCNI": "istio-cni-node", "ZTunnel": "ztunnel"}


def control_plane(work: SailWork, intent: MeshIntent) -> list[Awaited]:
    """The Istio of this generation at the active revision, that IstioRevision, and its istiod's Deployment."""
    revision = sail_revision(intent, work.layout.active)
    istio = target(kinds.SAIL_ISTIO, None, intent.name)
    own = target(kinds.SAIL_REVISION, None, revision)

    def at_revision(live: Mapping[Target, Obj]) -> str:
        active = dig(live.get(istio), "status", "activeRevisionName")
        return "" if active == revision else f"its active revision is {active or 'unknown'}, not {revision} yet"

    def at_version(live: Mapping[Target, Obj]) -> str:
        version = dig(live.get(own), "spec", "version")
        wanted = spelled(work.layout.version)
        return "" if version == wanted else f"is at {version}, not at {wanted} yet"

    return [
        Awaited(istio, at_revision),
        Awaited(own, at_version),
        Awaited(target(kinds.DEPLOYMENT, intent.namespace, istiod_of(revision))),
    ]


def healthy(work: SailWork, intent: MeshIntent) -> list[Awaited]:
    """The Istio with all that it depends on: what is expected once istio-cni and ztunnel are there."""
    istio = target(kinds.SAIL_ISTIO, None, intent.name)

    def all_well(live: Mapping[Target, Obj]) -> str:
        for entry in dig(live.get(istio), "status", "conditions") or ():
            if entry.get("type") == "DependenciesHealthy" and entry.get("status") != "True":
                return f"{entry.get('reason')}: {entry.get('message') or 'no message'}"
        return ""

    return [Awaited(istio, all_well)]


def agent(kind: str, resource: Mapping[str, Any], served: ServedSail) -> list[Awaited]:
    """IstioCNI or ZTunnel, and its DaemonSet: all of its pods updated."""
    place = str(resource["spec"]["namespace"])
    name = str(dig(resource, "spec", "values", "ztunnel", "resourceName") or _AGENTS[kind])
    own = kinds.SAIL_CNI if kind == "IstioCNI" else ztunnel_kind(served)
    return [Awaited(target(own, None, DEFAULT)), Awaited(target(kinds.DAEMON_SET, place, name))]


def ztunnel(work: SailWork, intent: MeshIntent, resource: Mapping[str, Any]) -> list[Awaited]:
    """As `agent`; and its pods dial the revision that it is bound to, as the cluster that istiod knows."""
    found = agent("ZTunnel", resource, work.served)
    own, daemon_set = found
    revision = sail_revision(intent, work.layout.ztunnel_revision or work.layout.active)
    wanted = wanted_dial(resource, revision, intent.namespace)

    def bound(live: Mapping[Target, Obj]) -> str:
        there = dig(live.get(own.target), "status", "istioRevision")
        return "" if there in (None, "", revision) else f"the operator has it on {there}, not on {revision} yet"

    def dialling(live: Mapping[Target, Obj]) -> str:
        return dial_problem(live.get(daemon_set.target), resource, wanted)

    own.judge, daemon_set.judge = bound, dialling
    return found


def dials_wrongly(daemon_set: Awaited, live: Mapping[Target, Obj]) -> bool:
    """Whether ztunnel's pods, however ready, are not what their resource says."""
    return bool(daemon_set.judge and daemon_set.judge(live))


def tags(work: SailWork, resources: list[Obj]) -> list[Awaited]:
    """Revision tags that the operator has moved where they shall be."""
    found = []
    for obj in resources:
        if obj["kind"] != "IstioRevisionTag":
            continue
        own = target(kinds.SAIL_REVISION_TAG, None, obj["metadata"]["name"])
        revision = obj["spec"]["targetRef"]["name"]

        def moved(live: Mapping[Target, Obj], own: Target = own, revision: str = revision) -> str:
            there = dig(live.get(own), "status", "istioRevision")
            return "" if there == revision else f"is on {there or 'nothing'}, not on {revision} yet"

        found.append(Awaited(own, moved))
    return found


def everything(work: SailWork, intent: MeshIntent) -> list[Awaited]:
    """All that the prepared parts made, or found as desired."""
    found: list[Awaited] = []
    if work.resources["control_plane"]:
        found += control_plane(work, intent)
    for obj in work.resources["cni"]:
        found += agent("IstioCNI", obj, work.served)
    for obj in work.resources["ztunnel"]:
        found += ztunnel(work, intent, obj)
    found += tags(work, [*work.resources["hold"], *work.resources["tags"]])
    if work.resources["control_plane"] and work.resources["ztunnel"]:
        found += healthy(work, intent)
    return found
