# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guards over a draft: what is read, what is judged, what is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.scene import kind_of
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.items import Item
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.live import target
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.plan import Step
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy import guards
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.draft import Draft
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.policy.findings import Finding
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden, Unauthorized
from ansible_collections.meshwright.istio.plugins.module_utils._intent.policy import PolicyIntent, Prometheus
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import Kind, known

from tests.unit.plugins.module_utils._checks.policy.policies import (
    AMBIENT,
    GATEWAY_API,
    NETWORKING,
    SIDECAR,
    Obj,
    authorization,
    http_route,
    obj,
    peer,
    pod,
    routes,
    rule,
    service,
    space,
    subset,
    to,
    to_service,
    virtual_service,
    waypoint,
)


class Cluster:
    """A client that reads from a list; `forbidden`: resources, or those in a namespace, that may not be listed."""

    def __init__(self, *objects: Obj, forbidden: Iterable[str] = (), refused: type[Exception] | None = None) -> None:
        self.objects = objects
        self.forbidden = set(forbidden)
        self.refused = refused
        self.listed: list[str] = []

    def many(self, call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [call(item) for item in items]

    def list(
        self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "", **more: Any
    ) -> list[Obj]:
        name = f"{kind.plural} in {namespace}" if namespace else kind.plural
        self.listed.append(name)
        if self.refused:
            raise self.refused("refused")
        if name in self.forbidden:
            raise Forbidden(f"may not list {name}.", status=403)
        return [
            one
            for one in self.objects
            if kind_of(one) == f"{kind.group}/{kind.kind}"
            and namespace in (None, one["metadata"].get("namespace"))
            and (not labels or labels.partition("=")[0] in one["metadata"].get("labels", {}))
            and (fields not in one.get("hidden_from", ("status.phase=Pending", "spec.hostNetwork=true")))
        ]

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Obj | None:
        return next((one for one in self.list_quietly(kind) if one["metadata"]["name"] == name), None)

    def served(self, kind: Kind) -> bool:
        return True

    def list_quietly(self, kind: Kind) -> Iterable[Obj]:
        return [one for one in self.objects if kind_of(one) == f"{kind.group}/{kind.kind}"]


def item(desired: Obj, live: Obj | None = None, *, delete: bool = False, same: bool = False) -> Item:
    kind = known(desired["apiVersion"], desired["kind"])
    assert kind is not None
    one = target(kind, desired["metadata"].get("namespace"), desired["metadata"]["name"])
    action: Any = "delete" if delete else "none" if same else "update" if live else "create"
    return Item(desired, one, live=live, step=Step(one.label, action, "", after={} if delete else desired))


def draft(*written: Obj, live: Iterable[Obj] = (), remove: Iterable[Obj] = ()) -> Draft:
    there = {(kind_of(one), one["metadata"]["name"]): one for one in live}
    return Draft(
        items=[item(one, there.get((kind_of(one), one["metadata"]["name"]))) for one in written],
        removals=[item(one, one, delete=True) for one in remove],
    )


def findings(cluster: Cluster, given: Draft, **intent: Any) -> list[Finding]:
    return guards.findings(cast(Client, cluster), PolicyIntent(**intent), given)


def told(found: Iterable[Finding]) -> list[str]:
    return [f"{one.rule} {one.severity} {one.target}" for one in found]


def test_nothing_is_read_when_nothing_changes() -> None:
    cluster = Cluster(refused=AssertionError)
    assert findings(cluster, Draft(items=[item(virtual_service(), virtual_service(), same=True)])) == []
    accepted = {"lockout_guard": "accept", "semantic_guard": "accept"}
    assert findings(cluster, draft(virtual_service(host="gone")), **accepted) == []
    config = draft(obj("v1", "ConfigMap", "c"), obj("v1", "ServiceAccount", "a"), service(), obj("v1", "Secret", "s"))
    assert findings(cluster, config) == []


def test_what_comes_in_the_same_task_is_there() -> None:
    cluster = Cluster(space("shop", SIDECAR))
    split = virtual_service(http=routes(to(weight=90, subset="v1"), to(weight=10, subset="v2")))
    whole = draft(split, rule(subsets=[subset("v1"), subset("v2")]), service())
    assert findings(cluster, whole) == []
    assert told(findings(cluster, draft(split))) == [
        "unknown-host error VirtualService shop/reviews",
        "unknown-route-host warning VirtualService shop/reviews",
    ]


def test_a_new_waypoint_and_what_uses_it_pass_together() -> None:
    policy = authorization(
        action="DENY",
        rules=[{"to": [{"operation": {"paths": ["/x"]}}]}],
        targetRefs=[{"kind": "Service", "name": "reviews"}],
    )
    using = service(labels={"istio.io/use-waypoint": "waypoint"})
    cluster = Cluster(space("shop", AMBIENT), service())
    assert findings(cluster, draft(*waypoint(ready=None), using, policy)) == []
    assert told(findings(cluster, draft(policy))) == ["target-without-waypoint error AuthorizationPolicy shop/policy"]


ROUTED = virtual_service(http=routes(to(subset="v1")))
PORTED = virtual_service(http=routes(to(port={"number": 81})))
EXPOSED = virtual_service(gateways=["edge/web"])
ISTIO_GATEWAY = obj(NETWORKING, "Gateway", "web", "edge", {"servers": [{"hosts": ["*"]}]})
LISTENER = {"name": "a", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}}
GATEWAY = obj(GATEWAY_API, "Gateway", "web", "edge", {"listeners": [LISTENER]})
ON_GATEWAY = http_route(parent={"name": "web", "namespace": "edge"})
BOUND = service(labels={"istio.io/use-waypoint": "waypoint"})
TARGETED = authorization(targetRefs=[{"kind": "Service", "name": "reviews"}])
WAYPOINT = waypoint()[0]


