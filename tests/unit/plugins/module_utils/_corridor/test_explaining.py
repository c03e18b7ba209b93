# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of istiod's config_dump explaining looks at."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.explaining import parse_sent

CLUSTERS = "type.googleapis.com/envoy.admin.v3.ClustersConfigDump"


def cluster(name: str) -> dict[str, Any]:
    return {"cluster": {"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": name}}


@pytest.mark.parametrize(
    ("dump", "clusters"),
    [
        (None, []),
        ({}, []),
        ({"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump"}]}, []),
        (
            {
                "configs": [
                    {
                        "@type": CLUSTERS,
                        "dynamicActiveClusters": [cluster("outbound|80||web.shop.svc.cluster.local"), cluster("")],
                        "staticClusters": [cluster("agent")],
                    }
                ]
            },
            ["agent", "outbound|80||web.shop.svc.cluster.local"],
        ),
    ],
)
def test_clusters(dump: Any, clusters: list[str]) -> None:
    assert parse_sent(dump) == {"clusters": clusters}
