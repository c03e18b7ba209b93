# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What must hold before the first write of the Sail method: judgements over what was read, each naming the way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._desired.manifests import label
from ..._desired.sail_served import ServedSail
from ..._desired.sail_values import SailKind, dig, option_at
from ..._desired.sail_versions import alias_of
from ..._errors import BadInput, GuardRefused
from ..._intent.mesh import MeshIntent
from ..mesh.guards import other_owner
from ..schema import validate
from .observe import SailObserved, by_helm, revisioned

Obj = dict[str, Any]
_NAMESPACE_OPTIONS = {"Istio": "namespace", "IstioCNI": "cni_namespace", "ZTunnel": "ztunnel_namespace"}


def guard_method(intent: MeshIntent, observed: SailObserved) -> None:
    """Refuse to install by the operator what Helm (or nobody known) has installed in the same place."""
    found = by_helm(intent, observed)
    if found and not intent.migrate:
        raise GuardRefused(
            f"This mesh was not installed by the Sail Operator: {', '.join(found)}.",
            hint="Set migrate: true to hand it over step by step, or use method: helm.",
            details={"helm": found},
        )


def guard_strategy(intent: MeshIntent, observed: SailObserved) -> None:
    """Refuse to change how an installed mesh is updated: the old control plane would be left behind, or lost."""
    istio = observed.istios.get(intent.name)
    if istio is None or revisioned(istio) == intent.revisioned:
        return
    there = "revision_based" if revisioned(istio) else "in_place"
    raise GuardRefused(
        f"update_strategy: Istio {intent.name} is {there}, and an installed mesh keeps its strategy.",
        hint=f"Use update_strategy: {there}, or install a second mesh (name) beside it and move workloads there.",
        details={"installed": there},
    )


def guard_place(desired: Mapping[str, Any], live: Mapping[str, Any] | None) -> None:
    """Refuse another namespace than a resource has: it cannot be changed."""
    there, wanted = dig(live, "spec", "namespace"), dig(desired, "spec", "namespace")
    if live is None or not wanted or there == wanted:
        return
    kind = str(desired["kind"])
    raise GuardRefused(
        f"{_NAMESPACE_OPTIONS[kind]}: {label(desired)} installs into namespace {there}, and cannot move to {wanted}.",
        hint=f"Keep {there}; or remove the mesh (state: absent) and install it anew"
        + (", or install a second mesh (name) there and move workloads." if kind == "Istio" else "."),
        details={"installed": there, "wanted": wanted},
    )


def guard_owners(intent: MeshIntent, live: Iterable[Mapping[str, Any]]) -> None:
    """Refuse resources that a GitOps tool keeps: it would undo the change, or be undone."""
    foreign: dict[str, list[str]] = {}
    for obj in live:
        owner = other_owner(obj)
        if owner.startswith(("Argo CD", "Flux")):
            foreign.setdefault(owner, []).append(label(obj))
    if not foreign or intent.take_ownership:
        return
    told = "; ".join(f"{owner}: {', '.join(sorted(names))}" for owner, names in sorted(foreign.items()))
    raise GuardRefused(
        f"Resources of this mesh belong to another tool ({told}).",
        hint="Change them where that tool reads them, or set take_ownership: true to take them over.",
        details={"foreign": {owner: sorted(names) for owner, names in foreign.items()}},
    )


def guard_schema(intent: MeshIntent, resources: Iterable[Obj], served: ServedSail) -> None:
    """Refuse what the operator's schema would drop or not take, naming our option."""
    problems: list[str] = []
    unknown: dict[str, str] = {}
    for obj in resources:
        kind: SailKind = obj["kind"]
        for problem in validate(obj, dict(served.schemas.get(kind) or {})):
            path = tuple(problem.path.partition("[")[0].split("."))[1:]
            option = option_at(intent, kind, path) if path else ""
            name = option or label(obj)
            if problem.unknown:
                unknown[name] = problem.path
                problems.append(f"{name}: this release of the Sail Operator has no {kind}.{problem.path}")
            else:
                problems.append(f"{name}: {kind}.{problem}")
    if problems:
        raise BadInput(
            f"{'; '.join(problems[:6])}.",
            hint="Leave it out, use a newer operator (operator.version), or method: helm."
            if unknown
            else "Give a value that fits.",
            details={"unknown_fields": unknown} if unknown else {},
        )


def alias_warning(observed: SailObserved, name: str) -> str:
    """A warning where the Istio names an alias: its upgrades happen by themselves, and in place."""
    text = str(dig(observed.istios.get(name), "spec", "version") or "")
    if not alias_of(text):
        return ""
    return (
        f"Istio {name} has the version {text}: an alias, with which every upgrade of the operator upgrades the mesh in "
        "place without being asked, also under update_strategy revision_based."
    )
