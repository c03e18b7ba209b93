# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One object among two hundred is refused while they are written: what was written then, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import carry, going_back
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Rejected
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from .carrying import (
    Carried,
    Obj,
    carried,
    client_of,
    config_map,
    config_maps,
    draft,
    through_proxy,
    values,
    virtual_service,
)
from .conftest import Policy

# What controllers put into every new namespace, at a time of their own.
_BY_CONTROLLERS = ("kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl")
_NAMES = [f"route-{number:02}" for number in range(99)]


def two_hundred(namespace: str, value: str, bad: int) -> list[Obj]:
    """A hundred ConfigMaps, and as many routes, of which one in the middle is refused with a `bad` weight."""
    routes = [virtual_service(namespace, name, 90, 10, labels={"round": value}) for name in _NAMES]
    routes.insert(50, virtual_service(namespace, "wrong", bad, 100 - bad, labels={"round": value}))
    return config_maps(namespace, 100, value) + routes


def there(client: Client, namespace: str, value: str) -> set[str]:
    """The names of what the cluster has with that value."""
    found = {name for name, held in values(client, namespace).items() if held == value}
    for obj in client.list(kinds.VIRTUAL_SERVICE, namespace):
        if (obj["metadata"].get("labels") or {}).get("round") == value:
            found.add(obj["metadata"]["name"])
    return found


def state(client: Client, namespace: str) -> dict[tuple[str, str], Any]:
    """All that is to be as it was: values, labels, and who owns which field."""
    found: dict[tuple[str, str], Any] = {}
    for kind in (kinds.CONFIG_MAP, kinds.VIRTUAL_SERVICE):
        for obj in client.list(kind, namespace):
            meta = obj["metadata"]
            if meta["name"] in _BY_CONTROLLERS:
                continue
            owners = {
                (entry["manager"], entry["operation"]): entry["fieldsV1"]
                for entry in meta["managedFields"]
                if entry["manager"] != "meshwright-run"
            }
            rest = {key: value for key, value in obj.items() if key != "metadata"}
            annotations = {
                key: value for key, value in (meta.get("annotations") or {}).items() if key != "meshwright.io/run"
            }
            found[kind.kind, meta["name"]] = (rest, meta.get("labels"), annotations, owners)
    return found


def boundary(run: Carried) -> dict[str, int]:
    return {name: len(getattr(run.outcome, name)) for name in ("applied", "deleted", "failed", "unknown", "not_sent")}


@pytest.mark.parametrize("on_error", ["stop", "continue"])
def test_the_boundary_is_exact_and_the_next_run_completes(policy: Policy, on_error: Any) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    carried(client, [config_map(namespace, "old", "0")], apply_set=name)

    run = carried(client, two_hundred(namespace, "1", -3), apply_set=name, validate=False, on_error=on_error)
    counts = boundary(run)
    assert sum(counts.values()) == 201
    assert run.labels("failed") == {"wrong"}
    assert run.labels("applied") == there(client, namespace, "1")
    assert counts["unknown"] == counts["deleted"] == 0
    # What the set no longer has stays until all that it has is there.
    assert "old" in run.labels("not_sent")
    assert values(client, namespace)["old"] == "0"
    if on_error == "continue":
        assert (counts["applied"], counts["not_sent"]) == (199, 1)
    else:
        assert counts["not_sent"] > 2
        assert not there(client, namespace, "1") & run.labels("not_sent")

    error = carry.failure(run.outcome, run.intent)
    assert isinstance(error, Rejected)
    assert f"Of 201 changes {counts['applied']} written, 0 deleted, 1 failed" in str(error)
    assert "weight -3 < 0" in str(error)
    told = error.details["boundary"]
    assert {key: told[key]["count"] for key in counts} == counts
    assert len(told["applied"]["objects"]) == 50
    assert told["failed"]["objects"] == [f"VirtualService {namespace}/wrong"]

    again = carried(client, two_hundred(namespace, "1", 3), apply_set=name)
    assert again.outcome.complete
    assert again.labels("applied") == run.labels("failed") | (run.labels("not_sent") - {"old"})
    assert again.labels("deleted") == {"old"}
    assert len(there(client, namespace, "1")) == 200
    assert not draft(client, two_hundred(namespace, "1", 3), apply_set=name).draft.changes


