# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing single objects, lists and discovery, against a real API server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils import _errors as errors
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect
from ansible_collections.meshwright.istio.plugins.module_utils._kube.deadline import Deadline

from tests.harness.fault_proxy import FaultProxy

from ..support.embedded import Embedded, Kubectl
from .samples import config_map, deployment


@pytest.fixture
def many(client: Client, namespace: str) -> str:
    """A namespace with 510 ConfigMaps, more than one page."""
    client.many(lambda number: client.create(config_map(namespace, f"c-{number:03}", number=str(number))), range(510))
    return namespace


def test_lists_come_in_pages(proxied: Client, proxy: FaultProxy, many: str) -> None:
    items = proxied.list(kinds.CONFIG_MAP, many, fields="metadata.name!=kube-root-ca.crt")
    assert [item["metadata"]["name"] for item in items] == [f"c-{number:03}" for number in range(510)]
    assert {(item["apiVersion"], item["kind"]) for item in items} == {("v1", "ConfigMap")}
    assert proxy.count("GET", "/configmaps$") == 2


def test_an_expired_page_token_starts_the_list_again(proxied: Client, proxy: FaultProxy, many: str) -> None:
    proxy.fail("continue=", status=410, times=2)
    items = proxied.list(kinds.CONFIG_MAP, many, fields="metadata.name!=kube-root-ca.crt")
    assert [item["metadata"]["name"] for item in items] == [f"c-{number:03}" for number in range(510)]


def test_metadata_only(client: Client, namespace: str) -> None:
    client.create(config_map(namespace, a="1"))
    (item,) = client.list(kinds.CONFIG_MAP, namespace, fields="metadata.name=settings", metadata_only=True)
    assert set(item) == {"apiVersion", "kind", "metadata"}
    assert (item["kind"], item["metadata"]["name"]) == ("ConfigMap", "settings")


def test_missing_things_are_values(client: Client) -> None:
    assert client.get(kinds.CONFIG_MAP, "c", "nowhere") is None
    assert client.get(kinds.ARGO_APPLICATION, "a", "default") is None
    assert client.list(kinds.ARGO_APPLICATION) == []
    assert client.served(kinds.ARGO_APPLICATION) is False
    assert client.served(kinds.DEPLOYMENT) is True
    assert client.delete(kinds.CONFIG_MAP, "c", "nowhere") is False
    assert client.delete(kinds.ARGO_APPLICATION, "a", "default") is False


def test_api_versions_are_those_kubectl_tells(client: Client, kubectl: Kubectl) -> None:
    told = client.api_versions()
    assert {entry for entry in told if entry.count("/") < 2 and not entry.startswith("v1/")} == set(
        kubectl("api-versions").split()
    )
    assert {"v1/Pod", "apps/v1/Deployment", "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy"} <= set(told)


def test_api_versions_of_a_server_without_aggregated_discovery(
    client: Client, proxied: Client, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.meshwright.istio.plugins.module_utils._kube import discovery

    monkeypatch.setattr(discovery, "ACCEPT_AGGREGATED", "application/json")
    assert proxied.api_versions() == client.api_versions()
    assert proxy.count("GET", "^/apis/apps/v1$") == 1


def test_the_version(client: Client, kubectl: Kubectl) -> None:
    assert client.version() == kubectl.json("version")["serverVersion"]


def test_an_unknown_kind_costs_one_discovery(proxied: Client, proxy: FaultProxy) -> None:
    review: dict[str, Any] = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    assert proxied.resolve(review).plural == "selfsubjectaccessreviews"
    assert proxied.resolve({**review, "kind": "SubjectAccessReview"}).plural == "subjectaccessreviews"
    assert proxied.resolve({"apiVersion": "v1", "kind": "Pod"}) == kinds.POD
    assert proxy.count("GET") == 1


def test_a_patch_with_a_precondition(client: Client, namespace: str) -> None:
    made = client.create(config_map(namespace, a="1"))
    version = made["metadata"]["resourceVersion"]
    patched = client.patch(kinds.CONFIG_MAP, "settings", namespace, {"data": {"a": "2"}}, resource_version=version)
    assert patched["data"] == {"a": "2"}
    with pytest.raises(errors.Conflict, match="the object has been modified"):
        client.patch(kinds.CONFIG_MAP, "settings", namespace, {"data": {"a": "3"}}, resource_version=version)
    operation = [{"op": "replace", "path": "/data/a", "value": "3"}]
    json_patch = "application/json-patch+json"
    with pytest.raises(errors.Invalid):
        client.patch(
            kinds.CONFIG_MAP, "settings", namespace, operation, resource_version=version, content_type=json_patch
        )
    live = client.patch(
        kinds.CONFIG_MAP, "settings", namespace, operation, resource_version=None, content_type=json_patch
    )
    assert live["data"] == {"a": "3"}


def test_patching_what_is_missing(client: Client, namespace: str) -> None:
    with pytest.raises(errors.NotFound, match=r"patch ConfigMap .*/nothing"):
        client.patch(kinds.CONFIG_MAP, "nothing", namespace, {}, resource_version=None)


def test_scaling_by_the_subresource(client: Client, namespace: str) -> None:
    client.create(deployment(namespace))
    scale = client.patch(
        kinds.DEPLOYMENT, "web", namespace, {"spec": {"replicas": 3}}, resource_version=None, subresource="scale"
    )
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 3})


def test_create_replace_and_a_stale_replace(client: Client, namespace: str) -> None:
    made = client.create(config_map(namespace, a="1"))
    with pytest.raises(errors.Conflict, match="exists already"):
        client.create(config_map(namespace, a="1"))
    assert client.replace({**made, "data": {"b": "1"}})["data"] == {"b": "1"}
    with pytest.raises(errors.Conflict):
        client.replace({**made, "data": {"c": "1"}})


def test_deleting_only_the_one_that_was_meant(client: Client, namespace: str) -> None:
    client.create(config_map(namespace, a="1"))
    with pytest.raises(errors.Conflict):
        client.delete(kinds.CONFIG_MAP, "settings", namespace, uid="someone-elses")
    assert client.get(kinds.CONFIG_MAP, "settings", namespace) is not None


def test_many_keeps_order_and_raises_the_first_error(client: Client) -> None:
    assert client.many(lambda number: number * 2, range(50)) == [number * 2 for number in range(50)]
    with pytest.raises(ZeroDivisionError):
        client.many(lambda number: 1 // number, [3, 2, 1, 0, 1, 2])


def test_the_kubeconfig_for_other_programs_works(
    client: Client, cluster: Embedded, kubectl: Kubectl, tmp_path: Any
) -> None:
    """kubectl, given it, is who the task is: here a user impersonated by an administrator."""
    import subprocess

    options = ConnectionOptions(
        kubeconfig=cluster.kubeconfig, impersonate_user="somebody", impersonate_groups=("system:masters",)
    )
    connection = connect(options)
    path = tmp_path / "kubeconfig"
    connection.write_kubeconfig(str(path))
    said = subprocess.run(
        [
            cluster.programs["kubectl"],
            "--kubeconfig",
            str(path),
            "auth",
            "whoami",
            "-o",
            "jsonpath={.status.userInfo.username}",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert said.stdout == "somebody"
    impersonating = Client(connection, deadline=Deadline(20))
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = impersonating.raw("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review).json()
    assert answer["status"]["userInfo"]["groups"] == ["system:masters", "system:authenticated"]
