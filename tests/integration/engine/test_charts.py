# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine on the genuine article: everything that Istio's charts render for ambient mode."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.meshwright.istio.plugins.module_utils._corridor import differ
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.objects import ObjectEngine
from ansible_collections.meshwright.istio.plugins.module_utils._kube.client import Client, Deadline
from ansible_collections.meshwright.istio.plugins.module_utils._kube.connection import connect

from ..support.embedded import Embedded
from .own_server import Server
from .samples import Obj, namespace


@pytest.fixture
def rendered(cluster: Embedded, tmp_path: Path) -> list[Obj]:
    """The namespace, and what base, istiod, cni and ztunnel render: CRDs, RBAC, webhooks, workloads."""
    objects: list[Any] = [namespace("istio-system")]
    for chart in ("base", "istiod", "cni", "ztunnel"):
        command = [cluster.programs["helm"], "template", chart, chart, "--repo", cluster.charts]
        command += ["--version", cluster.versions["current"], "-n", "istio-system", "--set", "profile=ambient"]
        done = subprocess.run(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        objects += [
            obj for obj in yaml.load_all(done.stdout, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if obj
        ]
    return objects


def test_istios_charts(server: Server, rendered: list[Obj]) -> None:
    """Checked, applied, applied again without a change; drift is seen only where there is some."""
    client = Client(connect(server.options), deadline=Deadline(120))
    engine = ObjectEngine(client, manager="meshwright-engine-test")
    assert {step.action for step in engine.plan(rendered)} == {"create"}
    assert {step.action for step in engine.apply(rendered)} == {"create"}
    assert [step.name for step in engine.apply(rendered) if step.changes] == []

    for obj in rendered:
        kind, meta = client.resolve(obj), obj["metadata"]
        live = client.get(kind, meta["name"], meta.get("namespace"))
        assert live is not None
        assert differ.drift(obj, live) == [], kind.label(meta.get("namespace"), meta["name"])
        live["metadata"].pop("managedFields", None)
        assert differ.drift(obj, live) == [], kind.label(meta.get("namespace"), meta["name"])

    istiod = next(obj for obj in rendered if obj["kind"] == "Deployment")
    container = istiod["spec"]["template"]["spec"]["containers"][0]
    edited = client.get(client.resolve(istiod), "istiod", "istio-system")
    assert edited is not None
    edited["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/pilot:other"
    path = f"spec.template.spec.containers[name={container['name']}].image"
    assert differ.drift(istiod, edited) == [path]