def test_return_puts_back_what_the_set_had(policy: Policy) -> None:
    """Updated objects have their old values and owners, new ones are gone, and the next run finds nothing to do."""
    client, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    first = [one for one in two_hundred(namespace, "1", 3) if one["metadata"]["name"] not in ("c-000", "route-00")]
    assert carried(client, first, apply_set=name).outcome.complete
    before = state(client, namespace)

    run = carried(client, two_hundred(namespace, "2", -3), apply_set=name, validate=False, on_error="return")
    assert len(there(client, namespace, "2")) > 1
    going_back.go_back(client, run.draft, run.outcome, run.intent)
    assert run.outcome.not_returned == []
    assert len(run.outcome.returned) == len(run.outcome.applied)
    assert state(client, namespace) == before
    assert not draft(client, first, apply_set=name).draft.changes


def test_return_makes_again_what_was_pruned(policy: Policy) -> None:
    """As after an apply that was written whole and then not accepted."""
    client, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "reviews", "namespace": namespace},
        "spec": {"selector": {"app": "reviews"}, "ports": [{"port": 80, "name": "http"}]},
    }
    first = [config_map(namespace, "old"), virtual_service(namespace, "old", 100), service]
    carried(client, first, apply_set=name)
    # Others have a part in it too.
    policy.kubectl("-n", namespace, "label", "configmap", "old", "team=a")
    policy.kubectl("-n", namespace, "annotate", "service", "reviews", "owner=b")
    before = state(client, namespace)
    address = policy.kubectl.json("-n", namespace, "get", "service", "reviews")["spec"]["clusterIP"]

    run = carried(client, [config_map(namespace, "new")], apply_set=name, on_error="return")
    assert (run.labels("deleted"), set(values(client, namespace))) == ({"old", "reviews"}, {"new"})
    going_back.go_back(client, run.draft, run.outcome, run.intent)
    assert {entry["reason"] for entry in run.outcome.not_returned} == {"It was created again, with a new uid."}
    assert len(run.outcome.not_returned) == 3
    assert state(client, namespace) == before
    again = policy.kubectl.json("-n", namespace, "get", "service", "reviews")
    assert (again["spec"]["clusterIP"], again["metadata"]["annotations"]["owner"]) == (address, "b")
    assert not draft(client, first, apply_set=name).draft.changes


