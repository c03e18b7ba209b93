# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Planning and applying: check, apply, check, apply; and what is refused, before anything is written."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils import _errors as errors
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.plan import Step
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds

from tests.harness.fault_proxy import FaultProxy

from ..support.embedded import Embedded, Kubectl
from .conftest import MANAGER, user
from .samples import Obj, config_map, crd, custom, deployment, namespace, service


def actions(steps: list[Step]) -> dict[str, str]:
    return {step.name: step.action for step in steps}


def predicted(steps: list[Step]) -> dict[str, str]:
    return {step.name: step.predicted_by for step in steps}


@pytest.fixture
def fresh(kubectl: Kubectl) -> Iterator[str]:
    """A name that is free for a namespace or CRD; both are deleted afterwards."""
    name = f"fresh{uuid.uuid4().hex[:8]}"
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
    kubectl("delete", "crd", f"{name}s.engine.meshwright.test", "--wait=false", "--ignore-not-found")


def test_check_apply_check_apply(engine: ObjectEngine, fresh: str) -> None:
    """A whole set on an empty cluster, the namespace and the CRD among it, in any order."""
    widgets = crd(f"{fresh}s", kind="Fresh")
    desired = [
        custom(widgets, fresh),
        deployment(fresh),
        service(fresh),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": fresh}},
        config_map(fresh, a="1"),
        namespace(fresh),
        widgets,
    ]
    order = [
        f"Namespace {fresh}",
        f"CustomResourceDefinition {fresh}s.engine.meshwright.test",
        f"ServiceAccount {fresh}/web",
        f"ConfigMap {fresh}/settings",
        f"Deployment {fresh}/web",
        f"Service {fresh}/web",
        f"Fresh {fresh}/one",
    ]
    checked = engine.plan(desired)
    assert [step.name for step in checked] == order
    assert {step.action for step in checked} == {"create"}
    assert predicted(checked) == dict(zip(order, ["server", "server", *["schema"] * 5], strict=True))
    assert engine.client.get(kinds.NAMESPACE, fresh) is None

    assert actions(engine.apply(desired)) == dict.fromkeys(order, "create")
    assert actions(engine.plan(desired)) == dict.fromkeys(order, "none")
    assert actions(engine.apply(desired)) == dict.fromkeys(order, "none")


def test_what_is_as_desired_costs_one_request_in_all(
    proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str
) -> None:
    desired = [config_map(namespace, f"c-{number}", value=str(number)) for number in range(40)]
    proxied_engine.apply(desired)
    proxy.clear()
    assert set(actions(proxied_engine.apply(desired)).values()) == {"none"}
    assert [(one.method, one.path) for one in proxy.seen] == [("GET", f"/api/v1/namespaces/{namespace}/configmaps")]


def test_only_what_differs_is_asked_and_written(
    proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str
) -> None:
    desired = [config_map(namespace, f"c-{number}", value="1") for number in range(10)]
    proxied_engine.apply(desired)
    desired[3]["data"]["value"] = "2"
    proxy.clear()
    steps = proxied_engine.apply(desired)
    changed = [step for step in steps if step.changes]
    assert [(step.name, step.action, step.reason) for step in changed] == [
        (f"ConfigMap {namespace}/c-3", "update", "differs in data.value")
    ]
    assert (changed[0].before["data"], changed[0].after["data"]) == ({"value": "1"}, {"value": "2"})
    assert (proxy.count("PATCH", dry_run=True), proxy.count("PATCH", dry_run=False)) == (1, 1)


def test_what_the_server_puts_in_its_own_words_is_no_change(
    proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str
) -> None:
    """Quantities and stringData miss the fast path; the dry run says that nothing would change."""
    limits = {"limits": {"cpu": "1000m", "memory": "1024Mi"}}
    secret: Obj = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": namespace},
        "stringData": {"token": "hush"},
    }
    desired = [deployment(namespace, resources=limits), secret]
    proxied_engine.apply(desired)
    proxy.clear()
    assert set(actions(proxied_engine.apply(desired)).values()) == {"none"}
    assert (proxy.count("PATCH", dry_run=True), proxy.count("PATCH", dry_run=False)) == (2, 0)


