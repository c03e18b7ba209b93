# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays a recording of the genuine Sail Operator against the simulated one, and compares.

A trimmed recording (tests/fixtures/sail) has steps: what was applied, deleted, labelled or refused, then every state of
the operator's objects in order, what was gone, and what there was in the cluster at the end. Timing differs, and so do
the moments between two states: a real istiod takes seconds to get ready, and there are three nodes. So compared are

- what each step ends in: every object's state, conditions with messages, generation seen, other fields; what went;
- what comes before: each condition must be one that the genuine operator has, and states come in the recorded order;
- the inventory: what the operator installed, by name, and where ztunnel was pointed.
"""

from __future__ import annotations

import copy
import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.harness.api import MERGE, Api, ApiError
from tests.harness.state import CHECKOUT

from .support import PATIENCE, Site

Object = dict[str, Any]
Key = tuple[str, str]
FIXTURES = CHECKOUT / "tests" / "fixtures" / "sail"
GROUP = "/apis/sailoperator.io/v1"
KINDS = {
    "Istio": "istios",
    "IstioRevision": "istiorevisions",
    "IstioRevisionTag": "istiorevisiontags",
    "IstioCNI": "istiocnis",
    "ZTunnel": "ztunnels",
}
ELSEWHERE = {"v1.31.0-beta.1": "v1.29.6"}
"""Versions of the recordings that no operator here has, and what stands for them."""
STAND_IN = "harness.meshwright.io/stand-in"
INVENTORY = {
    "deployments": "/apis/apps/v1/deployments",
    "daemonsets": "/apis/apps/v1/daemonsets",
    "services": "/api/v1/services",
    "configmaps": "/api/v1/configmaps",
    "mutating": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "validating": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}


def load(name: str) -> list[Object]:
    """The steps of a trimmed recording, with versions that are known here."""
    text = (FIXTURES / f"{name}.json").read_text()
    for old, new in ELSEWHERE.items():
        text = text.replace(old, new).replace(old.replace(".", "-"), new.replace(".", "-"))
    return list(json.loads(text)["steps"])


def recordings() -> list[str]:
    return sorted(path.stem for path in FIXTURES.glob("*.json"))


def vocabulary() -> set[tuple[str, str, str, str]]:
    """(kind, condition, status, reason) of all recordings."""
    rows = [(name, row) for name in recordings() for step in load(name) for row in step.get("states", ())]
    return {(row["kind"], *condition[:3]) for _name, row in rows for condition in row["conditions"]}


def summary(item: Object) -> Object:
    """An object as a row of a recording."""
    status = item.get("status") or {}
    conditions = [
        [each["type"], each["status"], each.get("reason", ""), each.get("message", "")]
        for each in status.get("conditions", ())
    ]
    other = {k: v for k, v in status.items() if k not in ("conditions", "state", "observedGeneration")}
    return {
        "kind": item["kind"],
        "name": item["metadata"]["name"],
        "observed": status.get("observedGeneration"),
        "state": status.get("state", ""),
        "conditions": conditions,
        "fields": other,
    }


def compared(row: Object) -> Object:
    """What of a recorded row is compared with an object's summary."""
    return {name: row.get(name, {}) for name in ("kind", "name", "observed", "state", "conditions", "fields")}


def in_order(wanted: list[str], states: list[str]) -> bool:
    """Whether `wanted` come in `states` in this order, whatever lies between."""
    rest = iter(states)
    return all(each in rest for each in wanted)


@dataclass
class Observer:
    """Watches the operator's kinds, and keeps every state that it sees."""

    api: Api
    rows: list[Object] = field(default_factory=list)
    objects: dict[Key, Object] = field(default_factory=dict)

    def start(self) -> None:
        for kind, plural in KINDS.items():
            listed = self.api.request("GET", f"{GROUP}/{plural}")
            assert not listed["items"], (
                f"left by another test: {[each['metadata']['name'] for each in listed['items']]}"
            )
            version = listed["metadata"]["resourceVersion"]
            threading.Thread(target=self._watch, args=(kind, plural, version), daemon=True).start()

    def _watch(self, kind: str, plural: str, version: str) -> None:
        for event in self.api.watch(f"{GROUP}/{plural}", version):
            item = event["object"]
            if event["type"] == "BOOKMARK":
                continue
            key = (kind, item["metadata"]["name"])
            if event["type"] == "DELETED":
                self.objects.pop(key, None)
                continue
            self.objects[key] = item
            row = summary(item)
            if not self.rows or self.rows[-1] != row:
                self.rows.append(row)


