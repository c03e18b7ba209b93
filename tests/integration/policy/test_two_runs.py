# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two playbooks at once, and one that is killed in its middle."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils import _errors as errors
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import carry
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds

from .carrying import Obj, carried, client_of, config_map, config_maps, draft, through_proxy, values, virtual_service
from .conftest import Policy

# Requests that write an object; the Lease and the set's parent are written by others.
_WRITES = r"PATCH .*/c-\d+\?(?!.*dryRun)"


def task(objects: list[Obj], namespace: str, apply_set: str, **more: Any) -> dict[str, Any]:
    """One task; nothing of the mesh is looked at, since nothing is behind these names."""
    options = {"apply_set": apply_set, "namespace": namespace, "prune": True, "wait": False, "semantic_guard": "accept"}
    return {"meshwright.istio.mesh_policy": {"definitions": objects, **options, **more}}


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def test_different_sets_at_once_both_end_whole(policy: Policy) -> None:
    namespace = policy.namespace()
    sets = {
        name: [config_map(namespace, f"{name}-{number}", name) for number in range(60)]
        + [virtual_service(namespace, f"{name}-{number}") for number in range(15)]
        for name in ("shop", "bank")
    }
    started = [policy.playbooks.start(task(objects, namespace, name)) for name, objects in sets.items()]
    for running in started:
        with running:
            assert running.wait(60).ok().changed == 1
    client = client_of(policy.cluster)
    assert values(client, namespace) == {
        obj["metadata"]["name"]: name for name, objects in sets.items() for obj in objects[:60]
    }
    assert len(client.list(kinds.VIRTUAL_SERVICE, namespace)) == 30
    assert client.list(kinds.LEASE, namespace) == []
    for name, objects in sets.items():
        again = draft(client, objects, apply_set=(name, namespace))
        assert not again.draft.changes


def test_of_two_runs_of_one_set_one_wins_and_the_other_says_so(policy: Policy) -> None:
    namespace = policy.namespace()
    with through_proxy(policy.cluster) as (proxy, _client):
        # Long enough for another run to start meanwhile, on a busy machine too.
        proxy.fail(_WRITES, delay=2.0, times=32)
        slow = task(config_maps(namespace, 40, "first"), namespace, "shop", host=proxy.url)
        with policy.playbooks.start(slow) as first:
            until(lambda: any(one.method == "PATCH" and not one.dry_run for one in proxy.seen))
            second = policy.playbooks(task(config_maps(namespace, 40, "second"), namespace, "shop"))
            assert first.wait(60).ok().changed == 1
    assert (second.failed, second.changed) == (1, 0)
    assert second.result["error"] == "GuardRefused"
    holder = second.result["holder"]
    assert f"Another run is at work on the apply set shop: {holder} holds the Lease" in second.result["msg"]
    assert "wrote nothing" in second.result["msg"]
    client = client_of(policy.cluster)
    assert set(values(client, namespace).values()) == {"first"}
    assert not draft(client, config_maps(namespace, 40, "first"), apply_set=("shop", namespace)).draft.changes


def test_a_draft_that_another_run_has_made_outdated_is_not_written(policy: Policy) -> None:
    """The other was through before this one began to write, and wrote nothing that the parent's annotations tell."""
    client, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    carried(client, config_maps(namespace, 3, "1"), apply_set=name)
    late = draft(client, config_maps(namespace, 5, "2"), apply_set=name)
    carried(client, config_maps(namespace, 3, "3"), apply_set=name)
    with pytest.raises(
        errors.GuardRefused, match=r"Another run wrote the apply set .*/shop while this one was looking"
    ):
        carry.carry_out(client, late.draft, late.intent)
    assert values(client, namespace) == dict.fromkeys(("c-000", "c-001", "c-002"), "3")
    assert client.list(kinds.LEASE, namespace) == []


@pytest.mark.parametrize("died", [True, False])
def test_a_lease_of_another_host(policy: Policy, died: bool) -> None:
    """One that ran out is taken over once it was seen to be left alone; a live one is not waited for."""
    client, namespace = client_of(policy.cluster), policy.namespace()
    renewed = datetime.now(timezone.utc) - timedelta(hours=1 if died else 0)
    spec = {
        "holderIdentity": "elsewhere/7/7",
        "leaseDurationSeconds": 1 if died else 30,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    meta = {"name": "meshwright-policy-shop", "namespace": namespace}
    client.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec})
    if died:
        assert carried(client, config_maps(namespace, 3), apply_set=("shop", namespace)).outcome.complete
        assert client.list(kinds.LEASE, namespace) == []
        return
    with pytest.raises(errors.GuardRefused, match=r"elsewhere/7/7 holds the Lease .* This run wrote nothing"):
        carried(client, config_maps(namespace, 3), apply_set=("shop", namespace))
    assert values(client, namespace) == {}


def test_killed_in_the_middle_the_next_run_completes(policy: Policy) -> None:
    """kill -9: the Lease of the dead is taken over, what it wrote stays, and nothing is left out or left behind."""
    client, namespace = client_of(policy.cluster), policy.namespace()
    name = ("shop", namespace)
    carried(client, [config_map(namespace, "old")], apply_set=name)
    objects = [*config_maps(namespace, 100), *(virtual_service(namespace, f"v-{number}") for number in range(20))]
    with through_proxy(policy.cluster) as (proxy, _client):
        proxy.fail(r"PATCH .*/c-0[3-9]\d\?(?!.*dryRun)", status=429, retry_after=5, times=999)
        with policy.playbooks.start(task(objects, namespace, "shop", host=proxy.url)) as running:
            until(lambda: len(values(client, namespace)) > 20)
            running.kill()
        assert client.list(kinds.LEASE, namespace) != []
        written = values(client, namespace)
        assert len(written) < 60
    again = policy.playbooks(task(objects, namespace, "shop")).ok()
    assert again.result["summary"]["created"] == 120 - (len(written) - 1)
    assert again.result["summary"]["deleted"] == 1
    assert len(values(client, namespace)) == 100
    assert client.list(kinds.LEASE, namespace) == []
    assert not draft(client, objects, apply_set=name).draft.changes
