# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding the API server: kubeconfigs, contexts, overrides, and the kubeconfig written for other programs."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, Unauthorized
from ansible_collections.meshwright.istio.plugins.module_utils._kube import connection as connections
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import ConnectionOptions, connect


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No kubeconfig but those of the test."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def write(path: Path, user: dict[str, Any], *, server: str = "https://one", name: str = "dev", **cluster: Any) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server, **cluster}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config))
    return str(path)


def test_the_current_context(tmp_path: Path) -> None:
    connection = connect(ConnectionOptions(kubeconfig=write(tmp_path / "kc", {"token": "t"})))
    assert (connection.server, connection.context) == ("https://one", "dev")
    assert connection.headers() == [("authorization", "Bearer t")]


def test_ones_own_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(write(tmp_path / "kc", {"token": "t"}))
    assert connect(ConnectionOptions(kubeconfig=str(path))).namespace == ""
    config = yaml.safe_load(path.read_text())
    config["contexts"][0]["context"]["namespace"] = "team"
    path.write_text(yaml.safe_dump(config))
    assert connect(ConnectionOptions(kubeconfig=str(path))).namespace == "team"
    assert connect(ConnectionOptions(host="https://one")).namespace == ""

    # and in a pod
    monkeypatch.setattr(connections, "load_incluster_config", lambda client_configuration: None)
    monkeypatch.setattr(connections, "_POD_NAMESPACE", str(tmp_path / "namespace"))
    assert connect(ConnectionOptions()).namespace == ""
    (tmp_path / "namespace").write_text("runner\n")
    assert connect(ConnectionOptions()).namespace == "runner"


def test_a_wrong_context_names_those_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "kc", {"token": "t"})
    with pytest.raises(BadInput, match=r"`prod` is not in the kubeconfig.*there is: dev"):
        connect(ConnectionOptions(kubeconfig=path, context="prod"))


def test_a_missing_kubeconfig_names_path_and_options(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"/nowhere \(option `kubeconfig`.*does not exist.*K8S_AUTH_KUBECONFIG"):
        connect(ConnectionOptions(kubeconfig=str(tmp_path / "nowhere")))


def test_no_cluster_at_all() -> None:
    with pytest.raises(BadInput, match=r"no ~/.kube/config, and this is no pod.*`kubeconfig`"):
        connect(ConnectionOptions())


@pytest.mark.parametrize("text", ["[unclosed", "just words", "- a\n- list"])
def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    (tmp_path / "kc").write_text(text)
    with pytest.raises(BadInput, match="kc"):
        connect(ConnectionOptions(kubeconfig=str(tmp_path / "kc")))


def test_several_files_are_merged_first_wins(tmp_path: Path) -> None:
    one = write(tmp_path / "a", {"token": "one"})
    two = write(tmp_path / "b", {"token": "two"}, server="https://two", name="other")
    merged = f"{one}:{tmp_path / 'missing'}:{two}"
    assert connect(ConnectionOptions(kubeconfig=merged)).server == "https://one"
    assert connect(ConnectionOptions(kubeconfig=merged, context="other")).headers() == [("authorization", "Bearer two")]


def test_the_environment_then_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "home/.kube/config", {"token": "home"})
    assert connect(ConnectionOptions()).headers() == [("authorization", "Bearer home")]
    monkeypatch.setenv("KUBECONFIG", write(tmp_path / "kc", {"token": "env"}))
    assert connect(ConnectionOptions()).headers() == [("authorization", "Bearer env")]


def test_a_named_host_gets_no_token_of_the_default_kubeconfig(tmp_path: Path) -> None:
    write(tmp_path / "home/.kube/config", {"token": "mine"})
    connection = connect(ConnectionOptions(host="https://theirs"))
    assert (connection.server, connection.context, connection.headers()) == ("https://theirs", "", [])


def test_the_task_goes_before_the_kubeconfig(tmp_path: Path) -> None:
    path = write(tmp_path / "kc", {"token": "t"})
    connection = connect(ConnectionOptions(kubeconfig=path, host="https://front/", api_key="mine"))
    assert (connection.server, connection.headers()) == ("https://front", [("authorization", "Bearer mine")])


def test_the_tasks_host_outlives_a_refresh_of_the_token(tmp_path: Path) -> None:
    path = write(tmp_path / "kc", {"token": "t"})
    connection = connect(ConnectionOptions(kubeconfig=path, host="https://other"))
    for _turn in range(2):
        assert connection.headers() == [("authorization", "Bearer t")]
        assert connection.server == "https://other"


def test_basic_authentication() -> None:
    connection = connect(ConnectionOptions(host="https://x", username="me", password="hush"))
    assert connection.headers() == [("authorization", "Basic " + base64.b64encode(b"me:hush").decode())]


def test_a_host_must_be_a_url() -> None:
    with pytest.raises(BadInput, match=r"https://api\.example\.com"):
        connect(ConnectionOptions(host="api.example.com"))


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_a_missing_file_names_its_option(option: str) -> None:
    with pytest.raises(BadInput, match=f"`{option}` names /nowhere"):
        connect(ConnectionOptions.from_params({"host": "https://x", option: "/nowhere"}))


