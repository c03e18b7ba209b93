# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has to be moved, and which pods would not follow."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.upgrade.seen import Seen, seen_of
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.usage import usage_of
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.workloads import Workload

from .test_usage import gateway, istiod, labelled, pod, tag

OLD, NEW = "default-v1-31-1", "default-v1-32-0"
CLASSES: list[Any] = [
    {"metadata": {"name": "istio-waypoint"}, "spec": {"controllerName": "istio.io/mesh-controller"}},
    {"metadata": {"name": "istio"}, "spec": {"controllerName": "istio.io/gateway-controller"}},
]


def seen(*, namespaces: Any = (), pods: Any = (), gateways: Any = (), default: str = OLD) -> Seen:
    spaces, proxies, doors = list(namespaces), list(pods), list(gateways)
    usage = usage_of(
        namespaces=spaces,
        pods=proxies,
        tag_webhooks=[tag("default", default), tag("default-previous", OLD)],
        istiods=[istiod(OLD), istiod(NEW)],
        gateway_classes=CLASSES,
        gateways=doors,
    )
    return seen_of(usage, pods=proxies, gateways=doors, classes=CLASSES, namespaces=spaces)


def names(found: Seen, revision: str = OLD) -> set[str]:
    return {unit.name for unit in found.units(revision)}


def test_a_namespace_counts_by_its_label_or_its_pods_but_not_by_a_tag_alone() -> None:
    found = seen(
        namespaces=[
            labelled("by-revision", **{"istio.io/rev": OLD}),
            labelled("by-tag", **{"istio-injection": "enabled"}),
            labelled("empty", **{"istio-injection": "enabled"}),
            labelled("moved", **{"istio.io/rev": NEW}),
        ],
        pods=[pod("a", "by-tag", OLD, "a"), pod("b", "moved", NEW, "b")],
    )
    assert names(found) == {"namespace/by-revision", "namespace/by-tag"}
    assert names(found, NEW) == {"namespace/moved"}


def test_waypoints_and_gateways_are_units_of_their_own() -> None:
    injected = pod("in", "ingress", OLD, "istio-ingress")
    injected["metadata"]["annotations"] |= {"inject.istio.io/templates": "gateway"}
    found = seen(
        gateways=[
            gateway("waypoint", "shop"),
            gateway("front", "shop", "istio", **{"istio.io/rev": OLD}),
            gateway("there", "shop", "istio", **{"istio.io/rev": NEW}),
        ],
        pods=[pod("waypoint-1", "shop", OLD, gateway="waypoint"), injected],
    )
    assert names(found) == {"waypoint/shop/waypoint", "gateway/shop/front", "gateway/ingress/Deployment/istio-ingress"}


def test_a_gateway_whose_tag_has_moved_is_left_until_its_pods_are_new() -> None:
    one = gateway("waypoint", "shop")
    assert names(seen(gateways=[one], default=NEW)) == set()
    still = pod("waypoint-1", "shop", OLD, gateway="waypoint")
    assert names(seen(gateways=[one], pods=[still], default=NEW)) == {"waypoint/shop/waypoint"}


def test_a_tag_that_only_holds_is_nobodys() -> None:
    found = seen()
    assert "tag default-previous" in found.usage.of(OLD)
    assert "tag default-previous" not in found.without(frozenset({"default-previous"})).usage.of(OLD)


@pytest.mark.parametrize(
    ("labels", "pod_labels", "why"),
    [
        ({"istio-injection": "enabled"}, {}, ""),
        ({"istio.io/rev": OLD}, {}, ""),
        ({"istio.io/rev": "default"}, {}, ""),
        ({"istio.io/rev": "default-previous"}, {}, "asks for default-previous"),
        ({}, {"istio.io/rev": OLD}, f"ask for {OLD} themselves"),
        ({}, {"istio.io/rev": "default"}, ""),
        ({}, {"sidecar.istio.io/inject": "true"}, ""),
        ({}, {}, "take the proxy away"),
        # The namespace's label goes first.
        ({"istio.io/rev": OLD}, {"istio.io/rev": OLD}, ""),
    ],
)
def test_which_pods_would_follow(labels: dict[str, str], pod_labels: dict[str, str], why: str) -> None:
    one = pod("web-1", "app", OLD, "web")
    one["metadata"]["labels"] |= pod_labels
    found = seen(namespaces=[labelled("app", **labels)], pods=[one])
    told = found.blockers(Workload("Deployment", "app", "web", OLD, ("web-1",)), OLD, NEW, {"default": NEW})
    assert (why in told[0]) if why else told == []
