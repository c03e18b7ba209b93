# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook drift.yml: equal, changed by hand, deleted, repaired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..support.embedded import Kubectl
from ..support.playbook import Playbooks
from .ground import Ground, deployment, one, service

PLAYBOOK = "playbooks/drift.yml"


def sets(space: str) -> list[dict[str, Any]]:
    route = {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]}
    return [
        {
            "name": "routing",
            "namespace": space,
            "definitions": [one("networking.istio.io/v1", "VirtualService", space, name, route) for name in ("web",)],
        },
        {"name": "security", "namespace": space, "security": [{"mtls": {"mode": "strict"}}]},
    ]


def states(stdout: str) -> dict[str, str]:
    found = {}
    for line in stdout.splitlines():
        name, colon, rest = line.strip().strip("-'\", ").partition(": ")
        if colon and name in ("routing", "security"):
            found[name] = rest.partition(",")[0]
    return found


def test_drift(ground: Ground, playbook: Playbooks, tmp_path: Path) -> None:
    space = ground.namespace("sidecar")
    ground.apply(deployment(space), service(space))
    report = tmp_path / "drift.md"

    def run(**extra: Any) -> Any:
        given = {"mesh_sets": sets(space), "mesh_drift_report": str(report), **extra}
        # What other tests leave behind for a moment may be outside the mesh, which the guard then says.
        return playbook(PLAYBOOK, args=["-e", json.dumps(given)], allow=("that have no proxy",))

    # Nothing is there yet: all of it differs, and nothing is written.
    first = run()
    assert first.failed == 1
    assert first.changed == 0
    assert states(first.stdout) == {"routing": "differs", "security": "differs"}
    assert "2 of 2 sets differ" in first.result["msg"]
    kubectl = Kubectl(ground.cluster)
    assert kubectl("-n", space, "get", "virtualservices", "-o", "name").strip() == ""

    assert states(run(mesh_drift_repair=True).ok().stdout) == {"routing": "repaired", "security": "repaired"}
    again = run(mesh_drift_repair=True).ok()
    assert states(again.stdout) == {"routing": "equal", "security": "equal"}
    assert again.changed == 0

    # By hand, as people do it: one edited, the other deleted.
    patch = [{"op": "replace", "path": "/spec/http/0/route/0/destination/host", "value": "elsewhere"}]
    kubectl("-n", space, "patch", "virtualservice", "web", "--type=json", "-p", json.dumps(patch))
    kubectl("-n", space, "delete", "peerauthentications", "--all")
    seen = run(mesh_drift_fail=False).ok()
    assert states(seen.stdout) == {"routing": "differs", "security": "differs"}
    assert "VirtualService" in report.read_text()
    assert states(run(mesh_drift_repair=True).ok().stdout) == {"routing": "repaired", "security": "repaired"}
    mended = kubectl.json("-n", space, "get", "virtualservice", "web")
    assert mended["spec"]["http"][0]["route"][0]["destination"]["host"] == "web"
