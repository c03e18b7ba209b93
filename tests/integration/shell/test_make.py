# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What make refuses, and how it says so."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.integration.support.decoy import Decoy
from tests.integration.support.playbook import ROOT

# Make uses the environment that these tests run in, where that is one of its own, so that it does not make another.
_PYTHON = f"PYTHON={getattr(sys, '_base_executable', sys.executable)}"
_INSIDE = Path(sys.prefix).is_relative_to(ROOT / "build")
_SAME = [_PYTHON, f"VENV={Path(sys.prefix).relative_to(ROOT)}"] if _INSIDE else [_PYTHON]


def make(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *_SAME, *arguments],
        cwd=ROOT,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("confirm", [[], ["CONFIRM=Production"]])
def test_demo_on_ones_own_context_wants_it_named_twice(confirm: list[str], tmp_path: Path) -> None:
    with Decoy() as decoy:
        env = {"KUBECONFIG": str(decoy.kubeconfig(tmp_path))}
        done = make("demo", "CONTEXT=production", *confirm, env=env)
        assert done.returncode != 0
        assert "make demo CONTEXT=production CONFIRM=production" in done.stderr
        assert decoy.server in done.stderr
        assert decoy.connections == 0


def test_demo_names_the_contexts_there_are(tmp_path: Path) -> None:
    with Decoy() as decoy:
        env = {"KUBECONFIG": str(decoy.kubeconfig(tmp_path))}
        done = make("demo", "CONTEXT=staging", "CONFIRM=staging", env=env)
        assert done.returncode != 0
        assert "no context 'staging'" in done.stderr
        assert "production" in done.stderr
        assert decoy.connections == 0


def test_story_lists_what_there_is() -> None:
    done = make("story", "NAME=no-such-story")
    assert done.returncode != 0
    assert "There is no story 'no-such-story'" in done.stderr
    stories = [path.stem.removeprefix("test_").replace("_", "-") for path in (ROOT / "tests/stories").glob("test_*.py")]
    assert stories
    assert all(f"NAME={name}" in done.stderr for name in stories)


def test_too_old_a_python_is_named_with_the_way_out() -> None:
    program = ROOT / "tools" / "make_venv.py"
    script = f"import runpy, sys; sys.version_info = (3, 10, 4); runpy.run_path({str(program)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Python 3.11 or later is needed" in done.stderr
    assert "make PYTHON=python3.11" in done.stderr


def test_the_archive_holds_what_users_need_and_no_more() -> None:
    assert make("dist").returncode == 0
    archive = max((ROOT / "build" / "dist").glob("meshwright-istio-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    with tarfile.open(archive) as opened:
        names = [name for name in opened.getnames() if "/" not in name]
    allowed = {"CHANGELOG.md", "CHANGELOG.rst", "FILES.json", "LICENSE", "MANIFEST.json", "README.md"}
    assert set(names) - allowed == {"changelogs", "docs", "meta", "playbooks", "plugins", "roles"}
