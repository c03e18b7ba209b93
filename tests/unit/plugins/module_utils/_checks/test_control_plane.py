# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each check of the control plane: states that trigger it, and states that do not."""

from __future__ import annotations

from typing import Any

import pytest

from .snapshots import (
    Edit,
    drop,
    healthy,
    load,
    named,
    outcome,
    put,
    recorded,
    severities,
    snapshot,
    twin,
)


def without_kind(group: str, kind: str, *versions: str) -> Edit:
    """An edit of what is served: this kind is gone, in these versions or in all."""

    def edit(items: list[dict[str, Any]]) -> None:
        items[:] = [
            item
            for item in items
            if (item["group"], item["kind"]) != (group, kind) or (versions and item["version"] not in versions)
        ]

    return edit


def budget(**status: int) -> Edit:
    """An edit: add a disruption budget for istiod."""

    def edit(items: list[dict[str, Any]]) -> None:
        items.append(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "istiod", "namespace": "istio-system"},
                "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "istiod", "istio": "pilot"}}},
                "status": status,
            }
        )

    return edit


def replicated(count: int, **status: int) -> Edit:
    def edit(items: list[dict[str, Any]]) -> None:
        istiod = named("istiod")(items)
        istiod["spec"]["replicas"] = count
        istiod["status"] |= {"replicas": count, "updatedReplicas": count, "availableReplicas": count, **status}

    return edit


class TestPresent:
    def test_present(self) -> None:
        assert outcome("MW0000", healthy()).status == "passed"

    @pytest.mark.parametrize("name", ["healthy-ambient", "healthy-sidecar", "istiod-down", "ztunnel-rollout-stuck"])
    def test_present_in_recordings(self, name: str) -> None:
        assert outcome("MW0000", load(name)).status in ("passed", "unknown")

    def test_no_mesh_is_an_error(self) -> None:
        empty: dict[str, list[dict[str, Any]]] = {name: [] for name in ("istiods", "mutating_webhooks", "services")}
        result = outcome("MW0000", snapshot(empty))
        assert result.status == "failed"
        assert "no mesh" in result.findings[0].title

    def test_an_app_that_is_merely_labelled_so_is_no_control_plane(self) -> None:
        edit = put("istiod", "spec", "template", "spec", "containers", value=[{"name": "app", "image": "x:1"}])
        assert outcome("MW0000", healthy(istiods=edit, mutating_webhooks=drop())).status == "failed"

    def test_remote_control_plane_is_said(self) -> None:
        result = outcome("MW0000", healthy(istiods=drop(), services=put("istiod", "spec", "selector", value={})))
        assert (result.status, "outside this cluster" in result.reason) == ("skipped", True)


class TestCrdsServed:
    def test_all_served(self) -> None:
        result = outcome("MW0001", healthy())
        assert (result.status, result.findings) == ("passed", ())

    def test_kind_not_served(self) -> None:
        result = outcome("MW0001", healthy(api=without_kind("networking.istio.io", "VirtualService")))
        assert result.status == "failed"
        assert result.findings[0].objects == ("CustomResourceDefinition virtualservices.networking.istio.io",)

    def test_another_groups_kind_of_the_same_name_does_not_count(self) -> None:
        result = outcome("MW0001", healthy(api=without_kind("networking.istio.io", "Gateway")))
        assert [finding.objects[0] for finding in result.findings] == [
            "CustomResourceDefinition gateways.networking.istio.io"
        ]

    def test_version_not_served(self) -> None:
        result = outcome("MW0001", healthy(api=without_kind("security.istio.io", "PeerAuthentication", "v1")))
        assert result.status == "failed"
        assert result.findings[0].evidence == ("expected v1", "served v1beta1")

    def test_older_istiod_does_not_expect_what_is_new(self) -> None:
        gone = without_kind("extensions.istio.io", "TrafficExtension")
        image = ("spec", "template", "spec", "containers", 0, "image")
        assert outcome("MW0001", healthy(api=gone)).status == "failed"
        old = healthy(api=gone, istiods=put("istiod", *image, value="istio/pilot:1.29.2"))
        assert outcome("MW0001", old).status == "passed"

    @pytest.mark.parametrize(
        ("included", "status"), [("", "passed"), ("wasmplugins.extensions.istio.io", "failed"), ("x.y", "passed")]
    )
    def test_ignored_resources_are_not_expected(self, included: str, status: str) -> None:
        env = [
            {"name": "PILOT_IGNORE_RESOURCES", "value": "*.extensions.istio.io, x.y"},
            {"name": "PILOT_INCLUDE_RESOURCES", "value": included},
        ]
        seen = healthy(
            api=without_kind("extensions.istio.io", "WasmPlugin"),
            istiods=put("istiod", "spec", "template", "spec", "containers", 0, "env", value=env),
        )
        assert outcome("MW0001", seen).status == status

    def test_crds_of_an_older_release(self) -> None:
        old = put("telemetries.telemetry.istio.io", "metadata", "labels", "app.kubernetes.io/version", value="1.29.0")
        result = outcome("MW0001", healthy(crds=old))
        assert (result.status, severities(result)) == ("warning", ["warning"])
        assert "1.29.0" in result.findings[0].title