def test_no_secret_reaches_a_step(engine: ObjectEngine, namespace: str) -> None:
    secret: Obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}}
    engine.apply([{**secret, "stringData": {"token": "before"}}])
    (step,) = engine.apply([{**secret, "stringData": {"token": "after"}}])
    assert step.action == "update"
    assert (step.before["data"], step.after["data"]) == ({"token": "(hidden)"}, {"token": "(hidden, changed)"})


def test_a_field_desired_no_more_goes_and_another_managers_stays(engine: ObjectEngine, namespace: str) -> None:
    engine.apply([config_map(namespace, ours="1", ours_too="1")])
    other = ObjectEngine(engine.client, manager="someone-else")
    other.apply([config_map(namespace, theirs="1")])
    engine.apply([config_map(namespace, ours="1")])
    live = engine.client.get(kinds.CONFIG_MAP, "settings", namespace)
    assert live is not None
    assert live["data"] == {"ours": "1", "theirs": "1"}


def test_a_hand_edit_is_a_conflict_that_names_who_and_what_and_can_be_forced(
    engine: ObjectEngine, namespace: str, kubectl: Kubectl
) -> None:
    desired = [config_map(namespace, a="1")]
    engine.apply(desired)
    kubectl(
        "patch", "configmap", "settings", "-n", namespace, "--field-manager=kubectl-edit", "-p", '{"data":{"a":"2"}}'
    )
    with pytest.raises(
        errors.Conflict, match=r"ConfigMap .*/settings: kubectl-edit owns data\.a.*force_conflicts"
    ) as caught:
        engine.plan(desired)
    assert caught.value.details["conflicts"] == {"kubectl-edit": ["data.a"]}
    forced = ObjectEngine(engine.client, manager=MANAGER, force_conflicts=True)
    assert [step.reason for step in forced.apply(desired)] == ["differs in data.a"]
    assert set(actions(forced.apply(desired)).values()) == {"none"}


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_written(
    proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str
) -> None:
    bad = deployment(namespace, imagePulPolicy="Always")
    worse = {**service(namespace), "spce": {}}
    with pytest.raises(errors.Invalid) as caught:
        proxied_engine.apply([config_map(namespace, a="1"), bad, worse])
    said = str(caught.value)
    assert f"Deployment {namespace}/web" in said
    assert 'containers[name="web"].imagePulPolicy' in said
    assert "unknown field spce" in said
    assert len(caught.value.details["errors"]) == 2
    assert proxy.count("PATCH", dry_run=False) == 0


def test_a_missing_namespace_is_named(engine: ObjectEngine) -> None:
    with pytest.raises(
        errors.NotFound, match=r"apply ConfigMap nowhere/settings: the namespace nowhere does not exist"
    ):
        engine.plan([config_map("nowhere", a="1")])


def test_a_missing_permission_is_named(cluster: Embedded, namespace: str) -> None:
    engine = ObjectEngine(user(cluster, "nobody"), manager=MANAGER)
    with pytest.raises(errors.Forbidden) as caught:
        engine.plan([config_map(namespace, a="1")])
    assert caught.value.details["missing_permission"] == {
        "user": "nobody",
        "verb": "get",
        "resource": "configmaps",
        "namespace": namespace,
    }


