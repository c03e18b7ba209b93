# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands against a waypoint, by what is around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.versions import Version
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.usage import Usage
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.around import (
    Around,
    Istiod,
    istiod_of,
)
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.guards import (
    guard,
    guard_targets,
    not_ambient,
)
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, GuardRefused, MeshError

from ..._intent.waypoint_options import intent

Obj = dict[str, Any]
CART = {"services": ["cart"]}
CANARY: Obj = {"enroll": CART, "canary": {"name": "next"}}


def space(name: str, **labels: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def gateway_class(name: str, controller: str = "istio.io/mesh-controller", accepted: str = "True") -> Obj:
    status = {"conditions": [{"type": "Accepted", "status": accepted, "message": "said so"}]}
    return {"metadata": {"name": name}, "spec": {"controllerName": controller}, "status": status}


def gateway(
    name: str = "waypoint",
    *,
    of: str = "istio-waypoint",
    allowed: Obj | None = None,
    address: bool = True,
    traffic: str = "service",
) -> Obj:
    listener = {"name": "mesh", "port": 15008, "allowedRoutes": {"namespaces": allowed or {"from": "Same"}}}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": "shop", "labels": {"istio.io/waypoint-for": traffic}},
        "spec": {"gatewayClassName": of, "listeners": [listener]},
        "status": {"addresses": [{"value": "10.0.0.1"}] if address else []},
    }


def istiod(minor: int = 31, revision: str = "default") -> Istiod:
    return Istiod("istio-system", revision, Version(1, minor))


FINE = Around(
    istiods=(istiod(),),
    usage=Usage(revisions=frozenset({"default"}), tags={"stable": "default"}),
    injectors=frozenset({"default"}),
    classes={
        "istio-waypoint": gateway_class("istio-waypoint"),
        "istio": gateway_class("istio", "istio.io/gateway-controller"),
        "refused": gateway_class("refused", accepted="False"),
    },
    namespaces={"istio-system": space("istio-system"), "shop": space("shop"), "team": space("team", team="shop")},
)
REVISIONED = replace(
    FINE,
    istiods=(istiod(revision="1-31"), istiod(25, "1-25")),
    usage=Usage(revisions=frozenset({"1-31", "1-25"}), tags={"old": "1-25"}),
    injectors=frozenset({"1-31", "1-25"}),
)


@pytest.mark.parametrize(
    ("around", "options"),
    [
        pytest.param(FINE, {}, id="plain"),
        pytest.param(FINE, {"revision": "stable"}, id="a tag"),
        pytest.param(replace(FINE, istiods=(), usage=Usage()), {"revision": "default"}, id="istiod elsewhere"),
        pytest.param(replace(FINE, gateway=gateway()), {}, id="there already"),
        pytest.param(replace(FINE, canary=gateway("next")), CANARY, id="a canary"),
        pytest.param(REVISIONED, {"revision": "1-31", "replicas": 2}, id="a revision"),
        pytest.param(replace(REVISIONED, default="1-31"), {"replicas": 2}, id="the default validator's revision"),
        pytest.param(
            replace(REVISIONED, namespaces={**FINE.namespaces, "shop": space("shop", **{"istio.io/rev": "old"})}),
            {"labels": {"a": "b"}},
            id="its namespace's revision",
        ),
        pytest.param(
            FINE, {"allowed_namespaces": "team", "enroll": {"services": ["team/cart"]}}, id="who may attach is chosen"
        ),
    ],
)
def test_nothing_stands_against_it(around: Around, options: Obj) -> None:
    guard(around, intent(**options))


