# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A mesh that somebody installed by Helm under other names: its releases become ours, with `take_ownership`.

Without that the objects are named, with the release they belong to, and refused (`helm.owners`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._desired.layout import IN_PLACE, Layout, istiod_name, target
from ..._errors import GuardRefused
from ..._intent.mesh import RELEASES, Component
from ..._kube import kinds
from ..._tools.helm_releases import last_deployed
from ..helm.driver import HelmDriver
from ..live import Target, observe
from ..live import target as target_of
from ..mesh import guards
from ..mesh.context import MeshRun
from ..mesh.lock import MeshLock
from ..plan import Plan, Step
from .records import Place, Rename, guard_quiet, records_at, rename, unpack

# An object that every release of base has, whatever its values.
_CRD = "virtualservices.networking.istio.io"


@dataclass(frozen=True, slots=True)
class _Expected:
    """An object that tells whose a component is, and the release that it would be in if it were ours."""

    component: Component
    where: Target
    place: Place


def adopted(run: MeshRun) -> list[Step]:
    """Give releases under other names ours; the steps of that. Without `take_ownership` nothing is looked at.

    Raises GuardRefused for releases that hold more than one of Istio's charts, or live in another namespace.
    """
    if not run.intent.take_ownership or run.intent.method != "helm":
        return []
    found = _found(run)
    if found and not run.check_mode:
        with MeshLock(run.client, run.intent.namespace, patience=run.patience):
            for change in _found(run):
                rename(run.client, change)
    return [
        Step(
            f"record/{change.old.name}",
            "update",
            f"Helm's record of the release is called {change.new} from now on (take_ownership)",
            predicted_by="local",
        )
        for change in found
    ]


def with_steps(answer: dict[str, Any], first: list[Step]) -> dict[str, Any]:
    """A result whose plan begins with these steps."""
    if not first:
        return answer
    rest = [
        Step(
            one["step"],
            one["action"],
            one["reason"],
            predicted_by=one.get("predicted_by", ""),
            notes=one.get("notes", []),
        )
        for one in answer.get("steps", [])
    ]
    plan = Plan([*first, *rest])
    return {**answer, "changed": True, "steps": plan.summary(), "table": plan.table()}


def _found(run: MeshRun) -> list[Rename]:
    layout = target(run.intent, HelmDriver(run).installed()).layout
    expected = _expected(run, layout)
    live = observe(run.client, [one.where for one in expected])
    changes = []
    for one in expected:
        space, name = guards.helm_owner(live.get(one.where) or {"metadata": {}})
        place = Place(space, name, run.driver)
        if not name or place == one.place or not records_at(run.client, place):
            continue
        if one.component == "base" and run.intent.revisioned and space != run.intent.namespace:
            continue  # Meshes by revisions may share the CRDs of one of them.
        if records_at(run.client, one.place):
            raise GuardRefused(
                f"{one.where.label} belongs to the release {place}, and there is a release {one.place} too.",
                hint="Uninstall the one that is not in use first; a release that holds nothing goes without harm.",
            )
        _guard(run, one, place)
        changes.append(Rename(place, one.place))
    return changes


def _expected(run: MeshRun, layout: Layout) -> list[_Expected]:
    intent = run.intent
    places: dict[Component, tuple[Target, str]] = {
        "base": (target_of(kinds.CRD, None, _CRD), RELEASES["base"]),
        "istiod": (
            target_of(kinds.DEPLOYMENT, intent.namespace, istiod_name(layout.active)),
            istiod_name(layout.active if intent.revisioned else IN_PLACE),
        ),
        "cni": (target_of(kinds.DAEMON_SET, intent.cni_namespace, "istio-cni-node"), RELEASES["cni"]),
        "ztunnel": (target_of(kinds.DAEMON_SET, intent.ztunnel_namespace, "ztunnel"), RELEASES["ztunnel"]),
    }
    wanted = [name for name in intent.components if intent.node_agents or name in ("base", "istiod")]
    return [
        _Expected(name, places[name][0], Place(intent.namespace_of(name), places[name][1], run.driver))
        for name in wanted
    ]


def _guard(run: MeshRun, expected: _Expected, place: Place) -> None:
    """Refuse what a new name would not make ours."""
    guard_quiet(run.client, place)
    in_force = last_deployed(records_at(run.client, place))
    stored = run.client.get(place.kind, in_force.object_name, place.namespace) if in_force else None
    chart = ((unpack(stored).get("chart") or {}).get("metadata") or {}).get("name") if stored else ""
    if chart != expected.component:
        raise GuardRefused(
            f"{expected.where.label} belongs to the release {place} of the chart {chart or 'unknown'}, which is not "
            f"Istio's own chart {expected.component}.",
            hint="Take it out of that chart first, keeping its objects (helm.sh/resource-policy: keep).",
        )
    if place.namespace != expected.place.namespace:
        raise GuardRefused(
            f"{expected.where.label} belongs to the release {place}, and would become {expected.place}.",
            hint="A release cannot move: use the namespace that it is in.",
        )
