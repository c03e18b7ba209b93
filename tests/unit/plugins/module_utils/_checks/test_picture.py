# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture of a mesh: its planes, components, gateways, cost; and what is told of what could not be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks import picture as drawing
from ansible_collections.meshwright.istio.plugins.module_utils._checks.picture import (
    PARTS,
    SOURCES,
    picture,
    sources_of,
)
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source

from .pictures import (
    REDIRECTED,
    Obj,
    gateway,
    gateway_pod,
    journal,
    lists,
    pod,
    proxy,
    seen,
    whole,
)
from .snapshots import add, broken, canary, drop, environment, healthy, injector, load, namespace, put


def by_name(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in entries}


def bare() -> Snapshot:
    """A cluster without a mesh, all of it read."""
    found: dict[str, list[Any]] = {name: [] for name in SOURCES}
    found["namespaces"] = [namespace("default"), namespace("kube-system")]
    return seen(found)


def test_a_cluster_without_a_mesh_has_nothing_and_that_is_known() -> None:
    shown = picture(bare(), [part for part in PARTS if part not in ("proxies", "certificates")])
    assert shown["mode"] == "none"
    for part in ("control_planes", "tags", "components", "gateways", "waves"):
        assert shown[part] == []
    assert [entry["mode"] for entry in shown["namespaces"]] == ["none", "none"]
    assert shown["versions"] == {"control_plane": [], "cni": [], "ztunnel": [], "proxies": {}}
    assert set(shown["policies"].values()) == {0}
    assert shown["unread"] == {}


def test_nothing_seen_is_not_nothing_there() -> None:
    shown = picture(Snapshot({name: Source(name, error=f"may not list {name}") for name in sources_of(PARTS)}))
    for part in ("mode", "control_planes", "tags", "components", "gateways", "namespaces", "certificates", "resources"):
        assert shown[part] is None, part
    assert shown["waves"] is None
    assert set(shown["policies"].values()) == {None}
    assert set(shown["versions"].values()) == {None}
    assert shown["proxies"] == {"unknown": "may not list istiod_sync"}
    assert shown["unread"] == {name: f"may not list {name}" for name in sources_of(PARTS)}


@pytest.mark.parametrize("part", PARTS)
def test_each_part_makes_do_with_its_own_sources(part: str) -> None:
    full = whole()
    alone = picture(Snapshot({name: full.sources[name] for name in sources_of([part])}, full.taken), [part])
    assert alone.pop("unread") == {}
    assert alone == {key: value for key, value in picture(full).items() if key in alone}
    assert alone[part] is not None


@pytest.mark.parametrize("part", PARTS)
def test_what_was_never_read_is_told(part: str) -> None:
    shown = picture(Snapshot(), [part])
    assert set(shown["unread"]) == set(sources_of([part]))
    assert set(shown["unread"].values()) == {"it was not asked for"}


def test_one_source_less_takes_away_only_what_rests_on_it() -> None:
    full, shown = picture(whole()), picture(broken(whole(), "peer_authentications"))
    assert shown["policies"] == {**full["policies"], "PeerAuthentication": None}
    for before, after in zip(full["namespaces"], shown["namespaces"], strict=True):
        expected = {**before["policies"], "PeerAuthentication": None}
        # outside of the mesh nobody enforces it
        assert after == {**before, "mtls": "unset" if after["mode"] == "none" else None, "policies": expected}
    assert shown["unread"] == {"peer_authentications": "may not list this"}
    assert {key: shown[key] for key in PARTS if key not in ("policies", "namespaces")} == {
        key: full[key] for key in PARTS if key not in ("policies", "namespaces")
    }


def test_what_was_read_in_part_is_told() -> None:
    full = whole()
    part = Source("pods", full.items("pods"), namespaces=frozenset({"amb"}), unseen="only amb was read")
    shown = picture(Snapshot({**full.sources, "pods": part}))
    spaces = by_name(shown["namespaces"])
    assert spaces["amb"]["pods"] == 3
    assert [spaces["side"][key] for key in ("pods", "sidecars", "captured", "outside", "outdated")] == [None] * 5
    assert shown["unread"] == {"pods": "only amb was read"}


# -- control planes, tags, components, versions ------------------------------------------------------------------------


def test_a_control_plane() -> None:
    (plane,) = picture(healthy(), ["control_planes"])["control_planes"]
    assert plane == {
        "namespace": "istio-system",
        "name": "istiod",
        "revision": "default",
        "version": "1.31.1",
        "replicas": 1,
        "ready": 1,
        "ambient": True,
        "tags": [],
        "in_use": True,
        "cluster_name": "Kubernetes",
        "trust_domain": plane["trust_domain"],
        "root_namespace": plane["root_namespace"],
    }


