# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a draft reads, and what its rehearsal says against it: all of it, and before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import drafting, going_back, rehearsal
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.draft import Draft
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.model import Document
from ansible_collections.meshwright.istio.plugins.module_utils._errors import (
    ApiError,
    Conflict,
    Invalid,
    NotFound,
    Rejected,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import ApplySetName, PolicyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client

from .carrying import Obj, carried, client_of, config_map, virtual_service
from .conftest import Policy


def rehearsed(
    client: Client, objects: Sequence[Obj], *, apply_set: tuple[str, str] | None = None, **more: Any
) -> tuple[Draft, list[ApiError]]:
    """A draft, and all that speaks against it. Nothing is written."""
    named = ApplySetName(*apply_set) if apply_set else None
    intent = PolicyIntent(definitions=tuple(objects), apply_set=named, **more)
    documents = [Document(obj, f"definitions[{number}]") for number, obj in enumerate(objects)]
    found = drafting.draft(client, documents, intent)
    return found, rehearsal.rehearse(client, found, intent)


def service(namespace: str, name: str, **spec: Any) -> Obj:
    ports = [{"name": "http", "port": 80}]
    meta = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


def peer_authentication(namespace: str, name: str, mode: str = "STRICT") -> Obj:
    meta = {"name": name, "namespace": namespace}
    spec = {"selector": {"matchLabels": {"app": name}}, "mtls": {"mode": mode}}
    return {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": meta, "spec": spec}


def actions(draft: Draft) -> dict[str, str]:
    return {step.name: step.action for step in draft.steps}


def test_all_that_is_wrong_is_told_at_once(policy: Policy) -> None:
    client, here = client_of(policy.cluster), policy.namespace()
    policy.kubectl.apply(config_map(here, "theirs", "theirs"))
    unknown_field = virtual_service(here, "typo")
    unknown_field["spec"]["http"][0]["retires"] = {"attempts": 3}
    objects = [
        *(config_map(here, f"good-{number}") for number in range(20)),
        config_map(here, "theirs", "ours"),
        unknown_field,
        virtual_service(here, "webhook", -3, 103),
        config_map("no-such-namespace", "a"),
        virtual_service("no-such-namespace", "b"),
        {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "m", "namespace": here}},
        {**virtual_service(here, "old"), "apiVersion": "networking.istio.io/v1alpha9"},
        {"apiVersion": "acme.example/v1", "kind": "Rocket", "metadata": {"name": "r", "namespace": here}},
    ]
    before = client.requests.counts["PATCH"]
    _draft, errors = rehearsed(client, objects)
    assert client.requests.counts["PATCH"] - before == 23, "one dry run for each object that may be asked about"
    assert values_unchanged(client, here)
    told = {
        type(error): sorted(str(other.message) for other in errors if type(other) is type(error)) for error in errors
    }
    assert set(told) == {NotFound, Conflict, Invalid, Rejected} and len(errors) == 7
    (conflict,) = told[Conflict]
    assert f"ConfigMap {here}/theirs" in conflict and "kubectl" in conflict and "data.value" in conflict
    (invalid,) = told[Invalid]
    assert f"VirtualService {here}/typo" in invalid and "retires" in invalid
    (rejected,) = told[Rejected]
    assert "weight -3 < 0" in rejected
    missing = " ".join(told[NotFound])
    assert "podmonitors.monitoring.coreos.com is missing" in missing and f"PodMonitor {here}/m" in missing
    assert "Rocket of acme.example/v1" in missing and "networking.istio.io/v1alpha9" in missing
    assert "The namespace no-such-namespace does not exist" in missing
    (space,) = [error for error in errors if error.details.get("missing_namespace")]
    assert set(space.details["objects"]) == {
        "ConfigMap no-such-namespace/a",
        "VirtualService no-such-namespace/b",
    }
    assert all(error.hint for error in errors if not isinstance(error, Rejected))


def values_unchanged(client: Client, namespace: str) -> bool:
    maps = {obj["metadata"]["name"]: obj.get("data") for obj in client.list(kinds.CONFIG_MAP, namespace)}
    routes = client.list(kinds.VIRTUAL_SERVICE, namespace)
    return not routes and maps["theirs"] == {"value": "theirs"} and not any(name.startswith("good") for name in maps)


def test_few_requests_find_everything(policy: Policy) -> None:
    """With a set one LIST per kind, wherever its members are; without one, LISTs where they pay."""
    client = client_of(policy.cluster)
    spaces = [policy.namespace() for _number in range(4)]
    for apply_set, names, expected in ((("few", spaces[0]), ("a", "b"), 5), (None, ("c", "d"), 18)):
        objects = [
            obj
            for space in spaces
            for name in names
            for obj in (
                config_map(space, name),
                service(space, name),
                virtual_service(space, name),
                peer_authentication(space, name),
            )
        ]
        carried(client, objects, apply_set=apply_set)
        looking = client_of(policy.cluster)
        draft, errors = rehearsed(looking, objects, apply_set=apply_set)
        assert not errors and not draft.changes and len(draft.items) == 32
        if apply_set is None and _crowded(client):
            pytest.skip("other objects, by the hundreds, are on this cluster: LISTs of all namespaces would not pay")
        assert looking.requests.counts == {"GET": expected}


def _crowded(client: Client) -> bool:
    kinds_read = (kinds.VIRTUAL_SERVICE, kinds.PEER_AUTHENTICATION)
    return any(len(client.list(kind, metadata_only=True)) > 500 for kind in kinds_read)


def test_what_is_there_though_unread_is_no_creation(policy: Policy) -> None:
    """A dry run tells it: what has a resourceVersion already is read, and judged as what it is."""
    client, here = client_of(policy.cluster), policy.namespace()
    mine = (config_map(here, "same"), config_map(here, "other", "2"))
    policy.kubectl("create", "-f", "-", stdin=_json(config_map(here, "same"), config_map(here, "other", "1")))
    draft, errors = rehearsed(client, mine, apply_set=("late", here), force_conflicts=True)
    assert not errors
    assert actions(draft)[f"ConfigMap {here}/same"] == "update", "it gets the set's label"
    assert all(item.live is not None and item.live["metadata"]["uid"] for item in draft.items)
    changed = {item.target.name: item.step for item in draft.items}
    assert changed["other"].before["data"] == {"value": "1"} and changed["other"].after["data"] == {"value": "2"}
    assert changed["same"].before["data"] == changed["same"].after["data"]
    _draft, errors = rehearsed(client, mine, apply_set=("late", here))
    (conflict,) = errors
    assert isinstance(conflict, Conflict) and "kubectl" in str(conflict) and "data.value" in str(conflict)


def _json(*objects: Obj) -> str:
    import json

    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def test_what_others_manage_is_refused_adopted_or_left(policy: Policy) -> None:
    client, here = client_of(policy.cluster), policy.namespace()
    marks: dict[str, dict[str, Any]] = {
        "argo": {"annotations": {"argocd.argoproj.io/tracking-id": f"web:/ConfigMap:{here}/argo"}},
        "flux": {
            "labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}
        },
        "helm": {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": here},
        },
        "same": {"annotations": {"argocd.argoproj.io/tracking-id": f"web:/ConfigMap:{here}/same"}},
    }
    for name, meta in marks.items():
        client.apply(config_map(here, name, **meta), manager="argocd-controller")
    objects = [
        *(config_map(here, name, "1" if name == "same" else "2") for name in marks),
        config_map(here, "ours"),
    ]
    for force in (False, True):
        draft, errors = rehearsed(client, objects, force_conflicts=force)
        assert {error.details["managed_by"]["object"] for error in errors} == {
            "application web",
            "Kustomization flux/apps",
            f"release {here}/web",
        }, "all of them, whether their fields conflict or not; and none that would not change"
        assert all("managed_elsewhere" in error.hint for error in errors)
    draft, errors = rehearsed(client, objects, managed_elsewhere="adopt")
    assert {type(error) for error in errors} == {Conflict} and "force_conflicts" in errors[0].hint
    draft, errors = rehearsed(client, objects, managed_elsewhere="adopt", force_conflicts=True)
    assert not errors and len(draft.writing) == 4
    run = carried(client, objects, managed_elsewhere="leave")
    assert run.labels("applied") == {"ours"}
    assert {step.name.rpartition("/")[2]: step.reason for step in run.draft.left} == {
        "argo": "left to Argo CD application web",
        "flux": "left to Flux Kustomization flux/apps",
        "helm": f"left to Helm release {here}/web",
    }
    absent, errors = rehearsed(client, objects, state="absent")
    assert len(errors) == 4 and {item.step.action for item in absent.removals} == {"delete"}
    absent, errors = rehearsed(client, objects, state="absent", managed_elsewhere="leave")
    assert not errors and [item.target.name for item in absent.removals] == ["ours"] and len(absent.left) == 4


def test_without_validation_the_steps_are_guessed_right(policy: Policy) -> None:
    client, here = client_of(policy.cluster), policy.namespace()
    first = [config_map(here, "a", labels={"l": "1"}), service(here, "s"), virtual_service(here, "v", 90, 10)]
    carried(client, first)
    policy.kubectl("label", "-n", here, "configmap/a", "theirs=kept")
    second = [config_map(here, "a"), service(here, "s"), virtual_service(here, "v", 50, 50), config_map(here, "new")]
    sent = client.requests.counts["PATCH"]
    guessed, errors = rehearsed(client, second, validate=False)
    assert not errors and client.requests.counts["PATCH"] == sent
    asked, errors = rehearsed(client, second)
    assert not errors
    assert actions(guessed) == actions(asked)
    assert {item.step.predicted_by for item in guessed.writing} == {"local"}
    shown = {item.step.name: item.step.after for item in guessed.items}
    assert shown == {**{item.step.name: item.step.after for item in asked.items}, f"ConfigMap {here}/new": second[3]}
    run = carried(client, second, validate=False)
    assert run.labels("applied") == {"a", "v", "new"}
    draft, errors = rehearsed(client, second, validate=False)
    assert not errors and not draft.changes


def test_what_was_applied_without_a_set_is_taken_over_whole(policy: Policy) -> None:
    """Else what the new set does not name would stay for ever, owned by a manager that no task has any more."""
    client, here = client_of(policy.cluster), policy.namespace()
    before, after = peer_authentication(here, "a"), peer_authentication(here, "a", "PERMISSIVE")
    del after["spec"]["selector"]
    carried(client, [before])
    was = client.get(kinds.PEER_AUTHENTICATION, "a", here)
    assert was is not None
    for validate in (True, False):
        told, errors = rehearsed(client, [after], apply_set=("shop", here), validate=validate)
        (item,) = told.items
        assert not errors and item.step.after["spec"] == after["spec"]
    run = carried(client, [after], apply_set=("shop", here))
    now = client.get(kinds.PEER_AUTHENTICATION, "a", here)
    assert now is not None and now["spec"] == after["spec"]
    assert managers(now) == {"meshwright-policy-shop"}
    draft, errors = rehearsed(client, [after], apply_set=("shop", here))
    assert not errors and not draft.changes
    going_back.go_back(client, run.draft, run.outcome, run.intent)
    back = client.get(kinds.PEER_AUTHENTICATION, "a", here)
    assert back is not None and not run.outcome.not_returned
    assert (back["spec"], managers(back)) == (was["spec"], {"meshwright-policy"})


def managers(obj: Obj) -> set[str]:
    return {entry["manager"] for entry in obj["metadata"]["managedFields"] if not entry.get("subresource")}


def test_what_cannot_be_there_is_absent_already(policy: Policy) -> None:
    client, here = client_of(policy.cluster), policy.namespace()
    carried(client, [config_map(here, "a")])
    objects = [
        config_map(here, "a"),
        config_map(here, "never"),
        config_map("no-such-namespace", "a"),
        {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "m", "namespace": here}},
        {"apiVersion": "acme.example/v1", "kind": "Rocket", "metadata": {"name": "r", "namespace": here}},
    ]
    draft, errors = rehearsed(client, objects, state="absent")
    assert not errors
    assert actions(draft) == {
        f"ConfigMap {here}/a": "delete",
        f"ConfigMap {here}/never": "none",
        "ConfigMap no-such-namespace/a": "none",
        f"PodMonitor {here}/m": "none",
        f"Rocket {here}/r": "none",
    }
    assert carried(client, objects, state="absent").labels("deleted") == {"a"}
    assert not rehearsed(client, objects, state="absent")[0].changes


