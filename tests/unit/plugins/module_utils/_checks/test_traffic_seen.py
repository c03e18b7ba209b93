# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What proxies have counted (MW0039)."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside_metrics as metrics

from .answers import run, said, told, traffic_of

RECORDED_PAIRS = {"MW0039": "test_recorded_plain_text"}
WHO = (
    'source_workload="client",source_workload_namespace="demo",source_principal="unknown",'
    'destination_service="echo.demo.svc.cluster.local",destination_workload="echo-v1",'
    'destination_workload_namespace="demo"'
)


def requests(
    value: int, *, reporter: str = "destination", code: str = "200", flags: str = "-", policy: str = "none"
) -> str:
    """A line of Envoy's. Made up after Istio's reference of metrics: none was recorded."""
    return (
        f'istio_requests_total{{reporter="{reporter}",{WHO},request_protocol="http",response_code="{code}",'
        f'response_flags="{flags}",connection_security_policy="{policy}"}} {value}'
    )


def envoy(*lines: str, proxy: str = "sidecar") -> dict[str, Any]:
    found = metrics.traffic_metrics("\n".join(lines).encode())
    return said("demo/echo-1", proxy=proxy, **found)


def seen(*, ztunnels: Any = (), envoys: Any = ()) -> Any:
    return run("MW0039", {"ztunnel_metrics": ztunnels, "envoy_metrics": envoys})


def test_recorded_plain_text() -> None:
    """Before STRICT a client without a mesh got through twice, after it was refused twice."""
    assert told(seen(ztunnels=[traffic_of("healthy-waypoint")])) == []
    result = seen(ztunnels=[traffic_of("strict-blocked")])
    assert told(result) == [
        (
            "warning",
            "Workload plain/client called Workload amb/echo-v1 in plain text (2 times since the proxies that counted "
            "them started): nothing was encrypted, and STRICT mutual TLS would cut it off.",
        ),
        (
            "info",
            "Workload plain/client came in plain text, and was refused by Workload amb/echo-v1 (2 times since the "
            "proxies that counted them started).",
        ),
    ]
    assert result.status == "warning"
    assert result.findings[0].objects == ("Workload plain/client",)
    assert result.findings[0].related == ("Workload amb/echo-v1",)


def test_recorded_refusals() -> None:
    """The client's end counts a connection that was not made, and the server's end says that policy refused it."""
    result = seen(ztunnels=[traffic_of("l4-deny")])
    refused = [finding for finding in result.findings if finding.title.startswith("Policy refused")]
    assert [finding.objects for finding in refused] == [("Workload amb/echo-v1",), ("Workload amb/echo-v2",)]
    assert refused[0].evidence == ("Workload amb/client: 2",)
    assert not [title for _severity, title in told(result) if "could not be made" in title]


def opened(name: str, value: int, *, reporter: str = "source", flags: str = "-", policy: str = "mutual_tls") -> str:
    return (
        f'istio_tcp_connections_{name}_total{{reporter="{reporter}",{WHO},response_flags="{flags}",'
        f'connection_security_policy="{policy}"}} {value}'
    )


def ztunnel(*lines: str) -> dict[str, Any]:
    return said("istio-system/ztunnel-1", node="node-1", **metrics.traffic_metrics("\n".join(lines).encode()))


def test_connections_that_were_not_made() -> None:
    mostly = seen(ztunnels=[ztunnel(opened("opened", 3), opened("failed", 9, flags="CONNECT"))])
    assert told(mostly) == [
        (
            "warning",
            "Connections of Workload demo/client to Workload demo/echo-v1 could not be made (9 times since the proxies "
            "that counted them started, more than were made).",
        )
    ]
    at_times = seen(ztunnels=[ztunnel(opened("opened", 30), opened("failed", 9, flags="CONNECT"))])
    assert [severity for severity, _title in told(at_times)] == ["info"]
    # both ends count the same connection
    both = [opened("failed", 9, flags="CONNECT"), opened("failed", 9, flags="CONNECT", reporter="destination")]
    assert "(9 times" in seen(ztunnels=[ztunnel(*both)]).findings[0].title


def test_plain_text_to_a_sidecar() -> None:
    assert (
        told(seen(envoys=[envoy(requests(5, policy="mutual_tls"), requests(7, reporter="source", policy="unknown"))]))
        == []
    )
    ((severity, title),) = told(seen(envoys=[envoy(requests(5))]))
    assert (severity, title.partition(" in plain")[0]) == (
        "warning",
        "Workload demo/client called Workload demo/echo-v1",
    )
    # a gateway is for clients of outside
    assert told(seen(envoys=[envoy(requests(5), proxy="gateway")])) == []


def test_what_rbac_refused() -> None:
    """403 may be the application's own: only what the filters counted is policy's."""
    forbidden = requests(5, code="403", policy="mutual_tls")
    assert told(seen(envoys=[envoy(forbidden)])) == []
    denied = 'envoy_http_inbound_0_0_0_0_80_rbac{authz_enforce_result="denied"} 3'
    allowed = 'envoy_http_inbound_0_0_0_0_80_rbac{authz_enforce_result="allowed"} 30'
    dry = 'envoy_http_inbound_0_0_0_0_80_rbac{authz_dry_run_action="deny",authz_dry_run_result="denied"} 30'
    ((severity, title),) = told(seen(envoys=[envoy(forbidden, denied, allowed, dry)]))
    assert severity == "info"
    assert title.startswith("Policy refused calls of Workload demo/client to Workload demo/echo-v1 (3 times")
    tcp = 'envoy_tcp{authz_enforce_result="denied",tcp_prefix="rbac"} 4'
    ((_severity, title),) = told(seen(envoys=[envoy(tcp)]))
    assert title.startswith("Policy refused calls of clients that are not told to Pod demo/echo-1 (4 times")


def test_requests_that_reached_nobody() -> None:
    lost = [requests(6, reporter="source", code="503", flags=flags, policy="unknown") for flags in ("UH", "UF,URX")]
    ((severity, title),) = told(seen(envoys=[envoy(*lost)]))
    assert (severity, "could not be made (12 times" in title) == ("warning", True)
    # an application that answers 503 was reached
    assert told(seen(envoys=[envoy(requests(6, code="503", policy="mutual_tls"))])) == []


def test_a_client_that_is_not_known() -> None:
    lines = [requests(2).replace('source_workload="client"', 'source_workload="unknown"')]
    (finding,) = seen(envoys=[envoy(*lines)]).findings
    assert finding.title.startswith("A client that is no workload of this cluster called Workload demo/echo-v1")


def test_many_clients_are_bounded() -> None:
    lines = [requests(place + 1).replace('"client"', f'"client-{place}"') for place in range(50)]
    findings = seen(envoys=[envoy(*lines)]).findings
    assert len(findings) == 21
    assert findings[0].title.startswith("Workload demo/client-49 called")
    assert findings[-1].title.startswith("30 others called Workload demo/echo-v1 in plain text (465 times")


def test_who_does_not_answer() -> None:
    silent = {**said("istio-system/ztunnel-2"), "error": "Nothing answers at port 15020"}
    result = seen(ztunnels=[silent])
    assert (result.status, result.reason) == (
        "unknown",
        "no ztunnel answered, of 1 asked: Nothing answers at port 15020",
    )
    result = seen(ztunnels=[ztunnel(), silent], envoys=[envoy()])
    assert (result.status, [finding.severity for finding in result.findings]) == ("passed", ["info"])
    assert seen().status == "skipped"
