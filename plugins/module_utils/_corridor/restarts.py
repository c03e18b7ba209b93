# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Restarting workloads once, so many at a time, and stopping at the first that does not come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .._checks import selectors
from .._checks.snapshot import Obj, dig, labels_of, name_of
from .._errors import Conflict, GuardRefused, NotFound, SettleTimeout
from .._kube.client import Client, Deadline
from .._kube.kinds import PDB, POD, REPLICA_SET, ROLLOUT, Kind
from .settle import settle
from .workloads import RESTART_ANNOTATION, RESTARTABLE, Workload, injected_on, restart_id_of, workloads_of

_RUNNING = "status.phase!=Succeeded,status.phase!=Failed"
_CONFLICTS = 5
_PAUSE = 0.5


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
    at_a_time: int = 1,
    each: float = 300.0,
    said: Callable[[str], None] | None = None,
) -> Restarted:
    """Restart them in order, `at_a_time` together, each group settled before the next; `each` is a group's seconds.

    The id is written into the pod template: a workload that has it already is not restarted again, but settled.
    `said` is told of each workload that is done. Raises GuardRefused, before anything is written, for workloads with
    blockers; SettleTimeout when a workload does not become ready, or keeps pods on the old revision: its details
    have `restarted`, `already` and `untouched`, besides `unready`.
    """
    blocked = [one for one in workloads if one.blockers]
    if blocked:
        raise GuardRefused(
            "These cannot be restarted: "
            + "; ".join(f"{one.ref}: {', '.join(one.blockers)}" for one in blocked[:20])
            + ".",
            hint="See to them by hand, or leave them out.",
            details={"blocked": [one.ref for one in blocked]},
        )
    done = Restarted()
    for start in range(0, len(workloads), max(1, at_a_time)):
        group = workloads[start : start + max(1, at_a_time)]
        within = Deadline(min(each, deadline.left()))
        try:
            if within.passed:
                raise SettleTimeout(f"No time is left to restart {group[0].ref}: {deadline.seconds:g} s are over.")
            touched = []
            for one in group:
                outcome = _restart(client, one, restart_id)
                getattr(done, outcome).append(one.ref)
                if outcome != "gone":
                    touched.append(one)
            settle(client, [_ref(one) for one in touched], deadline=within)
            _wait_for_new_pods(client, touched, within)
        except SettleTimeout as error:
            untouched = [one.ref for one in workloads if one.ref not in {*done.restarted, *done.already, *done.gone}]
            error.details |= {"restarted": done.restarted, "already": done.already, "untouched": untouched}
            error.hint = error.hint or f"{len(untouched)} workloads after it were left as they are."
            raise
        if said is not None:
            for one in touched:
                said(one.ref)
    return done


def _ref(one: Workload) -> tuple[Any, str, str]:
    return RESTARTABLE[one.kind], one.namespace, one.name


def _restart(client: Client, one: Workload, restart_id: str) -> str:
    """What happened, as a field of Restarted."""
    kind = RESTARTABLE[one.kind]
    for attempt in range(_CONFLICTS):
        live = client.get(kind, one.name, one.namespace)
        if live is None:
            return "gone"
        if restart_id_of(live) == restart_id:
            return "already"
        try:
            client.patch(
                kind,
                one.name,
                one.namespace,
                _patch(live, restart_id),
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


def _patch(live: Obj, restart_id: str) -> dict[str, Any]:
    """A change of the template makes an Argo Rollout walk its canary steps; told to restart, it replaces its pods."""
    mark = {"metadata": {"annotations": {RESTART_ANNOTATION: restart_id}}}
    if live.get("kind") == "Rollout":
        return {**mark, "spec": {"restartAt": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}}
    return {"spec": {"template": mark}}


def _wait_for_new_pods(client: Client, group: Sequence[Workload], deadline: Deadline) -> None:
    """Until none of the pods that were there on the old revision, nor any new one of it, is there."""
    while True:
        left = {one.ref: names for one in group if (names := _old_pods(client, one))}
        if not left:
            return
        if deadline.passed:
            lines = "; ".join(f"{ref}: {', '.join(names[:5])}" for ref, names in left.items())
            raise SettleTimeout(
                f"Pods of revision {group[0].revision} are still there: {lines}.",
                hint="See which revision or tag injects there: a new pod of the old revision was injected by it.",
                details={"unready": [{"object": ref, "reason": f"old pods {names}"} for ref, names in left.items()]},
            )
        deadline.sleep(_PAUSE)


def _old_pods(client: Client, one: Workload) -> list[str]:
    live = client.get(RESTARTABLE[one.kind], one.name, one.namespace)
    if live is None:
        return []
    selector = dig(live, "spec", "selector") or {}
    query = ",".join(f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items())
    pods = client.list(POD, one.namespace, labels=query, fields=_RUNNING, metadata_only=True)
    # A Rollout that refers to a Deployment has no selector of its own.
    mine = [
        pod for pod in pods if (selectors.matches(selector, labels_of(pod)) if selector else name_of(pod) in one.pods)
    ]
    return sorted(name_of(pod) for pod in injected_on(mine, one.revision))
