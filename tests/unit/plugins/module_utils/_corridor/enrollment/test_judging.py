# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who carries out which policy, on the way and in the end, as a move would leave it."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Scene
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import View
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.judging import enforcement
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.run import Work
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import Workload
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.journey import journey, wanted_labels
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import (
    Expectation,
    Goal,
    plane_of,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.move import Move
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.translate import Translation

Obj = dict[str, Any]
SIDECAR = {"istio-injection": "enabled"}
LABELS = {"app": "cart", "security.istio.io/tlsMode": "istio"}


def policy(**spec: Any) -> Obj:
    meta = {"name": "deny", "namespace": "shop"}
    return {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": spec}


L4 = policy(action="DENY", rules=[{"to": [{"operation": {"ports": ["9090"]}}]}])
HTTP = policy(action="DENY", rules=[{"to": [{"operation": {"paths": ["/admin"]}}]}])


def told(subject: Obj, mode: Any, *, waypoint: str | None = None) -> set[tuple[str, str]]:
    """Of a namespace with sidecars that goes to this mode: the classes of clients that lose the policy."""
    labels = dict(SIDECAR)
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    owner = [{"kind": "Deployment", "name": "cart", "controller": True}]
    meta = {"name": "cart-1", "namespace": "shop", "labels": LABELS, "ownerReferences": owner}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, "annotations": {"sidecar.istio.io/status": "{}"}}}
    now, goal = plane_of(space), Goal(mode, waypoint=waypoint)
    work = Work(
        Move("shop", now, goal, Expectation(mode)),
        space,
        journey(labels, wanted_labels("shop", labels, now, goal), mode),
        Translation(),
        workloads=[Workload("Deployment", "shop", "cart", "default", ("cart-1",))],
    )
    found = enforcement(View(Scene.of([space, pod, subject], everything=True)), [work])
    assert {row.verdict for row in found.before} == {"bound"}
    return {(row.client, row.verdict) for row in found.opened}


def test_what_ztunnel_carries_out_too_is_not_lost() -> None:
    assert told(L4, "ambient") == set()


def test_http_without_a_waypoint_is_lost_for_whoever_is_there() -> None:
    # Nobody is ambient before or after but this very workload.
    assert {("sidecar", "gap"), ("outside", "gap")} <= told(HTTP, "ambient")


def test_outside_the_mesh_nothing_is_carried_out() -> None:
    assert {("sidecar", "gap"), ("outside", "gap")} <= told(L4, "none")