def test_who_may_get_but_not_list_is_served_too(cluster: Embedded, engine: ObjectEngine, namespace: str) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"]}]
    meta = {"name": "engine-test", "namespace": namespace}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    subject = {"kind": "User", "name": "nobody", "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"kind": "Role", "name": "engine-test", "apiGroup": "rbac.authorization.k8s.io"}
    engine.apply(
        [
            {**rbac, "kind": "Role", "metadata": meta, "rules": rules},
            {**rbac, "kind": "RoleBinding", "metadata": meta, "subjects": [subject], "roleRef": reference},
        ]
    )
    limited = ObjectEngine(user(cluster, "nobody"), manager=MANAGER)
    desired = [config_map(namespace, f"c-{number}", a="1") for number in range(5)]
    assert set(actions(limited.apply(desired)).values()) == {"create"}
    assert set(actions(limited.apply(desired)).values()) == {"none"}


def test_a_missing_kind_is_named(engine: ObjectEngine, namespace: str) -> None:
    with pytest.raises(errors.NotFound, match=r"does not serve the kind Ghost of ghosts\.example\.com/v1"):
        engine.plan(
            [
                {
                    "apiVersion": "ghosts.example.com/v1",
                    "kind": "Ghost",
                    "metadata": {"name": "g", "namespace": namespace},
                }
            ]
        )
    route = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "r", "namespace": namespace}}
    with pytest.raises(errors.NotFound, match=r"apply Rollout .*: the API server does not serve this kind"):
        engine.plan([route])


def test_a_custom_resource_is_held_against_the_crd_that_comes_with_it(
    proxied_engine: ObjectEngine, proxy: FaultProxy, fresh: str
) -> None:
    widgets = crd(f"{fresh}s", kind="Fresh")
    with pytest.raises(
        errors.Invalid, match=r"Fresh .*/one: spec.size: is 0; must be at least 1; spec.colour: unknown field"
    ):
        proxied_engine.apply([widgets, namespace(fresh), custom(widgets, fresh, size=0, colour="red")])
    assert proxy.count("PATCH", dry_run=False) == 0


def test_a_custom_resource_whose_namespace_is_missing_is_held_against_the_crd_there_is(
    engine: ObjectEngine, fresh: str
) -> None:
    widgets = crd(f"{fresh}s", kind="Fresh")
    engine.apply([widgets])
    steps = engine.plan([namespace(fresh), custom(widgets, fresh)])
    assert [(step.action, step.predicted_by) for step in steps] == [("create", "server"), ("create", "schema")]
    with pytest.raises(errors.Invalid, match=r"spec\.colour: unknown field"):
        engine.plan([namespace(fresh), custom(widgets, fresh, colour="red")])


def test_a_built_in_object_whose_namespace_is_missing_is_held_against_the_servers_schema(
    proxied_engine: ObjectEngine, proxy: FaultProxy, fresh: str, kubectl: Kubectl
) -> None:
    """So an empty cluster, too, refuses what is wrong before the first write; and the dry run leaves nothing behind."""
    steps = proxied_engine.plan([namespace(fresh), service(fresh)])
    assert [(step.action, step.predicted_by) for step in steps] == [("create", "server"), ("create", "schema")]
    wrong = service(fresh)
    wrong["spec"]["ports"][0]["port"] = 99999
    with pytest.raises(errors.Invalid, match=rf"Service {fresh}/web.*99999") as caught:
        proxied_engine.apply([namespace(fresh), wrong])
    assert caught.value.target == f"Service {fresh}/web"
    assert "rehearsal-" not in str(caught.value)
    assert proxy.count("PATCH", dry_run=False) == 0
    assert "rehearsal-" not in kubectl("get", "services", "-n", "default", "-o", "name")


def test_what_may_not_be_asked_elsewhere_is_predicted_here(
    proxied_engine: ObjectEngine, proxy: FaultProxy, fresh: str
) -> None:
    proxy.fail(r"PATCH .*/namespaces/default/services/", status=403, message="services is forbidden: no", times=9)
    steps = proxied_engine.plan([namespace(fresh), service(fresh)])
    assert [(step.action, step.predicted_by) for step in steps] == [("create", "server"), ("create", "local")]


def test_a_crd_that_grows_and_a_resource_that_needs_it(engine: ObjectEngine, namespace: str, fresh: str) -> None:
    widgets = crd(f"{fresh}s", kind="Fresh")
    engine.apply([widgets, custom(widgets, namespace)])
    grown = crd(f"{fresh}s", kind="Fresh", colour={"type": "string"})
    desired = [grown, custom(grown, namespace, size=1, colour="red")]
    checked = engine.plan(desired)
    assert [(step.action, step.predicted_by) for step in checked] == [("update", "server"), ("update", "schema")]
    engine.apply(desired)
    assert {step.action for step in engine.plan(desired)} == {"none"}


