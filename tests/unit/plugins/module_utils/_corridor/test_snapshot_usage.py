# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What proxies use, in a snapshot."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.sources import POD_METRICS
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Unreachable

from .memory import Memory, take

SERVED = ["metrics.k8s.io/v1beta1/PodMetrics"]


def one(name: str) -> dict[str, Any]:
    usage = {"cpu": "12m", "memory": "40Mi"}
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": {"a": "b"}},
        "timestamp": "2026-01-01T00:00:00Z",
        "window": "15s",
        "containers": [{"name": "istio-proxy", "usage": usage}],
    }


def test_what_is_used_is_all_that_is_kept() -> None:
    memory = Memory({"api": SERVED, "pods": [one("a")]})
    # once by each label: sidecars and waypoints, then ztunnels
    first, _second = take(memory, POD_METRICS).items(POD_METRICS)
    assert first == {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": "a", "namespace": "shop"},
        "containers": [{"name": "istio-proxy", "usage": {"cpu": "12m", "memory": "40Mi"}}],
    }


def test_a_cluster_without_a_metrics_server_is_not_asked() -> None:
    memory = Memory()
    assert take(memory, POD_METRICS).served(POD_METRICS) is False
    assert memory.asked == []


def test_a_metrics_server_that_is_down_is_told() -> None:
    memory = Memory({"api": SERVED}, {"pods": Unreachable("It is down.", status=503)})
    assert "It is down." in take(memory, POD_METRICS).sources[POD_METRICS].error
