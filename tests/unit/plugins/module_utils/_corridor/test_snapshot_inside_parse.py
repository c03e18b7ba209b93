# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What istiod, ztunnel and Envoy answer, parsed. The fixtures are recordings of genuine ones, trimmed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside_metrics as metrics
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside_parse as parse

FIXTURES = Path(__file__).parents[4] / "fixtures"


def recorded(name: str, folder: str = "inside") -> bytes:
    return (FIXTURES / folder / name).read_bytes()


# -- istiod ------------------------------------------------------------------------------------------------------------


def test_syncz() -> None:
    (client, *_others) = parse.sync(recorded("syncz-xds-reject.json", "istiod"))["proxies"]
    assert (client["id"], client["type"], client["cluster"]) == (
        "client-74956fdb7b-djw2h.demo",
        "sidecar",
        "Kubernetes",
    )
    listener = next(one for one in client["types"] if one["name"] == "Listener")
    assert (listener["acked"], listener["sent_at"]) == ("", "2026-11-21T11:25:51.101192813Z")
    assert "script load error" in listener["error"]
    assert parse.sync(b"null") == {"proxies": []}


def test_clusterz() -> None:
    found = parse.clusters(recorded("recorded-healthy-ambient-clusterz.json"))
    assert found == {"clusters": [{"id": "Kubernetes", "secretName": "", "syncStatus": "synced"}]}


def test_the_last_lines_of_a_log_are_kept() -> None:
    line = b'2026-11-21T11:26:46Z error client claims to be in cluster "x"' + b"y" * 1000 + b"\nother\n"
    found = parse.log_lines(line * 100)["lines"]
    assert (len(found), len(found[0])) == (50, 400)


def test_istiods_metrics() -> None:
    found = metrics.istiod_metrics(recorded("recorded-xds-reject-running-pod-istiod-metrics.txt"))["metrics"]
    assert found["citadel_server_root_cert_expiry_timestamp"] == [{"labels": {}, "value": 2110619471.0}]
    assert found["istiod_managed_clusters"][1] == {"labels": {"cluster_type": "remote"}, "value": 0.0}
    assert {one["labels"]["node"] for one in found["pilot_xds_lds_reject"]} == {
        "client-74956fdb7b-djw2h.demo",
        "client-74956fdb7b-m8p6m.demo",
    }
    # a family whose name only begins like one that is looked for
    assert "pilot_services" not in found


# -- ztunnel -----------------------------------------------------------------------------------------------------------


def test_a_dump() -> None:
    found = parse.ztunnel_dump(recorded("recorded-healthy-waypoint-ztunnel-dump.json"))
    workloads = {one["name"]: one for one in found["workloads"]}
    assert workloads["client-79c5f845f4-sc4gp"] == {
        "name": "client-79c5f845f4-sc4gp",
        "namespace": "amb",
        "node": "node-01",
        "protocol": "HBONE",
        "waypoint": "",
        "status": "Healthy",
    }
    assert workloads["coredns-5cff787d8f-d252w"]["protocol"] == "TCP"
    services = {(one["namespace"], one["name"]): one["waypoint"] for one in found["services"]}
    assert services[("amb", "echo")] == "amb/waypoint"
    assert services[("demo", "echo")] == ""
    assert found["certificates"][0] == {
        "identity": "spiffe://cluster.local/ns/amb/sa/client",
        "state": "Available",
        "leaf": {
            "serial": "28ee44e7012d343cde4fb3ab1c57f289",
            "not_before": "2026-11-21T11:32:05Z",
            "not_after": "2026-11-22T11:34:05Z",
        },
        "root": {
            "serial": "ef2432f80826fd1e621224fdd80aae19",
            "not_before": "2026-11-21T11:33:48Z",
            "not_after": "2036-11-18T11:33:48Z",
        },
    }
    assert found["on_demand"] is False


def test_policies_of_a_dump() -> None:
    found = parse.ztunnel_dump(recorded("recorded-l4-deny-ztunnel-dump.json"))
    assert found["policies"] == [{"namespace": "amb", "name": "l4-deny", "action": "Deny", "scope": "WorkloadSelector"}]


def test_a_ztunnel_that_was_never_told_anything() -> None:
    found = parse.ztunnel_dump(recorded("recorded-wrong-cluster-name-ztunnel-dump.json"))
    assert [found[key] for key in ("workloads", "services", "policies", "certificates")] == [[], [], [], []]


