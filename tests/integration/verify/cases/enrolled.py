# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases of who is enrolled: discovery, roots of trust, capture, waypoints, policies' acceptance, injection."""

from __future__ import annotations

import json
from typing import Any

import yaml

from ..ground import Case, Ground, Obj, deployment, one, service

GATEWAY, NETWORKING, SECURITY = "gateway.networking.k8s.io/v1", "networking.k8s.io/v1", "security.istio.io/v1"
USE, INJECT = "istio.io/use-waypoint", "sidecar.istio.io/inject"
WAYPOINT = "gateway.gateway.networking.k8s.io/waypoint"
_OTHER_ROOT = "-----BEGIN CERTIFICATE-----\nYW5vdGhlciByb290\n-----END CERTIFICATE-----\n"


def waypoint(ground: Ground, **meta: Any) -> None:
    """A waypoint in the case's namespace, programmed and with a ready pod."""
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    spec = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
    ground.apply(one(GATEWAY, "Gateway", ground.space, "waypoint", spec, **meta))
    ground.kubectl("-n", ground.space, "wait", WAYPOINT, "--for=condition=Programmed", "--timeout=60s")
    ground.kubectl("-n", ground.space, "rollout", "status", "deployment/waypoint", "--timeout=60s")


def behind_waypoint(ground: Ground) -> None:
    ground.namespace("ambient")
    waypoint(ground)
    ground.apply(deployment(ground.space), service(ground.space, labels={USE: "waypoint"}))


def label(what: str, *labels: str) -> Any:
    """A step: label something in the case's namespace, or, as `namespace`, that itself."""

    def step(ground: Ground) -> None:
        if what == "namespace":
            ground.kubectl("label", "--overwrite", "namespace", ground.space, *labels)
        else:
            ground.kubectl("-n", ground.space, "label", "--overwrite", what, *labels)

    return step


def in_mode(mode: str, **labels: str) -> Any:
    """A step: a namespace with a workload and a Service web."""

    def step(ground: Ground) -> None:
        ground.namespace(mode, **labels)
        ground.apply(deployment(ground.space), service(ground.space))

    return step


def delete(what: str, *, wait: bool = True) -> Any:
    return lambda ground: ground.kubectl("-n", ground.space, "delete", what, f"--wait={str(wait).lower()}")


def applied(make: Any) -> Any:
    """A step: apply what `make` makes for the namespace."""
    return lambda ground: ground.apply(make(ground.space))


def restarted(ground: Ground) -> None:
    ground.kubectl("-n", ground.space, "rollout", "restart", "deployment/web")
    ground.kubectl("-n", ground.space, "rollout", "status", "deployment/web", "--timeout=60s")


# -- 15, 16 --------------------------------------------------------------------------------------------------------


def _mesh_config(ground: Ground, selectors: list[Obj] | None) -> None:
    found = json.loads(ground.kubectl("-n", "istio-system", "get", "configmap", "istio", "-o", "json"))
    config = yaml.safe_load(found["data"]["mesh"])
    config.pop("discoverySelectors", None)
    if selectors:
        config["discoverySelectors"] = selectors
    patch = json.dumps({"data": {"mesh": yaml.safe_dump(config)}})
    ground.kubectl("-n", "istio-system", "patch", "configmap", "istio", "--type=merge", "-p", patch)


def _left_out(ground: Ground) -> None:
    but = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [ground.space]}
    _mesh_config(ground, [{"matchExpressions": [but]}])


def _root_held(ground: Ground) -> None:
    """A root of somebody else's, which istiod cannot put right: an immutable ConfigMap is not written to."""
    where = ("-n", ground.space, "configmap/istio-ca-root-cert")
    ground.until(lambda: ground.kubectl("-n", ground.space, "get", "configmap").count("istio-ca"), "its root is there")
    patch = json.dumps({"immutable": True, "data": {"root-cert.pem": _OTHER_ROOT}})
    ground.kubectl("patch", *where, "--type=merge", "-p", patch)


# -- 23 ------------------------------------------------------------------------------------------------------------


def _on_a_virtual_node(ground: Ground) -> None:
    """A node on which no DaemonSet of Linux runs, as virtual nodes of clouds are."""
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": ground.space, "labels": {"type": "virtual-kubelet"}, "annotations": _KWOK},
        "spec": {"taints": [{"key": "virtual", "value": ground.space, "effect": "NoSchedule"}]},
    }
    ground.kubectl.apply(node)
    spec = {"nodeName": ground.space, "tolerations": [{"operator": "Exists"}]}
    ground.apply(deployment(ground.space, "lost", spec=spec))


def _off_it(ground: Ground) -> None:
    ground.kubectl("-n", ground.space, "delete", "deployment", "lost", "--wait=false")
    ground.kubectl("-n", ground.space, "delete", "pods", "-l", "app=lost", "--force", "--grace-period=0")
    ground.kubectl("delete", "node", ground.space)


_KWOK = {"kwok.x-k8s.io/node": "fake"}

# -- 26 to 30 ------------------------------------------------------------------------------------------------------


