# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.meshwright.istio.plugins.action import mesh_policy
from jinja2 import TemplateSyntaxError


class Task:
    """As much of a task as searching for files asks of it."""

    def __init__(self, *search: Path) -> None:
        self.search = [str(path) for path in search]
        self.args: dict[str, Any] = {}

    def get_search_path(self) -> list[str]:
        return self.search


def action(base: Path, *search: Path) -> Any:
    loader = DataLoader()
    loader.set_basedir(str(base))
    return mesh_policy.ActionModule(
        task=Task(*search), connection=None, play_context=None, loader=loader, templar=None, shared_loader_obj=None
    )


def write(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text: {path.name}\n", encoding="utf-8")


def sources(of: Any, given: Any) -> list[str]:
    return [source["path"] for source in of._sources(given)]


def test_files_folders_and_globs_in_their_order(tmp_path: Path) -> None:
    files = tmp_path / "files" / "policies"
    write(files / "b.yaml", files / "a.yml", files / "sub" / "c.json", files / "notes.md", files / ".hidden.yaml")
    write(files / ".git" / "d.yaml", tmp_path / "beside.yaml")
    found = action(tmp_path, tmp_path)
    assert sources(found, "policies") == ["policies/a.yml", "policies/b.yaml", "policies/sub/c.json"]
    assert sources(found, "policies/*.y*ml") == ["policies/a.yml", "policies/b.yaml"]
    assert sources(found, "policies/**/*.json") == ["policies/sub/c.json"]
    assert sources(found, ["beside.yaml", "policies/notes.md"]) == ["beside.yaml", "policies/notes.md"]
    assert sources(found, "policies/s*") == ["policies/sub/c.json"]
    assert sources(found, [str(files / "b.yaml")]) == [str(files / "b.yaml")]
    assert sources(found, None) == sources(found, "") == sources(found, []) == []


def test_a_file_found_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "files" / "a.yaml", tmp_path / "files" / "b.yaml")
    assert sources(action(tmp_path, tmp_path), ["b.yaml", "*.yaml", "files"]) == ["b.yaml", "a.yaml"]


def test_a_roles_files_go_before_the_playbooks(tmp_path: Path) -> None:
    role = tmp_path / "roles" / "one"
    write(role / "files" / "a.yaml", tmp_path / "files" / "a.yaml", tmp_path / "files" / "b.yaml")
    found = action(tmp_path, role, role / "tasks", tmp_path)
    assert next(found._sources("a.yaml")) == {"path": "a.yaml", "text": "text: a.yaml\n"}
    assert [each.path for each in found._find("src", "files", "a.yaml", (".yaml",))] == [str(role / "files" / "a.yaml")]
    assert [each.path for each in found._find("src", "files", "*.yaml", (".yaml",))] == [str(role / "files" / "a.yaml")]
    assert [each.path for each in found._find("src", "files", "b.yaml", (".yaml",))] == [
        str(tmp_path / "files" / "b.yaml")
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nothing.yaml", "nothing.yaml does not exist on the controller. Searched: {base}/files/nothing.yaml, {base}"),
        ("nothing/*.yaml", "nothing/*.yaml matches nothing on the controller. Searched: {base}/files/nothing/*.yaml,"),
        ("empty", "the folder {base}/files/empty holds no file *.yml, *.yaml, *.json."),
        ([{"path": "a"}], "`src[0]` is no path"),
        ("binary.yaml", "{base}/files/binary.yaml is no text in UTF-8."),
        ("vault.yaml", "{base}/files/vault.yaml cannot be decrypted: "),
    ],
)
def test_what_cannot_be_read_is_named_with_the_places_searched(tmp_path: Path, given: Any, said: str) -> None:
    write(tmp_path / "files" / "empty" / "notes.md")
    (tmp_path / "files" / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "files" / "vault.yaml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n", encoding="utf-8")
    with pytest.raises(mesh_policy._Refused) as caught:
        sources(action(tmp_path, tmp_path), given)
    assert said.format(base=tmp_path) in str(caught.value)


@pytest.mark.parametrize("given", [5, {"vars": {}}, {"path": "a", "vars": []}, {"path": "a", "sesame": "b"}, [""]])
def test_templates_are_paths_or_paths_with_vars(tmp_path: Path, given: Any) -> None:
    with pytest.raises(mesh_policy._Refused) as caught:
        list(action(tmp_path, tmp_path)._templates(given, {}))
    assert "`template[0]`" in str(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("'name' is undefined"), "'name' is undefined"),
        (ValueError("object of type 'dict' has no attribute 'nam'"), "object of type 'dict' has no attribute 'nam'"),
        (ValueError("'dict object' has no attribute 'nam'"), "'dict object' has no attribute 'nam'"),
        (ValueError("cannot convert 'sesame' to a number"), "cannot convert '(...)' to a number"),
        (ValueError("no 'to_number' of 'sesame'"), "no 'to_number' of '(...)'"),
        (TemplateSyntaxError("expected token 'end', got 'sesame'", 3), "line 3: expected token 'end'."),
        (ValueError("bad: p: sesame {{ x | to_number }} bad"), "bad: (...) bad"),
        (ValueError("first\n\nThe lines are:\n p: sesame"), "first"),
    ],
)
def test_why_a_template_failed_is_told_without_its_text_or_values(error: Exception, expected: str) -> None:
    assert mesh_policy._why(error, "p: sesame {{ x | to_number }}\n") == expected


def test_the_collector_is_as_it_was_afterwards() -> None:
    before = gc.get_threshold()
    within = []

    def fail() -> None:
        with mesh_policy._collecting_seldom():
            within.append(gc.get_threshold())
            raise ValueError("of the module")

    with pytest.raises(ValueError, match="of the module"):
        fail()
    assert within[0][0] > before[0]
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