class TestReplicas:
    def test_one_replica_is_a_warning(self) -> None:
        result = outcome("MW0007", healthy())
        assert (result.status, severities(result)) == ("warning", ["warning"])

    def test_two_replicas_and_a_budget(self) -> None:
        seen = healthy(
            istiods=replicated(2),
            disruption_budgets=budget(disruptionsAllowed=1, currentHealthy=2, expectedPods=2),
        )
        assert (outcome("MW0007", seen).status, outcome("MW0007", seen).findings) == ("passed", ())

    def test_two_replicas_without_a_budget(self) -> None:
        result = outcome("MW0007", healthy(istiods=replicated(2)))
        assert (result.status, "PodDisruptionBudget" in result.findings[0].title) == ("warning", True)

    def test_a_budget_of_somebody_else_does_not_count(self) -> None:
        def other(items: list[dict[str, Any]]) -> None:
            budget()(items)
            items[-1]["spec"]["selector"] = {"matchLabels": {"app": "other"}}

        assert outcome("MW0007", healthy(istiods=replicated(2), disruption_budgets=other)).status == "warning"

    def test_a_budget_that_blocks_every_drain(self) -> None:
        blocked = budget(disruptionsAllowed=0, currentHealthy=2, expectedPods=2)
        result = outcome("MW0007", healthy(istiods=replicated(2), disruption_budgets=blocked))
        assert "drains will hang" in result.findings[0].title

    def test_scaled_to_zero(self) -> None:
        result = outcome("MW0007", healthy(istiods=replicated(0)))
        assert (result.status, severities(result)) == ("failed", ["error"])
        assert "--replicas" in result.findings[0].remedy

    @pytest.mark.parametrize(
        ("status", "told"),
        [
            ({"availableReplicas": 1}, "available 1"),
            ({"updatedReplicas": 1}, "updated 1"),
            ({"observedGeneration": 0}, "observed 0"),
            ({"replicas": 3}, "of 3 pods"),
        ],
    )
    def test_not_rolled_out(self, status: dict[str, int], told: str) -> None:
        result = outcome("MW0007", healthy(istiods=replicated(2, **status)))
        assert result.status == "failed"
        assert any(told in text for text in result.findings[0].evidence)

    def test_why_a_pod_is_not_ready_is_told(self) -> None:
        def stuck(items: list[dict[str, Any]]) -> None:
            pod = next(item for item in items if item["metadata"]["labels"].get("app") == "istiod")
            pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
            waiting = {"name": "discovery", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
            pod["status"]["containerStatuses"] = [waiting]

        result = outcome("MW0007", healthy(istiods=replicated(1, availableReplicas=0), component_pods=stuck))
        assert any("ImagePullBackOff" in text for text in result.findings[0].evidence)

    @pytest.mark.parametrize(
        ("condition", "told"),
        [
            (
                {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric"},
                "FailedGetResourceMetric",
            ),
            ({"type": "AbleToScale", "status": "False", "reason": "FailedGetScale"}, "FailedGetScale"),
        ],
    )
    def test_an_autoscaler_that_cannot(self, condition: dict[str, str], told: str) -> None:
        seen = healthy(autoscalers=put("istiod", "status", value={"conditions": [condition]}))
        assert any(told in finding.title for finding in outcome("MW0007", seen).findings)

    def test_an_autoscaler_at_its_maximum(self) -> None:
        at_most = {"currentReplicas": 5, "desiredReplicas": 5, "conditions": []}
        seen = healthy(autoscalers=put("istiod", "status", value=at_most))
        assert any("maximum of 5" in finding.title for finding in outcome("MW0007", seen).findings)


class TestEndpoints:
    def test_live(self) -> None:
        assert outcome("MW0008", healthy()).status == "passed"

    def test_recorded_live(self) -> None:
        assert outcome("MW0008", load("healthy-ambient")).status == "passed"

    def test_recorded_istiod_down(self) -> None:
        result = outcome("MW0008", load("istiod-down"))
        assert result.status == "failed"
        assert "Service istio-system/istiod" in result.findings[0].objects

    def test_no_address_is_ready(self) -> None:
        lists = recorded("embedded-ambient")
        for piece in lists["endpoint_slices"]:
            for endpoint in piece["endpoints"]:
                endpoint["conditions"] = {"ready": False}
        result = outcome("MW0008", snapshot(lists))
        assert (result.status, result.findings[0].evidence[0]) == ("failed", "1 addresses, none ready")

    def test_conditions_left_out_mean_ready(self) -> None:
        lists = recorded("embedded-ambient")
        for piece in lists["endpoint_slices"]:
            for endpoint in piece["endpoints"]:
                endpoint.pop("conditions", None)
        assert outcome("MW0008", snapshot(lists)).status == "passed"

    def test_no_service(self) -> None:
        result = outcome("MW0008", healthy(services=drop()))
        assert (result.status, "No Service leads" in result.findings[0].title) == ("failed", True)

    def test_a_service_left_behind_by_a_tag(self) -> None:
        stale = {"selector": {"app": "istiod", "istio.io/rev": "gone"}, "ports": [{"port": 15012}]}
        result = outcome("MW0008", healthy(services=twin("istiod", "istiod-revision-tag-prod", spec=stale)))
        assert (result.status, severities(result)) == ("warning", ["warning"])
