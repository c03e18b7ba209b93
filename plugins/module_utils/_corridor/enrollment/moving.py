# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.


"""Which workloads a move restarts, as their pods would come back otherwise; and what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from ..._checks.skew import revision_of
from ..._checks.snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of
from ..._desired.enrollment.blocker import Blocker
from ..._desired.enrollment.model import INJECT_LABEL, MODE_LABEL, REVISION_LABEL, STATUS_ANNOTATION, Expectation
from ..._desired.enrollment.move import Move
from ..._kube.readiness import readiness
from ..workloads import (
    RESTARTABLE,
    Owner,
    Workload,
    by_owner,
    described,
    hindrances_of,
    is_begun,
    made_by,
    owners_by_name,
)
from .survey import Survey

# The injector gives it to pods whose proxy speaks HBONE.
TUNNEL_LABEL = "networking.istio.io/tunnel"
TUNNEL = "http"


class WithHbone:
    """Expects of pods that they have a proxy which speaks HBONE, whatever its revision."""

    mode: Literal["sidecar"] = "sidecar"

    def missed(self, pod: Obj) -> str:
        if not annotations_of(pod).get(STATUS_ANNOTATION):
            return "has no proxy"
        speaks = labels_of(pod).get(TUNNEL_LABEL) == TUNNEL
        return "" if speaks else f"has a proxy that does not speak HBONE (no label {TUNNEL_LABEL}: {TUNNEL})"


def workloads_to_move(
    survey: Survey, move: Move, *, restart_id: str = "", excluded: Collection[str] = ()
) -> list[Workload]:
    """The workloads of the move's namespace that a restart brings to what it expects, once the labels are changed.

    To ambient and to none those whose pods have a proxy; to sidecar those whose pods have none, or one of another
    revision. Left out are gateways and waypoints, pods on the host's network, pods that opt out themselves, and what
    is `excluded` by any of its names ("namespace/Kind/name", "Kind namespace/name"). What cannot be restarted, or only
    at a risk, is there with its `hindrances`. With `restart_id` those that this restart has begun and not finished
    come first, whatever became of their pods: they are settled before others are touched.
    """
    return _Moving(survey, move.namespace, move.expects, restart_id).workloads(excluded)


def workloads_without_hbone(
    survey: Survey, namespace: str, *, restart_id: str = "", excluded: Collection[str] = ()
) -> list[Workload]:
    """The namespace's workloads whose proxies do not speak HBONE, which a restart changes if their injector enables it.

    Otherwise as `workloads_to_move`; `restart` expects WithHbone() of them then.
    """
    return _Moving(survey, namespace, WithHbone(), restart_id, injected=True).workloads(excluded)


class _Moving:
    def __init__(
        self, survey: Survey, namespace: str, expects: Expectation | WithHbone, restart_id: str, injected: bool = False
    ) -> None:
        self.scene = survey.scene
        self.namespace = namespace
        self.expects = expects
        self.restart_id = restart_id
        # Only pods that have a proxy now.
        self.injected = injected
        self.owners = owners_by_name(survey.owners.get(namespace, ()))
        self.budgets = survey.budgets.get(namespace, ())
        self.made_by = made_by(survey.replica_sets.get(namespace, ()))
        self.on_host = survey.on_host

    def workloads(self, excluded: Collection[str]) -> list[Workload]:
        pods, out = self.scene.pods.get(self.namespace, ()), frozenset(excluded)
        begun: list[Workload] = []
        others: list[Workload] = []
        groups = by_owner((pod for pod in pods if self._may_be_ours(pod)), self.made_by)
        for key, mine in groups.items():
            found = self._workload(key, mine)
            if found is not None and not found.names & out:
                (begun if is_begun(self.owners.get(key), self.restart_id) else others).append(found)
        for key, owner in self.owners.items():
            if key not in groups and key[0] in RESTARTABLE and is_begun(owner, self.restart_id) and _unready(owner):
                found = described(key, namespace_of(owner), "", (), ())
                if not found.names & out:
                    begun.append(found)
        return [*sorted(begun, key=_order), *sorted(others, key=_order)]

    def _may_be_ours(self, pod: Obj) -> bool:
        # To the host's network no proxy comes.
        return self.scene.enrolled(pod) != "gateway" and (self.namespace, name_of(pod)) not in self.on_host

    def _workload(self, key: Owner, pods: Sequence[Obj]) -> Workload | None:
        owner = self.owners.get(key)
        begun = is_begun(owner, self.restart_id)
        missing = [pod for pod in pods if self._missed(pod)]
        left = begun and (_unready(owner) or any(self.expects.missed(pod) for pod in pods))
        if not missing and not left:
            return None
        again = _made_again(owner, pods[0])
        if not left and self._opts_out(again):
            return None
        hindrances = hindrances_of(key, self.namespace, owner, pods, self.budgets, begun=begun)
        if self.expects.mode != "sidecar" and missing:
            hindrances += _asks_itself(key, self.namespace, owner, labels_of(again))
        proxies = [pod for pod in missing if annotations_of(pod).get(STATUS_ANNOTATION)]
        return described(key, self.namespace, revision_of(proxies[0]) if proxies else "", missing, hindrances)

    def _missed(self, pod: Obj) -> bool:
        """Whether a pod is not as expected in a way that only a new pod is."""
        injected = bool(annotations_of(pod).get(STATUS_ANNOTATION))
        if self.expects.mode == "sidecar":
            return (injected or not self.injected) and bool(self.expects.missed(pod))
        return injected

    def _opts_out(self, pod: Obj) -> bool:
        if self.expects.mode == "sidecar":
            return labels_of(pod).get(INJECT_LABEL, annotations_of(pod).get(INJECT_LABEL)) == "false"
        return self.expects.mode == "ambient" and labels_of(pod).get(MODE_LABEL) == "none"


def _unready(owner: Obj | None) -> bool:
    return owner is not None and not readiness(dict(owner)).ready


def _made_again(owner: Obj | None, pod: Obj) -> Obj:
    """What a new pod would be like: the owner's template, if it has one; a Rollout may refer to another's."""
    return (dig(owner, "spec", "template") if owner is not None else None) or pod


def _asks_itself(key: Owner, namespace: str, owner: Obj | None, labels: Mapping[str, str]) -> list[Blocker]:
    """Why a new pod would have a proxy again although its namespace does not ask for one."""
    place = f"{key[0]} {namespace}/{key[1]}"
    by_hand = annotations_of(dig(owner or {}, "spec", "template") or {}).get(STATUS_ANNOTATION)
    if by_hand:
        message = "its pod template has a proxy written into it: a restart would bring it back"
        return [Blocker("asks-itself", namespace, place, message, "Take the proxy out of the pod template.")]
    asks = ""
    if labels.get(INJECT_LABEL) == "true":
        asks = f"{INJECT_LABEL}=true"
    elif labels.get(REVISION_LABEL) and labels.get(INJECT_LABEL) != "false":
        asks = f"{REVISION_LABEL}={labels[REVISION_LABEL]}"
    if not asks:
        return []
    message = f"its pods ask for a proxy themselves, by the label {asks}: a restart would bring it back"
    return [Blocker("asks-itself", namespace, place, message, "Take the label out of the pod template.")]


def _order(one: Workload) -> tuple[str, str]:
    return one.kind, one.name
