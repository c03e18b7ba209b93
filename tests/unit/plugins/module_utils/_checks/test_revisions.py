# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Revisions that nothing uses, and tags that lead nowhere, by both methods."""

from __future__ import annotations

from typing import Any

import pytest

from .snapshots import (
    SAIL,
    Edit,
    add,
    bare,
    both,
    canary,
    drop,
    environment,
    healthy,
    injector,
    load,
    namespace,
    outcome,
    put,
    recorded,
    severities,
    sidecar,
    snapshot,
    waypoint,
)

# ztunnel of the embedded mesh dials istiod of revision default, which is in use thereby
OLD: dict[str, Edit] = canary("old", "1.30.0")


class TestStale:
    def test_a_single_one_is_in_use(self) -> None:
        assert outcome("MW0004", healthy()).status == "passed"

    def test_left_behind(self) -> None:
        result = outcome("MW0004", bare(**OLD))
        assert severities(result) == ["warning"]
        assert "Nothing uses istiod of revision old any more" in result.findings[0].title
        assert result.findings[0].objects == ("Deployment istio-system/istiod-old",)
        assert any("DaemonSet istio-system/ztunnel" in text for text in result.findings[0].evidence)
        assert "mesh_upgrade (stage: finish)" in result.findings[0].remedy

    def test_a_newer_one_is_a_canary(self) -> None:
        result = outcome("MW0004", healthy(**canary("next", "1.32.0")))
        assert (result.status, severities(result)) == ("passed", ["info"])

    @pytest.mark.parametrize(
        "use",
        [
            {"namespaces": add(namespace("shop", rev="old"))},
            {"proxies": add(sidecar("client", "shop", "old"))},
            {"proxies": add(waypoint("shop", "old"))},
            {"revision_pods": add({"kind": "Pod", "metadata": {"name": "a", "labels": {"istio.io/rev": "old"}}})},
            {"mutating_webhooks": both(OLD["mutating_webhooks"], add(injector("old", "prod")))},
            {
                "daemonsets": put(
                    "ztunnel", "spec", "template", "metadata", "annotations", value={"istio.io/rev": "old"}
                )
            },
            {"daemonsets": environment("ztunnel", "XDS_ADDRESS", "istiod-old.istio-system.svc:15012")},
        ],
        ids=["namespace", "sidecar", "waypoint", "pod label", "tag", "ztunnel annotation", "ztunnel address"],
    )
    def test_each_use_counts(self, use: dict[str, Edit]) -> None:
        result = outcome("MW0004", healthy(**{**OLD, **use}))
        assert not [item for item in result.findings if "revision old any more" in item.title]

    def test_its_own_pods_are_no_use(self) -> None:
        labels = {"app": "istiod", "istio.io/rev": "old"}
        own = {"kind": "Pod", "metadata": {"name": "istiod-old-1", "namespace": "istio-system", "labels": labels}}
        assert severities(outcome("MW0004", healthy(**OLD, revision_pods=add(own)))) == ["warning"]

    def test_injection_by_label_uses_the_default_one(self) -> None:
        moved = environment("ztunnel", "XDS_ADDRESS", "istiod-next.istio-system.svc:15012")
        both_moved = both(moved, environment("ztunnel", "CA_ADDRESS", "istiod-next.istio-system.svc:15012"))
        edits = {**canary(), "daemonsets": both_moved}
        assert severities(outcome("MW0004", bare(**edits))) == ["warning"]
        edits["namespaces"] = add(namespace("shop", injection="enabled"))
        assert outcome("MW0004", bare(**edits)).findings == ()

    def test_the_default_validator_is_moved_first(self) -> None:
        moved = both(
            environment("ztunnel", "XDS_ADDRESS", "istiod-next.istio-system.svc:15012"),
            environment("ztunnel", "CA_ADDRESS", "istiod-next.istio-system.svc:15012"),
        )
        found = outcome("MW0004", bare(**canary(), daemonsets=moved)).findings[0]
        assert any("istiod-default-validator" in text for text in found.evidence)
        assert found.remedy.startswith("Move the default validator")

    def test_sails_active_one_is_never_stale_and_its_resource_is_named(self) -> None:
        edits: dict[str, Edit] = {
            **OLD,
            "sail_istios": add({"kind": "Istio", "status": {"activeRevisionName": "old"}}),
        }
        lists = recorded("embedded-ambient")
        for name, edit in edits.items():
            edit(lists.setdefault(name, []))
        unserved = tuple(name for name in SAIL if name != "sail_istios")
        assert outcome("MW0004", snapshot(lists, unserved=unserved)).findings == ()
        lists["sail_istios"][0]["status"]["activeRevisionName"] = "default"
        lists["sail_revisions"] = [{"kind": "IstioRevision", "metadata": {"name": "old"}}]
        found = outcome("MW0004", snapshot(lists, unserved=("sail_tags",))).findings[0]
        assert "IstioRevision old" in found.objects


