# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what proxies cost, against a client that answers from memory: metrics as a metrics server gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.proxies import SIDECARS, ZTUNNEL, Amount
from ansible_collections.meshwright.istio.plugins.module_utils._checks.resources import Tally
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.enrollment.accounting import account_resources
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden, NotFound, Unreachable
from ansible_collections.meshwright.istio.plugins.module_utils._kube.answers import Response
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline

Obj = dict[str, Any]
METRICS = "/apis/metrics.k8s.io/v1beta1/pods"
PODS = "/api/v1/pods"
PROXIES, ZTUNNELS = "service.istio.io/canonical-name", "app=ztunnel"


class Memory:
    """Answers lists by path and selector, two objects to a page; errors by path."""

    def __init__(self, lists: Mapping[tuple[str, str], list[Obj]], errors: Mapping[str, Exception]) -> None:
        self.lists, self.errors = lists, errors
        self.deadline = Deadline(60)
        self.pages = 0

    def with_deadline(self, _deadline: Deadline) -> Memory:
        return self

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [call(item) for item in items]

    def list(self, kind: Any, **_more: Any) -> list[Obj]:
        if kind.plural in self.errors:
            raise self.errors[kind.plural]
        return [{}, {}, {}]

    def raw(self, _method: str, path: str, *, query: Mapping[str, str]) -> Response:
        if path in self.errors:
            raise self.errors[path]
        found = self.lists[path, query["labelSelector"]]
        start = int(query.get("continue", "0"))
        self.pages += 1
        metadata = {"continue": str(start + 2)} if "limit" in query and start + 2 < len(found) else {}
        page = found[start : start + 2] if "limit" in query else found
        return Response(200, json.dumps({"metadata": metadata, "items": page}).encode())


def pod(kind: str, namespace: str, name: str, node: str = "n1") -> Obj:
    requests = {"cpu": "100m", "memory": "128Mi"}
    container = {"name": "istio-proxy", "args": ["proxy", kind], "resources": {"requests": requests}}
    spec = {"nodeName": node, "containers": [container]}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec, "status": {"phase": "Running"}}


def metrics(namespace: str, name: str) -> Obj:
    """As metrics-server answers."""
    used = {"cpu": "2500000n", "memory": "40960Ki"}
    containers = [{"name": "web", "usage": {"cpu": "1", "memory": "1Gi"}}, {"name": "istio-proxy", "usage": used}]
    return {"metadata": {"name": name, "namespace": namespace}, "window": "15s", "containers": containers}


LISTS = {
    (PODS, PROXIES): [*(pod("sidecar", "shop", f"web-{n}") for n in range(5)), pod("router", "shop", "gateway")],
    (PODS, ZTUNNELS): [pod("ztunnel", "mesh", f"z{n}", f"n{n}") for n in range(2)],
    (METRICS, PROXIES): [metrics("shop", f"web-{n}") for n in range(4)],
    (METRICS, ZTUNNELS): [metrics("mesh", f"z{n}") for n in range(2)],
}


@pytest.fixture
def errors() -> dict[str, Exception]:
    return {}


def read(errors: Mapping[str, Exception], **more: Any) -> Any:
    return account_resources(cast(Client, Memory(LISTS, errors)), **more)


def test_what_is_requested_and_used(errors: dict[str, Exception]) -> None:
    found = read(errors, captured={"shop": 1})
    assert found.of("shop", SIDECARS) == Tally(5, 0, Amount(500, 640), 4, Amount(10, 160))
    assert found.of("mesh", ZTUNNEL) == Tally(2, 0, Amount(200, 256), 2, Amount(5, 80))
    assert (found.nodes, found.ztunnel_nodes, found.unmeasured) == (3, 2, "")
    assert found.share("shop") == Amount(200, 256)
    assert sorted(found.tallies) == ["mesh", "shop"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotFound("no such path", status=404), "the cluster serves no metrics.k8s.io"),
        (Forbidden("Could not list pods.", status=403), "metrics.k8s.io: Could not list pods."),
        (Unreachable("It is down.", status=503), "metrics.k8s.io: It is down."),
    ],
)
def test_without_metrics_the_reason_is_told(errors: dict[str, Exception], error: Exception, reason: str) -> None:
    errors[METRICS] = error
    found = read(errors)
    assert (found.unmeasured, found.total().used, found.total().requested) == (reason, None, Amount(700, 896))
    assert found.shown()["used_unknown"] == reason


def test_what_may_not_be_read(errors: dict[str, Exception]) -> None:
    errors["nodes"] = Forbidden("no nodes", status=403)
    found = read(errors)
    assert (found.nodes, found.total().proxies) == (None, 7)
    errors[PODS] = Forbidden("no pods", status=403)
    assert read(errors).shown() == {"unknown": "no pods"}
    errors[PODS] = Unreachable("gone")
    with pytest.raises(Unreachable):
        read(errors)