@pytest.mark.parametrize(
    ("there", "gone", "after", "expected"),
    [
        pytest.param([virtual_service()], [service()], [], "the host reviews", id="Service"),
        pytest.param([ROUTED, service()], [rule(subsets=[subset("v1")])], [], "the subset v1", id="rule"),
        pytest.param(
            [ROUTED, service(), rule(subsets=[subset("v1")])],
            [],
            [rule(subsets=[subset("v2")])],
            "it has v2",
            id="subset",
        ),
        pytest.param([PORTED, service(ports=(80, 81))], [], [service()], "names port 81", id="port"),
        pytest.param([EXPOSED, service()], [ISTIO_GATEWAY], [], "Gateway edge/web", id="Istio Gateway"),
        pytest.param([ON_GATEWAY, service()], [GATEWAY], [], "Gateway edge/web", id="Gateway"),
        pytest.param([http_route(parent=to_service())], [service()], [], "parent Service shop/reviews", id="parent"),
        pytest.param([TARGETED, WAYPOINT], [BOUND], [], "the targetRef Service shop/reviews", id="target"),
        pytest.param([BOUND], [WAYPOINT], [], "the waypoint shop/waypoint", id="waypoint"),
    ],
)
def test_what_stays_and_names_what_goes(there: list[Obj], gone: list[Obj], after: list[Obj], expected: str) -> None:
    cluster = Cluster(space("shop", SIDECAR), *there, *gone)
    found = findings(cluster, draft(*after, live=there, remove=gone))
    assert [one.rule for one in found if one.severity == "error"] == ["removed-but-used"], told(found)
    assert expected in found[0].message
    assert findings(cluster, draft(remove=[*there, *gone])) == [], "all of it goes together"


def test_what_was_wrong_before_is_not_this_runs() -> None:
    cluster = Cluster(space("shop"), virtual_service(host="gone"), service(), service("other"))
    assert findings(cluster, draft(remove=[service("other")])) == []


