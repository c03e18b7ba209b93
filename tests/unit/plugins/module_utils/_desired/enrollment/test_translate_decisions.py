# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is admitted to what stays the same all the way between sidecars and a waypoint, for who goes by the waypoint.

What a sidecar, a waypoint and ztunnel decide is worked out here anew, from the objects alone: each ALLOW and DENY is
matched as Istio's reference says, at a waypoint with the client and the Service's port, at the pod with the waypoint's
identity and the pod's port.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.ambient import http_fields
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import AUTHORIZATION, Scene
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.view import action, selector, targets
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.translate import (
    to_sidecars,
    to_waypoint,
)

from ..._checks.policy.policies import Obj, authorization, space, waypoint
from .test_translate_account import states
from .translating import BY, CLIENT, OTHERS, OWN, PATHS, PORTS, REVIEWS, leads, refusals, sidecar, viewed

FRONT, BACK = "cluster.local/ns/web/sa/front", "cluster.local/ns/web/sa/back"
POOL = [
    authorization("get-api", rules=[PATHS], selector=REVIEWS),
    authorization("front-gets", rules=[{**PATHS, **CLIENT}]),
    authorization("front", rules=[CLIENT], selector=REVIEWS),
    authorization("port", rules=[PORTS]),
    authorization("nothing", rules=[]),
    authorization("everything", rules=[{}]),
    authorization("web", rules=[{"from": [{"source": {"namespaces": ["web"]}}], **PORTS}]),
    authorization("no-api", action="DENY", rules=[PATHS]),
    authorization("no-others", action="DENY", rules=[OTHERS], selector=REVIEWS),
    authorization("no-front", action="DENY", rules=[CLIENT]),
    authorization("no-port", action="DENY", rules=[PORTS], selector=REVIEWS),
    authorization("others-no-api", action="DENY", rules=[{**PATHS, **OTHERS}], selector=REVIEWS),
    authorization("not-port", action="DENY", rules=[{"to": [{"operation": {"notPorts": ["9080"]}}], **CLIENT}]),
    authorization("api-port", rules=[{"to": [{"operation": {"paths": ["/api/*"], "ports": ["9080"]}}]}]),
    authorization("mesh-nothing", "istio-system", rules=[]),
    authorization("mesh-front", "istio-system", rules=[CLIENT]),
]


class Request(NamedTuple):
    """From a client by a Service's port to the pod's."""

    client: str
    path: str
    service: str
    port: str


REQUESTS = [
    Request(client, path, *ports)
    for client in (FRONT, BACK)
    for path in ("/api/x", "/other")
    for ports in (("80", "9080"), ("81", "9091"))
]


def admitted(scene: Scene, request: Request, each: Obj) -> bool:
    """Whether a request gets to a pod, by the waypoint once the Service is bound to it."""
    service = scene.get("/Service", "shop", each["metadata"]["labels"]["app"])
    assert service is not None
    bound = scene.waypoint_of(service) is not None
    if bound and not _decides(_at_waypoint(scene, service), request.client, request.path, request.service):
        return False
    mode = scene.enrolled(each)
    policies = list(_by_selector(scene, each))
    if mode == "ambient":
        # ztunnel must never be given what it cannot read.
        assert not [one["metadata"]["name"] for one in policies if http_fields(one)]
    return _decides(policies, BY if bound else request.client, request.path, request.port)


def _by_selector(scene: Scene, each: Obj) -> Iterator[Obj]:
    labels = each["metadata"]["labels"]
    for one in scene.all(AUTHORIZATION):
        if not targets(one) and selector(one).items() <= labels.items():
            yield dict(one)


def _at_waypoint(scene: Scene, service: Any) -> Iterator[Obj]:
    for one in scene.all(AUTHORIZATION):
        if {(each["kind"], each["name"]) for each in targets(one)} & {
            ("Service", service["metadata"]["name"]),
            ("Gateway", "waypoint"),
        }:
            yield dict(one)


def _decides(policies: Iterable[Obj], client: str, path: str, port: str) -> bool:
    found = list(policies)

    def some_match(kind: str) -> bool:
        rules = [rule for one in found if action(one) == kind for rule in one["spec"].get("rules") or ()]
        return any(_matches(rule, client, path, port) for rule in rules)

    if some_match("DENY"):
        return False
    return some_match("ALLOW") or not any(action(one) == "ALLOW" for one in found)


def _matches(rule: Any, client: str, path: str, port: str) -> bool:
    sources = [entry["source"] for entry in rule.get("from") or ()]
    operations = [entry["operation"] for entry in rule.get("to") or ()]
    space_of = client.split("/")[2]
    return (
        not sources
        or any(
            client in one.get("principals", [client])
            and client not in one.get("notPrincipals", [])
            and space_of in one.get("namespaces", [space_of])
            for one in sources
        )
    ) and (
        not operations
        or any(
            any(path.startswith(each.rstrip("*")) for each in one.get("paths", ["/"]))
            and "GET" in one.get("methods", ["GET"])
            and port in one.get("ports", [port])
            and port not in one.get("notPorts", [])
            for one in operations
        )
    )


def cluster(*policies: Obj) -> list[Obj]:
    ports = [{"port": 80, "targetPort": 9080, "name": "http"}, {"port": 81, "targetPort": 9091, "name": "http-more"}]
    found = [space("shop", {"istio-injection": "enabled"}), space("web"), *waypoint(), *policies]
    for name in ("reviews", "ratings"):
        first, second = sidecar(name), sidecar(name)
        second["metadata"]["name"] += "-b"
        found += [first, second, leads(name, *ports)]
    return found


def decisions(scene: Scene) -> dict[Any, bool]:
    pods = [dict(one) for one in scene.pods["shop"] if scene.enrolled(one) != "gateway"]
    return {
        (each["metadata"]["name"].partition("-")[0], request): admitted(scene, request, each)
        for each in pods
        for request in REQUESTS
    }


# All of one, every second pair, and some of the 560 triples.
EVERY = {1: 1, 2: 2, 3: 41}


@pytest.mark.parametrize("count", EVERY)
def test_who_is_admitted_stays_the_same(count: int) -> None:
    for policies in list(combinations(POOL, count))[:: EVERY[count]]:
        told = [one["metadata"]["name"] for one in policies]
        view = viewed(*cluster(*policies))
        before = decisions(view.scene)
        done = to_waypoint(view, "shop", OWN, protect=True)
        assert not done.impossible, (told, refusals(done))
        scenes = list(states(view.scene, done, sidecars=False))
        for index, scene in enumerate(scenes):
            assert decisions(scene) == before, (told, "there", index)
        away = viewed(*(dict(one) for found in scenes[-1].objects.values() for one in found.values()))
        home = to_sidecars(away, "shop")
        assert not home.impossible, (told, refusals(home))
        for index, scene in enumerate(states(away.scene, home, sidecars=True)):
            # In the end who has a sidecar comes straight to the pods.
            assert decisions(scene) == before, (told, "back", index)


def test_the_pool_tells_requests_apart() -> None:
    found = [set(decisions(viewed(*cluster(one)).scene).values()) for one in POOL]
    assert {frozenset(each) for each in found} == {
        frozenset((True, False)),
        frozenset((True,)),
        frozenset((False,)),
    }
