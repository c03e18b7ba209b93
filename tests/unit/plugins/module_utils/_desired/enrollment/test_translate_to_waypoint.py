# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From sidecars to a waypoint: what is made of each policy, and what the originals become on the way."""

from __future__ import annotations

import json

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._desired.enrollment.translate import (
    narrowed,
    widened,
    without_waypoint,
)

from ..._checks.policy.policies import AMBIENT, Obj, app, authorization, obj, pod, space, waypoint
from .translating import (
    ADMITS,
    BY,
    CLIENT,
    FAR,
    INJECTED,
    OTHERS,
    OWN,
    PATHS,
    PORTS,
    REVIEWS,
    applied,
    edited,
    forth,
    leads,
    named,
    only_sidecars,
    plugin,
    refusals,
    request_authentication,
    shop,
    sidecar,
    telemetry,
    to,
    viewed,
)


def test_http_allow() -> None:
    policy = authorization("api", rules=[PATHS], selector=REVIEWS)
    done = forth(*shop(policy))
    assert named(done.create) == {
        "AuthorizationPolicy/api-waypoint": {"targetRefs": to("reviews"), "action": "ALLOW", "rules": [PATHS]}
    }
    assert done.create[0]["metadata"]["annotations"] == {
        "meshwright.io/translated-from": "AuthorizationPolicy/api",
        "meshwright.io/translated-as": "waypoint",
    }
    # The sidecars that are left let by what the waypoint has judged.
    assert edited(done) == {
        "AuthorizationPolicy/api": {
            "action": "ALLOW",
            "rules": [PATHS, ADMITS],
            "selector": only_sidecars(app="reviews"),
        }
    }
    assert [one["metadata"]["name"] for one in done.remove] == ["api"]
    assert not done.impossible and not done.protection and not done.last_edit and not done.first_remove
    # In the end nobody but the waypoint refuses, so nothing has to admit it to the pods.
    assert "-admit-waypoint" not in str(done.create)


def test_http_deny_of_the_whole_namespace_goes_to_its_own_waypoint() -> None:
    policy = authorization("api", action="DENY", rules=[PATHS])
    done = forth(*shop(policy))
    assert named(done.create)["AuthorizationPolicy/api-waypoint"]["targetRefs"] == to("waypoint", kind="Gateway")
    spared = {"from": [{"source": {"notPrincipals": [BY]}}], **PATHS}
    assert edited(done)["AuthorizationPolicy/api"] == {
        "action": "DENY",
        "rules": [spared],
        "selector": only_sidecars(),
    }


@pytest.mark.parametrize("why", ["in another namespace", "for other namespaces too", "for a ServiceEntry too"])
def test_whole_namespace_by_each_service(why: str) -> None:
    objects = shop(authorization("api", rules=[PATHS]), leads("ratings"), sidecar("ratings"))
    by = FAR if why == "in another namespace" else OWN
    if why == "for other namespaces too":
        listener = objects[1]["spec"]["listeners"][0]
        listener["allowedRoutes"] = {"namespaces": {"from": "All"}}
    if why == "for a ServiceEntry too":
        objects.append(obj("networking.istio.io/v1", "ServiceEntry", "bank", "shop", {"hosts": ["bank.example"]}))
    done = forth(*objects, by=by)
    assert named(done.create)["AuthorizationPolicy/api-waypoint"]["targetRefs"] == to("ratings", "reviews")


def test_at_most_16_targets() -> None:
    names = [f"s{index:02}" for index in range(18)]
    done = forth(*shop(authorization("api", rules=[PATHS])), *[leads(name) for name in names], by=FAR)
    made = named(done.create)
    assert [len(spec["targetRefs"]) for spec in made.values()] == [16, 3]
    assert list(made) == ["AuthorizationPolicy/api-waypoint", "AuthorizationPolicy/api-waypoint-2"]
    assert all(spec["rules"] == [PATHS] for spec in made.values())


