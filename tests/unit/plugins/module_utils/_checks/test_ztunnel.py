# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom ztunnel dials, as whom, and whether it is trusted: what fails while the operator says Healthy, above all."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks import dialling

from .snapshots import (
    add,
    bare,
    both,
    canary,
    drop,
    environment,
    healthy,
    load,
    outcome,
    put,
    recorded,
    severities,
    sidecar,
    snapshot,
    waypoint,
)

CHECKS = ["MW0012", "MW0013", "MW0014"]


def dialling_to(address: str | None) -> Any:
    """An edit: both addresses of ztunnel."""
    return both(environment("ztunnel", "XDS_ADDRESS", address), environment("ztunnel", "CA_ADDRESS", address))


class TestRecordedSail:
    """Set on the Istio only, the cluster's name and the revision never reach ztunnel; every resource says Healthy."""

    @pytest.mark.parametrize("check", ["MW0002", "MW0003", "MW0006"])
    def test_the_operator_sees_nothing(self, check: str) -> None:
        assert outcome(check, load("sail-cluster-name")).status == "passed"

    def test_the_service_that_ztunnel_dials_is_not_there(self) -> None:
        result = outcome("MW0012", load("sail-cluster-name"))
        assert severities(result) == ["error"]
        found = result.findings[0]
        assert "ztunnel dials istiod.istio-system.svc:15012" in found.title
        assert "though the operator calls ZTunnel default Healthy" in found.title
        assert "Service istio-system/istiod does not exist" in found.evidence
        assert any("istiod-default-v1-30-3" in text for text in found.evidence)
        assert found.objects == ("DaemonSet ztunnel/ztunnel", "ZTunnel default")
        for way in ("meshwright.istio.istio_mesh", "targetRef", "values.ztunnel.revision: default-v1-30-3"):
            assert way in found.remedy

    def test_the_cluster_that_ztunnel_claims_is_unknown(self) -> None:
        result = outcome("MW0013", load("sail-cluster-name"))
        assert severities(result) == ["error"]
        found = result.findings[0]
        assert 'claims to be in cluster "Kubernetes", istiod knows only "homelab-cluster"' in found.title
        assert "though the operator calls ZTunnel default Healthy" in found.title
        assert "values.ztunnel.multiCluster.clusterName: homelab-cluster" in found.remedy

    @pytest.mark.parametrize("check", CHECKS)
    def test_mended_by_a_target_reference(self, check: str) -> None:
        result = outcome(check, load("sail-cluster-name-mended"))
        assert (result.status, result.findings) == ("passed", ())

    @pytest.mark.parametrize(("in_use", "expected"), [("True", "info"), ("False", "warning")])
    def test_an_alias_hides_who_uses_the_revision(self, in_use: str, expected: str) -> None:
        lists = recorded("sail-cluster-name")
        add({**lists["services"][0], "metadata": {"name": "istiod", "namespace": "istio-system"}})(lists["services"])
        slice_of_alias = {**lists["endpoint_slices"][0]}
        slice_of_alias["metadata"] = {"namespace": "istio-system", "labels": {"kubernetes.io/service-name": "istiod"}}
        lists["endpoint_slices"].append(slice_of_alias)
        for item in lists["sail_revisions"][0]["status"]["conditions"]:
            if item["type"] == "InUse":
                item["status"] = in_use
        result = outcome("MW0012", snapshot(lists))
        assert severities(result) == [expected]
        assert "through the alias istiod" in result.findings[0].title

    def test_an_alias_by_name_only(self) -> None:
        lists = recorded("sail-cluster-name")
        target = "istiod-default-v1-30-3.istio-system.svc.cluster.local"
        alias = {"metadata": {"name": "istiod", "namespace": "istio-system"}, "kind": "Service"}
        lists["services"].append({**alias, "spec": {"type": "ExternalName", "externalName": target}})
        assert "error" not in severities(outcome("MW0012", snapshot(lists)))


