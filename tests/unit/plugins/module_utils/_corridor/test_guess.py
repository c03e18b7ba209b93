# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What applying would change, told without a server; managed fields as a real API server (1.35) writes them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.guess import guess

Obj = dict[str, Any]
ME = "meshwright-policy-shop"


def live(owned: Obj, rest: Obj, *, kind: str = "VirtualService", **meta: Any) -> Obj:
    entry = {"manager": ME, "operation": "Apply", "apiVersion": "x/v1", "fieldsV1": owned}
    metadata = {"name": "a", "namespace": "n", "uid": "1", "resourceVersion": "7", **meta, "managedFields": [entry]}
    return {"apiVersion": "x/v1", "kind": kind, "metadata": metadata, **rest}


def wanted(rest: Obj, *, kind: str = "VirtualService", **meta: Any) -> Obj:
    return {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "a", "namespace": "n", **meta}, **rest}


OWNED = {"f:metadata": {"f:labels": {"f:l": {}}}, "f:spec": {"f:hosts": {}, "f:timeout": {}}}
SPEC = {"spec": {"hosts": ["a"], "timeout": "5s"}}
PORTS: Obj = {
    "f:spec": {
        "f:ports": {
            'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}},
            'k:{"port":90,"protocol":"TCP"}': {".": {}, "f:port": {}},
        }
    }
}


@pytest.mark.parametrize(
    ("desired", "there", "paths", "after"),
    [
        pytest.param(
            wanted(SPEC, labels={"l": "1"}),
            live(OWNED, SPEC, labels={"l": "1"}),
            [],
            {"spec": SPEC["spec"]},
            id="as desired",
        ),
        pytest.param(
            wanted({"spec": {"hosts": ["b"], "timeout": "5s"}}, labels={"l": "1"}),
            live(OWNED, SPEC, labels={"l": "1"}),
            ["spec.hosts[0]"],
            {"spec": {"hosts": ["b"], "timeout": "5s"}},
            id="another value",
        ),
        pytest.param(
            wanted({"spec": {"hosts": ["a"]}}, labels={"l": "1"}),
            live(OWNED, SPEC, labels={"l": "1"}),
            ["spec.timeout"],
            {"spec": {"hosts": ["a"]}},
            id="a field that was ours is not named any more",
        ),
        pytest.param(
            wanted(SPEC), live(OWNED, SPEC, labels={"l": "1"}), ["metadata.labels"], {"labels": {}}, id="nor a label"
        ),
        pytest.param(
            wanted(SPEC),
            live(OWNED, SPEC, labels={"l": "1", "theirs": "2"}),
            ["metadata.labels"],
            {"labels": {"theirs": "2"}},
            id="what others set stays",
        ),
        pytest.param(
            wanted({"spec": {"hosts": ["a"]}}),
            live({"f:spec": {"f:hosts": {}}}, {"spec": {"hosts": ["a"], "more": 1}}),
            [],
            {"spec": {"hosts": ["a"], "more": 1}},
            id="a field of somebody else",
        ),
        pytest.param(
            wanted({"spec": {"ports": [{"port": 80}]}}, kind="Service"),
            live(
                PORTS,
                {"spec": {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 90, "protocol": "TCP"}]}},
                kind="Service",
            ),
            ["spec.ports"],
            {"spec": {"ports": [{"port": 80}]}},
            id="an item less",
        ),
        pytest.param(
            wanted({"stringData": {"k": "abc"}}, kind="Secret"),
            live({"f:data": {"f:k": {}}}, {"data": {"k": "YWJj"}}, kind="Secret"),
            [],
            {"data": {"k": "YWJj"}},
            id="a secret's text",
        ),
        pytest.param(
            wanted({"stringData": {"k": "xyz"}}, kind="Secret"),
            live({"f:data": {"f:k": {}}}, {"data": {"k": "YWJj"}}, kind="Secret"),
            ["data.k"],
            {"data": {"k": "eHl6"}},
            id="another text",
        ),
    ],
)
def test_guess(desired: Obj, there: Obj, paths: list[str], after: Obj) -> None:
    found, made = guess(desired, there, ME)
    assert found == paths
    if "labels" in after:
        assert (made["metadata"].get("labels") or {}) == after["labels"]
    else:
        assert {key: made[key] for key in after} == after
    assert "stringData" not in made