# -- ports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "judged"),
    [
        pytest.param(PORTS, {"to": [{"operation": {"ports": ["80"]}}]}, id="ports"),
        pytest.param(
            {"to": [{"operation": {"ports": ["9080", "9090"], "paths": ["/x"]}}]},
            {"to": [{"operation": {"ports": ["80"], "paths": ["/x"]}}]},
            id="one-of-two",
        ),
        pytest.param(
            {"to": [{"operation": {"notPorts": ["9080"]}}]}, {"to": [{"operation": {"notPorts": ["80"]}}]}, id="not"
        ),
        pytest.param({"to": [{"operation": {"notPorts": ["15020"]}}]}, {}, id="not-there"),
        pytest.param(
            {"to": [{"operation": {"notPorts": ["15020"]}}, {"operation": {"paths": ["/x"]}}]}, {}, id="anything-else"
        ),
        pytest.param(
            {"when": [{"key": "destination.port", "values": ["9080"]}]},
            {"when": [{"key": "destination.port", "values": ["80"]}]},
            id="when",
        ),
        pytest.param({"when": [{"key": "destination.port", "notValues": ["1"]}]}, {}, id="when-not-there"),
    ],
)
def test_ports_are_those_of_the_service(rule: Obj, judged: Obj) -> None:
    done = forth(*shop(authorization("api", rules=[PATHS, rule], selector=REVIEWS)))
    assert named(done.create)["AuthorizationPolicy/api-waypoint"]["rules"] == [PATHS, judged]


def test_a_rule_for_no_port_of_the_service() -> None:
    rules = [{"to": [{"operation": {"ports": ["1"], "paths": ["/x"]}}]}]
    allow = forth(*shop(authorization("api", rules=rules, selector=REVIEWS)))
    # An ALLOW that admits nobody there is still one.
    assert named(allow.create)["AuthorizationPolicy/api-waypoint"] == {"targetRefs": to("reviews"), "action": "ALLOW"}
    deny = forth(*shop(authorization("api", action="DENY", rules=rules, selector=REVIEWS)))
    assert not deny.create and [one["metadata"]["name"] for one in deny.remove] == ["api"]


def test_services_that_call_the_port_otherwise_get_copies_of_their_own() -> None:
    rules = [{"to": [{"operation": {"ports": ["9080"], "paths": ["/x"]}}]}]
    other = leads("web", {"port": 8080, "targetPort": 9080}, selector={"app": "reviews"})
    same = leads("same", selector={"app": "reviews"})
    done = forth(*shop(authorization("api", rules=rules, selector=REVIEWS), other, same))
    found = named(done.create)
    assert found["AuthorizationPolicy/api-waypoint"]["targetRefs"] == to("reviews", "same")
    assert found["AuthorizationPolicy/api-waypoint-2"]["targetRefs"] == to("web")
    assert found["AuthorizationPolicy/api-waypoint-2"]["rules"][0]["to"][0]["operation"]["ports"] == ["8080"]


def test_a_named_target_port() -> None:
    objects = [space(), *waypoint(), sidecar(), leads("reviews", {"port": 80, "targetPort": "http"})]
    rules = [{"to": [{"operation": {"ports": ["9080"], "paths": ["/x"]}}]}]
    objects.append(authorization("api", rules=rules, selector=REVIEWS))
    done = forth(*objects)
    assert "names the port of its pods (http), and its number is not known" in refusals(done)
    assert not (done.create or done.edit or done.remove)

    def listens(number: int) -> Obj:
        spec = {"containers": [{"name": "web", "ports": [{"name": "http", "containerPort": number}]}]}
        return {**sidecar(), "spec": spec}

    known = forth(*objects, pods=[listens(9080), listens(9080)])
    assert known.create[0]["spec"]["rules"] == [{"to": [{"operation": {"ports": ["80"], "paths": ["/x"]}}]}]
    assert "different numbers" in refusals(forth(*objects, pods=[listens(9080), listens(9090)]))


# -- what stays with ztunnel ---------------------------------------------------------------------------------------


