# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps a waypoint from being bound to or removed, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import Waypoint
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import target
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.absent import absent
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.binding import owner_of, plan_binding
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.run import WaypointRun
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.waypoint.unbinding import wait_until_unbound
from ansible_collections.meshwright.istio.plugins.module_utils._errors import (
    BadInput,
    Forbidden,
    GuardRefused,
    SettleTimeout,
)
from ansible_collections.meshwright.istio.plugins.module_utils._intent.waypoint import Enroll, WaypointIntent
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Deadline

from ..._checks.policy.policies import authorization, obj, pod, service, space, waypoint

Obj = dict[str, Any]
WAYPOINT = Waypoint("shop", "waypoint")
USE = "istio.io/use-waypoint"
BOUND = {USE: "waypoint"}


class Cluster:
    """Stands in for the client: it has these objects, and lists none of `forbidden` in all namespaces."""

    def __init__(self, *objects: Obj | list[Obj], forbidden: Iterable[str] = (), seconds: float = 60) -> None:
        flat = [one for each in objects for one in (each if isinstance(each, list) else [each])]
        self.objects = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in flat}
        self.forbidden = frozenset(forbidden)
        self.deadline = Deadline(seconds)
        self.written: list[str] = []

    def served(self, kind: kinds.Kind) -> bool:
        return True

    def get(self, kind: kinds.Kind, name: str, namespace: str | None = None) -> Obj | None:
        return self.objects.get((kind.kind, namespace if kind.namespaced else None, name))

    def list(
        self, kind: kinds.Kind, namespace: str | None = None, *, labels: str = "", **_more: Any
    ) -> list[dict[str, Any]]:
        if namespace is None and kind.kind in self.forbidden:
            raise Forbidden(f"May not list {kind.resource}.", status=403)
        key, _equals, value = labels.partition("=")
        return [
            one
            for (name, where, _name), one in self.objects.items()
            if name == kind.kind
            and one["apiVersion"].rpartition("/")[0] == kind.group
            and namespace in (None, where)
            and (not key or value in ("", (one["metadata"].get("labels") or {}).get(key)))
            and (not key or key in (one["metadata"].get("labels") or {}))
        ]

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:  # type: ignore[valid-type]
        return [call(item) for item in items]

    def patch(self, kind: kinds.Kind, name: str, namespace: str | None, patch: Obj, **more: Any) -> Obj:
        if not more["dry_run"]:
            self.written.append(kind.label(namespace, name))
        live = self.objects[(kind.kind, namespace, name)]
        labels = {**(live["metadata"].get("labels") or {}), **patch["metadata"].get("labels", {})}
        return {**live, "metadata": {**live["metadata"], "labels": {k: v for k, v in labels.items() if v is not None}}}

    def delete(
        self, kind: kinds.Kind, name: str, namespace: str | None, *, dry_run: bool = False, **_more: Any
    ) -> bool:
        if not dry_run:
            self.written.append(kind.label(namespace, name))
        return True


def removal(cluster: Cluster, *, check: bool = True, **more: Any) -> WaypointRun:
    intent = WaypointIntent(state="absent", waypoint=WAYPOINT, **more)
    return WaypointRun(cluster, intent, check)  # type: ignore[arg-type]


def gateway(**meta: Any) -> list[Obj]:
    found = waypoint()
    found[0]["metadata"].update(uid="1", **meta)
    return found


CLASS = obj(
    "gateway.networking.k8s.io/v1", "GatewayClass", "istio-waypoint", "", {"controllerName": "istio.io/mesh-controller"}
)
COUNTS = authorization(
    action="DENY",
    rules=[{"to": [{"operation": {"methods": ["POST"]}}]}],
    targetRefs=[{"group": "", "kind": "Service", "name": "reviews"}],
)


@pytest.mark.parametrize("accept", ["all", "waypoint-hole", "AuthorizationPolicy shop/policy", "shop/policy"], ids=str)
def test_accepted(accept: str) -> None:
    cluster = Cluster(space(labels=BOUND), service(), gateway(), CLASS, COUNTS)
    with pytest.raises(GuardRefused, match="fails open"):
        absent(removal(cluster, accept=frozenset(("something else",))))
    run = removal(cluster, accept=frozenset((accept,)))
    told = {"exists": True, "unbound": ["Namespace shop"], "dependents": ["AuthorizationPolicy shop/policy"]}
    assert absent(run) == told
    assert [(step.name, step.action) for step in run.steps] == [
        ("Namespace shop", "update"),
        ("Gateway shop/waypoint", "delete"),
    ]
    assert len(run.warnings) == 1 and "waypoint-hole" in run.warnings[0]
    assert cluster.written == []


@pytest.mark.parametrize("kind", ["WasmPlugin", "Service", "Pod"])
def test_what_could_not_be_read_may_count_on_it(kind: str) -> None:
    cluster = Cluster(space(labels=BOUND), service(), gateway(), CLASS, forbidden=[kind])
    with pytest.raises(GuardRefused, match="May not list") as refused:
        absent(removal(cluster))
    assert [one["effect"] for one in refused.value.details["dependents"]] == ["not-judged"]
    assert absent(removal(cluster, accept=frozenset(("not-judged",))))["unbound"] == ["Namespace shop"]