@dataclass
class Replay:
    """One recording, step by step, on a cluster with the operator and the namespaces of the recordings."""

    site: Site
    name: str
    grace: int | None = None
    """Seconds to wait for before pruning, instead of the recorded ones."""
    observer: Observer = field(init=False)
    expected: dict[Key, Object] = field(default_factory=dict)

    def run(self) -> None:
        self.observer = Observer(self.site.api)
        self.observer.start()
        known = vocabulary()
        for step in load(self.name):
            seen = len(self.observer.rows)
            self._act(step)
            for row in step.get("states", ()):
                self.expected[row["kind"], row["name"]] = row
            for kind, name in step.get("gone", ()):
                self.expected.pop((kind, name), None)
            self._settle(step)
            self._check_transitions(step, self.observer.rows[seen:], known)
            if "inventory" in step:
                self._check_inventory(step)

    def _write(self, kind: str, name: str, spec: Object) -> None:
        """Make the object's spec this one, as a person would who edits all of it. Errors: ApiError."""
        spec = copy.deepcopy(spec)
        strategy = spec.get("updateStrategy") or {}
        if self.grace is not None and "inactiveRevisionDeletionGracePeriodSeconds" in strategy:
            strategy["inactiveRevisionDeletionGracePeriodSeconds"] = self.grace
        collection = f"{GROUP}/{KINDS[kind]}"
        query = {"fieldValidation": "Strict"}
        while True:
            found = self.site.api.get(f"{collection}/{name}")
            if found is None:
                body = {"apiVersion": "sailoperator.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
                self.site.api.request("POST", collection, body, query=query)
                return
            try:
                self.site.api.request("PUT", f"{collection}/{name}", {**found, "spec": spec}, query=query)
            except ApiError as error:
                if error.code != 409:
                    raise
            else:
                return

    def _act(self, step: Object) -> None:
        for each in step.get("apply", ()):
            self._write(**each)
        for kind, name in step.get("delete", ()):
            self.site.api.delete(f"{GROUP}/{KINDS[kind]}/{name}")
        if "label" in step:
            body = {"metadata": {"labels": step["label"]}}
            self.site.api.request("PATCH", "/api/v1/namespaces/default", body, content_type=MERGE)
        if refused := step.get("refused"):
            with pytest.raises(ApiError) as raised:
                self._write(refused["kind"], refused["name"], refused["spec"])
            assert all(words in str(raised.value) for words in refused["words"]), step["what"]

    def _settle(self, step: Object) -> None:
        deadline = time.monotonic() + PATIENCE
        wanted = {key: compared(row) for key, row in self.expected.items()}
        while True:
            now = {key: summary(item) for key, item in dict(self.observer.objects).items()}
            if now == wanted:
                return
            if time.monotonic() > deadline:
                wrong = {
                    key: (now.get(key), wanted.get(key)) for key in now | wanted if now.get(key) != wanted.get(key)
                }
                lines = [
                    f"{key}:\n  is     {is_now}\n  wanted {as_wanted}" for key, (is_now, as_wanted) in wrong.items()
                ]
                raise AssertionError(f"{self.name}, {step['what']}:\n" + "\n".join(lines))
            time.sleep(0.1)

    def _check_transitions(self, step: Object, rows: list[Object], known: set[tuple[str, str, str, str]]) -> None:
        recorded: dict[Key, list[str]] = {}
        # A state without conditions is that of an object which the operator has not seen yet.
        for row in (each for each in step.get("states", ()) if each["conditions"]):
            recorded.setdefault((row["kind"], row["name"]), []).append(row["state"])
        ours: dict[Key, list[str]] = {}
        for row in (each for each in rows if each["conditions"]):
            ours.setdefault((row["kind"], row["name"]), []).append(row["state"])
            new = {(row["kind"], *each[:3]) for each in row["conditions"]} - known
            assert not new, f"{step['what']}: the genuine operator was never seen with {new}"
        for key, states in recorded.items():
            here = ours.get(key, [])
            both = [state for state, _same in itertools.groupby(each for each in states if each in here)]
            assert in_order(both, here), f"{step['what']}: {key} went {here}, recorded {states}"
            if "" in states:
                assert "" in here, f"{step['what']}: {key} was never without a state"

    def _inventory(self) -> dict[str, set[str]]:
        """What the operator installed, by name; the stand-in build's own extras left out."""
        query = {"labelSelector": f"managed-by=sail-operator,!{STAND_IN}"}
        found = {}
        for name, path in INVENTORY.items():
            items = [each["metadata"] for each in self.site.api.request("GET", path, query=query)["items"]]
            found[name] = {"/".join(filter(None, [each.get("namespace"), each["name"]])) for each in items}
        return found

    def _check_inventory(self, step: Object) -> None:
        wanted = step["inventory"]
        assert self._inventory() == {name: set(wanted[name]) for name in INVENTORY}, step["what"]
        daemon_set = self.site.api.get("/apis/apps/v1/namespaces/ztunnel/daemonsets/ztunnel")
        found = []
        if daemon_set is not None:
            template = daemon_set["spec"]["template"]
            entries = template["spec"]["containers"][0]["env"]
            env = {each["name"]: each["value"] for each in entries if "value" in each}
            names = wanted["ztunnel"][0]["env"] if wanted["ztunnel"] else ()
            revision = template["metadata"].get("annotations", {}).get("istio.io/rev")
            found = [{"env": {name: env.get(name) for name in names}, "revision": revision}]
        assert found == wanted["ztunnel"], step["what"]


def clear(site: Site) -> None:
    """Delete all that a replay leaves, in the order that leaves nothing behind."""
    api = site.api
    api.request(
        "PATCH", "/api/v1/namespaces/default", {"metadata": {"labels": {"istio.io/rev": None}}}, content_type=MERGE
    )
    for kind in ("IstioRevisionTag", "ZTunnel", "IstioCNI", "Istio", "IstioRevision"):
        path = f"{GROUP}/{KINDS[kind]}"
        for item in api.request("GET", path)["items"]:
            api.delete(f"{path}/{item['metadata']['name']}")
        deadline = time.monotonic() + PATIENCE
        while left := [each["metadata"]["name"] for each in api.request("GET", path)["items"]]:
            assert time.monotonic() < deadline, f"{kind} {left} still there"
            time.sleep(0.1)
