# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs one user's story, end to end, on an embedded cluster; without a name, or with a wrong one, lists them.

    python tools/story.py NAME [-- arguments for pytest]

A story is a file tests/stories/test_NAME.py; the first line of its docstring says what it is about.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORIES = ROOT / "tests" / "stories"


def stories() -> dict[str, Path]:
    """Each story's name, with dashes, and its file."""
    return {path.stem.removeprefix("test_").replace("_", "-"): path for path in sorted(STORIES.glob("test_*.py"))}


def about(path: Path) -> str:
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return words.partition("\n")[0]


def main() -> int:
    name, *arguments = [word for word in sys.argv[1:] if word != "--"] or [""]
    known = stories()
    if name not in known:
        wrong = f"There is no story {name!r}. " if name else "Which story? "
        print(f"story: {wrong}There are:", file=sys.stderr)
        for known_name, path in known.items():
            print(f"  make story NAME={known_name:<16} {about(path)}", file=sys.stderr)
        return 2
    # Shown as it goes: a story is there to be watched.
    command = [sys.executable, "-m", "pytest", str(known[name]), "-v", "--capture=no", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
