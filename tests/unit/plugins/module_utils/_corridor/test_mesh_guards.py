# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh import guards
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.mesh.leftovers import calls_istiod
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, GuardRefused
from ansible_collections.meshwright.istio.plugins.module_utils._intent.versions import parse_version
from ansible_collections.meshwright.istio.plugins.module_utils._tools.helm_releases import Record

from .._intent.meshes import intent


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ({}, {}, True),
        ({"matchLabels": {"a": "b"}}, {"a": "b", "c": "d"}, True),
        ({"matchLabels": {"a": "b"}}, {"a": "x"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}, {"a": "c"}, True),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}, {}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": ""}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Nonsense"}]}, {"a": ""}, False),
    ],
)
def test_label_selectors(selector: dict[str, Any], labels: dict[str, str], matches: bool) -> None:
    assert guards.selects(selector, labels) is matches


def test_selectors_must_cover_istiod_and_ztunnel() -> None:
    by_name = [{"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}}]
    guards.guard_selectors(intent(discovery_selectors=by_name), {})
    with pytest.raises(BadInput, match="ztunnel's namespace tunnels"):
        guards.guard_selectors(intent(discovery_selectors=by_name, ztunnel_namespace="tunnels"), {})
    by_label = [{"matchLabels": {"mesh": "on"}}]
    with pytest.raises(BadInput, match="istiod's namespace istio-system"):
        guards.guard_selectors(intent(discovery_selectors=by_label), {})
    live = {"istio-system": {"metadata": {"labels": {"mesh": "on"}}}}
    guards.guard_selectors(intent(discovery_selectors=by_label), live)
    guards.guard_selectors(intent(discovery_selectors=by_label, namespace_labels={"mesh": "on"}), {})


def test_hops_need_permission() -> None:
    old, older = parse_version("1.29.0"), parse_version("1.30.0")
    with pytest.raises(GuardRefused, match="allow_version_skip"):
        guards.guard_hop(intent(), old)
    assert guards.guard_hop(intent(allow_version_skip=True), old)
    with pytest.raises(GuardRefused, match="allow_downgrade"):
        guards.guard_hop(intent(version="1.28.0"), old)
    assert guards.guard_hop(intent(), older) == []
    assert guards.guard_hop(intent(), None) == []


def test_an_old_server_is_refused_a_new_one_warned_about() -> None:
    with pytest.raises(GuardRefused, match=r"1\.30"):
        guards.guard_kubernetes(intent(), "v1.30.0")
    warnings, notes = guards.guard_kubernetes(intent(), "v1.99.0")
    assert warnings and not notes
    assert guards.guard_kubernetes(intent(), "v1.35.4") == ([], [])


def test_another_place_is_refused() -> None:
    elsewhere = [Record("istiod", "other", 1, "deployed", "x", "u", False, 0.0)]
    with pytest.raises(GuardRefused, match="other/istiod"):
        guards.guard_elsewhere(intent(), elsewhere)
    ztunnel = [Record("ztunnel", "other", 1, "deployed", "x", "u", False, 0.0)]
    guards.guard_elsewhere(intent(mode="sidecar"), ztunnel)


@pytest.mark.parametrize(
    ("labels", "given", "refused"),
    [
        ({}, {}, False),
        ({"pod-security.kubernetes.io/enforce": "privileged"}, {}, False),
        ({"pod-security.kubernetes.io/enforce": "restricted"}, {}, True),
        ({"pod-security.kubernetes.io/enforce": "restricted"}, {"mode": "sidecar"}, False),
        (
            {"pod-security.kubernetes.io/enforce": "baseline"},
            {"namespace_labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
            False,
        ),
    ],
)
def test_pod_security(labels: dict[str, str], given: dict[str, Any], refused: bool) -> None:
    live = {"istio-system": {"metadata": {"name": "istio-system", "labels": labels}}}
    if refused:
        with pytest.raises(GuardRefused, match="Pod Security"):
            guards.guard_namespaces(intent(**given), live)
    else:
        guards.guard_namespaces(intent(**given), live)


def test_a_namespace_that_goes_is_waited_for() -> None:
    live = {"istio-system": {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}}
    with pytest.raises(GuardRefused, match="being deleted"):
        guards.guard_namespaces(intent(), live)


@pytest.mark.parametrize(
    ("meta", "owner"),
    [
        ({}, ""),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, ""),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "mesh:apps/Deployment:x/y"}}, "Argo CD (mesh)"),
        ({"labels": {"argocd.argoproj.io/instance": "mesh"}}, "Argo CD (mesh)"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "istiod"}}, "Flux (istiod)"),
        (
            {"ownerReferences": [{"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "default"}]},
            "the Sail Operator (IstioRevision default)",
        ),
        ({"labels": {"operator.istio.io/managed": "Reconcile"}}, "istioctl"),
        ({"labels": {"operator.istio.io/managed": "Reconcile", "app.kubernetes.io/managed-by": "Helm"}}, "istioctl"),
    ],
)
def test_other_owners(meta: dict[str, Any], owner: str) -> None:
    assert guards.other_owner({"metadata": meta}) == owner


@pytest.mark.parametrize(
    ("services", "dead"),
    [
        ([{"name": "istiod", "namespace": "istio-system"}], True),
        ([{"name": "istiod-canary", "namespace": "istio-system"}], True),
        ([{"name": "istiod", "namespace": "other"}], False),
        ([{"name": "istiod", "namespace": "istio-system"}, {"name": "opa", "namespace": "opa"}], False),
        ([], False),
        ([{}], False),
    ],
)
def test_webhooks_that_call_an_istiod(services: list[dict[str, str]], dead: bool) -> None:
    webhooks = {"webhooks": [{"clientConfig": {"service": service}} for service in services]}
    assert calls_istiod(webhooks, "istio-system") is dead
