# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply sets as the specification has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy import applyset
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.applyset import Scope
from ansible_collections.meshwright.istio.plugins.module_utils._version import VERSION

Obj = dict[str, Any]
ROOT = Path(__file__).parents[6]


def test_the_version_is_the_collections() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"] == VERSION


def test_the_id_is_the_one_that_kubernetes_documents() -> None:
    """The example of the well-known labels' page, which kubectl's own tests make for this Secret."""
    documented = "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1"
    assert applyset.set_id("my-set", "test", kind="Secret") == documented
    assert applyset.set_id("my-set", "test") != documented


@pytest.mark.parametrize(
    ("kinds", "namespaces", "written"),
    [
        ([], [], ("", "")),
        ([("", "Secret"), ("apps", "Deployment")], ["b", "a"], ("Deployment.apps,Secret", "a,b")),
        ([("networking.istio.io", "Gateway")], ["home"], ("Gateway.networking.istio.io", "")),
        (
            [("networking.istio.io", "Gateway"), ("gateway.networking.k8s.io", "Gateway")],
            ["home", "x"],
            ("Gateway.gateway.networking.k8s.io,Gateway.networking.istio.io", "x"),
        ),
    ],
)
def test_a_parent_says_where_members_are(
    kinds: list[tuple[str, str]], namespaces: list[str], written: tuple[str, str]
) -> None:
    names = Scope(frozenset(kinds), frozenset(namespaces))
    parent = applyset.parent_object("shop", "home", names)
    annotations = parent["metadata"]["annotations"]
    assert annotations["applyset.kubernetes.io/contains-group-kinds"] == written[0]
    assert annotations["applyset.kubernetes.io/additional-namespaces"] == written[1]
    assert annotations["applyset.kubernetes.io/tooling"] == f"meshwright.istio/{VERSION}"
    assert applyset.scope_of(parent) == Scope(names.kinds, names.namespaces - {"home"})
    assert applyset.why_not_ours(parent, applyset.set_id("shop", "home")) == ""


def test_a_scope_as_others_write_it() -> None:
    annotations = {
        "applyset.kubernetes.io/contains-group-kinds": " Service., Deployment.apps ,",
        "applyset.kubernetes.io/additional-namespaces": "a, b",
    }
    assert applyset.scope_of({"metadata": {"annotations": annotations}}) == Scope(
        frozenset({("", "Service"), ("apps", "Deployment")}), frozenset({"a", "b"})
    )
    assert applyset.scope_of(None) == applyset.scope_of({"metadata": {}}) == Scope()


@pytest.mark.parametrize(
    ("tooling", "label", "reason"),
    [
        ("kubectl/v1.36.1", "right", "kubectl/v1.36.1"),
        (None, None, "is no apply set's parent"),
        (None, "right", "is no apply set's parent"),
        ("meshwright.istio/0.1.0", None, "is no apply set's parent"),
        ("meshwright.istio/0.1.0", "wrong", "which is not that of its name"),
        ("meshwright.istio.other/0.1.0", "right", "meshwright.istio.other/0.1.0"),
    ],
)
def test_a_config_map_that_is_not_our_parent(tooling: str | None, label: str | None, reason: str) -> None:
    labels = {} if label is None else {"applyset.kubernetes.io/id": label}
    annotations = {} if tooling is None else {"applyset.kubernetes.io/tooling": tooling}
    found = applyset.why_not_ours({"metadata": {"labels": labels, "annotations": annotations}}, "right")
    assert reason in found and found
    ours = {
        "labels": {"applyset.kubernetes.io/id": "right"},
        "annotations": {"applyset.kubernetes.io/tooling": "meshwright.istio/9.9.9"},
    }
    assert applyset.why_not_ours({"metadata": ours}, "right") == ""


@pytest.mark.parametrize(
    ("labels", "identity", "then"),
    [
        (None, "id", {"applyset.kubernetes.io/part-of": "id"}),
        ({"a": "b"}, "id", {"a": "b", "applyset.kubernetes.io/part-of": "id"}),
        ({"applyset.kubernetes.io/part-of": "copied"}, "id", {"applyset.kubernetes.io/part-of": "id"}),
        ({"a": "b", "applyset.kubernetes.io/part-of": "copied"}, "", {"a": "b"}),
        ({"applyset.kubernetes.io/part-of": "copied"}, "", None),
        ({"a": "b"}, "", {"a": "b"}),
    ],
)
def test_a_member_bears_its_sets_label(labels: Obj | None, identity: str, then: Obj | None) -> None:
    meta = {"name": "x"} if labels is None else {"name": "x", "labels": labels}
    obj = {"kind": "Thing", "metadata": meta, "spec": {}}
    before = {**obj, "metadata": dict(meta)}
    member = applyset.as_member(obj, identity)
    assert member["metadata"].get("labels") == then
    assert applyset.set_of(member) == identity
    assert obj == before and member["spec"] is obj["spec"]


def test_scopes_add_up_and_cover() -> None:
    one = Scope(frozenset({("", "Secret")}), frozenset({"a"}))
    other = Scope(frozenset({("", "Service")}), frozenset({"b"}))
    assert (one | other).covers(one) and (one | other).covers(other)
    assert not one.covers(other) and not one.covers(Scope(frozenset(), frozenset({"b"})))
    assert one.covers(Scope())
