# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a journal keeps, and when it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.journal import Journal
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, Conflict, GuardRefused, NotFound

Obj = dict[str, Any]


class Store:
    """One ConfigMap behind a client; a write of another version than the stored one is a Conflict."""

    def __init__(self) -> None:
        self.obj: Obj | None = None
        self.version = 0
        self.uid = "first"
        self.answers = True

    def get(self, _kind: Any, _name: str, _namespace: str) -> Obj | None:
        return self.obj

    def create(self, obj: Obj) -> Obj:
        if self.obj is not None:
            raise Conflict("it exists already")
        return self._keep(obj)

    def replace(self, obj: Obj) -> Obj:
        if self.obj is None:
            raise NotFound("no such ConfigMap")
        if obj["metadata"]["resourceVersion"] != str(self.version):
            raise Conflict("it was changed")
        kept = self._keep(obj)
        if not self.answers:
            # The client sent it again, and met its own write.
            raise Conflict("it was changed")
        return kept

    def delete(self, _kind: Any, _name: str, _namespace: str, *, uid: str | None) -> bool:
        if self.obj is not None and uid not in (None, self.obj["metadata"]["uid"]):
            raise Conflict("it is another")
        gone, self.obj = self.obj is not None, None
        return gone

    def _keep(self, obj: Obj) -> Obj:
        self.version += 1
        kept: Obj = json.loads(json.dumps(obj))
        kept["metadata"] |= {"resourceVersion": str(self.version), "uid": self.uid}
        self.obj = kept
        return kept


@pytest.fixture
def store() -> Any:
    return Store()


def begun(store: Any) -> Journal:
    journal = Journal("upgrade", "istio-system", "journal", state={"stage": "canary"}, run="r1")
    journal.save(store)
    return journal


def loaded(store: Any) -> Journal:
    found = Journal.load(store, "istio-system", "journal")
    assert found is not None
    return found


def test_what_is_saved_is_loaded(store: Any) -> None:
    journal = begun(store)
    journal.note("the canary is up")
    journal.expire_in(3600)
    journal.save(store)
    found = loaded(store)
    assert found == journal
    assert found.state == {"stage": "canary"}
    assert [event["what"] for event in found.events] == ["the canary is up"]
    assert "@" in found.who
    meta = store.obj["metadata"]
    assert meta["labels"] == {"app.kubernetes.io/managed-by": "meshwright", "meshwright.io/journal": "upgrade"}
    assert meta["annotations"]["meshwright.io/run"] == "r1"
    assert not found.expired


def test_there_may_be_none(store: Any) -> None:
    assert Journal.load(store, "istio-system", "journal") is None


def test_another_runs_write_is_not_overwritten(store: Any) -> None:
    ours, theirs = begun(store), loaded(store)
    theirs.state["stage"] = "shift"
    theirs.save(store)
    ours.state["stage"] = "return"
    with pytest.raises(GuardRefused, match="Another run changed the journal ConfigMap istio-system/journal"):
        ours.save(store)
    assert loaded(store).state == {"stage": "shift"}


def test_two_runs_cannot_both_begin(store: Any) -> None:
    begun(store)
    with pytest.raises(GuardRefused, match="Another run"):
        begun(store)


def test_one_that_was_deleted_is_not_made_anew(store: Any) -> None:
    journal = begun(store)
    loaded(store).delete(store)
    with pytest.raises(GuardRefused, match="Another run"):
        journal.save(store)
    assert store.obj is None


def test_the_one_that_took_its_place_is_not_deleted(store: Any) -> None:
    ours = begun(store)
    loaded(store).delete(store)
    store.uid = "second"
    begun(store)
    with pytest.raises(GuardRefused, match="is another than the one this run read"):
        ours.delete(store)
    assert loaded(store).uid == "second"


def test_a_write_whose_answer_was_lost_is_known_again(store: Any) -> None:
    journal = begun(store)
    store.answers = False
    journal.state["stage"] = "gate"
    journal.save(store)
    store.answers = True
    journal.save(store)
    assert loaded(store).state == {"stage": "gate"}


def test_the_last_fifty_events_are_kept(store: Any) -> None:
    journal = begun(store)
    for number in range(60):
        journal.note(f"event {number}")
    journal.save(store)
    kept = [event["what"] for event in loaded(store).events]
    assert (len(kept), kept[0], kept[-1]) == (50, "event 10", "event 59")


def test_one_too_large_names_its_largest_part(store: Any) -> None:
    journal = begun(store)
    journal.state |= {"small": 1, "namespaces": ["x" * 60] * 20_000}
    with pytest.raises(BadInput, match=r"would be \d+ bytes.*namespaces"):
        journal.save(store)
    assert loaded(store).state == {"stage": "canary"}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "it has no 'journal.json'"),
        ({"journal.json": "{"}, "Expecting"),
        ({"journal.json": "[]"}, "list indices"),
        ({"journal.json": '{"format": 9}'}, "it has format 9"),
        ({"journal.json": '{"format": 1, "operation": "upgrade", "id": "x", "events": []}'}, "it has no 'state'"),
        ({"journal.json": '{"format": 1, "operation": "u", "id": "x", "events": [], "state": 3}'}, "another type"),
        ({"journal.json": '{"format": 1, "operation": 7, "id": "x", "events": [], "state": {}}'}, "no text"),
    ],
)
def test_one_that_cannot_be_understood_is_named(store: Any, data: Obj, why: str) -> None:
    store.obj = {"metadata": {"name": "journal", "namespace": "istio-system"}, "data": data}
    with pytest.raises(GuardRefused) as caught:
        Journal.load(store, "istio-system", "journal")
    assert "ConfigMap istio-system/journal cannot be understood" in caught.value.message
    assert why in caught.value.message
    assert "kubectl -n istio-system delete configmap journal" in caught.value.hint


@pytest.mark.parametrize(
    ("expires", "expired"),
    [("", False), ("soon", False), ("2020-01-01T00:00:00Z", True), ("2999-01-01T00:00:00Z", False)],
)
def test_when_it_expires(expires: str, expired: bool) -> None:
    assert Journal("upgrade", "a", "b", expires=expires).expired is expired


def test_an_operation_keeps_its_id_and_another_gets_its_own(store: Any) -> None:
    journal = begun(store)
    assert loaded(store).id == journal.id
    assert Journal("upgrade", "a", "b").id != journal.id
