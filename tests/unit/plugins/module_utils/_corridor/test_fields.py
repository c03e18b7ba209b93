# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a manager owns of an object, read from managed fields as a real API server (1.35) writes them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import fields

Obj = dict[str, Any]
ME = "meshwright-policy-shop"


def entry(owned: Obj, manager: str = ME, operation: str = "Apply", **more: str) -> Obj:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": owned, **more}


def live(rest: Obj, *entries: Obj, **meta: Any) -> Obj:
    metadata = {"name": "x", "namespace": "n", "uid": "0a", "resourceVersion": "7", **meta, "managedFields": [*entries]}
    return {"apiVersion": "v1", "kind": "Thing", "metadata": metadata, **rest}


def part(rest: Obj, **meta: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {**meta, "name": "x", "namespace": "n"}, **rest}


@pytest.mark.parametrize(
    ("rest", "meta", "owned", "mine"),
    [
        pytest.param(
            {"spec": {"hosts": ["a"], "http": [{"route": [{"weight": 1}]}], "exportTo": ["."]}},
            {},
            {"f:spec": {"f:hosts": {}, "f:http": {}}},
            part({"spec": {"hosts": ["a"], "http": [{"route": [{"weight": 1}]}]}}),
            id="atomic lists are owned whole",
        ),
        pytest.param(
            {"data": {"mine": "1", "theirs": "2"}},
            {"labels": {"app": "x", "team": "y"}},
            {"f:data": {"f:mine": {}}, "f:metadata": {"f:labels": {"f:app": {}}}},
            part({"data": {"mine": "1"}}, labels={"app": "x"}),
            id="keys of maps",
        ),
        pytest.param(
            {
                "spec": {
                    "clusterIP": "10.0.0.1",
                    "ports": [
                        {"name": "b", "port": 81, "protocol": "TCP"},
                        {"name": "a", "port": 80, "protocol": "TCP", "targetPort": 8080},
                        {"name": "c", "port": 80, "protocol": "UDP", "targetPort": 80},
                    ],
                }
            },
            {},
            {
                "f:spec": {
                    "f:ports": {
                        'k:{"port":80,"protocol":"UDP"}': {".": {}, "f:port": {}, "f:protocol": {}},
                        'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:targetPort": {}},
                    }
                }
            },
            part({"spec": {"ports": [{"port": 80, "targetPort": 8080}, {"port": 80, "protocol": "UDP"}]}}),
            id="items of keyed lists, in the order in which they stand, less defaults",
        ),
        pytest.param(
            {"spec": {"list": [{"name": "a", "value": 1}]}},
            {},
            {"f:spec": {"f:list": {'k:{"name":"a"}': {"f:value": {}}}}},
            part({"spec": {"list": [{"name": "a", "value": 1}]}}),
            id="an item of which only a value is owned keeps its key",
        ),
        pytest.param(
            {},
            {"finalizers": ["theirs", "mine"]},
            {"f:metadata": {"f:finalizers": {'v:"mine"': {}}}},
            part({}, finalizers=["mine"]),
            id="values of sets",
        ),
        pytest.param(
            {"spec": {"list": ["a", "b"]}},
            {},
            {"f:spec": {"f:list": {"i:1": {}}}},
            part({"spec": {"list": ["b"]}}),
            id="places of lists",
        ),
        pytest.param(
            {"spec": {"mtls": {}, "rules": []}},
            {},
            {"f:spec": {".": {}, "f:mtls": {".": {}}, "f:rules": {}}},
            part({"spec": {"mtls": {}, "rules": []}}),
            id="empty maps and lists",
        ),
        pytest.param(
            {"data": {"kept": "1"}},
            {},
            {"f:data": {"f:kept": {}, "f:gone": {}}, "f:stringData": {"f:gone": {}}},
            part({"data": {"kept": "1"}}),
            id="what is owned but not there is left out",
        ),
        pytest.param(
            {"data": {"flag": False, "zero": 0, "none": None}},
            {},
            {"f:data": {"f:flag": {}, "f:zero": {}}},
            part({"data": {"flag": False, "zero": 0}}),
            id="values that are false",
        ),
    ],
)
def test_the_part_that_a_manager_owns(rest: Obj, meta: Obj, owned: Obj, mine: Obj) -> None:
    others = [entry({"f:data": {"f:theirs": {}}}, "kubectl"), entry({"f:status": {}}, ME, "Update")]
    assert fields.owned_part(live(rest, *others, entry(owned), **meta), ME) == mine


def test_what_came_as_text_into_a_secret_is_text_again() -> None:
    """Its managed fields go on naming `stringData`, which no Secret has."""
    owned: Obj = {"f:stringData": {"f:text": {}, "f:gone": {}}, "f:data": {"f:bytes": {}}}
    secret = {**live({"data": {"text": "dGV4dA==", "bytes": "/w==", "theirs": "eA=="}}, entry(owned)), "kind": "Secret"}
    assert fields.owned_part(secret, ME) == {
        **part({"data": {"bytes": "/w=="}, "stringData": {"text": "text"}}),
        "kind": "Secret",
    }


def test_a_manager_without_an_entry_owns_nothing() -> None:
    assert fields.owned_part(live({"data": {"a": "1"}}, entry({"f:data": {"f:a": {}}}, "kubectl")), ME) == part({})


def test_the_order_of_items_is_that_of_the_object() -> None:
    """Order is part of what is applied, whatever order the managed fields are in."""
    keys: Obj = {f'k:{{"name":"{name}"}}': {".": {}, "f:name": {}} for name in "cab"}
    found = fields.owned_part(live({"spec": [{"name": name} for name in "bca"]}, entry({"f:spec": keys})), ME)
    assert [item["name"] for item in found["spec"]] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        pytest.param([entry({"f:spec": {"f:http": {}}}, "argo")], [entry({}, "argo")], {"argo": ["spec"]}, id="all"),
        pytest.param(
            [entry({"f:spec": {"f:http": {}, "f:hosts": {}}}, "argo")],
            [entry({"f:spec": {"f:hosts": {}}}, "argo")],
            {"argo": ["spec.http"]},
            id="one of two",
        ),
        pytest.param([entry({"f:spec": {"f:http": {}}}, "argo")], [], {"argo": ["spec"]}, id="the manager is gone"),
        pytest.param([entry({"f:spec": {}})], [], {}, id="our own"),
        pytest.param([entry({"f:status": {}}, "istiod", "Update", subresource="status")], [], {}, id="a subresource's"),
        pytest.param([entry({"f:data": {"f:a": {}}}, "argo")], [entry({"f:data": {"f:a": {}}}, "argo")], {}, id="none"),
        pytest.param(
            [entry({"f:data": {"f:a": {}}}, ME, "Update")], [], {ME: ["data"]}, id="our own by other means than apply"
        ),
    ],
)
def test_what_other_managers_lost(before: list[Obj], after: list[Obj], lost: dict[str, list[str]]) -> None:
    assert fields.lost_paths(live({}, *before), live({}, *after), ME) == lost