def test_a_canary_and_its_tag() -> None:
    shown = picture(whole(), ["control_planes", "tags", "versions"])
    planes = {plane["revision"]: plane for plane in shown["control_planes"]}
    assert {revision: plane["tags"] for revision, plane in planes.items()} == {"default": [], "next": ["prod"]}
    assert {revision: plane["in_use"] for revision, plane in planes.items()} == {"default": True, "next": True}
    assert shown["tags"] == [{"name": "prod", "revision": "next", "namespaces": ["side"]}]
    assert shown["versions"]["control_plane"] == ["1.31.1", "1.32.0"]


def test_a_canary_that_nobody_uses() -> None:
    planes = picture(healthy(**canary()), ["control_planes"])["control_planes"]
    assert {plane["revision"]: plane["in_use"] for plane in planes} == {"default": True, "next": False}


def test_the_default_tag_is_used_by_injection_too() -> None:
    found = lists(
        namespaces=[
            namespace("one", injection="enabled"),
            namespace("two", rev="default"),
            namespace("no", injection="disabled", rev="default"),
            namespace("other", injection="enabled", rev="next"),
        ]
    )
    found["mutating_webhooks"] = [injector("next", "default")]
    assert picture(seen(found), ["tags"])["tags"] == [
        {"name": "default", "revision": "next", "namespaces": ["one", "other", "two"]}
    ]


def test_a_tag_of_the_operator_that_leads_nowhere() -> None:
    lost = {"kind": "IstioRevisionTag", "metadata": {"name": "prod"}, "status": {"istioRevision": ""}}
    assert picture(seen(lists(sail_tags=[lost])), ["tags"])["tags"] == [
        {"name": "prod", "revision": None, "namespaces": []}
    ]


def test_settings_of_the_mesh() -> None:
    planes = {plane["revision"]: plane for plane in picture(whole(), ["control_planes"])["control_planes"]}
    assert planes["default"]["trust_domain"] == "example.org"
    assert planes["default"]["root_namespace"] == "istio-system"
    # its configuration was not there to be read
    assert planes["next"]["trust_domain"] is None


def test_the_cluster_name_that_istiod_has() -> None:
    (plane,) = picture(healthy(istiods=environment("istiod", "CLUSTER_ID", "homelab")), ["control_planes"])[
        "control_planes"
    ]
    assert plane["cluster_name"] == "homelab"


def test_components_with_what_is_up_to_date() -> None:
    stuck = healthy(daemonsets=put("ztunnel", "status", "updatedNumberScheduled", value=1))
    shown = {entry["component"]: entry for entry in picture(stuck, ["components"])["components"]}
    assert shown["ztunnel"] == {
        "component": "ztunnel",
        "namespace": "istio-system",
        "name": "ztunnel",
        "version": "1.31.1",
        "nodes": 3,
        "updated": 1,
        "ready": 3,
    }
    assert shown["istio-cni"]["updated"] == 3


@pytest.mark.parametrize(
    ("look", "mode"),
    [
        (healthy, "ambient"),
        (
            lambda: healthy(
                istiods=environment("istiod", "PILOT_ENABLE_AMBIENT", None),
                daemonsets=drop("ztunnel"),
            ),
            "sidecar",
        ),
        (lambda: load("healthy-ambient"), "ambient"),
        (lambda: load("sail-cluster-name"), "ambient"),
        (lambda: healthy(istiods=drop(), daemonsets=drop()), "sidecar"),
    ],
    ids=["embedded", "no ztunnel", "recorded ambient", "operator", "istiod elsewhere"],
)
def test_the_mode_of_a_mesh(look: Callable[[], Snapshot], mode: str) -> None:
    assert picture(look(), ["mode"])["mode"] == mode


def test_proxies_by_version() -> None:
    old, odd = pod("old", "side", sidecar="default"), pod("odd", "side", sidecar="default")
    old["spec"]["containers"][-1] = proxy("sidecar", "1.30.3")
    odd["spec"]["containers"][-1]["image"] = "registry.example/proxy@sha256:abc"
    shown = picture(whole(pods=[old, odd]), ["versions"])["versions"]
    assert shown["proxies"] == {"1.30.3": 1, "1.31.1": 3, "unknown": 1}
    assert shown["ztunnel"] == ["1.31.1"]


# -- gateways ----------------------------------------------------------------------------------------------------------


