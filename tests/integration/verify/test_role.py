# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role validation: it prints, and then it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import CHECKS

from ..support.embedded import Embedded, Kubectl
from ..support.playbook import Playbooks

ROLE = "meshwright.istio.validation"


def role(**variables: Any) -> list[dict[str, Any]]:
    return [{"ansible.builtin.include_role": {"name": ROLE}, "vars": variables}]


def test_prints_the_table(mesh: Embedded, playbook: Playbooks) -> None:
    run = playbook(role(validation_wait_timeout=60)).ok()
    assert run.changed == 0
    assert "MW0010  passed    ztunnel is ready on every node" in run.stdout
    assert f"{len(CHECKS)} checks: " in run.stdout
    assert " passed, 1 warning, 0 failed, 0 unknown, " in run.stdout


def test_prints_before_it_fails(mesh: Embedded, playbook: Playbooks) -> None:
    run = playbook(role(validation_fail_on="warning"))
    assert run.failed == 1
    done = [
        (entry["action"].rpartition(".")[2], entry["status"]) for entry in run.results if entry["status"] != "skipped"
    ]
    assert done[-2:] == [("debug", "ok"), ("fail", "failed")]
    assert f"{len(CHECKS)} checks:" in run.stdout
    assert run.result["msg"].startswith(f"1 of {len(CHECKS)} checks have warnings: MW0007")


def test_fails_without_a_table_when_there_is_no_cluster(mesh: Embedded, playbook: Playbooks) -> None:
    run = playbook(role(validation_read_timeout=3), context="nowhere")
    assert run.failed == 1
    assert "nowhere" in run.result["msg"]


def test_the_playbook_does_the_same(mesh: Embedded, playbook: Playbooks, kubectl: Kubectl) -> None:
    run = playbook("playbooks/phase_5_validation.yml").ok()
    assert f"{len(CHECKS)} checks:" in run.stdout


def test_writes_reports_named_after_the_host(mesh: Embedded, playbook: Playbooks, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    variables = {"validation_reports": str(folder), "validation_checks": ["25"]}
    run = playbook(role(**variables)).ok()
    assert sorted(path.name for path in folder.iterdir()) == ["localhost.html", "localhost.json", "localhost.xml"]
    assert run.changed == 0
    again = playbook(role(**variables)).ok()
    assert again.of("mesh_verify")[0]["changes"]["new"] == []


def test_answers_a_question(mesh: Embedded, playbook: Playbooks) -> None:
    run = playbook(role(validation_explain={"pod": "istio-system/ztunnel"})).ok()
    assert run.of("mesh_verify")[0]["explanation"]["verdict"] == "works"
    assert "STEP" in run.stdout
