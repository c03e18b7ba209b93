# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment is made when it must be, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import make_venv


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands that would have run; all requirements lie in a folder of this test's own."""
    (tmp_path / "requirements").mkdir()
    for name in ("run", "test", "constraints"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(name)
    monkeypatch.setattr(make_venv, "ROOT", tmp_path)
    commands: list[list[str]] = []

    class Done:
        returncode = 0

    def run(command: list[str], **_options: object) -> Done:
        commands.append(command)
        return Done()

    monkeypatch.setattr("tools.make_venv.subprocess.run", run)
    return commands


def test_a_group_is_installed_once(installed: list[list[str]], tmp_path: Path) -> None:
    make_venv.install(tmp_path, ["run"])
    make_venv.install(tmp_path, ["run"])
    assert len(installed) == 1


@pytest.mark.parametrize("changed", ["run", "constraints"])
def test_a_group_is_installed_again_when_its_pins_change(
    installed: list[list[str]], tmp_path: Path, changed: str
) -> None:
    make_venv.install(tmp_path, ["run"])
    (tmp_path / "requirements" / f"{changed}.txt").write_text("other")
    make_venv.install(tmp_path, ["run"])
    assert len(installed) == 2


def test_only_what_is_missing_is_installed(installed: list[list[str]], tmp_path: Path) -> None:
    make_venv.install(tmp_path, ["run"])
    make_venv.install(tmp_path, ["run", "test"])
    assert str(tmp_path / "requirements" / "test.txt") in installed[1]
    assert str(tmp_path / "requirements" / "run.txt") not in installed[1]
