# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the short forms learn of the HTTPRoute's CRD, and when it is asked at all."""

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.context import planes
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import GivenPlane, PolicyIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import CRD

RETRIES = {"host": "reviews", "namespace": None, "retries": {"attempts": 2}}


class Cluster:
    """Stands in for a client: it has this CRD and nothing else."""

    def __init__(self, crd: Any) -> None:
        self.crd = crd
        self.asked: list[object] = []

    def many(self, _work: object, _items: object) -> list[Any]:
        return []

    def get(self, kind: object, name: str) -> Any:
        self.asked.append((kind, name))
        if isinstance(self.crd, Exception):
            raise self.crd
        return self.crd


def crd(**versions: list[str]) -> dict[str, Any]:
    def schema(fields: list[str]) -> dict[str, Any]:
        rules: dict[str, Any] = {"items": {"properties": {name: {} for name in fields}}}
        return {"openAPIV3Schema": {"properties": {"spec": {"properties": {"rules": rules}}}}}

    return {"spec": {"versions": [{"name": name, "schema": schema(fields)} for name, fields in versions.items()]}}


@pytest.mark.parametrize(
    ("found", "fields"),
    [
        (crd(v1beta1=["retry"], v1=["matches", "timeouts"]), {"matches", "timeouts"}),
        (crd(v1=["matches", "retry"]), {"matches", "retry"}),
        (None, None),
        (Forbidden("customresourcedefinitions"), None),
    ],
)
def test_the_fields_are_those_of_the_version_that_is_sent(found: Any, fields: set[str] | None) -> None:
    cluster = Cluster(found)
    intent = PolicyIntent(families={"traffic": [RETRIES]}, planes=(GivenPlane("ambient", "waypoint"),))
    assert planes(cast(Client, cluster), intent).route_fields == fields
    assert cluster.asked == [(CRD, "httproutes.gateway.networking.k8s.io")]


def test_nothing_is_asked_where_no_retries_are() -> None:
    cluster = Cluster(crd(v1=["retry"]))
    intent = PolicyIntent(families={"traffic": [{**RETRIES, "retries": None}]}, planes=(GivenPlane("sidecar"),))
    assert planes(cast(Client, cluster), intent).route_fields is None
    assert not cluster.asked
