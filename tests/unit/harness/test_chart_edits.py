# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's differences from the genuine charts."""

from __future__ import annotations

import pytest
import yaml

from tests.harness import chart_edits, charts
from tests.harness.errors import HarnessError

CRDS = """kind: CustomResourceDefinition
metadata:
  name: other.istio.io
---
kind: CustomResourceDefinition
metadata:
  name: telemetries.telemetry.istio.io
spec:
  versions:
  - name: v1
    properties:
      accessLogging:
        type: array
  - name: v1alpha1
    properties:
      accessLogging:
        type: array
"""


def test_image_of_a_release() -> None:
    values = "global:\n  hub: registry.istio.io/testing\n  tag: latest\n  other: latest\npilot:\n  tag: ''\n"
    assert yaml.safe_load(chart_edits.set_image(values, "1.32.0")) == {
        "global": {"hub": "registry.istio.io/release", "tag": "1.32.0", "other": "latest"},
        "pilot": {"tag": ""},
    }


def test_crd_gets_its_field_in_every_version_and_no_other_crd_does() -> None:
    other, telemetry = yaml.safe_load_all(chart_edits.add_crd_field(CRDS))
    assert other == yaml.safe_load(CRDS.split("---\n", maxsplit=1)[0])
    for version in telemetry["spec"]["versions"]:
        assert version["properties"][chart_edits.NEXT_CRD_FIELD]["type"] == "string"
        assert version["properties"]["accessLogging"] == {"type": "array"}


@pytest.mark.parametrize("crds", ["kind: X\n", CRDS.replace("accessLogging", "renamed")])
def test_a_chart_that_is_not_as_expected_is_an_error(crds: str) -> None:
    with pytest.raises(HarnessError, match="adapt"):
        chart_edits.add_crd_field(crds)


def test_replace_once_wants_exactly_one() -> None:
    assert chart_edits.replace_once("abc", "b", "x", "file") == "axc"
    for text in ("ac", "abbc"):
        with pytest.raises(HarnessError, match="file: expected exactly one"):
            chart_edits.replace_once(text, "b", "x", "file")


def test_older_bundle_differs_in_its_version_alone() -> None:
    bundle = f"metadata:\n  annotations:\n    {charts.BUNDLE_ANNOTATION}: v1.6.0\n    other: v1.6.0\n"
    older = charts.set_bundle_version(bundle, "v1.0.0")
    assert older == bundle.replace(f"{charts.BUNDLE_ANNOTATION}: v1.6.0", f"{charts.BUNDLE_ANNOTATION}: v1.0.0")
