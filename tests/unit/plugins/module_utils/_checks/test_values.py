# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions and selectors, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.selectors import matches, selects
from ansible_collections.meshwright.istio.plugins.module_utils._checks.skew import revision_of, supported, workload_of
from ansible_collections.meshwright.istio.plugins.module_utils._checks.versions import of_image, of_workload, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.31.1", "1.31.1"),
        ("v1.31", "1.31.0"),
        ("1.31.1-distroless", "1.31.1"),
        ("1.32-alpha.3f2c", "1.32.0"),
        ("1.0.0", None),
        ("latest", None),
        ("", None),
        ("1", None),
    ],
)
def test_parse(text: str, expected: str | None) -> None:
    found = parse(text)
    assert (str(found) if found else None) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("docker.io/istio/pilot:1.31.1", "1.31.1"),
        ("registry:5000/istio/pilot", None),
        ("registry:5000/istio/pilot:1.30.2-debug@sha256:00", "1.30.2"),
        ("istio/pilot@sha256:00", None),
        ("auto", None),
    ],
)
def test_of_image(image: str, expected: str | None) -> None:
    found = of_image(image)
    assert (str(found) if found else None) == expected


def test_labels_speak_when_the_image_does_not() -> None:
    labels = {"app.kubernetes.io/version": "1.30.4"}
    workload = {
        "metadata": {"labels": labels},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a@sha256:0"}]}}},
    }
    assert str(of_workload(workload)) == "1.30.4"


def test_versions_are_ordered() -> None:
    assert sorted(filter(None, map(parse, ("1.9.0", "1.31.1", "1.30.10", "1.30.9")))) == [
        (1, 9, 0),
        (1, 30, 9),
        (1, 30, 10),
        (1, 31, 1),
    ]


@pytest.mark.parametrize(
    ("component", "plane", "expected"),
    [("1.31.1", "1.31.9", True), ("1.30.0", "1.31.0", True), ("1.29.0", "1.31.0", False), ("1.32.0", "1.31.0", False)],
)
def test_supported(component: str, plane: str, expected: bool) -> None:
    old, new = parse(component), parse(plane)
    assert old is not None
    assert new is not None
    assert supported(old, new) is expected


@pytest.mark.parametrize(
    ("operator", "values", "labels", "expected"),
    [
        ("In", ["a"], {"k": "a"}, True),
        ("In", ["a"], {}, False),
        ("NotIn", ["a"], {}, True),
        ("NotIn", ["a"], {"k": "a"}, False),
        ("Exists", None, {"k": ""}, True),
        ("Exists", None, {}, False),
        ("DoesNotExist", None, {}, True),
        ("DoesNotExist", None, {"k": "x"}, False),
        ("Unheard", ["a"], {"k": "a"}, False),
    ],
)
def test_matches(operator: str, values: Any, labels: dict[str, str], expected: bool) -> None:
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert matches(selector, labels) is expected


def test_an_empty_label_selector_chooses_all_and_an_empty_plain_one_nothing() -> None:
    assert matches({}, {"a": "b"})
    assert matches(None, {})
    assert matches({"matchLabels": {"a": "b"}}, {"a": "b", "c": "d"})
    assert not selects({}, {"a": "b"})
    assert selects({"a": "b"}, {"a": "b"})


@pytest.mark.parametrize(
    ("annotations", "labels", "expected"),
    [
        ({"sidecar.istio.io/status": '{"revision":"canary"}', "istio.io/rev": "x"}, {}, "canary"),
        ({"sidecar.istio.io/status": "not json", "istio.io/rev": "x"}, {}, "x"),
        ({}, {"istio.io/rev": "y"}, "y"),
        ({}, {}, "default"),
    ],
)
def test_revision_of(annotations: dict[str, str], labels: dict[str, str], expected: str) -> None:
    assert revision_of({"metadata": {"annotations": annotations, "labels": labels}}) == expected


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        ([{"kind": "ReplicaSet", "name": "shop-v1-6b8c"}], "Deployment ns/shop-v1"),
        ([{"kind": "StatefulSet", "name": "db"}], "StatefulSet ns/db"),
        ([], "Pod ns/p"),
    ],
)
def test_workload_of(owners: list[dict[str, str]], expected: str) -> None:
    assert workload_of({"metadata": {"name": "p", "namespace": "ns", "ownerReferences": owners}}) == expected
