# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python tests/harness <command>`, from anywhere; `python -m tests.harness` is the same."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    # Started by path: the checkout, not this folder, is where imports begin.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.harness.cli import main

if __name__ == "__main__":
    sys.exit(main())
