# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What istiod would refuse: each rule by an object that breaks it, and the same objects unbroken."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.policy.schema import refused

from . import policies as given
from .policies import NETWORKING, SECURITY, Obj


def route(*http: Obj, **spec: Any) -> Obj:
    return given.virtual_service(**{**({"http": list(http)} if http else {}), **spec})


def gateway(*servers: Obj, name: str = "edge") -> Obj:
    return given.obj(NETWORKING, "Gateway", name, spec={"selector": {"istio": "edge"}, "servers": list(servers)})


def server(hosts: list[str] | None = None, protocol: str = "HTTP", number: int = 80, **more: Any) -> Obj:
    port = {"number": number, "name": protocol.lower(), "protocol": protocol}
    return {"hosts": ["a.example"] if hosts is None else hosts, "port": port, **more}


def entry(**spec: Any) -> Obj:
    ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
    return given.obj(NETWORKING, "ServiceEntry", "out", spec={"hosts": ["api.example"], "ports": ports, **spec})


def sidecar(**spec: Any) -> Obj:
    return given.obj(NETWORKING, "Sidecar", "default", spec=spec)


def jwt(**spec: Any) -> Obj:
    return given.obj(SECURITY, "RequestAuthentication", "jwt", spec=spec)


def rules(*each: Obj, action: str = "ALLOW", **spec: Any) -> Obj:
    return given.authorization(action=action, rules=list(each), **spec)


def who(**source: Any) -> Obj:
    return {"from": [{"source": source}]}


def what(**operation: Any) -> Obj:
    return {"to": [{"operation": operation}]}


def when(key: str, *values: str) -> Obj:
    return {"when": [{"key": key, "values": list(values)}]}


TO = given.routes(given.to())[0]
TLS = {"mode": "SIMPLE", "credentialName": "cert"}


