# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs `ansible-test sanity` over a copy of the checkout that stands where ansible-test wants it.

    python tools/sanity.py [arguments for ansible-test sanity]

The copy is build/sanity/ansible_collections/meshwright/istio: what git tracks and what it would track, committed to a
repository of its own. ansible-test gets a home of its own too, under build/sanity/home, that keeps its virtual
environments between runs. It would download a script that bootstraps pip; here a few lines of ours do the same from
Python's own ensurepip and the package index, so that hosts which reach only a package index can run it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
SANITY = ROOT / "build" / "sanity"
COPY = SANITY / "ansible_collections" / "meshwright" / "istio"
HOME = SANITY / "home"
# Files of several documents, as users have them; ansible-test wants one document a file, since Ansible's own have one.
NOT_COPIED = "tests/fixtures/policy/samples/"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

_BOOTSTRAP = """\
# Written by tools/sanity.py of meshwright.istio: pip from Python's own ensurepip, then the version asked for.
import subprocess
import sys

# In a process of its own: ensurepip forgets pip's settings in the one it runs in.
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
wanted = [word for word in sys.argv[1:] if not word.startswith("--no-")]
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *wanted])
"""


def git(*args: str, folder: Path) -> str:
    command = [
        "git",
        "-c",
        "user.name=sanity",
        "-c",
        "user.email=sanity@localhost",
        "-c",
        "commit.gpgsign=false",
        *args,
    ]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def copy() -> int:
    """Copy what git tracks or would track, links as links; the number of files."""
    if COPY.exists():
        shutil.rmtree(COPY)
    COPY.mkdir(parents=True)
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT).split("\0")
    present = [name for name in names if name and (ROOT / name).is_file() and not name.startswith(NOT_COPIED)]
    for name in present:
        target = COPY / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    git("init", "--quiet", "--initial-branch=main", folder=COPY)
    git("add", "--all", folder=COPY)
    git("commit", "--quiet", "--message=copy", "--no-verify", folder=COPY)
    return len(present)


def pip_wanted() -> str:
    """The version of pip that this ansible-test bootstraps."""
    from ansible_test._internal.python_requirements import get_venv_packages

    return str(get_venv_packages(SimpleNamespace(version=PYTHON))["pip"])


def prepare_home() -> None:
    """A home for ansible-test: the bootstrap script where it looks for one, and pip's settings of this environment."""
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"get_pip_{pip_wanted().replace('.', '_')}.py").write_text(_BOOTSTRAP, encoding="utf-8")
    settings = HOME / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.touch(mode=0o600)  # an index's address may hold a password
    settings.write_text("[global]\n" + "".join(f"{line}\n" for line in pip_settings()), encoding="utf-8")


def pip_settings() -> list[str]:
    """This environment's pip settings, as lines of a settings file: ansible-test passes no variables on."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    lines = []
    for line in listed.splitlines():
        name, value = line.split("=", 1)
        if name.startswith((":env:.", "global.")):
            lines.append(f"{name.rsplit('.', 1)[1]} = {value.strip(chr(39))}")
    return list(dict.fromkeys(lines))


def main() -> None:
    print(f"sanity: {copy()} files copied to {COPY.relative_to(ROOT)}", flush=True)
    prepare_home()
    program = Path(sys.executable).parent / "ansible-test"
    command = [str(program), "sanity", "--venv", "--python", PYTHON, "--color", "no", *sys.argv[1:]]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH"))}
    done = subprocess.run(command, cwd=COPY, env=env | {"HOME": str(HOME)}, check=False)
    if done.returncode:
        raise SystemExit(f"sanity: failed (exit {done.returncode})")
    print("sanity: all clean")


if __name__ == "__main__":
    main()
