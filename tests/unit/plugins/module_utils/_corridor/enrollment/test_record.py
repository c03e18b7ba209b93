# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.record import (
    Record,
    bare,
    identities,
    read_records,
)
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.model import Goal, Plane
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden, GuardRefused

SPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "labels": {"istio.io/rev": "stable", "team": "shop"}},
}


def policy(name: str = "deny", **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": "shop", **meta},
        "spec": {"action": "DENY"},
        "status": {"conditions": []},
    }


def begun(goal: Goal | None = None) -> Record:
    return Record.begin(SPACE, goal or Goal("ambient", waypoint="shop/wp"), days=90, run="r1")


def test_it_keeps_what_the_namespace_was_and_shall_be() -> None:
    record = begun()
    record.keep([policy(resourceVersion="7", managedFields=[{}], annotations={"note": "x"})])
    record.keep([{**policy(), "spec": {"action": "ALLOW"}}, policy("other"), policy("other", labels={"late": "yes"})])
    record.made([policy("deny-waypoint"), policy("deny-waypoint")])
    again = Record.parse(record.journal.rendered())
    assert again.before == Plane("sidecar", "stable")
    assert again.goal == Goal("ambient", waypoint="shop/wp")
    assert again.labels["istio.io/rev"] == "stable" and again.labels["istio.io/dataplane-mode"] is None
    assert "team" not in again.labels
    # As it was first seen: what a later run sees may be changed already.
    assert again.state["originals"] == [bare(policy(annotations={"note": "x"})), bare(policy("other"))]
    assert identities(again.state["made"]) == [("security.istio.io/v1", "AuthorizationPolicy", "deny-waypoint")]
    assert (again.stage, again.under_way) == ("prepare", True)
    assert not again.journal.expired and again.journal.expires


def test_a_way_back_restarts_once_more_and_so_does_the_same_move_after_its_end() -> None:
    record = begun()
    there = record.restart_id
    record.state["stage"] = "return"
    assert record.restart_id == f"{there}-return"
    record.state["stage"] = "done"
    assert not record.under_way
    record.again()
    assert record.restart_id != there and record.under_way


def test_one_that_is_not_understood_is_not_thrown_away() -> None:
    broken = copy.deepcopy(begun().journal)
    del broken.state["labels"], broken.state["made"]
    with pytest.raises(GuardRefused, match="lacks labels, made"):
        Record.parse(broken.rendered())


def test_bare_is_what_somebody_wanted() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    found = bare(policy(uid="1", generation=3, creationTimestamp="now", annotations=annotations))
    assert found == {key: value for key, value in policy().items() if key != "status"}


class Confined:
    """Stands in for a client whose user may list in his own namespaces only."""

    def __init__(self, *journals: Record) -> None:
        self.found = {one.namespace: one.journal.rendered() for one in journals}

    def list(self, _kind: Any, namespace: str | None = None, *, labels: str) -> Any:
        assert labels == "meshwright.io/journal=enrollment"
        if namespace is None:
            raise Forbidden("May not list configmaps in all namespaces.", status=403)
        return [self.found[namespace]] if namespace in self.found else []

    def many(self, read: Any, names: Any) -> Any:
        return [read(name) for name in names]


def test_who_may_not_list_everywhere_reads_his_own() -> None:
    client: Any = Confined(begun())
    assert list(read_records(client, ["shop", "media"])) == ["shop"]
    with pytest.raises(Forbidden):
        read_records(client, None)
