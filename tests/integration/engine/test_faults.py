# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API server that throttles, breaks connections, loses answers, is slow, or is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils import _errors as errors
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._kube import connection, kinds, retries
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect

from tests.harness import ports
from tests.harness.fault_proxy import FaultProxy

from ..support.embedded import Embedded
from .samples import config_map


def data_of(client: Client, namespace: str) -> dict[str, str]:
    return {
        item["metadata"]["name"]: item["data"]["value"]
        for item in client.list(kinds.CONFIG_MAP, namespace)
        if "value" in item["data"]
    }


def test_a_storm_of_429(proxied_engine: ObjectEngine, proxy: FaultProxy, client: Client, namespace: str) -> None:
    """Half of all requests are throttled; Retry-After is honoured, and everything is written once."""
    proxy.fail("PATCH", status=429, retry_after=0.2, times=60)
    desired = [config_map(namespace, f"c-{number}", value=str(number)) for number in range(30)]
    steps = proxied_engine.apply(desired)
    assert {step.action for step in steps} == {"create"}
    assert data_of(client, namespace) == {f"c-{number}": str(number) for number in range(30)}
    assert proxied_engine.client.requests.counts["retried 429"] == 60
    assert sum(one.method == "PATCH" and not one.dry_run and one.status < 300 for one in proxy.seen) == 30


@pytest.mark.parametrize("drop", ["before", "after"])
def test_connections_that_break(
    proxied_engine: ObjectEngine, proxy: FaultProxy, client: Client, namespace: str, drop: str
) -> None:
    """Whether the request or only its answer was lost: applying is repeated without harm."""
    proxy.fail("PATCH", drop=drop, times=20)
    desired = [config_map(namespace, f"c-{number}", value=str(number)) for number in range(20)]
    proxied_engine.apply(desired)
    assert data_of(client, namespace) == {f"c-{number}": str(number) for number in range(20)}
    assert proxied_engine.client.requests.counts["retried no answer"] == 20


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors(proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str, status: int) -> None:
    proxy.fail(".", status=status, times=4)
    (step,) = proxied_engine.apply([config_map(namespace, value="1")])
    assert step.action == "create"


def test_another_writer_in_between(proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str) -> None:
    proxy.fail("PATCH", status=409, message="the object has been modified; please apply your changes", times=3)
    (step,) = proxied_engine.apply([config_map(namespace, value="1")])
    assert step.action == "create"


def test_a_create_whose_answer_is_lost_is_not_repeated(
    proxied: Client, proxy: FaultProxy, client: Client, namespace: str
) -> None:
    proxy.fail("POST", drop="after")
    with pytest.raises(errors.Unreachable, match=r"create ConfigMap .*/settings.*may or may not have been carried out"):
        proxied.create(config_map(namespace, value="1"))
    assert proxy.count("POST") == 1
    assert data_of(client, namespace) == {"settings": "1"}


def test_a_create_that_never_arrived_is_not_repeated_blindly(
    proxied: Client, proxy: FaultProxy, client: Client, namespace: str
) -> None:
    """A reset does not tell whether the server saw the request: it is said so, and nothing is made twice."""
    proxy.fail("POST", drop="before")
    with pytest.raises(errors.Unreachable, match="may or may not"):
        proxied.create(config_map(namespace, value="1"))
    assert data_of(client, namespace) == {}


def test_a_create_that_is_throttled_is_repeated(proxied: Client, proxy: FaultProxy, namespace: str) -> None:
    proxy.fail("POST", status=429, retry_after=0.1, times=2)
    assert proxied.create(config_map(namespace, value="1"))["data"] == {"value": "1"}


def test_a_deletion_whose_answer_is_lost(proxied: Client, proxy: FaultProxy, namespace: str) -> None:
    proxied.create(config_map(namespace, value="1"))
    proxy.fail("DELETE", drop="after")
    assert proxied.delete(kinds.CONFIG_MAP, "settings", namespace) is True


def test_a_webhook_that_is_down_for_a_moment(proxied: Client, proxy: FaultProxy, namespace: str) -> None:
    down = 'Internal error occurred: failed calling webhook "v.istio.io": connection refused'
    proxy.fail("POST", status=500, message=down, times=3)
    assert proxied.create(config_map(namespace, value="1"))["data"] == {"value": "1"}


