# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runner that all integration tests trust: it must see failures, changes and warnings."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.integration.support.playbook import Playbooks

_WARNS = {"ansible.builtin.debug": {"msg": "x"}, "when": "{{ true }}"}


def test_answers_changes_and_counts_are_read(offline_playbook: Playbooks) -> None:
    run = offline_playbook([{"ansible.builtin.debug": {"msg": "hello"}}, {"ansible.builtin.command": "true"}]).ok()
    assert run.of("ansible.builtin.debug")[0]["msg"] == "hello"
    assert run.changed == 1
    assert run.result["rc"] == 0


def test_a_failing_task_is_a_failed_run(offline_playbook: Playbooks) -> None:
    run = offline_playbook([{"ansible.builtin.fail": {"msg": "out of luck"}}])
    assert (run.rc, run.failed) == (2, 1)
    assert run.result["msg"] == "out of luck"
    with pytest.raises(AssertionError, match="out of luck"):
        run.ok()


def test_a_warning_fails_the_test_unless_expected(offline_playbook: Playbooks) -> None:
    with pytest.raises(AssertionError, match="WARNING"):
        offline_playbook([_WARNS])
    assert offline_playbook([_WARNS], allow=["Conditionals"]).ok().warnings


def test_no_cluster_of_the_person_at_the_keyboard_is_visible(
    offline_playbook: Playbooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/else")
    monkeypatch.setenv("K8S_AUTH_HOST", "https://somewhere.invalid")
    run = offline_playbook([{"ansible.builtin.command": "env"}]).ok()
    assert "KUBECONFIG" not in run.result["stdout"]
    assert "K8S_AUTH" not in run.result["stdout"]


def test_a_killed_run_leaves_nothing_running(offline_playbook: Playbooks, tmp_path: Path) -> None:
    started, finished = tmp_path / "started", tmp_path / "finished"
    script = (
        f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); "
        f"time.sleep(3); open({str(finished)!r}, 'w')"
    )
    with offline_playbook.start([{"ansible.builtin.command": {"argv": [sys.executable, "-c", script]}}]) as running:
        while not (started.exists() and started.read_text()):
            assert running.process.poll() is None, running.output
            time.sleep(0.05)
        module = int(started.read_text())
        run = running.kill()
    assert run.rc == -signal.SIGKILL
    assert not run.results
    deadline = time.monotonic() + 10
    while Path(f"/proc/{module}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)  # until whoever inherited it has taken note
    assert not Path(f"/proc/{module}").exists() or "Z" in Path(f"/proc/{module}/stat").read_text().split()[2]
    assert not finished.exists()