def test_a_waypoint() -> None:
    (shown,) = picture(whole(), ["gateways"])["gateways"]
    assert shown == {
        "namespace": "amb",
        "name": "waypoint",
        "class": "istio-waypoint",
        "role": "waypoint",
        "for": "service",
        "programmed": True,
        "addresses": ["10.0.0.17"],
        "pods": 1,
        "pods_ready": 1,
        "revision": "default",
        "version": "1.31.1",
    }


HBONE = {"protocol": "HBONE"}
PASSING = {"tls": {"options": {"gateway.istio.io/listener-protocol": "auto-passthrough"}}}
GATEWAYS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "ingress": (gateway("g", "amb", "istio", {"protocol": "HTTP"}), "ingress", None),
    "waypoint by its class": (gateway("g", "amb", "istio-waypoint"), "waypoint", "service"),
    "waypoint by its listener": (gateway("g", "amb", "istio", HBONE), "waypoint", "service"),
    "waypoint for all": (
        gateway("g", "amb", "istio-waypoint", HBONE, labels={"istio.io/waypoint-for": "all"}),
        "waypoint",
        "all",
    ),
    "a waypoint of a network": (
        gateway("g", "amb", "istio-waypoint", HBONE, labels={"topology.istio.io/network": "one"}),
        "waypoint",
        "service",
    ),
    "east-west in ambient": (gateway("g", "amb", "istio-east-west", HBONE), "east-west", None),
    "east-west by its listener": (gateway("g", "amb", "istio", PASSING), "east-west", None),
    "east-west by its network": (
        gateway("g", "amb", "istio", labels={"topology.istio.io/network": "one"}),
        "east-west",
        None,
    ),
}


@pytest.mark.parametrize("name", GATEWAYS)
def test_the_role_of_a_gateway(name: str) -> None:
    given, role, stands_for = GATEWAYS[name]
    (shown,) = picture(seen(lists(gateways=[given])), ["gateways"])["gateways"]
    assert (shown["role"], shown["for"]) == (role, stands_for)


def test_gateways_of_others_are_none_of_the_mesh() -> None:
    mine = {
        "kind": "GatewayClass",
        "metadata": {"name": "edge"},
        "spec": {"controllerName": "istio.io/gateway-controller"},
    }
    others = {
        "kind": "GatewayClass",
        "metadata": {"name": "istio-like"},
        "spec": {"controllerName": "example.com/proxy"},
    }
    found = lists(
        gateways=[gateway("a", "amb", "edge"), gateway("b", "amb", "istio-like"), gateway("c", "amb", "nginx")],
        gateway_classes=[mine, others],
    )
    assert [entry["name"] for entry in picture(seen(found), ["gateways"])["gateways"]] == ["a"]


def test_pods_of_a_gateway_that_are_not_ready() -> None:
    found = lists(
        gateways=[gateway("g", "amb", "istio", programmed=False)],
        pods=[gateway_pod("g", "amb", "router"), gateway_pod("g", "amb", "router", name="h", ready=False)],
    )
    (shown,) = picture(seen(found), ["gateways"])["gateways"]
    assert (shown["pods"], shown["pods_ready"], shown["programmed"]) == (2, 1, False)