@pytest.mark.parametrize(
    "obj",
    [
        route(TO),
        route(hosts=["*.example.com", "other.example."], gateways=["edge"]),
        route(hosts=["*"], gateways=["edge"]),
        route({"redirect": {"uri": "/new"}}, {"directResponse": {"status": 503}}, {"delegate": {"name": "more"}}),
        given.virtual_service(hosts=None, http=[TO]),
        route({"route": [given.to(weight=90), given.to("b", weight=10)]}, exportTo=[".", "other"]),
        route(http=None, tcp=[TO]),
        route(http=None, tls=[{"match": [{"port": 443, "sniHosts": ["a.example"]}], **TO}]),
        given.rule(subsets=[given.subset("v1"), given.subset("v2")], trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}}),
        given.rule(trafficPolicy={"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "DISABLE"}}]}),
        gateway(server(), server(["*"], "HTTPS", 443, tls=TLS), server(["./b.example", "*/c.example"], "TCP", 9000)),
        gateway(server(tls={"httpsRedirect": True})),
        entry(resolution="DNS"),
        entry(hosts=["*.example"], resolution="NONE", exportTo=["~"]),
        entry(resolution="STATIC", workloadSelector={"labels": {"app": "db"}}),
        sidecar(egress=[{"hosts": ["./*", "istio-system/*"]}]),
        sidecar(outboundTrafficPolicy={}),
        given.peer(),
        given.peer(selector=given.app(), portLevelMtls={"8080": {"mode": "DISABLE"}}),
        jwt(selector=given.app()),
        rules(),
        rules({}, action="DENY"),
        rules(who(principals=["*"]), what(ports=["80"], paths=["/a"]), when("request.headers[x]", "1")),
        rules(who(ipBlocks=["10.0.0.0/8", "::1"]), when("source.ip", "10.0.0.1")),
        rules({}, action="CUSTOM", provider={"name": "ext"}),
        given.authorization(targetRefs=[given.to_service()], rules=[{}]),
    ],
    ids=lambda obj: obj["kind"],
)
def test_what_makes_sense(obj: Obj) -> None:
    assert list(refused(obj)) == []


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (route(hosts=[], gateways=["edge"]), "it has no hosts, so it is a delegate, which must not have gateways"),
        (route(hosts=["a..b"]), "it has the host a..b, which is no domain name"),
        (route(hosts=["a.1"]), "it has the host a.1, which is no domain name"),
        (route(hosts=["*"]), "host * is not allowed on the mesh"),
        (route(hosts=["*.a.example", "b.a.example"]), "the hosts *.a.example and b.a.example cover each other"),
        (route(http=None), "it has neither http nor tls nor tcp"),
        (route({"match": []}), "http[0] has neither route nor redirect nor directResponse"),
        (route(TO, {**TO, "redirect": {"uri": "/"}}), "http[1] has both redirect and route"),
        (route({"directResponse": {"status": 200}, **TO}), "http[0] has both directResponse and route"),
        (route({"directResponse": {"status": 20}}), "http[0] answers directly with status 20"),
        (route({"redirect": {}}), "http[0] has neither route nor redirect nor directResponse"),
        (route({"redirect": {"redirectCode": 200, "uri": "/"}}), "http[0] redirects with code 200, which is not 3xx"),
        (route({"delegate": {"name": "x"}, **TO}), "http[0] has a delegate, and route beside it"),
        (route({"delegate": {"name": "x"}}, hosts=[]), "http[0] has a delegate in a delegate"),
        (route({**TO, "mirror": {"host": "b"}, "mirrors": [{}]}), "http[0] has both mirror and mirrors"),
        (route({**TO, "mirrorPercentage": {"value": 101}}), "http[0] mirrors 101 per cent"),
        (route({"route": [given.to(weight=-3)]}), "http[0] has weight -3, which is below 0"),
        (route({"route": [given.to(weight=0), given.to()]}), "http[0] has weights that sum to 0"),
        (route({"route": [{"weight": 1}]}), "http[0] has a route without a destination"),
        (route({"route": [given.to("")]}), "http[0] routes to an empty host"),
        (route({"route": [given.to("*")]}), "http[0] routes to host *"),
        (route({"route": [given.to(subset="v 1")]}), "http[0] names the subset v 1, which is no label"),
        (route({"route": [given.to(port={"number": 70000})]}), "http[0] routes to port 70000"),
        (route(http=None, tcp=[{}]), "tcp[0] has no route"),
        (route(http=None, tls=[TO]), "tls[0] has no match"),
        (route(exportTo=["*", "a"]), "exportTo has * beside others"),
        (route(exportTo=[".", "shop"]), "exportTo names shop twice"),
        (route(exportTo=["~"]), "exportTo is ~, which only a ServiceEntry may say"),
        (given.rule(host=""), "it is for an empty host"),
        (given.rule(subsets=[given.subset("v1"), given.subset("v1")]), "it has the subset v1 twice"),
        (given.rule(subsets=[{"name": ""}]), "it has a subset named nothing, which is no label"),
        (given.rule(trafficPolicy={}), "trafficPolicy is empty"),
        (
            given.rule(trafficPolicy={"portLevelSettings": [{"port": {"number": 80}}]}),
            "trafficPolicy has nothing to say for port 80",
        ),
        (
            given.rule(trafficPolicy={"portLevelSettings": [{"tls": {}}]}),
            "trafficPolicy has settings for a port that it does not name",
        ),
        (gateway(), "it has no servers"),
        (gateway(server(), name="a.b"), "its name a.b is no label"),
        (gateway(server([])), "servers[0] has no hosts"),
        (gateway(server(["x y"])), "servers[0] has the host x y, which is no domain name"),
        (gateway(server(["shop/"])), "servers[0] has the host shop/, which is no domain name"),
        (gateway({"hosts": ["*"]}), "servers[0] has no port"),
        (gateway(server(number=0)), "servers[0] has port number 0"),
        (gateway(server(protocol="SMTP")), "servers[0] has protocol SMTP, which Istio does not know"),
        (gateway({"hosts": ["*"], "port": {"number": 80, "protocol": "HTTP"}}), "servers[0] has a port without a name"),
        (gateway(server(protocol="HTTPS")), "servers[0] has protocol HTTPS, but no tls"),
        (gateway(server(tls=TLS)), "servers[0] has tls for plain HTTP"),
        (gateway(server(protocol="TCP", tls=TLS)), "servers[0] has tls for protocol TCP"),
        (gateway(server(), server(["b.example"])), "the port name http is there twice"),
        (entry(hosts=[]), "it has no hosts"),
        (entry(hosts=["*"]), "it has host *"),
        (entry(endpoints=[{}], workloadSelector={}), "it has both workloadSelector and endpoints"),
        (entry(endpoints=[{"address": "1.1.1.1"}]), "it has endpoints, and resolution NONE"),
        (entry(hosts=["*.a"], resolution="DNS"), "it has a wildcard host, resolution DNS and no endpoints"),
        (entry(addresses=["10.0.0.0/8"], resolution="DNS"), "it has addresses in CIDR form, and resolution DNS"),
        (
            entry(resolution="DNS_ROUND_ROBIN", endpoints=[{}, {}]),
            "it has several endpoints, and resolution DNS_ROUND_ROBIN",
        ),
        (
            entry(hosts=["a.x", "b.x"], resolution="DNS", ports=[{"number": 1, "name": "a", "protocol": "TCP"}]),
            "it has several hosts, and a port that is neither HTTP nor TLS",
        ),
        (entry(ports=[{"number": 1, "name": "a"}, {"number": 2, "name": "a"}]), "it has the port name a twice"),
        (entry(ports=[{"number": 1, "name": "a"}, {"number": 1, "name": "b"}]), "it has the port 1 twice"),
        (entry(ports=[{"number": 0, "name": "a"}]), "it has port number 0"),
        (entry(ports=[{"number": 1}]), "it has a port named nothing, which is no label"),
        (entry(ports=[{"number": 1, "name": "a", "protocol": "X"}]), "it has protocol X, which Istio does not know"),
        (entry(exportTo=["~", "a"]), "exportTo has ~ beside others"),
        (sidecar(), "it says nothing"),
        (sidecar(egress=[{"hosts": ["*"]}]), "egress[0] has the host *, which has no namespace before it"),
        (sidecar(egress=[{"hosts": []}]), "egress[0] has no hosts"),
        (sidecar(ingress=[{"defaultEndpoint": "127.0.0.1:80"}]), "ingress[0] has no port"),
        (given.peer(portLevelMtls={"8080": {}}), "it has portLevelMtls, but no selector"),
        (given.peer(selector=given.app(), portLevelMtls={}), "portLevelMtls is empty"),
        (given.peer(selector=given.app(), portLevelMtls={"0": {}}), "portLevelMtls has port 0"),
        (jwt(selector=given.app("*")), "its selector has a wildcard or an empty label"),
        (
            jwt(selector=given.app(), targetRefs=[given.to_service()]),
            "it has both selector and targetRefs",
        ),
        (jwt(targetRefs=[given.to_service("")]), "it has a targetRef without a name"),
        (
            jwt(targetRefs=[given.to_service(namespace="other")]),
            "it has a targetRef in namespace other, which must be its own",
        ),
        (
            jwt(targetRefs=[{"group": "apps", "kind": "Deployment", "name": "a"}]),
            "it has a targetRef to apps/Deployment, which is no target of policy",
        ),
        (given.authorization(action="DENY"), "it has action DENY and no rules: it would never apply"),
        (rules({}, action="CUSTOM"), "it has action CUSTOM, and names no provider"),
        (rules({}, provider={"name": "x"}), "it names a provider, and has action ALLOW"),
        (rules({"from": []}), "rules[0] has an empty from"),
        (rules({"from": [{"source": {}}]}), "rules[0] has a from without a source"),
        (rules({"to": [{"operation": {}}]}), "rules[0] has a to without an operation"),
        (rules(who(principals=[""])), "rules[0] has an empty value in principals"),
        (rules(who(ipBlocks=["10.0.0"])), "rules[0] has 10.0.0 in ipBlocks, which is no address"),
        (
            rules(who(principals=["a"], serviceAccounts=["b"])),
            "rules[0] has serviceAccounts beside principals or namespaces",
        ),
        (rules(what(ports=["http"])), "rules[0] has port http"),
        (rules(when("")), "rules[0] has a when without a key"),
        (rules(when("source.ip")), "rules[0] has a when source.ip without values"),
        (rules(when("request.header", "x")), "rules[0] has a when request.header, which Istio does not know"),
        (
            rules(when("request.headers", "x")),
            "rules[0] has a when request.headers, which must look like request.headers[NAME]",
        ),
        (
            rules(who(principals=["a"]), action="CUSTOM", provider={"name": "x"}),
            "rules[0] has principals, which action CUSTOM does not know",
        ),
        (
            rules(when("source.principal", "a"), action="CUSTOM", provider={"name": "x"}),
            "rules[0] has a when source.principal, which action CUSTOM does not know",
        ),
    ],
)
def test_what_is_refused(obj: Obj, why: str) -> None:
    assert why in list(refused(obj))
