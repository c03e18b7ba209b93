# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.


"""Around a restart: how many at a time, room in the disruption budgets before it, the expected pods after it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from .._checks.snapshot import Obj, annotations_of, dig, name_of, number, ref
from .._errors import ApiError, BadInput, SettleTimeout
from .._kube.client import Client, Deadline
from .._kube.kinds import PDB, POD, REPLICA_SET
from .workloads import Owner, Workload, by_owner, covering, injected_on, made_by

_STATUS = "sidecar.istio.io/status"
_ALIVE = "status.phase!=Succeeded,status.phase!=Failed"
_PAUSE = 0.5
# Seconds that a pod of a settled workload may be wrong for good before it counts: an old one is about to end.
_GRACE = 4.0
_EVIDENCE_TIME = 10.0
_LISTED = 5


class Expected(Protocol):
    """What is asked of pods after a restart; see Expectation."""

    @property
    def mode(self) -> str: ...

    def missed(self, pod: Obj) -> str: ...


def at_a_time(text: int | str, count: int) -> int:
    """How many of `count` workloads go together: "3", or "25%" of them, rounded down; at least one.

    Raises BadInput for anything else.
    """
    match = re.fullmatch(r"(\d{1,6})(%?)", str(text).strip())
    amount = int(match[1]) if match else 0
    if match is None or amount < 1 or (match[2] and amount > 100):
        raise BadInput(
            f"max_unavailable is {text!r}, which is neither a number from 1 on nor a percentage from 1% to 100%.",
            hint='Say how many workloads may be restarted together, such as 1 or "25%".',
        )
    return max(1, count * amount // 100) if match[2] else amount


# -- before it --------------------------------------------------------------------------------------------------


# With the labels of its pods; None if it needs no room.
Asking = tuple[Workload, "Mapping[str, str] | None"]


def with_headroom(client: Client, group: Sequence[Asking], deadline: Deadline) -> int:
    """How many of the group, from its start, their disruption budgets allow to be restarted together now.

    Waits until it is one at least. Raises SettleTimeout that names the budget.
    """
    while True:
        budgets = _budgets(client, group)
        used: dict[str, int] = {}
        missing = ""
        for count, (one, labels) in enumerate(group):
            mine = [] if labels is None else covering(budgets[one.namespace], labels)
            missing = next((told for each in mine if (told := _no_room(each, used.get(ref(each), 0)))), "")
            if missing and count:
                return count
            if missing:
                break
            for each in mine:
                used[ref(each)] = used.get(ref(each), 0) + 1
        if not missing:
            return len(group)
        if deadline.passed:
            first = group[0][0].ref
            raise SettleTimeout(
                f"{first} was not restarted: {missing} after {deadline.seconds:g} s.",
                hint="See whether its pods are ready; add a replica, or loosen the budget.",
                details={"unready": [{"object": first, "reason": missing}]},
            )
        deadline.sleep(_PAUSE)


def _budgets(client: Client, group: Sequence[Asking]) -> dict[str, list[Obj]]:
    asked = sorted({one.namespace for one, labels in group if labels is not None})
    return dict(zip(asked, client.many(lambda namespace: [*client.list(PDB, namespace)], asked), strict=True))


def _no_room(budget: Obj, used: int) -> str:
    """Why a budget allows no restart besides those `used`, in words."""
    generation, seen = dig(budget, "metadata", "generation"), dig(budget, "status", "observedGeneration")
    if seen is None or (generation is not None and seen < generation):
        return f"{ref(budget)} has not been looked at by its controller"
    allowed = number(budget, "status", "disruptionsAllowed")
    if allowed > used or not number(budget, "status", "expectedPods"):
        return ""
    if allowed:
        return f"{ref(budget)} allows no more than {allowed} at once"
    healthy, wanted = number(budget, "status", "currentHealthy"), number(budget, "status", "desiredHealthy")
    return f"{ref(budget)} allows no disruption ({healthy} pods healthy, {wanted} wanted)"


# -- after it ---------------------------------------------------------------------------------------------------


class Pods:
    """The pods of workloads, told by who makes them; ReplicaSets are listed for those only that no name tells."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._made_by: dict[str, dict[str, Owner | None]] = {}

    def of(self, group: Sequence[Workload], fields: str) -> dict[str, list[Obj]]:
        """Metadata of the pods that are not ending, by their workload's ref."""
        found: dict[str, list[Obj]] = {}
        for namespace in sorted({one.namespace for one in group}):
            pods = [
                pod
                for pod in self._client.list(POD, namespace, fields=fields, metadata_only=True)
                if not dig(pod, "metadata", "deletionTimestamp")
            ]
            known = self._made_by.setdefault(namespace, {})
            owners = by_owner(pods, known)
            if any(kind == "ReplicaSet" and name not in known for kind, name in owners):
                known |= made_by(self._client.list(REPLICA_SET, namespace, metadata_only=True))
                owners = by_owner(pods, known)
                # Those that are gone by now are not asked for again.
                known |= {name: None for kind, name in owners if kind == "ReplicaSet" and name not in known}
            for one in group:
                if one.namespace == namespace:
                    found[one.ref] = owners.get((one.kind, one.name), [])
        return found