def test_return_of_kinds_whose_lists_and_texts_are_told_apart(policy: Policy) -> None:
    """Ports by their keys, listeners by their names, a Secret's text that is not stored as such."""
    client, namespace = client_of(policy.cluster), policy.namespace()

    def objects(port: int, text: str) -> list[Obj]:
        meta = {"name": "x", "namespace": namespace}
        ports = [{"port": port, "name": "http"}, {"port": 53, "name": "dns", "protocol": "UDP"}]
        listeners = [{"name": "a", "port": 80, "protocol": "HTTP"}, {"name": "b", "port": port, "protocol": "HTTP"}]
        gateway = {"gatewayClassName": "none", "listeners": listeners[:: 1 if port == 81 else -1]}
        peers = {"mtls": {}, "selector": {"matchLabels": {"app": text}}, "portLevelMtls": {str(port): {}}}
        from_all = {"from": [{"podSelector": {}}], "ports": [{"port": port}]}
        egress = [{"hosts": ["./*" if port == 81 else "*/*"]}]
        return [
            {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"a": text}, "data": {"b": "eA=="}},
            {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, "imagePullSecrets": [{"name": text}]},
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": meta,
                "spec": {"podSelector": {}, "ingress": [from_all]},
            },
            {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": meta, "spec": gateway},
            {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": meta, "spec": peers},
            {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": meta, "spec": {"egress": egress}},
        ]

    def shown() -> list[Obj]:
        return [
            {
                **{key: value for key, value in obj.items() if key not in ("metadata", "status")},
                "owned": [
                    entry["fieldsV1"] for entry in obj["metadata"]["managedFields"] if "subresource" not in entry
                ],
            }
            for each in objects(81, "one")
            if (obj := client.get(client.resolve(each), "x", namespace))
        ]

    carried(client, objects(81, "one"))
    before = shown()
    run = carried(client, objects(82, "two"), on_error="return")
    assert len(run.outcome.applied) == 7
    assert all(old != new for old, new in zip(before, shown(), strict=True))
    going_back.go_back(client, run.draft, run.outcome, run.intent)
    assert run.outcome.not_returned == []
    assert shown() == before


def test_return_gives_back_what_was_taken_by_force(policy: Policy) -> None:
    """Values and owners: the other manager's next apply finds its fields its own."""
    client, namespace = client_of(policy.cluster), policy.namespace()
    theirs = [config_map(namespace, "a", "theirs"), virtual_service(namespace, "b", 100)]
    for one in theirs:
        client.apply(one, manager="argocd-controller")
    before = state(client, namespace)
    ours = [config_map(namespace, "a", "ours", labels={"new": "1"}), virtual_service(namespace, "b", 50, 50)]

    run = carried(client, ours, force_conflicts=True, on_error="return")
    assert values(client, namespace) == {"a": "ours"}
    going_back.go_back(client, run.draft, run.outcome, run.intent)
    assert run.outcome.not_returned == []
    assert state(client, namespace) == before


def test_return_leaves_what_someone_changed_since(policy: Policy) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    carried(client, [config_map(namespace, each) for each in ("changed", "gone", "kept")], apply_set=name)
    desired = [config_map(namespace, each, "2") for each in ("changed", "gone", "kept", "new", "remade")]
    run = carried(client, desired, apply_set=name, on_error="return")
    policy.kubectl("-n", namespace, "patch", "configmap", "changed", "-p", '{"data":{"value":"3"}}')
    policy.kubectl("-n", namespace, "delete", "configmap", "gone", "remade", "new")
    policy.kubectl("-n", namespace, "create", "configmap", "remade")

    going_back.go_back(client, run.draft, run.outcome, run.intent)
    reasons = {entry["object"].partition("/")[2]: entry["reason"] for entry in run.outcome.not_returned}
    assert reasons == {
        "changed": "Someone changed it since: data.value.",
        "gone": "Someone deleted it since.",
        "remade": "Someone made it anew since.",
    }
    assert values(client, namespace) == {"changed": "3", "kept": "1"}
    assert {label.partition("/")[2] for label in run.outcome.returned} == {"kept", "new"}


def test_return_is_stopped_by_another_run_of_the_set(policy: Policy) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    run = carried(client, [config_map(namespace, "a", "1")], apply_set=name, on_error="return")
    carried(client, [config_map(namespace, "a", "2")], apply_set=name)
    going_back.go_back(client, run.draft, run.outcome, run.intent)
    ((entry),) = run.outcome.not_returned
    assert "Another run wrote the apply set" in entry["reason"]
    assert values(client, namespace) == {"a": "2"}


def test_a_status_that_is_written_meanwhile_is_no_change(policy: Policy) -> None:
    """istiod writes conditions on what it accepts, which moves the resourceVersion."""
    client, namespace = client_of(policy.cluster), policy.namespace("ambient")
    allow: Obj = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "allow", "namespace": namespace},
        "spec": {"action": "ALLOW", "rules": [{"from": [{"source": {"namespaces": ["a"]}}]}]},
    }
    carried(client, [allow])
    wider = {**allow, "spec": {**allow["spec"], "rules": [{"from": [{"source": {"namespaces": ["a", "b"]}}]}]}}
    other = {**allow, "metadata": {**allow["metadata"], "name": "other"}}
    run = carried(client, [wider, other])
    for each in ("allow", "other"):
        policy.kubectl("-n", namespace, "wait", "authorizationpolicy", each, "--for=condition=ZtunnelAccepted")
    going_back.go_back(client, run.draft, run.outcome, run.intent)
    assert run.outcome.not_returned == []
    (left,) = client.list(kinds.AUTHORIZATION_POLICY, namespace)
    assert (left["metadata"]["name"], left["spec"]) == ("allow", allow["spec"])


