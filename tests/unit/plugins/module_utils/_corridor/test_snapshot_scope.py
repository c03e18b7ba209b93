# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a snapshot looks: everywhere, in the namespaces asked for, or in those that may be read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden

from .memory import Memory, pod, take

API = ["security.istio.io/v1/AuthorizationPolicy", "networking.k8s.io/v1/Ingress"]
POLICY = "authorization_policies"


def space(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {}}}


def policy(namespace: str) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": namespace}}


def service(namespace: str) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": namespace}}


def cluster(spaces: int = 3, **more: Any) -> Memory:
    """Namespaces s0, s1, ... and istio-system, with a Service, a policy and a pod in each."""
    names = [*(f"s{number}" for number in range(spaces)), "istio-system"]
    objects: dict[str, list[Any]] = {"api": API, "namespaces": [space(name) for name in names]}
    for kind, make in (("services", service), ("authorizationpolicies", policy)):
        objects[kind] = [make(name) for name in names]
        objects |= {f"{kind}@{name}": [make(name)] for name in names}
    for name in names:
        item = pod(name)
        item["metadata"]["namespace"] = name
        objects[f"/api/v1/namespaces/{name}/pods?"] = [{"items": [item]}]
    return Memory(objects, **more)


def only(*names: str) -> frozenset[str]:
    return frozenset(names)


def spaces_of(items: Any) -> list[str]:
    return sorted(item["metadata"]["namespace"] for item in items)


class TestAskedFor:
    def test_few_are_read_one_by_one_with_those_of_the_mesh(self) -> None:
        memory = cluster()
        seen = take(memory, "all_services", POLICY, "pods", scope=frozenset({"s1"}))
        for name in ("all_services", POLICY, "pods"):
            source = seen.sources[name]
            assert spaces_of(source.items) == ["istio-system", "s1"]
            assert (source.namespaces, source.unseen, source.error) == (only("istio-system", "s1"), "", "")
        assert "services" not in memory.asked

    def test_where_control_planes_are_is_read_too(self) -> None:
        memory = cluster()
        labels = {"app": "istiod"}
        template = {"spec": {"containers": [{"name": "discovery", "image": "pilot:1.31.1"}]}}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        memory.objects["deployments"] = [
            {"kind": "Deployment", "metadata": {"name": "istiod", "namespace": "s2", "labels": labels}, "spec": spec}
        ]
        seen = take(memory, "all_services", scope=frozenset({"s1"}))
        assert seen.sources["all_services"].namespaces == only("istio-system", "s1", "s2")

    def test_of_many_one_list_is_made_and_the_rest_left_out(self) -> None:
        memory = cluster(30)
        scope = frozenset(f"s{number}" for number in range(20))
        source = take(memory, "all_services", scope=scope).sources["all_services"]
        assert [place for place in memory.asked if place.startswith("services")] == ["services"]
        assert len(source.items) == 21
        assert source.namespaces == scope | {"istio-system"}

    def test_of_many_where_that_is_forbidden_each(self) -> None:
        scope = frozenset(f"s{number}" for number in range(20))
        memory = cluster(30, rights={name: {"services"} for name in (*scope, "istio-system")})
        source = take(memory, "all_services", scope=scope).sources["all_services"]
        assert (len(source.items), source.unseen) == (21, "")

    def test_the_namespaces_are_those(self) -> None:
        seen = take(cluster(), "namespaces", scope=frozenset({"s0"}))
        assert [item["metadata"]["name"] for item in seen.items("namespaces")] == ["s0", "istio-system"]
        assert seen.knows("namespaces", "s0")
        assert not seen.knows("namespaces", "s1")

    def test_namespaces_one_by_one_where_they_may_not_be_listed(self) -> None:
        memory = cluster(rights={"s0": {"*"}})
        memory.errors["list namespaces"] = Forbidden("may not", status=403)
        source = take(memory, "namespaces", scope=frozenset({"s0"})).sources["namespaces"]
        assert [item["metadata"]["name"] for item in source.items] == ["s0"]
        assert (source.namespaces, source.unseen) == (only("s0"), "")

    def test_what_was_asked_for_and_forbidden_is_told(self) -> None:
        memory = cluster(rights={"s0": {"*"}, "istio-system": {"*"}})
        source = take(memory, "all_services", scope=frozenset({"s0", "s1"})).sources["all_services"]
        assert spaces_of(source.items) == ["istio-system", "s0"]
        refused = "Could not list services: user u may not list services in the namespace s1."
        assert source.unseen == f"{refused} Only istio-system, s0 were read."

    def test_of_the_meshs_own_namespace_only_what_counts_everywhere_is_missed(self) -> None:
        seen = take(cluster(rights={"s0": {"*"}}), "all_services", POLICY, scope=frozenset({"s0"}))
        assert seen.unseen(["all_services"]) == ""
        assert "in the namespace istio-system. Only s0 was read." in seen.unseen([POLICY])

    def test_the_mesh_itself_is_looked_for_outside_too(self) -> None:
        memory = cluster()
        memory.objects["daemonsets"] = [{"metadata": {"name": "ztunnel", "namespace": "kube-system"}}]
        source = take(memory, "daemonsets", scope=frozenset({"s0"})).sources["daemonsets"]
        assert (len(source.items), source.namespaces) == (1, None)

    def test_not_to_see_the_mesh_is_told(self) -> None:
        seen = take(cluster(rights={"s0": {"*"}}), "istiods", "daemonsets", scope=frozenset({"s0"}))
        for name in ("istiods", "daemonsets"):
            assert "at the cluster scope. Only s0 was read." in seen.unseen([name])

    def test_whoever_sees_a_control_plane_misses_none(self) -> None:
        memory = cluster(rights={"s0": {"*"}})
        memory.objects["deployments@s0"] = [{"metadata": {"name": "istiod", "namespace": "s0"}}]
        seen = take(memory, "istiods", scope=frozenset({"s0"}))
        assert seen.unseen(["istiods"]) == ""
        assert take(memory, "istiods", fallback=["s0"]).unseen(["istiods"])


