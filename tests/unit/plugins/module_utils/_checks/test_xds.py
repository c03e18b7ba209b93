# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What istiod sent and proxies took (MW0036, MW0037)."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.inside import moment
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside_metrics as metrics

from .answers import RECORDED, body, istiod, pods_of, run, said, sync_of, told
from .snapshots import sidecar

RECORDED_PAIRS = {
    "MW0036": "test_a_recorded_reject",
    "MW0037": "test_a_recorded_ztunnel_that_never_connected",
}
ONCE = "had not acknowledged all that was sent when looked at, once"
NOW = moment("2026-11-22T10:00:00Z") or 0.0


def proxy(proxy_id: str = "web-1.demo", kind: str = "sidecar", **one: str) -> dict[str, Any]:
    """A proxy with one type of configuration."""
    given = {"name": "Listener", "sent": "2", "acked": "2", "error": "", "sent_at": "", **one}
    return {"id": proxy_id, "type": kind, "cluster": "Kubernetes", "version": "1.31.1", "types": [given]}


def sync(*proxies: dict[str, Any], pod: str = "istio-system/istiod-1") -> dict[str, Any]:
    return said(pod, revision="default", proxies=list(proxies))


def silent(pod: str = "istio-system/istiod-2") -> dict[str, Any]:
    return {**said(pod, revision="default"), "error": f"Nothing answers at port 15014 of Pod {pod}"}


def pod(name: str = "web-1", *, ready: bool = True, made: str = "2026-11-22T09:00:00Z") -> dict[str, Any]:
    found = sidecar(name, "demo", "default")
    found["metadata"]["creationTimestamp"] = made
    found["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "web-5d4f"}]
    found["status"]["conditions"] = [{"type": "Ready", "status": "True" if ready else "False"}]
    return found


# -- rejects -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "never"), [("xds-reject", True), ("xds-reject-running-pod", False)])
def test_a_recorded_reject(name: str, never: bool) -> None:
    """A new pod has never accepted a listener, a running one keeps an older one. Which listeners it was is no cause."""
    counted = metrics.istiod_metrics(body("recorded-xds-reject-running-pod-istiod-metrics.txt"))
    result = run(
        "MW0036",
        {
            "istiod_sync": [sync_of(name)],
            "pods": pods_of(name),
            "istiod_metrics": [said("istio-system/istiod-1", revision="default", **counted)],
        },
    )
    (finding,) = result.findings
    assert result.status == "failed"
    assert finding.title.startswith(
        "1 proxy rejects the listeners (LDS) that istiod sends: a running one keeps its last"
    )
    assert finding.objects == ("Deployment demo/client",)
    assert finding.evidence[0].startswith("script load error: [string")
    assert any("has never accepted any" in line for line in finding.evidence) is never
    counters = [line for line in finding.evidence if line.startswith("pilot_xds_lds_reject")]
    # of the two that istiod counts, one is gone
    assert len(counters) == 1


def test_a_recorded_mesh_without_rejects() -> None:
    result = run("MW0036", {"istiod_sync": [sync_of("healthy-waypoint")]})
    assert (result.status, result.findings) == ("passed", ())


def test_old_counters_alone_are_no_finding() -> None:
    counted = metrics.istiod_metrics(body("recorded-xds-reject-running-pod-istiod-metrics.txt"))
    result = run(
        "MW0036", {"istiod_sync": [sync(proxy())], "istiod_metrics": [said("istio-system/istiod-1", **counted)]}
    )
    assert result.status == "passed"


def test_the_same_mistake_in_many_proxies_is_one_finding() -> None:
    error = "Error adding/updating listener(s) {}: script load error\n10.96.0.1_443: script load error\n"
    found = [proxy(f"web-{place}.demo", acked="", error=error.format(f"0.0.0.0_{place}")) for place in range(3)]
    routes = proxy("api-1.demo", name="RouteConfiguration", error="no cluster")
    (lds, rds) = run("MW0036", {"istiod_sync": [sync(*found, routes)]}).findings
    assert lds.title.startswith("3 proxies reject the listeners (LDS)")
    assert lds.objects == ("Pod demo/web-0", "Pod demo/web-1", "Pod demo/web-2")
    assert rds.title.startswith("1 proxy rejects the routes (RDS)")


def test_a_ztunnel_that_rejects() -> None:
    rejecting = proxy("ztunnel-1.istio-system", "ztunnel", name="Authorization", error="bad policy")
    (finding,) = run("MW0036", {"istiod_sync": [sync(rejecting)]}).findings
    assert finding.title.startswith("1 ztunnel rejects the policies that istiod sends: it keeps what it had")


def test_envoy_filters_that_may_be_the_cause_are_named() -> None:
    filters = [
        {"kind": "EnvoyFilter", "metadata": {"name": "lua", "namespace": "demo"}},
        {"kind": "EnvoyFilter", "metadata": {"name": "root", "namespace": "istio-system"}},
        {"kind": "EnvoyFilter", "metadata": {"name": "far", "namespace": "shop"}},
    ]
    (finding,) = run("MW0036", {"istiod_sync": [sync(proxy(error="x"))], "envoy_filters": filters}).findings
    assert finding.evidence[-1].endswith("EnvoyFilter demo/lua, EnvoyFilter istio-system/root")


def test_an_istiod_that_does_not_answer_may_know_of_rejects() -> None:
    result = run("MW0036", {"istiod_sync": [sync(proxy()), silent()]})
    assert result.status == "unknown"
    assert result.reason.startswith("1 of 2 istiods did not answer: Nothing answers at port 15014")
    result = run("MW0036", {"istiod_sync": [sync(proxy(error="x")), silent()]})
    assert (result.status, len(result.findings)) == ("failed", 1)


def test_no_istiod_to_ask() -> None:
    for check in ("MW0036", "MW0037"):
        result = run(check, {"istiod_sync": [], "istiods": [istiod(ready=0)], "pods": []})
        assert (result.status, result.reason) == (
            "unknown",
            "no istiod is ready, so none can say what its proxies have",
        )
        assert run(check, {"istiod_sync": [silent()], "pods": []}).status == "unknown"
        assert run(check, {"istiod_sync": [], "istiods": [], "pods": []}).status == "skipped"


# -- connected ---------------------------------------------------------------------------------------------------------


def test_a_recorded_ztunnel_that_never_connected() -> None:
    """It named a cluster that istiod does not know; the sidecars beside it are connected."""
    lists = {"istiod_sync": [sync_of("wrong-cluster-name")], "pods": pods_of("wrong-cluster-name")}
    result = run("MW0037", lists)
    (finding,) = result.findings
    assert finding.objects == ("DaemonSet istio-system/ztunnel",)
    assert finding.title.startswith("1 ztunnel is connected to no istiod and not Ready")
    assert finding.evidence[1].startswith("not connected: Pod istio-system/ztunnel-")
    healthy = {"istiod_sync": [sync_of("healthy-waypoint")], "pods": pods_of("healthy-waypoint")}
    assert run("MW0037", healthy).status == "passed"


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, "error"),
        ({"ready": False}, "warning"),
        # too young to count
        ({"made": "2026-11-22T09:59:30Z"}, ""),
    ],
)
def test_a_sidecar_that_is_not_connected(changes: dict[str, Any], severity: str) -> None:
    result = run("MW0037", {"istiod_sync": [sync(proxy("api-1.demo"))], "pods": [pod(**changes)]}, NOW)
    assert [finding.severity for finding in result.findings] == ([severity] if severity else [])
    for finding in result.findings:
        assert finding.objects == ("Deployment demo/web",)


