# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pair of recorded states for each check of the mesh's own parts: one that triggers it, and one that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot

from .snapshots import (
    add,
    bare,
    both,
    canary,
    drop,
    healthy,
    load,
    named,
    namespace,
    put,
    recorded,
    sidecar,
    snapshot,
    twin,
)

_INJECTOR = "istio-sidecar-injector"
_GATEWAY_API = ".gateway.networking.k8s.io"
# ztunnel of the embedded mesh dials istiod of revision default, which is in use thereby
_OLD = canary("old", "1.30.0")
_TAGGED = canary("next", "1.31.1", tag="prod")


class Pair(NamedTuple):
    """`clean` does not trigger the check, `broken` does."""

    clean: Callable[[], Snapshot]
    broken: Callable[[], Snapshot]


def _sail(**lists: str) -> Snapshot:
    """The operator's recorded healthy resources; each keyword puts a recorded list in the place of a source."""
    content = recorded("sail")
    names = ("sail_istios", "sail_revisions", "sail_tags", "sail_cnis", "sail_ztunnels")
    return snapshot({name: content[lists.get(name, name)] for name in names})


def _no_mesh() -> Snapshot:
    return snapshot({name: [] for name in ("istiods", "mutating_webhooks", "services")})


def _without_virtual_services(items: list[dict[str, Any]]) -> None:
    items[:] = [item for item in items if item["kind"] != "VirtualService"]


def _without_gateway_api(items: list[dict[str, Any]]) -> None:
    items[:] = [item for item in items if not item["metadata"]["name"].endswith(_GATEWAY_API)]


def _two_replicas(items: list[dict[str, Any]]) -> None:
    istiod = named("istiod")(items)
    istiod["spec"]["replicas"] = 2
    istiod["status"] |= {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}


_BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "istiod", "namespace": "istio-system"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "istiod", "istio": "pilot"}}},
    "status": {"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2},
}


def _ztunnel_image(version: str) -> Callable[[list[dict[str, Any]]], Any]:
    path = ("spec", "template", "spec", "containers", 0, "image")
    return put("ztunnel", *path, value=f"registry.istio.io/release/ztunnel:{version}")


PAIRS: dict[str, Pair] = {
    "MW0000": Pair(healthy, _no_mesh),
    "MW0001": Pair(healthy, lambda: healthy(api=_without_virtual_services)),
    "MW0002": Pair(_sail, lambda: _sail(sail_istios="never_ready_istios")),
    "MW0003": Pair(_sail, lambda: _sail(sail_revisions="never_ready_revisions")),
    "MW0004": Pair(bare, lambda: bare(**_OLD)),
    "MW0005": Pair(
        lambda: healthy(**_TAGGED),
        lambda: healthy(
            **{**_TAGGED, "endpoint_slices": both(_TAGGED["endpoint_slices"], drop("istiod-next"))},
        ),
    ),
    "MW0006": Pair(_sail, lambda: _sail(sail_ztunnels="orphaned_ztunnels")),
    "MW0007": Pair(lambda: healthy(istiods=_two_replicas, disruption_budgets=add(_BUDGET)), healthy),
    "MW0008": Pair(healthy, lambda: healthy(endpoint_slices=drop())),
    "MW0009": Pair(healthy, lambda: healthy(daemonsets=put("istio-cni-node", "status", "numberReady", value=2))),
    "MW0010": Pair(healthy, lambda: load("ztunnel-rollout-stuck")),
    "MW0011": Pair(healthy, lambda: healthy(daemonsets=_ztunnel_image("1.29.0"))),
    "MW0012": Pair(lambda: load("sail-cluster-name-mended"), lambda: load("sail-cluster-name")),
    "MW0013": Pair(healthy, lambda: load("ztunnel-rollout-stuck")),
    "MW0014": Pair(
        healthy,
        lambda: healthy(
            daemonsets=put("ztunnel", "spec", "template", "spec", "serviceAccountName", value="istio-cni"),
        ),
    ),
    "MW0017": Pair(
        healthy,
        lambda: healthy(
            mutating_webhooks=put(_INJECTOR, "webhooks", 0, "clientConfig", "service", "name", value="istiod-gone"),
        ),
    ),
    "MW0018": Pair(healthy, lambda: healthy(mutating_webhooks=twin(_INJECTOR, f"{_INJECTOR}-copy"))),
    "MW0019": Pair(healthy, lambda: healthy(validating_webhooks=drop("istiod-default-validator"))),
    "MW0020": Pair(healthy, lambda: healthy(namespaces=add(namespace("two", injection="enabled", mode="ambient")))),
    "MW0021": Pair(healthy, lambda: healthy(namespaces=add(namespace("lost", rev="gone")))),
    "MW0022": Pair(healthy, lambda: healthy(proxies=add(sidecar("client", "old", "gone")))),
    "MW0025": Pair(healthy, lambda: healthy(crds=_without_gateway_api)),
}
