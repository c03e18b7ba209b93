# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each check of the webhooks: states that trigger it, and states that do not."""

from __future__ import annotations

from typing import Any

import pytest

from .snapshots import Edit, bare, drop, healthy, load, outcome, put, recorded, severities, snapshot, twin

INJECTOR, VALIDATOR, DEFAULT = "istio-sidecar-injector", "istio-validator-istio-system", "istiod-default-validator"


def each_webhook(configuration: str, **fields: Any) -> Edit:
    """An edit: set fields in all webhooks of a configuration; `ca` and `service` are those of clientConfig."""

    def edit(items: list[dict[str, Any]]) -> None:
        for body in next(item for item in items if item["metadata"]["name"] == configuration)["webhooks"]:
            for key, value in fields.items():
                if key == "ca":
                    body["clientConfig"]["caBundle"] = value
                elif key == "service":
                    body["clientConfig"]["service"] |= value
                else:
                    body[key] = value

    return edit


class TestWebhooks:
    @pytest.mark.parametrize("name", ["healthy-ambient", "healthy-sidecar", "embedded-ambient"])
    def test_well(self, name: str) -> None:
        assert outcome("MW0017", load(name)).status == "passed"

    @pytest.mark.parametrize("policy", ["Fail", "Ignore"])
    @pytest.mark.parametrize(
        ("service", "told"),
        [({"name": "istiod-gone"}, "does not exist"), ({"port": 8443}, "has no port 8443")],
    )
    def test_injector_without_a_service(self, service: dict[str, Any], told: str, policy: str) -> None:
        seen = healthy(mutating_webhooks=each_webhook(INJECTOR, service=service, failurePolicy=policy))
        found = [finding for finding in outcome("MW0017", seen).findings if finding.severity == "error"]
        # four webhooks, one cause, one finding
        assert len(found) == 1
        assert told in found[0].evidence[0]
        assert ("are refused" if policy == "Fail" else "without a sidecar") in found[0].title

    def test_service_without_ready_endpoints(self) -> None:
        result = outcome("MW0017", healthy(endpoint_slices=drop()))
        assert result.status == "failed"
        assert {finding.objects[0] for finding in result.findings} == {
            f"MutatingWebhookConfiguration {INJECTOR}",
            f"ValidatingWebhookConfiguration {VALIDATOR}",
        }

    def test_no_ca_bundle(self) -> None:
        seen = healthy(validating_webhooks=each_webhook(VALIDATOR, ca=""))
        result = outcome("MW0017", seen)
        assert (result.status, "no caBundle" in result.findings[0].title) == ("failed", True)

    def test_failing_open(self) -> None:
        result = outcome("MW0017", healthy(validating_webhooks=each_webhook(VALIDATOR, failurePolicy="Ignore")))
        assert (result.status, severities(result)) == ("warning", ["warning"])

    def test_a_url_has_no_service(self) -> None:
        def remote(items: list[dict[str, Any]]) -> None:
            for body in items[0]["webhooks"]:
                body["clientConfig"] = {"url": "https://istiod.example:15017/inject"}

        assert outcome("MW0017", healthy(mutating_webhooks=remote)).status == "passed"

    def test_somebody_elses_webhook_is_not_ours_to_judge(self) -> None:
        def other(items: list[dict[str, Any]]) -> None:
            client = {"service": {"name": "gone", "namespace": "x"}}
            items.append(
                {"kind": "X", "metadata": {"name": "y"}, "webhooks": [{"name": "a.b.c", "clientConfig": client}]}
            )

        assert outcome("MW0017", healthy(mutating_webhooks=other, validating_webhooks=other)).status == "passed"

    def test_none_at_all(self) -> None:
        result = outcome("MW0017", healthy(mutating_webhooks=drop(), validating_webhooks=drop()))
        assert result.status == "warning"


class TestOverlaps:
    @pytest.mark.parametrize("name", ["healthy-ambient", "healthy-sidecar", "embedded-ambient"])
    def test_none(self, name: str) -> None:
        assert outcome("MW0018", load(name)).status == "passed"

    def test_two_alike_where_no_namespace_is_labelled_yet(self) -> None:
        result = outcome("MW0018", bare(mutating_webhooks=twin(INJECTOR, "istio-sidecar-injector-copy")))
        assert result.status == "warning"
        assert "MutatingWebhookConfiguration istio-sidecar-injector-copy" in result.findings[0].objects

    def test_two_alike_where_it_happens_today(self) -> None:
        def enabled(items: list[dict[str, Any]]) -> None:
            items.append({"kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}})

        seen = bare(mutating_webhooks=twin(INJECTOR, "istio-sidecar-injector-copy"), namespaces=enabled)
        result = outcome("MW0018", seen)
        assert result.status == "failed"
        # four webhooks overlap in as many ways: one pair of configurations, one finding
        assert [finding.objects[-1] for finding in result.findings] == ["Namespace shop"]
        assert result.findings[0].title.endswith("today in 1 namespace.")

    def test_another_revision_does_not_overlap(self) -> None:
        lists = recorded("embedded-ambient")
        twin(INJECTOR, "istio-sidecar-injector-next")(lists["mutating_webhooks"])
        added = lists["mutating_webhooks"][-1]
        # a revisioned installation has the first two webhooks only, with its own name in the selectors
        added["webhooks"] = [body for body in added["webhooks"] if body["name"].startswith("rev.")]
        for body in added["webhooks"]:
            for selector in (body["namespaceSelector"], body["objectSelector"]):
                for expression in selector["matchExpressions"]:
                    if expression["key"] == "istio.io/rev" and expression["operator"] == "In":
                        expression["values"] = ["next"]
        assert outcome("MW0018", snapshot(lists)).status == "passed"

    def test_skipped_without_injectors(self) -> None:
        assert outcome("MW0018", healthy(mutating_webhooks=drop())).status == "skipped"


class TestDefaultValidator:
    @pytest.mark.parametrize("name", ["healthy-ambient", "embedded-ambient"])
    def test_live(self, name: str) -> None:
        assert outcome("MW0019", load(name)).status == "passed"

    def test_missing(self) -> None:
        result = outcome("MW0019", healthy(validating_webhooks=drop(DEFAULT)))
        assert (result.status, "no default validator" in result.findings[0].title) == ("warning", True)

    @pytest.mark.parametrize(
        ("policy", "told"),
        [("Fail", "no Istio configuration can be changed"), ("Ignore", "bad configuration is let in")],
    )
    def test_points_at_nobody(self, policy: str, told: str) -> None:
        edit = each_webhook(DEFAULT, service={"name": "istiod-old"}, failurePolicy=policy)
        result = outcome("MW0019", healthy(validating_webhooks=edit))
        assert (result.status, told in result.findings[0].title) == ("failed", True)

    def test_a_dead_default_validator_is_said_once(self) -> None:
        edit = each_webhook(DEFAULT, service={"name": "istiod-old"})
        assert outcome("MW0017", healthy(validating_webhooks=edit)).status == "passed"

    def test_skipped_without_a_mesh(self) -> None:
        assert outcome("MW0019", healthy(istiods=drop(), validating_webhooks=drop())).status == "skipped"

    def test_the_one_of_a_revision_is_no_default(self) -> None:
        selector = {"matchExpressions": [{"key": "istio.io/rev", "operator": "In", "values": ["a"]}]}
        edit = put(DEFAULT, "webhooks", 0, "objectSelector", value=selector)
        assert outcome("MW0019", healthy(validating_webhooks=edit)).status == "warning"
