# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may go wrong with a set of objects: each error is named, and what is left is known exactly."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils import _errors as errors
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import carry, going_back, unknown
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds, retries
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Deadline

from .carrying import (
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


def errors_of(caught: pytest.ExceptionInfo[errors.ApiError]) -> dict[str, str]:
    """What was said against which object."""
    return {each["target"].rpartition("/")[2]: each["message"] for each in caught.value.details["errors"]}


# -- before the first write ------------------------------------------------------------------------------------


def test_the_bad_ones_of_two_hundred_are_all_named_and_nothing_is_written(policy: Policy) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace()
    client.apply(config_map(namespace, "held", "theirs"), manager="argocd-controller")
    client.apply(virtual_service(namespace, "kept", 100), manager="argocd-controller")
    unknown_field = virtual_service(namespace, "misspelt", 100)
    unknown_field["spec"]["htttp"] = []
    objects = [
        *config_maps(namespace, 195),
        virtual_service(namespace, "negative", -3, 103),
        unknown_field,
        config_map(namespace, "held", "ours"),
        virtual_service(namespace, "kept", 90, 10),
        config_map(namespace, "Wrong_Name"),
    ]
    with pytest.raises(errors.ApiError) as caught:
        draft(client, objects)
    told = errors_of(caught)
    assert set(told) == {"negative", "misspelt", "held", "kept", "Wrong_Name"}
    assert "weight -3 < 0" in told["negative"]
    assert "unknown field spec.htttp" in told["misspelt"]
    assert "argocd-controller owns data.value" in told["held"]
    assert "argocd-controller owns spec.http" in told["kept"]
    assert "Wrong_Name" in told["Wrong_Name"]
    assert values(client, namespace) == {"held": "theirs"}


def test_a_missing_kind_and_a_missing_namespace(policy: Policy) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace()
    missing = {"apiVersion": "networking.istio.io/v1", "kind": "Missing", "metadata": {"name": "x", "namespace": "n"}}
    rollout = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "known", "namespace": namespace},
    }
    elsewhere = [virtual_service("not-there", name) for name in ("a", "b")]
    with pytest.raises(errors.NotFound) as caught:
        draft(client, [config_map(namespace, "fine"), missing, rollout, *elsewhere])
    told = " ".join(each["message"] for each in caught.value.details["errors"])
    assert "Missing" in told
    assert f"Rollout {namespace}/known" in told
    assert (
        "The namespace not-there does not exist; needed by VirtualService not-there/a, VirtualService not-there/b"
        in told
    )
    assert values(client, namespace) == {}


# -- while writing ---------------------------------------------------------------------------------------------


def test_a_missing_permission(policy: Policy) -> None:
    """One may write routes but no ConfigMaps: each refusal names verb, resource and namespace; the rest is written."""
    namespace = policy.namespace()
    rules = ["--verb=get,list,watch", "--resource=configmaps,virtualservices.networking.istio.io"]
    policy.kubectl("-n", namespace, "create", "role", "read", *rules)
    rules = ["--verb=create,patch", "--resource=virtualservices.networking.istio.io"]
    policy.kubectl("-n", namespace, "create", "role", "routes", *rules)
    for role in ("read", "routes"):
        policy.kubectl("-n", namespace, "create", "rolebinding", role, f"--role={role}", "--user=viewer")
    viewer = client_of(policy.cluster, "viewer")
    objects = [config_map(namespace, "c"), virtual_service(namespace, "v")]
    with pytest.raises(errors.Forbidden, match=f"user viewer may not patch configmaps in the namespace {namespace}"):
        draft(viewer, objects)
    run = carried(viewer, objects, validate=False, on_error="continue")
    assert (run.labels("applied"), run.labels("failed")) == ({"v"}, {"c"})
    error = carry.failure(run.outcome, run.intent)
    assert isinstance(error, errors.Forbidden)
    missing = {"user": "viewer", "verb": "patch", "resource": "configmaps", "namespace": namespace}
    assert error.details["errors"][0]["missing_permission"] == missing
    with pytest.raises(errors.Forbidden, match=r"may not (get|create) leases\.coordination\.k8s\.io in the namespace"):
        carried(viewer, objects, validate=False, apply_set=("shop", namespace))
    nobody = client_of(policy.cluster, "nobody")
    with pytest.raises(errors.Forbidden, match="user nobody may not"):
        draft(nobody, objects)