@pytest.mark.parametrize(
    ("label", "role"),
    [("ingressgateway", "ingress"), ("eastwestgateway", "east-west"), ("egressgateway", "egress")],
)
def test_a_gateway_that_the_injector_made(label: str, role: str) -> None:
    """As charts install it: no Gateway, a Deployment and its Service."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "edge", "namespace": "edge"},
        "spec": {"type": "LoadBalancer", "selector": {"istio": label}, "externalIPs": ["192.0.2.1"]},
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}, {"hostname": "edge.example.org"}]}},
    }
    found = lists(pods=[gateway_pod("edge", "edge", "router", istio=label)], all_services=[service])
    (shown,) = picture(seen(found), ["gateways"])["gateways"]
    assert (shown["namespace"], shown["name"], shown["class"], shown["role"]) == ("edge", "edge", None, role)
    assert shown["addresses"] == ["203.0.113.7", "edge.example.org", "192.0.2.1"]
    assert (shown["programmed"], shown["pods_ready"], shown["version"]) == (None, 1, "1.31.1")


def test_many_gateways_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MOST", 2)
    found = lists(gateways=[gateway(f"g{place}", "amb", "istio") for place in range(5)])
    shown = picture(seen(found), ["gateways"])
    assert ([entry["name"] for entry in shown["gateways"]], shown["gateways_left_out"]) == (["g0", "g1"], 3)


# -- cost, waves -------------------------------------------------------------------------------------------------------


def metrics(name: str, where: str, cpu: str, memory: str) -> Obj:
    usage = {"cpu": cpu, "memory": memory}
    return {"metadata": {"name": name, "namespace": where}, "containers": [{"name": "istio-proxy", "usage": usage}]}


def test_what_proxies_request_and_use() -> None:
    shown = picture(whole(pod_metrics=[metrics("c", "side", "12m", "40Mi"), metrics("d", "side", "8m", "24Mi")]))
    cost = shown["resources"]
    assert cost["total"]["sidecars"] == {
        "proxies": 2,
        "requested": {"cpu_millicores": 200, "memory_mib": 256},
        "used": {"cpu_millicores": 20, "memory_mib": 64},
    }
    assert cost["total"]["waypoints"]["proxies"] == 1
    assert cost["namespaces"]["side"]["sidecars"]["proxies"] == 2
    assert cost["nodes"] == 3
    assert "used_unknown" not in cost


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (Source("pod_metrics", served=False), "the cluster serves no metrics.k8s.io"),
        (Source("pod_metrics", error="may not list pods.metrics.k8s.io"), "may not list pods.metrics.k8s.io"),
    ],
    ids=["not served", "forbidden"],
)
def test_why_it_is_not_known_what_proxies_use(source: Source, reason: str) -> None:
    shown = picture(Snapshot({**whole().sources, source.name: source}), ["resources"])
    assert shown["resources"]["used_unknown"] == reason
    assert shown["resources"]["total"]["sidecars"]["used"] is None
    assert shown["unread"] == ({source.name: reason} if source.error else {})


def test_waves_by_what_namespaces_are_to_become() -> None:
    moves = [
        journal("a", "done", web="done", api="done"),
        journal("b", "restart", failure="timed out", web="started"),
        journal("c", "done", mode="sidecar"),
        journal("d", "return"),
    ]
    shown = by_name(picture(seen(lists(journals=moves)), ["waves"])["waves"])
    assert shown["to ambient"] == {
        "name": "to ambient",
        "status": "failed",
        "namespaces": ["a", "b"],
        "total": 2,
        "done": 1,
        "stages": {"done": 1, "restart": 1},
        "from": {"sidecar": 2},
        "workloads": {"started": 1, "done": 2},
        "failed": ["b"],
        "message": "b: timed out",
        "last": "2026-11-22T02:40:00Z",
    }
    assert shown["to sidecar"]["status"] == "done"
    assert (shown["back to what was"]["status"], shown["back to what was"]["done"]) == ("under way", 0)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"format": 7}', '{"format": 1, "operation": "enrollment"}'])
def test_a_journal_that_cannot_be_understood_is_told(text: str) -> None:
    odd = journal("b", "done")
    odd["data"] = {"journal.json": text} if text else {}
    shown = picture(seen(lists(journals=[journal("a", "done"), odd])), ["waves"])
    assert [wave["namespaces"] for wave in shown["waves"]] == [["a"]]
    assert shown["unread"]["journals"].startswith("ConfigMap b/meshwright-enrollment cannot be understood")


# -- some namespaces only ----------------------------------------------------------------------------------------------


def test_only_the_namespaces_asked_for() -> None:
    shown = picture(whole(), namespaces=["amb"])
    assert [entry["name"] for entry in shown["namespaces"]] == ["amb"]
    assert [entry["namespace"] for entry in shown["gateways"]] == ["amb"]
    assert shown["policies"]["AuthorizationPolicy"] == 1
    assert shown["policies"]["PeerAuthentication"] == 0
    assert shown["versions"]["proxies"] == {"1.31.1": 1}
    assert list(shown["resources"]["namespaces"]) == ["amb"]
    assert [wave["namespaces"] for wave in shown["waves"]] == [["amb"]]
    assert shown["tags"] == [{"name": "prod", "revision": "next", "namespaces": []}]
    assert shown["proxies"]["connected"] == 0
    # the mesh's own are told all the same
    assert len(shown["control_planes"]) == 2
    assert len(shown["components"]) == 2


def test_the_picture_of_recorded_meshes_is_drawn_with_what_there_is() -> None:
    for name in ("healthy-ambient", "healthy-sidecar", "istiod-down", "sail-cluster-name", "ztunnel-rollout-stuck"):
        shown = picture(load(name), ["mode", "control_planes", "components", "versions"])
        assert shown["control_planes"], name
        assert shown["versions"]["control_plane"], name


def test_captured_pods_share_what_ztunnel_requests() -> None:
    shown = picture(healthy(pods=add(pod("a", "amb", annotations=REDIRECTED))), ["resources"])["resources"]
    assert shown["namespaces"]["amb"]["ztunnel_share"]["pods"] == 1
