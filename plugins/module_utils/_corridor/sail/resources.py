# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The resources that parts of a layout are made of, given what is there."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from ..._desired.helm import MANAGER
from ..._desired.layout import Layout, Part
from ..._desired.sail import hold_tag, istio, istio_cni, sail_revision, tag, ztunnel
from ..._desired.sail_served import ServedSail
from ..._desired.sail_values import dig
from ..._desired.tags import alias_service
from ..._errors import BadInput, GuardRefused
from ..._intent.mesh import MeshIntent
from ..fields import applied_entry
from ..mesh.context import MeshRun
from .observe import SailObserved, bound_to

Obj = dict[str, Any]


def resources_of(
    run: MeshRun, observed: SailObserved, layout: Layout, parts: Set[Part], served: ServedSail
) -> dict[str, list[Obj]]:
    """The resources of these parts of a layout, by what they are for, in the order in which they are written."""
    intent = run.intent
    result: dict[str, list[Obj]] = {"hold": [], "control_plane": [], "cni": [], "ztunnel": [], "tags": []}
    if "hold" in parts and layout.hold:
        result["hold"] = [tag(hold_tag(intent.name), sail_revision(intent, layout.hold))]
    live_istio = observed.istios.get(intent.name)
    if "control_plane" in parts:
        result["control_plane"] = [istio(intent, layout.version)]
        live_istio = _not_ours(live_istio)
    if "cni" in parts and layout.cni is not None:
        result["cni"] = [istio_cni(intent, layout.cni)]
    if "ztunnel" in parts and layout.ztunnel is not None:
        revision = layout.ztunnel_revision or layout.active
        result["ztunnel"] = [ztunnel(intent, layout.ztunnel, revision, served, observed.ztunnel, live_istio)]
    if "tags" in parts and intent.revisioned:
        guard_tags(intent, observed, layout)
        result["tags"] = [
            tag(name, to) for name, to in sorted(layout.tags.items()) if _ours_to_write(intent, observed, name, to)
        ]
        if intent.istiod_alias:
            result["tags"].append(alias_service(intent.namespace, sail_revision(intent, layout.serving)))
    return result


def _not_ours(live: Obj | None) -> Obj | None:
    """The Istio with only those of its identity's values that stay when ours are applied anew."""
    owned = dig(applied_entry(live, MANAGER) if live else None, "fieldsV1", "f:spec", "f:values", "f:global") or {}
    if live is None or not owned:
        return live
    there = dig(live, "spec", "values", "global") or {}
    kept = dict(there)
    if "f:network" in owned:
        kept.pop("network", None)
    if "f:clusterName" in (owned.get("f:multiCluster") or {}):
        kept["multiCluster"] = {}
    return {**live, "spec": {**live["spec"], "values": {**live["spec"]["values"], "global": kept}}}


def _ours_to_write(intent: MeshIntent, observed: SailObserved, name: str, revision: str) -> bool:
    """Whether a tag of the layout is to be written: not where somebody else's leads there already."""
    live = observed.tags.get(name)
    if live is None or name in intent.tags:
        return True
    return bound_to(observed, live) != revision or applied_entry(live, MANAGER) is not None


def guard_tags(intent: MeshIntent, observed: SailObserved, layout: Layout) -> None:
    """Refuse tags that would lead nowhere, that share a name with a revision, or that another mesh has."""
    for name, asked in intent.tags.items():
        to = asked or layout.tags.get(name, "")
        if to and to not in layout.revisions:
            raise BadInput(
                f"tags: {name} shall stand for {to}, which is no revision of this mesh.",
                hint=f"There are {', '.join(sorted(layout.revisions))}.",
            )
    for name in layout.tags:
        if name in layout.revisions or name in observed.revisions:
            raise BadInput(f"tags: {name} is the name of a revision.", hint="Give the tag another name.")
    theirs = [name for name in {*intent.tags, *intent.absent_tags} if _of_others(intent, observed, layout, name)]
    if theirs and not intent.take_ownership:
        raise GuardRefused(
            f"Tag {', '.join(sorted(theirs))} stands for a revision of another mesh in this cluster.",
            hint="Take it away there first, or set take_ownership: true.",
        )


def _of_others(intent: MeshIntent, observed: SailObserved, layout: Layout, name: str) -> bool:
    bound = bound_to(observed, observed.tags.get(name))
    return bound in observed.revisions and bound not in observed.of(intent.name) and bound not in layout.revisions
