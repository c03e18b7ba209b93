# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Carrying out what was decided for one release: recover, install or upgrade, compare again, re-apply what remains."""

from __future__ import annotations

import time
from typing import Any

from ..._desired.manifests import label, parse_manifest
from ..._errors import Conflict, GuardRefused, ToolError
from ..._intent.mesh import RELEASES, MeshIntent
from ..._kube.client import Client
from ..._tools.helm_releases import Record, Release
from .charts import HelmSide, placed
from .decide import Decision, decide
from .drift import HELM_MANAGER, find_drift, read_live
from .installed import belongs
from .observe import ReleaseState, busy, record_kind, releases_again

_POLL = 2.0


def wait_for_others(
    client: Client, intent: MeshIntent, driver: str, states: dict[str, ReleaseState], *, wait: bool
) -> dict[str, ReleaseState]:
    """The releases once no other Helm is at work on them; read again if that had to be waited for.

    Raises GuardRefused naming the release when another is still at work at the deadline, or at once without `wait`.
    """
    while True:
        now = time.time()
        mine = [state for name, state in states.items() if _concerns(intent, name)]
        working = [found for state in mine if (found := busy(state.records, now, intent.pending_grace))]
        if not working:
            return states
        if not wait or client.deadline.passed:
            first = working[0]
            raise GuardRefused(
                f"Release {first.namespace}/{first.name} is {first.status} since {now - first.modified:.0f} s: "
                "another Helm may be at work on it.",
                hint=f"Wait for it; after {intent.pending_grace} s (pending_grace) it counts as abandoned.",
                details={"releases": [f"{one.namespace}/{one.name} revision {one.revision}" for one in working]},
            )
        client.deadline.sleep(_POLL)
        states = releases_again(client, intent, driver)


def _concerns(intent: MeshIntent, name: str) -> bool:
    """Whether a release is this mesh's, or shared with it: not another mesh's revision."""
    return name in RELEASES.values() or belongs(intent, name.removeprefix(f"{RELEASES['istiod']}-"))


def apply_release(client: Client, helm_side: HelmSide, decision: Decision, driver: str) -> list[str]:
    """Carry out one decision; returns notes on how. Raises ToolError with helm's own words."""
    notes = _recover(client, helm_side, decision, driver)
    release = decision.desired
    helm_side.helm.upgrade(
        release.name,
        release.namespace,
        helm_side.chart(release),
        release.values,
        timeout=client.deadline.left(),
        take_ownership=decision.take_ownership,
    )
    notes.append(f"helm {helm_side.helm.version_text}: {'installed' if decision.action == 'create' else 'upgraded'}")
    return notes


def mend(client: Client, objects: list[dict[str, Any]]) -> list[str]:
    """Re-apply what Helm left different from its manifest; returns notes.

    Helm 3 compares the old and the new manifest only where it knows no strategic merge (CRDs, custom resources): an
    edited one it leaves as it is. Raises ToolError naming the object when it does not stay mended.
    """
    left = find_drift(client, objects, read_live(client, objects))
    if not left:
        return ["compared again: as the manifest says"]
    mended = [one.desired for one in left.values()]
    client.many(lambda obj: client.apply(obj, manager=HELM_MANAGER, force=True), mended)
    still = find_drift(client, mended, read_live(client, mended))
    if still:
        told = "; ".join(f"{name} ({', '.join(one.paths[:4])})" for name, one in sorted(still.items()))
        raise ToolError(
            f"Re-applied, and different again at once: {told}.",
            hint="Something else writes these fields: an operator, a GitOps tool, an admission policy.",
            details={"fields": {name: one.paths for name, one in still.items()}},
        )
    return [f"helm left as they were, so re-applied by server-side apply: {', '.join(sorted(map(label, mended)))}"]


def _recover(client: Client, helm_side: HelmSide, decision: Decision, driver: str) -> list[str]:
    release = decision.desired
    if decision.recovery == "drop":
        for found in decision.unfinished:
            _drop(client, found, driver)
        return [f"dropped the unfinished record of revision {', '.join(str(r.revision) for r in decision.unfinished)}"]
    if decision.recovery == "rollback":
        helm_side.helm.rollback(release.name, release.namespace, decision.back_to, timeout=client.deadline.left())
        return [f"rolled back to revision {decision.back_to}"]
    if decision.recovery == "uninstall":
        helm_side.helm.uninstall(release.name, release.namespace, timeout=client.deadline.left())
        return ["finished the uninstallation that was under way"]
    return []


def _drop(client: Client, found: Record, driver: str) -> None:
    try:
        client.delete(record_kind(driver), found.object_name, found.namespace, uid=found.uid)
    except Conflict as error:
        raise GuardRefused(
            f"Release {found.namespace}/{found.name} changed meanwhile: another Helm is at work on it.",
            hint="Run again once it has ended.",
        ) from error


def stored_objects(client: Client, release: Release | None) -> list[dict[str, Any]]:
    """The objects of a release's manifest, each with its namespace."""
    return placed(parse_manifest(release.manifest), release.namespace, client) if release else []


def decisions_for(intent: MeshIntent, desired: list[Any], states: dict[str, ReleaseState]) -> list[Decision]:
    return [decide(one, (s := states.get(one.name, ReleaseState())).records, s.release) for one in desired]