def test_a_webhook_that_stays_down_is_waited_for_once(
    proxied_engine: ObjectEngine, proxy: FaultProxy, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "PATIENCE_WEBHOOK", 0.5)
    down = 'Internal error occurred: failed calling webhook "v.istio.io": connection refused'
    proxy.fail("PATCH", status=500, message=down, times=10_000)
    with pytest.raises(errors.Rejected, match=r"webhook v\.istio\.io did not answer.*Nothing was written"):
        proxied_engine.apply([config_map(namespace, f"c-{number}", value="1") for number in range(100)])
    assert len({one.path for one in proxy.seen if one.method == "PATCH"}) < 20


def test_the_deadline_ends_a_wait(proxied: Client, proxy: FaultProxy) -> None:
    proxy.fail("GET", delay=3, times=9)
    hurried = proxied.with_deadline(Deadline(0.5))
    with pytest.raises(errors.Unreachable, match=r"get Namespace default on .* within the task's 0.5 s: 1 attempts"):
        hurried.get(kinds.NAMESPACE, "default")


def test_throttled_to_the_end_says_so(proxied: Client, proxy: FaultProxy) -> None:
    proxy.fail("GET", status=429, retry_after=30, message="slow down", times=9)
    hurried = proxied.with_deadline(Deadline(2))
    with pytest.raises(errors.Unreachable, match=r"within the task's 2 s.*429.*slow down") as caught:
        hurried.list(kinds.NAMESPACE)
    assert caught.value.status == 429


def test_after_the_deadline_nothing_is_sent(proxied: Client, proxy: FaultProxy) -> None:
    with pytest.raises(errors.Unreachable, match="nothing was sent"):
        proxied.with_deadline(Deadline(0)).list(kinds.NAMESPACE)
    assert proxy.seen == []


def test_an_unreachable_server() -> None:
    (port,) = ports.free_ports(1)
    client = Client(connect(ConnectionOptions(host=f"https://127.0.0.1:{port}")), deadline=Deadline(2))
    with pytest.raises(
        errors.Unreachable, match=rf"https://127.0.0.1:{port} within .* attempts, the last: Connection refused"
    ):
        client.version()


def test_an_untrusted_certificate_is_not_tried_again(cluster: Embedded) -> None:
    client = Client(connect(ConnectionOptions(host=cluster.server)), deadline=Deadline(20))
    with pytest.raises(errors.Unreachable, match=r"its certificate is not trusted.*`ca_cert`"):
        client.version()
    assert client.requests.counts["GET"] == 1


def test_plain_http_to_an_https_port(cluster: Embedded) -> None:
    client = Client(connect(ConnectionOptions(host=cluster.server.replace("https", "http"))), deadline=Deadline(20))
    with pytest.raises(errors.Unreachable, match=r"speaks HTTPS, not HTTP\. Write https://"):
        client.version()


def test_a_token_that_is_not_accepted(cluster: Embedded, ca_file: str) -> None:
    options = ConnectionOptions(host=cluster.server, ca_cert=ca_file, api_key="expired")
    with pytest.raises(errors.Unauthorized, match=r"did not accept the credentials.*`api_key`"):
        Client(connect(options), deadline=Deadline(20)).list(kinds.NAMESPACE)


def test_something_that_is_no_api_server(cluster: Embedded) -> None:
    client = Client(connect(ConnectionOptions(host=cluster.charts.rpartition("/")[0])), deadline=Deadline(20))
    with pytest.raises(errors.ApiError) as caught:
        client.version()
    assert "version" in str(caught.value)


def test_a_token_that_was_replaced(
    cluster: Embedded, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token files rotate: after a 401 they are read again, by all threads that met it."""
    monkeypatch.setattr(connection, "_RELOAD_EVERY", 0.0)
    (tmp_path / "token").write_text("of yesterday")
    config = {
        "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": cluster.server, "certificate-authority": ca_file}}],
        "users": [{"name": "x", "user": {"tokenFile": "token"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    client = Client(connect(ConnectionOptions(kubeconfig=str(tmp_path / "kubeconfig"))), deadline=Deadline(20))
    (tmp_path / "token").write_text(cluster.state["tokens"]["admin"])
    seen = client.many(lambda name: client.get(kinds.NAMESPACE, name), ["default", "kube-system"] * 8)
    assert all(seen)
