# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The helm adapter against a program that only looks like helm."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._errors import BadInput, ToolError
from ansible_collections.meshwright.istio.plugins.module_utils._intent.charts import ChartSource
from ansible_collections.meshwright.istio.plugins.module_utils._tools.charts import fetch_charts
from ansible_collections.meshwright.istio.plugins.module_utils._tools.helm import Helm, find_helm, storage_driver

_FAKE = """#!{python}
import json, os, sys
arguments = sys.argv[1:]
given = sys.stdin.read() if "--password-stdin" in arguments else ""
seen = {{"arguments": arguments, "env": dict(os.environ), "stdin": given}}
open({log!r}, "a").write(json.dumps(seen) + "\\n")
if arguments[:1] == ["version"]:
    print({version!r})
elif "broken" in arguments:
    sys.exit("Error: it said open-sesame and broke\\nW0101 a warning")
"""


class Fake:
    def __init__(self, folder: Path, version: str = "v3.22.0+g1") -> None:
        self.log = folder / "log"
        self.program = folder / "fake-helm"
        text = _FAKE.format(python=sys.executable, log=str(self.log), version=version)
        self.program.write_text(text, encoding="utf-8")
        self.program.chmod(0o755)
        self.work = folder / "work"
        self.work.mkdir()

    def helm(self, **more: str) -> Helm:
        return Helm(str(self.program), str(self.work), **more)

    def last(self) -> dict[str, Any]:
        seen: dict[str, Any] = json.loads(self.log.read_text(encoding="utf-8").splitlines()[-1])
        return seen


def test_a_missing_helm_says_how_to_get_one() -> None:
    with pytest.raises(ToolError, match=r"https://helm\.sh"):
        find_helm("/nowhere/helm")


@pytest.mark.parametrize("version", ["v3.16.4", "v2.17.0", "something else"])
def test_a_helm_that_will_not_do(tmp_path: Path, version: str) -> None:
    with pytest.raises(ToolError, match=r"https://helm\.sh"):
        Fake(tmp_path, version).helm()


def test_the_environment_cannot_redirect_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"KUBECONFIG": "/elsewhere", "HELM_KUBETOKEN": "hush", "HELM_NAMESPACE": "elsewhere"}.items():
        monkeypatch.setenv(name, value)
    fake = Fake(tmp_path)
    fake.helm(kubeconfig="/ours", driver="configmap")
    env = fake.last()["env"]
    assert env["KUBECONFIG"] == "/ours" and env["HELM_DRIVER"] == "configmap"
    assert "HELM_KUBETOKEN" not in env and "HELM_NAMESPACE" not in env
    assert env["HELM_CACHE_HOME"].startswith(str(fake.work))
    fake.helm()
    assert not Path(fake.last()["env"]["KUBECONFIG"]).exists()


@pytest.mark.parametrize(("version", "forced"), [("v3.22.0", False), ("v4.3.1", True)])
def test_upgrading(tmp_path: Path, version: str, forced: bool) -> None:
    fake = Fake(tmp_path, version)
    fake.helm().upgrade("istiod", "istio-system", "chart.tgz", {"a": 1}, timeout=30, take_ownership=False)
    arguments = fake.last()["arguments"]
    assert list(arguments[:3]) == ["upgrade", "istiod", "chart.tgz"]
    # Without it, helm would keep the values of before when none are given.
    assert "--reset-values" in arguments
    assert ("--force-conflicts" in arguments) is ("--server-side=true" in arguments) is forced
    values = Path(arguments[list(arguments).index("--values") + 1])
    assert json.loads(values.read_text(encoding="utf-8")) == {"a": 1}
    assert values.stat().st_mode & 0o077 == 0


def test_passwords_go_to_standard_input_and_nowhere_else(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    helm = fake.helm()
    helm.add_repository("mirror", "https://charts.example.com", "me", "open-sesame", [])
    assert fake.last()["stdin"] == "open-sesame"
    assert "open-sesame" not in json.dumps(fake.last()["arguments"])
    with pytest.raises(ToolError) as failed:
        helm.run(["broken"], "do it", timeout=10)
    assert "open-sesame" not in str(failed.value) and "and broke" in str(failed.value)
    assert "W0101" not in str(failed.value)


@pytest.mark.parametrize(
    ("option", "variable", "driver"),
    [
        (None, "", "secret"),
        (None, "secrets", "secret"),
        (None, "configmaps", "configmap"),
        (None, "configmap", "configmap"),
        ("secret", "sql", "secret"),
        (None, "sql", ""),
        (None, "memory", ""),
    ],
)
def test_storage_drivers(monkeypatch: pytest.MonkeyPatch, option: str | None, variable: str, driver: str) -> None:
    monkeypatch.setenv("HELM_DRIVER", variable)
    if driver:
        assert storage_driver(option) == driver
    else:
        with pytest.raises(BadInput, match=variable):
            storage_driver(option)


def test_charts_in_a_folder(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    charts = tmp_path / "charts"
    for name, folder in (("base", "base"), ("istiod", "istio-control/istio-discovery"), ("cni", "cni")):
        place = charts / folder
        place.mkdir(parents=True)
        (place / "Chart.yaml").write_text(f"name: {name}\nversion: 1.31.1\n", encoding="utf-8")
    source = ChartSource("path", str(charts))
    found = fetch_charts(fake.helm(), source, ["base", "istiod"], "1.31.1")
    assert found == {"base": str(charts / "base"), "istiod": str(charts / "istio-control" / "istio-discovery")}
    with pytest.raises(BadInput, match=r"is version 1\.31\.1"):
        fetch_charts(fake.helm(), source, ["base"], "1.32.0")
    with pytest.raises(BadInput, match=r"ztunnel-1\.31\.1\.tgz"):
        fetch_charts(fake.helm(), source, ["ztunnel"], "1.31.1")
