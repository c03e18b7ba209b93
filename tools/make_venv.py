# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes build/venv hold what requirements/GROUP.txt asks for, and no work when it already does.

    python3 tools/make_venv.py [--folder build/venv] GROUP...

A group's stamp is the hash of its requirements and of the Python that the environment was made with: where either
differs, the group is installed again, or the whole environment made anew. Standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def say(words: str) -> None:
    print(f"venv: {words}", flush=True)


def python_mark() -> str:
    """What tells one Python from another: its version and where it lives."""
    return f"{sys.version}\n{os.path.realpath(sys.executable)}\n"


def digest(group: str) -> str:
    """The hash of a group's requirements, with the constraints that pin them."""
    folder = ROOT / "requirements"
    text = (folder / f"{group}.txt").read_bytes() + (folder / "constraints.txt").read_bytes()
    return hashlib.sha256(text).hexdigest()


def make(folder: Path) -> None:
    """Make the environment anew, unless this very Python made it before."""
    mark = folder / ".python"
    if mark.is_file() and mark.read_text(encoding="utf-8") == python_mark() and (folder / "bin" / "python").exists():
        return
    if folder.exists():
        say(f"{shown(folder)} was made by another Python: making it anew")
        shutil.rmtree(folder)
    say(f"making {shown(folder)} with Python {sys.version.split()[0]}")
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False, capture_output=True, text=True)
    if made.returncode:
        raise SystemExit(
            f"venv: Python cannot make one (on Debian and Ubuntu: apt install python3-venv):\n{made.stdout}"
        )
    mark.write_text(python_mark(), encoding="utf-8")


def install(folder: Path, groups: list[str]) -> None:
    """Install the groups whose stamps are missing or old."""
    due = [group for group in groups if stamp(folder, group) != digest(group)]
    if not due:
        return
    say(f"installing {', '.join(f'requirements/{group}.txt' for group in due)}")
    started = time.monotonic()
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for group in due:
        command += ["-r", str(ROOT / "requirements" / f"{group}.txt")]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit("venv: pip failed, see above; a proxy or mirror is set by pip's own settings (PIP_INDEX_URL).")
    for group in due:
        (folder / f".{group}").write_text(digest(group), encoding="utf-8")
    say(f"installed in {time.monotonic() - started:.0f} s")


def stamp(folder: Path, group: str) -> str:
    file = folder / f".{group}"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def shown(folder: Path) -> str:
    return str(folder.relative_to(ROOT)) if folder.is_relative_to(ROOT) else str(folder)


def link_collections() -> None:
    """build/collections/ansible_collections/meshwright/istio, a link to the checkout: where Ansible looks for us."""
    link = ROOT / "build" / "collections" / "ansible_collections" / "meshwright" / "istio"
    if link.is_symlink():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(Path("..", "..", "..", ".."), target_is_directory=True)


def main() -> None:
    if sys.version_info < OLDEST:
        raise SystemExit(
            f"Python {'.'.join(map(str, OLDEST))} or later is needed, this is {sys.version.split()[0]} "
            f"({sys.executable}). Name another one: make PYTHON=python3.11 ..."
        )
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", default="build/venv", help="where the environment is (default: build/venv)")
    parser.add_argument("groups", nargs="*", help="names of files in requirements/, without .txt")
    options = parser.parse_args()
    link_collections()
    folder = ROOT / options.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Two makes at once (a test within a test) take turns.
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make(folder)
        install(folder, options.groups)


if __name__ == "__main__":
    main()
