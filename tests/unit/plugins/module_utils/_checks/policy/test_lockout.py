# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who loses traffic by STRICT and by default-deny."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.lockout import Client, Lockout, matters
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.model import Judged

from .policies import (
    AMBIENT,
    GATEWAY_API,
    NETWORKING,
    SIDECAR,
    Obj,
    app,
    authorization,
    http_route,
    obj,
    peer,
    pod,
    rule,
    service,
    space,
    told,
    view,
    virtual_service,
)

SHOP, PLAIN = space("shop", AMBIENT), space("plain")
ENROLLED = pod(mode="ambient")
INSIDE = [SHOP, PLAIN, service(), ENROLLED]
ALLOW_CLIENT = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/client"]}}]}


def seen(namespace: str = "plain", *, mtls: bool = False, account: str = "", to: str = "reviews") -> Client:
    return Client(namespace, "client", account, "shop", to, 12.0, mtls)


def lockout(
    written: Sequence[Obj],
    others: Sequence[Obj],
    *,
    before: Sequence[Obj] = (),
    traffic: Sequence[Client] | None = None,
) -> list[Judged]:
    """What is found when `written` comes to the others, and `before` goes."""
    change = Lockout(view(*others, *before), view(*others, *written), [*written, *before])
    return list(change.judge(traffic))


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param([], [], id="all enrolled"),
        pytest.param([pod("kube-proxy", "kube-system")], [], id="kube-system is no client"),
        pytest.param([pod("istiod", "istio-system")], [], id="nor is the mesh itself"),
        pytest.param([pod("cron")], ["not-enrolled error"], id="a neighbour without a proxy"),
        pytest.param([pod("web", "edge", labels={"istio": "ingressgateway"})], [], id="a gateway"),
        pytest.param(
            [space("web", SIDECAR), pod("web", "web")], ["not-enrolled error"], id="a labelled one not restarted"
        ),
        pytest.param([space("web", SIDECAR), pod("web", "web", "sidecar")], [], id="a sidecar client"),
        pytest.param(
            [space("web", SIDECAR), pod("web", "web", labels={"sidecar.istio.io/inject": "false"})],
            ["outside-clients warning"],
            id="one that opted out",
        ),
        pytest.param([pod("legacy", "plain")], ["outside-clients warning"], id="perhaps a client"),
        pytest.param(
            [pod("prometheus", "monitoring")],
            ["outside-clients warning"],
            id="a Prometheus that nobody asked to scrape",
        ),
        pytest.param(
            [pod("prometheus", "kube-system"), pod("x", mode="ambient", notes={"prometheus.io/scrape": "true"})],
            ["scrape-outside error"],
            id="one that was asked",
        ),
        pytest.param(
            [
                pod("prometheus", "kube-system"),
                pod("x", mode="sidecar", notes={"prometheus.io/scrape": "true", "prometheus.io/port": "15020"}),
            ],
            [],
            id="merged metrics pass STRICT",
        ),
        pytest.param(
            [rule(trafficPolicy={"tls": {"mode": "DISABLE"}})], ["disable-against-strict warning"], id="DISABLE"
        ),
        pytest.param(
            [rule(trafficPolicy={"tls": {"mode": "DISABLE"}}), space("web", SIDECAR)],
            ["disable-against-strict error"],
            id="DISABLE and sidecars",
        ),
        pytest.param([rule(trafficPolicy={"tls": {"mode": "SIMPLE"}})], [], id="not DISABLE"),
        pytest.param(
            [
                obj(
                    "networking.k8s.io/v1",
                    "NetworkPolicy",
                    "n",
                    spec={"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
                )
            ],
            ["hbone-blocked warning"],
            id="NetworkPolicy",
        ),
        pytest.param(
            [
                obj(
                    "networking.k8s.io/v1",
                    "NetworkPolicy",
                    "n",
                    spec={"podSelector": {}, "ingress": [{"ports": [{"port": 15008}]}]},
                )
            ],
            [],
            id="NetworkPolicy with 15008",
        ),
    ],
)
def test_strict_on_a_namespace(others: list[Obj], expected: list[str]) -> None:
    assert told(lockout([peer()], [*INSIDE, *others])) == expected


