# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is asked inside the mesh, and what is kept of who does not answer."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks import sources
from ansible_collections.meshwright.istio.plugins.module_utils._checks.inside import sampled
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden, Unauthorized, Unreachable
from ansible_collections.meshwright.istio.plugins.module_utils._kube.deadline import Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.portforward import PodAnswer

from .memory import Memory, take

READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
STARTING = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}


def workload(kind: str, name: str, container: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "mesh", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def pod(name: str, app: str = "", *, role: str = "", node: str = "", status: Any = None, **meta: Any) -> dict[str, Any]:
    """`name` is ns/name; `role` what its proxy is started as."""
    namespace, _slash, own = name.partition("/")
    args = {"args": ["proxy", role]} if role else {}
    return {
        "metadata": {"name": own, "namespace": namespace, "labels": {"app": app or own}, **meta},
        "spec": {"nodeName": node, "containers": [{"name": "istio-proxy" if role else "app", "image": "x:1", **args}]},
        "status": status or READY,
    }


def owned(name: str, owner: str, role: str = "sidecar", status: Any = None) -> dict[str, Any]:
    references = [{"kind": "ReplicaSet", "name": f"{owner}-5d4f"}]
    return pod(name, role=role, status=status, ownerReferences=references)


class Mesh(Memory):
    """A client with deadlines."""

    def with_deadline(self, deadline: Deadline) -> Mesh:
        other = copy(self)
        other.deadline = deadline
        return other


def mesh(*pods: dict[str, Any]) -> Memory:
    """A mesh of one istiod and one ztunnel DaemonSet, and these pods."""
    everywhere = [{"items": list(pods)}]
    return Mesh(
        {
            "deployments": [workload("Deployment", "istiod", {"name": "discovery", "image": "pilot:1.31.1"})],
            "daemonsets": [workload("DaemonSet", "ztunnel", {"name": "istio-proxy", "args": ["proxy", "ztunnel"]})],
            "/api/v1/pods?": everywhere,
        }
    )


def read(memory: Memory, *names: str, **options: Any) -> Snapshot:
    return take(memory, *names, sources.PODS, **options)


Answer = Callable[[str, int, str], PodAnswer]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[str]]:
    """Puts a function in the place of the port-forward; the list of what was asked is given back."""

    def put(answer: Answer) -> list[str]:
        found: list[str] = []

        def get(
            _client: Any, namespace: str, name: str, port: int, path: str, *, deadline: Any, most: int
        ) -> PodAnswer:
            assert deadline.seconds <= 5
            found.append(f"{namespace}/{name}:{port}{path}")
            return answer(name, port, path)

        monkeypatch.setattr(snapshot_inside, "pod_get", get)
        return found

    return put


def nothing(_name: str, _port: int, _path: str) -> PodAnswer:
    return PodAnswer(200, b"[]")


def errors(seen: Snapshot, source: str) -> dict[str, str]:
    return {item["metadata"]["name"]: item["error"] for item in seen.items(source)}


def test_every_ready_istiod_is_asked(asked: Any) -> None:
    found = asked(nothing)
    memory = mesh(
        pod("mesh/istiod-1", "istiod"), pod("mesh/istiod-2", "istiod"), pod("mesh/istiod-3", "istiod", status=STARTING)
    )
    seen = read(memory, sources.ISTIOD_SYNC)
    assert found == ["mesh/istiod-1:15014/debug/syncz", "mesh/istiod-2:15014/debug/syncz"]
    assert [(item["kind"], item["revision"], item["proxies"]) for item in seen.items(sources.ISTIOD_SYNC)] == [
        ("Pod", "default", []),
        ("Pod", "default", []),
    ]


def test_one_that_does_not_answer_does_not_sink_the_others(asked: Any) -> None:
    def answer(name: str, _port: int, _path: str) -> PodAnswer:
        if name == "istiod-1":
            raise Unreachable("Nothing answers at port 15014 of Pod mesh/istiod-1.")
        return PodAnswer(*{"istiod-2": (401, b"no token"), "istiod-3": (200, b"<html>")}.get(name, (200, b"[]")))

    asked(answer)
    memory = mesh(*(pod(f"mesh/istiod-{place}", "istiod") for place in (1, 2, 3, 4)))
    seen = read(memory, sources.ISTIOD_CLUSTERS)
    assert seen.sources[sources.ISTIOD_CLUSTERS].error == ""
    said = errors(seen, sources.ISTIOD_CLUSTERS)
    assert said["istiod-1"] == "Nothing answers at port 15014 of Pod mesh/istiod-1."
    assert said["istiod-2"] == "/debug/clusterz of Pod mesh/istiod-2 answered 401: no token"
    assert said["istiod-3"].startswith("What Pod mesh/istiod-3 answered cannot be understood: Expecting value")
    assert said["istiod-4"] == ""


def test_who_may_forward_to_none_is_told_the_missing_right(asked: Any) -> None:
    refused = Forbidden("Could not forward to port 15014: user u may not create pods/portforward.", status=403)

    def answer(name: str, _port: int, _path: str) -> PodAnswer:
        if name != "istiod-9":
            raise refused
        return PodAnswer(200, b"[]")

    asked(answer)
    seen = read(mesh(pod("mesh/istiod-1", "istiod"), pod("mesh/istiod-2", "istiod")), sources.ISTIOD_SYNC)
    assert seen.sources[sources.ISTIOD_SYNC].error == str(refused)
    # to some of them: the others say what they know
    seen = read(mesh(pod("mesh/istiod-1", "istiod"), pod("mesh/istiod-9", "istiod")), sources.ISTIOD_SYNC)
    assert errors(seen, sources.ISTIOD_SYNC) == {"istiod-1": str(refused), "istiod-9": ""}


