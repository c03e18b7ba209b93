# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply sets: what belongs to them as kubectl sees it, what is pruned and what is not, and how a set ends."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.items import Item
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import applyset
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.applyset import (
    ID,
    PART_OF,
    Scope,
    scope_of,
    set_id,
)
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, Conflict, GuardRefused
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from .carrying import Obj, carried, client_of, config_map, draft, virtual_service
from .conftest import Policy

ROUTES = ("networking.istio.io", "VirtualService")
MAPS = ("", "ConfigMap")


def parent(client: Client, space: str, name: str = "shop") -> Obj | None:
    return client.get(kinds.CONFIG_MAP, name, space)


def names(items: Iterable[Item]) -> set[str]:
    return {item.label for item in items}


def draft_errors(client: Client, obj: Obj, **more: Any) -> Conflict:
    with pytest.raises(Conflict) as caught:
        draft(client, [obj], **more)
    return caught.value


def kubectl_apply_set(policy: Policy, space: str, name: str, *objects: Obj) -> subprocess.CompletedProcess[str]:
    """Real kubectl's own apply set (alpha)."""
    cluster = policy.cluster
    arguments = ["apply", "--server-side", f"--applyset=configmap/{name}", "--prune", "-n", space, "-f", "-"]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    return subprocess.run(
        [cluster.programs["kubectl"], "--kubeconfig", cluster.kubeconfig, *arguments],
        input=listed,
        env={**os.environ, "KUBECTL_APPLYSET": "true"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_kubectl_knows_the_set_and_its_members(policy: Policy) -> None:
    client, home, other = client_of(policy.cluster), policy.namespace(), policy.namespace()
    objects = [config_map(home, "a"), config_map(other, "b"), virtual_service(other, "v")]
    run = carried(client, objects, apply_set=("shop", home))
    assert run.draft.parent is not None and run.draft.parent.step.action == "create"
    identity = set_id("shop", home)
    listed = policy.kubectl.json("get", "configmaps", "-A", "-l", f"{ID}={identity}")["items"]
    assert [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in listed] == [(home, "shop")]
    members = policy.kubectl.json(
        "get", "configmaps,virtualservices.networking.istio.io", "-A", "-l", f"{PART_OF}={identity}"
    )
    found = {(each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]) for each in members["items"]}
    assert found == {("ConfigMap", home, "a"), ("ConfigMap", other, "b"), ("VirtualService", other, "v")}
    annotations = listed[0]["metadata"]["annotations"]
    assert annotations["applyset.kubernetes.io/contains-group-kinds"] == "ConfigMap,VirtualService.networking.istio.io"
    assert annotations["applyset.kubernetes.io/additional-namespaces"] == other

    # Two tools never keep one set: kubectl leaves ours alone, and we kubectl's.
    refused = kubectl_apply_set(policy, home, "shop", config_map(home, "k"))
    assert refused.returncode != 0 and "meshwright.istio" in refused.stderr
    done = kubectl_apply_set(policy, home, "theirs", config_map(home, "k"))
    assert done.returncode == 0, done.stderr
    theirs = parent(client, home, "theirs")
    assert theirs is not None and theirs["metadata"]["labels"][ID] == set_id("theirs", home), "kubectl's own reckoning"
    with pytest.raises(GuardRefused, match=r"ConfigMap .*/theirs is the parent of an apply set that kubectl/v"):
        draft(client, objects, apply_set=("theirs", home))
    with pytest.raises(GuardRefused, match="is no apply set's parent"):
        draft(client, objects[1:], apply_set=("a", home))

    with pytest.raises(BadInput, match=f"ConfigMap {home}/a is the parent of the apply set itself"):
        draft(client, objects, apply_set=("a", home))

    # Nor does an object belong to two.
    error = draft_errors(client, config_map(home, "k", "2"), apply_set=("shop", home), prune=False)
    assert error.details["apply_set"] == f"{home}/theirs" and f"apply set {home}/theirs" in str(error)
    with pytest.raises(Conflict, match=f"apply set {home}/shop"):
        draft(client, [config_map(other, "b")], apply_set=("second", home))
    with pytest.raises(Conflict, match=f"apply set {home}/shop"):
        draft(client, [config_map(other, "b", "2")], force_conflicts=True)
    assert parent(client, home, "second") is None


def test_what_a_set_holds_no_more_is_pruned(policy: Policy) -> None:
    client, home, other = client_of(policy.cluster), policy.namespace(), policy.namespace()
    objects = [config_map(home, "a"), config_map(home, "b"), config_map(other, "b"), virtual_service(other, "v")]
    carried(client, objects, apply_set=("shop", home))
    made = parent(client, home)
    assert made is not None

    # Without prune nothing goes, nothing is written, and the parent knows them still.
    kept = draft(client, objects[:1], apply_set=("shop", home), prune=False)
    assert not kept.draft.changes and not kept.draft.removals and not kept.draft.warnings
    carried(client, [config_map(home, "a", "2")], apply_set=("shop", home), prune=False)
    assert scope_of(parent(client, home)) == scope_of(made)

    # A preview deletes nothing.
    preview = draft(client, [config_map(home, "a", "2")], apply_set=("shop", home))
    expected = {f"ConfigMap {home}/b", f"ConfigMap {other}/b", f"VirtualService {other}/v"}
    assert names(preview.draft.removals) == expected
    assert {item.step.predicted_by for item in preview.draft.removals} == {"server"}
    assert client.get(kinds.VIRTUAL_SERVICE, "v", other)

    # Not what others took over meanwhile, nor what only bears the label.
    tracking = f"argocd.argoproj.io/tracking-id=web:/ConfigMap:{home}/b"
    policy.kubectl("annotate", "-n", home, "configmap/b", tracking)
    policy.kubectl.apply(config_map(home, "copy", labels={PART_OF: set_id("shop", home)}))
    run = carried(client, [config_map(home, "a", "2")], apply_set=("shop", home))
    assert names(run.outcome.deleted) == expected - {f"ConfigMap {home}/b"}
    assert {step.name for step in run.draft.left} == {f"ConfigMap {home}/b", f"ConfigMap {home}/copy"}
    assert len(run.draft.warnings) == 2 and "Argo CD application web" in " ".join(run.draft.warnings)
    assert client.get(kinds.VIRTUAL_SERVICE, "v", other) is None and client.get(kinds.CONFIG_MAP, "copy", home)
    narrowed = scope_of(parent(client, home))
    assert narrowed == Scope(frozenset({MAPS}), frozenset())
    again = draft(client, [config_map(home, "a", "2")], apply_set=("shop", home))
    assert not again.draft.changes


def test_what_istiod_makes_of_a_gateway_is_not_pruned(policy: Policy) -> None:
    """It copies the Gateway's labels, the set's among them, to the Service that it makes."""
    client, home = client_of(policy.cluster), policy.namespace()
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "edge", "namespace": home},
        "spec": {"gatewayClassName": "istio", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "own", "namespace": home},
        "spec": {"ports": [{"port": 80}]},
    }
    carried(client, [gateway, service], apply_set=("shop", home))
    policy.kubectl("wait", "--for=create", "--timeout=60s", "-n", home, "service/edge-istio")
    made = client.get(kinds.SERVICE, "edge-istio", home)
    assert made is not None and made["metadata"]["labels"].get(PART_OF) == set_id("shop", home)
    theirs = {
        **service,
        "metadata": {"name": "edge-istio", "namespace": home},
        "spec": {"ports": [{"name": "more", "port": 81}]},
    }
    meddling = draft_errors(client, theirs)
    assert meddling.details["managed_by"] == {"tool": "Gateway", "object": "edge"}
    run = draft(client, [gateway, service], apply_set=("shop", home))
    assert not run.draft.changes and not run.draft.warnings
    gone = carried(client, [], apply_set=("shop", home), state="absent")
    assert names(gone.outcome.deleted) == {f"Gateway {home}/edge", f"Service {home}/own"}


