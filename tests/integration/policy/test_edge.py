# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What limits, gateways, egress and telemetry expand to, before the real API server and istiod's real webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._errors import ApiError, MeshError
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import connect
from ansible_collections.meshwright.istio.plugins.module_utils._kube.deadline import Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.options import ConnectionOptions

from ...unit.plugins.module_utils._desired.intents import edge
from .conftest import Policy


@pytest.fixture
def client(policy: Policy) -> Client:
    options = ConnectionOptions(kubeconfig=policy.cluster.kubeconfig, context=policy.cluster.context)
    return Client(connect(options), deadline=Deadline(120))


def _expansions(family: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a family's page, with where it stands."""
    for heading, _short, kinds, expected in edge.examples(family):
        if not expected.startswith("refused: "):
            for obj in yaml.safe_load_all(expected):
                yield f"{heading} ({kinds[0]}): {obj['kind']} {obj['metadata']['name']}", obj


@pytest.mark.parametrize("family", ["limits", "gateways", "egress", "telemetry"])
def test_the_server_takes_every_expansion(policy: Policy, client: Client, family: str) -> None:
    namespace = policy.namespace()
    refused = []
    seen = 0
    for where, obj in _expansions(family):
        obj["metadata"]["namespace"] = namespace
        seen += 1
        try:
            client.apply(obj, manager="edge-test", dry_run=True)
        except MeshError as error:
            refused.append(f"{where}: {error}")
    assert seen and not refused, "\n".join(refused)


def test_the_server_would_tell(policy: Policy, client: Client) -> None:
    """That those dry runs could fail: Envoy's types are known to the webhook, Istio's to it and to the schema."""
    namespace = policy.namespace()
    short = """
limits:
  - {namespace: shop, workload: {app: reviews}, local: {requests: 1, per: 1s}}
"""
    (limit,) = edge.made("limits", short, edge.PLANES["sidecars"])
    limit["metadata"]["namespace"] = namespace
    limit["spec"]["configPatches"][0]["patch"]["value"]["typed_config"]["token_bucket"] = "full"
    with pytest.raises(ApiError, match="LocalRateLimit"):
        client.apply(limit, manager="edge-test", dry_run=True)
