# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a snapshot of a real API server holds, and how its answers are cut before they are parsed."""

from __future__ import annotations

import json

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks import sources
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot, snapshot_pages
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds

from ..support.embedded import Embedded
from .ground import Ground

_INSIDE = set(sources.INSIDE)


def test_every_source_is_read(mesh: Embedded) -> None:
    seen = snapshot.take(Ground(mesh).client(), snapshot.SOURCES, inside=False)
    assert set(seen.sources) == set(snapshot.SOURCES) - _INSIDE
    assert seen.problems(seen.sources) == {}
    assert seen.unseen(seen.sources) == ""
    # neither Sail nor a metrics server is here, all other kinds are
    unserved = {name for name in seen.sources if not seen.served(name)}
    assert {name for name in unserved if not name.startswith("sail_")} <= {"pod_metrics"}
    there = ("pods", "component_pods", "services", "all_services", "root_certificates", "mesh_configs", "namespaces")
    assert [name for name in there if not seen.items(name)] == []
    assert seen.items("mesh_configs")[0]["mesh"]["rootNamespace"] == "istio-system"
    assert not [item for name in there for item in seen.items(name) if "managedFields" in item.get("metadata", {})]


def test_pods_in_one_list_and_by_label_are_the_same(mesh: Embedded) -> None:
    client, names = Ground(mesh).client(), ("component_pods", "revision_pods")
    whole, apart = snapshot.take(client, ("pods", *names)), snapshot.take(client, names)
    for name in names:
        assert sorted(map(json.dumps, whole.items(name))) == sorted(map(json.dumps, apart.items(name)))
        assert whole.items(name)


def test_managed_fields_stand_where_they_are_looked_for(mesh: Embedded) -> None:
    body = Ground(mesh).client().raw("GET", kinds.POD.path("istio-system")).body
    whole, less = json.loads(body), json.loads(snapshot_pages.without_managed_fields(body))
    assert all("managedFields" in pod["metadata"] for pod in whole["items"])
    for pod in whole["items"]:
        del pod["metadata"]["managedFields"]
    assert less == whole


def test_page_by_page(mesh: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Ground(mesh).client()

    def names() -> list[str]:
        path = kinds.POD.path("istio-system")
        return [str(pod) for pod in snapshot_pages.paged(client, path, "", lambda pod: pod["metadata"]["name"])]

    at_once = names()
    monkeypatch.setattr(snapshot_pages, "_POD_PAGE", 2)
    assert names() == at_once
    assert len(at_once) > 4
