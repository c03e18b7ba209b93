# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was recorded of genuine broken meshes is explained as what really happened there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain.answer import explain
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain.model import Explanation
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source
from ansible_collections.meshwright.istio.plugins.module_utils._intent.explain import question_of

from ..snapshots import FIXTURES, recorded
from .world import World, pod, step_of


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES.parent / "explain" / f"recorded-{name}.json").read_text())
    return found


def seen(mesh: str, name: str) -> Snapshot:
    """The mesh's own parts as one fixture has them, and what the other adds."""
    lists: dict[str, Any] = {key: [] for key in World().lists}
    lists.update(recorded(mesh))
    lists.update({key: value for key, value in fixture(name).items() if isinstance(value, list)})
    if name in ("strict-blocked", "l4-deny"):
        # The recording has no object of the client outside of the mesh: ztunnel's words name it.
        lists["pods"] = [
            *lists["pods"],
            *recorded(mesh)["component_pods"],
            pod("plain", "client", spec={"nodeName": "node-01"}),
        ]
    lists.pop("istiod_sync", None)
    found = {key: Source(key, tuple(value)) for key, value in lists.items()}
    return Snapshot(
        {
            **found,
            "sail_ztunnels": Source("sail_ztunnels", served=False),
            "sail_revisions": Source("sail_revisions", served=False),
        }
    )


def ask(mesh: str, name: str, **params: str) -> Explanation:
    return explain(seen(mesh, name), question_of({key.rstrip("_"): value for key, value in params.items()}))


class TestWrongClusterName:
    """A ztunnel that claims another cluster."""

    @pytest.mark.parametrize(
        ("mesh", "name"),
        [("ztunnel-never-ready", "wrong-cluster-name"), ("ztunnel-rollout-stuck", "wrong-cluster-name-rollout-stuck")],
    )
    def test_of_the_ztunnel(self, mesh: str, name: str) -> None:
        found = ask(mesh, name, pod="istio-system/ztunnel")
        assert found.broken_at == "cluster", found.lines()
        assert 'claims to be in cluster "wrong-cluster"' in found.summary
        assert "client claims to be in cluster" in step_of(found, "refused").text
        assert any("authentication failure" in line for line in step_of(found, "ready").evidence)

    def test_an_update_that_is_stuck_looks_ready(self) -> None:
        found = ask("ztunnel-rollout-stuck", "wrong-cluster-name-rollout-stuck", pod="istio-system/ztunnel")
        assert "although it looks ready" in step_of(found, "update").text


class TestStrict:
    def test_a_client_outside_is_refused(self) -> None:
        assert (
            "explicitly denied by: istio-system/istio_converted_static_strict" in fixture("strict-blocked")["seen"][0]
        )
        found = ask("healthy-ambient", "strict-blocked", from_="plain/client", to="amb/echo")
        assert found.broken_at == "mtls", found.lines()
        assert "PeerAuthentication amb/default refuses it (STRICT)" in found.summary

    def test_a_client_inside_is_not(self) -> None:
        found = ask("healthy-ambient", "strict-blocked", from_="amb/client", to="amb/echo")
        assert found.broken_at == "", found.lines()


class TestDeny:
    def test_the_client_that_is_named(self) -> None:
        assert "explicitly denied by: amb/l4-deny" in fixture("l4-deny")["seen"][0]
        found = ask("healthy-ambient", "l4-deny", from_="amb/client", to="amb/echo:80")
        assert found.broken_at == "authorization", found.lines()
        assert "AuthorizationPolicy amb/l4-deny denies cluster.local/ns/amb/sa/client" in found.summary

    def test_another_is_not_meant(self) -> None:
        found = ask("healthy-ambient", "l4-deny", from_="plain/client", to="amb/echo:80")
        assert found.broken_at == "", found.lines()
