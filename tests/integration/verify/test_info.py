# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mesh_info on a real istiod: a namespace of each mode, a waypoint, a tag; used as playbooks use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.info import info
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Unreachable
from ansible_collections.meshwright.istio.plugins.module_utils._intent.info import InfoIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from ..support import modules
from ..support.embedded import Embedded
from ..support.playbook import Playbooks
from .ground import Ground, deployment, one, service
from .test_revisions import tag_objects

INFO = "meshwright.istio.mesh_info"
TAG = "info-tag"


class Shop:
    """What these tests look at: an ambient namespace behind a waypoint, one with sidecars by a tag, one outside."""

    def __init__(self, mesh: Embedded) -> None:
        self.ground = Ground(mesh)
        # without a name the chart means the revision default, whose Service is istiod
        self.tag = tag_objects(mesh, TAG, "")
        self.names: list[str] = []

    def make(self) -> None:
        self.ground.kubectl("apply", "-f", "-", stdin=self.tag)
        self.ambient = self.ground.namespace("ambient", **{"istio.io/use-waypoint": "waypoint"})
        listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
        self.ground.apply(
            one(
                "gateway.networking.k8s.io/v1",
                "Gateway",
                self.ambient,
                "waypoint",
                {"gatewayClassName": "istio-waypoint", "listeners": [listener]},
                labels={"istio.io/waypoint-for": "all"},
            ),
            one("security.istio.io/v1", "PeerAuthentication", self.ambient, "default", {"mtls": {"mode": "STRICT"}}),
            service(self.ambient),
            deployment(self.ambient, replicas=2),
        )
        self.sidecar = self.ground.namespace("none", **{"istio.io/rev": TAG})
        self.ground.apply(deployment(self.sidecar))
        self.outside = self.ground.namespace()
        self.ground.apply(deployment(self.outside))
        self.names = [self.ambient, self.sidecar, self.outside]
        self.ground.until(self._settled, "the waypoint's pod is ready and proxies are connected")

    def info(self, **params: Any) -> dict[str, Any]:
        found: dict[str, Any] = info(self.ground.client(), InfoIntent.from_params(params))
        return found

    def mesh(self, **params: Any) -> dict[str, Any]:
        """The mesh as these namespaces have it."""
        found: dict[str, Any] = self.info(**{"namespaces": self.names, **params})["mesh"]
        return found

    def _settled(self) -> bool:
        shown = self.mesh(gather=["gateways", "namespaces", "proxies"])
        captured = [entry["captured"] for entry in shown["namespaces"] if entry["name"] == self.ambient]
        ready = [entry for entry in shown["gateways"] if entry["programmed"] and entry["pods_ready"]]
        proxies = shown["proxies"]
        return captured == [2] and len(ready) == 1 and proxies["connected"] == proxies["synced"] == 2

    def clean(self) -> None:
        self.ground.clean()
        self.ground.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=self.tag)


@pytest.fixture(scope="module")
def shop(mesh: Embedded) -> Iterator[Shop]:
    found = Shop(mesh)
    try:
        found.make()
        yield found
    finally:
        found.clean()


def test_namespaces_of_each_mode(shop: Shop) -> None:
    shown = {entry["name"]: entry for entry in shop.mesh()["namespaces"]}
    assert list(shown) == [*sorted([shop.ambient, shop.sidecar]), shop.outside]
    assert shown[shop.ambient] == {
        "name": shop.ambient,
        "mode": "ambient",
        "revision": None,
        "label": "istio.io/dataplane-mode=ambient",
        "waypoint": f"{shop.ambient}/waypoint",
        "mtls": "strict",
        "pods": 3,
        "sidecars": 0,
        "captured": 2,
        "outside": 0,
        "outdated": 0,
        "policies": {"PeerAuthentication": 1},
    }
    assert shown[shop.sidecar] == {
        "name": shop.sidecar,
        "mode": "sidecar",
        "revision": "default",
        "label": f"istio.io/rev={TAG}",
        "waypoint": None,
        "mtls": "unset",
        "pods": 1,
        "sidecars": 1,
        "captured": 0,
        "outside": 0,
        "outdated": 0,
        "policies": {},
    }
    assert (shown[shop.outside]["mode"], shown[shop.outside]["outside"]) == ("none", 1)


def test_the_rest_of_the_mesh(shop: Shop, mesh: Embedded) -> None:
    found = shop.info(namespaces=shop.names)
    shown, version = found["mesh"], mesh.versions["current"]
    assert (shown["mode"], shown["unread"], found["warnings"]) == ("ambient", {}, [])
    (plane,) = shown["control_planes"]
    assert (plane["version"], plane["ready"], plane["in_use"]) == (version, 1, True)
    assert TAG in plane["tags"]
    assert {"name": TAG, "revision": "default", "namespaces": [shop.sidecar]} in shown["tags"]
    assert {entry["component"]: entry["ready"] for entry in shown["components"]} == {"istio-cni": 3, "ztunnel": 3}
    (waypoint,) = shown["gateways"]
    assert (waypoint["role"], waypoint["for"], waypoint["programmed"], waypoint["pods"]) == ("waypoint", "all", True, 1)
    assert (waypoint["revision"], waypoint["version"]) == ("default", version)
    assert shown["versions"]["proxies"] == {version: 2}
    assert shown["proxies"] == {
        "connected": 2,
        "synced": 2,
        "stale": 0,
        "rejecting": 0,
        "by_type": {"sidecar": 1, "waypoint": 1},
    }
    assert shown["resources"]["total"]["ztunnel"]["proxies"] == 3
    assert shown["resources"]["namespaces"][shop.ambient]["ztunnel_share"]["pods"] == 2
    assert any(entry["what"].startswith("root certificate") for entry in shown["certificates"])
    assert found["cluster"]["context"] == mesh.context