def test_a_set_is_removed_with_its_parent(policy: Policy) -> None:
    client, home, other = client_of(policy.cluster), policy.namespace(), policy.namespace()
    objects = [config_map(home, "a"), virtual_service(other, "v"), config_map(other, "b")]
    carried(client, objects, apply_set=("shop", home))

    some = carried(client, objects[:2], apply_set=("shop", home), state="absent")
    assert names(some.outcome.deleted) == {f"ConfigMap {home}/a", f"VirtualService {other}/v"}
    left = scope_of(parent(client, home))
    assert left == Scope(frozenset({MAPS}), frozenset({other}))

    preview = draft(client, [], apply_set=("shop", home), state="absent")
    assert [(step.name, step.action) for step in preview.draft.steps] == [
        (f"ConfigMap {other}/b", "delete"),
        (f"ConfigMap {home}/shop", "delete"),
    ]
    assert parent(client, home)
    carried(client, [], apply_set=("shop", home), state="absent")
    assert parent(client, home) is None and client.get(kinds.CONFIG_MAP, "b", other) is None
    assert not draft(client, [], apply_set=("shop", home), state="absent").draft.steps

    # Members outlive a parent that somebody deleted: they are found all the same, and it is made anew.
    carried(client, objects, apply_set=("shop", home))
    policy.kubectl("delete", "-n", home, "configmap/shop")
    orphans = draft(client, [], apply_set=("shop", home), state="absent")
    assert len(orphans.draft.removals) == 3 and not orphans.draft.warnings
    mended = carried(client, objects, apply_set=("shop", home))
    assert [(step.name, step.action) for step in mended.draft.steps if step.changes] == [
        (f"ConfigMap {home}/shop", "create")
    ]
    assert scope_of(parent(client, home)).namespaces == {other}


