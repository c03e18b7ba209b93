# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's own files agree with each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
PLAYBOOKS = sorted(path.name for path in (ROOT / "playbooks").glob("*.yml"))
# Galaxy wants at least one of these among a collection's tags.
STANDARD_TAGS = {"application", "cloud", "database", "infrastructure", "linux", "monitoring", "networking", "security"}


def load(*path: str) -> Any:
    return yaml.safe_load(ROOT.joinpath(*path).read_text(encoding="utf-8"))


def test_action_group_holds_every_module() -> None:
    assert sorted(load("meta", "runtime.yml")["action_groups"]["istio"]) == MODULES


def test_galaxy_tags_are_few_and_one_is_standard() -> None:
    tags = load("galaxy.yml")["tags"]
    assert len(tags) <= 20
    assert STANDARD_TAGS & set(tags)
    assert all(tag.isalnum() and tag.islower() for tag in tags)


def test_what_is_left_out_of_the_archive_is_there() -> None:
    here = {path.name for path in ROOT.iterdir()}
    for name in ("tests", "tools", "requirements", "Makefile", "pyproject.toml", ".ci"):
        assert name in here
        assert name in load("galaxy.yml")["build_ignore"]


@pytest.mark.parametrize("role", ROLES)
class TestRole:
    def test_says_what_it_is(self, role: str) -> None:
        assert (
            (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8").startswith(f"# meshwright.istio.{role}")
        )
        assert load("roles", role, "meta", "main.yml")["galaxy_info"]["license"] == "GPL-3.0-or-later"

    def test_documents_its_variables(self, role: str) -> None:
        main = load("roles", role, "meta", "argument_specs.yml")["argument_specs"]["main"]
        assert main["short_description"]
        for name, option in main["options"].items():
            assert name.startswith(f"{role}_")
            assert option["description"], name
            assert option["type"], name

    def test_defaults_are_as_documented(self, role: str) -> None:
        points = load("roles", role, "meta", "argument_specs.yml")["argument_specs"].values()
        options = {name: option for point in points for name, option in point["options"].items()}
        for name, value in (load("roles", role, "defaults", "main.yml") or {}).items():
            assert options[name].get("default") == value, name


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_every_play_says_which_cluster_once(playbook: str) -> None:
    for play in load("playbooks", playbook):
        if "ansible.builtin.import_playbook" in play:
            assert play["ansible.builtin.import_playbook"] in PLAYBOOKS
            continue
        assert play["connection"] == "local"
        assert play["gather_facts"] is False
        assert play["vars"]["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"
        assert set(play["module_defaults"]["group/meshwright.istio.istio"]) == {"kubeconfig", "context"}


def test_roles_follow_their_modules() -> None:
    done = subprocess.run(
        [sys.executable, "tools/roles.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_execution_environment_asks_for_python_packages_only() -> None:
    dependencies = load("meta", "execution-environment.yml")["dependencies"]
    assert set(dependencies) == {"python"}
    assert (ROOT / dependencies["python"]).is_file()
