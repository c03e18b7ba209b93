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
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.snapshot_inside_parse import sync
from ansible_collections.meshwright.istio.plugins.module_utils._intent.explain import question_of

from ..snapshots import FIXTURES, recorded
from .world import World, namespace, pod, step_of


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


def of_namespace(name: str, **params: str) -> Explanation:
    """A recorded mesh of which only the namespace amb was kept."""
    lists: dict[str, Any] = {key: [] for key in World().lists}
    base = recorded("healthy-ambient")
    for key in ("istiods", "daemonsets", "nodes", "component_pods", "mutating_webhooks", "services", "endpoint_slices"):
        lists[key] = base[key]
    lists.update(recorded(name))
    lists["pods"] = [*lists["pods"], *base["component_pods"]]
    for key in ("istiod_sync", "ztunnel_dumps", "explained_endpoints"):
        lists.pop(key, None)
    found = {key: Source(key, tuple(value)) for key, value in lists.items()}
    unserved = {key: Source(key, served=False) for key in ("sail_ztunnels", "sail_revisions")}
    return explain(
        Snapshot({**found, **unserved}), question_of({key.rstrip("_"): value for key, value in params.items()})
    )


class TestWaypoint:
    """By the label of its Service, or of its namespace."""

    WAY = {"from_": "amb/client", "to": "amb/echo:80"}

    @pytest.mark.parametrize(
        ("name", "broken", "words"),
        [
            ("recorded-waypoint-missing", "waypoint", "does not exist"),
            ("recorded-waypoint-missing-with-l7-policy", "waypoint", "does not exist"),
            ("recorded-waypoint-zero-pods", "waypoint", "no ready pod"),
        ],
    )
    def test_that_is_broken(self, name: str, broken: str, words: str) -> None:
        found = of_namespace(name, **self.WAY)
        assert found.broken_at == broken, found.lines()
        assert words in found.summary

    def test_that_stands(self) -> None:
        found = of_namespace("recorded-healthy-waypoint", **self.WAY)
        assert found.broken_at == "", found.lines()
        assert step_of(found, "goes-by").status == "ok"

    @pytest.mark.parametrize(
        ("name", "broken"),
        [("recorded-l7-deny-without-waypoint", ""), ("recorded-l7-allow-without-waypoint", "authorization")],
    )
    def test_policies_of_http_without_one(self, name: str, broken: str) -> None:
        """The DENY let all pass, the ALLOW refused all."""
        found = of_namespace(name, **self.WAY)
        assert found.broken_at == broken, found.lines()
        assert any("ztunnel knows nothing of HTTP" in step.text for step in found.steps)


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


class TestReject:
    """A sidecar that rejects what istiod sent: the running one keeps what it has, a new one never gets ready."""

    @pytest.mark.parametrize("name", ["syncz-xds-reject", "syncz-xds-reject-running-pod"])
    def test_it_is_told(self, name: str) -> None:
        proxies = sync((FIXTURES.parent / "istiod" / f"{name}.json").read_bytes())["proxies"]
        one = next(proxy for proxy in proxies if any(each["error"] for each in proxy["types"]))
        pod_name, _dot, space = one["id"].partition(".")
        world = World().add("namespaces", namespace(space, **{"istio-injection": "enabled"}))
        found = pod(space, "echo", "sidecar")
        found["metadata"]["name"] = pod_name
        world.add("pods", found)
        certificate = {"name": "istio-ca-root-cert", "namespace": space}
        world.add("root_certificates", {"metadata": certificate, "data": {"root-cert.pem": "one"}})
        world.lists["istiod_sync"][0]["proxies"] = proxies
        step = world.broken("accepts", pod=f"{space}/{pod_name}")
        assert "rejects its" in step.text


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
