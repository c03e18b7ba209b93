# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture's namespaces: what labels ask for, what pods run, which mTLS holds, how many policies there are."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks import picture_namespaces
from ansible_collections.meshwright.istio.plugins.module_utils._checks.picture import picture
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source

from .pictures import REDIRECTED, Obj, gateway_pod, lists, mtls, pod, policy, seen, whole
from .snapshots import canary, injector, namespace


def spaces(found: Snapshot, **options: Any) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in picture(found, ["namespaces"], **options)["namespaces"]}


def test_namespaces_of_the_mesh_come_first() -> None:
    assert list(spaces(whole())) == ["amb", "side", "two", "default", "istio-system"]


def test_an_ambient_namespace() -> None:
    assert spaces(whole())["amb"] == {
        "name": "amb",
        "mode": "ambient",
        "revision": None,
        "label": "istio.io/dataplane-mode=ambient",
        "waypoint": None,
        "mtls": "strict",
        "pods": 3,
        "sidecars": 0,
        "captured": 1,
        "outside": 1,
        "outdated": 0,
        "policies": {"AuthorizationPolicy": 1},
    }


def test_a_namespace_behind_a_tag_with_a_pod_that_was_not_restarted() -> None:
    shown = spaces(whole())["side"]
    assert (shown["mode"], shown["revision"], shown["label"]) == ("sidecar", "next", "istio.io/rev=prod")
    assert (shown["sidecars"], shown["outdated"]) == (2, 1)


def test_a_proxy_whose_istiod_is_gone_is_outdated() -> None:
    found = lists(namespaces=[namespace("side", rev="default")], pods=[pod("a", "side", sidecar="gone")])
    assert spaces(seen(found))["side"]["outdated"] == 1


@pytest.mark.parametrize(
    ("labels", "mode", "revision"),
    [
        ({}, "none", None),
        ({"mode": "ambient"}, "ambient", None),
        ({"mode": "none"}, "none", None),
        ({"injection": "enabled"}, "sidecar", "default"),
        ({"injection": "disabled", "rev": "next"}, "none", None),
        ({"rev": "next"}, "sidecar", "next"),
        ({"rev": "gone"}, "sidecar", None),
        ({"injection": "enabled", "mode": "ambient"}, "both", "default"),
        ({"rev": "next", "mode": "ambient"}, "both", "next"),
    ],
    ids=str,
)
def test_what_labels_ask_for(labels: dict[str, str], mode: str, revision: str | None) -> None:
    found = lists(namespaces=[namespace("a", **labels)])
    for source, edit in canary().items():
        edit(found[source])
    found["mutating_webhooks"] = [injector("default"), injector("next")]
    shown = spaces(seen(found))["a"]
    assert (shown["mode"], shown["revision"]) == (mode, revision)


@pytest.mark.parametrize(
    ("labels", "waypoint"),
    [
        ({}, None),
        ({"istio.io/use-waypoint": "none"}, None),
        ({"istio.io/use-waypoint": "waypoint"}, "a/waypoint"),
        ({"istio.io/use-waypoint": "shared", "istio.io/use-waypoint-namespace": "infra"}, "infra/shared"),
    ],
    ids=["none", "refused", "its own", "another's"],
)
def test_the_waypoint_that_it_names(labels: dict[str, str], waypoint: str | None) -> None:
    home = namespace("a", mode="ambient")
    home["metadata"]["labels"].update(labels)
    assert spaces(seen(lists(namespaces=[home])))["a"]["waypoint"] == waypoint


def test_pods_of_gateways_are_neither_in_the_mesh_nor_outside() -> None:
    found = lists(namespaces=[namespace("a")], pods=[gateway_pod("waypoint", "a"), pod("x", "a")])
    shown = spaces(seen(found))["a"]
    assert [shown[key] for key in ("pods", "sidecars", "captured", "outside")] == [2, 0, 0, 1]