def wait_for_pods(
    client: Client, group: Sequence[Workload], deadline: Deadline, *, expect: Expected | None = None
) -> None:
    """Until all pods of these settled workloads are as expected; without that, until none is of their old revision.

    Raises SettleTimeout that names pods and what they lack; at once, where no waiting helps.
    """
    if expect is None:
        group = [one for one in group if one.revision]
    pods = Pods(client)
    since: dict[str, float] = {}
    while True:
        # What is not Running may never be; whether enough are ready has been seen to.
        seen = pods.of(group, "status.phase=Running" if expect is not None else _ALIVE)
        wrong = {one.ref: _wrong(one, seen[one.ref], expect) for one in group}
        wrong = {ref: reasons for ref, reasons in wrong.items() if reasons}
        if not wrong:
            return
        now = time.monotonic()
        for one in group:
            for pod in seen[one.ref]:
                if expect is not None and name_of(pod) in wrong.get(one.ref, ()) and _for_good(one, pod, expect):
                    since.setdefault(name_of(pod), now)
        late = deadline.passed or any(now - begun >= _GRACE for begun in since.values())
        if late and expect is None:
            raise _still_old(group, wrong)
        if late and expect is not None:
            raise _not_as_expected(client, group, wrong, expect)
        deadline.sleep(_PAUSE)


def _wrong(one: Workload, pods: Sequence[Obj], expect: Expected | None) -> dict[str, str]:
    """What is wrong, by pod."""
    if expect is None:
        return {name_of(pod): "is of the old revision" for pod in injected_on(pods, one.revision)}
    return {name_of(pod): missed for pod in pods if (missed := expect.missed(pod))}


def _for_good(one: Workload, pod: Obj, expect: Expected) -> bool:
    """Whether the pod never gets what it lacks: a proxy comes and goes with the pod only, being captured comes later.

    A Rollout counts as settled while it still has old pods.
    """
    return one.kind != "Rollout" and (expect.mode == "sidecar" or bool(annotations_of(pod).get(_STATUS)))


def _still_old(group: Sequence[Workload], wrong: Mapping[str, Mapping[str, str]]) -> SettleTimeout:
    lines = "; ".join(f"{ref}: {', '.join([*names][:_LISTED])}" for ref, names in wrong.items())
    return SettleTimeout(
        f"Pods of revision {group[0].revision} are still there: {lines}.",
        hint="See which revision or tag injects there: a new pod of the old revision was injected by it.",
        details={"unready": [{"object": ref, "reason": f"old pods {sorted(names)}"} for ref, names in wrong.items()]},
    )


def _not_as_expected(
    client: Client, group: Sequence[Workload], wrong: Mapping[str, Mapping[str, str]], expect: Expected
) -> SettleTimeout:
    unready, lines, nodes, injected = [], [], set(), False
    late = client.with_deadline(Deadline(_EVIDENCE_TIME))
    for one in (one for one in group if one.ref in wrong):
        reasons = []
        for name, missed in sorted(wrong[one.ref].items())[:_LISTED]:
            node = ""
            with suppress(ApiError):
                pod = late.get(POD, name, one.namespace) or {}
                node = str(dig(pod, "spec", "nodeName") or "")
                injected = injected or bool(annotations_of(pod).get(_STATUS))
            nodes.add(node)
            reasons.append(f"pod {name}{f' on {node}' if node else ''} {missed}")
        more = len(wrong[one.ref]) - len(reasons)
        reasons += [f"and {more} more"] if more else []
        unready.append({"object": one.ref, "reason": "; ".join(reasons)})
        lines.append(f"{one.ref}: {'; '.join(reasons)}")
    return SettleTimeout(
        f"Restarted, but not as it should be: {'. '.join(lines)}.",
        hint=_look_at(expect.mode, sorted(nodes - {""}), injected),
        details={"unready": unready},
    )


def _look_at(mode: str, nodes: Sequence[str], injected: bool) -> str:
    again = "Then restart it by hand: this restart is done once only."
    if mode == "sidecar":
        return (
            "See what injects there: the labels of the namespace and of the pod template (sidecar.istio.io/inject), "
            f"the injector's webhook, istiod's log. {again}"
        )
    if injected:
        return f"See what still injects there: the labels of the namespace and of the pod template. {again}"
    if mode == "ambient":
        where = f" on {', '.join(nodes)}" if nodes else ""
        return f"See whether istio-cni and ztunnel are ready{where}, and the log of istio-cni there."
    return ""
