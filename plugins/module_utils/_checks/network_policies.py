# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Check that NetworkPolicies let the ambient mesh through: HBONE, and probes of the kubelet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from . import mesh, selectors, sources
from .members import running
from .model import Check, Finding, NotApplicable, counted
from .policy import scene as kinds
from .policy.hbone import lets_hbone
from .policy.seen import need, scene_of, sources_of
from .skew import workload_of
from .snapshot import Obj, Snapshot, dig, labels_of, name_of, namespace_of, ref

_HBONE = 15008
_MANAGED = "gateway.istio.io/managed"
_WAYPOINTS = ("istio.io-mesh-controller", "istio.io-agentgateway-waypoint-controller")
# From where istio-cni lets probes of captured pods come, so that ztunnel leaves them alone.
_PROBER = ip_address("169.254.7.127")
# Network plugins that do not let a node's own traffic in by themselves when it comes from that address.
_STRICT = {"cilium": "Cilium", "calico-node": "Calico", "aws-node": "the VPC CNI of AWS"}


def network_policies(snapshot: Snapshot) -> Iterator[Finding]:
    """MW0035."""
    scene = scene_of(snapshot)
    policies: dict[str, list[Obj]] = defaultdict(list)
    for policy in snapshot.items(_POLICIES):
        policies[namespace_of(policy)].append(policy)
    if not mesh.is_ambient(snapshot):
        raise NotApplicable("the mesh has no ambient mode")
    inward: dict[tuple[str, bool], list[Obj]] = defaultdict(list)
    outward: dict[tuple[str, bool], list[Obj]] = defaultdict(list)
    probed: dict[str, list[Obj]] = defaultdict(list)
    for namespace, there in policies.items():
        for pod in scene.pods.get(namespace, ()):
            captured = scene.enrolled(pod) == "ambient"
            if not running(pod) or not (captured or labels_of(pod).get(_MANAGED) in _WAYPOINTS):
                continue
            mine = [one for one in there if selectors.matches(dig(one, "spec", "podSelector"), labels_of(pod))]
            if found := _blocks(mine, "ingress"):
                inward[found].append(pod)
            elif captured and _has_probes(pod) and (refusing := _blocks_probes(mine)) is not None:
                probed[ref(refusing)].append(pod)
            if found := _blocks(mine, "egress"):
                outward[found].append(pod)
    for (name, nothing), pods in sorted(inward.items()):
        yield _in(name, nothing, pods)
    for (name, nothing), pods in sorted(outward.items()):
        yield _out(name, nothing, pods)
    plugin = _plugin(snapshot)
    for name, pods in sorted(probed.items()):
        yield _probes(name, pods, plugin)
    need(snapshot, CHECKS[0].sources)


def _limiting(policies: Sequence[Obj], way: str) -> list[Obj]:
    """Those that limit a direction: by their types, which are by default Ingress, and Egress where they say any."""
    found = []
    for policy in policies:
        types = dig(policy, "spec", "policyTypes") or [
            "Ingress",
            *(["Egress"] if dig(policy, "spec", "egress") else []),
        ]
        if way.capitalize() in types:
            found.append(policy)
    return found


def _blocks(policies: Sequence[Obj], way: str) -> tuple[str, bool] | None:
    """A policy by which 15008 is closed to a pod in this direction, and whether all is; None where some rule opens it.

    Whom a rule is for is not looked at: one client that is let in by that port shows that it was thought of.
    """
    limiting = _limiting(policies, way)
    rules = [(policy, rule) for policy in limiting for rule in dig(policy, "spec", way) or ()]
    if not limiting or any(lets_hbone(rule) for _policy, rule in rules):
        return None
    closed = [policy for policy, rule in rules if way == "ingress" or not _only_dns(rule)]
    return ref((closed or limiting)[0]), not closed


def _only_dns(rule: Any) -> bool:
    ports = rule.get("ports") or ()
    return bool(ports) and all(port.get("port") in (53, "dns", "dns-tcp") for port in ports)


def _blocks_probes(policies: Sequence[Obj]) -> Obj | None:
    limiting = _limiting(policies, "ingress")
    rules = [rule for policy in limiting for rule in dig(policy, "spec", "ingress") or ()]
    return limiting[0] if limiting and not any(_lets_prober(rule) for rule in rules) else None


