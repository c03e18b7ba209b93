# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What breaks a pod, a way or a gateway on a real control plane, and whether explaining finds it there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.explain.model import Explanation, Step
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.explaining import explain
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput
from ansible_collections.meshwright.istio.plugins.module_utils._intent.explain import question_of

from ..support.embedded import Embedded
from .ground import Ground, Obj, deployment, one, service

SECURITY, NETWORKING, API = "security.istio.io/v1", "networking.istio.io/v1", "gateway.networking.k8s.io/v1"


class Spaces:
    """An ambient namespace, one with sidecars and one outside of the mesh, each with a client and a Service `web`."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.ambient, self.sidecar, self.plain = (ground.namespace(mode) for mode in ("ambient", "sidecar", "none"))
        objects: list[Obj] = []
        for space in (self.ambient, self.sidecar, self.plain):
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "client", "namespace": space}}
            client = deployment(space, "client", spec={"serviceAccountName": "client"})
            objects += [account, deployment(space, "web"), client, service(space)]
        ground.kubectl.apply(*objects)
        self.settled()

    def settled(self) -> None:
        """Until captured pods are, and sidecars are connected."""
        ways = [self.way(space, space) for space in (self.ambient, self.sidecar)]
        self.ground.until(
            lambda: all(self.ask(**way).verdict == "works" for way in ways),
            "pods are captured and connected",
            seconds=120,
        )

    def until(self, what: Any) -> Any:
        return self.ground.until(what, "the explanation has changed")

    def ask(self, **params: str) -> Explanation:
        given = {key.rstrip("_"): value for key, value in params.items()}
        return explain(self.ground.client(), question_of(given))

    def broken(self, step: str, **params: str) -> Step:
        """The step at which the answer breaks, once it does there."""
        seen: list[Explanation] = []

        def there() -> bool:
            seen.append(self.ask(**params))
            return seen[-1].broken_at == step

        self.until(there)
        found = seen[-1]
        assert found.verdict == "broken"
        first = next(each for each in found.steps if each.id == step)
        assert first.remedy
        assert first.text in found.summary
        assert any(line.startswith("BROKEN") for line in found.lines())
        return first

    def way(self, source: str, target: str) -> dict[str, str]:
        return {"from_": f"{source}/client", "to": f"{target}/web:80"}


@pytest.fixture(scope="module")
def spaces(mesh: Embedded) -> Iterator[Spaces]:
    ground = Ground(mesh)
    try:
        yield Spaces(ground)
    finally:
        ground.clean()


@pytest.fixture
def made(spaces: Spaces) -> Iterator[Any]:
    """Applies objects, and takes them away again."""
    found: list[Obj] = []

    def apply(*objects: Obj) -> None:
        found.extend(objects)
        spaces.ground.apply(*objects)

    yield apply
    for obj in found:
        group = obj["apiVersion"].partition("/")[0] if "/" in obj["apiVersion"] else ""
        kind = f"{obj['kind']}.{group}" if group else obj["kind"]
        spaces.ground.kubectl("-n", obj["metadata"]["namespace"], "delete", kind, obj["metadata"]["name"])


def statuses(found: Explanation) -> dict[str, str]:
    return {step.id: step.status for step in found.steps}


@pytest.mark.parametrize("source", ["ambient", "sidecar", "plain"])
@pytest.mark.parametrize("target", ["ambient", "sidecar"])
def test_what_works(spaces: Spaces, source: str, target: str) -> None:
    found = spaces.ask(**spaces.way(getattr(spaces, source), getattr(spaces, target)))
    assert found.broken_at == "", found.lines()
    assert found.verdict == "works"
    assert ("sent" in statuses(found)) is (source == "sidecar")


def test_a_sidecar_that_was_not_injected(spaces: Spaces) -> None:
    space = spaces.ground.namespace("none")
    spaces.ground.apply(deployment(space))
    spaces.ground.kubectl("label", "namespace", space, "istio-injection=enabled")
    step = spaces.broken("injected", pod=f"{space}/web")
    assert step.remedy == f"kubectl -n {space} rollout restart deployment web"


def test_a_label_that_means_nothing(spaces: Spaces) -> None:
    space = spaces.ground.namespace("none", **{"istio-injection": "true"})
    spaces.ground.kubectl.apply(deployment(space))
    step = spaces.broken("label", pod=f"{space}/web")
    assert "istio-injection=true is neither enabled nor disabled" in step.text


def test_a_revision_that_is_not_there(spaces: Spaces) -> None:
    space = spaces.ground.namespace("none", **{"istio.io/rev": "next"})
    spaces.ground.kubectl.apply(deployment(space))
    step = spaces.broken("injector", pod=f"{space}/web")
    assert step.evidence[0].startswith("revisions and tags there are: default")


def test_a_waypoint_that_is_missing(spaces: Spaces) -> None:
    spaces.ground.kubectl("-n", spaces.ambient, "label", "service", "web", "istio.io/use-waypoint=gone")
    try:
        step = spaces.broken("waypoint", **spaces.way(spaces.ambient, spaces.ambient))
        assert "does not exist" in step.text
        # What is behind the first broken step is judged all the same.
        assert "route" in statuses(spaces.ask(**spaces.way(spaces.ambient, spaces.ambient)))
    finally:
        spaces.ground.kubectl("-n", spaces.ambient, "label", "service", "web", "istio.io/use-waypoint-")


def test_a_policy_that_denies_the_client(spaces: Spaces, made: Any) -> None:
    source = {"principals": [f"cluster.local/ns/{spaces.ambient}/sa/client"]}
    rules = {"action": "DENY", "selector": {"matchLabels": {"app": "web"}}, "rules": [{"from": [{"source": source}]}]}
    made(one(SECURITY, "AuthorizationPolicy", spaces.ambient, "not-him", rules))
    step = spaces.broken("authorization", **spaces.way(spaces.ambient, spaces.ambient))
    assert f"AuthorizationPolicy {spaces.ambient}/not-him" in step.objects
    # Another client is none of that policy's.
    assert spaces.ask(**spaces.way(spaces.sidecar, spaces.ambient)).broken_at == ""


def test_strict_against_a_client_outside(spaces: Spaces, made: Any) -> None:
    made(one(SECURITY, "PeerAuthentication", spaces.sidecar, "default", {"mtls": {"mode": "STRICT"}}))
    step = spaces.broken("mtls", **spaces.way(spaces.plain, spaces.sidecar))
    assert "sends plain text" in step.text
    assert spaces.ask(**spaces.way(spaces.sidecar, spaces.sidecar)).verdict == "works"


def test_a_subset_that_nobody_defines(spaces: Spaces, made: Any) -> None:
    route = {"route": [{"destination": {"host": "web", "subset": "v9"}}]}
    made(one(NETWORKING, "VirtualService", spaces.sidecar, "web", {"hosts": ["web"], "http": [route]}))
    step = spaces.broken("route", **spaces.way(spaces.sidecar, spaces.sidecar))
    assert "subset v9" in step.text


def test_a_gateway_without_a_route(spaces: Spaces, made: Any) -> None:
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    gateway = one(
        API,
        "Gateway",
        spaces.sidecar,
        "public",
        {"gatewayClassName": "istio", "listeners": [listener]},
        annotations={"networking.istio.io/service-type": "ClusterIP"},
    )
    made(gateway)
    asked = {"gateway": f"{spaces.sidecar}/public"}
    step = spaces.broken("routes", **asked)
    assert "No route is attached" in step.text
    backend = {"name": "web", "port": 80}
    rules = {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [backend]}]}
    made(one(API, "HTTPRoute", spaces.sidecar, "web", rules))
    spaces.until(lambda: spaces.ask(**asked).verdict == "works")
    found = spaces.ask(to=f"{spaces.sidecar}/web")
    assert any(step.id == "exposed" and f"Gateway {spaces.sidecar}/public" in step.objects for step in found.steps)


def test_what_is_not_there(spaces: Spaces) -> None:
    assert spaces.broken("service", from_=f"{spaces.ambient}/client", to=f"{spaces.ambient}/wep").remedy.endswith(
        "web?"
    )
    with pytest.raises(BadInput, match=r"neither a pod nor a workload.*Did you mean client"):
        spaces.ask(pod=f"{spaces.ambient}/cliend")
    with pytest.raises(BadInput, match="no Gateway of that name"):
        spaces.ask(gateway=f"{spaces.ambient}/nobody")
