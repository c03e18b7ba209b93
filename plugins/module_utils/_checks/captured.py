# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Check that what is labelled for ambient mode is captured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from . import mesh, naming, sources
from .inside import age
from .members import REDIRECTION, asks_for_ambient, gateway_of, running, within
from .model import Check, Finding, NotApplicable, counted
from .policy.seen import need
from .skew import workload_of
from .snapshot import Obj, Snapshot, Undecided, annotations_of, dig, labels_of, name_of, namespace_of, ref

# istio-cni captures a pod before it starts, and one that runs within a fraction of a second of its label.
_GRACE = 5.0
# What istio-cni leaves alone unless its excludeNamespaces say otherwise.
_EXCLUDED = ("kube-system",)


class _Cause(NamedTuple):
    """Why pods are not captured: in words, what else it concerns, and what to do."""

    why: str
    objects: tuple[str, ...]
    remedy: str
    cut: bool = False


def captured(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0023."""
    labels = {name_of(item): labels_of(item) for item in snapshot.items("namespaces")}
    pods = [
        pod
        for pod in snapshot.items(sources.PODS)
        if asks_for_ambient(pod, labels.get(namespace_of(pod), {})) and _could_be(snapshot, pod)
    ]
    if not pods and not mesh.is_ambient(snapshot):
        raise NotApplicable("the mesh has no ambient mode, and no label asks for it")
    groups: dict[_Cause, list[Obj]] = defaultdict(list)
    why = _Why(snapshot)
    for pod in pods:
        if annotations_of(pod).get(REDIRECTION) != "enabled":
            groups[why.of(pod)].append(pod)
    for cause, left in sorted(groups.items()):
        one = len(left) == 1
        yield Finding(
            "error",
            f"{counted(len(left), 'pod')} {within(left)}labelled for ambient mode {'is' if one else 'are'} not "
            f"captured, since {cause.why}: {_effect(cause, one=one)}",
            tuple(sorted({workload_of(pod) for pod in left})),
            tuple(_told(pod) for pod in left[:5]),
            cause.remedy,
            cause.objects,
        )
    need(snapshot, CHECKS[0].sources)


def _could_be(snapshot: Snapshot, pod: Obj) -> bool:
    """Whether istio-cni would take this pod, and has had the time to."""
    return (
        running(pod)
        and not dig(pod, "spec", "hostNetwork")
        and naming.STATUS not in annotations_of(pod)
        and not gateway_of(pod)
        and labels_of(pod).get("app") != "ztunnel"
        and age(snapshot, pod) >= _GRACE
    )


def _effect(cause: _Cause, *, one: bool) -> str:
    if cause.cut:
        # its rules are in place, and nobody is behind them
        return f"{'its' if one else 'their'} traffic is redirected to where nobody takes it, and fails."
    return (
        f"{'it talks' if one else 'they talk'} in plain text past the mesh, and no policy of ztunnel protects "
        f"{'it' if one else 'them'}."
    )


def _told(pod: Obj) -> str:
    state = annotations_of(pod).get(REDIRECTION)
    return f"{ref(pod)} on {dig(pod, 'spec', 'nodeName') or 'no node'}: {REDIRECTION} is {state or 'not there'}"


class _Why:
    """The likeliest cause for a pod, from what the snapshot has of istio-cni and ztunnel."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.agents = mesh.components(snapshot, mesh.CNI)
        self.ztunnels = mesh.components(snapshot, mesh.ZTUNNEL)
        self.served: set[str] | None = None
        self.systems: dict[str, str] = {}
        # both are evidence only
        with suppress(Undecided):
            self.served = {
                str(dig(pod, "spec", "nodeName"))
                for agent in self.agents
                for pod in mesh.pods_of(snapshot, agent)
                if not mesh.pod_trouble(pod)
            }
        with suppress(Undecided):
            self.systems = {
                name_of(node): str(labels_of(node).get("kubernetes.io/os", "linux")) for node in snapshot.items("nodes")
            }

    def of(self, pod: Obj) -> _Cause:
        node = str(dig(pod, "spec", "nodeName") or "")
        if not self.agents or not self.ztunnels:
            absent = " and no ".join(
                name for name, found in ((mesh.CNI, self.agents), (mesh.ZTUNNEL, self.ztunnels)) if not found
            )
            return _Cause(
                f"no {absent} runs in this cluster",
                (),
                "Install ambient mode (meshwright.istio.istio_mesh, mode: ambient), or take the label away.",
            )
        if namespace_of(pod) in _EXCLUDED:
            return _Cause(
                f"istio-cni leaves namespace {namespace_of(pod)} out (excludeNamespaces)",
                (f"Namespace {namespace_of(pod)}",),
                f"kubectl label namespace {namespace_of(pod)} {naming.MODE}-",
            )
        if self.systems.get(node, "linux") != "linux":
            return _Cause(
                f"istio-cni runs on Linux only, and node {node} runs {self.systems[node]}",
                (f"Node {node}",),
                f"Label these pods {naming.MODE}=none, and do not count them into the mesh.",
            )
        if self.served is not None and node not in self.served:
            return _Cause(
                f"node {node} has no ready istio-cni",
                (f"Node {node}", *(ref(agent) for agent in self.agents)),
                "Let istio-cni run there (MW0009 says why it does not); it captures running pods when it comes up.",
            )
        if annotations_of(pod).get(REDIRECTION) == "pending":
            return _Cause(
                f"ztunnel on node {node} has not taken over what istio-cni hands it",
                (f"Node {node}", *(ref(agent) for agent in self.ztunnels)),
                "See why ztunnel of that node is not ready (MW0010), and its log.",
                cut=True,
            )
        return _Cause(
            "istio-cni has done nothing about it, though it is ready on the node",
            tuple(ref(agent) for agent in self.agents),
            "See istio-cni's log of that node for the pod's name (kubectl -n istio-system logs ds/istio-cni-node), and "
            "whether its enablementSelectors and excludeNamespaces are the default ones; restarting the pod tries "
            "again.",
        )


CHECKS = (
    Check(
        23,
        "Ambient pods are captured",
        "enrollment",
        "error",
        ("istiods", "daemonsets", "namespaces", sources.PODS),
        "Does every running pod that labels put into ambient mode carry the annotation by which istio-cni says that "
        "its traffic goes by ztunnel? One without is in the mesh by its label only: it talks in plain text, and "
        "policy that ztunnel enforces does not protect it. Pods on the host's network, with a sidecar, with "
        "`istio.io/dataplane-mode=none`, or younger than five seconds are left out.",
        captured,
        ("component_pods", "nodes"),
    ),
)
