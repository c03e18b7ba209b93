# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a set's draft removes, what it leaves, and what its parent must go on naming."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.items import Item
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import Target
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.plan import Step
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import removals
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.draft import Draft
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.members import Members, key_of
from ansible_collections.meshwright.istio.plugins.module_utils._desired.policy.applyset import Scope, parent_object
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import ApplySetName, PolicyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import (
    NAMESPACE,
    SECRET,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)

Obj = dict[str, Any]
SET = ApplySetName("shop", "home")
MANAGER = "meshwright-policy-shop"
ISTIO = "networking.istio.io"


def live(kind: Kind, name: str, manager: str = MANAGER, **meta: Any) -> Obj:
    entry = {"manager": manager, "operation": "Apply", "apiVersion": kind.api_version, "fieldsV1": {}}
    metadata = {"name": name, "namespace": "n", "uid": name, "managedFields": [entry], **meta}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def members(*objects: Obj, kinds: tuple[Kind, ...], parent: Scope | None = None) -> Members:
    """As if read: all members of `kinds` are known."""
    found = Members(None, SET)  # type: ignore[arg-type]
    found.kinds = {(kind.group, kind.kind) for kind in kinds}
    for obj in objects:
        kind = next(kind for kind in (SERVICE, SECRET, VIRTUAL_SERVICE, NAMESPACE) if kind.kind == obj["kind"])
        one = Target(kind, "n" if kind.namespaced else None, obj["metadata"]["name"])
        found.found[key_of(one)] = (one, obj)
    if parent is not None:
        found.parent.live = parent_object(SET.name, SET.namespace, parent)
        found.parent.live["metadata"]["uid"] = "p"
    return found


def desired(kind: Kind, name: str, action: str = "none") -> Item:
    one = Target(kind, "n", name)
    return Item({}, one, live={}, step=Step(one.label, action, ""))  # type: ignore[arg-type]


def names(items: list[Item]) -> list[str]:
    return [item.label for item in items]


PRUNE = PolicyIntent(apply_set=SET, prune=True)
KEEP = PolicyIntent(apply_set=SET)
ALL = Scope(frozenset({("", "Service"), ("", "Secret"), (ISTIO, "VirtualService")}), frozenset({"n"}))


def test_pruned_in_the_reverse_of_the_order_of_writing() -> None:
    draft = Draft(items=[desired(SERVICE, "kept")])
    seen = members(
        live(SERVICE, "kept"),
        live(SERVICE, "old"),
        live(SECRET, "old"),
        live(VIRTUAL_SERVICE, "old"),
        kinds=(SERVICE, SECRET, VIRTUAL_SERVICE),
        parent=ALL,
    )
    removals.pruned(draft, seen, PRUNE)
    assert names(draft.removals) == ["VirtualService n/old", "Service n/old", "Secret n/old"]
    assert all(item.step.action == "delete" and item.live for item in draft.removals)
    assert seen.parent.stays == Scope() and not seen.parent.step.changes and not draft.warnings


def test_without_prune_all_stays_and_is_still_named() -> None:
    draft = Draft(items=[desired(SERVICE, "kept")])
    seen = members(live(SERVICE, "kept"), live(SERVICE, "old"), kinds=(SERVICE,), parent=ALL)
    removals.pruned(draft, seen, KEEP)
    assert not draft.removals and not draft.warnings and seen.parent.stays == ALL


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (live(SERVICE, "x", "kubectl"), "bears the set's label, but meshwright-policy-shop did not apply it"),
        (
            live(SERVICE, "x", annotations={"argocd.argoproj.io/tracking-id": "web:/Service:n/x"}),
            "left to Argo CD application web",
        ),
        (live(SERVICE, "x", labels={"kustomize.toolkit.fluxcd.io/name": "k"}), "left to Flux Kustomization k"),
        # What a controller makes of a member bears its labels: no news to anyone.
        (live(SERVICE, "x", ownerReferences=[{"kind": "Gateway", "name": "g", "controller": True}]), ""),
        (live(SERVICE, "x", "istiod", ownerReferences=[{"kind": "Gateway", "name": "g"}]), ""),
        (live(NAMESPACE, "x"), ""),
    ],
)
def test_what_is_not_the_sets_own_is_left(obj: Obj, reason: str) -> None:
    draft = Draft(items=[desired(SERVICE, "kept")])
    seen = members(live(SERVICE, "kept"), obj, kinds=(SERVICE, NAMESPACE), parent=ALL)
    removals.pruned(draft, seen, PRUNE)
    assert not draft.removals
    assert [step.reason for step in draft.left] == ([reason] if reason else [])
    assert len(draft.warnings) == len(draft.left)
    # It bears the label still, so the parent goes on naming where it is.
    assert (obj["kind"] == "Namespace") or ("", "Service") in seen.parent.stays.kinds


