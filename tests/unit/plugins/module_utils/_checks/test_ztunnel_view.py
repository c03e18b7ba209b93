# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ztunnels know of workloads and waypoints (MW0024, MW0029)."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.inside import moment

from .answers import dump_of, pods_of, run, said

RECORDED_PAIRS = {
    "MW0024": "test_recorded_workloads",
    "MW0029": "test_recorded_waypoint",
}
NOW = moment("2026-11-22T10:00:00Z") or 0.0


def ztunnel(*workloads: str, node: str = "node-1", **more: Any) -> dict[str, Any]:
    """`ns/name=PROTOCOL`."""
    known = []
    for text in workloads:
        name, _equals, protocol = text.partition("=")
        known.append(
            {"namespace": name.partition("/")[0], "name": name.partition("/")[2], "protocol": protocol or "HBONE"}
        )
    return said(f"istio-system/ztunnel-{node}", node=node, on_demand=False, workloads=known, services=[], **more)


def captured(
    name: str = "web-1", node: str = "node-1", made: str = "2026-11-22T09:00:00Z", **meta: Any
) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "creationTimestamp": made,
            "annotations": {"ambient.istio.io/redirection": "enabled"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d4f"}],
            **meta,
        },
        "spec": {"nodeName": node, "containers": [{"name": "web"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


# -- workloads ---------------------------------------------------------------------------------------------------------


def test_recorded_workloads() -> None:
    """A ztunnel under a wrong cluster name knows nobody, though its pods are captured and Ready."""
    healthy = {"pods": pods_of("healthy-waypoint"), "ztunnel_dumps": [dump_of("healthy-waypoint")]}
    assert run("MW0024", healthy).status == "passed"
    broken = {"pods": pods_of("wrong-cluster-name"), "ztunnel_dumps": [dump_of("wrong-cluster-name")]}
    (finding,) = run("MW0024", broken).findings
    assert finding.severity == "error"
    assert finding.title.startswith("ztunnel does not know 3 captured workloads: their own traffic is cut")
    assert finding.objects == ("Deployment amb/client", "Deployment amb/echo-v1", "Deployment amb/echo-v2")


def test_plain_tcp() -> None:
    (finding,) = run("MW0024", {"pods": [captured()], "ztunnel_dumps": [ztunnel("shop/web-1=TCP")]}, NOW).findings
    assert finding.title.startswith("1 captured workload is sent plain TCP by ztunnel")
    assert finding.objects == ("Deployment shop/web",)
    assert finding.evidence == ("Pod shop/web-1 is TCP to Pod istio-system/ztunnel-node-1",)


def test_the_ztunnel_of_the_pods_own_node_is_the_one_that_counts() -> None:
    dumps = [ztunnel("shop/web-1", node="node-1"), ztunnel(node="node-2")]
    assert run("MW0024", {"pods": [captured(node="node-1")], "ztunnel_dumps": dumps}, NOW).status == "passed"
    assert run("MW0024", {"pods": [captured(node="node-2")], "ztunnel_dumps": dumps}, NOW).status == "failed"
    # where that was not asked, another one's view does
    assert run("MW0024", {"pods": [captured(node="node-3")], "ztunnel_dumps": dumps}, NOW).status == "passed"


def test_one_that_does_not_answer_is_told() -> None:
    silent = {**said("istio-system/ztunnel-2", node="node-2"), "error": "Nothing answers at port 15000"}
    lists = {"pods": [captured(node="node-2")], "ztunnel_dumps": [ztunnel("shop/web-1"), silent]}
    result = run("MW0024", lists, NOW)
    assert result.status == "passed"
    assert [finding.severity for finding in result.findings] == ["info"]
    assert result.findings[0].title.startswith("1 of 2 ztunnels did not answer")
    result = run("MW0024", {"pods": [captured()], "ztunnel_dumps": [silent]}, NOW)
    assert (result.status, result.reason) == (
        "unknown",
        "no ztunnel answered, of 1 asked: Nothing answers at port 15000",
    )


def test_who_is_left_out() -> None:
    young, gone = captured(made="2026-11-22T09:59:50Z"), captured(deletionTimestamp="2026-11-22T09:59:50Z")
    unready = captured("web-2")
    unready["status"]["conditions"][0]["status"] = "False"
    lists = {"pods": [young, unready], "ztunnel_dumps": [ztunnel()]}
    assert run("MW0024", lists, NOW).status == "passed"
    assert run("MW0024", {"pods": [gone], "ztunnel_dumps": [ztunnel()]}, NOW).status == "skipped"
    assert run("MW0024", {"pods": [captured()], "ztunnel_dumps": []}, NOW).status == "skipped"


def test_a_ztunnel_that_fetches_on_demand_need_not_know() -> None:
    lists = {"pods": [captured()], "ztunnel_dumps": [{**ztunnel(), "on_demand": True}]}
    assert run("MW0024", lists, NOW).status == "passed"


# -- waypoints ---------------------------------------------------------------------------------------------------------


def service(name: str = "echo", bound: str = "True", **meta: Any) -> dict[str, Any]:
    return {
        "kind": "Service",
        "metadata": {"name": name, "namespace": "amb", "labels": {"istio.io/use-waypoint": "waypoint"}, **meta},
        "spec": {"type": "ClusterIP"},
        "status": {"conditions": [{"type": "istio.io/WaypointBound", "status": bound}] if bound else []},
    }


def gateway(**labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "waypoint", "namespace": "amb", "labels": labels},
        "spec": {"gatewayClassName": "istio-waypoint"},
        "status": {"addresses": [{"value": "waypoint.amb.svc.cluster.local"}]},
    }


def waypoint(dump: dict[str, Any], *services: dict[str, Any], gateways: Any = None, labels: Any = None) -> Any:
    lists = {
        "namespaces": [{"kind": "Namespace", "metadata": {"name": "amb", "labels": labels or {}}}],
        "all_services": services or [service()],
        "gateways": [gateway()] if gateways is None else gateways,
        "ztunnel_dumps": [dump],
        "pods": pods_of("healthy-waypoint"),
    }
    return run("MW0029", lists)


def test_recorded_waypoint() -> None:
    """Recorded with and without the waypoint in ztunnel's view; the second is a mesh in which nobody used one."""
    assert waypoint(dump_of("healthy-waypoint")).status == "passed"
    (finding,) = waypoint(dump_of("l4-deny")).findings
    assert finding.severity == "error"
    assert finding.title.startswith(
        "1 Service uses the waypoint amb/waypoint, and ztunnel does not know it: its traffic"
    )
    assert (finding.objects, finding.related) == (("Service amb/echo",), ("Gateway amb/waypoint",))
    assert finding.evidence == ("Service amb/echo: Pod istio-system/ztunnel-1 has no waypoint for it",)


def test_a_service_that_ztunnel_does_not_know_at_all() -> None:
    (finding,) = waypoint(dump_of("wrong-cluster-name")).findings
    assert finding.evidence == ("Service amb/echo: Pod istio-system/ztunnel-1 does not know it",)
    assert waypoint({**dump_of("wrong-cluster-name"), "on_demand": True}).status == "passed"


def test_the_label_of_the_namespace_counts_too() -> None:
    plain = service(labels={})
    assert waypoint(dump_of("l4-deny"), plain).status == "skipped"
    assert waypoint(dump_of("l4-deny"), plain, labels={"istio.io/use-waypoint": "waypoint"}).status == "failed"


def test_what_other_checks_say_is_not_said_here() -> None:
    dump = dump_of("l4-deny")
    managed = {"istio.io/use-waypoint": "waypoint", "gateway.istio.io/managed": "istio.io-mesh-controller"}
    for services, gateways in (
        ([service(bound="False")], [gateway()]),
        ([service(labels=managed)], [gateway()]),
        ([service()], []),
        ([service()], [gateway(**{"istio.io/waypoint-for": "workload"})]),
        ([service()], [{**gateway(), "status": {}}]),
    ):
        assert waypoint(dump, *services, gateways=gateways).status == "skipped"
