# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of real istiods through the API server, by each way to authenticate, and what is left behind: nothing."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._errors import Forbidden, NotFound, Unreachable
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect
from ansible_collections.meshwright.istio.plugins.module_utils._kube.portforward import PodAnswer, pod_get

from tests.harness.fault_proxy import FaultProxy

from ..support.embedded import Embedded, Kubectl
from .conftest import NEW, OLD, SYSTEM, Mesh
from .connect_proxy import ConnectProxy


@pytest.fixture(scope="module")
def ca_file(cluster: Embedded, tmp_path_factory: pytest.TempPathFactory) -> str:
    config = yaml.safe_load(Path(cluster.kubeconfig).read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("ca") / "ca.crt"
    path.write_bytes(base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))
    return str(path)


@pytest.fixture
def connect_proxy() -> Iterator[ConnectProxy]:
    with ConnectProxy() as running:
        yield running


def ask(client: Client, pod: str, port: int = 15014, path: str = "/version", seconds: float = 10) -> PodAnswer:
    return pod_get(client, SYSTEM, pod, port, path, deadline=Deadline(seconds))


def by_token(mesh: Mesh, ca_file: str, *, proxy: str | None = None, user: str | None = None) -> Client:
    options = ConnectionOptions(
        host=mesh.cluster.server,
        api_key=mesh.cluster.state["tokens"]["admin"],
        ca_cert=ca_file,
        proxy=proxy,
        impersonate_user=user,
    )
    return Client(connect(options), deadline=Deadline(30))


def test_readiness_versions_and_debugging(mesh: Mesh, client: Client) -> None:
    assert ask(client, mesh.istiod(OLD), 8080, "/ready").status == 200
    assert mesh.cluster.versions["current"] in ask(client, mesh.istiod(OLD)).text
    assert mesh.cluster.versions["next"] in ask(client, mesh.istiod(NEW)).text
    assert isinstance(ask(client, mesh.istiod(OLD), path="/debug/syncz").json(), list)
    assert ask(client, mesh.istiod(OLD), path="/no/such/page").status == 404


def test_a_long_answer_comes_whole(mesh: Mesh, client: Client) -> None:
    """Metrics are long enough to come in many messages."""
    text = ask(client, mesh.istiod(OLD), path="/metrics").text
    assert len(text) > 10_000
    assert "pilot_info{" in text
    assert text.endswith("\n")


def test_many_at_once_leave_nothing_behind(mesh: Mesh, client: Client) -> None:
    pods = [mesh.istiod(OLD), mesh.istiod(NEW)] * 15
    client.many(lambda pod: ask(client, pod), pods[:8])
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
    answers = client.many(lambda pod: ask(client, pod), pods)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 2
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before


def test_failures_leave_nothing_behind(mesh: Mesh, client: Client) -> None:
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
    for _number in range(3):
        with pytest.raises(Unreachable):
            ask(client, mesh.istiod(OLD), 81)
        with pytest.raises(NotFound):
            ask(client, "no-such-pod")
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before


def test_what_is_not_there_is_named(mesh: Mesh, client: Client) -> None:
    with pytest.raises(NotFound, match=rf"port 15014 of Pod {SYSTEM}/no-such-pod.*not found"):
        ask(client, "no-such-pod")
    with pytest.raises(Unreachable, match=rf"Nothing answers at port 81 of Pod {SYSTEM}/{mesh.istiod(OLD)}: .*port 81"):
        ask(client, mesh.istiod(OLD), 81)


def test_the_missing_permission_is_named_and_is_enough(mesh: Mesh, kubectl: Kubectl) -> None:
    nobody, pod = mesh.client("nobody"), mesh.istiod(OLD)
    with pytest.raises(Forbidden, match=r"may not get pods/portforward.*get and create on pods/portforward"):
        ask(nobody, pod)
    try:
        kubectl("-n", SYSTEM, "create", "role", "forward", "--verb=get", "--resource=pods/portforward")
        kubectl("-n", SYSTEM, "create", "rolebinding", "forward", "--role=forward", "--user=nobody")
        with pytest.raises(Forbidden, match=r"may not create pods/portforward"):
            ask(nobody, pod)
        both = '{"rules":[{"apiGroups":[""],"resources":["pods/portforward"],"verbs":["get","create"]}]}'
        kubectl("-n", SYSTEM, "patch", "role", "forward", "--type=merge", "-p", both)
        assert ask(nobody, pod).status == 200
    finally:
        kubectl("-n", SYSTEM, "delete", "role,rolebinding", "forward", "--ignore-not-found")


def test_it_goes_by_the_connections_token_ca_and_impersonation(mesh: Mesh, ca_file: str) -> None:
    assert ask(by_token(mesh, ca_file), mesh.istiod(OLD)).status == 200
    with pytest.raises(Forbidden, match="user nobody may not"):
        ask(by_token(mesh, ca_file, user="nobody"), mesh.istiod(OLD))


def test_a_server_that_is_not_trusted_is_not_asked(mesh: Mesh) -> None:
    token = mesh.cluster.state["tokens"]["admin"]
    options = ConnectionOptions(host=mesh.cluster.server, api_key=token)
    with pytest.raises(Unreachable, match=r"its certificate is not trusted.*ca_cert"):
        ask(Client(connect(options), deadline=Deadline(10)), "istiod")
    careless = ConnectionOptions(host=mesh.cluster.server, api_key=token, validate_certs=False)
    assert ask(Client(connect(careless), deadline=Deadline(10)), mesh.istiod(OLD)).status == 200


def test_it_goes_through_the_connections_proxy(mesh: Mesh, ca_file: str, connect_proxy: ConnectProxy) -> None:
    client = by_token(mesh, ca_file, proxy=connect_proxy.url)
    assert ask(client, mesh.istiod(OLD)).status == 200
    assert connect_proxy.asked == [mesh.cluster.server.removeprefix("https://")]


def test_what_the_environment_says_of_proxies_is_not_heard(
    mesh: Mesh, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection was made without one; a single request must not go elsewhere."""
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask(client, mesh.istiod(OLD)).status == 200


def test_an_overloaded_server_is_asked_again(mesh: Mesh, ca_file: str) -> None:
    pod = mesh.istiod(OLD)
    with FaultProxy(mesh.cluster.server, token=mesh.cluster.state["tokens"]["admin"], ca_file=ca_file) as proxy:
        proxy.fail("GET .*/portforward", status=503, times=2)
        proxy.fail("GET .*/portforward", status=403, times=1, message="the third")
        with pytest.raises(Exception, match="the third"):
            ask(Client(connect(ConnectionOptions(host=proxy.url)), deadline=Deadline(30)), pod)
        assert [seen.status for seen in proxy.seen] == [503, 503, 403]