def test_an_object_that_is_being_deleted_is_made_anew(engine: ObjectEngine, namespace: str, kubectl: Kubectl) -> None:
    held = config_map(namespace, a="1")
    held["metadata"]["finalizers"] = ["meshwright.test/hold"]
    engine.apply([held])
    kubectl("delete", "configmap", "settings", "-n", namespace, "--wait=false")
    before = kubectl.json("get", "configmap", "settings", "-n", namespace)["metadata"]["uid"]
    release = (
        "patch",
        "configmap",
        "settings",
        "-n",
        namespace,
        "--type=merge",
        "-p",
        '{"metadata":{"finalizers":null}}',
    )
    timer = threading.Timer(0.5, kubectl, args=release)
    timer.start()
    (step,) = engine.apply([config_map(namespace, a="1")])
    timer.join()
    assert step.action == "create"
    assert kubectl.json("get", "configmap", "settings", "-n", namespace)["metadata"]["uid"] != before


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        ({"kind": "ConfigMap", "metadata": {"name": "x"}}, "no `apiVersion`"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "x"}}, r"no `metadata.name`"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}, r"no `metadata.namespace`"),
    ],
)
def test_bad_input(engine: ObjectEngine, obj: Any, said: str) -> None:
    with pytest.raises(errors.BadInput, match=said):
        engine.plan([obj])


def test_an_object_given_twice(engine: ObjectEngine) -> None:
    with pytest.raises(errors.BadInput, match="ConfigMap n/settings is given twice"):
        engine.plan([config_map("n", a="1"), config_map("n", a="2")])


def test_a_write_that_is_refused_says_what_was_written(
    proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str
) -> None:
    """A webhook that refuses only the write itself: the rest of the wave is written, the next wave is not."""
    proxy.fail(
        r"PATCH .*/configmaps/bad\?(?!.*dryRun)", status=400, message='admission webhook "w" denied the request: no'
    )
    desired = [config_map(namespace, "bad", a="1"), config_map(namespace, "good", a="1"), service(namespace)]
    with pytest.raises(errors.Rejected, match='admission webhook "w" denied the request: no') as caught:
        proxied_engine.apply(desired)
    assert caught.value.details["applied"] == [f"ConfigMap {namespace}/good"]
    assert caught.value.details["not_applied"] == [f"ConfigMap {namespace}/bad", f"Service {namespace}/web"]
    # Run again, it goes on from there.
    again = proxied_engine.apply(desired)
    assert [step.action for step in again] == ["create", "none", "create"]


def test_a_webhook_that_knows_no_dry_run(proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str) -> None:
    """The step says that it was predicted here, and why; a change is still found, and written."""
    proxy.fail("dryRun", status=400, message='admission webhook "w" does not support dry run', times=99)
    desired = [config_map(namespace, "one", a="1"), config_map(namespace, "two", a="1")]
    checked = proxied_engine.plan(desired)
    assert {(step.action, step.predicted_by) for step in checked} == {("create", "local")}
    assert checked[0].notes == [
        f'Could not apply ConfigMap {namespace}/one: admission webhook "w" does not support dry run'
    ]
    assert {step.action for step in proxied_engine.apply(desired)} == {"create"}
    desired[0]["data"]["a"] = "2"
    assert [(step.action, step.predicted_by) for step in proxied_engine.apply(desired)] == [
        ("update", "local"),
        ("none", ""),
    ]


def test_guards_may_stand_between_planning_and_writing(
    proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str
) -> None:
    items = proxied_engine.prepare([config_map(namespace, a="1")])
    assert proxy.count("PATCH", dry_run=False) == 0
    asked = len(proxy.seen)
    assert [step.action for step in proxied_engine.carry_out(items)] == ["create"]
    assert len(proxy.seen) == asked + 1
