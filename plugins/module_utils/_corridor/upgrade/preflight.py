# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Stage `preflight`: whatever speaks against the upgrade, found before the first write; and a backup."""

from __future__ import annotations

from typing import Any

from ..._checks.skew import supported
from ..._checks.versions import Version as CheckVersion
from ..._desired.layout import Layout
from ..._desired.upgrade import Move, Unit, batches, hop
from ..._errors import GuardRefused
from ..._intent.versions import Version, kubernetes_problem
from ..._kube import kinds
from ..._kube.lease import held_by
from ..journal import JOURNAL_LABEL
from ..mesh.driver import Prepared
from ..mesh.lock import LEASE_NAME
from .backup import write_backup
from .canary import foretell, forward, nothing_to_do, prepared_canary, units_left
from .context import Upgrade, result
from .crds import Findings, crd_findings
from .record import journal_name
from .seen import Seen, is_injected_gateway, look, workloads_of_unit
from .units import accepted

_LISTED = 40


def preflight(up: Upgrade) -> dict[str, Any]:
    """Returns the result. Raises GuardRefused with all blockers in its details; writes nothing but the backup."""
    _found, layout = up.installed()
    move = up.move(layout)
    if move is None:
        return nothing_to_do(up, layout)
    if up.record is not None and up.record.stage == "finish":
        up.note(f"the upgrade to {move.version} is being finished: everything was moved")
        return result(up, changed=False, next_step="stage: finish", batches=[], batches_left=0)
    findings = _versions(up, layout, move)
    findings.blockers += _others_at_work(up)
    prepared = prepared_canary(up, move)
    seen = look(up.client)
    findings += crd_findings(up.client, _new_objects(prepared))
    findings += _workloads(up, move, seen)
    up.run.notes += findings.notes
    if findings.blockers:
        raise _refused(move, findings)
    if up.check_mode:
        answer = foretell(up, move, seen, prepared.plan)
    else:
        left = units_left(up, move, seen)
        rows = [[unit.name for unit in row] for row in batches(left, up.intent.batch)]
        answer = result(up, left=left, next_step="stage: canary", batches=rows, batches_left=len(rows))
    if up.intent.backup and up.record is None:
        step = write_backup(up.client, up.intent.backup, check_mode=up.check_mode)
        up.steps.insert(0, step)
        answer |= {key: value for key, value in result(up).items() if key in ("changed", "steps", "table", "diff")}
    if up.record is not None:
        up.note(f"an upgrade to {move.version} is under way (stage {up.record.stage}); no backup is written then")
    return answer


def _new_objects(prepared: Prepared) -> list[dict[str, Any]]:
    """The objects that an install method brings, the new CRDs among them."""
    by_helm = getattr(prepared.work, "objects", None) or {}
    by_operator = getattr(prepared.work, "crds", None) or ()
    return [obj for objects in by_helm.values() for obj in objects] + [item.obj for item in by_operator]


def _refused(move: Move, findings: Findings) -> GuardRefused:
    count = len(findings.blockers)
    told = "; ".join(findings.blockers[:_LISTED])
    more = f"; and {count - _LISTED} more" if count > _LISTED else ""
    speak = "thing speaks" if count == 1 else "things speak"
    return GuardRefused(
        f"{count} {speak} against upgrading to {move.version}: {told}{more}.",
        hint="Nothing was changed. Workloads that shall stay where they are can be named in accept_blockers.",
        details={"blockers": findings.blockers, "notes": findings.notes},
    )


def _versions(up: Upgrade, layout: Layout, move: Move) -> Findings:
    intent, found = up.intent.mesh, Findings()
    if not intent.preflight:
        found.notes.append("versions of Istio and Kubernetes were not compared (preflight: false)")
        return found
    problem, notes = hop(intent, move.old_version)
    found.notes += notes
    if problem:
        found.blockers.append(problem)
    severity, sentence = kubernetes_problem(move.version, str(up.client.version().get("gitVersion", "")))
    if sentence:
        (found.blockers if severity == "refuse" else found.notes).append(sentence)
    for name, version in (("istio-cni", layout.cni), ("ztunnel", layout.ztunnel)):
        # Once they are moved they are the new one's own.
        if version is not None and not supported(_plain(version), _plain(move.version)) and version < move.version:
            found.blockers.append(f"{name} {version} does not support istiod {move.version}")
    return found


def _plain(version: Version) -> CheckVersion:
    return CheckVersion(version.major, version.minor, version.patch)


def _others_at_work(up: Upgrade) -> list[str]:
    """Operations on this mesh besides this one: their journals, and whoever holds the Lease."""
    mine = journal_name(up.mesh_name)
    found = up.client.list(kinds.CONFIG_MAP, up.namespace, labels=JOURNAL_LABEL, metadata_only=True)
    told = [
        f"another operation is under way: {one['metadata']['labels'][JOURNAL_LABEL]} "
        f"(ConfigMap {up.namespace}/{one['metadata']['name']})"
        for one in found
        if one["metadata"]["name"] != mine
    ]
    lease = up.client.get(kinds.LEASE, LEASE_NAME, up.namespace)
    holder = held_by(lease) if lease is not None else ""
    return [*told, f"another run is at work on this mesh: {holder}"] if holder else told


def _workloads(up: Upgrade, move: Move, seen: Seen) -> Findings:
    """What restarts would meet, in every namespace at once."""
    found = Findings()
    way = forward(move, "")
    units: list[Unit] = [
        unit for unit in units_left(up, move, seen) if unit.kind == "namespace" or is_injected_gateway(unit)
    ]
    for workloads in up.client.many(
        lambda unit: workloads_of_unit(up.client, seen, unit, way.source, way.target, way.tags), units
    ):
        for one in workloads:
            if one.blockers and accepted(up, one):
                found.notes.append(f"stays on {move.old}, as accepted: {one.ref} ({', '.join(one.blockers)})")
            elif one.blockers:
                found.blockers.append(f"{one.ref}: {', '.join(one.blockers)}")
            found.notes += [f"{one.ref}: {note}" for note in one.notes]
    return found
