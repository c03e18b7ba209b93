# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What stands in the way of a move in the workloads themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..._checks.policy.scene import WORKLOAD_ENTRY
from ..._checks.snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of, ref
from ..._corridor.enrollment.moving import workloads_to_move
from .blocker import Blocker
from .blockers_sight import Sight, named
from .blockers_table import blocked
from .model import INJECT_LABEL, MODE_LABEL
from .move import Move

_TEMPLATES = "inject.istio.io/templates"
_SPIRE_DRIVER = "csi.spiffe.io"
_REGISTERED = "istio.io/autoRegistrationGroup"


def on_host_network(sight: Sight, move: Move) -> Iterator[Blocker]:
    """Of a workload its template tells; of what is in none, its pods."""
    takes = "istio-cni captures" if move.goal.mode == "ambient" else "the injector takes"
    found = {
        owner
        for owner, obj in sight.owners(move.namespace).items()
        if dig(obj, "spec", "template", "spec", "hostNetwork") is True
    }
    for owner, pods in sight.pods(move.namespace).items():
        if any((namespace_of(pod), name_of(pod)) in sight.survey.on_host for pod in pods):
            found.add(owner)
    for owner in sorted(found):
        message = f"its pods are on their host's network: {takes} none of them"
        yield blocked("host-network", move.namespace, named(move.namespace, owner), message)


def opted_out(sight: Sight, move: Move) -> Iterator[Blocker]:
    """Workloads that are kept out of the mesh by a label that only injectors heed."""
    for owner, pods in sight.pods(move.namespace).items():
        pod = _new_pod(sight, move.namespace, owner, pods)
        labels = labels_of(pod)
        says = labels.get(INJECT_LABEL, annotations_of(pod).get(INJECT_LABEL))
        # A Job says so to get to its end, which ambient mode does not keep it from.
        if says == "false" and labels.get(MODE_LABEL) != "none" and owner[0] != "Job":
            yield blocked(
                "opt-out-ignored",
                move.namespace,
                named(move.namespace, owner),
                f"its pods say {INJECT_LABEL}: false, of which ambient mode takes no heed: it would capture them",
            )


def spire(sight: Sight, move: Move) -> Iterator[Blocker]:
    for owner, pods in sight.pods(move.namespace).items():
        if any(_by_spire(pod) for pod in (_new_pod(sight, move.namespace, owner, pods), *pods[:1])):
            message = "it has its identity from SPIRE, which ztunnel does not ask"
            yield blocked("spire", move.namespace, named(move.namespace, owner), message)


def virtual_machines(sight: Sight, move: Move) -> Iterator[Blocker]:
    for entry in sight.of(WORKLOAD_ENTRY, move.namespace):
        # Others are addresses outside the mesh, of which a ServiceEntry speaks.
        if dig(entry, "spec", "serviceAccount") or _REGISTERED in annotations_of(entry):
            message = "a virtual machine of the mesh cannot join ambient mode"
            yield blocked("virtual-machines", move.namespace, ref(entry), message)


def restarts(sight: Sight, move: Move, restart_ids: Mapping[str, str]) -> Iterator[Blocker]:
    """What stands in the way of making pods anew, of those workloads that the move restarts."""
    moving = workloads_to_move(
        sight.survey, move, restart_id=restart_ids.get(move.namespace, ""), excluded=sight.excluded
    )
    for one in moving:
        yield from one.hindrances


def _new_pod(sight: Sight, namespace: str, owner: tuple[str, str], pods: Sequence[Obj]) -> Obj:
    """The template that its next pod is made from, where it has one."""
    found: Any = dig(sight.owners(namespace).get(owner) or {}, "spec", "template")
    return found if isinstance(found, Mapping) else pods[0]


def _by_spire(pod: Obj) -> bool:
    if "spire" in annotations_of(pod).get(_TEMPLATES, "").split(","):
        return True
    return any(dig(volume, "csi", "driver") == _SPIRE_DRIVER for volume in dig(pod, "spec", "volumes") or ())