def test_return_makes_again_what_was_deleted_before_a_deletion_failed(policy: Policy) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    desired = [*config_maps(namespace, 5), virtual_service(namespace, "v")]
    carried(client, desired, apply_set=name)
    before = state(client, namespace)
    with through_proxy(policy.cluster) as (proxy, proxied):
        run = draft(proxied, [], apply_set=name, state="absent", on_error="return")
        proxy.fail("DELETE .*/c-003", status=400, message="not this one")
        run.outcome = carry.carry_out(proxied, run.draft, run.intent)
        assert run.labels("failed") == {"c-003"}
        assert "v" in run.labels("deleted")
        going_back.go_back(proxied, run.draft, run.outcome, run.intent)
    assert set(run.outcome.returned) == {item.label for item in run.outcome.deleted}
    assert state(client, namespace) == before
    assert not draft(client, desired, apply_set=name).draft.changes


def test_a_playbook_tells_what_was_written_and_what_is_back(policy: Policy) -> None:
    namespace = policy.namespace()
    same: dict[str, Any] = {
        "apply_set": "shop",
        "namespace": namespace,
        "prune": True,
        "wait": False,
        "semantic_guard": "accept",
    }
    policy(definitions=config_maps(namespace, 3, "1"), **same).ok()
    desired = [*config_maps(namespace, 4, "2"), virtual_service(namespace, "wrong", -3, 103)]
    stopped = policy(definitions=desired, validate=False, **same)
    assert (stopped.failed, stopped.result["error"], stopped.result["changed"]) == (1, "Rejected", True)
    told = {name: each["count"] for name, each in stopped.result["boundary"].items()}
    assert told == {"applied": 4, "deleted": 0, "failed": 1, "unknown": 0, "not_sent": 0}
    assert "Of 5 changes 4 written, 0 deleted, 1 failed" in stopped.result["msg"]

    desired = [*config_maps(namespace, 5, "3"), virtual_service(namespace, "wrong", -3, 103)]
    back = policy(definitions=desired, validate=False, on_error="return", **same)
    assert (back.failed, back.result["changed"], back.result["not_returned"]) == (1, False, [])
    assert len(back.result["returned"]) == 5
    assert values(client_of(policy.cluster), namespace) == {f"c-00{number}": "2" for number in range(4)}


def test_what_is_written_but_not_accepted_goes_back(policy: Policy) -> None:
    """The whole set was written, and what it no longer has is gone; then nobody takes its Gateway."""
    namespace, client = policy.namespace("ambient"), client_of(policy.cluster)
    same: dict[str, Any] = {"apply_set": "shop", "namespace": namespace, "prune": True, "semantic_guard": "accept"}
    carried(client, [config_map(namespace, "old"), config_map(namespace, "kept")], apply_set=("shop", namespace))
    before = state(client, namespace)
    gateway: Obj = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "g", "namespace": namespace},
        "spec": {"gatewayClassName": "missing", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }
    run = policy(definitions=[config_map(namespace, "kept", "2"), gateway], on_error="return", wait_timeout=6, **same)
    assert run.failed == 1
    assert f"Gateway {namespace}/g" in run.result["msg"]
    assert "What was written was taken back: all 3 objects (1 of them not wholly as they were)." in run.result["msg"]
    assert [entry["object"] for entry in run.result["not_returned"]] == [f"ConfigMap {namespace}/old"]
    assert client.list(kinds.GATEWAY, namespace) == []
    assert state(client, namespace) == before
