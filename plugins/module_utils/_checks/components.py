# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of what runs beside istiod: istio-cni and ztunnel, and the versions of all."""

from __future__ import annotations

from collections.abc import Iterator

from . import mesh
from .model import Check, Finding, NotApplicable, Severity
from .skew import version_skew
from .snapshot import Obj, Snapshot, dig, labels_of, meta, name_of, namespace_of, number, ref

_CATEGORY = "components"

_CONSEQUENCE = {
    mesh.CNI: "new pods on the nodes concerned may start without redirection, or not start at all",
    mesh.ZTUNNEL: "ambient traffic on the nodes concerned is cut or follows an old configuration",
}
# Nodes that run no DaemonSet by nature.
_VIRTUAL = {"type": "virtual-kubelet", "eks.amazonaws.com/compute-type": "fargate"}


def cni_ready(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0009."""
    found = mesh.components(snapshot, mesh.CNI)
    if not found:
        if not mesh.is_ambient(snapshot):
            mesh.require_control_planes(snapshot)
            raise NotApplicable("sidecar mode without istio-cni: pods redirect their traffic by an init container")
        yield Finding(
            "error",
            "The mesh is ambient, but there is no istio-cni DaemonSet: no pod can join it.",
            tuple(plane.ref for plane in mesh.control_planes(snapshot) if plane.ambient),
            ("no DaemonSet runs install-cni",),
            "Install it with meshwright.istio.istio_mesh (mode: ambient).",
        )
    for daemon_set in found:
        yield from _on_every_node(snapshot, daemon_set, mesh.CNI)


def ztunnel_ready(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0010."""
    found = mesh.components(snapshot, mesh.ZTUNNEL)
    if not found:
        if not mesh.is_ambient(snapshot):
            mesh.require_control_planes(snapshot)
            raise NotApplicable("sidecar mode: there is no ztunnel")
        yield Finding(
            "error",
            "istiod expects an ambient data plane, but there is no ztunnel DaemonSet.",
            tuple(plane.ref for plane in mesh.control_planes(snapshot) if plane.ambient),
            ("PILOT_ENABLE_AMBIENT is true", "no DaemonSet runs ztunnel"),
            "Install it with meshwright.istio.istio_mesh (mode: ambient).",
        )
    for daemon_set in found:
        yield from _on_every_node(snapshot, daemon_set, mesh.ZTUNNEL)


def _on_every_node(snapshot: Snapshot, daemon_set: Obj, component: str) -> Iterator[Finding]:
    """Ready and up to date on every node: a stuck update leaves the old pods ready, so ready alone says little."""
    desired = number(daemon_set, "status", "desiredNumberScheduled")
    updated = number(daemon_set, "status", "updatedNumberScheduled")
    ready, available = number(daemon_set, "status", "numberReady"), number(daemon_set, "status", "numberAvailable")
    generation, observed = (
        int(meta(daemon_set).get("generation") or 0),
        number(daemon_set, "status", "observedGeneration"),
    )
    where = namespace_of(daemon_set)
    remedy = f"kubectl -n {where} rollout status daemonset {name_of(daemon_set)}"
    counts = f"desired {desired}, updated {updated}, ready {ready}, available {available}"
    on_delete = dig(daemon_set, "spec", "updateStrategy", "type") == "OnDelete"
    if observed < generation:
        yield Finding(
            "error",
            f"{ref(daemon_set)} was changed and its controller has not acted on it yet.",
            (ref(daemon_set),),
            (f"generation {generation}, observed {observed}", counts),
            remedy,
        )
    elif updated < desired:
        stuck = ready >= desired
        severity: Severity = "warning" if on_delete and stuck else "error"
        yield Finding(
            severity,
            f"{component} is updated on {updated} of {desired} nodes"
            f"{' although it looks ready' if stuck else ''}: old pods serve on, the new ones are not up.",
            (ref(daemon_set),),
            (counts, *(("updateStrategy OnDelete",) if on_delete else ()), *mesh.pods_in_trouble(snapshot, daemon_set)),
            remedy,
        )
    elif ready < desired or available < desired:
        yield Finding(
            "error",
            f"{component} is ready on {ready} of {desired} nodes: {_CONSEQUENCE[component]}.",
            (ref(daemon_set),),
            (counts, *mesh.pods_in_trouble(snapshot, daemon_set)),
            f"kubectl -n {where} describe daemonset {name_of(daemon_set)}; kubectl -n {where} get pods -o wide",
        )
    elif desired == 0:
        yield Finding(
            "error",
            f"{component} runs on no node at all.",
            (ref(daemon_set),),
            (counts, f"nodeSelector {dict(_node_selector(daemon_set))}"),
            f"Check nodeSelector, affinity and tolerations of {ref(daemon_set)}.",
        )
    if desired:
        yield from _uncovered(snapshot, daemon_set, component, desired)


def _uncovered(snapshot: Snapshot, daemon_set: Obj, component: str, desired: int) -> Iterator[Finding]:
    """Nodes that the DaemonSet's node selector names, yet on which none is wanted: a taint keeps it away."""
    wanted = _node_selector(daemon_set)
    nodes = [
        node
        for node in snapshot.items("nodes")
        if all(labels_of(node).get(key) == value for key, value in wanted.items())
        and not any(labels_of(node).get(key) == value for key, value in _VIRTUAL.items())
    ]
    if len(nodes) <= desired:
        return
    option = "cni" if component == mesh.CNI else "ztunnel"
    missing: list[str] = []
    if not snapshot.problems(["component_pods"]):
        covered = {dig(pod, "spec", "nodeName") for pod in mesh.pods_of(snapshot, daemon_set)}
        missing = [ref(node) for node in nodes if name_of(node) not in covered]
    yield Finding(
        "warning",
        f"{component} is wanted on {desired} of {len(nodes)} nodes: pods elsewhere are not in the mesh's data plane.",
        (ref(daemon_set), *missing),
        (f"desired {desired}, nodes that match its node selector {len(nodes)}",),
        f"Tolerate their taints: {option}.tolerations of meshwright.istio.istio_mesh.",
    )


def _node_selector(daemon_set: Obj) -> dict[str, str]:
    return dict(dig(daemon_set, "spec", "template", "spec", "nodeSelector") or {})


CHECKS = (
    Check(
        9,
        "istio-cni is ready on every node",
        _CATEGORY,
        "error",
        ("istiods", "daemonsets", "nodes", "component_pods"),
        "Compares updated, ready and available with desired, for the present generation, and desired with the nodes "
        "that the node selector names. A DaemonSet whose update is stuck still looks ready, for its old pods are.",
        cni_ready,
    ),
    Check(
        10,
        "ztunnel is ready on every node",
        _CATEGORY,
        "error",
        ("istiods", "daemonsets", "nodes", "component_pods"),
        "As MW0009, for ztunnel. In a rolling update with a wrong cluster name the old pod keeps serving, the "
        "DaemonSet shows ready, and the new pod never gets there: so updated is compared with desired. Skipped in "
        "sidecar mode.",
        ztunnel_ready,
    ),
    Check(
        11,
        "Version skew of control plane, istio-cni, ztunnel and proxies",
        _CATEGORY,
        "error",
        ("istiods", "daemonsets", "proxies"),
        "Compares versions as images and labels give them. istio-cni and ztunnel 1.x support control planes 1.x and "
        "1.x+1: outside of that is an error, and a warning where another revision's istiod is supported, as in an "
        "upgrade by revisions. A proxy may be one minor release behind its own istiod: outside of that is a warning, "
        "within it, or at another patch, a note to restart the workload.",
        version_skew,
    ),
)
