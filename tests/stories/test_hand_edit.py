# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody edits istiod by hand: check mode tells, the next run repairs, and the one after has nothing to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.support.embedded import Embedded, Kubectl
from tests.integration.support.playbook import Playbooks

pytestmark = pytest.mark.story


@pytest.fixture
def mesh(cluster: Embedded, playbook: Playbooks) -> Iterator[dict[str, object]]:
    """A mesh on the shared cluster, with its options; gone afterwards."""
    options: dict[str, object] = {
        "version": cluster.versions["current"],
        "charts": {"repository": cluster.charts},
        "gateway_api": {"source": cluster.gateway_api},
    }
    playbook([{"meshwright.istio.istio_mesh": options}]).ok()
    yield options
    playbook([{"meshwright.istio.istio_mesh": options | {"state": "absent", "purge": True}}]).ok()


def test_hand_edit(mesh: dict[str, object], playbook: Playbooks, kubectl: Kubectl) -> None:
    task = [{"meshwright.istio.istio_mesh": mesh}]
    assert playbook(task).ok().changed == 0

    print("\nSomebody sets PILOT_TRACE_SAMPLING on the running istiod.")
    kubectl("set", "env", "--namespace", "istio-system", "deployment/istiod", "PILOT_TRACE_SAMPLING=100")

    foretold = playbook(task, check=True, diff=True).ok()
    print(foretold.stdout)
    assert foretold.changed == 1
    assert "PILOT_TRACE_SAMPLING" in foretold.stdout

    repaired = playbook(task, diff=True).ok()
    assert repaired.changed == 1
    deployment = kubectl.json("get", "--namespace", "istio-system", "deployment/istiod")
    env = {
        entry["name"]: entry.get("value") for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert env.get("PILOT_TRACE_SAMPLING") != "100"
    assert playbook(task).ok().changed == 0
    print("Repaired; once more, nothing to do.")