def test_who_is_connected_to_any_istiod_is_connected() -> None:
    two = [sync(pod="istio-system/istiod-1"), sync(proxy("web-1.demo"), pod="istio-system/istiod-2")]
    assert run("MW0037", {"istiod_sync": two, "pods": [pod()]}, NOW).status == "passed"
    # and may be to one that did not answer
    result = run("MW0037", {"istiod_sync": [sync(), silent()], "pods": [pod()]}, NOW)
    assert (result.status, result.findings) == ("unknown", ())


def test_a_pod_of_the_same_name_in_another_cluster_is_another_one() -> None:
    far = {**proxy("web-1.demo"), "cluster": "west"}
    assert run("MW0037", {"istiod_sync": [sync(far)], "pods": [pod()]}, NOW).status == "failed"
    assert run("MW0037", {"istiod_sync": [sync(far, proxy("web-1.demo"))], "pods": [pod()]}, NOW).status == "passed"


def test_who_is_left_out() -> None:
    gone = pod("web-2")
    gone["metadata"]["deletionTimestamp"] = "2026-11-22T09:59:00Z"
    starting = pod("web-3")
    starting["status"]["phase"] = "Pending"
    another = sidecar("web-4", "demo", "canary")
    plain = {"metadata": {"name": "db", "namespace": "demo"}, "spec": {"containers": [{"name": "db"}]}}
    lists = {"istiod_sync": [sync()], "pods": [gone, starting, another, {**plain, "status": {"phase": "Running"}}]}
    assert run("MW0037", lists, NOW).status == "passed"


@pytest.mark.parametrize(
    ("sent_at", "words", "severity"),
    [
        (
            "2026-11-22T09:55:00.123456789Z",
            "not acknowledged the listeners (LDS) that istiod sent up to 4 min",
            "warning",
        ),
        ("2026-11-22T09:59:55Z", ONCE, "info"),
        # up to 1.25 istiod does not say when
        ("", ONCE, "info"),
        ("0001-01-01T00:00:00Z", ONCE, "info"),
    ],
)
def test_what_is_not_acknowledged(sent_at: str, words: str, severity: str) -> None:
    late = proxy("web-1.demo", acked="1", sent_at=sent_at)
    ((found, title),) = told(run("MW0037", {"istiod_sync": [sync(late)], "pods": [pod()]}, NOW))
    assert found == severity
    assert words in title


def test_what_is_rejected_is_not_late_too() -> None:
    rejecting = proxy("web-1.demo", acked="1", error="x", sent_at="2026-11-22T09:00:00Z")
    assert run("MW0037", {"istiod_sync": [sync(rejecting)], "pods": [pod()]}, NOW).findings == ()


def test_recorded_pods_are_old_enough() -> None:
    """Else what is tested above would rest on their age."""
    assert all(
        RECORDED - (moment(pod["metadata"]["creationTimestamp"]) or 0) > 60 for pod in pods_of("wrong-cluster-name")
    )
