# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which workloads of a namespace run proxies of a revision, and what stands in the way of restarting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .._checks import selectors
from .._checks.skew import revision_of
from .._checks.snapshot import Obj, annotations_of, dig, labels_of, meta, name_of, namespace_of, number, ref
from .._kube import kinds
from .._kube.kinds import Kind
from .._kube.readiness import readiness

RESTART_ANNOTATION = "meshwright.io/restart"
_STATUS = "sidecar.istio.io/status"
_MANAGED = "gateway.istio.io/managed"
# Those that make their pods anew when their template changes; a Rollout does when told to restart.
RESTARTABLE: dict[str, Kind] = {
    "Deployment": kinds.DEPLOYMENT,
    "StatefulSet": kinds.STATEFUL_SET,
    "DaemonSet": kinds.DAEMON_SET,
    "Rollout": kinds.ROLLOUT,
}


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload with injected pods of one revision. `pods` are their names; none when it was left half restarted.

    One with `blockers` is not restarted: it says in words why that would do nothing or harm. `notes` are what a
    person should know, such as a single replica. `kind` is the owner's, or Pod for a pod that nobody owns.
    """

    kind: str
    namespace: str
    name: str
    revision: str
    pods: tuple[str, ...]
    blockers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def workloads_of(
    revision: str,
    *,
    pods: Sequence[Obj],
    replica_sets: Sequence[Obj] = (),
    budgets: Sequence[Obj] = (),
    owners: Sequence[Obj] = (),
    restart_id: str = "",
) -> list[Workload]:
    """The workloads that have injected pods of this revision; of pods and ReplicaSets, metadata is enough.

    Left out are pods that are ending, and those that istiod makes for Gateways: they follow the Gateway. With
    `restart_id` there are also those, without pods of the revision, that a restart of this id has left unready: a run
    that was killed did not wait for them.
    """
    made_by = {name_of(one): _controller(one) for one in replica_sets}
    known = {(str(one.get("kind")), name_of(one)): one for one in owners}
    groups: dict[tuple[str, str], list[Obj]] = {}
    for pod in injected_on(pods, revision):
        kind, name = _controller(pod) or ("Pod", name_of(pod))
        if kind == "ReplicaSet":
            kind, name = made_by.get(name) or (kind, name)
        groups.setdefault((kind, name), []).append(pod)
    found = []
    for (kind, name), mine in groups.items():
        owner = known.get((kind, name))
        blockers = _blockers(kind, owner)
        found.append(
            Workload(
                kind=kind,
                namespace=namespace_of(mine[0]),
                name=name,
                revision=revision,
                pods=tuple(sorted(name_of(pod) for pod in mine)),
                blockers=tuple(blockers),
                notes=tuple(_notes(owner, mine, budgets)) if owner is not None else (),
            )
        )
    for key, owner in known.items():
        begun = restart_id and key not in groups and restart_id_of(owner) == restart_id
        if begun and not readiness(dict(owner)).ready:
            found.append(Workload(key[0], namespace_of(owner), key[1], revision, ()))
    return sorted(found, key=lambda one: (one.namespace, one.kind, one.name))


def restart_id_of(owner: Obj) -> str:
    """The id of the last restart; in the template, but for a Rollout, whose template stays as it is."""
    where = owner if owner.get("kind") == "Rollout" else dig(owner, "spec", "template") or {}
    return str(annotations_of(where).get(RESTART_ANNOTATION, ""))


def injected_on(pods: Sequence[Obj], revision: str) -> list[Obj]:
    """The injected pods of a revision, but for those being deleted."""
    return [
        pod
        for pod in pods
        if annotations_of(pod).get(_STATUS)
        and not labels_of(pod).get(_MANAGED)
        and not meta(pod).get("deletionTimestamp")
        and revision_of(pod) == revision
    ]


def _controller(obj: Obj) -> tuple[str, str] | None:
    for owner in meta(obj).get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("kind")), str(owner.get("name"))
    return None


def _blockers(kind: str, owner: Obj | None) -> list[str]:
    if kind == "Pod":
        return ["nobody would make the pod anew"]
    if kind == "Job":
        return ["a Job's pods run to their end; its next run gets the new revision"]
    if kind not in RESTARTABLE:
        return [f"it is not known how a {kind} restarts its pods"]
    if owner is None:
        return [f"its {kind} does not exist any more"]
    found = []
    if dig(owner, "spec", "paused"):
        found.append(f"the {kind} is paused")
    strategy = dig(owner, "spec", "updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        found.append("its update strategy is OnDelete: only deleting its pods makes new ones")
    partition = dig(strategy, "rollingUpdate", "partition")
    if partition:
        found.append(f"its partition {partition} keeps pods as they are")
    return found


def _notes(owner: Obj, pods: Sequence[Obj], budgets: Sequence[Obj]) -> list[str]:
    found = []
    replicas = dig(owner, "spec", "replicas")
    if owner.get("kind") != "DaemonSet" and (1 if replicas is None else replicas) == 1:
        found.append("single replica: it may be away while it restarts")
    if dig(owner, "spec", "strategy", "type") == "Recreate":
        found.append("its strategy is Recreate: all its pods go before new ones come")
    labels: Mapping[str, str] = labels_of(pods[0])
    for budget in budgets:
        selector = dig(budget, "spec", "selector")
        chosen = selector is not None and selectors.matches(selector, labels)
        if chosen and number(budget, "status", "expectedPods") and not number(budget, "status", "disruptionsAllowed"):
            found.append(f"{ref(budget)} allows no disruption now; a rollout does not ask it")
    return found
