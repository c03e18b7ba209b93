# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who cannot be asked, and what is asked wrongly: each a message that one can act on.

Nothing here needs a mesh, so these tests come before those that put one on the cluster.
"""

from __future__ import annotations

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import CHECKS

from ..support.embedded import Embedded, Kubectl
from ..support.playbook import Playbooks

VERIFY = "meshwright.istio.mesh_verify"
INFO = "meshwright.istio.mesh_info"


@pytest.fixture
def bare(cluster: Embedded) -> Embedded:
    """The cluster, as long as no test of this package has put a mesh on it."""
    if "istio-system" in Kubectl(cluster)("get", "namespaces", "-o", "name"):
        pytest.skip("the cluster has a mesh already: it was kept, or these tests ran in another order")
    return cluster


def test_a_cluster_without_a_mesh_fails(bare: Embedded, playbook: Playbooks) -> None:
    run = playbook({VERIFY: {}})
    assert run.failed == 1
    result = run.result
    assert "There is no mesh to verify" in result["msg"]
    assert result["summary"] == {
        "checks": len(CHECKS),
        "failed": 1,
        "warning": 0,
        "unknown": 0,
        "skipped": len(CHECKS) - 1,
        "passed": 0,
        "errors": 1,
        "warnings": 0,
        "infos": 0,
    }


def test_a_cluster_without_a_mesh_is_told_as_one(bare: Embedded, playbook: Playbooks) -> None:
    """No failure, and empty rather than unknown: kinds that are not there have no objects."""
    shown = playbook({INFO: {}}).ok().result["mesh"]
    assert (shown["mode"], shown["control_planes"], shown["tags"], shown["components"]) == ("none", [], [], [])
    assert (shown["gateways"], shown["waves"], shown["certificates"]) == ([], [], [])
    assert shown["proxies"] == {"unknown": "no istiod is ready"}
    assert {entry["mode"] for entry in shown["namespaces"]} == {"none"}
    assert shown["unread"] == {}


def test_no_mesh_is_no_success_of_a_narrow_selection_either(bare: Embedded, playbook: Playbooks) -> None:
    assert "There is no mesh to verify" in playbook({VERIFY: {"checks": ["gateways"]}}).result["msg"]


def test_nobody_may_list_anything(cluster: Embedded, playbook: Playbooks) -> None:
    result = playbook({VERIFY: {"context": f"{cluster.context}-nobody"}}, allow=("unknown",)).result
    assert result["msg"].startswith("Nothing could be verified: MW0000")
    assert "may not list deployments.apps at the cluster scope" in result["msg"]
    assert result["summary"]["passed"] == 0


def test_a_server_that_does_not_answer(cluster: Embedded, playbook: Playbooks) -> None:
    address = "https://127.0.0.1:1"
    result = playbook({VERIFY: {"host": address, "read_timeout": 3}}).result
    assert result["error"] == "Unreachable"
    assert address in result["msg"]


def test_a_context_that_is_not_there(cluster: Embedded, playbook: Playbooks) -> None:
    result = playbook({VERIFY: {"context": "staging"}}).result
    assert "staging" in result["msg"]
    assert cluster.context in result["msg"]


def test_a_check_that_does_not_exist(cluster: Embedded, playbook: Playbooks) -> None:
    result = playbook({VERIFY: {"checks": ["webhoks"]}}).result
    assert result["error"] == "BadInput"
    assert result["msg"] == "`checks` names webhoks, which is no check. Did you mean webhooks?"