def _lets_prober(rule: Any) -> bool:
    """Whether a rule is for the address that probes come from; for which of the pod's ports is not looked at."""
    if rule.get("ports") and all(port.get("port") == _HBONE for port in rule["ports"]):
        return False
    peers = rule.get("from")
    return not peers or any(_holds(peer.get("ipBlock")) for peer in peers)


def _holds(block: Any) -> bool:
    if not block:
        return False
    try:
        inside = _PROBER in ip_network(str(block.get("cidr")), strict=False)
        return inside and not any(_PROBER in ip_network(str(one), strict=False) for one in block.get("except") or ())
    except ValueError:
        return False


def _has_probes(pod: Obj) -> bool:
    """Whether the kubelet probes a pod over the network."""
    return any(container.get("probed") for container in dig(pod, "spec", "containers") or ())


def _plugin(snapshot: Snapshot) -> str:
    """The network plugin, where it is one that is known to refuse probes of captured pods."""
    for item in snapshot.items("daemonsets"):
        for key in (name_of(item), labels_of(item).get("k8s-app", "")):
            if key in _STRICT:
                return _STRICT[key]
    return ""


def _in(name: str, nothing: bool, pods: list[Obj]) -> Finding:
    them = "it" if len(pods) == 1 else "them"
    title = (
        f"{name} lets nothing in to {_who(pods)}: no traffic of the mesh reaches {them}."
        if nothing
        else f"{name} lets ports in to {_who(pods)}, but not {_HBONE}: all traffic of an ambient mesh comes by that "
        f"port, so nobody in the mesh reaches {them}."
    )
    return Finding(
        "warning" if nothing else "error",
        title,
        (name,),
        (f"no ingress rule of a NetworkPolicy for {them} has port {_HBONE} or all ports",),
        f"Add port {_HBONE} (TCP) to its ingress rules; say who may come in by AuthorizationPolicy."
        + (f" Leave it if nobody is to reach {them}." if nothing else ""),
        _workloads(pods),
    )


def _out(name: str, nothing: bool, pods: list[Obj]) -> Finding:
    who, they = _who(pods), "it reaches" if len(pods) == 1 else "they reach"
    title = (
        f"{name} lets {who} reach nothing but DNS: {they} nobody in the mesh."
        if nothing
        else f"{name} lets {who} reach some ports, but not {_HBONE}, by which all traffic to pods of an ambient mesh "
        f"goes: {they} nobody in the mesh."
    )
    return Finding(
        # it may well be there for what is outside the mesh only
        "warning",
        title,
        (name,),
        (f"no egress rule of a NetworkPolicy for these pods has port {_HBONE} or all ports",),
        f"Add port {_HBONE} (TCP) to its egress rules. Leave it if that is meant.",
        _workloads(pods),
    )


def _probes(name: str, pods: list[Obj], plugin: str) -> Finding:
    return Finding(
        "warning" if plugin else "info",
        f"No rule of {name} lets in {_PROBER}, from where the kubelet's probes come to {_who(pods)}: "
        + (
            f"{plugin} is known to refuse them then, and new pods do not get ready."
            if plugin
            else "some network plugins refuse them."
        ),
        (name,),
        ("judged by ipBlock and by rules for everybody; what a network plugin lets in by itself cannot be seen here",),
        f"Add an ingress rule from ipBlock {_PROBER}/32.",
        _workloads(pods),
    )


def _who(pods: list[Obj]) -> str:
    waypoints = sum(_MANAGED in labels_of(pod) for pod in pods)
    told = ((len(pods) - waypoints, "ambient pod"), (waypoints, "waypoint pod"))
    return " and ".join(counted(number, noun) for number, noun in told if number)


def _workloads(pods: list[Obj]) -> tuple[str, ...]:
    return tuple(sorted({workload_of(pod) for pod in pods}))


_POLICIES = sources.OF_KIND[kinds.NETWORK_POLICY]
_SOURCES = sources_of(kinds.NETWORK_POLICY)

CHECKS = (
    Check(
        35,
        "NetworkPolicies let the ambient mesh through",
        "policy",
        "error",
        ("istiods", "daemonsets", *_SOURCES),
        f"For each captured pod and each waypoint: do the NetworkPolicies that select it let port {_HBONE} in and "
        "out, by which all traffic of an ambient mesh goes, and where it is probed, the kubelet's probes, which "
        f"come from {_PROBER}? Judged by ports and, for probes, by ipBlock; whom else a rule is for is not looked "
        "at, nor are policies of a network plugin's own kinds. A policy that lets nothing in at all is a warning, "
        "for it may be meant.",
        network_policies,
    ),
)