def ingress(name: str = "reviews", class_name: str = "nginx") -> Obj:
    paths = [{"path": "/", "backend": {"service": {"name": name, "port": {"number": 80}}}}]
    spec = {"ingressClassName": class_name, "rules": [{"http": {"paths": paths}}]}
    return obj("networking.k8s.io/v1", "Ingress", "web", spec=spec)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([ingress()], ["ingress-outside error"]),
        ([ingress("other")], []),
        ([ingress(class_name="istio")], []),
        ([ingress(), pod("ingress-nginx", "edge", "ambient")], []),
    ],
)
def test_ingresses(others: list[Obj], expected: list[str]) -> None:
    assert told(lockout([peer()], [*INSIDE, *others])) == expected


@pytest.mark.parametrize(
    ("written", "before", "expected"),
    [
        pytest.param([peer()], [], True, id="namespace"),
        pytest.param([peer(namespace="istio-system")], [], True, id="mesh"),
        pytest.param([peer(selector=app())], [], True, id="workload"),
        pytest.param([peer(selector=app("other"))], [], False, id="other workload"),
        pytest.param([peer("PERMISSIVE")], [], False, id="permissive"),
        pytest.param([peer()], [peer()], False, id="it was strict before"),
        pytest.param([peer()], [peer("PERMISSIVE")], True, id="from permissive"),
        pytest.param([], [peer("STRICT")], False, id="removed"),
        pytest.param([peer("PERMISSIVE"), peer(namespace="istio-system")], [], False, id="exempt from the mesh's"),
        pytest.param([peer(selector=app(), portLevelMtls={"80": {"mode": "PERMISSIVE"}})], [], True, id="port"),
        pytest.param(
            [peer("PERMISSIVE", selector=app(), portLevelMtls={"80": {"mode": "STRICT"}})], [], True, id="only a port"
        ),
        pytest.param([peer(None, selector=app(), name="w")], [], False, id="unset"),
    ],
)
def test_what_tightens(written: list[Obj], before: list[Obj], expected: bool) -> None:
    neighbour = pod("cron")
    assert told(lockout(written, [*INSIDE, neighbour], before=before)) == (["not-enrolled error"] if expected else [])


def test_an_exemption_that_goes_locks_out() -> None:
    strict = peer(namespace="istio-system")
    assert told(lockout([], [*INSIDE, strict, pod("cron")], before=[peer("PERMISSIVE")])) == ["not-enrolled error"]


def test_an_exempt_port_may_be_scraped() -> None:
    others = [
        *INSIDE,
        pod("prometheus", "kube-system"),
        pod("x", mode="ambient", notes={"prometheus.io/scrape": "true", "prometheus.io/port": "9090"}),
    ]
    exempt = peer(selector=app("x"), portLevelMtls={"9090": {"mode": "PERMISSIVE"}})
    assert told(lockout([exempt], others)) == []
    assert told(lockout([peer(selector=app("x"))], others)) == ["scrape-outside error"]


def webhook(port: int = 443) -> Obj:
    call = {"service": {"namespace": "shop", "name": "reviews", "port": port}}
    made = obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "check", "")
    return {**made, "webhooks": [{"name": "a.example.com", "clientConfig": call}]}


def test_webhooks_are_called_by_the_api_server() -> None:
    behind = service(ports=(443,))
    others = [SHOP, behind, ENROLLED, webhook()]
    assert told(lockout([peer()], others)) == ["webhook-outside error"]
    assert told(lockout([peer(selector=app(), portLevelMtls={"443": {"mode": "PERMISSIVE"}})], others)) == []
    assert told(lockout([peer()], [SHOP, service("other"), pod("other", mode="ambient"), webhook()])) == []


def test_prometheus_decides() -> None:
    others = [*INSIDE, pod("cron")]
    (one, hint) = sorted(lockout([peer()], others, traffic=[seen()]), key=lambda each: each.severity)
    assert (one.rule, one.severity) == ("plaintext-seen", "error")
    assert "plain/client to shop/reviews (12 in all)" in one.message
    assert (hint.rule, hint.severity) == ("not-enrolled", "warning")
    assert told(lockout([peer()], others, traffic=[])) == ["not-enrolled warning"]
    assert told(lockout([peer()], INSIDE, traffic=[seen(mtls=True)])) == []
    assert told(lockout([peer()], INSIDE, traffic=[seen(to="by-another-name")])) == ["plaintext-seen error"]
    several = [*INSIDE, pod("other", mode="ambient")]
    assert told(lockout([peer(selector=app())], several, traffic=[seen(to="other")])) == []
    exempt = peer(selector=app(), portLevelMtls={"80": {"mode": "PERMISSIVE"}})
    assert told(lockout([exempt], INSIDE, traffic=[seen()])) == ["plaintext-seen warning"]