def test_allow_by_client_stays_and_admits_the_waypoint() -> None:
    policy = authorization("front", rules=[CLIENT], selector=REVIEWS)
    done = forth(*shop(policy))
    assert named(done.create) == {
        "AuthorizationPolicy/front-waypoint": {"targetRefs": to("reviews"), "action": "ALLOW", "rules": [CLIENT]},
        "AuthorizationPolicy/front-admit-waypoint": {"selector": REVIEWS, "action": "ALLOW", "rules": [ADMITS]},
    }
    assert not done.edit and not done.remove


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}, id="ipBlocks"),
        pytest.param({"when": [{"key": "source.ip", "values": ["10.0.0.0/8"]}]}, id="source.ip"),
        pytest.param({"from": [{"source": {"namespaces": ["web"]}}]}, id="namespaces"),
        pytest.param({"from": [{"source": {"namespaces": ["shop"]}}], **PORTS}, id="admits-it-on-one-port"),
    ],
)
def test_behind_a_waypoint_ztunnel_does_not_see_where_a_client_comes_from(rule: Obj) -> None:
    done = forth(*shop(authorization("net", rules=[rule], selector=REVIEWS)))
    assert list(named(done.create)) == ["AuthorizationPolicy/net-waypoint", "AuthorizationPolicy/net-admit-waypoint"]


def test_allow_that_admits_the_waypoint_already() -> None:
    done = forth(*shop(authorization("mine", rules=[{"from": [{"source": {"namespaces": ["shop"]}}]}])))
    assert list(named(done.create)) == ["AuthorizationPolicy/mine-waypoint"]


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(authorization("p", rules=[PORTS], selector=REVIEWS), id="allow-by-port"),
        pytest.param(authorization("p", action="DENY", rules=[PORTS], selector=REVIEWS), id="deny-by-port"),
        pytest.param(authorization("p", rules=[]), id="allow-nothing"),
        pytest.param(
            authorization("p", action="DENY", rules=[{"from": [{"source": {"notPrincipals": ["*"]}}]}]),
            id="no-plaintext",
        ),
        pytest.param(
            authorization("p", action="DENY", rules=[{"from": [{"source": {"notPrincipals": [BY]}}]}]), id="protection"
        ),
        pytest.param(telemetry(tracing=[{"randomSamplingPercentage": 1}]), id="telemetry-of-the-namespace"),
    ],
)
def test_what_needs_nothing(policy: Obj) -> None:
    done = forth(*shop(policy))
    assert not (done.create or done.edit or done.remove or done.impossible)


def test_deny_by_client() -> None:
    done = forth(*shop(authorization("ban", action="DENY", rules=[CLIENT], selector=REVIEWS)))
    # The waypoint is none of those it is about.
    assert list(named(done.create)) == ["AuthorizationPolicy/ban-waypoint"] and not done.edit and not done.remove


def test_deny_of_all_but_some_lets_the_waypoint_by() -> None:
    policy = authorization("ban", action="DENY", rules=[OTHERS, PORTS], selector=REVIEWS)
    done = forth(*shop(policy))
    assert named(done.create)["AuthorizationPolicy/ban-waypoint"]["rules"] == [
        OTHERS,
        {"to": [{"operation": {"ports": ["80"]}}]},
    ]
    spared = {"from": [{"source": {"notPrincipals": ["cluster.local/ns/web/sa/front", BY]}}]}
    assert edited(done) == {
        "AuthorizationPolicy/ban": {"selector": REVIEWS, "action": "DENY", "rules": [spared, PORTS]}
    }
    assert widened(done.edit[0].after) == policy and not done.remove


