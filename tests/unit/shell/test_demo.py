# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo's two promises, as pure functions: no other cluster is in reach, and one's own is named twice."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tools import demo

_POINTERS = {
    "KUBECONFIG": "/home/someone/.kube/config",
    "K8S_AUTH_HOST": "https://production.example",
    "K8S_AUTH_API_KEY": "not-a-key",
    "K8S_AUTH_CONTEXT": "production",
    "KUBERNETES_SERVICE_HOST": "10.0.0.1",
    "HELM_KUBEAPISERVER": "https://production.example",
    "HELM_KUBECONTEXT": "production",
    "ANSIBLE_INVENTORY": "/home/someone/hosts",
}


def kubeconfig(folder: Path, **contexts: str) -> Path:
    path = folder / "config"
    config = {
        "contexts": [{"name": name, "context": {"cluster": name, "user": "u"}} for name in contexts],
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in contexts.items()],
        "users": [{"name": "u", "user": {}}],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(_POINTERS))
def test_nothing_in_the_environment_names_another_cluster(name: str) -> None:
    env = demo.scrubbed({"PATH": "/bin", name: _POINTERS[name]}, "/ours")
    assert _POINTERS[name] not in env.values()
    assert env["KUBECONFIG"] == "/ours"
    assert env["PATH"] == "/bin"


def test_loopback_is_reached_without_the_proxy() -> None:
    env = demo.scrubbed({"HTTPS_PROXY": "http://proxy.example:3128", "no_proxy": ".example"}, "/ours")
    assert env["NO_PROXY"] == ".example,127.0.0.1,localhost"
    assert env["HTTPS_PROXY"] == "http://proxy.example:3128"


def test_a_context_is_found_with_its_server(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, staging="https://staging.example:6443", production="https://production.example:6443")
    assert demo.own_context("staging", {"KUBECONFIG": str(path)}) == (str(path), "https://staging.example:6443")


def test_of_several_kubeconfigs_the_first_that_knows_a_name_holds(tmp_path: Path) -> None:
    for folder, server in (("a", "https://first.example"), ("b", "https://second.example")):
        (tmp_path / folder).mkdir()
        kubeconfig(tmp_path / folder, staging=server, **{f"only-{folder}": server})
    merged = os.pathsep.join(str(tmp_path / folder / "config") for folder in ("a", "b", "missing"))
    assert demo.own_context("staging", {"KUBECONFIG": merged}) == (merged, "https://first.example")
    assert demo.own_context("only-b", {"KUBECONFIG": merged}) == (merged, "https://second.example")


def test_an_unknown_context_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, staging="https://staging.example:6443")
    with pytest.raises(demo.Refused, match=r"no context 'stagign'.*It has: staging"):
        demo.own_context("stagign", {"KUBECONFIG": str(path)})


def test_a_kubeconfig_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("{ not yaml", encoding="utf-8")
    with pytest.raises(demo.Refused, match="cannot be read as a kubeconfig"):
        demo.own_context("staging", {"KUBECONFIG": str(path)})


@pytest.mark.parametrize("confirmed", ["", "Staging", "production"])
def test_a_context_named_once_is_refused_with_the_way_out(confirmed: str) -> None:
    with pytest.raises(demo.Refused, match="make demo CONTEXT=staging CONFIRM=staging") as refusal:
        demo.confirm("staging", confirmed, "https://staging.example:6443")
    assert "https://staging.example:6443" in str(refusal.value)


def test_a_context_named_twice_is_accepted() -> None:
    demo.confirm("staging", "staging", "https://staging.example:6443")
