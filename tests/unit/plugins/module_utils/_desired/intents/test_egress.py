# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`egress`: its page, what it refuses, and what each data plane can do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.intents.planes import DataPlane, Planes

from . import edge

PAGE = list(edge.examples("egress"))
PLAIN = {"number": 80, "protocol": "HTTP"}
TLS = {"number": 443, "protocol": "TLS"}


@pytest.mark.parametrize(
    ("heading", "short", "kinds", "expected"), PAGE, ids=[f"{each[0]}-{each[2][0]}" for each in PAGE]
)
def test_the_page_says_what_is_made(heading: str, short: str, kinds: tuple[str, ...], expected: str) -> None:
    assert heading
    edge.holds("egress", short, kinds, expected)


def short(**entry: Any) -> str:
    given = {"namespace": "shop", **entry}
    if "registry_only" not in entry:
        given = {"hosts": ["api.example.com"], "ports": [PLAIN, TLS], **given}
    return json.dumps({"egress": [given]})


@pytest.mark.parametrize(
    ("kind", "entry", "why"),
    [
        ("sidecars", {"namespace": None}, "it has no namespace"),
        ("sidecars", {"ports": []}, "it says nothing"),
        ("sidecars", {"hosts": ["reviews"]}, "hosts: reviews is a Service of the cluster"),
        ("sidecars", {"hosts": ["reviews.shop.svc.cluster.local"]}, "needs no ServiceEntry"),
        ("sidecars", {"hosts": ["*.a.com"], "resolution": "dns"}, "dns cannot resolve a wildcard"),
        ("sidecars", {"hosts": ["a.com", "a.com"]}, "hosts: one is given twice"),
        ("sidecars", {"resolution": "dynamic_dns"}, "dynamic_dns is for wildcard hosts alone"),
        ("sidecars", {"resolution": "static"}, "static needs `endpoints`"),
        ("sidecars", {"resolution": "none", "endpoints": ["10.0.0.1"]}, "resolution none takes none"),
        ("sidecars", {"ports": [PLAIN, PLAIN]}, "ports: a number is given twice"),
        ("sidecars", {"ports": [{**PLAIN, "number": 0}]}, "0 is no port"),
        ("sidecars", {"waypoint": "a b"}, "waypoint: 'a b' is no name"),
        ("sidecars", {"workload": {"app": "a"}}, "workload: a ServiceEntry is for all"),
        ("sidecars", {"ports": [TLS], "tls_origination": {}}, "all `ports` are TLS already"),
        ("sidecars", {"tls_origination": {"ports": [443]}}, "tls_origination.ports: 443 is TLS already"),
        ("sidecars", {"tls_origination": {"ports": [81]}}, "81 is none of `ports`"),
        ("sidecars", {"tls_origination": {"credential": "ca"}}, "would send plain text without one"),
        ("outside", {"export_to": ["."]}, "it is for its own namespace only"),
        ("ambient", {"hosts": ["*.a.com"]}, "which a wildcard has only with"),
        ("waypoint", {"hosts": ["*.a.com"]}, "which a wildcard has only with"),
        ("ambient", {"resolution": "none"}, "has not; use dns, or give `addresses`"),
        ("sidecars", {"registry_only": True, "resolution": "dns"}, "resolution: means nothing beside `registry_only`"),
        ("outside", {"registry_only": True}, "registry_only: the namespace shop is not in the mesh"),
        ("sidecars", {"registry_only": True, "namespace": "istio-system"}, "mesh's root namespace"),
    ],
)
def test_refused(kind: str, entry: dict[str, Any], why: str) -> None:
    assert why in edge.refusal("egress", short(**entry), edge.PLANES[kind])


def test_an_entry_for_others_may_be_outside_the_mesh() -> None:
    (made,) = edge.made("egress", short(), edge.PLANES["outside"])
    assert made["metadata"] == {"name": "api.example.com", "namespace": "shop"}


def test_a_waypoint_that_the_element_names_is_enough() -> None:
    text = short(waypoint="out", tls_origination={}, ports=[PLAIN])
    entry, rule = edge.made("egress", text, edge.PLANES["ambient"])
    assert entry["metadata"]["labels"] == {"istio.io/use-waypoint": "out"}
    assert rule["spec"]["trafficPolicy"]["portLevelSettings"] == [{"port": {"number": 80}, "tls": {"mode": "SIMPLE"}}]


def test_only_plain_ports_get_tls_and_another_target() -> None:
    entry, *rules = edge.made(
        "egress",
        short(hosts=["a.example.com", "b.example.com"], name="both", tls_origination={"target_port": 8443}),
        edge.PLANES["sidecars"],
    )
    assert [each.get("targetPort") for each in entry["spec"]["ports"]] == [8443, None]
    assert [(each["metadata"]["name"], each["spec"]["host"]) for each in rules] == [
        ("both-a.example.com", "a.example.com"),
        ("both-b.example.com", "b.example.com"),
    ]
    assert [len(each["spec"]["trafficPolicy"]["portLevelSettings"]) for each in rules] == [1, 1]


def test_a_domain_and_all_below_it_have_names_of_their_own() -> None:
    text = json.dumps(
        {"egress": [{"namespace": "shop", "hosts": [host], "ports": [TLS]} for host in ("a.com", "*.a.com")]}
    )
    found = edge.made("egress", text, edge.PLANES["sidecars"])
    assert [(each["metadata"]["name"], each["spec"]["resolution"]) for each in found] == [
        ("a.com", "DNS"),
        ("any.a.com", "NONE"),
    ]


@pytest.mark.parametrize(("said", "mode"), [(True, "REGISTRY_ONLY"), (False, "ALLOW_ANY")])
def test_a_workload_of_its_own_policy(said: bool, mode: str) -> None:
    (made,) = edge.made("egress", short(registry_only=said, workload={"app": "a"}), edge.PLANES["sidecars"])
    assert made["metadata"]["name"] == "a"
    assert made["spec"] == {"workloadSelector": {"labels": {"app": "a"}}, "outboundTrafficPolicy": {"mode": mode}}


def test_a_data_plane_that_is_given() -> None:
    planes = Planes(fallback=DataPlane("ambient", "waypoint"))
    (made,) = edge.made("egress", short(hosts=["*.a.com"], resolution="dynamic_dns"), planes)
    assert made["spec"]["resolution"] == "DYNAMIC_DNS"