ROOT = "istio-system"
SELECTED = {"selector": {"matchLabels": {"app": "web"}}}
MTLS: dict[str, tuple[list[Obj], str]] = {
    "nothing said": ([], "unset"),
    "for the mesh": ([mtls("STRICT", ROOT)], "strict"),
    "for the namespace": ([mtls("DISABLE", "a")], "disable"),
    "the namespace before the mesh": ([mtls("STRICT", ROOT), mtls("PERMISSIVE", "a")], "permissive"),
    "the namespace leaves it to the mesh": ([mtls("STRICT", ROOT), mtls("UNSET", "a")], "strict"),
    "of another namespace": ([mtls("STRICT", "b")], "unset"),
    "a workload otherwise": ([mtls("STRICT", "a"), mtls("DISABLE", "a", "web", **SELECTED)], "mixed"),
    "a workload in the same way": ([mtls("STRICT", "a"), mtls("STRICT", "a", "web", **SELECTED)], "strict"),
    "a workload that inherits": ([mtls("STRICT", "a"), mtls("UNSET", "a", "web", **SELECTED)], "strict"),
    "a permissive workload where nothing is said": ([mtls("PERMISSIVE", "a", "web", **SELECTED)], "unset"),
    "a strict workload where nothing is said": ([mtls("STRICT", "a", "web", **SELECTED)], "mixed"),
    "a port otherwise": (
        [mtls("STRICT", "a"), mtls("STRICT", "a", "web", portLevelMtls={"80": {"mode": "DISABLE"}}, **SELECTED)],
        "mixed",
    ),
    "a workload of the root namespace": ([mtls("STRICT", ROOT, "web", **SELECTED)], "unset"),
}


@pytest.mark.parametrize("name", MTLS)
def test_mtls(name: str) -> None:
    given, expected = MTLS[name]
    found = lists(namespaces=[namespace("a", mode="ambient")], peer_authentications=given)
    assert spaces(seen(found))["a"]["mtls"] == expected


def test_mtls_of_the_oldest_policy() -> None:
    younger = mtls("STRICT", "a", "another")
    younger["metadata"]["creationTimestamp"] = "2026-02-01T00:00:00Z"
    found = lists(namespaces=[namespace("a", mode="ambient")], peer_authentications=[younger, mtls("DISABLE", "a")])
    assert spaces(seen(found))["a"]["mtls"] == "disable"


def test_mtls_is_for_who_is_in_the_mesh() -> None:
    """One captured pod is, whatever its namespace says."""
    found = lists(
        namespaces=[namespace("out"), namespace("in")],
        pods=[pod("x", "out"), pod("y", "in", annotations=REDIRECTED)],
        peer_authentications=[mtls("STRICT", ROOT)],
    )
    shown = spaces(seen(found))
    assert (shown["out"]["mtls"], shown["in"]["mtls"]) == ("unset", "strict")
    # what runs in the mesh comes first, whatever the labels say
    assert next(iter(shown)) == "in"


@pytest.mark.parametrize(
    ("own", "expected"), [([], None), ([mtls("STRICT", "a")], "strict"), ([mtls("UNSET", "a")], None)]
)
def test_mtls_of_the_mesh_that_could_not_be_read(own: list[Obj], expected: str | None) -> None:
    found = seen(lists(namespaces=[namespace("a", mode="ambient")]))
    part = Source("peer_authentications", tuple(own), namespaces=frozenset({"a"}), unseen="only a was read")
    assert spaces(Snapshot({**found.sources, part.name: part}))["a"]["mtls"] == expected


def test_two_kinds_of_gateways_are_told_apart() -> None:
    found = lists(
        namespaces=[namespace("a")],
        istio_gateways=[policy("Gateway", "old", "a", group="networking.istio.io")],
        http_routes=[policy("HTTPRoute", name, "a", group="gateway.networking.k8s.io") for name in ("x", "y")],
    )
    shown = picture(seen(found), ["namespaces", "policies"])
    entry = next(each for each in shown["namespaces"] if each["name"] == "a")
    assert entry["policies"] == {"Gateway.networking.istio.io": 1, "HTTPRoute": 2}
    assert (shown["policies"]["Gateway.networking.istio.io"], shown["policies"]["HTTPRoute"]) == (1, 2)


def test_more_than_can_be_told_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_namespaces, "MOST", 3)
    many = [namespace(f"out-{place}") for place in range(4)] + [
        namespace(f"z-{place}", mode="ambient") for place in "ab"
    ]
    shown = picture(seen(lists(namespaces=many)), ["namespaces"])
    assert [entry["name"] for entry in shown["namespaces"]] == ["z-a", "z-b", "default"]
    assert shown["namespaces_left_out"] == 5