def test_who_may_only_work_in_one_namespace_can(policy: Policy) -> None:
    """No LIST of the whole cluster is permitted: the namespace's own answer as well; the set as well."""
    here, other = policy.namespace(), policy.namespace()
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "policy", "namespace": here}}
    rules = [
        {"apiGroups": ["", "networking.istio.io", "coordination.k8s.io"], "resources": ["*"], "verbs": ["*"]},
    ]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "policy"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}
    policy.kubectl.apply(
        {**role, "kind": "Role", "rules": rules},
        {**role, "kind": "RoleBinding", "subjects": [subject], "roleRef": reference},
    )
    client = client_of(policy.cluster, "nobody")
    objects = [*(config_map(here, f"c-{number}") for number in range(5)), virtual_service(here, "v")]
    for apply_set in (None, ("own", here)):
        run = carried(client, objects, apply_set=apply_set, force_conflicts=True)
        assert not run.outcome.errors and not run.draft.warnings
        draft, errors = rehearsed(client, objects, apply_set=apply_set, prune=bool(apply_set))
        assert not errors and not draft.changes
    draft, errors = rehearsed(client, objects[1:], apply_set=("own", here), prune=True)
    assert not errors and [item.target.name for item in draft.removals] == ["c-0"]
    _draft, errors = rehearsed(client, [*objects, config_map(other, "x")])
    (error,) = errors
    assert error.details["missing_permission"] == {
        "user": "nobody",
        "verb": "get",
        "resource": "configmaps",
        "namespace": other,
    }
