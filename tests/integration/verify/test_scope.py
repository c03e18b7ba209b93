# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot taken by who may not see everything, of a real API server: namespace by namespace, and what it says."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, namespace_of
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import snapshot
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from ..support.embedded import Embedded
from .ground import Ground, Obj, deployment, one, service

READ = ("pods", "all_services", "authorization_policies", "root_certificates", "namespaces")
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
NAMESPACES = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}
ALL = {
    "apiGroups": ["", "apps", "security.istio.io"],
    "resources": ["pods", "services", "configmaps", "deployments", "authorizationpolicies", "namespaces"],
    "verbs": ["get", "list"],
}
RBAC = "rbac.authorization.k8s.io"


class Reader:
    """A user of the tests' own, with the rights that a test gives."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.name = f"reader-{uuid.uuid4().hex[:8]}"
        self.spaces = [ground.namespace(), ground.namespace()]
        allow = {"action": "ALLOW", "rules": [{"from": [{"source": {"namespaces": ["a"]}}]}]}
        for space in self.spaces:
            ground.kubectl.apply(
                deployment(space),
                service(space),
                one("security.istio.io/v1", "AuthorizationPolicy", space, "web", allow),
            )

    def may(self, rule: Obj, *spaces: str) -> None:
        """Give this right in these namespaces, or with none in all."""
        role, named = ("Role", self.name) if spaces else ("ClusterRole", f"{self.name}-{uuid.uuid4().hex[:4]}")
        subjects = [{"kind": "User", "apiGroup": RBAC, "name": self.name}]
        for space in spaces or ("",):
            meta = {"name": named, **({"namespace": space} if space else {})}
            head = {"apiVersion": f"{RBAC}/v1", "metadata": meta}
            ref = {"apiGroup": RBAC, "kind": role, "name": named}
            self.ground.kubectl.apply(
                {**head, "kind": role, "rules": [rule]},
                {**head, "kind": f"{role}Binding", "roleRef": ref, "subjects": subjects},
            )

    def take(self, *names: str, scope: frozenset[str] | None = None, fallback: tuple[str, ...] = ()) -> Snapshot:
        cluster = self.ground.cluster
        options = ConnectionOptions(kubeconfig=cluster.kubeconfig, context=cluster.context, impersonate_user=self.name)
        client = Client(connect(options), deadline=Deadline(60))
        return snapshot.take(client, names, scope=scope, fallback=fallback)

    def gone(self) -> None:
        for kind in ("clusterrolebindings", "clusterroles"):
            found = self.ground.kubectl("get", kind, "-o", "name").split()
            mine = [name for name in found if self.name in name]
            if mine:
                self.ground.kubectl("delete", *mine)


@pytest.fixture
def reader(mesh: Embedded) -> Iterator[Reader]:
    ground = Ground(mesh)
    found = Reader(ground)
    yield found
    found.gone()
    ground.clean()


def where(seen: Snapshot, name: str) -> set[str]:
    return {namespace_of(item) for item in seen.items(name)}


def test_rights_in_two_namespaces_only(reader: Reader) -> None:
    first, second = reader.spaces
    reader.may(ALL, first, second)

    # asked for: nothing is missed but the mesh's own namespace, whose policies count in all others
    asked = reader.take(*READ, scope=frozenset(reader.spaces))
    for name in ("pods", "all_services", "authorization_policies"):
        assert where(asked, name) == {first, second}
        assert asked.sources[name].namespaces == frozenset(reader.spaces)
    assert {item["metadata"]["name"] for item in asked.items("namespaces")} == {first, second}
    assert [name for name in READ if asked.unseen([name])] == ["authorization_policies"]
    assert "may not list authorizationpolicies.security.istio.io in the namespace istio-system" in asked.unseen(READ)

    # not asked for: the same is read where one says that it may be there, and told to be a part
    told = reader.take(*READ, fallback=(first, second))
    for name in ("pods", "all_services", "authorization_policies"):
        assert where(told, name) == {first, second}
        assert "at the cluster scope" in told.unseen([name])
        assert told.unseen([name]).endswith(f"Only {', '.join(sorted(reader.spaces))} were read.")
    assert "may not list mutatingwebhookconfigurations" in (
        reader.take("mutating_webhooks").sources["mutating_webhooks"].error
    )


def test_namespaces_that_may_be_listed_and_read_in_part(reader: Reader) -> None:
    first, second = reader.spaces
    reader.may(NAMESPACES)
    reader.may(ALL, first)
    reader.may(PODS, second)
    seen = reader.take(*READ)
    assert where(seen, "pods") == {first, second}
    assert where(seen, "all_services") == {first}
    assert seen.sources["all_services"].namespaces == frozenset({first})
    assert seen.knows("authorization_policies", first)
    assert not seen.knows("authorization_policies", second)
    assert seen.sources["namespaces"].namespaces is None
    assert seen.unseen(["namespaces"]) == ""


def test_pods_everywhere_and_policies_nowhere(reader: Reader) -> None:
    reader.may(PODS)
    seen = reader.take("pods", "proxies", "authorization_policies")
    assert {*reader.spaces, "istio-system"} <= where(seen, "pods")
    assert seen.sources["pods"].namespaces is None
    refused = seen.sources["authorization_policies"].error
    assert f"user {reader.name} may not list authorizationpolicies.security.istio.io" in refused
    assert seen.problems(["pods", "proxies"]) == {}
