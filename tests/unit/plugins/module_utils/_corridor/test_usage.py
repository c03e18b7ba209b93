# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who uses a revision: the ways to name one, and what each object says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.usage import Usage, usage_of, ztunnel_revision

Obj = dict[str, Any]


def gateway(name: str, namespace: str, of_class: str = "istio-waypoint", **labels: str) -> Obj:
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"kind": "Gateway", "metadata": meta, "spec": {"gatewayClassName": of_class}}


def labelled(name: str, **labels: str) -> Obj:
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def tag(name: str, revision: str) -> Obj:
    labels = {"istio.io/tag": name, "istio.io/rev": revision}
    return {"metadata": {"name": f"istio-revision-tag-{name}", "labels": labels}}


def istiod(revision: str) -> Obj:
    return {"metadata": {"name": f"istiod-{revision}", "labels": {"istio.io/rev": revision}}}


def pod(name: str, namespace: str, revision: str, owner: str = "", *, gateway: str = "", injected: bool = True) -> Obj:
    meta: Obj = {"name": name, "namespace": namespace, "labels": {"service.istio.io/canonical-name": "web"}}
    if gateway:
        meta["annotations"] = {"istio.io/rev": revision}
        meta["labels"] |= {"gateway.istio.io/managed": "istio.io-mesh-controller"}
        meta["labels"] |= {"gateway.networking.k8s.io/gateway-name": gateway}
    elif injected:
        meta["annotations"] = {"sidecar.istio.io/status": f'{{"revision":"{revision}"}}'}
    if owner:
        meta["ownerReferences"] = [{"kind": "ReplicaSet", "name": f"{owner}-abc", "controller": True}]
    return {"kind": "Pod", "metadata": meta}


def ztunnel(address: str = "", revision: str = "") -> Obj:
    env = [{"name": "XDS_ADDRESS", "value": address}] if address else []
    container = {"name": "istio-proxy", "args": ["proxy", "ztunnel"], "env": env}
    meta: Obj = {"name": "ztunnel", "namespace": "istio-system"}
    if revision:
        meta["annotations"] = {"istio.io/rev": revision}
    return {"kind": "DaemonSet", "metadata": meta, "spec": {"template": {"spec": {"containers": [container]}}}}


def usage() -> Usage:
    return usage_of(
        namespaces=[
            labelled("plain"),
            labelled("injected", **{"istio-injection": "enabled"}),
            labelled("tagged", **{"istio.io/rev": "prod"}),
            labelled("direct", **{"istio.io/rev": "v2"}),
            labelled("both", **{"istio.io/rev": "v2", "istio-injection": "enabled"}),
            labelled("off", **{"istio.io/rev": "v2", "istio-injection": "disabled"}),
        ],
        pods=[
            pod("web-1", "tagged", "v1", "web"),
            pod("web-2", "tagged", "v1", "web"),
            pod("new-1", "tagged", "v2", "new"),
            pod("lone", "direct", "v2"),
            pod("wp-1", "direct", "v2", "wp", gateway="wp"),
            pod("none", "direct", "v2", "none", injected=False),
        ],
        tag_webhooks=[tag("default", "v1"), tag("prod", "v1")],
        istiods=[istiod("v1"), istiod("v2"), istiod("v3")],
        daemon_sets=[ztunnel("istiod-v1.istio-system.svc:15012")],
        gateway_classes=[
            {"metadata": {"name": "istio-waypoint"}, "spec": {"controllerName": "istio.io/mesh-controller"}},
            {"metadata": {"name": "nginx"}, "spec": {"controllerName": "nginx.org/gateway"}},
        ],
        gateways=[
            gateway("wp", "direct"),
            gateway("own", "direct", **{"istio.io/rev": "prod"}),
            gateway("east", "injected"),
            gateway("foreign", "direct", "nginx"),
        ],
    )


def test_everything_that_uses_a_revision_is_told() -> None:
    assert usage().of("v1") == [
        "tag default",
        "tag prod",
        "Namespace both (istio-injection=enabled)",
        "Namespace injected (istio-injection=enabled)",
        "Namespace tagged (istio.io/rev=prod)",
        "Gateway direct/own",
        "Gateway injected/east",
        "DaemonSet istio-system/ztunnel",
        "Deployment tagged/web (2 pods)",
    ]
    assert usage().of("v2") == [
        "Namespace direct (istio.io/rev=v2)",
        "Gateway direct/wp",
        "Deployment direct/wp (1 pod)",
        "Deployment tagged/new (1 pod)",
        "Pod direct/lone (1 pod)",
    ]
    assert usage().of("v3") == []
    assert usage().unused() == ["v3"]


def test_by_a_tag_only_those_that_name_it() -> None:
    assert usage().namespaces_on("prod") == ["tagged"]
    assert usage().namespaces_on("default") == ["both", "injected"]
    assert usage().gateways_on("prod") == ["direct/own"]


def test_a_tag_resolves_and_a_revision_stays() -> None:
    assert (usage().resolve("prod"), usage().resolve("v2"), usage().resolve("other")) == ("v1", "v2", "other")


def test_a_pod_is_on_what_it_runs_whatever_its_namespace_names() -> None:
    assert usage().pods_on("v1") == {"Deployment tagged/web": ["tagged/web-1", "tagged/web-2"]}
    assert "Deployment tagged/new" in usage().pods_on("v2")


def test_waypoints_proxies_belong_to_their_gateway() -> None:
    assert {one.name: one.gateway for one in usage().proxies if one.gateway} == {"wp-1": "direct/wp"}


def test_in_place_there_is_a_revision_default_and_no_tag() -> None:
    found = usage_of(namespaces=[labelled("a", **{"istio-injection": "enabled"})], istiods=[istiod("default")])
    assert found.of("default") == ["Namespace a (istio-injection=enabled)"]


@pytest.mark.parametrize("revisions", [["default", "v2"], ["v2"]])
def test_a_tag_default_takes_the_namespaces_from_the_revision_default(revisions: list[str]) -> None:
    found = usage_of(
        namespaces=[labelled("a", **{"istio-injection": "enabled"})],
        istiods=[istiod(one) for one in revisions],
        tag_webhooks=[tag("default", "v2")],
        pods=[pod("web-1", "a", "default", "web")],
    )
    assert found.of("v2") == ["tag default", "Namespace a (istio-injection=enabled)"]
    # What still runs the old one is found all the same.
    assert "default" not in revisions or found.of("default") == ["Deployment a/web (1 pod)"]


@pytest.mark.parametrize(
    ("daemon_set", "revision"),
    [
        (ztunnel("istiod.istio-system.svc:15012"), "default"),
        (ztunnel("istiod-default-v1-31-1.istio-system.svc:15012", "canary"), "default-v1-31-1"),
        (ztunnel("https://istiod-revision-tag-prod.mesh.svc:15012"), "prod"),
        (ztunnel("", "canary"), "canary"),
        (ztunnel("xds.example.com:15012", "canary"), "canary"),
        (ztunnel(), "default"),
    ],
)
def test_a_ztunnel_is_on_the_revision_it_dials(daemon_set: Obj, revision: str) -> None:
    assert ztunnel_revision(daemon_set) == revision