class TestReaches:
    @pytest.mark.parametrize("name", ["healthy-ambient", "embedded-ambient"])
    def test_recorded_healthy(self, name: str) -> None:
        result = outcome("MW0012", load(name))
        assert (result.status, result.findings) == ("passed", ())

    def test_the_default_address(self) -> None:
        assert outcome("MW0012", healthy(daemonsets=dialling_to(None))).status == "passed"
        edits = canary()
        edits["services"] = both(edits["services"], drop("istiod"))
        result = outcome("MW0012", healthy(**edits, daemonsets=dialling_to(None)))
        assert "the default, for it is not set" in result.findings[0].evidence[0]

    def test_no_ready_endpoint(self) -> None:
        result = outcome("MW0012", healthy(endpoint_slices=drop()))
        assert (severities(result), "has no ready endpoint" in str(result.findings[0].evidence)) == (["error"], True)

    def test_pointed_at_an_istiod_that_never_got_ready(self) -> None:
        """The trap of a targetRef that names the Istio: the new revision is dialled before it is there."""
        edits = canary("anew")
        edits["istiods"] = both(edits["istiods"], put("istiod-anew", "status", value={}))
        edits["endpoint_slices"] = both(edits["endpoint_slices"], drop("istiod-anew"))
        result = outcome("MW0012", healthy(**edits, daemonsets=dialling_to("istiod-anew.istio-system.svc:15012")))
        assert "Service istio-system/istiod-anew has no ready endpoint (0 addresses)" in result.findings[0].evidence
        # what serves is revision default, whose value is the empty one
        assert result.findings[0].remedy.endswith("revision= of the ztunnel chart")

    def test_a_port_that_the_service_does_not_have(self) -> None:
        result = outcome("MW0012", healthy(daemonsets=dialling_to("istiod.istio-system.svc:15013")))
        assert "Service istio-system/istiod has no port 15013" in result.findings[0].evidence

    def test_a_service_in_front_of_somebody_else(self) -> None:
        result = outcome("MW0012", healthy(services=put("istiod", "spec", "selector", value={"app": "other"})))
        assert "leads to no istiod" in str(result.findings[0].evidence)

    def test_another_certificate_authority_only_has_to_be_there(self) -> None:
        own = environment("ztunnel", "CA_ADDRESS", "https://istio-csr.cert-manager.svc:443")
        missing = outcome("MW0012", healthy(daemonsets=own))
        assert (severities(missing), "certificate authority" in missing.findings[0].title) == (["error"], True)
        service = {
            "kind": "Service",
            "metadata": {"name": "istio-csr", "namespace": "cert-manager"},
            "spec": {"ports": [{"port": 443}], "selector": {"app": "csr"}},
        }
        ready = {
            "metadata": {"namespace": "cert-manager", "labels": {"kubernetes.io/service-name": "istio-csr"}},
            "endpoints": [{"addresses": ["10.0.0.9"]}],
        }
        seen = healthy(daemonsets=own, services=add(service), endpoint_slices=add(ready))
        assert outcome("MW0012", seen).status == "passed"

    def test_what_is_outside_is_told_and_not_judged(self) -> None:
        result = outcome("MW0012", healthy(daemonsets=dialling_to("mesh.corp.example.com:15012")))
        assert (result.status, severities(result)) == ("passed", ["info"])

    def test_an_address_from_elsewhere_is_unknown(self) -> None:
        def edit(items: list[dict[str, Any]]) -> None:
            environment("ztunnel", "XDS_ADDRESS", None)(items)
            container = items[-1]["spec"]["template"]["spec"]["containers"][0]
            container["env"].append({"name": "XDS_ADDRESS", "valueFrom": {"configMapKeyRef": {"name": "x"}}})

        assert outcome("MW0012", healthy(daemonsets=edit)).status == "unknown"

    def test_skipped_without_ztunnel(self) -> None:
        assert outcome("MW0012", healthy(daemonsets=drop("ztunnel"))).status == "skipped"


@pytest.mark.parametrize(
    ("address", "service", "port"),
    [
        ("istiod.istio-system.svc:15012", ("istio-system", "istiod"), 15012),
        ("istiod-a.mesh.svc.cluster.local:443", ("mesh", "istiod-a"), 443),
        ("https://istiod.mesh.svc.:15012/path", ("mesh", "istiod"), 15012),
        ("istiod.mesh", ("mesh", "istiod"), 15012),
        ("istiod", ("istio-system", "istiod"), 15012),
        ("10.0.0.1:15012", None, 15012),
        ("[fd00::1]:15012", None, 15012),
        ("mesh.corp.example.com", None, 15012),
    ],
)
def test_addresses(address: str, service: tuple[str, str] | None, port: int) -> None:
    lists = recorded("embedded-ambient")["daemonsets"]
    dialling_to(address)(lists)
    found = dialling.dials(next(item for item in lists if item["metadata"]["name"] == "ztunnel"))[0]
    assert (found.service, found.port) == (service, port)