def test_who_is_unknown_to_the_server_is_an_error(asked: Any) -> None:
    def answer(_name: str, _port: int, _path: str) -> PodAnswer:
        raise Unauthorized("who are you")

    asked(answer)
    with pytest.raises(Unauthorized):
        read(mesh(pod("mesh/istiod-1", "istiod")), sources.ISTIOD_SYNC)


def test_ztunnels_are_asked_on_nodes_all_over(asked: Any) -> None:
    found = asked(lambda _name, _port, _path: PodAnswer(200, b"{}"))
    pods = [pod(f"mesh/ztunnel-{place:02}", "ztunnel", role="ztunnel", node=f"node-{place:02}") for place in range(20)]
    memory = mesh(*pods)
    seen = read(memory, sources.ZTUNNEL_DUMPS, proxy_limit=4)
    assert sorted(found) == [f"mesh/ztunnel-{place}:15000/config_dump" for place in ("00", "05", "10", "15")]
    assert [item["node"] for item in seen.items(sources.ZTUNNEL_DUMPS)] == ["node-00", "node-05", "node-10", "node-15"]
    assert sampled(seen)[0].startswith("4 of 20 ztunnels were asked themselves: no more than proxy_limit")
    # one that is not ready has something to say, too
    asked(lambda _name, _port, _path: PodAnswer(200, b"{}"))
    seen = read(mesh(pod("mesh/ztunnel-1", "ztunnel", role="ztunnel", status=STARTING)), sources.ZTUNNEL_DUMPS)
    assert len(seen.items(sources.ZTUNNEL_DUMPS)) == 1


def test_when_much_has_been_read_of_dumps_the_others_are_not_asked(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them knows the whole mesh."""
    monkeypatch.setattr(snapshot_inside, "_DUMPS_IN_ALL", 50)
    found = asked(lambda _name, _port, _path: PodAnswer(200, b"{}" + b" " * 18))
    pods = [pod(f"mesh/ztunnel-{place}", "ztunnel", role="ztunnel", node=f"node-{place}") for place in range(9)]
    seen = read(mesh(*pods), sources.ZTUNNEL_DUMPS)
    assert len(found) == len(seen.items(sources.ZTUNNEL_DUMPS)) == 3
    assert sampled(seen)[0].startswith("3 of 9 ztunnels were asked themselves")


PODS = (
    owned("shop/web-1", "web"),
    owned("shop/web-2", "web"),
    owned("shop/db-1", "db", status=STARTING),
    owned("shop/db-2", "db"),
    owned("shop/new-1", "new", status={"phase": "Pending"}),
    owned("edge/gate-1", "gate", "router"),
    owned("shop/way-1", "way", "waypoint"),
    pod("shop/plain"),
    pod("mesh/ztunnel-1", "ztunnel", role="ztunnel"),
)


def test_of_each_workload_one_envoy_and_gateways_first(asked: Any) -> None:
    found = asked(lambda _name, _port, _path: PodAnswer(200, b"{}"))
    seen = read(mesh(*PODS), sources.ENVOY_CERTIFICATES)
    assert found == [f"{name}:15000/certs" for name in ("edge/gate-1", "shop/way-1", "shop/db-2", "shop/web-1")]
    kinds = [item["proxy"] for item in seen.items(sources.ENVOY_CERTIFICATES)]
    assert kinds == ["gateway", "waypoint", "sidecar", "sidecar"]
    assert sampled(seen) == []
    found.clear()
    seen = read(mesh(*PODS), sources.ENVOY_METRICS, proxy_limit=3)
    assert sampled(seen)[0].startswith("3 of 4 workloads with an Envoy were asked themselves")
    assert found == [f"{name}:15020/stats/prometheus" for name in ("edge/gate-1", "shop/way-1", "shop/db-2")]
    found.clear()
    read(mesh(*PODS), sources.ENVOY_METRICS, proxy_limit=0)
    assert found == []


def test_what_is_not_seen_of_pods_is_not_seen_of_their_proxies(asked: Any) -> None:
    asked(nothing)
    memory = Memory({"namespaces": [{"metadata": {"name": "shop"}}]}, rights={"": {"namespaces"}, "shop": {"pods"}})
    seen = read(memory, sources.ENVOY_CERTIFICATES)
    pods, envoys = seen.sources[sources.PODS], seen.sources[sources.ENVOY_CERTIFICATES]
    assert (envoys.namespaces, envoys.unseen, envoys.error) == (pods.namespaces, pods.unseen, pods.error)


def test_logs_are_read_of_istiods_that_are_not_ready_too() -> None:
    memory = mesh(pod("mesh/istiod-1", "istiod", status=STARTING))
    line = 'client claims to be in cluster "west"'
    memory.objects["/api/v1/namespaces/mesh/pods/istiod-1/log?"] = [[line, "another"]]
    seen = read(memory, sources.ISTIOD_LOGS)
    (item,) = seen.items(sources.ISTIOD_LOGS)
    assert item["error"] == ""
    assert "client claims to be in cluster" in item["lines"][0]


def test_a_log_that_may_not_be_read() -> None:
    memory = mesh(pod("mesh/istiod-1", "istiod"))
    memory.errors["/api/v1/namespaces/mesh/pods/istiod-1/log"] = Forbidden("user u may not get pods/log", status=403)
    assert read(memory, sources.ISTIOD_LOGS).sources[sources.ISTIOD_LOGS].error == "user u may not get pods/log"
