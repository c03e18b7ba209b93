# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How tests learn what istiod sent: the simulated ztunnels' dump, held against a genuine one, and istiod's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ..harness.support import eventually
from ..support import xds
from .conftest import Enrollment, workload

Obj = dict[str, Any]
RECORDED = Path(__file__).parents[2] / "fixtures" / "ztunnel" / "config_dump.json"
REJECT = "harness.meshwright.io/reject"
RUNS = ((r"\b(echo-v1|waypoint)-[0-9a-f]+-\w{5}\b", r"\1-POD"), (r"\b10(\.\d+){3}\b", "IP"), (r'"node-\d+"', '"NODE"'))
"""What differs between one run and another."""


def policy(namespace: str, name: str, **spec: Any) -> Obj:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": spec}


def selected(namespace: str, name: str, rule: Obj, **more: Any) -> Obj:
    labels = {"matchLabels": {"app": "echo"}}
    return policy(namespace, name, selector=labels, action="DENY", rules=[rule], **more)


def waypoint(namespace: str) -> Obj:
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "waypoint", "namespace": namespace, "labels": {"istio.io/waypoint-for": "service"}},
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": [listener]},
    }


def echo(namespace: str) -> list[Obj]:
    """As the recording had it."""
    deployment, service = workload(namespace, "echo", replicas=1, labels={"version": "v1"})
    deployment["metadata"] = deployment["metadata"] | {"name": "echo-v1"}
    deployment["spec"]["template"]["spec"]["serviceAccountName"] = "echo"
    service["metadata"] = service["metadata"] | {"labels": {"istio.io/use-waypoint": "waypoint"}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "echo", "namespace": namespace}}
    return [account, deployment, service]


def by(namespace: str, found: list[Obj]) -> dict[str, Obj]:
    """Of one namespace, by name; workloads by their Deployment's."""
    return {str(each.get("workloadName", each["name"])): each for each in found if each["namespace"] == namespace}


def comparable(found: Obj, namespace: str) -> Obj:
    """Less what the recorded cluster did not have: zones, and a second and third policy."""
    text = json.dumps({name: value for name, value in found.items() if name != "locality"})
    for pattern, instead in ((rf"\b{namespace}\b", "NAMESPACE"), *RUNS):
        text = re.sub(pattern, instead, text)
    read: Obj = json.loads(text)
    policies = [each for each in read.pop("authorizationPolicies", ()) if each.endswith("/l4-deny")]
    return read | ({"authorizationPolicies": policies} if policies else {})


def test_the_simulated_dump_is_as_the_genuine_one(enrollment: Enrollment) -> None:
    name = enrollment.namespace("ambient")
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    client = enrollment.client()
    strict = {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "spec": {"mtls": {"mode": "STRICT"}}}
    enrollment.deployed(
        name,
        *echo(name),
        waypoint(name),
        selected(name, "l4-deny", {"from": [{"source": {"principals": [f"cluster.local/ns/{name}/sa/client"]}}]}),
        selected(name, "l7-deny-port", {"to": [{"operation": {"ports": ["8080"]}}]}),
        strict | {"metadata": {"name": "default", "namespace": name}},
    )
    ztunnel = xds.ready_ztunnel(client)

    def sent() -> Obj | None:
        """What there is once every part of it has come."""
        dump = xds.ztunnel_dump(client, "istio-system", ztunnel)
        workloads, services = by(name, dump["workloads"]), by(name, dump["services"])
        there = {"waypoint", "echo-v1"} <= set(workloads) and "waypoint" in services.get("echo", {})
        whole = there and len(workloads["echo-v1"].get("authorizationPolicies", ())) == 3
        return dump if whole and workloads["echo-v1"]["protocol"] == "HBONE" else None

    dump = eventually("everything sent", sent)
    for kind in ("policies", "services", "workloads"):
        ours, theirs = by(name, dump[kind]), by("amb", recorded[kind])
        assert {key: comparable(ours[key], name) for key in theirs} == {
            key: comparable(value, "amb") for key, value in theirs.items()
        }
    (strictness,) = by("istio-system", recorded["policies"]).values()
    assert strictness in dump["policies"]
    pod = by(name, dump["workloads"])["echo-v1"]["name"]
    strict_name = "istio-system/istio_converted_static_strict"
    assert xds.policies_on(dump, name, pod) == {f"{name}/l4-deny", f"{name}/l7-deny-port", strict_name}
    assert xds.policies_of(dump) >= xds.policies_on(dump, name, pod)