def test_with_one_allow_at_the_waypoint_all_are_there() -> None:
    objects = shop(
        authorization("api", rules=[PATHS], selector=REVIEWS),
        authorization("metrics", rules=[PORTS], selector=REVIEWS),
        authorization("nothing", rules=[]),
        authorization("elsewhere", rules=[PORTS], selector=app("ratings")),
        leads("ratings"),
        sidecar("ratings"),
    )
    found = named(forth(*objects).create)
    # `nothing` is for ratings too, so what admits somebody there has to be at the waypoint as well.
    copies = [name for name in found if name.endswith("-waypoint") and "-admit-" not in name]
    assert [name.partition("/")[2] for name in copies] == [
        "api-waypoint",
        "elsewhere-waypoint",
        "metrics-waypoint",
        "nothing-waypoint",
    ]
    # One for all is enough.
    admits = {name: spec for name, spec in found.items() if "-admit-" in name}
    assert admits == {"AuthorizationPolicy/nothing-admit-waypoint": {"action": "ALLOW", "rules": [ADMITS]}}


def test_http_allow_beside_an_allow_nothing_of_the_mesh() -> None:
    nothing = authorization("nothing", "istio-system", rules=[])
    objects = shop(authorization("api", rules=[PATHS], selector=REVIEWS), nothing)
    found = named(forth(*objects).create)
    # ztunnel goes on refusing all that no other policy admits.
    assert found["AuthorizationPolicy/api-admit-waypoint"] == {
        "selector": REVIEWS,
        "action": "ALLOW",
        "rules": [ADMITS],
    }
    assert len(found) == 2
    # And where nobody is admitted, the waypoint is not either.
    assert not forth(*shop(nothing)).create


def test_allow_by_client_of_the_mesh() -> None:
    rules = [{"from": [{"source": {"serviceAccounts": ["gateway"]}}]}]
    objects = shop(authorization("ingress", "istio-system", rules=rules))
    done = forth(*objects)
    (copy, admit) = done.create
    assert copy["metadata"]["name"] == "istio-system-ingress-waypoint"
    assert copy["spec"]["rules"] == [{"from": [{"source": {"serviceAccounts": ["istio-system/gateway"]}}]}]
    assert (
        copy["metadata"]["annotations"]["meshwright.io/translated-from"] == "AuthorizationPolicy/istio-system/ingress"
    )
    assert admit["metadata"]["name"] == "istio-system-ingress-admit-waypoint"
    assert not done.edit and not done.remove


# -- other kinds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(request_authentication(selector=REVIEWS), id="RequestAuthentication"),
        pytest.param(plugin(selector=REVIEWS), id="WasmPlugin"),
        pytest.param(telemetry(selector=REVIEWS, accessLogging=[{"disabled": True}]), id="Telemetry"),
        pytest.param(
            authorization("ext", action="CUSTOM", provider={"name": "opa"}, rules=[{}], selector=REVIEWS), id="CUSTOM"
        ),
    ],
)
def test_what_only_a_proxy_carries_out(policy: Obj) -> None:
    done = forth(*shop(policy))
    name, kind = policy["metadata"]["name"], policy["kind"]
    rest = {key: value for key, value in policy["spec"].items() if key != "selector"}
    assert named(done.create) == {f"{kind}/{name}-waypoint": {"targetRefs": to("reviews"), **rest}}
    # istiod takes no principals in a CUSTOM policy, and the others know none.
    assert edited(done) == {f"{kind}/{name}": {**rest, "selector": only_sidecars(app="reviews")}}
    assert named(done.remove) == edited(done)


def test_a_dry_run_stays_one() -> None:
    policy = authorization("try", action="DENY", rules=[PORTS], selector=REVIEWS)
    policy["metadata"]["annotations"] = {"istio.io/dry-run": "true"}
    done = forth(*shop(policy))
    # ztunnel knows no dry run.
    assert done.create[0]["metadata"]["annotations"]["istio.io/dry-run"] == "true"
    assert done.remove and not forth(*shop(policy), protect=True).protection


# -- impossible ----------------------------------------------------------------------------------------------------