def test_strict_where_nothing_is_enrolled() -> None:
    assert told(lockout([peer()], [PLAIN, space("shop"), service(), pod()])) == ["strict-without-proxy warning"]


@pytest.mark.parametrize(
    ("written", "traffic", "expected"),
    [
        pytest.param([authorization()], None, ["nobody-admitted error"], id="allow nothing"),
        pytest.param([authorization(action="DENY", rules=[{}])], None, ["nobody-admitted error"], id="deny everything"),
        pytest.param([authorization(namespace="istio-system")], None, ["nobody-admitted error"], id="all of the mesh"),
        pytest.param(
            [authorization(), authorization("b", rules=[ALLOW_CLIENT])], None, [], id="and somebody is allowed"
        ),
        pytest.param([authorization()], [], ["nobody-admitted warning"], id="nobody was seen"),
        pytest.param(
            [authorization()], [seen(mtls=True, account="client")], ["nobody-admitted error"], id="somebody was"
        ),
        pytest.param([authorization(selector=app("other"))], None, [], id="for another"),
        pytest.param([authorization(rules=[{}])], None, [], id="allow all"),
        pytest.param(
            [authorization(rules=[ALLOW_CLIENT])], [seen("shop", mtls=True, account="client")], [], id="allowed"
        ),
        pytest.param(
            [authorization(rules=[ALLOW_CLIENT])],
            [seen("web", mtls=True, account="client")],
            ["client-not-admitted error"],
            id="left out",
        ),
        pytest.param([authorization(rules=[ALLOW_CLIENT])], [seen()], ["plaintext-seen error"], id="no identity"),
        pytest.param([authorization(targetRefs=[{"kind": "Service", "name": "reviews"}])], None, [], id="a waypoint's"),
    ],
)
def test_default_deny(written: list[Obj], traffic: list[Client] | None, expected: list[str]) -> None:
    written = [one for one in written if matters(one, new=True)]
    assert told(lockout(written, INSIDE, traffic=traffic)) == expected


@pytest.mark.parametrize(
    ("policy", "new", "expected"),
    [
        (peer(), True, True),
        (peer("PERMISSIVE"), True, False),
        (peer("PERMISSIVE"), False, True),
        (peer("PERMISSIVE", portLevelMtls={"80": {"mode": "STRICT"}}), True, True),
        (authorization(), True, True),
        (authorization(rules=[ALLOW_CLIENT]), False, True),
        (authorization(action="DENY", rules=[ALLOW_CLIENT]), True, False),
        (authorization(action="DENY", rules=[{}]), True, True),
        (authorization(action="AUDIT", rules=[{}]), True, False),
        (virtual_service(), False, False),
    ],
)
def test_which_policies_matter(policy: Obj, new: bool, expected: bool) -> None:
    assert matters(policy, new=new) is expected


def test_default_deny_of_what_nobody_calls_is_fine() -> None:
    assert told(lockout([authorization()], [SHOP, pod("worker", mode="ambient")])) == []


def test_default_deny_that_was_there_is_nobodys_news() -> None:
    assert told(lockout([authorization("b")], [*INSIDE, authorization("a")])) == []


def test_policies_by_identity_refuse_plain_text_too() -> None:
    assert told(lockout([authorization(rules=[ALLOW_CLIENT])], [*INSIDE, pod("cron")])) == ["not-enrolled error"]
    assert told(lockout([authorization(rules=[ALLOW_CLIENT])], [*INSIDE, peer(), pod("cron")])) == []


def test_a_gateway_that_routes_there_must_be_admitted() -> None:
    edge: list[Any] = [
        obj(NETWORKING, "Gateway", "web", "edge", {"selector": {"istio": "web"}, "servers": [{"hosts": ["*"]}]}),
        pod("web", "edge", "sidecar", {"istio": "web"}),
        space("edge", SIDECAR),
    ]
    way = virtual_service(gateways=["edge/web"], hosts=["shop.example.com"])
    written = authorization(rules=[ALLOW_CLIENT])
    assert told(lockout([written], [*INSIDE, *edge, way])) == ["gateway-not-admitted error"]
    opened = authorization(rules=[ALLOW_CLIENT, {"from": [{"source": {"namespaces": ["edge"]}}]}])
    assert told(lockout([opened], [*INSIDE, *edge, way])) == []
    parent = {"name": "web", "namespace": "edge"}
    gateway = obj(GATEWAY_API, "Gateway", "web", "edge", {"listeners": []})
    assert told(lockout([written], [*INSIDE, gateway, http_route(parent=parent)])) == ["gateway-not-admitted error"]
