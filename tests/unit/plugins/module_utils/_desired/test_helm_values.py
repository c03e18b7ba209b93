# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.helm_values import release_values
from ansible_collections.meshwright.istio.plugins.module_utils._desired.values import (
    changed_paths,
    leaves,
    merge,
    same_values,
)
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput

from .._intent.meshes import intent


def values(**given: Any) -> dict[str, dict[str, Any]]:
    """Values per component, as dotted leaves."""
    found = release_values(intent(**given))
    return {name: {".".join(path): value for path, value in leaves(tree)} for name, tree in found.items()}


def test_nothing_asked_for_sets_next_to_nothing() -> None:
    assert values() == {"base": {}, "istiod": {"profile": "ambient"}, "cni": {"profile": "ambient"}, "ztunnel": {}}
    assert values(mode="sidecar") == {"base": {}, "istiod": {}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # The two charts have the cluster's name in two places; in one only, ztunnel gets no certificate.
        (
            {"cluster_name": "homelab"},
            {
                "istiod": {"global.multiCluster.clusterName": "homelab"},
                "ztunnel": {"multiCluster.clusterName": "homelab"},
            },
        ),
        ({"network": "lan"}, {"istiod": {"global.network": "lan"}, "ztunnel": {"network": "lan"}}),
        ({"mesh_id": "m"}, {"istiod": {"global.meshID": "m"}}),
        ({"trust_domain": "t"}, {"istiod": {"meshConfig.trustDomain": "t"}}),
        (
            {"platform": "k3s"},
            {
                "istiod": {"global.platform": "k3s"},
                "cni": {"global.platform": "k3s"},
                "ztunnel": {"global.platform": "k3s"},
            },
        ),
        (
            {"namespace": "mesh"},
            {
                "base": {"global.istioNamespace": "mesh"},
                "istiod": {"global.istioNamespace": "mesh"},
                "ztunnel": {"istioNamespace": "mesh"},
            },
        ),
        ({"ztunnel_namespace": "tunnels"}, {"istiod": {"pilot.trustedZtunnelNamespace": "tunnels"}}),
        (
            {"platform": "openshift", "ztunnel_namespace": "istio-system"},
            {
                "istiod": {"global.platform": "openshift", "pilot.trustedZtunnelNamespace": "istio-system"},
                "cni": {"global.platform": "openshift"},
                "ztunnel": {"global.platform": "openshift"},
            },
        ),
        (
            {"hub": "h", "tag": "t", "variant": "v"},
            {
                "istiod": {"global.hub": "h", "global.tag": "t", "global.variant": "v"},
                "cni": {"global.hub": "h", "global.tag": "t", "global.variant": "v"},
                "ztunnel": {"hub": "h", "tag": "t", "variant": "v"},
            },
        ),
        (
            {"image_pull_secrets": ["s"]},
            {
                "base": {"global.imagePullSecrets": ["s"]},
                "istiod": {"global.imagePullSecrets": ["s"]},
                "cni": {"global.imagePullSecrets": ["s"]},
                "ztunnel": {"imagePullSecrets": ["s"]},
            },
        ),
        (
            {"istiod": {"replicas": 3}},
            {"istiod": {"pilot.autoscaleEnabled": False, "pilot.replicaCount": 3}},
        ),
        (
            {"istiod": {"autoscale": {"min": 2, "max": 4, "target_cpu": 60}}},
            {
                "istiod": {
                    "pilot.autoscaleEnabled": True,
                    "pilot.autoscaleMin": 2,
                    "pilot.autoscaleMax": 4,
                    "pilot.cpu.targetAverageUtilization": 60,
                }
            },
        ),
        (
            {"istiod": {"disruption_budget": {"max_unavailable": "50%"}}},
            {"istiod": {"global.defaultPodDisruptionBudget.enabled": True, "pdb.maxUnavailable": "50%"}},
        ),
        (
            {"istiod": {"resources": {"limits": {"memory": "1Gi"}}, "priority_class": "p"}},
            {"istiod": {"pilot.resources.limits.memory": "1Gi", "global.priorityClassName": "p"}},
        ),
        # A platform's profile sets cni.cniBinDir, and only a value under the same prefix beats it.
        ({"cni": {"bin_dir": "/x"}}, {"cni": {"cni.cniBinDir": "/x"}}),
        ({"ztunnel": {"termination_grace_period": 60}}, {"ztunnel": {"terminationGracePeriodSeconds": 60}}),
        (
            {"dns_capture": True},
            {
                "istiod": {"meshConfig.defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE": "true"},
                "cni": {"cni.ambient.dnsCapture": True},
            },
        ),
        (
            {"access_log": {"encoding": "json"}},
            {"istiod": {"meshConfig.accessLogFile": "/dev/stdout", "meshConfig.accessLogEncoding": "JSON"}},
        ),
        (
            {"discovery_selectors": [{"matchLabels": {"a": "b"}}]},
            {"istiod": {"meshConfig.discoverySelectors": [{"matchLabels": {"a": "b"}}]}},
        ),
    ],
)
def test_typed_options(given: dict[str, Any], expected: dict[str, dict[str, Any]]) -> None:
    plain = values()
    found = {name: {k: v for k, v in tree.items() if plain[name].get(k) != v} for name, tree in values(**given).items()}
    assert {name: tree for name, tree in found.items() if tree} == expected


