# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read for one question beside what all checks read."""

from __future__ import annotations

from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain.wanted import Wanted, wanted
from ansible_collections.meshwright.istio.plugins.module_utils._intent.explain import question_of

from .test_gateway import TestIstio as Istio
from .test_gateway import world as ingress
from .world import World


def of(world: World, **params: str) -> Wanted:
    return wanted(world.snapshot, question_of({key.rstrip("_"): value for key, value in params.items()}))


def test_of_a_pod() -> None:
    found = of(World(), pod="shop/web")
    assert list(found.pods) == [("shop", "web-7d9f-shop")]
    assert list(found.workloads) == [("shop", "web")]
    assert not (found.services or found.troubled or found.logs or found.client)


def test_of_a_pod_in_trouble() -> None:
    world = World()
    for each in (*world.lists["pods"], *world.lists["component_pods"]):
        each["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    assert list(of(world, pod="shop/web").troubled) == [("shop", "web-7d9f-shop")]
    found = of(world, pod="istio-system/ztunnel")
    assert len(found.logs) == 3


def test_of_a_way() -> None:
    found = of(World(), from_="side/client", to="shop/web:80")
    assert list(found.services) == [("shop", "web")]
    assert list(found.pods) == [("side", "client-7d9f-side"), ("shop", "web-7d9f-shop")]
    assert found.client == ("side", "client-7d9f-side")
    assert of(World(), from_="shop/client", to="shop/web").client is None


def test_of_a_service_with_ways_in() -> None:
    found = of(ingress(), to="shop/web")
    assert ("out", "public-7d9f-out") in found.pods


def test_of_gateways() -> None:
    assert list(of(ingress(), gateway="out/public").services) == [("shop", "web")]
    found = of(Istio().world(tls={"credentialName": "shop-tls"}), gateway="out/old")
    assert (list(found.secrets), list(found.services)) == ([("istio-system", "shop-tls")], [("shop", "web")])


def test_of_what_is_not_there() -> None:
    found = of(World(), from_="shop/gone", to="shop/gone")
    assert (list(found.workloads), list(found.services), list(found.pods)) == (
        [("shop", "gone")],
        [("shop", "gone")],
        [],
    )
