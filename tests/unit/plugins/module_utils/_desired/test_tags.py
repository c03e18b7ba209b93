# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.helm import desired_namespaces, releases_of
from ansible_collections.meshwright.istio.plugins.module_utils._desired.layout import EVERYTHING, Installed, target
from ansible_collections.meshwright.istio.plugins.module_utils._desired.tags import (
    RENDERED_ANNOTATION,
    SOURCE_ANNOTATION,
    alias_service,
    alias_target,
    is_alias,
    remembered,
    source_of,
    tag_objects,
)
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput

from .._intent.meshes import intent

REVISION = "default-v1-31-1"


def releases(**given: Any) -> dict[str, Any]:
    asked = intent(**given)
    layout = target(asked, Installed()).layout
    found = releases_of(asked, layout, EVERYTHING, layout.tags.get("default", ""))
    return {one.component: one for one in found}


def test_releases_by_revision() -> None:
    found = releases(update_strategy="revision_based")
    assert found["istiod"].name == f"istiod-{REVISION}" and found["istiod"].values["revision"] == REVISION
    assert found["base"].values == {"defaultRevision": REVISION}
    assert found["ztunnel"].values == {"revision": REVISION} and found["ztunnel"].name == "ztunnel"
    assert "revision" not in found["cni"].values


def test_without_a_default_tag_there_is_no_default_validator() -> None:
    assert releases(update_strategy="revision_based", default_tag=False)["base"].values == {"defaultRevision": ""}


def test_in_place_says_nothing_of_revisions() -> None:
    asked = intent()
    found = releases_of(asked, target(asked, Installed()).layout, EVERYTHING)
    assert [one.name for one in found] == ["istio-base", "istiod", "istio-cni", "ztunnel"]
    assert not any("evision" in key for one in found for key in one.values)


def test_versions_come_from_the_layout() -> None:
    asked = intent(update_strategy="revision_based")
    layout = target(asked, Installed()).layout
    older = target(intent(update_strategy="revision_based", version="1.30.3"), Installed()).layout
    mixed = layout.change(ztunnel=older.ztunnel, ztunnel_revision=older.ztunnel_revision)
    (ztunnel,) = releases_of(asked, mixed, {"ztunnel"})
    assert (ztunnel.version, ztunnel.values["revision"]) == ("1.30.3", "default-v1-30-3")


@pytest.mark.parametrize(
    ("component", "values"),
    [("istiod", {"revision": "mine"}), ("ztunnel", {"revision": "mine"}), ("base", {"defaultRevision": "mine"})],
)
def test_free_values_cannot_say_another_revision(component: str, values: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=f"values.{component}"):
        releases(update_strategy="revision_based", values={component: values})


def test_namespaces_of_agents_are_left_to_who_looks_after_them() -> None:
    given: dict[str, Any] = {"update_strategy": "revision_based", "ztunnel_namespace": "tunnels"}
    assert [one["metadata"]["name"] for one in desired_namespaces(intent(**given), {})] == ["istio-system", "tunnels"]
    alone = desired_namespaces(intent(node_agents=False, **given), {})
    assert [one["metadata"]["name"] for one in alone] == ["istio-system"]


def rendered(tag: str) -> list[dict[str, Any]]:
    labels = {"istio.io/tag": tag, "istio.io/rev": REVISION}
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": f"istio-revision-tag-{tag}", "labels": labels},
            "webhooks": [],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"istiod-revision-tag-{tag}", "namespace": "istio-system", "labels": labels},
        },
    ]


def test_a_tag_remembers_what_it_was_rendered_as() -> None:
    chart = [*rendered("a"), *rendered("b"), {"kind": "ConfigMap", "metadata": {"name": "istio"}}]
    objects = tag_objects(chart, "a", "from-here")
    assert [obj["metadata"]["name"] for obj in objects] == ["istio-revision-tag-a", "istiod-revision-tag-a"]
    assert "annotations" not in objects[1]["metadata"]
    assert remembered(objects[0]) == ("from-here", objects)


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {SOURCE_ANNOTATION: "x"},
        {SOURCE_ANNOTATION: "x", RENDERED_ANNOTATION: "nonsense"},
        {SOURCE_ANNOTATION: "x", RENDERED_ANNOTATION: '[{"kind": "Service"}]'},
        {RENDERED_ANNOTATION: "[]"},
    ],
)
def test_a_tag_that_remembers_nothing(annotations: dict[str, str]) -> None:
    assert remembered({"metadata": {"name": "t", "annotations": annotations}}) == ("", [])


def test_what_a_tag_is_rendered_from_tells_all_apart() -> None:
    one = source_of("a", "r", "1.31.1", {"x": 1})
    assert one == source_of("a", "r", "1.31.1", {"x": 1})
    others = [("b", "r", "1.31.1", {"x": 1}), ("a", "s", "1.31.1", {"x": 1}), ("a", "r", "1.31.2", {"x": 1})]
    assert one not in {source_of(*other) for other in others} | {source_of("a", "r", "1.31.1", {})}


def test_the_alias_is_told_from_other_services() -> None:
    alias = alias_service("istio-system", REVISION)
    assert is_alias(alias) and alias_target(alias) == REVISION
    chart = {"metadata": {"labels": {"app": "istiod"}}, "spec": {"selector": {"istio.io/rev": REVISION}}}
    assert not is_alias(chart) and alias_target(chart) == "" == alias_target(None)
