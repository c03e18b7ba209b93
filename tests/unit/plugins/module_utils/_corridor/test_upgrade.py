# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of an upgrade that only judge: CRDs against objects, errors against earlier ones, journal, backup."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.istiod_debug import (
    ProxySync,
    ReplicaSync,
    TypeSync,
    judge_sync,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.journal import Journal
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.plan import Plan, Step
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.upgrade.backup import kept, text_of
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.upgrade.crds import (
    object_findings,
    stored_versions,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.upgrade.gate import (
    Criterion,
    new_errors,
    shown,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.upgrade.record import (
    Record,
    rejects_before,
    rejects_state,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.upgrade.units import merged
from ansible_collections.meshwright.istio.plugins.module_utils._desired.upgrade import Unit

from .._desired.test_upgrade import move

Obj = dict[str, Any]


def crd(*versions: str, stored: tuple[str, ...] = (), fields: tuple[str, ...] = ("host",)) -> Obj:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in fields}}
    whole = {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}}
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "destinationrules.networking.istio.io"},
        "spec": {
            "group": "networking.istio.io",
            "names": {"kind": "DestinationRule", "plural": "destinationrules"},
            "versions": [{"name": name, "served": True, "schema": whole} for name in versions],
        },
        "status": {"storedVersions": list(stored)},
    }


def rule(version: str = "v1", manager: str = "team", **spec: str) -> Obj:
    return {
        "apiVersion": f"networking.istio.io/{version}",
        "kind": "DestinationRule",
        "metadata": {
            "name": "ledger",
            "namespace": "shop",
            "managedFields": [
                {"manager": manager, "apiVersion": f"networking.istio.io/{version}"},
                {"manager": "pilot", "apiVersion": "networking.istio.io/v1alpha3", "subresource": "status"},
            ],
        },
        "spec": spec,
    }


def test_versions_that_objects_are_stored_in_must_stay() -> None:
    name = "destinationrules.networking.istio.io"
    live = {name: crd("v1", "v1alpha3", stored=("v1alpha3", "v1"))}
    assert stored_versions(live, {name: crd("v1", "v1alpha3")}).blockers == []
    (told,) = stored_versions(live, {name: crd("v1")}).blockers
    assert name in told and "v1alpha3" in told


@pytest.mark.parametrize(
    ("obj", "new", "blocker", "note"),
    [
        (rule(host="a"), crd("v1"), "", ""),
        (rule(host="a", subset="b"), crd("v1", fields=("host",)), "spec.subset: unknown field", ""),
        (rule("v1alpha3", host="a"), crd("v1", "v1alpha3"), "", "v1alpha3, which is deprecated"),
        (rule("v1alpha3", host="a"), crd("v1"), "v1alpha3, which the new version does not serve", ""),
    ],
)
def test_objects_against_new_crds(obj: Obj, new: Obj, blocker: str, note: str) -> None:
    live = crd("v1", "v1alpha3", fields=("host", "subset"))
    found = object_findings([obj], live, new)
    for said, wanted in ((found.blockers, blocker), (found.notes, note)):
        assert (len(said) == 1 and wanted in said[0]) if wanted else said == []


def test_what_does_not_fit_now_either_is_no_news() -> None:
    both = crd("v1")
    assert object_findings([rule(host="a", subset="b")], both, both).blockers == []


def errors(**found: list[str]) -> dict[str, list[Obj]]:
    return {check: [{"title": f"{check} is wrong.", "objects": objects}] for check, objects in found.items()}


@pytest.mark.parametrize(
    ("before", "now", "count"),
    [
        ({}, {}, 0),
        (errors(MW0010=["a"]), {}, 0),
        (errors(MW0010=["a"]), errors(MW0010=["a"]), 0),
        ({}, errors(MW0010=["a"]), 1),
        (errors(MW0010=["a"]), errors(MW0012=["a"]), 1),
        (
            {"MW0010": [{"title": "2 of 3.", "objects": ["a", "b"]}]},
            {"MW0010": [{"title": "1 of 3.", "objects": ["a"]}]},
            0,
        ),
        ({"MW0010": [{"title": "1 of 3.", "objects": ["a"]}]}, {"MW0010": [{"title": "1 of 2.", "objects": ["b"]}]}, 1),
    ],
)
def test_errors_that_were_not_there_before(before: Obj, now: Obj, count: int) -> None:
    assert len(new_errors(before, now)) == count


