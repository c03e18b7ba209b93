# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Restarting workloads once, so many at a time, and stopping at the first that does not come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .._checks.snapshot import Obj, dig, labels_of
from .._errors import Conflict, GuardRefused, MeshError, NotFound, SettleTimeout
from .._kube.client import Client, Deadline
from .._kube.kinds import PDB, POD, REPLICA_SET, ROLLOUT, Kind
from .labelling import differing
from .rolling import Expected, at_a_time, wait_for_pods, with_headroom
from .settle import settle
from .workloads import RESTART_ANNOTATION, RESTARTABLE, Workload, restart_id_of, workloads_of

_RUNNING = "status.phase!=Succeeded,status.phase!=Failed"
_CONFLICTS = 5


@dataclass(slots=True)
class Restarted:
    """Workloads by their refs: `restarted` now; `already` by an earlier run with the same id; `gone` meanwhile."""

    restarted: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def workloads_to_restart(client: Client, namespace: str, on_revision: str, *, restart_id: str = "") -> list[Workload]:
    """The namespace's workloads that have injected pods of this revision, in a stable order.

    What cannot be restarted is there too, with its blockers; with `restart_id` also what a killed run of it left
    unready. See `workloads_of` for what is left out.
    """
    reads: list[Callable[[], list[dict[str, Any]]]] = [
        lambda: client.list(POD, namespace, fields=_RUNNING, metadata_only=True),
        lambda: client.list(REPLICA_SET, namespace, metadata_only=True),
        lambda: client.list(PDB, namespace),
        *(lambda kind=kind: client.list(kind, namespace) for kind in RESTARTABLE.values() if _served(client, kind)),
    ]
    pods, replica_sets, budgets, *owners = client.many(lambda read: read(), reads)
    return workloads_of(
        on_revision,
        pods=pods,
        replica_sets=replica_sets,
        budgets=budgets,
        owners=[one for some in owners for one in some],
        restart_id=restart_id,
    )


def _served(client: Client, kind: Kind) -> bool:
    """Of a kind that is not served, a user with few rights hears that he may not list it, not that it is missing."""
    return kind != ROLLOUT or client.served(kind)


def restart(
    client: Client,
    workloads: Sequence[Workload],
    restart_id: str,
    deadline: Deadline,
    *,
    max_unavailable: int | str = 1,
    each: float = 300.0,
    pause: float = 0.0,
    expect: Expected | None = None,
    headroom: bool | Callable[[Workload], bool] = False,
    template_labels: Mapping[str, str | None] | None = None,
    started: Callable[[Workload], None] | None = None,
    said: Callable[[str], None] | None = None,
) -> Restarted:
    """Restart them in order, `max_unavailable` together (a number, or a percentage of them), group after group.

    Each group is settled before the next, within `each` seconds, and there are `pause` seconds in between. The id is
    written into the pod template: a workload that has it already is not restarted again, but settled. After it, every
    running pod is as `expect` says; without that, none is on the workload's old revision any more. `headroom`: wait
    first, `each` seconds as well, until the disruption budgets have room, for all or for those that it says.
    `template_labels` are set in the pod template in the same write, or taken out (None). `started` is called before a
    workload is written to, and not for one that has the id already; `said` is told of each that is done.

    Raises GuardRefused, before anything is written, for workloads with blockers; SettleTimeout when a workload does
    not become ready or is not as expected: nothing after its group is touched, and the error's details have
    `restarted`, `already` and `untouched`, besides `unready`. Other errors have the first three, too.
    """
    size = at_a_time(max_unavailable, len(workloads))
    _refuse_blocked(workloads)
    if template_labels:
        _refuse_referring(client, workloads)
    done = Restarted()
    pending = list(workloads)
    try:
        while pending:
            within = _within(deadline, each, pending[0])
            group = pending[: _roomy(client, pending[:size], restart_id, headroom, within)]
            if headroom:
                # Time spent on waiting for room is not missing for getting ready.
                within = _within(deadline, each, pending[0])
            before = len(done.restarted)
            touched = []
            for one in group:
                outcome = _restart(client, one, restart_id, template_labels or {}, started)
                getattr(done, outcome).append(one.ref)
                if outcome != "gone":
                    touched.append(one)
            settle(client, [_ref(one) for one in touched], deadline=within)
            wait_for_pods(client, touched, within, expect=expect)
            for one in touched:
                if said is not None:
                    said(one.ref)
            pending = pending[len(group) :]
            if pending and len(done.restarted) > before:
                deadline.sleep(pause)
    except MeshError as error:
        untouched = [one.ref for one in workloads if one.ref not in {*done.restarted, *done.already, *done.gone}]
        error.details |= {"restarted": done.restarted, "already": done.already, "untouched": untouched}
        if isinstance(error, SettleTimeout):
            error.hint = error.hint or _hint(error, len(untouched))
        raise
    return done


