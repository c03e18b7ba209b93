# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Acceptance by a real istiod: its conditions, and what simulated proxies make of what it sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils import _errors as errors
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.istiod_debug import read_sync
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import carry
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.acceptance import (
    Acceptance,
    Accepted,
    NotAccepted,
    accepted_now,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline

from ..operation.conftest import deployed, until, workload
from .carrying import Obj, client_of, draft, virtual_service
from .conftest import Policy

SYSTEM = "istio-system"
GATEWAY_API = "gateway.networking.k8s.io/v1"
SECURITY = "security.istio.io/v1"


def obj(api: str, kind: str, namespace: str, name: str, spec: Obj, **labels: str) -> Obj:
    meta: Obj = {"name": name, "namespace": namespace}
    return {"apiVersion": api, "kind": kind, "metadata": {**meta, "labels": labels} if labels else meta, "spec": spec}


def service(namespace: str, name: str, **labels: str) -> Obj:
    return obj("v1", "Service", namespace, name, {"selector": {"app": name}, "ports": [{"port": 80}]}, **labels)


def gateway(namespace: str, name: str, of_class: str, **listener: Any) -> Obj:
    listeners = [{"name": "one", "port": 80, "protocol": "HTTP", **listener}]
    return obj(GATEWAY_API, "Gateway", namespace, name, {"gatewayClassName": of_class, "listeners": listeners})


def waypoint(namespace: str) -> Obj:
    return gateway(namespace, "waypoint", "istio-waypoint", port=15008, protocol="HBONE")


def route(namespace: str, name: str, backend: str, parent: Obj | None = None) -> Obj:
    ref = parent or {"group": "", "kind": "Service", "name": backend, "port": 80}
    rules = [{"backendRefs": [{"name": backend, "port": 80}]}]
    return obj(GATEWAY_API, "HTTPRoute", namespace, name, {"parentRefs": [ref], "rules": rules})


def deny(namespace: str, name: str, *, service: str = "", path: str = "", action: str = "DENY") -> Obj:
    operation = {"paths": [path]} if path else {"ports": ["81"]}
    spec: Obj = {"action": action, "rules": [{"to": [{"operation": operation}]}]}
    if service:
        spec["targetRefs"] = [{"group": "", "kind": "Service", "name": service}]
    return obj(SECURITY, "AuthorizationPolicy", namespace, name, spec)


def applied(
    client: Client, objects: Sequence[Obj], *, between: Callable[[], Any] = lambda: None, **more: Any
) -> tuple[dict[str, Accepted], list[str]]:
    """Carry them out and wait for acceptance, as the walk does; what is said of each by kind and name, and warnings."""
    run = draft(client, objects, **{"wait_timeout": 40, **more})
    accepting = Acceptance(client, run.intent)
    accepting.before(run.draft)
    between()
    run.outcome = carry.carry_out(client, run.draft, run.intent)
    assert not run.outcome.errors, run.outcome.errors
    found = accepting.after(run.outcome.applied)
    return {f"{one.kind.kind} {one.name}": word for one, word in found.items()}, accepting.warnings


def unready(caught: pytest.ExceptionInfo[errors.MeshError]) -> dict[str, str]:
    """The reasons of the objects that an error names, by name."""
    return {entry["object"].rpartition("/")[2]: entry["condition_reason"] for entry in caught.value.details["unready"]}


def test_a_set_for_a_waypoint_is_accepted_by_its_conditions(policy: Policy) -> None:
    """All at once, the waypoint among it; then changed, where only the new generation's word counts."""
    client, namespace = client_of(policy.cluster), policy.namespace("ambient")
    label = {"istio.io/use-waypoint": "waypoint"}
    objects = [
        waypoint(namespace),
        service(namespace, "web", **label),
        service(namespace, "plain"),
        route(namespace, "split", "web"),
        deny(namespace, "l7", service="web", path="/admin"),
        deny(namespace, "l4"),
        virtual_service(namespace, "plain"),
    ]
    found, warnings = applied(client, objects)
    rests = {name: word.rests_on for name, word in found.items()}
    assert rests == {
        **dict.fromkeys(
            (
                *("Gateway waypoint", "Service web", "HTTPRoute split"),
                *("AuthorizationPolicy l7", "AuthorizationPolicy l4"),
            ),
            "conditions",
        ),
        **dict.fromkeys(("Service plain", "VirtualService plain"), "admission"),
    }
    assert all(word.accepted for word in found.values())
    assert warnings == []
    # A waypoint is a proxy itself.
    assert "no reject on 1 istiod" in found["VirtualService plain"].detail
    found, _warnings = applied(client, [deny(namespace, "l7", service="web", path="/other")])
    assert found["AuthorizationPolicy l7"].detail.endswith(f"bound to {namespace}/waypoint")
    live = policy.kubectl.json("-n", namespace, "get", "authorizationpolicy", "l7")
    assert live["metadata"]["generation"] == 2
    assert live["status"]["conditions"][0]["observedGeneration"] == "2"
    assert accepted_now(live).rests_on == "conditions"


def test_what_istiod_refuses_is_named_each_with_its_reason(policy: Policy) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace("ambient")
    objects = [
        service(namespace, "web"),
        route(namespace, "no-backend", "missing", {"group": "", "kind": "Service", "name": "web", "port": 80}),
        route(namespace, "no-parent", "web", {"name": "missing"}),
        gateway(namespace, "no-class", "missing"),
        gateway(
            namespace, "no-secret", "istio", protocol="HTTPS", port=443, tls={"certificateRefs": [{"name": "missing"}]}
        ),
        deny(namespace, "hole", path="/admin"),
        deny(namespace, "unbound", service="web", path="/admin"),
        deny(namespace, "fine"),
    ]
    with pytest.raises(NotAccepted) as caught:
        applied(client, objects)
    assert unready(caught) == {
        "no-backend": "BackendNotFound",
        "no-parent": "NoSuchParent",
        "no-class": "NoSuchClass",
        "no-secret": "ListenersNotValid",
        "hole": "UnsupportedValue",
        "unbound": "AncestorNotBound",
    }
    live = policy.kubectl.json("-n", namespace, "get", "authorizationpolicy", "hole")
    assert live["status"]["conditions"][0]["status"] == "True"
    assert "secret" in str(caught.value)
    objects = [deny(namespace, "hole", path="/other"), deny(namespace, "audit", action="AUDIT")]
    found, warnings = applied(client, objects, semantic_guard="accept")
    assert not found["AuthorizationPolicy hole"].accepted
    assert warnings == [f"AuthorizationPolicy {namespace}/audit: ztunnel does not support the AUDIT action"]


def test_the_same_policy_for_sidecars_rests_on_admission(policy: Policy) -> None:
    """istiod says of ztunnel what does not concern them."""
    client, namespace = client_of(policy.cluster), policy.namespace("sidecar")
    found, warnings = applied(client, [deny(namespace, "l7", path="/admin")])
    assert (found["AuthorizationPolicy l7"].rests_on, warnings) == ("admission", [])
    until(
        "istiod wrote it all the same",
        lambda: policy.kubectl.json("-n", namespace, "get", "authorizationpolicy", "l7").get("status"),
    )


def test_a_waypoint_that_never_comes_is_waited_for_until_the_time_is_over(policy: Policy) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace("ambient")
    objects = [service(namespace, "web", **{"istio.io/use-waypoint": "nobodys"})]
    with pytest.raises(errors.SettleTimeout, match=f'waypoint "{namespace}/nobodys" is not ready') as caught:
        applied(client, objects, wait_timeout=2)
    assert unready(caught) == {"web": "WaypointIsNotReady"}


def test_who_may_not_ask_proxies_rests_on_admission_and_conditions(policy: Policy) -> None:
    namespace = policy.namespace("ambient")
    cluster_role = f"acceptance-{namespace}"
    read = ["--verb=get,list", "--resource=namespaces,pods,httproutes.gateway.networking.k8s.io"]
    policy.kubectl("create", "clusterrole", cluster_role, *read)
    policy.kubectl("create", "clusterrolebinding", cluster_role, f"--clusterrole={cluster_role}", "--user=viewer")
    policy.kubectl("-n", namespace, "create", "rolebinding", "edit", "--clusterrole=cluster-admin", "--user=viewer")
    viewer = client_of(policy.cluster, "viewer")
    try:
        found, warnings = applied(viewer, [virtual_service(namespace, "web"), deny(namespace, "l4")])
        assert "the proxies' rejects may not be asked for" in found["VirtualService web"].detail
        assert found["AuthorizationPolicy l4"].rests_on == "conditions"
        (warning,) = warnings
        assert "pods/portforward" in warning
        found, warnings = applied(viewer, [virtual_service(namespace, "other")], istio_namespace=namespace)
        assert found["VirtualService other"] == Accepted("admission", f"admitted; no istiod in {namespace}")
        assert len(warnings) == 1
    finally:
        policy.kubectl("delete", "clusterrole,clusterrolebinding", cluster_role)


def test_a_proxy_that_rejects_fails_the_run_until_it_is_mended(policy: Policy) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace("sidecar")
    deployed(policy.kubectl, namespace, workload("Deployment", namespace, "web", replicas=1))
    (found,) = policy.kubectl.json("-n", namespace, "get", "pods")["items"]
    pod = found["metadata"]["name"]

    def proxies() -> dict[str, bool]:
        """Whether each of the namespace's proxies rejects something."""
        replicas = read_sync(client, SYSTEM, "default", Deadline(20))
        ids = {one.id: bool(one.rejecting) for replica in replicas for one in replica.proxies}
        return {name: rejects for name, rejects in ids.items() if name.endswith(f".{namespace}")}

    until("the proxy connects", proxies)

    def reject() -> None:
        policy.kubectl("-n", namespace, "annotate", "pod", pod, "harness.meshwright.io/reject=lds")

    try:
        with pytest.raises(NotAccepted, match=rf"{pod}\.{namespace} rejects Listener") as caught:
            applied(client, [deny(namespace, "first")], between=reject)
        assert caught.value.details["suspects"] == [f"AuthorizationPolicy {namespace}/first"]
        until("its reject is known", lambda: any(proxies().values()))
        words, _warnings = applied(client, [deny(namespace, "second")])
        assert "were there before" in words["AuthorizationPolicy second"].detail
    finally:
        policy.kubectl("-n", namespace, "delete", "deployment,pod", "--all", "--wait=true")
        until("no proxy of it is left", lambda: not proxies())


def test_the_task_tells_what_each_acceptance_rests_on(policy: Policy) -> None:
    namespace = policy.namespace("ambient")
    objects = [deny(namespace, "l4"), service(namespace, "web"), gateway(namespace, "no-class", "missing")]
    task = policy(definitions=objects[:2]).ok().result
    rests = {entry["object"].rpartition("/")[2]: entry["acceptance"]["rests_on"] for entry in task["objects"]}
    assert rests == {"l4": "conditions", "web": "admission"}
    failed = policy(definitions=objects, wait_timeout=20).result
    assert "no GatewayClass is named missing" in failed["msg"]
    assert failed["changed"] is True