HTTP = authorization("api", rules=[PATHS], selector=REVIEWS)


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        pytest.param(
            [leads(), sidecar(), sidecar("bare"), authorization("api", rules=[PATHS])],
            "Deployment shop/bare",
            id="bare",
        ),
        pytest.param([sidecar(), leads("reviews"), HTTP], "", id="fine"),
        pytest.param([sidecar(), HTTP], "to which no Service with an address leads", id="no-service"),
        pytest.param([HTTP], "is for no pod and no Service", id="nothing"),
        pytest.param(
            [
                leads(),
                sidecar(version="v1"),
                authorization("api", rules=[PATHS], selector={"matchLabels": {"version": "v1"}}),
                {**sidecar(), "metadata": {**sidecar()["metadata"], "name": "other"}},
            ],
            "is not for all that Service reviews leads to",
            id="wider",
        ),
        pytest.param([leads(labels={"istio.io/use-waypoint": "none"}), sidecar(), HTTP], "uses none", id="no-waypoint"),
        pytest.param(
            [leads(labels={"istio.io/use-waypoint": "mine"}), sidecar(), HTTP],
            "names the waypoint shop/mine",
            id="other-waypoint",
        ),
        pytest.param([leads(), pod(mode="sidecar"), HTTP], "not the label security.istio.io/tlsMode", id="unmarked"),
        pytest.param(
            [
                leads(),
                sidecar(),
                pod("ingress", labels={"istio": "ingressgateway"}),
                authorization("api", rules=[PATHS]),
            ],
            "is for gateways too (Deployment shop/ingress)",
            id="gateways",
        ),
        pytest.param(
            [
                leads(),
                sidecar(),
                authorization("api", rules=[{"when": [{"key": "destination.ip", "values": ["10.0.0.1"]}], **PATHS}]),
            ],
            "looks at `destination.ip`",
            id="destination.ip",
        ),
        pytest.param(
            [leads(), sidecar(), authorization("api", rules=[{"when": [{"key": "connection.sni", "values": ["x"]}]}])],
            "looks at `connection.sni`",
            id="sni",
        ),
        pytest.param(
            [leads(), sidecar(), plugin(match=[{"ports": [{"number": 80}]}])], "match.ports", id="plugin-ports"
        ),
        pytest.param([leads(), sidecar(), plugin(match=[{"mode": "CLIENT"}])], "match.mode CLIENT", id="plugin-client"),
        pytest.param(
            [leads(), sidecar(), authorization("api", "istio-system", rules=[PATHS])], "is of the whole mesh", id="mesh"
        ),
        pytest.param(
            [leads(), sidecar(), authorization("ban", "istio-system", action="DENY", rules=[OTHERS])],
            "denies what comes by the waypoint shop/waypoint",
            id="mesh-deny",
        ),
    ],
)
def test_impossible(objects: list[Obj], said: str) -> None:
    done = forth(space(), *waypoint(), *objects)
    assert said in refusals(done) and bool(done.impossible) == bool(said)
    assert {one.id for one in done.impossible} <= {"untranslatable-policy"}
    assert all(one.hint and one.namespace == "shop" for one in done.impossible)


def test_what_cannot_be_translated_stays_as_it_is() -> None:
    done = forth(space(), *waypoint(), sidecar(), leads(labels={"istio.io/use-waypoint": "none"}), HTTP)
    assert done.impossible and not (done.create or done.edit or done.remove)
    # Where only some pods are left out, the others' are judged.
    some = forth(space(), *waypoint(), sidecar(), leads(), sidecar("bare"), authorization("api", rules=[PATHS]))
    assert some.impossible and some.create and some.edit and some.remove


