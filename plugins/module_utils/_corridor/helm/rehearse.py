# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the plan would do to the server, asked of the server before the first write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._desired.manifests import key, label, removed, shown
from ..._kube.client import Client
from ..objects import ObjectEngine
from ..plan import PredictedBy, Step
from .decide import Decision
from .drift import HELM_MANAGER, Drifted

# The weakest witness of a release's objects speaks for the release.
_TRUST: tuple[PredictedBy, ...] = ("local", "schema", "server", "")


def rehearse_release(
    client: Client,
    decision: Decision,
    rendered: list[dict[str, Any]],
    stored: Iterable[Mapping[str, Any]],
    assumed: Iterable[dict[str, Any]],
) -> Step:
    """The step of a release that is installed or upgraded.

    `stored` is the manifest in force; `assumed` are namespaces and CRDs that steps before this one will have made.
    """
    theirs = {key(obj) for obj in rendered}
    before_it = [obj for obj in assumed if key(obj) not in theirs]
    engine = ObjectEngine(client, manager=HELM_MANAGER, force_conflicts=True)
    names = {label(obj) for obj in rendered}
    steps = [step for step in engine.plan([*before_it, *rendered]) if step.name in names]
    going = [obj for obj in removed(stored, rendered) if not _kept(obj)]
    before: dict[str, Any] = {step.name: shown(step.before) for step in steps if step.changes and step.before}
    after: dict[str, Any] = {step.name: shown(step.after) for step in steps if step.changes}
    before |= {label(obj): shown(obj) for obj in going}
    release = decision.desired
    return Step(
        release.step,
        decision.action,
        decision.reason,
        before=before,
        after={"release": f"{release.chart} {release.version} in {release.namespace}", **after},
        predicted_by=weakest(step.predicted_by for step in steps),
        notes=[_counts(steps, len(going)), *_problems(steps)],
    )


def rehearse_repair(decision: Decision, drifted: Mapping[str, Drifted]) -> Step:
    """The step of a release whose objects were changed behind Helm's back; the server has predicted them already."""
    return Step(
        decision.desired.step,
        "repair",
        decision.reason,
        before={name: shown(one.before) for name, one in drifted.items() if one.before},
        after={name: shown(one.after) for name, one in drifted.items()},
        predicted_by="server",
    )


def weakest(predicted: Iterable[PredictedBy]) -> PredictedBy:
    return min(predicted, key=_TRUST.index, default="")


def _kept(obj: Mapping[str, Any]) -> bool:
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return bool(annotations.get("helm.sh/resource-policy") == "keep")


def _counts(steps: list[Step], going: int) -> str:
    told = []
    for action, word in (("create", "to create"), ("update", "to change"), ("none", "as desired")):
        count = sum(1 for step in steps if step.action == action)
        if count:
            told.append(f"{count} {word}")
    if going:
        told.append(f"{going} to remove")
    witnesses = []
    for witness in ("server", "schema", "local"):
        count = sum(1 for step in steps if step.changes and step.predicted_by == witness)
        if count:
            witnesses.append(f"{count} by {witness}")
    return f"objects: {', '.join(told) or 'none'}" + (f"; predicted {', '.join(witnesses)}" if witnesses else "")


def _problems(steps: list[Step]) -> list[str]:
    return [f"{step.name}: {note}" for step in steps if step.changes for note in step.notes][:10]
