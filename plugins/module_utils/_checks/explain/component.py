# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A pod of the mesh itself: istiod, istio-cni, ztunnel. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .. import control_plane, mesh, selectors, webhooks
from ..model import Finding, NotApplicable
from ..snapshot import Obj, dig, labels_of, name_of, namespace_of, number, ref
from .connected import connected_steps
from .model import Step
from .sight import Sight, guarded, is_ready
from .ztunnel import ztunnel_pod_steps

_LEVEL = {"error": "broken", "warning": "warning", "info": "info"}


def component_of(sight: Sight, pod: Obj) -> tuple[str, Obj] | None:
    """`istiod`, `istio-cni` or `ztunnel`, and the workload that the pod is of; None for any other pod."""
    for plane in sight.planes:
        if plane.namespace == namespace_of(pod) and _chosen(plane.deployment, pod):
            return "istiod", plane.deployment
    for component in (mesh.CNI, mesh.ZTUNNEL):
        for daemon_set in mesh.components(sight.snapshot, component):
            if namespace_of(daemon_set) == namespace_of(pod) and _chosen(daemon_set, pod):
                return component, daemon_set
    return None


def workload_component(sight: Sight, namespace: str, name: str) -> bool:
    """Whether a name is that of a workload of the mesh itself."""
    found = [plane.deployment for plane in sight.planes]
    for component in (mesh.CNI, mesh.ZTUNNEL):
        found += mesh.components(sight.snapshot, component)
    return any((namespace_of(item), name_of(item)) == (namespace, name) for item in found)


def component_steps(sight: Sight, pod: Obj, component: str, workload: Obj) -> Iterator[Step]:
    if component == mesh.ZTUNNEL:
        yield from guarded("ztunnel", "What ztunnel needs", lambda: ztunnel_pod_steps(sight, workload))
        yield from guarded("connected", "Connected to istiod", lambda: _serves(sight, pod))
    elif component == mesh.CNI:
        yield from _covers(workload)
    else:
        yield from guarded("istiod", "The control plane", lambda: _istiod(sight, workload))


def _serves(sight: Sight, pod: Obj) -> Iterator[Step]:
    # A ztunnel that is not ready yet is not connected: what keeps it from that has been told.
    if is_ready(pod):
        yield from connected_steps(sight, pod)


def _covers(daemon_set: Obj) -> Iterator[Step]:
    desired, ready = number(daemon_set, "status", "desiredNumberScheduled"), number(daemon_set, "status", "numberReady")
    yield Step(
        "nodes",
        "On every node",
        "ok" if ready >= desired else "warning",
        f"{ref(daemon_set)} is ready on {ready} of {desired} nodes.",
        (ref(daemon_set),),
        (),
        "" if ready >= desired else f"kubectl -n {namespace_of(daemon_set)} get pods -o wide -l k8s-app=istio-cni-node",
    )


def _istiod(sight: Sight, deployment: Obj) -> Iterator[Step]:
    for step, title, fine, ask in (
        ("replicas", "Its Deployment", "It is rolled out.", control_plane.replicas),
        ("service", "Its Service", "A Service leads to it.", control_plane.endpoints),
        ("webhooks", "Its webhooks", "The API server can call it for injection and validation.", webhooks.webhooks),
    ):
        try:
            findings: list[Finding] = list(ask(sight.snapshot))
        except NotApplicable:
            continue
        if ask is not webhooks.webhooks:
            findings = [one for one in findings if ref(deployment) in one.objects]
        for one in findings:
            # That it has no spare replica is no trouble of a pod's.
            level = _LEVEL[one.severity] if one.severity == "error" else "info"
            yield Step(step, title, level, one.title, one.objects, one.evidence, one.remedy)  # type: ignore[arg-type]
        if not findings:
            yield Step(step, title, "ok", fine, (ref(deployment),))


def _chosen(workload: Obj, pod: Obj) -> bool:
    selector = dig(workload, "spec", "selector")
    return bool(selector) and selectors.matches(selector, labels_of(pod))