def test_jobs_are_not_called() -> None:
    job = sidecar("batch")
    job["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "batch"}]
    assert not forth(*shop(job, authorization("api", rules=[PATHS]))).impossible


def test_gateways_keep_what_is_theirs() -> None:
    policy = authorization("edge", rules=[PATHS], selector={"matchLabels": {"istio": "ingressgateway"}})
    done = forth(*shop(policy, pod("ingress", labels={"istio": "ingressgateway"})))
    assert not (done.create or done.edit or done.remove or done.impossible)


def test_ztunnel_knows_no_alias_of_the_trust_domain() -> None:
    objects = shop(authorization("front", rules=[CLIENT], selector=REVIEWS))
    assert "sidecars take the one for the other, ztunnel does not" in refusals(forth(*objects, trust_domain="corp"))
    policy = authorization("api", rules=[PATHS], selector=REVIEWS)
    done = forth(*shop(policy), trust_domain="corp", protect=True)
    assert "corp/ns/shop/sa/waypoint" in str(done.protection) and "cluster.local" not in str(done.protection)


def test_a_waypoint_with_another_service_account() -> None:
    objects = shop(authorization("front", rules=[CLIENT], selector=REVIEWS), HTTP)
    objects[1]["metadata"]["annotations"] = {"gateway.istio.io/service-account": "gate"}
    done = forth(*objects, protect=True)
    written = str((done.create, done.edit, done.protection))
    assert written.count("cluster.local/ns/shop/sa/gate") == 3 and BY not in written


# -- protection ----------------------------------------------------------------------------------------------------


def test_protection() -> None:
    objects = shop(
        authorization("api", rules=[PATHS], selector=REVIEWS),
        request_authentication(selector=REVIEWS),
        authorization("front", rules=[CLIENT], selector=app("ratings")),
        leads("ratings"),
        sidecar("ratings"),
    )
    done = forth(*objects, protect=True)
    rules = [{"from": [{"source": {"notPrincipals": [BY]}}]}]
    # One for each selector, and none where ztunnel goes on judging.
    assert named(done.protection) == {
        "AuthorizationPolicy/api-protect-waypoint": {"selector": REVIEWS, "action": "DENY", "rules": rules}
    }
    assert not any("protect" in one["metadata"]["name"] for one in done.create)
    assert any("Probes of the kubelet pass" in note for note in done.notes)
    assert any("To refuse them, protect" in note for note in forth(*objects).notes)
    whole = forth(*shop(HTTP, authorization("all", rules=[PATHS])), protect=True)
    assert named(whole.protection) == {"AuthorizationPolicy/all-protect-waypoint": {"action": "DENY", "rules": rules}}


ROUTE = {
    "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "edge"}],
    "rules": [{"backendRefs": [{"name": "reviews", "port": 80}]}],
}
EDGE = [
    obj("gateway.networking.k8s.io/v1", "Gateway", "public", "edge", {"gatewayClassName": "istio"}),
    obj("gateway.networking.k8s.io/v1", "HTTPRoute", "reviews", "shop", ROUTE),
]
NOTHING = authorization("nothing", "istio-system", rules=[])


@pytest.mark.parametrize(
    ("objects", "protect", "said"),
    [
        pytest.param([HTTP], False, "", id="ztunnel-lets-it-in"),
        pytest.param([HTTP], True, "only what comes by the waypoint is let in", id="protected"),
        pytest.param([HTTP, NOTHING], False, "AuthorizationPolicy istio-system/nothing stays there", id="nothing"),
        pytest.param(
            [HTTP, NOTHING, authorization("edge", rules=[{"from": [{"source": {"namespaces": ["edge"]}}]}])],
            False,
            "",
            id="admitted",
        ),
        pytest.param([authorization("front", rules=[{**PATHS, **CLIENT}]), NOTHING], False, "", id="not-admitted-now"),
    ],
)
def test_gateways_come_past_the_waypoint(objects: list[Obj], protect: bool, said: str) -> None:
    done = forth(*shop(*objects, *EDGE), protect=protect)
    assert said in refusals(done) and bool(done.impossible) == bool(said)
    labelled = shop(*objects, *EDGE)
    labelled[-len(objects) - len(EDGE) - 1]["metadata"]["labels"] = {"istio.io/ingress-use-waypoint": "true"}
    assert not forth(*labelled, protect=protect).impossible


# -- again ---------------------------------------------------------------------------------------------------------

MIXED = [
    authorization("api", rules=[PATHS], selector=REVIEWS),
    authorization("front", rules=[CLIENT], selector=REVIEWS),
    authorization("ban", action="DENY", rules=[OTHERS], selector=REVIEWS),
    authorization("paths", action="DENY", rules=[PATHS]),
    request_authentication(),
    telemetry(selector=REVIEWS, accessLogging=[{"disabled": True}]),
]


@pytest.mark.parametrize("protect", [True, False])
def test_again_in_the_middle_is_the_same(protect: bool) -> None:
    objects = shop(*MIXED)
    first = forth(*objects, protect=protect)
    again = forth(*applied(objects, first), protect=protect)
    assert len(first.edit) == 5 and not again.edit
    assert again.create == first.create and again.remove == first.remove and again.protection == first.protection


def test_again_in_the_end_is_nothing_more() -> None:
    objects = shop(*MIXED)
    first = forth(*objects, protect=True)
    done = [one for one in applied(objects, first, ends=True) if one["kind"] != "Pod"]
    again = forth(*done, pod(mode="ambient"), protect=True)
    assert not again.edit and not again.remove and not again.impossible
    assert set(named(again.create)) <= set(named(first.create)) and again.protection == first.protection
    # Who does not ask for it any more gets rid of it.
    assert set(named(forth(*done, pod(mode="ambient")).remove)) == set(named(first.protection))


def test_narrowed_and_widened() -> None:
    for policy in (HTTP, authorization("none", rules=[PATHS]), request_authentication(), telemetry(selector=REVIEWS)):
        once = narrowed(policy)
        assert once["spec"]["selector"]["matchLabels"].items() >= INJECTED.items()
        assert narrowed(once) == once and widened(once) == policy and widened(policy) == policy
    notes = narrowed(HTTP)["metadata"]["annotations"], narrowed(authorization())["metadata"]["annotations"]
    assert [json.loads(note["meshwright.io/narrowed-from"]) for note in notes] == [REVIEWS, None]


# -- names and marks -----------------------------------------------------------------------------------------------


def test_names_and_labels() -> None:
    policy = authorization("x" * 250, rules=[PATHS], selector=REVIEWS)
    policy["metadata"].update(
        labels={
            "team": "a",
            "istio.io/rev": "canary",
            "applyset.kubernetes.io/part-of": "applyset-1",
            "app.kubernetes.io/managed-by": "Helm",
        },
        annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        ownerReferences=[{"kind": "Owner", "name": "x"}],
        managedFields=[{}],
    )
    done = forth(*shop(policy))
    meta = done.create[0]["metadata"]
    assert len(meta["name"]) == 253 and meta["name"].endswith("-waypoint")
    assert meta["labels"] == {"team": "a", "istio.io/rev": "canary"}
    assert set(meta) == {"name", "namespace", "labels", "annotations"}
    assert not any("last-applied" in key for key in meta["annotations"])
    assert any("is managed by others (applyset.kubernetes.io/part-of)" in note for note in done.notes)


def test_a_name_that_is_taken() -> None:
    theirs = authorization("api-waypoint", rules=[PORTS], selector=app("other"))
    done = forth(*shop(HTTP, theirs))
    assert (
        done.create[0]["metadata"]["name"].startswith("api-") and done.create[0]["metadata"]["name"] != "api-waypoint"
    )


# -- without a waypoint --------------------------------------------------------------------------------------------


def test_without_a_waypoint() -> None:
    objects = [space("shop", AMBIENT), sidecar(), leads(), *MIXED, plugin()]
    done = without_waypoint(viewed(*objects), "shop")
    assert sorted(one.obj.rpartition("/")[2] for one in done.impossible) == ["api", "filter", "jwt", "paths"]
    assert "an outage" in refusals(done) and "a hole" in refusals(done)
    assert not (done.create or done.edit or done.remove or done.last_edit)
    assert [note.partition(" ")[0] for note in done.notes] == ["Telemetry"]
