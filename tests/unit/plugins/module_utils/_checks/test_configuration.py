# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks 52, 53 and 54: selectors, names of ports, and what istiod would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID
from ansible_collections.meshwright.istio.plugins.module_utils._checks.run import run_one
from ansible_collections.meshwright.istio.plugins.module_utils._checks.snapshot import Snapshot, Source

from .policy import policies as given
from .policy.policies import AMBIENT, NETWORKING, SIDECAR, Obj
from .policy.seeing import findings, snapshot

TELEMETRY = "telemetry.istio.io/v1"


def shop(*more: Obj, mode: str = "sidecar") -> list[Obj]:
    labels = {"sidecar": SIDECAR, "ambient": AMBIENT, "none": {}}[mode]
    return [given.space(labels=labels), given.pod(mode=mode), *more]


def told(check: str, objects: list[Obj]) -> list[str]:
    return [f"{one.severity}: {one.title}" for one in findings(check, *objects)]


# -- 52 ------------------------------------------------------------------------------------------------------------


def sidecar(name: str = "default", **spec: Any) -> Obj:
    return given.obj(NETWORKING, "Sidecar", name, spec={"egress": [{"hosts": ["./*"]}], **spec})


def entry(**spec: Any) -> Obj:
    ports = [{"number": 80, "name": "http", "protocol": "HTTP"}]
    body = {"hosts": ["db.example"], "ports": ports, "resolution": "STATIC", **spec}
    return given.obj(NETWORKING, "ServiceEntry", "db", spec=body)


LOST = {"labels": {"app": "lost"}}


@pytest.mark.parametrize(
    "obj",
    [
        given.authorization(selector=given.app("lost")),
        given.peer(selector=given.app("lost")),
        sidecar(workloadSelector=LOST),
        given.obj(NETWORKING, "EnvoyFilter", "f", spec={"workloadSelector": LOST}),
        given.obj(NETWORKING, "Gateway", "g", spec={"selector": {"app": "lost"}, "servers": []}),
        entry(workloadSelector=LOST),
        given.obj(TELEMETRY, "Telemetry", "t", spec={"selector": given.app("lost")}),
    ],
    ids=lambda obj: obj["kind"],
)
def test_a_selector_that_nothing_has(obj: Obj) -> None:
    found = told("MW0052", shop(obj))
    assert len(found) == 1 and found[0].startswith(f"warning: {obj['kind']} shop/"), found
    assert "app=lost" in found[0]
    assert told("MW0052", shop(obj, given.pod("lost", mode="sidecar"))) == []


def test_policy_may_come_before_the_first_workload() -> None:
    objects = [given.space(labels=SIDECAR), given.authorization(selector=given.app("later"))]
    assert told("MW0052", objects) == []


def test_a_workload_entry_is_a_workload() -> None:
    machine = given.obj(NETWORKING, "WorkloadEntry", "vm", spec={"address": "10.0.0.1", "labels": {"app": "lost"}})
    assert told("MW0052", shop(entry(workloadSelector=LOST), machine)) == []
    # Of another namespace it is none.
    elsewhere = {**machine, "metadata": {"name": "vm", "namespace": "other"}}
    assert len(told("MW0052", shop(entry(workloadSelector=LOST), elsewhere))) == 1


def test_a_policy_for_pods_outside_the_mesh() -> None:
    policy = given.authorization(selector=given.app())
    assert "nobody carries it out, so they take all requests" in told("MW0052", shop(policy, mode="none"))[0]
    assert told("MW0052", shop(policy)) == []
    assert told("MW0052", shop(policy, mode="ambient")) == []
    starting = [given.space(), {**given.pod(), "status": {"phase": "Pending"}}, policy]
    assert told("MW0052", starting) == []


def test_clients_of_a_namespace_that_is_not_there() -> None:
    def clients(*names: str) -> Obj:
        return given.authorization(rules=[{"from": [{"source": {"namespaces": list(names)}}]}])

    found = findings("MW0052", *shop(clients("shop", "lost", "team-*")))
    assert [one.title for one in found] == [
        "AuthorizationPolicy shop/policy names clients of namespace lost, which does not exist: this is for nobody."
    ]
    assert [one.severity for one in found] == ["info"]
    # Another cluster may have it.
    remote = {"metadata": {"name": "remote", "namespace": "istio-system"}}
    assert findings("MW0052", *shop(clients("lost")), remote_secrets=[remote]) == []


def telemetry(name: str, **spec: Any) -> Obj:
    return given.obj(TELEMETRY, "Telemetry", name, spec=spec)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([sidecar("a"), sidecar("b")], "Sidecar shop/a and shop/b are for the same: the whole namespace."),
        (
            [sidecar(name, workloadSelector={"labels": {"app": "reviews"}}) for name in "ab"],
            "Sidecar shop/a and shop/b are for the same: Pod shop/reviews-5d4f-sidecar",
        ),
        ([sidecar("a"), sidecar("b", workloadSelector={"labels": {"app": "reviews"}})], ""),
        ([telemetry("a"), telemetry("b")], "Telemetry shop/a and shop/b are for the same: the whole namespace."),
        ([telemetry("a"), telemetry("b", targetRefs=[given.to_service()])], ""),
    ],
    ids=["sidecars", "sidecars-of-a-pod", "one-each", "telemetries", "telemetry-of-a-waypoint"],
)
def test_one_for_each_workload(objects: list[Obj], expected: str) -> None:
    found = told("MW0052", shop(*objects))
    assert [one.startswith(f"warning: {expected}") for one in found] == ([True] if expected else [])