def test_a_conflict_that_nobody_foresaw(policy: Policy) -> None:
    """Without rehearsal it shows when it is written; then it is left to its manager, or taken over."""
    client, namespace = client_of(policy.cluster), policy.namespace()
    client.apply(config_map(namespace, "held", "theirs"), manager="argocd-controller")
    objects = [config_map(namespace, "held", "ours"), virtual_service(namespace, "v")]
    run = carried(client, objects, validate=False)
    assert run.labels("failed") == {"held"}
    error = carry.failure(run.outcome, run.intent)
    assert isinstance(error, errors.Conflict)
    assert "argocd-controller owns data.value" in str(error)
    assert error.details["errors"][0]["conflicts"] == {"argocd-controller": ["data.value"]}
    assert carried(client, objects, force_conflicts=True).outcome.complete
    assert values(client, namespace) == {"held": "ours"}


@pytest.mark.parametrize("back", [True, False], ids=["comes back", "stays away"])
def test_a_connection_lost_at_object_500(policy: Policy, monkeypatch: pytest.MonkeyPatch, back: bool) -> None:
    """Of requests without an answer the truth is found by reading, where the server is back in time."""
    monkeypatch.setattr(retries, "PATIENCE_OUTAGE", 0.3)
    monkeypatch.setattr(unknown, "_LAST_LOOK", 0.3)
    direct, namespace = client_of(policy.cluster), policy.namespace()
    objects = config_maps(namespace, 600)
    with through_proxy(policy.cluster) as (proxy, client):
        run = draft(client, objects, validate=False)
        # The last of those that arrive lose their answers only.
        proxy.fail(r"PATCH .*/c-50[0-3]\?", drop="after", times=4)
        proxy.fail(r"PATCH .*/c-5\d\d\?", drop="before", times=9999)
        fault = proxy.fail("GET", drop="before", times=0 if back else 9999)
        run.outcome = carry.carry_out(client, run.draft, run.intent)
        sent = {one.path.rpartition("/")[2] for one in proxy.seen if one.method == "PATCH"}
        assert (fault.times < 9999) is True
    applied, failed, lost = run.labels("applied"), run.labels("failed"), run.labels("unknown")
    written = set(values(direct, namespace))
    assert not run.outcome.complete
    assert run.labels("not_sent") == {one["metadata"]["name"] for one in objects} - sent
    assert applied | failed | lost == sent
    if back:
        assert (applied, lost) == (written, set())
        assert {"c-500", "c-501", "c-502", "c-503"} <= applied
        assert failed == sent - written
    else:
        assert failed == set()
        assert applied == {one["metadata"]["name"] for one in objects[:500]}
        assert written - applied == {"c-500", "c-501", "c-502", "c-503"} & lost
    error = carry.failure(run.outcome, run.intent)
    assert isinstance(error, errors.Unreachable)
    assert "no answer from the API server" in str(error)
    assert carried(direct, objects).outcome.complete
    assert len(values(direct, namespace)) == 600


def test_answers_that_are_lost_and_a_storm_of_429(policy: Policy) -> None:
    """Waited for within the task's time: each object is written once, and what is deleted counts as deleted."""
    direct, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    carried(direct, config_maps(namespace, 60), apply_set=name)
    with through_proxy(policy.cluster) as (proxy, client):
        run = draft(client, config_maps(namespace, 40, "2"), apply_set=name)
        proxy.fail(r"PATCH .*/c-00\d\?", drop="after", times=5)
        proxy.fail("PATCH", status=503, times=10)
        proxy.fail("PATCH", status=429, retry_after=0.1, times=60)
        proxy.fail("DELETE", drop="after", times=5)
        proxy.fail("DELETE", status=429, retry_after=0.1, times=20)
        run.outcome = carry.carry_out(client, run.draft, run.intent)
        assert client.requests.counts["retried 429"] == 80
    assert run.outcome.complete
    assert (len(run.outcome.applied), len(run.outcome.deleted)) == (40, 20)
    assert values(direct, namespace) == dict.fromkeys((f"c-{number:03}" for number in range(40)), "2")


