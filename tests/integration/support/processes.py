# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ends a process with all that it started: Ansible's workers are in sessions of their own, so a group does not do."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def kill_tree(root: int) -> set[int]:
    """Kill a process and its descendants, by id, as a power cut would; the ids of those that were there.

    Each is stopped before its children are looked up, so that none is started meanwhile and lost.
    """
    found: set[int] = set()
    waiting = [root]
    while waiting:
        process = waiting.pop()
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP)
        found.add(process)
        waiting += children(process) - found
    for process in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return found


def children(process: int) -> set[int]:
    """The ids of what a process started, from all its threads; none when it is gone."""
    found: set[int] = set()
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= {int(number) for number in listed.read_text(encoding="ascii").split()}
    return found