# -- 53 ------------------------------------------------------------------------------------------------------------


def ports(*entries: Obj, name: str = "reviews", namespace: str = "shop", **spec: Any) -> Obj:
    body = {"selector": {"app": name}, "ports": list(entries), **spec}
    return given.obj("v1", "Service", name, namespace, body)


@pytest.mark.parametrize(
    ("port", "declared"),
    [
        ({"name": "http", "port": 80}, True),
        ({"name": "http-web", "port": 80}, True),
        ({"name": "HTTP2-web", "port": 80}, True),
        ({"name": "grpc-web-x", "port": 80}, True),
        ({"name": "tcp", "port": 80}, True),
        ({"name": "web", "port": 80}, False),
        ({"port": 80}, False),
        ({"name": "web-http", "port": 80}, False),
        ({"name": "httpx", "port": 80}, False),
        ({"name": "web", "port": 80, "appProtocol": "http"}, True),
        ({"name": "web", "port": 80, "appProtocol": "kubernetes.io/h2c"}, True),
        ({"name": "http", "port": 80, "appProtocol": "example.com/own"}, False),
        ({"name": "sql", "port": 3306}, True),
        ({"name": "dns", "port": 5353, "protocol": "UDP"}, True),
        ({"name": "kubernetes.io/h2c", "port": 80}, False),
    ],
    ids=lambda value: str(value.get("name", "unnamed")) if isinstance(value, dict) else "",
)
def test_what_a_port_tells(port: Obj, declared: bool) -> None:
    found = told("MW0053", shop(ports(port)))
    assert len(found) == (not declared)
    assert all(one.startswith("info: Service shop/reviews has ports whose protocol neither name nor") for one in found)


def test_ports_of_a_namespace_are_one_finding() -> None:
    web = {"name": "web", "port": 80}
    services = [ports(web, name=name) for name in ("a", "b")]
    found = findings("MW0053", *shop(*services))
    assert [one.objects for one in found] == [("Service shop/a", "Service shop/b")]
    assert found[0].title.startswith("Namespace shop has 2 Services that have ports whose protocol")
    assert found[0].evidence == ("Service shop/a: web (80)", "Service shop/b: web (80)")


@pytest.mark.parametrize(
    "objects",
    [
        [given.space(), given.pod(), ports({"name": "web", "port": 80})],
        [given.space("kube-system"), ports({"name": "web", "port": 80}, namespace="kube-system")],
        [given.space("istio-system", SIDECAR), ports({"name": "web", "port": 80}, namespace="istio-system")],
    ],
    ids=["outside", "platform", "control-plane"],
)
def test_whose_ports_are_no_concern(objects: list[Obj]) -> None:
    assert told("MW0053", objects) == []


# -- 54 ------------------------------------------------------------------------------------------------------------


def test_what_istiod_would_refuse() -> None:
    found = findings("MW0054", *shop(given.virtual_service(http=given.routes(given.to(weight=-3), given.to(weight=1)))))
    assert [one.title for one in found] == [
        "VirtualService shop/reviews would be refused by istiod: http[0] has weight -3, which is below 0. It came in "
        "while nobody validated, and what proxies make of it is not told."
    ]
    assert told("MW0054", shop(given.virtual_service())) == []


@pytest.mark.parametrize(
    ("code", "level", "expected"),
    [
        ("IST0101", "ERROR", "info: VirtualService shop/reviews has a message of istiod's own analysis"),
        (
            "IST0106",
            "ERROR",
            "error: VirtualService shop/reviews would be refused by istiod: its analysis says IST0106",
        ),
    ],
)
def test_what_istiod_wrote_into_the_status(code: str, level: str, expected: str) -> None:
    message = {"type": {"code": code}, "level": level, "documentationUrl": f"https://istio.io/{code}"}
    route = {**given.virtual_service(), "status": {"validationMessages": [message, message]}}
    found = told("MW0054", shop(route))
    assert len(found) == 1 and found[0].startswith(expected)


def test_no_configuration() -> None:
    assert run_one(BY_ID["MW0054"], snapshot(*shop(), istiods=[given.istiod()])).status == "skipped"


@pytest.mark.parametrize("check", ["MW0052", "MW0053", "MW0054"])
def test_what_was_not_read_is_unknown(check: str) -> None:
    taken = snapshot(*shop(given.virtual_service()), istiods=[given.istiod()])
    for name in BY_ID[check].sources:
        blind = Snapshot({**taken.sources, name: Source(name, error="may not list this")})
        assert run_one(BY_ID[check], blind).status == "unknown", name


def test_nothing_is_concluded_from_what_was_not_read() -> None:
    """Neither that nothing has a selector, nor that a policy for all namespaces is for nobody in the mesh."""
    lost = snapshot(*shop(given.authorization(selector=given.app("lost"))), istiods=[given.istiod()])
    machines = Snapshot({**lost.sources, "workload_entries": Source("workload_entries", error="may not list this")})
    assert run_one(BY_ID["MW0052"], machines).findings == ()
    everywhere = given.authorization(namespace="istio-system", selector=given.app())
    taken = snapshot(*shop(everywhere, mode="none"), istiods=[given.istiod()])
    assert len(run_one(BY_ID["MW0052"], taken).findings) == 1
    part = Source("pods", taken.items("pods"), namespaces=frozenset({"shop"}), unseen="may not list all")
    assert run_one(BY_ID["MW0052"], Snapshot({**taken.sources, "pods": part})).findings == ()
