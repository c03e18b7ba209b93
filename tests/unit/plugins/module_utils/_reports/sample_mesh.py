# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures as mesh_info gives them, made up."""

from __future__ import annotations

import random
from typing import Any

Info = dict[str, Any]

_NAMES = (
    "shop", "payments", "media", "batch", "legacy", "images", "search", "orders", "ledger", "identity", "mail", "cart",
    "reviews", "pricing", "stock", "shipping", "returns", "fraud", "reports", "catalog",
)  # fmt: skip


def namespace(name: str, mode: str, dice: random.Random, **more: Any) -> Info:
    pods = dice.randint(2, 60)
    labels = {"ambient": "istio.io/dataplane-mode=ambient", "sidecar": "istio.io/rev=stable", "none": None}
    outside = 0 if mode != "none" else pods
    return {
        "name": name, "mode": mode, "revision": "1-31-1" if mode == "sidecar" else None,
        "label": labels.get(mode, "istio-injection=enabled, istio.io/dataplane-mode=ambient"), "waypoint": None,
        "mtls": "strict" if mode != "none" else "unset", "pods": pods, "sidecars": pods if mode == "sidecar" else 0,
        "captured": pods if mode == "ambient" else 0, "outside": outside, "outdated": 0,
        "policies": {"AuthorizationPolicy": dice.randint(0, 4), "HTTPRoute": dice.randint(0, 3)}, **more,
    }  # fmt: skip


def waypoint(home: str, ready: int = 2, programmed: bool = True) -> Info:
    return {
        "namespace": home, "name": "waypoint", "class": "istio-waypoint", "role": "waypoint", "for": "service",
        "programmed": programmed, "addresses": ["10.96.14.3"], "pods": 2, "pods_ready": ready, "revision": "1-31-1",
        "version": "1.31.1",
    }  # fmt: skip


def plane(revision: str, version: str, tags: list[str], ready: int = 2, in_use: bool = True) -> Info:
    return {
        "namespace": "istio-system", "name": f"istiod-{revision}", "revision": revision, "version": version,
        "replicas": 2, "ready": ready, "ambient": True, "tags": tags, "in_use": in_use, "cluster_name": "production",
        "trust_domain": "cluster.local", "root_namespace": "istio-system",
    }  # fmt: skip


def agents(nodes: int, updated: int | None = None) -> list[Info]:
    return [
        {"component": "istio-cni", "namespace": "istio-system", "name": "istio-cni-node", "version": "1.31.1",
         "nodes": nodes, "updated": nodes, "ready": nodes},
        {"component": "ztunnel", "namespace": "istio-system", "name": "ztunnel", "version": "1.31.1", "nodes": nodes,
         "updated": nodes if updated is None else updated, "ready": nodes},
    ]  # fmt: skip


def certificates(root_ends: str, leaves: int = 4) -> list[Info]:
    root = {"what": "root certificate O=cluster.local", "where": "ConfigMap istio-ca-root-cert of 14 namespaces",
            "not_before": "2016-12-15T08:00:00Z", "not_after": root_ends}  # fmt: skip
    names = ("shop/sa/catalog", "payments/sa/gateway", "istio-system/sa/ztunnel", "media/sa/reviews")
    ends = ("2026-11-22T10:05:00Z", "2026-11-22T19:20:00Z", "2026-11-23T03:00:00Z", "2026-11-23T09:10:00Z")
    return [
        root,
        *(
            {"what": f"certificate of spiffe://cluster.local/ns/{names[place % 4]}{place // 4 or ''}",
             "where": "Pod istio-system/ztunnel-x7kq2",
             "not_before": ends[place % 4].replace("-23T", "-22T").replace("11-22T1", "11-21T1"),
             "not_after": ends[place % 4]}
            for place in range(leaves)
        ),
    ]  # fmt: skip


def resources(namespaces: list[Info], nodes: int) -> Info:
    def tally(count: int, cpu: float, memory: float) -> Info:
        requested = {"cpu_millicores": count * cpu, "memory_mib": count * memory}
        return {"proxies": count, "requested": requested, "used": None}

    sidecars = sum(each["sidecars"] for each in namespaces)
    waypoints = sum(2 for each in namespaces if each["waypoint"])
    parts = [tally(sidecars, 100, 128), tally(nodes, 200, 512), tally(waypoints, 100, 128)]
    whole = {
        "proxies": sum(part["proxies"] for part in parts),
        "requested": {key: sum(part["requested"][key] for part in parts) for key in ("cpu_millicores", "memory_mib")},
        "used": None,
    }
    return {
        "total": {"sidecars": parts[0], "ztunnel": parts[1], "waypoints": parts[2], "all": whole},
        "namespaces": {
            "istio-system": {"ztunnel": parts[1]},
            **{n["name"]: {"sidecars": tally(n["sidecars"], 100, 128)} for n in namespaces if n["sidecars"]},
        },
        "ztunnel_nodes": nodes, "nodes": nodes, "used_unknown": "what proxies use is not read here",
    }  # fmt: skip