@pytest.mark.parametrize(
    ("waypoint", "expected"),
    [
        (None, ""),
        ({"destination": "amb/waypoint.amb.svc.cluster.local"}, "amb/waypoint"),
        # an address, of a network
        ({"destination": "/10.96.0.5"}, "amb/waypoint"),
        ({"destination": "west/10.96.0.9"}, "10.96.0.9"),
        ({"destination": "west/fd00::5"}, "amb/waypoint"),
    ],
)
def test_how_a_dump_names_waypoints(waypoint: object, expected: str) -> None:
    gateway = {"name": "waypoint", "namespace": "amb", "vips": ["/10.96.0.5", "west/fd00::5"]}
    service = {"name": "echo", "namespace": "amb", "vips": ["/10.96.0.1"], "waypoint": waypoint}
    found = parse.ztunnel_dump(json.dumps({"services": [gateway, service]}).encode())
    assert found["services"][1]["waypoint"] == expected


def test_what_many_ztunnels_know_is_kept_once() -> None:
    """A mesh of ten thousand workloads is known to each of its ztunnels."""
    shared = parse.Shared()
    first, second = (
        parse.ztunnel_dump(recorded("recorded-healthy-waypoint-ztunnel-dump.json"), shared) for _time in range(2)
    )
    assert first["workloads"] == second["workloads"]
    assert all(one is other for one, other in zip(first["workloads"], second["workloads"], strict=True))
    # Services and workloads are of other shapes, though they may have the same name
    assert first["services"][0] is not first["workloads"][0]


def test_ztunnels_metrics() -> None:
    """What went well has no names; what stands out has those of both ends, and the good ones of the same way."""
    found = metrics.traffic_metrics(recorded("recorded-strict-blocked-ztunnel-metrics.txt"))["metrics"]
    assert set(found) == {metrics.OPENED, metrics.FAILED}
    quiet = [one for one in found[metrics.OPENED] if "source_workload" not in one["labels"]]
    assert [(one["labels"], one["value"]) for one in quiet] == [
        ({"reporter": "destination", "connection_security_policy": "mutual_tls"}, 11.0),
        ({"reporter": "source", "connection_security_policy": "mutual_tls"}, 10.0),
    ]
    (failed,) = found[metrics.FAILED]
    assert failed["value"] == 2.0
    assert failed["labels"] == {
        "reporter": "destination",
        "source_workload": "client",
        "source_workload_namespace": "plain",
        "source_principal": "unknown",
        "destination_service": "echo.amb.svc.cluster.local",
        "destination_workload": "echo-v1",
        "destination_workload_namespace": "amb",
        "response_flags": "DENY",
        "connection_security_policy": "unknown",
    }


def test_labels_with_all_sorts_of_characters() -> None:
    text = (
        rb'istio_tcp_connections_failed_total{source_workload="a\"b,c}",destination_workload="d\\e\nf"} 1.5e+01 1700000'
    )
    found = metrics.traffic_metrics(text)["metrics"][metrics.FAILED]
    assert found == [{"labels": {"source_workload": 'a"b,c}', "destination_workload": "d\\e\nf"}, "value": 15.0}]


def test_a_busy_proxy_stays_small() -> None:
    line = 'istio_requests_total{{reporter="destination",source_workload="w{}",connection_security_policy="none"}} {}'
    text = "\n".join(line.format(place, place + 1) for place in range(5000)).encode()
    found = metrics.traffic_metrics(text)["metrics"][metrics.REQUESTS]
    assert len(found) == 1000
    # the largest are kept
    assert min(one["value"] for one in found) == 4001


# -- Envoy -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "serial"),
    [("healthy-sidecar", "2ba419ddef9947852f43366af05f0489"), ("healthy-waypoint", "ba5ecb9836117aa9dcacfcca03641")],
)
def test_certificates_are_told_once(name: str, serial: str) -> None:
    """However many listeners and clusters use them."""
    body = recorded(f"recorded-{name}-certs.json")
    assert len(json.loads(body)["certificates"]) == 3
    leaf, root = parse.envoy_certificates(body)["certificates"]
    assert (leaf["name"], leaf["serial"]) == ("default", serial)
    assert root == {
        "name": "ROOTCA",
        "serial": "ef2432f80826fd1e621224fdd80aae19",
        "not_before": "2026-11-21T11:33:48Z",
        "not_after": "2036-11-18T11:33:48Z",
    }


def test_certificates_that_a_gateway_serves_are_others_business() -> None:
    served = {
        "cert_chain": [{"serial_number": "1", "subject_alt_names": [{"dns": "shop.example"}], "valid_from": "x"}],
        "ca_cert": [{"serial_number": "2", "subject_alt_names": []}],
    }
    assert parse.envoy_certificates(json.dumps({"certificates": [served, {}]}).encode()) == {"certificates": []}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"services": 1}'])
def test_what_is_no_dump(body: bytes) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        parse.ztunnel_dump(body)