class TestForbidden:
    def test_namespace_by_namespace(self) -> None:
        memory = cluster(rights={"s0": {"services", "pods"}, "s2": {"services"}})
        seen = take(memory, "all_services", "pods", POLICY)
        services, pods = seen.sources["all_services"], seen.sources["pods"]
        assert spaces_of(services.items) == ["s0", "s2"]
        assert services.namespaces == only("s0", "s2")
        assert services.unseen == (
            "Could not list services: user u may not list services at the cluster scope. Only s0, s2 were read."
        )
        assert (spaces_of(pods.items), pods.namespaces) == (["s0"], only("s0"))
        # nowhere at all: as before
        assert "may not list authorizationpolicies at the cluster scope" in seen.sources[POLICY].error

    def test_what_is_said_to_be_forbidden_is_not_tried(self) -> None:
        memory = cluster(300, rights={"s0": {"services"}})
        take(memory, "all_services", POLICY, "journals", "pods")
        assert len([place for place in memory.asked if "@" in place]) == 1
        # and each namespace's rights are asked once for all sources
        assert len([place for place in memory.asked if place.startswith("review")]) == 301

    def test_who_is_told_nothing_tries_some(self) -> None:
        memory = cluster(300, rights={"s299": {"services"}, "istio-system": {"services"}}, tells=False, own="s299")
        source = take(memory, "all_services").sources["all_services"]
        assert source.namespaces == only("s299", "istio-system")
        assert len([place for place in memory.asked if "@" in place]) == 20

    def test_all_read_one_by_one_is_all(self) -> None:
        memory = cluster(rights={name: {"services"} for name in ("s0", "s1", "s2", "istio-system")})
        source = take(memory, "all_services").sources["all_services"]
        assert (source.namespaces, source.unseen, len(source.items)) == (None, "", 4)

    @pytest.mark.parametrize(("own", "fallback", "read"), [("s0", (), "s0"), ("", ("s1",), "s1")])
    def test_where_namespaces_are_not_listed_either(self, own: str, fallback: tuple[str, ...], read: str) -> None:
        rights = {name: {"services"} for name in ("s0", "s1", "s2")}
        memory = cluster(rights=rights, own=own)
        memory.errors["list namespaces"] = Forbidden("may not", status=403)
        source = take(memory, "all_services", fallback=fallback).sources["all_services"]
        assert source.namespaces == only(read)
        assert source.unseen.endswith(f"Only {read} was read.")

    def test_one_by_one_even_the_namespaces(self) -> None:
        memory = cluster(rights={"s0": {"namespaces"}}, own="s0")
        memory.errors["list namespaces"] = Forbidden("may not", status=403)
        source = take(memory, "namespaces").sources["namespaces"]
        assert source.namespaces == only("s0")
        assert source.unseen

    def test_pods_derived_from_some_are_some(self) -> None:
        seen = take(cluster(rights={"s0": {"pods"}}), "pods", "revision_pods")
        assert seen.sources["revision_pods"].namespaces == only("s0")
        assert seen.sources["revision_pods"].unseen == seen.sources["pods"].unseen != ""

    def test_cluster_wide_kinds_stay_an_error(self) -> None:
        memory = cluster()
        memory.errors["nodes"] = Forbidden("may not", status=403)
        assert take(memory, "nodes").sources["nodes"].error == "may not"