@pytest.mark.parametrize(
    ("around", "options", "kind", "said"),
    [
        (replace(FINE, served=False), {}, GuardRefused, "gateway.networking.k8s.io/v1"),
        (replace(FINE, istiods=(), injectors=frozenset(), usage=Usage()), {}, GuardRefused, "No istiod runs"),
        (FINE, {"istio_namespace": "shop"}, BadInput, "istio_namespace: no istiod runs in namespace shop"),
        (FINE, {"namespace": "missing"}, BadInput, "namespace: missing does not exist"),
        (
            FINE,
            {"allowed_namespaces": "all", "enroll": {"namespaces": ["missing"]}},
            BadInput,
            "enroll: namespace missing",
        ),
        (FINE, {"revision": "nowhere"}, BadInput, "neither a revision nor a tag nowhere"),
        (REVISIONED, {}, GuardRefused, "no revision or tag is the default"),
        (
            replace(FINE, namespaces={**FINE.namespaces, "shop": space("shop", **{"istio.io/rev": "gone"})}),
            {},
            BadInput,
            "The label istio.io/rev of namespace shop names gone",
        ),
        (FINE, {"gateway_class": "missing"}, GuardRefused, "GatewayClass missing does not exist"),
        (FINE, {"gateway_class": "istio"}, BadInput, "gateway_class: istio is not for waypoints"),
        (FINE, {"gateway_class": "refused"}, GuardRefused, "said so"),
        (replace(FINE, gateway=gateway(of="istio")), {}, GuardRefused, "is no waypoint: its class is istio"),
        (REVISIONED, {"revision": "old", "replicas": 2}, BadInput, "need Istio 1.26"),
        (
            replace(REVISIONED, canary=gateway("next")),
            {"revision": "1-25", **CANARY},
            BadInput,
            "knows no canary waypoints",
        ),
        (
            FINE,
            {"allowed_namespaces": "team=other", "enroll": {"services": ["team/cart"]}},
            BadInput,
            "does not choose namespace team",
        ),
        (FINE, CANARY, BadInput, "canary: Gateway shop/next does not exist"),
        (replace(FINE, canary=gateway("next", of="istio")), CANARY, BadInput, "is no waypoint"),
        (
            replace(FINE, canary=gateway("next", traffic="workload")),
            CANARY,
            BadInput,
            "is for workload",
        ),
        (replace(FINE, canary=gateway("next", address=False)), CANARY, GuardRefused, "never had a ready pod"),
        (
            replace(FINE, canary=gateway("next")),
            {"allowed_namespaces": "all", "enroll": {"namespaces": ["team"]}, "canary": {"name": "next"}},
            BadInput,
            "takes nothing of namespace team",
        ),
    ],
)
def test_what_stands_against_it_is_named(around: Around, options: Obj, kind: type[MeshError], said: str) -> None:
    with pytest.raises(kind) as refused:
        guard(around, intent(**options))
    assert said in refused.value.message
    assert refused.value.hint


def test_an_unknown_revision_lists_those_that_exist() -> None:
    with pytest.raises(BadInput) as refused:
        guard(REVISIONED, intent(revision="nowhere"))
    assert "revisions 1-25, 1-31; tags old" in refused.value.hint
    assert refused.value.details == {"revisions": ["1-25", "1-31"], "tags": ["old"]}


def test_the_istiod_of_a_tag_is_that_of_its_revision() -> None:
    asked, found = istiod_of(REVISIONED, intent(revision="old"))
    assert (asked, found) == ("old", REVISIONED.istiods[1])


def test_what_no_waypoint_stands_before() -> None:
    service: Obj = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart", "namespace": "shop"}}
    guard_targets([service, space("shop")])
    with pytest.raises(BadInput, match="ExternalName"):
        guard_targets([{**service, "spec": {"type": "ExternalName"}}])
    own = {**service["metadata"], "labels": {"gateway.istio.io/managed": "istio.io-mesh-controller"}}
    with pytest.raises(BadInput, match="a waypoint's own"):
        guard_targets([{**service, "metadata": own}])


def test_clients_outside_ambient_are_told_of() -> None:
    around = replace(
        FINE, namespaces={**FINE.namespaces, "team": space("team", **{"istio.io/dataplane-mode": "ambient"})}
    )
    asked = intent(allowed_namespaces="all", enroll={"namespaces": ["shop", "team"]})
    assert not_ambient(around, asked, []) == ["shop"]
