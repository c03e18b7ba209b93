# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long certificates last, and whose root they have (MW0038)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.certificates import Leaf, judged
from ansible_collections.meshwright.istio.plugins.module_utils._checks.inside import moment
from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import CheckResult
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot_inside_parse as parse

from .answers import body, dump_of, pods_of, run, said

RECORDED_PAIRS = {"MW0038": "test_leaves_that_have_expired"}
# The recorded certificates hold from 11:32 or 11:34 on, for a day.
BEGUN = moment("2026-11-21T12:00:00Z") or 0.0
HOUR, DAY = 3600.0, 86400.0
ROOT_ENDS = moment("2036-11-18T11:33:48Z") or 0.0


def root(*files: str) -> list[dict[str, Any]]:
    recorded = json.loads(body("recorded-healthy-ambient-root.json"))
    if files:
        recorded["data"]["root-cert.pem"] = "".join(body(name, "certificates").decode() for name in files)
    return [recorded]


def envoy(name: str = "healthy-waypoint", pod: str = "amb/waypoint-57c8dd4788-26rg7", kind: str = "waypoint") -> Any:
    return said(pod, proxy=kind, **parse.envoy_certificates(body(f"recorded-{name}-certs.json")))


def certificates(taken: float = BEGUN, **lists: Any) -> CheckResult:
    """A recorded healthy mesh, with other lists in the place of its own."""
    given = {
        "root_certificates": root(),
        "ztunnel_dumps": [dump_of("healthy-waypoint")],
        "envoy_certificates": [envoy()],
        "pods": pods_of("healthy-waypoint"),
    }
    return run("MW0038", {**given, **lists}, taken)


def test_a_recorded_healthy_mesh() -> None:
    assert (certificates().status, certificates().findings) == ("passed", ())
    # past half of its life is normal: that is when it is renewed
    assert certificates(BEGUN + 13 * HOUR).status == "passed"


@pytest.mark.parametrize(
    ("life", "left", "severity"),
    [
        (24 * HOUR, 12 * HOUR, None),
        (24 * HOUR, 2.5 * HOUR, None),
        (24 * HOUR, 2.3 * HOUR, "warning"),
        (24 * HOUR, 0, "error"),
        (24 * HOUR, -HOUR, "error"),
        (90 * DAY, 10 * DAY, None),
        (90 * DAY, 8 * DAY, "warning"),
        # of so short a life a quarter counts
        (HOUR, 0.4 * HOUR, None),
        (HOUR, 0.2 * HOUR, "warning"),
        (4 * HOUR, 0.9 * HOUR, "warning"),
    ],
)
def test_how_much_time_is_little(life: float, left: float, severity: str | None) -> None:
    assert judged(Leaf("web", "web", BEGUN + left - life, BEGUN + left), BEGUN) == severity


def test_leaves_that_were_not_renewed() -> None:
    result = certificates(BEGUN + 22 * HOUR)
    (finding,) = result.findings
    assert (result.status, finding.severity) == ("warning", "warning")
    assert finding.title.startswith("5 workload certificates end soon, the first in 93 minutes, and were not renewed")
    assert finding.objects == (
        "ServiceAccount demo/client",
        "ServiceAccount demo/echo",
        "ServiceAccount amb/client",
        "ServiceAccount amb/echo",
        "Deployment amb/waypoint",
    )
    assert finding.evidence[0].startswith(
        "ServiceAccount demo/client (Pod istio-system/ztunnel-1): ends 93 minutes from"
    )


def test_leaves_that_have_expired() -> None:
    (finding,) = certificates(BEGUN + 2 * DAY).findings
    assert finding.severity == "error"
    assert finding.title.startswith("5 workload certificates have expired: every new connection by mutual TLS")
    assert finding.evidence[0].endswith("expired 24 hours ago")