def _no_pods(ground: Ground) -> None:
    """Scaled to nothing, as it is by hand: istiod leaves the number of replicas alone."""
    ground.kubectl("-n", ground.space, "scale", "deployment/waypoint", "--replicas=0")
    ground.kubectl("-n", ground.space, "wait", "pods", "-l", f"{_GATEWAY_NAME}=waypoint", "--for=delete")


def _pods_again(ground: Ground) -> None:
    ground.kubectl("-n", ground.space, "scale", "deployment/waypoint", "--replicas=1")
    ground.kubectl("-n", ground.space, "rollout", "status", "deployment/waypoint", "--timeout=60s")


_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"


def policy(space: str, **spec: Any) -> Obj:
    rules = [{"to": [{"operation": {"methods": ["DELETE"]}}]}]
    return one(SECURITY, "AuthorizationPolicy", space, "rule", {"action": "DENY", "rules": rules, **spec})


def _for_web(space: str) -> Obj:
    return policy(space, targetRefs=[{"group": "", "kind": "Service", "name": "web"}])


# -- 35, 41 --------------------------------------------------------------------------------------------------------


def _lets_in(*ports: int) -> Any:
    def make(space: str) -> Obj:
        rule = {"ports": [{"port": port, "protocol": "TCP"} for port in ports]}
        return one(NETWORKING, "NetworkPolicy", space, "web", {"podSelector": {}, "ingress": [rule]})

    return applied(make)


CASES = [
    Case(
        "MW0015",
        "a namespace that istiod does not see",
        before=in_mode("ambient"),
        make=_left_out,
        mend=lambda ground: _mesh_config(ground, None),
        expect="namespace {space} in ambient mode",
        mesh=True,
    ),
    Case(
        "MW0016",
        "another root",
        before=in_mode("sidecar"),
        make=_root_held,
        mend=delete("configmap/istio-ca-root-cert"),
        expect="Namespace {space} trusts another root",
    ),
    Case(
        "MW0023",
        "a node without istio-cni",
        before=in_mode("ambient"),
        make=_on_a_virtual_node,
        mend=_off_it,
        expect="is not captured, since node {space} has no ready istio-cni: it talks in plain text",
    ),
    Case(
        "MW0026",
        "a waypoint without pods fails closed",
        before=behind_waypoint,
        make=_no_pods,
        mend=_pods_again,
        expect="Waypoint {space}/waypoint has no ready pod, and that fails closed",
    ),
    Case(
        "MW0027",
        "a label that names no waypoint",
        before=in_mode("ambient"),
        make=label("service/web", f"{USE}=gone"),
        mend=label("service/web", f"{USE}-"),
        expect="Service {space}/web names the waypoint {space}/gone, which does not exist. That fails open",
    ),
    Case(
        "MW0028",
        "a waypoint for workloads",
        before=behind_waypoint,
        make=label(WAYPOINT, "istio.io/waypoint-for=workload"),
        mend=label(WAYPOINT, "istio.io/waypoint-for=service"),
        expect="Service {space}/web names the waypoint {space}/waypoint, which is for workload",
    ),
    Case(
        "MW0030",
        "ztunnel takes a policy otherwise than written",
        before=in_mode("ambient"),
        make=applied(policy),
        mend=delete("authorizationpolicy/rule"),
        expect="AuthorizationPolicy {space}/rule shows ZtunnelAccepted, but not as written",
    ),
    Case(
        "MW0030",
        "nobody carries a policy out",
        before=in_mode("ambient"),
        make=applied(_for_web),
        mend=delete("authorizationpolicy/rule"),
        expect="AuthorizationPolicy {space}/rule is enforced by nobody",
    ),
    Case(
        "MW0035",
        "a NetworkPolicy without HBONE",
        before=in_mode("ambient"),
        make=_lets_in(8080),
        mend=_lets_in(8080, 15008),
        expect="NetworkPolicy {space}/web lets ports in to 1 ambient pod, but not 15008",
    ),
    Case(
        "MW0041",
        "a level that refuses istio-init",
        before=in_mode("sidecar"),
        make=label("namespace", "pod-security.kubernetes.io/enforce=baseline"),
        mend=label("namespace", "pod-security.kubernetes.io/enforce=privileged"),
        expect="Namespace {space} enforces PodSecurity level baseline, which refuses pods that revision",
    ),
    Case(
        "MW0042",
        "labelled and not restarted",
        before=in_mode("none"),
        make=label("namespace", "istio-injection=enabled"),
        mend=restarted,
        expect="1 pod of namespace {space} has no sidecar, since it started before the namespace was labelled",
    ),
    Case(
        "MW0042",
        "an opt-out",
        before=in_mode("sidecar"),
        make=lambda ground: ground.apply(deployment(ground.space, labels={INJECT: "false"})),
        mend=lambda ground: ground.apply(deployment(ground.space)),
        expect="1 pod of namespace {space} has no sidecar, since sidecar.istio.io/inject=false asks for that",
        severity="info",
    ),
]
