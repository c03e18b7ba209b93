# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.mesh import CHART_REPOSITORY

from .meshes import intent


@pytest.mark.parametrize(
    ("given", "components"),
    [
        ({}, ("base", "istiod", "cni", "ztunnel")),
        ({"mode": "sidecar"}, ("base", "istiod")),
        ({"mode": "sidecar", "cni": {"enabled": True}}, ("base", "istiod", "cni")),
        ({"state": "absent", "mode": "sidecar"}, ("base", "istiod", "cni", "ztunnel")),
    ],
)
def test_components_follow_from_the_mode(given: dict[str, Any], components: tuple[str, ...]) -> None:
    assert intent(**given).components == components


@pytest.mark.parametrize(
    ("given", "namespaces"),
    [
        ({}, ("istio-system",)),
        ({"namespace": "mesh"}, ("mesh",)),
        ({"platform": "openshift"}, ("istio-system", "kube-system")),
        ({"cni_namespace": "nodes", "ztunnel_namespace": "tunnels"}, ("istio-system", "nodes", "tunnels")),
        ({"mode": "sidecar", "ztunnel_namespace": "tunnels"}, ("istio-system",)),
    ],
)
def test_namespaces(given: dict[str, Any], namespaces: tuple[str, ...]) -> None:
    assert intent(**given).namespaces == namespaces


def test_defaults() -> None:
    plain = intent()
    assert (plain.charts.kind, plain.charts.location) == ("repository", CHART_REPOSITORY)
    assert plain.gateway_api.manage and plain.gateway_api.url.endswith(
        f"{plain.gateway_api.version}/standard-install.yaml"
    )


def test_a_password_is_not_shown() -> None:
    charts = {"repository": "https://charts.example.com", "username": "me", "password": "open-sesame"}
    assert "open-sesame" not in repr(intent(charts=charts).charts)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"version": None}, "version is required"),
        ({"version": "latest"}, "not a full version"),
        ({"version": "1.23.4"}, "older than this module"),
        ({"state": "rendered"}, "kubernetes_version"),
        ({"cni": {"enabled": False}}, "cannot work without istio-cni"),
        ({"namespace": "Istio_System"}, "not a namespace's name"),
        ({"wait_timeout": -1}, "negative"),
        ({"istiod": {"replicas": 0}}, "istiod.replicas"),
        ({"istiod": {"autoscale": {"min": 3, "max": 2}}}, "istiod.autoscale"),
        ({"tracing": {"service": "x", "sampling": 101.0}}, "tracing.sampling"),
        ({"mode": "sidecar", "ztunnel": {"log_level": "debug"}}, "no ztunnel"),
        ({"mode": "sidecar", "cni": {"chained": False}}, "cni.enabled: true"),
        ({"mode": "sidecar", "values": {"istiod": {"profile": "ambient"}}}, "values.istiod.profile"),
        ({"charts": {"oci": "registry.example.com/x"}}, "charts.oci"),
        ({"charts": {"repository": "oci://registry.example.com/x"}}, "charts.repository"),
        ({"charts": {"repository": "https://me:secret@charts.example.com"}}, "credentials"),
        ({"gateway_api": {"version": "newest"}}, "gateway_api.version"),
    ],
)
def test_bad_input_names_the_option(given: dict[str, Any], word: str) -> None:
    with pytest.raises(BadInput) as refused:
        intent(**given)
    assert word in str(refused.value)
    assert "secret" not in str(refused.value)
