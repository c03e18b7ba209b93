# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The Sail Operator itself: which release shall be there, who installs it, and what it then serves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from ..._desired.helm import MADE_BY, DesiredRelease
from ..._desired.manifests import label
from ..._desired.sail_served import ServedSail, served_by
from ..._desired.sail_values import dig
from ..._desired.sail_versions import choose_operator, installable, operators_for
from ..._desired.values import merge
from ..._errors import BadInput, GuardRefused
from ..._intent.mesh import MeshIntent
from ..._intent.versions import Version
from ..._kube.kinds import CRD
from ..helm.apply import stored_objects
from ..helm.charts import HelmSide
from ..helm.decide import Decision, decide, drift_reason
from ..helm.drift import find_drift, read_live
from ..helm.observe import busy
from ..helm.rehearse import rehearse_release, rehearse_repair
from ..mesh.context import MeshRun
from ..plan import Step
from .observe import RELEASE, SailObserved, read_release, version_in
from .olm import plan_olm

Obj = dict[str, Any]
How = Literal["helm", "olm", "none"]
CHART = "sail-operator"
STEP = f"release/{RELEASE}"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_POLL = 2.0


@dataclass(slots=True)
class OperatorPlan:
    """`how` it is looked after. `crds` are applied before the release; `objects` are the release's, or OLM's.

    `served` is what there will be then; None where only OLM knows.
    """

    how: How
    version: Version | None
    served: ServedSail | None
    step: Step
    decision: Decision | None = None
    helm_side: HelmSide | None = None
    crds: list[Obj] = field(default_factory=list)
    objects: list[Obj] = field(default_factory=list)
    existed: bool = False


def plan_operator(run: MeshRun, observed: SailObserved, versions: Iterable[Version]) -> OperatorPlan:
    """Decide and rehearse. `versions` are those of Istio that there are and will be, the wanted one first."""
    wanted = list(versions)
    how = looked_after_by(run.intent, observed)
    if how == "none":
        return _left_alone(run, observed)
    if how == "olm":
        step, objects, version, existed = plan_olm(run, observed, wanted, operator_version(observed))
        return OperatorPlan("olm", version, observed.served, step, objects=objects, existed=existed)
    return _by_helm(run, observed, wanted)


def untouched(observed: SailObserved) -> OperatorPlan:
    """The plan of a run that does not look after the operator."""
    return OperatorPlan("none", None, observed.served, Step(STEP, "none", "not part of this run"))


def looked_after_by(intent: MeshIntent, observed: SailObserved) -> How:
    """Who installs and upgrades the operator. Raises GuardRefused where two would."""
    asked, release = intent.operator.install, observed.release.latest
    ours_by_olm = [one for one in observed.subscriptions if MADE_BY in (dig(one, "metadata", "labels") or {})]
    if asked == "none":
        return "none"
    if not asked:
        if release is not None and release.ours:
            return "helm"
        if ours_by_olm:
            return "olm"
        if observed.operators or observed.subscriptions or observed.release_elsewhere or release is not None:
            return "none"
        return "olm" if intent.options.get("platform") == "openshift" else "helm"
    foreign = _others(intent, observed, asked)
    if foreign:
        raise GuardRefused(
            f"operator.install is {asked}, but there is an operator already: {', '.join(foreign)}.",
            hint="Two would undo each other's work. Use operator.install: none, or remove that one first.",
            details={"operators": foreign},
        )
    return asked


def _others(intent: MeshIntent, observed: SailObserved, asked: str) -> list[str]:
    """Operators that would work beside the one asked for."""
    found = [f"Helm release {known.namespace}/{known.name}" for known in observed.release_elsewhere]
    space = intent.operator.namespace
    if asked == "helm":
        found += [f"Subscription {label(one).partition(' ')[2]}" for one in observed.subscriptions]
        if observed.release.latest is None and not found:
            found += [label(one) for one in observed.operators]
    else:
        if observed.release.latest is not None:
            found.append(f"Helm release {space}/{RELEASE}")
        same = [one for one in observed.subscriptions if dig(one, "metadata", "namespace") == space]
        found += [label(one) for one in observed.subscriptions if one not in same]
        if not observed.subscriptions and not found:
            found += [label(one) for one in observed.operators]
    return sorted(set(found))


def _left_alone(run: MeshRun, observed: SailObserved) -> OperatorPlan:
    if observed.served is None:
        raise GuardRefused(
            "The Sail Operator is not installed: its kinds are not served.",
            hint="Install it, or let this module do so with operator.install: helm or olm.",
        )
    if not observed.istio_crds:
        raise GuardRefused(
            "Istio's own CRDs are missing; they come with the operator, which somebody else installed.",
            hint="Install them from the crds folder of its chart.",
        )
    there = [label(one) for one in observed.operators]
    reason = f"left alone: {', '.join(there)}" if there else "left alone (its Deployment was not found)"
    return OperatorPlan("none", operator_version(observed), observed.served, Step(STEP, "none", reason))


def operator_version(observed: SailObserved) -> Version | None:
    """The version of the operator that is there, as Helm, OLM or its image tells it."""
    release = observed.release.release
    if release is not None and (version := version_in(release.version)):
        return version
    for one in observed.subscriptions:
        text = str(dig(one, "status", "installedCSV") or "")
        if version := version_in(text.partition(".v")[2]):
            return version
    for one in observed.operators:
        for container in dig(one, "spec", "template", "spec", "containers") or ():
            if version := version_in(str(container.get("image", "")).partition("@")[0].rpartition(":")[2]):
                return version
    return None


