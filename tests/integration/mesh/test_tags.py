# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags and the alias by Helm: made, moved while validation goes on, mended, kept from going while in use."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import BY_REVISIONS, Mesh, steps
from .test_faults import failed
from .test_revisions import asked_by

BAD = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "bad", "namespace": "default"},
    "spec": {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "a"}, "weight": -3}]}]},
}
NOWHERE: dict[str, Any] = {"helm_binary": "/nowhere/helm", "charts": {"repository": "http://127.0.0.1:1/charts"}}


def tags_of(mesh: Mesh) -> dict[str, str]:
    found = mesh.kubectl.json("get", "mutatingwebhookconfigurations", "-l", "istio.io/tag")["items"]
    labels = [obj["metadata"]["labels"] for obj in found]
    return {each["istio.io/tag"]: each["istio.io/rev"] for each in labels}


def selector_of(mesh: Mesh, service: str) -> str:
    return str(mesh.kubectl.json("get", "service", service, "-n", "istio-system")["spec"]["selector"]["istio.io/rev"])


@pytest.fixture
def both(revisioned: Mesh) -> Mesh:
    """A mesh with a canary beside it."""
    revisioned(**BY_REVISIONS, version=revisioned.cluster.versions["next"]).ok()
    return revisioned


class Asking:
    """Keeps asking the server to admit a bad VirtualService, and notes each answer that is no rejection by istiod."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh, self._stop = mesh, threading.Event()
        self.answers = 0
        self.lapses: list[str] = []
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self._mesh.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(BAD))
                self.lapses.append("admitted")
            except AssertionError as error:
                if "weight -3 < 0" not in str(error):
                    self.lapses.append(str(error))
            self.answers += 1

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()


def test_tags_are_made_moved_and_removed(both: Mesh) -> None:
    old, new = both.revision(), both.revision("next")
    wanted: list[dict[str, Any]] = [{"name": "prod"}, {"name": "early", "revision": new}]
    predicted = both(check=True, diff=True, **BY_REVISIONS, tags=wanted).ok()
    assert {name for name, step in steps(predicted).items() if step["action"] == "create"} == {"tag/prod", "tag/early"}
    assert tags_of(both) == {"default": old}
    made = both(**BY_REVISIONS, tags=wanted).ok()
    assert made.result["mesh"]["tags"] == tags_of(both) == {"default": old, "prod": old, "early": new}
    assert both(check=True, **BY_REVISIONS, tags=wanted).ok().changed == 0
    assert both(**BY_REVISIONS, tags=wanted, **NOWHERE).ok().changed == 0
    assert selector_of(both, "istiod-revision-tag-prod") == old

    failed(both(**BY_REVISIONS, tags=[{"name": "prod", "revision": "none"}]), "BadInput", "prod", old, new)

    # The default tag and its validator move to what answers already, and are never without an istiod behind them.
    moving = [{"name": "default", "revision": new}, {"name": "prod", "revision": new}]
    predicted = both(check=True, **BY_REVISIONS, tags=moving).ok()
    assert f"from {old} to {new}" in steps(predicted)["tag/default"]["reason"]
    assert steps(predicted)["release/istio-base default revision"]["predicted_by"] == "server"
    with Asking(both) as asking:
        moved = both(**BY_REVISIONS, tags=moving).ok()
    assert asking.answers > 5 and asking.lapses == []
    assert moved.result["mesh"]["tags"] == tags_of(both) == {"default": new, "prod": new, "early": new}
    assert asked_by(both, "validatingwebhookconfiguration", "istiod-default-validator") == {f"istiod-{new}"}
    assert asked_by(both, "mutatingwebhookconfiguration", "istio-revision-tag-prod") == {f"istiod-{new}"}
    assert selector_of(both, "istiod-revision-tag-prod") == new
    assert both(**BY_REVISIONS, tags=moving).ok().changed == 0
    # What is not listed stays where it is.
    assert both(**BY_REVISIONS).ok().changed == 0

    gone = [{"name": "prod", "state": "absent"}, {"name": "early", "state": "absent"}]
    both.kubectl("create", "namespace", "tagged")
    both.kubectl("label", "namespace", "tagged", "istio.io/rev=prod")
    try:
        failed(both(check=True, **BY_REVISIONS, tags=gone), "GuardRefused", "prod", "Namespace tagged")
    finally:
        both.kubectl("delete", "namespace", "tagged")
    assert both(check=True, **BY_REVISIONS, tags=gone).ok().changed == 1
    both(**BY_REVISIONS, tags=gone).ok()
    assert tags_of(both).keys() == {"default"}
    assert not [name for name in both.inventory() if "-tag-" in name and not name.endswith("-default")]
    assert both(**BY_REVISIONS, tags=gone).ok().changed == 0


def test_a_tag_edited_by_hand_is_mended_without_helm(revisioned: Mesh) -> None:
    revision = revisioned.revision()
    patch = '[{"op": "remove", "path": "/webhooks/0/objectSelector"}, {"op": "remove", "path": "/webhooks/1"}]'
    name = "istio-revision-tag-default"
    revisioned.kubectl("patch", "mutatingwebhookconfiguration", name, "--type=json", "-p", patch)
    revisioned.kubectl("delete", "service", "istiod-revision-tag-default", "-n", "istio-system")
    predicted = revisioned(check=True, diff=True, **BY_REVISIONS, **NOWHERE).ok()
    assert steps(predicted)["tag/default"]["action"] == "repair"
    assert revisioned(**BY_REVISIONS, **NOWHERE).ok().changed == 1
    webhooks = revisioned.kubectl.json("get", "mutatingwebhookconfiguration", name)["webhooks"]
    assert len(webhooks) == 4 and webhooks[0]["objectSelector"]["matchExpressions"]
    assert selector_of(revisioned, "istiod-revision-tag-default") == revision
    assert revisioned(**BY_REVISIONS).ok().changed == 0


@pytest.fixture
def own_service(revisioned: Mesh) -> Iterator[Mesh]:
    """The mesh with a Service `istiod` that somebody made."""
    revisioned.kubectl("create", "service", "clusterip", "istiod", "-n", "istio-system", "--tcp=15012")
    yield revisioned
    revisioned.kubectl("delete", "service", "istiod", "-n", "istio-system", "--ignore-not-found")


def test_a_service_of_somebody_else_is_no_alias(own_service: Mesh) -> None:
    failed(own_service(**BY_REVISIONS, istiod_alias=True), "GuardRefused", "Service istio-system/istiod")
    assert own_service(**BY_REVISIONS).ok().changed == 0


def test_the_alias_leads_to_the_revision_in_use(revisioned: Mesh) -> None:
    wanted = {**BY_REVISIONS, "istiod_alias": True}
    assert steps(revisioned(check=True, **wanted).ok())["alias"]["action"] == "create"
    revisioned(**wanted).ok()
    assert selector_of(revisioned, "istiod") == revisioned.revision()
    assert revisioned(**wanted, **NOWHERE).ok().changed == 0
    assert steps(revisioned(**BY_REVISIONS).ok())["alias"]["action"] == "delete"
    assert "service/istiod\n" not in revisioned.kubectl("get", "service", "-n", "istio-system", "-o", "name")
