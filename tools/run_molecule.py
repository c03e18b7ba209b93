# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs Molecule over all scenarios, on one embedded cluster that the default scenario makes and removes.

python tools/run_molecule.py [arguments for molecule; default: test --all]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    arguments = sys.argv[1:] or ["test", "--all"]
    pointers = ("K8S_AUTH_", "HELM_", "MOLECULE_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(pointers)}
    env |= {
        "MESHWRIGHT_ROOT": str(ROOT),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "ANSIBLE_HOME": str(ROOT / "build" / "ansible-home"),
    }
    command = [sys.executable, "-m", "molecule", "--base-config", str(ROOT / "molecule" / "config.yml"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