def test_impersonation_of_the_task_and_of_the_kubeconfig(tmp_path: Path) -> None:
    path = write(
        tmp_path / "kc",
        {"token": "t", "as": "eve", "as-groups": ["a", "b"], "as-uid": "7", "as-user-extra": {"k": ["v"]}},
    )
    assert connect(ConnectionOptions(kubeconfig=path)).headers()[1:] == [
        ("Impersonate-User", "eve"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-k", "v"),
    ]
    connection = connect(ConnectionOptions(kubeconfig=path, impersonate_user="bob", impersonate_groups=("g",)))
    assert connection.headers()[1:] == [("Impersonate-User", "bob"), ("Impersonate-Group", "g")]


def test_groups_alone_cannot_be_impersonated() -> None:
    with pytest.raises(BadInput, match="needs `impersonate_user`"):
        connect(ConnectionOptions(host="https://x", impersonate_groups=("g",)))


def plugin(path: Path, script: str) -> dict[str, Any]:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": f"./{path.name}",
            "interactiveMode": "Never",
        }
    }


def test_a_credential_plugin_beside_its_kubeconfig(tmp_path: Path) -> None:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "fresh"}}
    user = plugin(tmp_path / "login", f"echo '{json.dumps(answer)}'")
    assert connect(ConnectionOptions(kubeconfig=write(tmp_path / "kc", user))).headers() == [
        ("authorization", "Bearer fresh")
    ]


def test_a_credential_plugin_that_fails_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "kc", plugin(tmp_path / "login", "exit 1"))
    with pytest.raises(Unauthorized, match="login` of the context `dev` gave no credentials"):
        connect(ConnectionOptions(kubeconfig=path))


@pytest.mark.parametrize(("good_for", "fetched"), [(0.0, 3), (60.0, 2)])
def test_an_expired_token_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good_for: float, fetched: int
) -> None:
    """Once when the kubeconfig is read, then for each request, but not for those that follow at once."""
    monkeypatch.setattr(connections, "_HEADERS_GOOD_FOR", good_for)
    count = tmp_path / "count"
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"},
    }
    user = plugin(tmp_path / "login", f"echo x >> {count}; echo '{json.dumps(answer)}'")
    connection = connect(ConnectionOptions(kubeconfig=write(tmp_path / "kc", user)))
    connection.headers()
    connection.headers()
    assert len(count.read_text().split()) == fetched


def test_the_kubeconfig_for_other_programs(tmp_path: Path) -> None:
    """It means the same connection: one context, absolute paths, plugins as they are, impersonation, and private."""
    user = plugin(tmp_path / "login", "true")
    user["exec"]["command"] = "login"
    (tmp_path / "kc").parent.mkdir(exist_ok=True)
    path = write(tmp_path / "kc", {"tokenFile": "token", "as": "eve"}, **{"certificate-authority-data": "eA=="})
    (tmp_path / "token").write_text("t")
    written = tmp_path / "out"
    connect(
        ConnectionOptions(kubeconfig=path, host="https://front", validate_certs=False, impersonate_groups=())
    ).write_kubeconfig(str(written))
    config = json.loads(written.read_text())
    assert config["clusters"][0]["cluster"] == {"server": "https://front", "insecure-skip-tls-verify": True}
    assert config["users"][0]["user"] == {"tokenFile": str(tmp_path / "token"), "as": "eve"}
    assert config["current-context"] == config["contexts"][0]["name"] == "dev"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_the_kubeconfig_for_other_programs_without_one(tmp_path: Path) -> None:
    written = tmp_path / "out"
    options = ConnectionOptions(host="https://x", api_key="k", impersonate_user="bob", impersonate_groups=("g",))
    connect(options).write_kubeconfig(str(written))
    config = json.loads(written.read_text())
    assert config["users"][0]["user"] == {"token": "k", "as": "bob", "as-groups": ["g"]}
    assert connect(ConnectionOptions(kubeconfig=str(written))).headers() == connect(options).headers()


def test_empty_values_count_as_not_given() -> None:
    assert (
        ConnectionOptions.from_params({"host": "", "impersonate_groups": [""], "api_key": None}) == ConnectionOptions()
    )


class Pool:
    """Notes down the target and the headers of the last request."""

    def __init__(self, proxy: str = "") -> None:
        self.proxy = proxy

    def connection_from_url(self, url: str) -> Pool:
        return self

    def request(self, method: str, url: str, *, headers: Any, **more: Any) -> Any:
        self.target, self.headers = url, dict(headers)
        return SimpleNamespace(status=200, data=b"{}", headers={})


@pytest.mark.parametrize(
    ("server", "proxy", "target"),
    [
        ("https://api.example.com", "", "/api/v1/pods?limit=1"),
        ("https://rancher/k8s/clusters/c-1", "", "/k8s/clusters/c-1/api/v1/pods?limit=1"),
        ("http://api.example.com", "http://proxy:3128", "http://api.example.com/api/v1/pods?limit=1"),
    ],
)
def test_a_server_is_asked_for_a_path_and_a_proxy_for_a_url(server: str, proxy: str, target: str) -> None:
    connection = connect(ConnectionOptions(host=server, api_key="k"))
    connection.pool = pool = Pool(proxy)
    url = f"{server}/api/v1/pods?limit=1"
    connection.send("GET", url, headers=[], body=None, connect_timeout=1, read_timeout=1)
    assert pool.target == target


@pytest.mark.parametrize(("host", "packed"), [("https://api.example.com", True), ("https://127.0.0.1:6443", False)])
def test_answers_are_packed_only_on_the_way_from_afar(host: str, packed: bool) -> None:
    connection = connect(ConnectionOptions(host=host, api_key="k"))
    connection.pool = pool = Pool()
    connection.send("GET", host, headers=[("Accept", "x")], body=None, connect_timeout=1, read_timeout=1)
    assert ("Accept-Encoding" in pool.headers) is packed
    assert (pool.headers["Accept"], pool.headers["authorization"]) == ("x", "Bearer k")
