# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired import manifests
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ToolError

TEXT = """
---
# only a comment
---
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {day: 2026-01-02, on: "yes"}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Secret
  metadata: {name: two}
- not an object
"""


def test_parsing_opens_lists_and_keeps_days_as_text() -> None:
    objects = manifests.parse_manifest(TEXT)
    assert [manifests.label(obj) for obj in objects] == ["ConfigMap one", "Secret two"]
    assert objects[0]["data"]["day"] == "2026-01-02"


def test_what_is_no_yaml_is_an_error() -> None:
    with pytest.raises(ToolError):
        manifests.parse_manifest("a: [")


def test_crds_are_shown_by_version_and_digest() -> None:
    schema = {"openAPIV3Schema": {"properties": {str(n): {"description": "x" * 200} for n in range(200)}}}
    crd = {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": {
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    shown = manifests.shown(crd)
    assert len(json.dumps(shown)) < 500
    schema["openAPIV3Schema"]["properties"]["0"]["description"] = "y"
    assert manifests.shown(crd) != shown


def test_diffs_are_bounded_and_hide_secrets() -> None:
    huge = {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {str(n): "y" * 1000 for n in range(500)}}
    assert len(json.dumps(manifests.shown(huge))) < 1000
    long = {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"config": "y\n" * 5000}}
    assert "sha256" in manifests.shown(long)["data"]["config"]
    secret = {"kind": "Secret", "metadata": {"name": "x"}, "data": {"key": "aHVzaA=="}}
    assert "aHVzaA==" not in json.dumps(manifests.shown(secret))


def test_removed() -> None:
    one = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "a", "namespace": "n"}}
    same = {**one, "apiVersion": "policy/v1beta1"}
    other = {**one, "metadata": {"name": "b", "namespace": "n"}}
    assert manifests.removed([one], [same]) == []
    assert manifests.removed([one, other], [same]) == [other]