def test_all_namespaces_are_told_without_naming_any(shop: Shop) -> None:
    shown = shop.info(gather=["namespaces"])["mesh"]
    assert set(shop.names) | {"istio-system", "kube-system"} <= {entry["name"] for entry in shown["namespaces"]}
    assert set(shown) == {"namespaces", "namespaces_left_out", "unread"}


def test_no_pod_is_talked_to_without_port_forward(shop: Shop) -> None:
    shown = shop.mesh(port_forward=False, gather=["proxies", "certificates"])
    assert shown["proxies"] == {"unknown": "istiod_sync was not read"}
    assert [entry["what"][:16] for entry in shown["certificates"]] == ["root certificate"]
    assert set(shown["unread"]) == {"istiod_sync", "ztunnel_dumps", "envoy_certificates"}


def test_used_by_a_playbook(shop: Shop, mesh: Embedded, playbook: Playbooks) -> None:
    """Conditions, loops and templates, in check mode and out of it: nothing changes."""
    tasks: list[dict[str, Any]] = [
        {INFO: {"namespaces": shop.names}, "register": "found"},
        {
            "ansible.builtin.assert": {
                "that": [
                    "found.mesh.mode == 'ambient'",
                    "found.mesh.unread == {}",
                    "found.mesh.control_planes | rejectattr('ready', 'ge', 1) | length == 0",
                    "found.mesh.namespaces | selectattr('outdated') | length == 0",
                    "found.mesh.proxies.stale | default(1) == 0",
                ]
            }
        },
        {
            "ansible.builtin.debug": {"msg": "{{ item.name }} is {{ item.mode }}, mTLS {{ item.mtls }}"},
            "loop": "{{ found.mesh.namespaces | selectattr('mode', 'ne', 'none') | list }}",
            "loop_control": {"label": "{{ item.name }}"},
            "when": "found.mesh.policies.PeerAuthentication == 1",
        },
    ]
    for check in (True, False):
        run = playbook(tasks, check=check).ok()
        assert run.changed == 0
        assert f"{shop.ambient} is ambient, mTLS strict" in run.stdout
        assert "ansible_facts" not in run.of("mesh_info")[0]


def test_who_may_see_nothing_is_told_what_is_missing(mesh: Embedded) -> None:
    found = info(modules.client(mesh.kubeconfig, f"{mesh.context}-nobody"), InfoIntent())
    shown = found["mesh"]
    for part in ("mode", "control_planes", "namespaces", "gateways", "resources"):
        assert shown[part] is None, part
    assert shown["proxies"]["unknown"]
    assert "may not list deployments.apps at the cluster scope" in shown["unread"]["istiods"]
    assert len(found["warnings"]) == 1


def test_the_role_of_the_documentation_is_enough(shop: Shop, mesh: Embedded) -> None:
    """Nothing is missing with it, and what it leaves out is."""
    role = next(obj for obj in documented() if obj["kind"] == "ClusterRole")
    reader, name = "info-reader", role["metadata"]["name"]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": reader}],
    }

    def unread() -> dict[str, str]:
        options = ConnectionOptions(kubeconfig=mesh.kubeconfig, context=mesh.context, impersonate_user=reader)
        found: dict[str, str] = info(Client(connect(options), deadline=Deadline(60)), InfoIntent())["mesh"]["unread"]
        return found

    try:
        shop.ground.kubectl.apply(role, binding)
        shop.ground.until(lambda: not unread(), "the role is in force, and enough")
        without = [rule for rule in role["rules"] if "pods/portforward" not in rule["resources"]]
        shop.ground.kubectl.apply({**role, "rules": without})
        shop.ground.until(lambda: set(unread()) == {"istiod_sync", "ztunnel_dumps", "envoy_certificates"}, "less")
    finally:
        shop.ground.kubectl("delete", "clusterrole,clusterrolebinding", name)


def documented() -> list[dict[str, Any]]:
    """The objects in docs/info.md."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "info.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block.partition("```")[0]) for block in text.split("```yaml\n")[1:]]
    return [block for block in blocks if isinstance(block, dict)]


def test_a_server_that_does_not_answer_is_a_failure(mesh: Embedded) -> None:
    away = ConnectionOptions(host="https://127.0.0.1:1")
    with pytest.raises(Unreachable):
        info(Client(connect(away), deadline=Deadline(3)), InfoIntent())