class TestClusterName:
    @pytest.mark.parametrize("name", ["healthy-ambient", "healthy-sidecar", "embedded-ambient", "istiod-down"])
    def test_recorded_equal(self, name: str) -> None:
        assert outcome("MW0013", load(name)).status == "passed"

    @pytest.mark.parametrize("name", ["ztunnel-rollout-stuck", "ztunnel-never-ready"])
    def test_recorded_wrong(self, name: str) -> None:
        result = outcome("MW0013", load(name))
        assert severities(result) == ["error"]
        assert 'cluster "wrong-cluster", istiod knows only "Kubernetes"' in result.findings[0].title

    @pytest.mark.parametrize(
        ("istiod", "ztunnel", "expected"),
        [(None, None, []), ("Kubernetes", None, []), ("a", "a", []), ("a", None, ["error"]), (None, "a", ["error"])],
    )
    def test_names(self, istiod: str | None, ztunnel: str | None, expected: list[str]) -> None:
        seen = bare(
            istiods=environment("istiod", "CLUSTER_ID", istiod),
            daemonsets=environment("ztunnel", "ISTIO_META_CLUSTER_ID", ztunnel),
        )
        assert severities(outcome("MW0013", seen)) == expected

    def test_compared_with_the_istiod_that_it_dials(self) -> None:
        edits = canary()
        edits["istiods"] = both(edits["istiods"], environment("istiod-next", "CLUSTER_ID", "other"))
        assert outcome("MW0013", healthy(**edits)).status == "passed"
        result = outcome("MW0013", healthy(**edits, daemonsets=dialling_to("istiod-next.istio-system.svc:15012")))
        assert severities(result) == ["error"]

    def test_proxies_are_one_finding_for_each_name(self) -> None:
        pods = [sidecar(f"client-{number}", "demo", "default", "elsewhere") for number in range(30)]
        result = outcome("MW0013", healthy(proxies=add(*pods, sidecar("good", "demo", "default"))))
        assert severities(result) == ["error"]
        assert result.findings[0].title.startswith('30 proxies claim to be in cluster "elsewhere"')

    def test_a_waypoint_counts_too(self) -> None:
        seen = healthy(
            istiods=environment("istiod", "CLUSTER_ID", "a"),
            daemonsets=environment("ztunnel", "ISTIO_META_CLUSTER_ID", "a"),
            proxies=add(waypoint("amb", "default")),
        )
        assert severities(outcome("MW0013", seen)) == ["error"]

    def test_skipped_without_istiod(self) -> None:
        assert outcome("MW0013", healthy(istiods=drop())).status == "skipped"


class TestTrust:
    @pytest.mark.parametrize("name", ["healthy-ambient", "embedded-ambient", "sail-cluster-name"])
    def test_recorded_trusted(self, name: str) -> None:
        assert outcome("MW0014", load(name)).status == "passed"

    @pytest.mark.parametrize(
        ("accounts", "expected"),
        [
            ("istio-system/ztunnel", []),
            ("a/b, istio-system/ztunnel", []),
            ("ztunnel/ztunnel", ["error"]),
            (None, ["error"]),
        ],
    )
    def test_accounts(self, accounts: str | None, expected: list[str]) -> None:
        edit = environment("istiod", "CA_TRUSTED_NODE_ACCOUNTS", accounts)
        result = outcome("MW0014", healthy(istiods=edit))
        assert severities(result) == expected
        if expected:
            assert "istio-system/ztunnel" in result.findings[0].title
            assert "trustedZtunnelNamespace: istio-system" in result.findings[0].remedy

    def test_skipped_without_ztunnel(self) -> None:
        assert outcome("MW0014", healthy(daemonsets=drop("ztunnel"))).status == "skipped"
