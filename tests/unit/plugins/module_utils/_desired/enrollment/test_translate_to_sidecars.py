# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a waypoint to sidecars: what becomes of policies by targetRefs, and that there and back changes nothing."""

from __future__ import annotations

from copy import deepcopy

import pytest

from ..._checks.policy.policies import AMBIENT, Obj, app, authorization, pod, space, waypoint
from .test_translate_to_waypoint import MIXED
from .translating import (
    ADMITS,
    BY,
    CLIENT,
    PATHS,
    REVIEWS,
    applied,
    back,
    forth,
    leads,
    named,
    only_sidecars,
    refusals,
    request_authentication,
    shop,
    to,
)

LABELS = {**AMBIENT, "istio.io/use-waypoint": "waypoint"}


def ambient(*objects: Obj) -> list[Obj]:
    """The namespace behind its own waypoint and the workload `reviews`."""
    return [space("shop", LABELS), *waypoint(), pod(mode="ambient"), leads(), *objects]


def by_service(name: str = "api", *services: str) -> Obj:
    return authorization(name, rules=[PATHS], targetRefs=to(*(services or ("reviews",))))


def test_allow_for_a_service() -> None:
    policy = by_service()
    done = back(*ambient(policy))
    # For sidecars that are there already, and what comes by the waypoint was judged there.
    assert named(done.create) == {
        "AuthorizationPolicy/api-sidecar": {
            "selector": only_sidecars(app="reviews"),
            "action": "ALLOW",
            "rules": [PATHS, ADMITS],
        }
    }
    (last,) = done.last_edit
    assert last.after["spec"] == {"selector": REVIEWS, "action": "ALLOW", "rules": [PATHS]}
    assert "annotations" not in last.after["metadata"] and last.before == done.create[0]
    assert done.remove == (policy,) and not (done.edit or done.first_remove or done.impossible)


def test_ports_are_those_of_the_pods() -> None:
    rules = [{"to": [{"operation": {"ports": ["80"], "paths": ["/x"]}}]}]
    done = back(*ambient(authorization("api", rules=rules, targetRefs=to("reviews"))))
    assert done.last_edit[0].after["spec"]["rules"][0]["to"][0]["operation"]["ports"] == ["9080"]


def test_several_services_get_a_copy_each() -> None:
    done = back(*ambient(by_service("api", "reviews", "ratings"), leads("ratings"), pod("ratings", mode="ambient")))
    assert named(edit.after for edit in done.last_edit) == {
        "AuthorizationPolicy/api-ratings-sidecar": {"selector": app("ratings"), "action": "ALLOW", "rules": [PATHS]},
        "AuthorizationPolicy/api-reviews-sidecar": {"selector": REVIEWS, "action": "ALLOW", "rules": [PATHS]},
    }


def test_the_waypoint_itself() -> None:
    policy = request_authentication(targetRefs=to("waypoint", kind="Gateway"))
    done = back(*ambient(policy))
    assert "selector" not in done.last_edit[0].after["spec"] and done.remove == (policy,)
    # It was not for workloads without a Service.
    more = back(*ambient(policy, pod("worker", mode="ambient")))
    assert more.last_edit[0].after["spec"]["selector"] == REVIEWS


def test_a_waypoint_that_serves_others_too_keeps_its_policies() -> None:
    objects = ambient(by_service("api") | {"spec": {"rules": [PATHS], "targetRefs": to("waypoint", kind="Gateway")}})
    objects[1]["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": {"from": "All"}}
    done = back(*objects)
    assert done.create and not done.remove and any("serves other namespaces too" in note for note in done.notes)


def test_a_waypoint_elsewhere() -> None:
    labels = {**AMBIENT, "istio.io/use-waypoint": "shared", "istio.io/use-waypoint-namespace": "edge"}
    rules = [{"from": [{"source": {"serviceAccounts": ["front"]}}]}]
    theirs = authorization("front", "edge", rules=rules, targetRefs=to("shared", kind="Gateway"))
    done = back(space("shop", labels), *waypoint("shared", "edge"), pod(mode="ambient"), leads(), theirs)
    # Its own stays: it is for others too.
    assert not done.remove
    (final,) = [edit.after for edit in done.last_edit]
    assert final["metadata"]["name"] == "edge-front-sidecar"
    assert final["spec"]["rules"] == [{"from": [{"source": {"serviceAccounts": ["edge/front"]}}]}]


def test_other_targets_stay() -> None:
    mixed = [*to("reviews"), *to("ingress", kind="Gateway")]
    policy = authorization("api", rules=[PATHS], targetRefs=mixed)
    done = back(*ambient(policy))
    assert not done.remove and done.last_edit[-1].after["spec"]["targetRefs"] == to("ingress", kind="Gateway")
    edge = back(*ambient(authorization("edge", rules=[PATHS], targetRefs=to("ingress", kind="Gateway"))))
    assert not (edge.create or edge.remove or edge.last_edit or edge.impossible)