def test_cni_in_sidecar_mode_is_told_to_istiod() -> None:
    assert values(mode="sidecar", cni={"enabled": True})["istiod"] == {"pilot.cni.enabled": True}


def test_tracing() -> None:
    found = values(tracing={"service": "collector.obs.svc", "sampling": 0.0})["istiod"]
    provider = {"name": "meshwright-tracing", "opentelemetry": {"service": "collector.obs.svc", "port": 4317}}
    assert found["meshConfig.extensionProviders"] == [provider]
    assert found["meshConfig.defaultProviders.tracing"] == ["meshwright-tracing"]
    # The chart leaves a sampling of zero out, and istiod would then trace one percent.
    assert found["pilot.env.PILOT_TRACE_SAMPLING"] == "0"


def test_free_extension_providers_stay() -> None:
    theirs = {"name": "opa", "envoyExtAuthzGrpc": {"service": "opa.svc", "port": 9191}}
    free = {"istiod": {"meshConfig": {"extensionProviders": [theirs]}}}
    found = values(tracing={"service": "c.svc"}, values=free)["istiod"]["meshConfig.extensionProviders"]
    assert [provider["name"] for provider in found] == ["opa", "meshwright-tracing"]


def test_free_values_lie_under_the_typed_ones() -> None:
    free = {"istiod": {"pilot": {"env": {"A": "1"}}, "global": {"multiCluster": {"clusterName": "same"}}}}
    found = values(cluster_name="same", istiod={"env": {"B": "2"}}, values=free)["istiod"]
    assert found["pilot.env.A"] == "1" and found["pilot.env.B"] == "2"


@pytest.mark.parametrize(
    ("given", "option", "path"),
    [
        ({"hub": "a", "values": {"istiod": {"global": {"hub": "b"}}}}, "hub", "values.istiod.global.hub"),
        ({"istiod": {"replicas": 2}, "values": {"istiod": {"replicaCount": 3}}}, "istiod.replicas", "replicaCount"),
        (
            {"istiod": {"env": {"A": "1"}}, "values": {"istiod": {"env": {"A": "2"}}}},
            "istiod.env",
            "values.istiod.env.A",
        ),
        ({"cni": {"bin_dir": "/a"}, "values": {"cni": {"cniBinDir": "/b"}}}, "cni.bin_dir", "values.cni.cniBinDir"),
        (
            {"cluster_name": "a", "values": {"ztunnel": {"global": {"multiCluster": {"clusterName": "b"}}}}},
            "cluster_name",
            "values.ztunnel.global.multiCluster.clusterName",
        ),
        ({"values": {"istiod": {"profile": "demo"}}}, "mode", "values.istiod.profile"),
        (
            {"istiod": {"resources": {"limits": {"cpu": "1"}}}, "values": {"istiod": {"pilot": {"resources": "none"}}}},
            "istiod.resources",
            "values.istiod.pilot.resources",
        ),
    ],
)
def test_one_value_set_twice_is_refused(given: dict[str, Any], option: str, path: str) -> None:
    with pytest.raises(BadInput) as refused:
        values(**given)
    assert refused.value.message.startswith(f"{option} and ")
    assert path in refused.value.message


def test_the_callers_values_are_not_changed() -> None:
    env = {"A": "1"}
    release_values(intent(istiod={"env": env}, tracing={"service": "c", "sampling": 0.0}))
    assert env == {"A": "1"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({"a": None}, {}, True),
        ({"a": {}}, {}, True),
        ({"a": {"b": None}}, {"a": {}}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": False}, {}, False),
    ],
)
def test_same_values(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert same_values(one, other) is same


def test_changed_paths_names_paths_only() -> None:
    before, after = {"a": {"b": "secret", "c": 1}}, {"a": {"b": "other", "c": 1}, "d": 2}
    assert changed_paths(before, after) == ["a.b", "d"]


def test_merge_leaves_both_alone() -> None:
    below, above = {"a": {"b": 1}}, {"a": {"c": 2}}
    merged = merge(below, above)
    merged["a"]["d"] = 3
    assert (below, above) == ({"a": {"b": 1}}, {"a": {"c": 2}})
