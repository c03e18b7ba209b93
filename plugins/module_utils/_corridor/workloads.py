# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Which workloads of a namespace run proxies of a revision, and what stands in the way of restarting them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .._checks import selectors
from .._checks.skew import revision_of
from .._checks.snapshot import Obj, annotations_of, dig, labels_of, meta, name_of, namespace_of, number, ref
from .._desired.enrollment.blocker import Blocker
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
# A restart is possible all the same, and costs something: a person has to know.
RISKS = frozenset({"single-replica", "recreate", "budget-without-headroom"})
_TEMPLATE_HASHES = {"pod-template-hash": "Deployment", "rollouts-pod-template-hash": "Rollout"}
_HINTS = {
    "lone-pod": "Delete it and make it anew by hand.",
    "job": "Let it run to its end, or delete it and start it anew.",
    "unknown-owner": "Restart it by hand.",
    "owner-gone": "Delete its pods.",
    "paused": "Resume it.",
    "on-delete": "Change its update strategy, or delete its pods by hand, one after the other.",
    "partition": "Set the partition to 0.",
    "single-replica": "Scale it up while it is restarted.",
    "recreate": "Change its strategy to RollingUpdate.",
    "budget-without-headroom": "See whether its pods are ready, or add a replica.",
}

Owner = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload with pods that are to be made anew. `pods` are their names; none when it was left half restarted.

    `revision` is that of their proxies, "" if they have none. `kind` is the owner's, or Pod for a pod that nobody owns.
    `hindrances` are all that stands in the way. In words, one with `blockers` is not restarted: that would do nothing
    or harm; `notes` are what a person should know (RISKS), such as a single replica.
    """

    kind: str
    namespace: str
    name: str
    revision: str
    pods: tuple[str, ...]
    blockers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hindrances: tuple[Blocker, ...] = ()

    @property
    def ref(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def names(self) -> frozenset[str]:
        """How people may name it."""
        place = f"{self.namespace}/{self.name}"
        return frozenset((self.ref, place, f"{self.namespace}/{self.kind}/{self.name}", f"{self.kind}/{place}"))


def described(
    owner: Owner, namespace: str, revision: str, pods: Iterable[Obj], hindrances: Sequence[Blocker]
) -> Workload:
    """A workload; what is said of it in words comes from its hindrances."""
    return Workload(
        kind=owner[0],
        namespace=namespace,
        name=owner[1],
        revision=revision,
        pods=tuple(sorted(name_of(pod) for pod in pods)),
        blockers=tuple(one.message for one in hindrances if one.id not in RISKS),
        notes=tuple(one.message for one in hindrances if one.id in RISKS),
        hindrances=tuple(hindrances),
    )


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
    known = owners_by_name(owners)
    groups = by_owner(injected_on(pods, revision), made_by(replica_sets))
    found = []
    for key, mine in groups.items():
        owner = known.get(key)
        begun = is_begun(owner, restart_id)
        hindrances = hindrances_of(key, namespace_of(mine[0]), owner, mine, budgets, begun=begun)
        found.append(described(key, namespace_of(mine[0]), revision, mine, hindrances))
    for key, owner in known.items():
        if key not in groups and is_begun(owner, restart_id) and not readiness(dict(owner)).ready:
            found.append(Workload(key[0], namespace_of(owner), key[1], revision, ()))
    return sorted(found, key=lambda one: (one.namespace, one.kind, one.name))


def owners_by_name(owners: Iterable[Obj]) -> dict[Owner, Obj]:
    return {(str(one.get("kind")), name_of(one)): one for one in owners}


def made_by(replica_sets: Iterable[Obj]) -> dict[str, Owner | None]:
    """Who made each ReplicaSet, by its name; None for nobody."""
    return {name_of(one): _controller(one) for one in replica_sets}


def by_owner(pods: Iterable[Obj], replica_sets: Mapping[str, Owner | None]) -> dict[Owner, list[Obj]]:
    """Pods (metadata, of one namespace) by who makes them, as far as is known; a pod that nobody owns by itself.

    A ReplicaSet that is not among these, as it is newer, is told by the hash in its name, which is in its pods' labels.
    """
    groups: dict[Owner, list[Obj]] = {}
    for pod in pods:
        owner = _controller(pod) or ("Pod", name_of(pod))
        if owner[0] == "ReplicaSet":
            owner = replica_sets.get(owner[1]) or (_by_hash(pod, owner[1]) if owner[1] not in replica_sets else owner)
        groups.setdefault(owner, []).append(pod)
    return groups


def _by_hash(pod: Obj, replica_set: str) -> Owner:
    for label, kind in _TEMPLATE_HASHES.items():
        name, _dash, end = replica_set.rpartition("-")
        if name and end == labels_of(pod).get(label):
            return kind, name
    return "ReplicaSet", replica_set


def is_begun(owner: Obj | None, restart_id: str) -> bool:
    """Whether a restart of this id has already reached it."""
    return bool(restart_id) and owner is not None and restart_id_of(owner) == restart_id


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


def covering(budgets: Iterable[Obj], labels: Mapping[str, str]) -> list[Obj]:
    """The disruption budgets of a namespace that count pods with these labels."""
    return [
        budget
        for budget in budgets
        # Without a selector it counts none, with an empty one all.
        if (selector := dig(budget, "spec", "selector")) is not None and selectors.matches(selector, labels)
    ]


def hindrances_of(
    key: Owner, namespace: str, owner: Obj | None, pods: Sequence[Obj], budgets: Iterable[Obj], *, begun: bool = False
) -> list[Blocker]:
    """What stands in the way of restarting a workload. What is `begun` already runs its risks: it is only settled."""
    place = f"{key[0]} {namespace}/{key[1]}"
    found = [*_obstacles(key[0], owner)]
    if owner is not None and not begun:
        found += _risks(owner, pods, budgets)
    return [Blocker(what, namespace, place, message, _HINTS.get(what, "")) for what, message in found]


def _controller(obj: Obj) -> Owner | None:
    for owner in meta(obj).get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("kind")), str(owner.get("name"))
    return None


def _obstacles(kind: str, owner: Obj | None) -> list[tuple[str, str]]:
    if kind == "Pod":
        return [("lone-pod", "nobody would make the pod anew")]
    if kind == "Job":
        return [("job", "a Job's pods run to their end; only its next run follows")]
    if kind not in RESTARTABLE:
        return [("unknown-owner", f"it is not known how a {kind} restarts its pods")]
    if owner is None:
        return [("owner-gone", f"its {kind} does not exist any more")]
    found = []
    if dig(owner, "spec", "paused"):
        found.append(("paused", f"the {kind} is paused"))
    strategy = dig(owner, "spec", "updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        found.append(("on-delete", "its update strategy is OnDelete: only deleting its pods makes new ones"))
    partition = dig(strategy, "rollingUpdate", "partition")
    if partition:
        found.append(("partition", f"its partition {partition} keeps pods as they are"))
    return found


def _risks(owner: Obj, pods: Sequence[Obj], budgets: Iterable[Obj]) -> list[tuple[str, str]]:
    found = []
    replicas = dig(owner, "spec", "replicas")
    if owner.get("kind") != "DaemonSet" and (1 if replicas is None else replicas) == 1:
        found.append(("single-replica", "single replica: it may be away while it restarts"))
    if dig(owner, "spec", "strategy", "type") == "Recreate":
        found.append(("recreate", "its strategy is Recreate: all its pods go before new ones come"))
    for budget in covering(budgets, labels_of(pods[0])):
        if number(budget, "status", "expectedPods") and not number(budget, "status", "disruptionsAllowed"):
            message = f"{ref(budget)} allows no disruption now; a rollout does not ask it"
            found.append(("budget-without-headroom", message))
    return found