def test_the_deadline_ends_in_the_middle(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    direct, namespace = client_of(policy.cluster), policy.namespace()
    with through_proxy(policy.cluster) as (proxy, client):
        run = draft(client, config_maps(namespace, 60))
        proxy.fail(r"PATCH .*/c-0[2-5]\d\?", status=429, retry_after=5, times=999)
        hurried = client.with_deadline(Deadline(1.5))
        run.outcome = carry.carry_out(hurried, run.draft, run.intent)
    error = carry.failure(run.outcome, run.intent)
    # Throttled ones were surely not carried out.
    assert run.labels("applied") == set(values(direct, namespace)) == {f"c-{number:03}" for number in range(20)}
    assert (len(run.outcome.unknown), len(run.outcome.not_sent)) == (0, 40)
    assert "within the task's 1.5 s" in str(error)


def test_a_webhook_that_is_down_is_waited_for_once(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where each error is to be collected: every other object would wait for it as long."""
    monkeypatch.setattr(retries, "PATIENCE_WEBHOOK", 0.3)
    namespace = policy.namespace()
    down = 'Internal error occurred: failed calling webhook "validation.istio.io": connection refused'
    with through_proxy(policy.cluster) as (proxy, client):
        run = draft(client, config_maps(namespace, 80), on_error="continue")
        proxy.fail("PATCH", status=500, message=down, times=10_000)
        run.outcome = carry.carry_out(client, run.draft, run.intent)
        assert len({one.path for one in proxy.seen if one.method == "PATCH" and not one.dry_run}) < 20
    assert not run.outcome.applied
    assert len(run.outcome.failed) + len(run.outcome.not_sent) == 80
    assert "webhook validation.istio.io did not answer" in str(carry.failure(run.outcome, run.intent))


# -- deleting --------------------------------------------------------------------------------------------------


def test_what_is_gone_is_not_asked_for_and_what_stays_is_named(policy: Policy) -> None:
    direct, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    kept = config_map(namespace, "kept", finalizers=["example.com/wait"])
    carried(direct, [*config_maps(namespace, 30), kept, virtual_service(namespace, "v")], apply_set=name)
    with through_proxy(policy.cluster) as (proxy, client):
        run = draft(client, [], apply_set=name, state="absent")
        proxy.clear()
        run.outcome = carry.carry_out(client.with_deadline(Deadline(1.5)), run.draft, run.intent)
        assert proxy.count("GET", "virtualservices") == 0
        assert proxy.count("GET", "configmaps/c-") == 0
        assert proxy.count("GET", r"configmaps$") == 0
        assert proxy.count("DELETE", "configmaps/c-") == 30
    assert len(run.outcome.deleted) == 31
    assert run.labels("unknown") == {"kept"}
    error = carry.failure(run.outcome, run.intent)
    assert isinstance(error, errors.SettleTimeout)
    assert f"ConfigMap {namespace}/kept (finalizers example.com/wait)" in str(error)
    # It still belongs to the set, whose parent stays for it.
    assert policy.kubectl.json("-n", namespace, "get", "configmap", "shop")

    again = draft(direct, [], apply_set=name, state="absent")
    patch = '{"metadata":{"finalizers":null}}'
    free = threading.Timer(0.4, policy.kubectl, ["-n", namespace, "patch", "configmap", "kept", "-p", patch])
    free.start()
    again.outcome = carry.carry_out(direct, again.draft, again.intent)
    free.join()
    assert again.outcome.complete
    assert again.labels("deleted") == {"kept"}
    assert direct.list(kinds.CONFIG_MAP, namespace, labels="applyset.kubernetes.io/id") == []


def test_what_was_made_anew_is_not_deleted(policy: Policy) -> None:
    """Another object of that name, made since this run looked: its uid is a precondition."""
    client, namespace = client_of(policy.cluster), policy.namespace()
    carried(client, [config_map(namespace, "a"), config_map(namespace, "b")])
    run = draft(client, [config_map(namespace, "a"), config_map(namespace, "b")], state="absent", on_error="continue")
    policy.kubectl("-n", namespace, "delete", "configmap", "a")
    client.create(config_map(namespace, "a", "new"))
    run.outcome = carry.carry_out(client, run.draft, run.intent)
    assert (run.labels("failed"), run.labels("deleted")) == ({"a"}, {"b"})
    assert values(client, namespace) == {"a": "new"}


def test_an_object_that_is_on_its_way_out_is_made_anew(policy: Policy) -> None:
    client, namespace = client_of(policy.cluster), policy.namespace()
    carried(client, [config_map(namespace, "a", finalizers=["example.com/wait"])])
    policy.kubectl("-n", namespace, "delete", "configmap", "a", "--wait=false")
    run = draft(client, [config_map(namespace, "a", "2")], on_error="return")
    patch = '{"metadata":{"finalizers":null}}'
    free = threading.Timer(0.4, policy.kubectl, ["-n", namespace, "patch", "configmap", "a", "-p", patch])
    free.start()
    run.outcome = carry.carry_out(client, run.draft, run.intent)
    free.join()
    assert values(client, namespace) == {"a": "2"}
    (item,) = run.outcome.applied
    assert item.step.action == "create"
    going_back.go_back(client, run.draft, run.outcome, run.intent)
    assert values(client, namespace) == {}