@pytest.mark.parametrize(
    ("days", "severity", "words"),
    [
        (40, None, ""),
        (20, "warning", "root certificate ends in 20 days: then no workload trusts another"),
        (5, "error", "root certificate ends in 5 days"),
        (-1, "error", "root certificate has expired: no workload trusts another any more"),
    ],
)
def test_the_root(days: float, severity: str | None, words: str) -> None:
    result = certificates(ROOT_ENDS - days * DAY, ztunnel_dumps=[], envoy_certificates=[])
    assert [finding.severity for finding in result.findings] == ([severity] if severity else [])
    for finding in result.findings:
        assert words in finding.title
        assert finding.evidence[0].endswith("in ConfigMap istio-system/istio-ca-root-cert: until 2036-11-18")


def test_a_rotation_under_way() -> None:
    """root.pem lasts until 2036, other-root.pem until June 2027."""
    taken = moment("2027-05-20T00:00:00Z") or 0.0
    result = certificates(
        taken, root_certificates=root("root.pem", "other-root.pem"), ztunnel_dumps=[], envoy_certificates=[]
    )
    assert [finding.severity for finding in result.findings] == ["info"]
    signing = {"citadel_server_root_cert_expiry_timestamp": [{"labels": {}, "value": taken + 12 * DAY}]}
    result = certificates(
        taken,
        root_certificates=root("root.pem", "other-root.pem"),
        ztunnel_dumps=[],
        envoy_certificates=[],
        istiod_metrics=[said("istio-system/istiod-1", metrics=signing)],
    )
    # istiod itself signs with one that ends
    assert [finding.severity for finding in result.findings] == ["warning"]


def test_istiod_says_how_long_its_root_lasts_where_the_config_map_does_not() -> None:
    ends = {"citadel_server_root_cert_expiry_timestamp": [{"labels": {}, "value": BEGUN + 3 * DAY}]}
    broken = [{"kind": "ConfigMap", "metadata": {"name": "istio-ca-root-cert"}, "data": {"root-cert.pem": "x"}}]
    result = certificates(root_certificates=broken, istiod_metrics=[said("istio-system/istiod-1", metrics=ends)])
    assert result.status == "failed"
    assert result.findings[0].evidence == ("the root that Pod istio-system/istiod-1 signs with: until 2026-11-24",)
    assert "holds no certificates in PEM" in result.reason
    assert certificates(root_certificates=broken).status == "unknown"


def test_another_root_than_the_meshs() -> None:
    result = certificates(root_certificates=root("root.pem"))
    (finding,) = result.findings
    assert result.status == "failed"
    assert finding.title.startswith("2 proxies trust another root certificate than the mesh gives to its namespaces")
    assert finding.objects == ("Deployment amb/waypoint", "Pod istio-system/ztunnel-1")
    assert finding.evidence[0].startswith("root of Pod istio-system/ztunnel-1: serial ef2432f80826fd1e621224fdd80aae19")


def test_an_identity_without_a_certificate() -> None:
    dump = dump_of("healthy-waypoint")
    dump["certificates"][0] |= {"state": "Unavailable: authentication failure", "leaf": {}, "root": {}}
    dump["certificates"][1] |= {"state": "Initializing", "leaf": {}, "root": {}}
    (finding,) = certificates(ztunnel_dumps=[dump]).findings
    assert finding.title == "ztunnel gets no certificate for 1 service account: mutual TLS with their pods fails."
    assert finding.objects == ("ServiceAccount amb/client",)


def test_who_does_not_answer() -> None:
    silent = {**said("demo/client-1", proxy="sidecar"), "error": "Nothing answers at port 15000"}
    result = certificates(envoy_certificates=[envoy(), silent])
    assert (result.status, [finding.severity for finding in result.findings]) == ("passed", ["info"])
    assert result.findings[0].title == "1 of 2 Envoys did not answer: nothing is known of their certificates."
    result = certificates(envoy_certificates=[silent])
    assert (result.status, result.reason) == ("unknown", "no Envoy answered, of 1 asked: Nothing answers at port 15000")
    # what the others say counts all the same
    result = certificates(BEGUN + 2 * DAY, envoy_certificates=[silent])
    assert (result.status, len(result.findings)) == ("failed", 1)


def test_nothing_to_look_at() -> None:
    assert certificates(root_certificates=[], ztunnel_dumps=[], envoy_certificates=[]).status == "skipped"