class TestTags:
    def test_skipped_without_tags(self) -> None:
        assert outcome("MW0005", healthy()).status == "skipped"

    def test_resolves(self) -> None:
        result = outcome("MW0005", healthy(**canary(tag="prod")))
        assert (result.status, result.findings) == ("passed", ())

    @pytest.mark.parametrize(
        ("edits", "told"),
        [
            ({"services": drop("istiod-next")}, "Service istio-system/istiod-next does not exist"),
            ({"endpoint_slices": drop()}, "has no ready endpoint"),
            ({"istiods": drop("istiod-next")}, "there is no istiod of revision next"),
        ],
    )
    def test_leads_nowhere(self, edits: dict[str, Edit], told: str) -> None:
        made = canary(tag="prod")
        undone = {name: both(made.get(name, add()), edit) for name, edit in edits.items()}
        result = outcome("MW0005", healthy(**{**made, **undone}))
        assert severities(result) == ["error"]
        assert result.findings[0].title.startswith("Tag prod does not resolve")
        assert told in result.findings[0].title

    def test_recorded_unused_is_no_failure(self) -> None:
        result = outcome("MW0005", _with_tags("sail_tags"))
        assert (result.status, result.findings) == ("passed", ())

    @pytest.mark.parametrize(("name", "tag"), [("orphaned_tags", "prod"), ("left_behind_tags", "default")])
    def test_recorded_reference_not_found(self, name: str, tag: str) -> None:
        result = outcome("MW0005", _with_tags(name))
        assert severities(result) == ["error"]
        assert f"IstioRevisionTag {tag}" in result.findings[0].objects
        assert "RefNotFound, referenced Istio resource does not exist" in result.findings[0].title
        assert "Point spec.targetRef" in result.findings[0].remedy

    def test_a_webhook_that_did_not_follow(self) -> None:
        seen = _with_tags("sail_tags", mutating_webhooks=add(injector("default", "prod", "istiod")))
        result = outcome("MW0005", seen)
        assert "still leads to revision default" in result.findings[0].title

    def test_moved_by_halves(self) -> None:
        labels = {"istio.io/tag": "prod", "istio.io/rev": "default"}
        service = {"kind": "Service", "metadata": {"name": "istiod-revision-tag-prod", "labels": labels}}
        edits = canary(tag="prod")
        edits["services"] = both(edits["services"], add(service))
        assert severities(outcome("MW0005", healthy(**edits))) == ["warning"]


def _with_tags(name: str, **edits: Edit) -> Any:
    """The embedded mesh with recorded tags of Sail, which lead to nobody here that a webhook would call."""
    lists = recorded("embedded-ambient")
    lists["sail_tags"] = recorded("sail")[name]
    for source, edit in edits.items():
        edit(lists.setdefault(source, []))
    return snapshot(lists, unserved=tuple(source for source in SAIL if source != "sail_tags"))


def test_recorded_meshes_have_nothing_stale() -> None:
    for name in ("healthy-ambient", "healthy-sidecar", "sail-cluster-name"):
        assert outcome("MW0004", load(name)).status == "passed"
