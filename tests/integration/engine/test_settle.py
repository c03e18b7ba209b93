# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for readiness on simulated pods, and what a time-out says."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.settle import settle
from ansible_collections.meshwright.istio.plugins.module_utils._errors import SettleTimeout
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline

from tests.harness.fault_proxy import FaultProxy

from .samples import Obj, config_map, deployment, service


def daemon_set(namespace: str) -> Obj:
    made = deployment(namespace, "agent")
    del made["spec"]["replicas"]
    return {**made, "kind": "DaemonSet"}


def test_it_returns_once_everything_is_ready(engine: ObjectEngine, namespace: str) -> None:
    desired = [deployment(namespace), daemon_set(namespace), service(namespace), config_map(namespace, a="1")]
    engine.apply(desired)
    refs = [(engine.client.resolve(obj), namespace, obj["metadata"]["name"]) for obj in desired]
    settle(engine.client, [*refs, (kinds.NAMESPACE, None, namespace)], deadline=Deadline(60))
    live = engine.client.get(kinds.DAEMON_SET, "agent", namespace)
    assert live is not None
    assert live["status"]["updatedNumberScheduled"] == live["status"]["desiredNumberScheduled"] > 0


def test_a_timeout_says_which_and_why(engine: ObjectEngine, namespace: str) -> None:
    """From conditions, pods and events; what is ready is not mentioned."""
    broken = deployment(namespace, "broken", image="registry.example/web:does-not-exist")
    engine.apply([deployment(namespace), broken])
    refs = [(kinds.DEPLOYMENT, namespace, name) for name in ("web", "broken", "missing")]
    with pytest.raises(SettleTimeout) as caught:
        settle(engine.client, refs, deadline=Deadline(12))
    told = {entry["object"]: entry for entry in caught.value.details["unready"]}
    assert set(told) == {f"Deployment {namespace}/broken", f"Deployment {namespace}/missing"}
    assert told[f"Deployment {namespace}/missing"]["reason"] == "does not exist"
    entry = told[f"Deployment {namespace}/broken"]
    assert entry["reason"] == "0 of 1 updated replicas available"
    assert any("ImagePullBackOff" in line for line in entry["pods"])
    assert entry["warnings"]
    assert "2 objects are not ready after 12 s" in str(caught.value)
    assert "ImagePullBackOff" in str(caught.value)


def test_what_appears_later_is_waited_for(client: Client, namespace: str) -> None:
    timer = threading.Timer(0.5, client.create, args=[config_map(namespace, a="1")])
    timer.start()
    settle(client, [(kinds.CONFIG_MAP, namespace, "settings")], deadline=Deadline(20))
    timer.join()


def test_many_objects_are_looked_at_by_one_list(
    proxied: Client, proxy: FaultProxy, proxied_engine: ObjectEngine, namespace: str
) -> None:
    desired = [config_map(namespace, f"c-{number}", a="1") for number in range(50)]
    proxied_engine.apply(desired)
    proxy.clear()
    settle(proxied, [(kinds.CONFIG_MAP, namespace, f"c-{number}") for number in range(50)], deadline=Deadline(20))
    assert len(proxy.seen) == 1


def test_an_answer_that_hangs_does_not_hide_the_timeout(proxied: Client, proxy: FaultProxy, namespace: str) -> None:
    proxy.fail("GET .*/configmaps/settings", delay=5, times=9)
    with pytest.raises(SettleTimeout, match=r"ConfigMap .*/settings"):
        settle(proxied, [(kinds.CONFIG_MAP, namespace, "settings")], deadline=Deadline(1))
