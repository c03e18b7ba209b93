# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of kinds."""

from __future__ import annotations

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import Kind


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "subresource", "path"),
    [
        (kinds.NAMESPACE, None, "a", None, "/api/v1/namespaces/a"),
        (kinds.POD, "n", "p", "log", "/api/v1/namespaces/n/pods/p/log"),
        (kinds.POD, None, None, None, "/api/v1/pods"),
        (kinds.DEPLOYMENT, "n", None, None, "/apis/apps/v1/namespaces/n/deployments"),
        (kinds.CRD, "ignored", "x.y", None, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/x.y"),
        (kinds.NETWORK_POLICY, "n", "p", None, "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies/p"),
        (kinds.SAIL_ZTUNNEL, None, "default", None, "/apis/sailoperator.io/v1/ztunnels/default"),
        (kinds.CONFIG_MAP, "n", "a/../b", None, "/api/v1/namespaces/n/configmaps/a%2F..%2Fb"),
    ],
)
def test_path(kind: Kind, namespace: str | None, name: str | None, subresource: str | None, path: str) -> None:
    assert kind.path(namespace, name, subresource) == path


def test_two_groups_have_a_gateway() -> None:
    assert kinds.known("networking.istio.io/v1", "Gateway") == kinds.ISTIO_GATEWAY
    assert kinds.known("gateway.networking.k8s.io/v1", "Gateway") == kinds.GATEWAY
    assert kinds.ISTIO_GATEWAY.path() != kinds.GATEWAY.path()


@pytest.mark.parametrize(("api_version", "kind"), [("v2", "Pod"), ("apps/v1", "Pod"), ("example.com/v1", "Gateway")])
def test_what_is_not_known(api_version: str, kind: str) -> None:
    assert kinds.known(api_version, kind) is None


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("Telemetry", "telemetries"),
        ("ServiceEntry", "serviceentries"),
        ("WorkloadEntry", "workloadentries"),
        ("ProxyConfig", "proxyconfigs"),
        ("Sidecar", "sidecars"),
        ("GatewayClass", "gatewayclasses"),
        ("BackendTLSPolicy", "backendtlspolicies"),
        ("IstioCNI", "istiocnis"),
        ("Prometheus", "prometheuses"),
        ("EndpointSlice", "endpointslices"),
        ("Endpoints", "endpoints"),
        ("Ingress", "ingresses"),
        ("HelmRepository", "helmrepositories"),
    ],
)
def test_plurals(kind: str, plural: str) -> None:
    assert {row.plural for row in kinds.KINDS.values() if row.kind == kind} == {plural}


@pytest.mark.parametrize(
    ("kind", "namespace", "label"),
    [
        (kinds.DEPLOYMENT, "n", "Deployment n/x"),
        (kinds.NAMESPACE, None, "Namespace x"),
        (kinds.NAMESPACE, "n", "Namespace x"),
    ],
)
def test_label(kind: Kind, namespace: str | None, label: str) -> None:
    assert kind.label(namespace, "x") == label