@pytest.mark.parametrize(
    ("given", "annotations", "touched"),
    [
        pytest.param("", {}, True, id="nothing is said"),
        pytest.param("a", {"meshwright.io/made-for": "a"}, True, id="its own"),
        pytest.param("a", {"meshwright.io/made-for": "b"}, False, id="another's"),
        pytest.param("a", {}, False, id="somebody's"),
    ],
)
def test_made_for(given: str, annotations: Obj, touched: bool) -> None:
    cluster = Cluster(space(labels=BOUND), service(), gateway(annotations=annotations), CLASS)
    run = removal(cluster, check=touched, made_for=given)
    assert absent(run)["exists"] and any(step.changes for step in run.steps) == touched
    assert bool(run.notes) != touched and cluster.written == []


@pytest.mark.parametrize(
    ("name", "controller", "given", "refused"),
    [
        ("istio-waypoint", "istio.io/mesh-controller", "istio-waypoint", False),
        ("mine", "istio.io/mesh-controller", "istio-waypoint", False),
        ("istio-waypoint", None, "istio-waypoint", False),
        ("mine", None, "mine", False),
        ("mine", None, "istio-waypoint", True),
        ("istio", "istio.io/gateway-controller", "istio-waypoint", True),
        ("istio-east-west", "istio.io/eastwest-controller", "istio-east-west", True),
    ],
)
def test_class(name: str, controller: str | None, given: str, refused: bool) -> None:
    there = gateway()
    there[0]["spec"]["gatewayClassName"] = name
    classes = (
        [] if controller is None else [{**CLASS, "metadata": {"name": name}, "spec": {"controllerName": controller}}]
    )
    run = removal(Cluster(space(), there, classes), gateway_class=given)
    if refused:
        with pytest.raises(GuardRefused, match="is no waypoint"):
            absent(run)
    else:
        assert absent(run)["exists"]


def test_without_a_gateway_only_names_go() -> None:
    """A canary or ingress might be for whatever is called so next, or for another."""
    labels = {**BOUND, "istio.io/ingress-use-waypoint": "true"}
    elsewhere = service("web", "other", labels={USE: "waypoint"})
    run = removal(Cluster(space(labels=labels), space("other"), elsewhere, service()))
    assert absent(run) == {"exists": False, "unbound": ["Namespace shop"], "dependents": []}
    assert run.steps[0].before == {"metadata": {"labels": BOUND}} and run.steps[0].after == {}
    assert run.warnings == []


@pytest.mark.parametrize("own", [True, False])
def test_ingress_of_a_namespace_stays_for_others_in_it(own: bool) -> None:
    labels = {**BOUND, "istio.io/ingress-use-waypoint": "true"}
    other = service("web", labels={USE: "other"}) if own else service("web")
    run = removal(Cluster(space(labels=labels), other, gateway(), waypoint("other"), CLASS))
    absent(run)
    assert ("istio.io/ingress-use-waypoint" in run.steps[0].before["metadata"]["labels"]) != own


def test_istiod_does_not_follow() -> None:
    bound = service()
    message = "Successfully attached to waypoint shop/waypoint"
    bound["status"] = {"conditions": [{"type": "istio.io/WaypointBound", "status": "True", "message": message}]}
    cluster: Any = Cluster(bound, seconds=0)
    with pytest.raises(SettleTimeout, match="istiod still binds Service shop/reviews") as timeout:
        wait_until_unbound(cluster, WAYPOINT, [target(kinds.SERVICE, "shop", "reviews")])
    assert "was not deleted" in timeout.value.message
    wait_until_unbound(cluster, Waypoint("shop", "other"), [target(kinds.SERVICE, "shop", "reviews")])


def test_targets_that_are_not_there() -> None:
    ending = service("old", deletionTimestamp="2026-11-21T19:00:00Z")
    cluster: Any = Cluster(space(), service(), ending)
    enroll = Enroll(
        namespaces=("shop", "none"), services=(("shop", "reviews"), ("shop", "old")), pods=(("shop", "web-1"),)
    )
    with pytest.raises(BadInput) as refused:
        plan_binding(cluster, WAYPOINT, enroll, ingress=None, canary=None)
    assert refused.value.details == {"missing": ["Namespace none", "Pod shop/web-1"], "ending": ["Service shop/old"]}
    assert cluster.written == []


def test_ingress_is_denied_where_the_namespace_has_it() -> None:
    cluster: Any = Cluster(space(labels={"istio.io/ingress-use-waypoint": "true"}), service())
    alone = plan_binding(cluster, WAYPOINT, Enroll(services=(("shop", "reviews"),)), ingress=False, canary=None)
    assert alone.steps[0].after["metadata"]["labels"]["istio.io/ingress-use-waypoint"] == "false"
    both = Enroll(namespaces=("shop",), services=(("shop", "reviews"),))
    space_step, service_step = plan_binding(cluster, WAYPOINT, both, ingress=False, canary=None).steps
    assert "istio.io/ingress-use-waypoint" not in space_step.after["metadata"]["labels"]
    assert service_step.after == {"metadata": {"labels": BOUND}}


def test_owner_of() -> None:
    mine = pod()
    mine["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "reviews-5d4f", "controller": True}]
    owner = [{"kind": "Deployment", "name": "reviews", "controller": True}]
    cluster: Any = Cluster(obj("apps/v1", "ReplicaSet", "reviews-5d4f", ownerReferences=owner))
    assert owner_of(cluster, mine) == "Deployment shop/reviews"
    gone: Any = Cluster()
    assert owner_of(gone, mine) == "ReplicaSet shop/reviews-5d4f"
    assert owner_of(gone, service()) is None