def test_many_namespaces_cost_few_reads() -> None:
    spaces = [f"s{number}" for number in range(50)]
    written = [authorization(namespace=name, selector={"matchLabels": {"app": "a"}}, rules=[{}]) for name in spaces]
    written += [virtual_service(namespace=name) for name in spaces] + [service(namespace=name) for name in spaces]
    cluster = Cluster(*[space(name) for name in spaces], *[pod("a", name) for name in spaces])
    assert findings(cluster, draft(*written)) == []
    assert len(cluster.listed) < 25, "a LIST or two of each kind"


def test_clients_are_looked_for_only_where_somebody_may_lose() -> None:
    nobody = Cluster(space("shop", AMBIENT), service())
    assert findings(nobody, draft(peer())) == []
    assert {"pods in shop", "peerauthentications"} <= set(nobody.listed)
    assert not {"pods", "ingresses", "networkpolicies"} & set(nobody.listed)
    somebody = Cluster(space("shop", AMBIENT), service(), pod(mode="ambient"))
    assert findings(somebody, draft(peer())) == []
    assert {"pods", "ingresses", "networkpolicies"} <= set(somebody.listed)
    assert somebody.listed.count("services") == 1, "what was read is not read again"


def test_few_namespaces_are_read_one_by_one() -> None:
    cluster = Cluster(space("shop"), pod())
    findings(cluster, draft(rule(subsets=[subset("v1")]), service()))
    assert "pods in shop" in cluster.listed
    assert "pods" not in cluster.listed


def test_what_may_not_be_read_is_told_and_not_judged() -> None:
    cluster = Cluster(space("shop"), service(), forbidden=["services", "services in istio-system"])
    subject = virtual_service(http=routes(to("reviews", 1), to("api.elsewhere.svc.cluster.local", 99)))
    found = findings(cluster, draft(subject))
    assert {(one.rule, one.severity) for one in found} == {("not-judged", "warning")}
    assert any("may not list services. Only shop was read." in one.message for one in found)
    gone = virtual_service(http=routes(to("ratings")))
    assert "unknown-host error VirtualService shop/reviews" in told(findings(cluster, draft(gone))), "its own was read"


def test_namespaces_that_may_not_be_listed_are_asked_for_by_name() -> None:
    cluster = Cluster(space("shop", AMBIENT), service(), forbidden=["namespaces"])
    found = findings(cluster, draft(virtual_service()))
    assert told(found)[0] == "routing-without-waypoint error VirtualService shop/reviews"
    assert "Only shop was read." in found[1].message


def test_no_talking_to_the_server_is_an_error_of_the_run() -> None:
    with pytest.raises(Unauthorized):
        findings(Cluster(refused=Unauthorized), draft(virtual_service()))


def test_hosts_of_other_clusters_are_only_a_warning() -> None:
    remote = obj("v1", "Secret", "remote", "istio-system", labels={"istio/multiCluster": "true"})
    subject = draft(virtual_service(http=routes(to("ratings"))))
    assert "unknown-host warning VirtualService shop/reviews" in told(
        findings(Cluster(space(), service(), remote), subject)
    )
    assert "unknown-host error VirtualService shop/reviews" in told(findings(Cluster(space(), service()), subject))


def test_each_guard_has_its_own_option() -> None:
    cluster = Cluster(space("shop", AMBIENT), service(), pod(mode="ambient"), pod("cron"))
    both = draft(peer(), virtual_service(host="gone", hosts=["any.example.com"]))
    assert [(one.guard, one.rule) for one in findings(cluster, both)] == [
        ("semantic", "unknown-host"),
        ("lockout", "not-enrolled"),
    ]
    assert [one.rule for one in findings(cluster, both, semantic_guard="accept")] == ["not-enrolled"]
    assert [one.rule for one in findings(cluster, both, lockout_guard="accept")] == ["unknown-host"]