@pytest.mark.parametrize(
    ("criteria", "status"),
    [
        ([("passed", False)], "passed"),
        ([("passed", False), ("skipped", False)], "passed"),
        ([("passed", False), ("unknown", True)], "unknown"),
        ([("passed", False), ("unknown", False)], "failed"),
        ([("unknown", True), ("failed", False)], "failed"),
    ],
)
def test_unknown_is_not_passed_and_may_only_wait_before_anything_moved(criteria: Any, status: str) -> None:
    assert shown([Criterion("x", each, "", may_wait=waits) for each, waits in criteria])["status"] == status


def test_rejects_from_before_are_known_after_the_journal() -> None:
    error = "Error adding cluster: simulated"
    before = [
        ReplicaSync(
            "istiod-1", (ProxySync("web-1.shop", "sidecar", "c", "1.31.1", (TypeSync("Cluster", error=error),)),)
        )
    ]
    known = rejects_before({"rejects": json.loads(json.dumps(rejects_state(before)))})
    now = ReplicaSync(
        "istiod-2", (ProxySync("web-2.shop", "sidecar", "c", "1.32.0", (TypeSync("Cluster", error=error),)),)
    )
    assert judge_sync([now], known).status == "passed"
    assert judge_sync([now]).status == "failed"


def test_the_journal_says_what_was_begun_and_what_is_done() -> None:
    record = Record.begin("istio-system", "default", "helm", move(), {"errors": {}, "rejects": []})
    record.units.update({"namespace/shop": "started", "cni": "done", "ztunnel": "undone"})
    again = Record(Journal.parse({**record.journal.rendered()}))
    assert again.move == move() and again.id == record.id
    assert again.having("started", "done") == [Unit("cni"), Unit("namespace", "shop")]
    assert not again.gate_passed
    again.state["gate"] = {"status": "unknown"}
    assert again.gate_passed
    assert [each["unit"] for each in again.shown()["units"]] == ["cni", "ztunnel", "namespace/shop"]


def test_a_backup_has_what_people_wrote_and_is_the_same_for_the_same() -> None:
    obj: Obj = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {
            "name": "ledger",
            "namespace": "shop",
            "uid": "1",
            "resourceVersion": "7",
            "generation": 3,
            "managedFields": [],
            "labels": {"team": "pay"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "why": "because"},
        },
        "spec": {"host": "ledger"},
        "status": {"conditions": []},
    }
    expected = {"name": "ledger", "namespace": "shop", "labels": {"team": "pay"}, "annotations": {"why": "because"}}
    assert kept(obj) == {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": expected,
        "spec": obj["spec"],
    }
    owned = {**obj, "metadata": {**obj["metadata"], "ownerReferences": [{"controller": True}]}}
    assert kept(owned) == {}
    other = {**kept(obj), "metadata": {"name": "a", "namespace": "shop"}}
    assert text_of([kept(obj), other]) == text_of([other, kept(obj)])


def test_the_steps_of_a_part_are_one_step() -> None:
    quiet = Plan([Step("release/istio-cni", "none", "as desired")])
    assert (merged("cni", quiet).action, merged("cni", quiet).reason) == ("none", "as desired")
    loud = merged(
        "tags",
        Plan(
            [
                Step("tag/default", "update", "moves", before={"a": 1}, after={"a": 2}, predicted_by="server"),
                Step("release/istio-base", "none", "as desired"),
                Step("alias", "create", "missing", predicted_by="local"),
            ]
        ),
    )
    assert (loud.action, loud.predicted_by) == ("update", "local")
    assert loud.reason == "tag/default: moves; alias: missing"
    assert set(loud.after) == {"tag/default", "alias"}
