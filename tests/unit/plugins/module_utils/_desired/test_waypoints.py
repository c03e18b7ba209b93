# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a waypoint: the Gateway, and the patches by which istiod alters what it makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.waypoints import gateway_of, objects_of, patches

from .._intent.waypoint_options import intent


def test_a_waypoint_alone_is_a_gateway() -> None:
    assert objects_of(intent()) == [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {
                "name": "waypoint",
                "namespace": "shop",
                "labels": {"istio.io/waypoint-for": "service"},
            },
            "spec": {
                "gatewayClassName": "istio-waypoint",
                "listeners": [
                    {
                        "name": "mesh",
                        "port": 15008,
                        "protocol": "HBONE",
                        "allowedRoutes": {"namespaces": {"from": "Same"}},
                    }
                ],
            },
        }
    ]


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ("all", {"from": "All"}),
        ("team=shop", {"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}),
    ],
)
def test_who_may_attach(allowed: str, expected: dict[str, Any]) -> None:
    listener = gateway_of(intent(allowed_namespaces=allowed))["spec"]["listeners"][0]
    assert listener["allowedRoutes"]["namespaces"] == expected


def test_revision_class_and_mark() -> None:
    gateway = gateway_of(intent(revision="stable", gateway_class="ours", **{"for": "all"}), made_for="wave-1")
    assert gateway["metadata"]["labels"] == {"istio.io/waypoint-for": "all", "istio.io/rev": "stable"}
    assert gateway["metadata"]["annotations"] == {"meshwright.io/made-for": "wave-1"}
    assert gateway["spec"]["gatewayClassName"] == "ours"


def test_labels_and_annotations_need_no_patch() -> None:
    (gateway,) = objects_of(intent(labels={"team": "shop", "on": True}, annotations={"cost": 3}))
    assert gateway["spec"]["infrastructure"] == {
        "labels": {"team": "shop", "on": "true"},
        "annotations": {"cost": "3"},
    }


def test_patches_go_by_the_keys_that_istiod_knows() -> None:
    parameters, gateway = objects_of(
        intent(
            replicas=2,
            disruption_budget={"max_unavailable": "1"},
            resources={"limits": {"cpu": None}},
            node_selector={"pool": "mesh"},
            tolerations=[{"operator": "Exists"}],
            affinity={"podAntiAffinity": {}},
            topology_spread=[
                {"maxSkew": 1, "topologyKey": "zone"},
                {"topologyKey": "node", "labelSelector": {"a": "b"}},
            ],
            priority_class="high",
        )
    )
    reference = gateway["spec"]["infrastructure"]["parametersRef"]
    assert reference == {"group": "", "kind": "ConfigMap", "name": parameters["metadata"]["name"]}
    assert {key: json.loads(text) for key, text in parameters["data"].items()} == {
        "deployment": {
            "spec": {
                "replicas": 2,
                "template": {
                    "spec": {
                        "containers": [{"name": "istio-proxy", "resources": {"limits": {"cpu": None}}}],
                        "nodeSelector": {"pool": "mesh"},
                        "tolerations": [{"operator": "Exists"}],
                        "affinity": {"podAntiAffinity": {}},
                        "topologySpreadConstraints": [
                            {
                                "maxSkew": 1,
                                "topologyKey": "zone",
                                "labelSelector": {
                                    "matchLabels": {"gateway.networking.k8s.io/gateway-name": "waypoint"}
                                },
                            },
                            {"topologyKey": "node", "labelSelector": {"a": "b"}},
                        ],
                        "priorityClassName": "high",
                    }
                },
            }
        },
        "podDisruptionBudget": {"spec": {"maxUnavailable": 1}},
    }


def test_an_autoscaler_leaves_replicas_alone() -> None:
    found = patches(intent(autoscaling={"min": 2, "max": 4, "cpu": 70, "memory": 80}).infrastructure, "waypoint")
    assert found.keys() == {"horizontalPodAutoscaler"}
    spec = found["horizontalPodAutoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 4)
    assert [
        (metric["resource"]["name"], metric["resource"]["target"]["averageUtilization"]) for metric in spec["metrics"]
    ] == [("cpu", 70), ("memory", 80)]
    bare = patches(intent(autoscaling={"min": 1, "max": 2}).infrastructure, "waypoint")
    assert "metrics" not in bare["horizontalPodAutoscaler"]["spec"], "Kubernetes has a default of its own"
