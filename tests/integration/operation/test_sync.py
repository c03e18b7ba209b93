# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict on real istiods and the simulated proxies that connect to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.istiod_debug import (
    ReplicaSync,
    judge_sync,
    read_sync,
    watch_sync,
)
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline

from ..support.embedded import Kubectl
from .conftest import NEW, OLD, SYSTEM, deployed, injected, until, workload


def of_namespace(replicas: Sequence[ReplicaSync], namespace: str) -> list[ReplicaSync]:
    """Only this namespace's proxies: others' tests have theirs."""
    return [
        replace(one, proxies=tuple(proxy for proxy in one.proxies if proxy.id.endswith(f".{namespace}")))
        for one in replicas
    ]


def connected(client: Client, revision: str, namespace: str) -> set[str]:
    """Ids of the namespace's proxies that are connected to the revision's istiod."""
    replicas = of_namespace(read_sync(client, SYSTEM, revision, Deadline(20)), namespace)
    return {proxy.id for one in replicas for proxy in one.proxies}


def test_no_proxy_is_unknown_and_connected_ones_pass(client: Client, old: str, kubectl: Kubectl) -> None:
    before = judge_sync(of_namespace(read_sync(client, SYSTEM, OLD, Deadline(20)), old))
    assert before.status == "unknown"
    assert "no proxy is connected" in before.reason
    deployed(kubectl, old, workload("Deployment", old, "web"))
    ids = {f"{name}.{old}" for name in injected(kubectl, old)}
    until("both proxies connect", lambda: connected(client, OLD, old) == ids)
    verdict = watch_sync(client, SYSTEM, OLD, Deadline(30), pause=0.5)
    assert verdict.status == "passed", verdict.reason
    assert verdict.connected >= 2
    assert watch_sync(client, SYSTEM, OLD, Deadline(0)).status == "passed"
    assert connected(client, NEW, old) == set()


def test_a_revision_without_istiod_is_unknown(client: Client) -> None:
    verdict = watch_sync(client, SYSTEM, "no-such-revision", Deadline(1), pause=0.2)
    assert (verdict.status, verdict.reason) == ("unknown", "no istiod of this revision is ready")


def test_a_reject_fails_until_it_is_mended_unless_it_was_there(client: Client, old: str, kubectl: Kubectl) -> None:
    deployed(kubectl, old, workload("Deployment", old, "web", replicas=1))
    (pod,) = list(injected(kubectl, old))
    until("the proxy connects", lambda: connected(client, OLD, old))
    kubectl("-n", old, "annotate", "pod", pod, "harness.meshwright.io/reject=lds")

    def rejecting() -> bool:
        return any(pod in line for line in watch_sync(client, SYSTEM, OLD, Deadline(20), pause=0.5).rejecting)

    until("its reject is seen", rejecting)
    replicas = read_sync(client, SYSTEM, OLD, Deadline(20))
    verdict = judge_sync(replicas)
    assert verdict.status == "failed"
    (line,) = verdict.rejecting
    assert line.startswith(f"{pod}.{old} rejects Listener: ")
    again = judge_sync(replicas, before=replicas)
    assert again.rejecting == ()
    assert len(again.known) == 1
    kubectl("-n", old, "annotate", "pod", pod, "harness.meshwright.io/reject-")
    until("it is mended", lambda: watch_sync(client, SYSTEM, OLD, Deadline(20), pause=0.5).status == "passed")
