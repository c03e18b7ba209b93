# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policy, Services, root certificates, journals, mesh configurations and remote Secrets in a snapshot."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks import sources
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment import record
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.snapshot_policy import JOURNAL

from .memory import Memory, take


def istiod(name: str = "istiod", revision: str = "default", namespace: str = "mesh") -> dict[str, Any]:
    labels = {"app": "istiod", "istio.io/rev": revision}
    template = {"spec": {"containers": [{"name": "discovery", "image": "pilot:1.31.1"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"kind": "Deployment", "metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": spec}


def config(name: str, text: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "mesh", "managedFields": []}, "data": {"mesh": text}}


def test_every_kind_has_a_source_of_its_own() -> None:
    seen = take(Memory(), *sources.OF_KIND.values())
    assert all(seen.sources[name].served is False for name in sources.OF_KIND.values())


def test_a_kind_is_read_in_the_version_that_is_served() -> None:
    memory = Memory(
        {"api": ["gateway.networking.k8s.io/v1alpha2/TCPRoute"], "tcproutes": [{"metadata": {"name": "a"}}]}
    )
    assert len(take(memory, "tcp_routes").items("tcp_routes")) == 1
    newer = Memory({"api": ["gateway.networking.k8s.io/v1/TCPRoute"], "tcproutes": [{"metadata": {"name": "a"}}]})
    assert len(take(newer, "tcp_routes").items("tcp_routes")) == 1


def test_kinds_of_one_name_are_told_apart() -> None:
    seen = take(Memory({"api": ["networking.istio.io/v1/Gateway"], "gateways": [{}]}), "gateways", "istio_gateways")
    assert (seen.served("gateways"), seen.served("istio_gateways")) == (False, True)


def test_objects_come_without_who_wrote_them() -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "x"}
    service = {"metadata": {"name": "a", "managedFields": [1], "annotations": applied}, "spec": {}, "status": {}}
    found = take(Memory({"services": [service]}), sources.ALL_SERVICES).items(sources.ALL_SERVICES)
    assert found == ({"metadata": {"name": "a", "annotations": {"kept": "x"}}, "spec": {}, "status": {}},)


def test_services_of_the_mesh_are_taken_out_of_all() -> None:
    mine, other = ({"metadata": {"name": "a", "namespace": name}} for name in ("mesh", "shop"))
    memory = Memory({"deployments": [istiod()], "services": [mine, other]})
    seen = take(memory, "services", sources.ALL_SERVICES)
    assert seen.items("services") == (mine,)
    assert [place for place in memory.asked if place.startswith("services")] == ["services"]


def test_root_certificates_that_are_the_same_are_kept_once() -> None:
    maps = [
        {"metadata": {"name": "istio-ca-root-cert", "namespace": name, "uid": "u"}, "data": {"root-cert.pem": pem}}
        for name, pem in (("a", "".join(["P", "EM"])), ("b", "".join(["PE", "M"])))
    ]
    first, second = take(Memory({"configmaps": maps}), sources.ROOT_CERTIFICATES).items(sources.ROOT_CERTIFICATES)
    assert first["metadata"] == {"name": "istio-ca-root-cert", "namespace": "a"}
    assert first["data"]["root-cert.pem"] is second["data"]["root-cert.pem"]


def test_journals_have_the_name_that_moves_give_them() -> None:
    assert record.NAME == JOURNAL


class TestMeshConfigs:
    def test_each_control_planes_own(self) -> None:
        memory = Memory({"deployments": [istiod(), istiod("istiod-next", "next")]})
        memory.objects["configmaps@mesh"] = [
            config("istio", "trustDomain: home"),
            config("istio-next", "{}"),
            config("istio-old", "{}"),
        ]
        found = take(memory, sources.MESH_CONFIGS).items(sources.MESH_CONFIGS)
        assert [(item["revision"], item["mesh"]) for item in found] == [
            ("default", {"trustDomain": "home"}),
            ("next", {}),
        ]
        assert found[0]["metadata"] == {"name": "istio", "namespace": "mesh"}

    def test_without_one(self) -> None:
        assert take(Memory({"deployments": [istiod()]}), sources.MESH_CONFIGS).items(sources.MESH_CONFIGS) == ()

    @pytest.mark.parametrize("text", ["[1]", "a: [", "just words"])
    def test_one_that_cannot_be_understood(self, text: str) -> None:
        memory = Memory({"deployments": [istiod()], "configmaps@mesh": [config("istio", text)]})
        error = take(memory, sources.MESH_CONFIGS).sources[sources.MESH_CONFIGS].error
        assert error.startswith("The mesh configuration in ConfigMap mesh/istio is no YAML mapping")


def test_remote_secrets_are_looked_for_where_istiod_does() -> None:
    memory = Memory({"deployments": [istiod()], "secrets@mesh": [{"metadata": {"name": "remote"}}]})
    seen = take(memory, sources.REMOTE_SECRETS)
    assert [place for place in memory.asked if place.startswith("secrets")] == ["secrets@mesh"]
    assert len(seen.items(sources.REMOTE_SECRETS)) == 1


def test_without_inside_nobody_is_talked_to() -> None:
    assert set(take(Memory(), "crds", *sources.INSIDE, inside=False).sources) == {"crds"}
