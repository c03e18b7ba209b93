# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Older releases of the stand-in operator, and an upgrade from one to the next."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import cluster
from tests.harness.sail import operator_chart

from .support import Site, eventually

Object = dict[str, Any]
NAME = "harness-sail-older"
GROUP = "/apis/sailoperator.io"


@pytest.fixture
def site(programs: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv(operator_chart.GENUINE_CRDS, raising=False)
    cluster.down(NAME)
    found = cluster.up(NAME)
    try:
        site = Site(found, tmp_path_factory.mktemp("helm"))
        for name in ("istio-system", "istio-cni", "ztunnel"):
            site.namespace(name)
        yield site
    finally:
        cluster.down(NAME)


def operator(site: Site, version: str) -> None:
    source = ["--repo", site.state.charts, "--version", version]
    if site.api.get("/api/v1/namespaces/sail-operator") is not None:
        # Helm never upgrades what is in a chart's crds folder: who upgrades the operator does it.
        definitions = site.helm("show", "crds", "sail-operator", *source)
        command = [site.state.programs["kubectl"], "--kubeconfig", site.state.kubeconfig]
        command += ["apply", "--server-side", "--force-conflicts", "-f", "-"]
        done = subprocess.run(command, input=definitions, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    where = ["--namespace", "sail-operator", "--create-namespace", "--wait", "--timeout", "60s"]
    site.helm("upgrade", "--install", "sail-operator", "sail-operator", *source, *where)


def healthy(site: Site, path: str, version: str) -> Object:
    def there() -> Object | None:
        found = site.api.get(f"{GROUP}/{path}") or {}
        status = found.get("status") or {}
        seen = status.get("observedGeneration") == found.get("metadata", {}).get("generation")
        is_so = seen and status.get("state") == "Healthy" and found["spec"]["version"] == version
        return found if is_so else None

    found: Object = eventually(f"{path} at {version} Healthy", there)
    return found


def write(site: Site, api_version: str, kind: str, plural: str, spec: Object) -> None:
    body = {"apiVersion": f"sailoperator.io/{api_version}", "kind": kind, "metadata": {"name": "default"}, "spec": spec}
    site.api.apply(f"{GROUP}/{api_version}/{plural}/default", body)


def version_of_istiod(site: Site) -> str:
    deployment = site.object("/apis/apps/v1/namespaces/istio-system/deployments/istiod")
    return str(deployment["metadata"]["labels"]["app.kubernetes.io/version"])


def test_from_1_27_to_1_28(site: Site) -> None:
    operator(site, "1.27.3")
    assert site.api.get(f"{GROUP}/v1/ztunnels") is None
    write(site, "v1", "Istio", "istios", {"namespace": "istio-system", "profile": "ambient", "version": "v1.27.2"})
    write(site, "v1alpha1", "ZTunnel", "ztunnels", {"namespace": "ztunnel", "version": "v1.27-latest"})
    healthy(site, "v1alpha1/ztunnels/default", "v1.27-latest")
    healthy(site, "v1/istios/default", "v1.27.2")
    assert version_of_istiod(site) == "1.27.2"

    operator(site, "1.28.3")
    write(site, "v1", "Istio", "istios", {"namespace": "istio-system", "profile": "ambient", "version": "v1.28.3"})
    write(site, "v1", "ZTunnel", "ztunnels", {"namespace": "ztunnel", "version": "v1.28.3"})
    healthy(site, "v1/ztunnels/default", "v1.28.3")
    healthy(site, "v1/istiorevisions/default", "v1.28.3")
    assert version_of_istiod(site) == "1.28.3"