def wanted_version(
    intent: MeshIntent, there: Version | None, versions: list[Version], served: ServedSail | None = None
) -> tuple[Version, str]:
    """(the release to have, a note or ""). One that is there and installs the wanted Istio stays as it is.

    Raises BadInput when none is known to install it.
    """
    asked = intent.operator.version
    if asked is None and there is not None and served is not None and versions[0] in installable(served.versions):
        return there, ""
    if asked is None:
        asked = choose_operator(versions[0], versions[1:])
    if asked is None:
        if there is not None:
            return there, ""
        raise BadInput(
            f"version: no release of the Sail Operator is known to install Istio {versions[0]}.",
            hint="Name the operator.version that does, choose another version, or use method: helm.",
        )
    if there is not None and asked < there:
        note = f"the operator stays at {there}: it is never downgraded" if intent.operator.version else ""
        return there, note
    return asked, ""


def _by_helm(run: MeshRun, observed: SailObserved, versions: list[Version]) -> OperatorPlan:
    intent, client = run.intent, run.client
    _wait_for_others(run, observed)
    release = observed.release.release
    there = version_in(release.version) if release else None
    version, note = wanted_version(intent, there, versions, observed.served)
    if note:
        run.notes.append(note)
    desired = operator_release(intent, version)
    decision = decide(desired, observed.release.records, release)
    side = run.helm_side.beside(intent.operator.charts, "operator")
    stored = as_helm_writes(stored_objects(client, release))
    if decision.action == "none" and observed.served is None:
        decision.action, decision.reason = "repair", "its CRDs are not there"
    if decision.action == "none":
        drifted = find_drift(client, stored, read_live(client, stored))
        if not drifted:
            return OperatorPlan("helm", version, observed.served, Step(STEP, "none", decision.reason), objects=stored)
        side.need([desired])
        decision.action = "repair"
        decision.reason = drift_reason({name: one.paths for name, one in drifted.items()})
        step = rehearse_repair(decision, drifted)
        return OperatorPlan("helm", version, observed.served, step, decision, side, [], stored, existed=True)
    crds, objects = render_operator(side, desired, observed.mesh.kubernetes, release is not None, run)
    served = served_by(crds) or observed.served
    if served is None:
        raise BadInput(f"The chart {CHART} {version} holds no CRDs of its kinds.", hint="Check operator.charts.")
    assumed = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": desired.namespace}}]
    if desired.namespace in observed.mesh.namespaces:
        assumed = []
    decision.take_ownership = intent.take_ownership
    step = rehearse_release(client, decision, objects, stored, assumed)
    return OperatorPlan("helm", version, served, step, decision, side, crds, objects, release is not None)


def _wait_for_others(run: MeshRun, observed: SailObserved) -> None:
    """Until no other Helm is at work on the operator's release; reads it again if that had to be waited for."""
    intent = run.intent
    while working := busy(observed.release.records, time.time(), intent.pending_grace):
        if not intent.wait or run.check_mode or run.client.deadline.passed:
            raise GuardRefused(
                f"Release {working.namespace}/{working.name} is {working.status}: another Helm may be at work on it.",
                hint=f"Wait for it; after {intent.pending_grace} s (pending_grace) it counts as abandoned.",
            )
        run.client.deadline.sleep(_POLL)
        observed.release = read_release(run.client, intent, run.driver)


def operator_release(intent: MeshIntent, version: Version) -> DesiredRelease:
    """The operator's Helm release."""
    typed = {"platform": "openshift"} if intent.options.get("platform") == "openshift" else {}
    values = merge(typed, intent.operator.values)
    return DesiredRelease(
        "operator",  # type: ignore[arg-type]
        RELEASE,
        intent.operator.namespace,
        CHART,
        str(version),
        values,
    )


def render_operator(
    side: HelmSide, desired: DesiredRelease, kubernetes: str, upgrade: bool, run: MeshRun | None
) -> tuple[list[Obj], list[Obj]]:
    """(CRDs, other objects) of the operator's chart."""
    client = run.client if run else None
    versions = client.api_versions() if client else ()
    wanted = {desired.name: (desired, upgrade)}
    objects = side.render(wanted, kubernetes=kubernetes, api_versions=versions, client=client)[desired.name]
    crds = [obj for obj in objects if obj.get("kind") == CRD.kind]
    return crds, as_helm_writes(obj for obj in objects if obj.get("kind") != CRD.kind)


def as_helm_writes(objects: Iterable[Obj]) -> list[Obj]:
    """The objects with the one label that Helm writes over whatever a chart says; the operator's says `helm`."""
    result = []
    for obj in objects:
        meta = obj.get("metadata") or {}
        if _MANAGED_BY in (meta.get("labels") or {}):
            obj = {**obj, "metadata": {**meta, "labels": {**meta["labels"], _MANAGED_BY: "Helm"}}}
        result.append(obj)
    return result


def guard_version(intent: MeshIntent, wanted: Version, served: ServedSail | None) -> None:
    """Refuse an Istio that the operator cannot install, naming those it can and the release that would."""
    if served is None or not served.versions:
        return
    possible = installable(served.versions)
    if wanted in possible:
        return
    known = [str(version) for version in operators_for(wanted)]
    told = ", ".join(str(version) for version in possible[:12])
    listed = f"v{wanted}" in served.versions
    raise BadInput(
        f"version: the Sail Operator that is there cannot install Istio {wanted}"
        f"{', which is past its end of life' if listed else ''}. It can install {told}.",
        hint=f"Operator {' or '.join(known)} would install it (operator.version)."
        if known
        else "No release of the operator is known that would; choose one of those.",
        details={"installable": [str(version) for version in possible], "operators": known},
    )
