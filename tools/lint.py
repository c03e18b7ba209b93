# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs every linter over everything, tells which failed, and fails if any did.

python tools/lint.py [NAME...]      NAME: only those linters
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
OURS = ROOT / "build" / "collections" / "ansible_collections" / "meshwright" / "istio"


def linters() -> Iterator[tuple[str, list[str], Path]]:
    """Name, command, and the folder to run it in."""
    yield "ruff check", ["ruff", "check", "."], ROOT
    yield "ruff format", ["ruff", "format", "--check", "."], ROOT
    yield "mypy plugins", ["mypy", "-p", "ansible_collections.meshwright.istio.plugins"], ROOT
    yield "mypy tools and tests", ["mypy", "-p", "tools", "-p", "tests"], ROOT
    yield "yamllint", ["yamllint", "--strict", "."], ROOT
    yield "ansible-lint", ["ansible-lint", "--offline", "--profile", "production", "--strict"], ROOT
    yield (
        "antsibull-docs",
        ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", "."],
        OURS,
    )
    yield "antsibull-changelog", ["antsibull-changelog", "lint"], OURS


def environment() -> dict[str, str]:
    """Ours, with the environment's programs first, and PWD as the link: some tools ask it where they are."""
    return os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_HOME": str(ROOT / "build" / "ansible-home"),
        "NO_COLOR": "1",
    }


def main() -> None:
    wanted = sys.argv[1:]
    failed = []
    for name, command, folder in linters():
        if wanted and not any(word in name for word in wanted):
            continue
        print(f"lint: {name}", flush=True)
        started = time.monotonic()
        program = [str(BIN / command[0]), *command[1:]]
        if subprocess.run(program, cwd=folder, env=environment() | {"PWD": str(folder)}, check=False).returncode:
            failed.append(name)
        print(f"lint: {name}: {'failed' if name in failed else 'ok'}, {time.monotonic() - started:.1f} s", flush=True)
    if failed:
        raise SystemExit(f"lint: failed: {', '.join(failed)}")
    print("lint: all clean")


if __name__ == "__main__":
    main()