def test_pods_that_start_or_are_on_the_host_are_not_forgotten() -> None:
    others = [space("shop", AMBIENT), service(), pod(mode="ambient")]
    assert [one.rule for one in findings(Cluster(*others, pod("cron")), draft(peer()))] == ["not-enrolled"]
    for hidden in ("status.phase=Pending", "spec.hostNetwork=true"):
        assert findings(Cluster(*others, {**pod("cron"), "hidden_from": (hidden,)}), draft(peer())) == []


def test_a_prometheus_that_fails_is_told_and_the_cluster_decides() -> None:
    cluster = Cluster(space("shop", AMBIENT), service(), pod(mode="ambient"), pod("cron"))
    found = findings(cluster, draft(peer()), prometheus=Prometheus("http://127.0.0.1:1"))
    assert [(one.rule, one.severity) for one in found] == [("prometheus-failed", "error"), ("not-enrolled", "error")]
    assert "`prometheus.url`" in found[0].hint


def test_prometheus_is_asked_only_when_somebody_may_lose() -> None:
    cluster = Cluster(space("shop", AMBIENT), service(), pod(mode="ambient"))
    assert findings(cluster, draft(peer("PERMISSIVE")), prometheus=Prometheus("http://127.0.0.1:1")) == []


def test_what_stays_but_for_its_labels_locks_out_nobody() -> None:
    cluster = Cluster(space("shop", AMBIENT), service(), pod(mode="ambient"), pod("cron"), peer("PERMISSIVE"))
    labelled = peer("PERMISSIVE")
    labelled["metadata"]["labels"] = {"team": "a"}
    assert findings(cluster, draft(labelled, live=[peer("PERMISSIVE")]), semantic_guard="accept") == []
    assert cluster.listed == [], "nothing had to be read"
    changed = findings(cluster, draft(peer(), live=[peer("PERMISSIVE")]))
    assert [one.rule for one in changed] == ["not-enrolled"]


def test_many_warnings_of_a_rule_are_counted() -> None:
    names = [f"s{number}" for number in range(30)]
    written = [authorization(namespace=name, selector={"matchLabels": {"app": "gone"}}, rules=[{}]) for name in names]
    found = findings(Cluster(*map(space, names), *[pod("a", name) for name in names]), draft(*written))
    assert [one.rule for one in found] == ["selects-nothing"] * 11
    assert found[-1].message == "20 more objects have the same as AuthorizationPolicy s0/policy."
    many = [f"s{number}" for number in range(70)]
    errors = findings(Cluster(*map(space, many)), draft(*[virtual_service(namespace=name) for name in many]))
    assert [one.rule for one in errors if one.severity == "error"] == ["unknown-host"] * 51
    assert errors[50].message == "20 more objects have the same as VirtualService s0/reviews."


def test_a_network_policy_must_let_the_mesh_in() -> None:
    cluster = Cluster(space("shop", AMBIENT), pod(mode="ambient"))

    def policy(*ports: int) -> Obj:
        ingress = [{"ports": [{"port": port} for port in ports]}] if ports else []
        return obj("networking.k8s.io/v1", "NetworkPolicy", "n", spec={"podSelector": {}, "ingress": ingress})

    assert told(findings(cluster, draft(policy(8080)))) == ["hbone-blocked warning NetworkPolicy shop/n"]
    assert findings(cluster, draft(policy(8080, 15008))) == []
    assert findings(cluster, draft(policy())) == [], "nothing is to come in: that is meant"
    other = policy(15008)
    other["metadata"]["name"] = "mesh"
    assert findings(Cluster(*cluster.objects, other), draft(policy(8080))) == [], "policies add up"


def test_findings_read_as_sentences() -> None:
    (one,) = findings(Cluster(space("shop"), service()), draft(virtual_service(http=routes(to("ratings"))), service()))
    assert one.target == "VirtualService shop/reviews"
    assert one.message.startswith("http[0] names the host ratings (that is, ratings.shop.svc.cluster.local)")
    assert one.message.endswith(".")
    assert one.hint == "Apply the Service shop/ratings in the same task, or correct the host."