def test_a_run_that_dies_leaves_a_parent_that_names_enough(policy: Policy) -> None:
    """Widened before the first write: whatever was written is found by the next run, and pruned."""
    client, home, other = client_of(policy.cluster), policy.namespace(), policy.namespace()
    carried(client, [config_map(home, "a")], apply_set=("shop", home))
    dying = draft(client, [config_map(home, "a"), virtual_service(other, "v")], apply_set=("shop", home))
    applyset.widen(client, dying.intent, dying.draft)
    wide = scope_of(parent(client, home))
    assert wide == Scope(frozenset({MAPS, ROUTES}), frozenset({other}))
    client.apply(next(item.obj for item in dying.draft.writing), manager=dying.intent.manager)
    after = carried(client, [config_map(home, "a")], apply_set=("shop", home))
    assert names(after.outcome.deleted) == {f"VirtualService {other}/v"}
    assert scope_of(parent(client, home)).kinds == {MAPS}

    # Two runs of one set at once: the second one's draft is of a parent that is no more.
    one = draft(client, [config_map(home, "a", "2"), virtual_service(other, "x")], apply_set=("shop", home))
    two = draft(client, [config_map(home, "a", "3"), virtual_service(home, "y")], apply_set=("shop", home))
    applyset.widen(client, one.intent, one.draft)
    with pytest.raises(Conflict, match="Another run works with this apply set"):
        applyset.widen(client, two.intent, two.draft)


def test_a_set_by_playbook(policy: Policy) -> None:
    """Previewed, applied, pruned, removed; no Secret is told on the way."""
    client, home = client_of(policy.cluster, seconds=600), policy.namespace()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "do-not-tell"}}
    both = [config_map(home, "a"), secret]
    steps: list[tuple[str, dict[str, Any], list[str]]] = [
        ("create", {"definitions": both, "check": True}, ["ConfigMap a", "Secret s", "ConfigMap shop"]),
        ("create", {"definitions": both}, ["ConfigMap a", "Secret s", "ConfigMap shop"]),
        ("delete", {"definitions": [secret], "prune": True}, ["ConfigMap a"]),
        ("delete", {"state": "absent", "definitions": []}, ["Secret s", "ConfigMap shop"]),
    ]
    for action, more, told in steps:
        run = policy(namespace=home, apply_set="shop", diff=True, **more).ok()
        headers = [entry["before_header"].replace(f"{home}/", "") for entry in run.result["diff"]]
        assert (headers, run.result["changed"]) == (told, True)
        of_objects = {"created": 2} if action == "create" else {"deleted": 1}
        assert {name: count for name, count in run.result["summary"].items() if name in of_objects} == of_objects
        assert "do-not-tell" not in run.text and "ZG8tbm90LXRlbGw" not in run.text
        assert (parent(client, home) is None) == (more.get("check", False) or more.get("state") == "absent")
