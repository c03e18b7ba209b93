# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture's proxies and certificates, as istiod, ztunnels and Envoys tell them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.picture import picture
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot

from .pictures import Obj, answer, certificate, lists, root, seen, synced
from .snapshots import broken

LEAF = {"serial": "5", "not_before": "2026-11-21T00:00:00Z", "not_after": "2026-11-22T00:00:00Z"}
ROOT = {"serial": "a1b2c", "not_before": "2026-01-01T00:00:00Z", "not_after": "2036-01-01T00:00:00Z"}
OTHER = {"serial": "77", "not_before": "2025-06-01T00:00:00Z", "not_after": "2027-06-01T00:00:00Z"}


def istiod(name: str, *proxies: Obj, error: str = "") -> Obj:
    return {**answer(name, "istio-system", revision="default", proxies=list(proxies)), "error": error}


def proxies(*replicas: Obj) -> dict[str, Any]:
    return picture(seen(lists(istiod_sync=list(replicas))), ["proxies"])


def test_proxies_by_how_far_they_are() -> None:
    shown = proxies(
        istiod(
            "one",
            synced("a.shop"),
            synced("b.shop", acked=""),
            synced("c.shop", error="no such cluster"),
            synced("z.istio-system", "ztunnel"),
            {**synced("d.shop"), "types": [{"name": "Secret", "sent": "", "acked": "", "error": ""}]},
        )
    )
    assert shown["proxies"] == {
        "connected": 5,
        "synced": 3,
        "stale": 1,
        "rejecting": 1,
        "by_type": {"sidecar": 4, "ztunnel": 1},
    }


def test_a_proxy_at_two_istiods_counts_once_and_by_the_worse() -> None:
    shown = proxies(istiod("one", synced("a.shop")), istiod("two", synced("a.shop", acked="")))["proxies"]
    assert (shown["connected"], shown["stale"], shown["synced"]) == (1, 1, 0)


def test_two_clusters_may_have_pods_of_one_name() -> None:
    shown = proxies(istiod("one", synced("a.shop"), {**synced("a.shop"), "cluster": "east"}))["proxies"]
    assert shown["connected"] == 2


def test_an_istiod_that_did_not_answer_is_told() -> None:
    shown = proxies(istiod("one", synced("a.shop")), istiod("two", error="no answer within 5 s"))
    assert shown["proxies"]["connected"] == 1
    assert shown["unread"] == {"istiod_sync": "1 of 2 did not answer: no answer within 5 s"}


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        (seen(lists(istiod_sync=[istiod("one", error="timed out")])), "1 of 1 did not answer: timed out"),
        (seen(lists()), "no istiod is ready"),
        (broken(seen(lists()), "istiod_sync", "may not create pods/portforward"), "may not create pods/portforward"),
        (Snapshot(), "istiod_sync was not read"),
    ],
    ids=["silent", "none ready", "forbidden", "not asked"],
)
def test_why_nothing_is_known_of_proxies(look: Snapshot, reason: str) -> None:
    assert picture(look, ["proxies"])["proxies"] == {"unknown": reason}