def test_kinds_that_could_not_be_read_stay_named() -> None:
    draft = Draft(items=[desired(SERVICE, "kept")])
    seen = members(live(SERVICE, "kept"), kinds=(SERVICE,), parent=ALL)
    seen.denied[("", "Secret")] = Forbidden("user x may not list secrets", status=403)
    removals.pruned(draft, seen, PRUNE)
    assert seen.parent.stays == Scope(ALL.kinds - {("", "Service")}, ALL.namespaces)
    assert draft.warnings == ["Not all that is superfluous is found: user x may not list secrets"]


def test_a_parent_that_is_missing_or_names_too_little_is_mended() -> None:
    draft = Draft(items=[desired(SERVICE, "kept")])
    seen = members(live(SERVICE, "kept"), kinds=(SERVICE,))
    removals.pruned(draft, seen, KEEP)
    assert seen.parent.step.action == "create"
    seen = members(live(SERVICE, "kept"), kinds=(SERVICE,), parent=Scope(frozenset({("", "Secret")})))
    removals.pruned(draft, seen, KEEP)
    assert seen.parent.step.action == "repair"
    # What is yet to be written widens it anyway.
    removals.pruned(Draft(items=[desired(SERVICE, "new", "create")]), fresh := members(kinds=(), parent=Scope()), KEEP)
    assert not fresh.parent.step.changes


def test_a_set_that_is_removed_goes_with_its_parent() -> None:
    draft = Draft()
    seen = members(live(SERVICE, "a"), live(VIRTUAL_SERVICE, "b"), kinds=(SERVICE, VIRTUAL_SERVICE), parent=ALL)
    removals.of_set(draft, seen, PolicyIntent(state="absent", apply_set=SET), everything=True)
    assert names(draft.removals) == ["VirtualService n/b", "Service n/a"]
    assert seen.parent.step.action == "delete" and not draft.errors
    draft = Draft()
    seen.denied[("", "Secret")] = Forbidden("no", status=403)
    removals.of_set(draft, seen, PolicyIntent(state="absent", apply_set=SET), everything=True)
    assert len(draft.errors) == 1


def test_what_is_named_goes_and_the_rest_of_its_set_stays_named() -> None:
    draft = Draft()
    there = Item({}, Target(SERVICE, "n", "a"), live=live(SERVICE, "a"))
    gone = Item({}, Target(SECRET, "n", "never"))
    removals.named(draft, [there, gone])
    assert [(item.label, item.step.action) for item in draft.removals] == [
        ("Service n/a", "delete"),
        ("Secret n/never", "none"),
    ]
    seen = members(live(SERVICE, "a"), live(VIRTUAL_SERVICE, "b"), kinds=(SERVICE, SECRET, VIRTUAL_SERVICE), parent=ALL)
    removals.of_set(draft, seen, PolicyIntent(state="absent", apply_set=SET), everything=False)
    assert seen.parent.stays == Scope(frozenset({(ISTIO, "VirtualService")}), frozenset({"n"}))
    assert not seen.parent.step.changes
