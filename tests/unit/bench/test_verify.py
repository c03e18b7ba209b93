# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the bench of the check-up makes of its pods, and of its times."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench import injected
from tests.bench.method import Timed
from tests.bench.parts import verify

UID, OWNER = "0aa0c7de-0000-0000-0000-000000000001", "0aa0c7de-0000-0000-0000-000000000002"
POD: dict[str, Any] = {
    "metadata": {"name": "web-v1-5f7-abcde", "uid": UID, "ownerReferences": [{"uid": OWNER}]},
    "spec": {"nodeName": "node-12"},
    "status": {"hostIP": "10.0.0.13"},
}
REPLICA_SET: dict[str, Any] = {
    "metadata": {
        "name": "web-v1-5f7",
        "namespace": injected.ORIGINAL,
        "uid": OWNER,
        "resourceVersion": "7",
        "annotations": {"deployment.kubernetes.io/revision": "1"},
        "ownerReferences": [{"uid": "the Deployment's"}],
    },
    "spec": {"replicas": 1},
    "status": {"replicas": 1},
}
STORED = f"\x0a{injected.ORIGINAL}/web-v1-5f7-abcde {UID} {OWNER} node-12 10.0.0.13 10.100.100.100".encode()


def node(name: str, address: str) -> dict[str, Any]:
    addresses = [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]
    return {"metadata": {"name": name}, "status": {"addresses": addresses}}


@pytest.fixture
def copied() -> injected._Copied:
    return injected._Copied(10, REPLICA_SET, POD, STORED)


def test_a_copy_is_as_long_as_the_original_and_all_its_own(copied: injected._Copied) -> None:
    (space,) = injected.names(7, 8)
    there = node("node-20", "10.0.0.21")
    made = [copied.pod(space, "1" * 36, index, 19_998 + index, there) for index in (1, 2)]
    assert [name for name, _stored in made] == ["web-v1-5f7-00001", "web-v1-5f7-00002"]
    for _name, stored in made:
        assert len(stored) == len(STORED)
        for gone in (injected.ORIGINAL, "abcde", UID, OWNER, "node-12", "10.0.0.13"):
            assert gone.encode() not in stored
    first, second = (stored.split() for _name, stored in made)
    assert first[1] != second[1]
    assert [first[-1], second[-1]] == [b"10.101.199.199", b"10.102.100.100"]


def test_only_nodes_whose_names_are_as_long_fit(copied: injected._Copied) -> None:
    nodes = [node("node-20", "10.0.0.21"), node("node-9", "10.0.0.10"), node("node-99", "10.0.0.100")]
    assert [copied.fits(each) for each in nodes] == [True, False, False]


def test_a_copied_replica_set_is_as_its_deployment_wants_it(copied: injected._Copied) -> None:
    (space,) = injected.names(0, 1)
    found = copied.replica_set(space, "owner")
    assert (found["kind"], found["spec"]["replicas"]) == ("ReplicaSet", 10)
    assert found["metadata"]["annotations"] == {
        "deployment.kubernetes.io/revision": "1",
        "deployment.kubernetes.io/desired-replicas": "10",
        "deployment.kubernetes.io/max-replicas": "13",
    }
    assert found["metadata"]["namespace"] == space and found["metadata"]["ownerReferences"] == [{"uid": "owner"}]
    assert not {"uid", "resourceVersion"} & set(found["metadata"]) and "status" not in found


def test_names_are_as_long_as_the_original() -> None:
    assert {len(name) for name in injected.names(0, 3)} == {len(injected.ORIGINAL)}


@pytest.mark.parametrize(
    ("api_version", "kind", "namespace", "path"),
    [
        ("v1", "Namespace", None, "/api/v1/namespaces"),
        ("v1", "Service", "a", "/api/v1/namespaces/a/services"),
        (
            "security.istio.io/v1",
            "AuthorizationPolicy",
            "a",
            "/apis/security.istio.io/v1/namespaces/a/authorizationpolicies",
        ),
        ("telemetry.istio.io/v1", "Telemetry", "a", "/apis/telemetry.istio.io/v1/namespaces/a/telemetries"),
        ("networking.istio.io/v1", "ServiceEntry", "a", "/apis/networking.istio.io/v1/namespaces/a/serviceentries"),
    ],
)
def test_where_objects_are_created(api_version: str, kind: str, namespace: str | None, path: str) -> None:
    metadata = {"name": "x", **({"namespace": namespace} if namespace else {})}
    assert injected.path_of({"apiVersion": api_version, "kind": kind, "metadata": metadata}) == path


def test_every_namespace_has_as_many_policies() -> None:
    made = [injected.policies("a", number) for number in range(10)]
    assert {len(each) for each in made} == {injected.POLICIES}
    assert len({each["kind"] for several in made for each in several}) == 8


def test_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_peak", {"peak_rss_mb": 200.0})
    times = {1000: 2.0, 2000: 3.0, 10_000: 11.0, 20_000: 23.0}
    timed = {f"ours_{size}": Timed([seconds]) for size, seconds in times.items()}
    found = verify.figures(timed | {"istioctl_analyze_10000": Timed([5.5])})
    assert found == {"verify_vs_analyze": 2.0, "slope": 1.2, "peak_rss_mb": 200.0}
    assert verify.figures({"ours_1000": Timed([2.0]), "istioctl_analyze_1000": Timed([4.0])}) == {
        "verify_vs_analyze": 0.5,
        "peak_rss_mb": 200.0,
    }