def certificates(**more: list[Obj]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = picture(seen(_bare(**more)), ["certificates"])["certificates"]
    return found


def _bare(**more: list[Obj]) -> dict[str, list[Obj]]:
    """Without the recorded mesh's own roots."""
    found = lists(**more)
    found["root_certificates"] = more.get("root_certificates", [])
    return found


def ztunnel(name: str, *entries: Obj) -> Obj:
    return answer(name, "istio-system", node="node-1", certificates=list(entries))


def of(identity: str, **leaf: str) -> Obj:
    return {"identity": identity, "state": "Available", "leaf": {**LEAF, **leaf}, "root": ROOT}


def test_a_root_that_namespaces_are_given_is_told_once() -> None:
    homes = [root(name, certificate()) for name in ("a", "b", "c")]
    assert certificates(root_certificates=homes) == [
        {
            "what": "root certificate O=cluster.local",
            "where": "ConfigMap istio-ca-root-cert of 3 namespaces",
            "not_before": "2026-01-01T00:00:00Z",
            "not_after": "2036-01-01T00:00:00Z",
        }
    ]


def test_two_roots_are_told_apart_and_the_first_to_end_comes_first() -> None:
    homes = [root("a", certificate()), root("b", certificate("other-root")), root("c", certificate("other-root"))]
    shown = certificates(root_certificates=homes)
    assert [(entry["what"], entry["where"][-12:]) for entry in shown] == [
        ("root certificate O=Example, CN=Root CA", "2 namespaces"),
        ("root certificate O=cluster.local", " 1 namespace"),
    ]


def test_a_root_that_proxies_show_too_is_the_same() -> None:
    shown = certificates(
        root_certificates=[root("a", certificate())],
        ztunnel_dumps=[ztunnel("zt-1", of("spiffe://cluster.local/ns/shop/sa/web"))],
        envoy_certificates=[answer("edge", "edge", proxy="gateway", certificates=[{"name": "ROOTCA", **ROOT}])],
    )
    assert [entry["what"] for entry in shown] == [
        "certificate of spiffe://cluster.local/ns/shop/sa/web",
        "root certificate O=cluster.local",
    ]
    assert shown[1]["where"] == "ConfigMap istio-ca-root-cert of 1 namespace and 2 pods more"


def test_an_identity_is_told_by_its_first_end() -> None:
    who = "spiffe://cluster.local/ns/shop/sa/web"
    shown = certificates(
        ztunnel_dumps=[
            ztunnel("zt-1", of(who)),
            ztunnel("zt-2", of(who, not_after="2026-11-21T12:00:00Z")),
        ]
    )
    assert shown[0] == {
        "what": f"certificate of {who}",
        "where": "Pod istio-system/zt-2 and 1 pod more",
        "not_before": "2026-11-21T00:00:00Z",
        "not_after": "2026-11-21T12:00:00Z",
    }


def test_certificates_of_envoys() -> None:
    shown = certificates(
        envoy_certificates=[
            answer("web-1", "shop", proxy="sidecar", certificates=[{"name": "default", **LEAF}]),
            answer("edge-1", "edge", proxy="gateway", certificates=[{"name": "default", **LEAF, **OTHER}]),
        ]
    )
    assert [(entry["what"], entry["where"]) for entry in shown] == [
        ("certificate of a sidecar", "Pod shop/web-1"),
        ("certificate of a gateway", "Pod edge/edge-1"),
    ]


def test_many_workloads_leave_room_for_the_roots() -> None:
    many = [of(f"spiffe://cluster.local/ns/shop/sa/{place:03}") for place in range(120)]
    shown = certificates(root_certificates=[root("a", certificate())], ztunnel_dumps=[ztunnel("zt-1", *many)])
    assert len(shown) == 50
    assert shown[-1]["what"] == "root certificate O=cluster.local"
    assert shown == sorted(shown, key=lambda entry: entry["not_after"])


def test_certificates_of_some_namespaces() -> None:
    found = _bare(
        root_certificates=[root("shop", certificate())],
        ztunnel_dumps=[ztunnel("zt-1", of("spiffe://cluster.local/ns/shop/sa/web"), of("spiffe://d/ns/bank/sa/x"))],
        envoy_certificates=[answer("t", "bank", proxy="sidecar", certificates=[{"name": "default", **LEAF}])],
    )
    shown = picture(seen(found), ["certificates"], ["shop"])["certificates"]
    assert [entry["what"] for entry in shown] == [
        "certificate of spiffe://cluster.local/ns/shop/sa/web",
        "root certificate O=cluster.local",
    ]


def test_a_root_that_cannot_be_understood_is_told() -> None:
    found = _bare(root_certificates=[root("a", certificate()), root("b", "nonsense"), root("c", "nonsense")])
    shown = picture(seen(found), ["certificates"])
    assert len(shown["certificates"]) == 1
    assert shown["unread"]["root_certificates"].startswith("ConfigMap b/istio-ca-root-cert and 1 more: it holds no")


def test_without_asking_proxies_the_roots_are_told() -> None:
    found = _bare(root_certificates=[root("a", certificate())])
    del found["ztunnel_dumps"], found["envoy_certificates"]
    shown = picture(seen(found), ["certificates"])
    assert len(shown["certificates"]) == 1
    assert shown["unread"] == dict.fromkeys(("envoy_certificates", "ztunnel_dumps"), "it was not asked for")