PROTECTION = authorization("only", action="DENY", rules=[{"from": [{"source": {"notPrincipals": [BY]}}]}])


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        pytest.param([by_service()], "", id="fine"),
        pytest.param(
            [by_service(), leads("web", selector={"app": "reviews"})],
            "is for Service reviews and not for Service web",
            id="shared",
        ),
        pytest.param(
            [by_service("api", "out"), leads("out") | {"spec": {}}], "which has no selector", id="no-selector"
        ),
        pytest.param(
            [by_service("api", "own"), leads("own", labels={"istio.io/use-waypoint": "waypoint"})],
            "names its waypoint itself",
            id="own-label",
        ),
        pytest.param([PROTECTION], "lets in nobody but the waypoint shop/waypoint", id="protection-by-hand"),
        pytest.param([authorization("only", rules=[ADMITS])], "lets in nobody but the waypoint", id="allow-by-hand"),
        pytest.param(
            [
                authorization(
                    "api",
                    rules=[{"to": [{"operation": {"ports": ["80"], "paths": ["/x"]}}]}],
                    targetRefs=to("named"),
                ),
                leads("named", {"port": 80, "targetPort": "http"}),
            ],
            "names the port of its pods (http)",
            id="named-port",
        ),
        pytest.param(
            [
                authorization(
                    "all",
                    "istio-system",
                    rules=[],
                    targetRefs=[
                        {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
                    ],
                )
            ],
            "is for all waypoints",
            id="class",
        ),
    ],
)
def test_impossible(objects: list[Obj], said: str) -> None:
    done = back(*ambient(*objects))
    assert said in refusals(done) and bool(done.impossible) == bool(said)
    if said:
        assert not (done.create or done.remove or done.last_edit)


def test_what_ztunnel_carries_out_stays() -> None:
    done = back(*ambient(authorization("front", rules=[CLIENT], selector=REVIEWS)))
    assert not (done.create or done.edit or done.last_edit or done.remove or done.impossible)


# -- there and back ------------------------------------------------------------------------------------------------


def moved(objects: list[Obj]) -> list[Obj]:
    """The namespace when it has gone to ambient by its waypoint."""
    done = applied(objects, forth(*objects, protect=True), ends=True)
    others = [one for one in done if one["kind"] not in ("Pod", "Namespace")]
    return [space("shop", LABELS), pod(mode="ambient"), *[one for one in done if _of_waypoint(one)], *others]


def _of_waypoint(one: Obj) -> bool:
    return one["kind"] == "Pod" and "gateway.networking.k8s.io/gateway-name" in one["metadata"]["labels"]


def policies(objects: list[Obj]) -> list[Obj]:
    found = deepcopy([one for one in objects if one["kind"] in {each["kind"] for each in MIXED}])
    return sorted(found, key=lambda one: (one["kind"], one["metadata"]["name"]))


def test_there_and_back() -> None:
    objects = shop(*MIXED)
    away = moved(objects)
    done = back(*away)
    assert not done.impossible
    # It goes first: it would cut who calls the first workload that has a sidecar again.
    assert [one["metadata"]["name"] for one in done.first_remove] == ["paths-protect-waypoint"]
    home = applied(away, done, ends=True)
    assert [one["metadata"]["name"] for one in policies(home)] == [one["metadata"]["name"] for one in policies(objects)]
    assert policies(home) == policies(objects)


def test_again_in_the_middle_is_the_same() -> None:
    away = moved(shop(*MIXED))
    first = back(*away)
    middle = applied(away, first)
    again = back(*middle)
    assert again.create == first.create and again.remove == first.remove and not again.first_remove
    assert [edit.after for edit in again.last_edit] == [edit.after for edit in first.last_edit]


def test_again_when_only_the_old_ones_are_left() -> None:
    objects = ambient(by_service())
    done = back(*objects)
    ended = [*objects, *[dict(edit.after) for edit in done.last_edit]]
    again = back(*ended)
    assert again.create == tuple(edit.after for edit in done.last_edit) and not again.last_edit
    assert again.remove == done.remove


def test_turned_round_in_the_middle() -> None:
    """Half way to sidecars, then to ambient again: the copies for sidecars go."""
    policy = by_service()
    away = ambient(policy)
    middle = applied(away, back(*away))
    done = forth(*middle)
    assert [one["metadata"]["name"] for one in done.remove] == ["api-sidecar"]
    assert not (done.create or done.edit or done.impossible)


@pytest.mark.parametrize("also", [[], to("ingress", kind="Gateway")])
def test_again_when_the_labels_are_gone_already(also: list[Obj]) -> None:
    """Stopped after the last labels: nothing says any more that a waypoint was there."""
    policy = authorization("api", rules=[PATHS], targetRefs=[*to("reviews"), *also])
    objects = applied(ambient(policy), back(*ambient(policy)))
    objects[0] = space("shop", {"istio-injection": "enabled"})
    done = back(*objects)
    (copy, *others) = [edit.after for edit in done.last_edit]
    assert copy["spec"] == {"selector": REVIEWS, "action": "ALLOW", "rules": [PATHS]}
    assert [one["metadata"]["name"] for one in done.remove] == ([] if also else ["api"])
    assert [one["spec"]["targetRefs"] for one in others] == ([also] if also else [])
    # And then it is done.
    last = back(*applied(objects, done, ends=True))
    assert not (last.create or last.edit or last.last_edit or last.remove)