def _info(namespaces: list[Info], planes: list[Info], gateways: list[Info], nodes: int, **more: Any) -> Info:
    connected = sum(each["sidecars"] for each in namespaces) + len(gateways) * 2 + nodes
    return {
        "mode": "ambient", "control_planes": planes,
        "tags": [{"name": tag, "revision": p["revision"], "namespaces": []} for p in planes for tag in p["tags"]],
        "components": agents(nodes), "gateways": gateways, "namespaces": namespaces, "namespaces_left_out": 0,
        "gateways_left_out": 0, "policies": {"AuthorizationPolicy": 41, "HTTPRoute": 22, "PeerAuthentication": 9},
        "versions": {"control_plane": [each["version"] for each in planes], "cni": ["1.31.1"], "ztunnel": ["1.31.1"],
                     "proxies": {"1.31.1": max(1, connected - nodes)}},
        "proxies": {"connected": connected, "synced": connected, "stale": 0, "rejecting": 0,
                    "by_type": {"sidecar": connected - nodes, "ztunnel": nodes}},
        "certificates": certificates("2036-12-12T08:00:00Z"), "resources": resources(namespaces, nodes), "waves": [],
        "unread": {}, **more,
    }  # fmt: skip


def small() -> Info:
    dice = random.Random(1)
    spaces = [namespace(name, "ambient", dice) for name in _NAMES[:6]] + [namespace("kube-system", "none", dice)]
    spaces[0]["waypoint"] = "shop/waypoint"
    return _info(spaces, [plane("default", "1.31.1", ["default"])], [waypoint("shop")], 3)


def middling() -> Info:
    dice = random.Random(2)
    modes = ("ambient", "ambient", "ambient", "sidecar", "sidecar", "none")
    spaces = [namespace(name, modes[place % 6], dice) for place, name in enumerate(_NAMES)]
    spaces.append(namespace("sandbox", "both", dice, revision="1-31-1"))
    spaces[0]["waypoint"], spaces[1]["waypoint"], spaces[2]["mtls"] = "shop/waypoint", "payments/guard", "permissive"
    spaces[4].update(mode="sidecar", revision="1-30-3", outdated=12, label="istio.io/rev=1-30-3")
    spaces[7].update(mtls=None, pods=None)
    spaces[8]["mtls"] = "disable"
    ingress = {**waypoint("istio-ingress"), "name": "public", "class": "istio", "role": "ingress", "for": None,
               "addresses": ["203.0.113.10"]}  # fmt: skip
    planes = [plane("1-31-1", "1.31.1", ["stable", "default"]), plane("1-30-3", "1.30.3", ["old"], ready=1),
              plane("canary", "1.31.1", [], in_use=False)]  # fmt: skip
    return _info(
        spaces, planes, [waypoint("shop", ready=0), waypoint("orders"), ingress], 12,
        components=agents(12, updated=4), certificates=certificates("2026-12-13T08:00:00Z"),
        proxies={"connected": 214, "synced": 209, "stale": 3, "rejecting": 2, "by_type": {"sidecar": 200}},
        unread={"metrics": "pods/portforward may not be created in istio-system"},
    )  # fmt: skip


def large(count: int) -> Info:
    dice = random.Random(3)
    modes = ("ambient", "ambient", "ambient", "sidecar", "none")
    spaces = [
        namespace(f"{_NAMES[place % len(_NAMES)]}-{place:04d}", modes[dice.randrange(5)], dice)
        for place in range(count)
    ]
    waypoints = []
    for each in spaces:
        if each["mode"] == "ambient" and dice.random() < 0.3:
            each["waypoint"] = f"{each['name']}/waypoint"
            waypoints.append(waypoint(each["name"], ready=2 if dice.random() < 0.95 else 0))
        if each["mode"] == "sidecar":
            each["revision"] = "1-31-1" if dice.random() < 0.8 else "1-30-3"
        if each["mode"] != "none" and dice.random() < 0.3:
            each["mtls"] = "permissive"
    planes = [plane("1-31-1", "1.31.1", ["stable", "default"]), plane("1-30-3", "1.30.3", ["old"])]
    return _info(spaces, planes, waypoints, 120, certificates=certificates("2031-12-13T08:00:00Z", 40))


def replaced(value: Any, text: str) -> Any:
    """The same shape with every text replaced."""
    if isinstance(value, dict):
        return {key: replaced(each, text) for key, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, text) for each in value]
    return text if isinstance(value, str) and value not in ("ambient", "sidecar", "both", "none") else value