def test_what_was_sent_follows_what_is_there(enrollment: Enrollment) -> None:
    """Additions, removals, a namespace's policies, and a rejection that keeps what there was."""
    name = enrollment.namespace("ambient")
    client = enrollment.client()
    enrollment.deployed(name, *echo(name), policy(name, "whole", action="DENY", rules=[{}]))
    (pod,) = (each["metadata"]["name"] for each in enrollment.pods(name))
    ztunnel = xds.ready_ztunnel(client)

    def on_pod() -> set[str]:
        dump = xds.ztunnel_dump(client, "istio-system", ztunnel)
        known = pod in {each["name"] for each in dump["workloads"]}
        return xds.policies_on(dump, name, pod) if known else set()

    eventually("the namespace's policy", lambda: on_pod() == {f"{name}/whole"})
    enrollment.kubectl("-n", "istio-system", "annotate", "pod", ztunnel, f"{REJECT}=authorization")
    try:
        enrollment.kubectl.apply(selected(name, "one", {"from": [{"source": {"namespaces": ["other"]}}]}))
        others = [pod for pod in enrollment.pods("istio-system") if pod["metadata"]["name"].startswith("ztunnel")]
        other = next(each["metadata"]["name"] for each in others if each["metadata"]["name"] != ztunnel)

        def of(ztunnel: str) -> set[str]:
            return xds.policies_of(xds.ztunnel_dump(client, "istio-system", ztunnel))

        eventually("sent to another", lambda: f"{name}/one" in of(other))
        assert f"{name}/whole" in of(ztunnel)
        assert f"{name}/one" not in of(ztunnel)
    finally:
        enrollment.kubectl("-n", "istio-system", "annotate", "pod", ztunnel, f"{REJECT}-")
    enrollment.kubectl("-n", name, "delete", "authorizationpolicy", "whole")
    eventually("only the other", lambda: on_pod() == {f"{name}/one"})


def test_what_proxies_were_sent(enrollment: Enrollment) -> None:
    name, sidecars = enrollment.namespace("ambient"), enrollment.namespace("sidecar")
    client = enrollment.client()
    target = {"targetRefs": [{"group": "", "kind": "Service", "name": "echo"}]}
    secret = {"to": [{"operation": {"paths": ["/secret"]}}]}
    enrollment.deployed(sidecars, *echo(sidecars), selected(sidecars, "secret", secret), policy(sidecars, "nothing"))
    enrollment.deployed(
        name, *echo(name), waypoint(name), policy(name, "secret", action="DENY", rules=[secret], **target)
    )
    (sidecar,) = (each["metadata"]["name"] for each in enrollment.pods(sidecars))
    both = {f"{sidecars}/secret", f"{sidecars}/nothing"}

    def sent(namespace: str, pod: str) -> set[str]:
        try:
            return xds.proxy_policies(client, namespace, pod)
        except LookupError:  # Not connected yet.
            return set()

    eventually("sent to the sidecar", lambda: sent(sidecars, sidecar) == both)

    def through_waypoint() -> bool:
        pods = [each["metadata"]["name"] for each in enrollment.pods(name)]
        (found,) = [pod for pod in pods if pod.startswith("waypoint")] or [""]
        return bool(found) and sent(name, found) == {f"{name}/secret"}

    eventually("sent to the waypoint", through_waypoint)
    (pod,) = [each["metadata"]["name"] for each in enrollment.pods(name) if "waypoint" in each["metadata"]["name"]]
    chains = xds.policies_by_chain(client, name, pod)
    host = f"inbound-vip|80|http|echo.{name}.svc.cluster.local"
    assert {chain for chain, policies in chains.items() if policies} == {host}