def _within(deadline: Deadline, each: float, first: Workload) -> Deadline:
    if deadline.passed:
        raise SettleTimeout(f"No time is left to restart {first.ref}: {deadline.seconds:g} s are over.")
    return Deadline(min(each, deadline.left()))


def _hint(error: SettleTimeout, untouched: int) -> str:
    hint = f"{untouched} workloads after it were left as they are."
    if any(str(entry.get("object")).startswith("StatefulSet") for entry in error.details.get("unready") or ()):
        hint += " A StatefulSet waits for a broken pod even when its template is mended: delete that pod then."
    return hint


def _refuse_blocked(workloads: Sequence[Workload]) -> None:
    blocked = [one for one in workloads if one.blockers]
    if blocked:
        raise GuardRefused(
            "These cannot be restarted: "
            + "; ".join(f"{one.ref}: {', '.join(one.blockers)}" for one in blocked[:20])
            + ".",
            hint="See to them by hand, or leave them out.",
            details={"blocked": [one.ref for one in blocked]},
        )


def _refuse_referring(client: Client, workloads: Sequence[Workload]) -> None:
    """Labels cannot be written into a pod template that is another's."""
    for one in workloads:
        live = client.get(ROLLOUT, one.name, one.namespace) if one.kind == "Rollout" else None
        other = dig(live or {}, "spec", "workloadRef")
        if other:
            raise GuardRefused(
                f"{one.ref} has its pod template in {other.get('kind')} {one.namespace}/{other.get('name')}: labels"
                " are not written there, as that starts an update of the Rollout.",
                hint="Change the labels of that pod template by hand, or leave the Rollout out.",
                details={"blocked": [one.ref]},
            )


def _roomy(
    client: Client,
    group: Sequence[Workload],
    restart_id: str,
    headroom: bool | Callable[[Workload], bool],
    deadline: Deadline,
) -> int:
    """How many of the group may be restarted now, as far as disruption budgets are asked."""
    if not headroom:
        return len(group)

    def labels(one: Workload) -> Mapping[str, str] | None:
        if not (headroom if isinstance(headroom, bool) else headroom(one)):
            return None
        live = client.get(RESTARTABLE[one.kind], one.name, one.namespace)
        # What is under way already is itself what takes the room.
        if live is None or restart_id_of(live) == restart_id:
            return None
        template = dig(live, "spec", "template")
        if template:
            return labels_of(template)
        pod = client.get(POD, one.pods[0], one.namespace) if one.pods else None
        return labels_of(pod) if pod else None

    return with_headroom(client, list(zip(group, client.many(labels, group), strict=True)), deadline)


def _ref(one: Workload) -> tuple[Any, str, str]:
    return RESTARTABLE[one.kind], one.namespace, one.name


def _restart(
    client: Client,
    one: Workload,
    restart_id: str,
    labels: Mapping[str, str | None],
    started: Callable[[Workload], None] | None,
) -> str:
    """What happened, as a field of Restarted."""
    kind = RESTARTABLE[one.kind]
    for attempt in range(_CONFLICTS):
        live = client.get(kind, one.name, one.namespace)
        if live is None:
            return "gone"
        if restart_id_of(live) == restart_id:
            return "already"
        if started is not None and not attempt:
            started(one)
        try:
            client.patch(
                kind,
                one.name,
                one.namespace,
                _patch(live, restart_id, labels),
                resource_version=live["metadata"]["resourceVersion"],
            )
        except NotFound:
            return "gone"
        except Conflict:
            # Its status changes while pods come and go.
            if attempt + 1 == _CONFLICTS:
                raise
            continue
        return "restarted"
    raise AssertionError("unreachable")


def _patch(live: Obj, restart_id: str, labels: Mapping[str, str | None]) -> dict[str, Any]:
    """A change of the template makes an Argo Rollout walk its canary steps; told to restart, it replaces its pods.

    If its labels have to change there is no other way than its steps, which end a restart that is under way.
    """
    mark: dict[str, Any] = {"annotations": {RESTART_ANNOTATION: restart_id}}
    more = differing(labels_of(dig(live, "spec", "template") or {}), labels)
    if live.get("kind") == "Rollout":
        if more:
            return {"metadata": mark, "spec": {"template": {"metadata": {"labels": more}}}}
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"metadata": mark, "spec": {"restartAt": now}}
    return {"spec": {"template": {"metadata": {**mark, "labels": more} if more else mark}}}
