# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much memory a process and all that it starts take at their highest, sampled while they run."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_EVERY = 0.02


def peak(
    command: Sequence[str], env: Mapping[str, str], *, prepare: Callable[[], None] | None = None
) -> dict[str, float]:
    """`peak_rss_mb`: resident pages, what forks share counted for each; `peak_pss_mb`: what they share counted once."""
    if prepare:
        prepare()
    rss = pss = 0
    with subprocess.Popen(command, env=dict(env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while running.poll() is None:
            tree = _tree(running.pid)
            rss = max(rss, sum(_kib(pid, "Rss:") for pid in tree))
            pss = max(pss, sum(_kib(pid, "Pss:") for pid in tree))
            time.sleep(_EVERY)
    if running.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {running.returncode}")
    return {"peak_rss_mb": round(rss / 1024, 1), "peak_pss_mb": round(pss / 1024, 1)}


def _tree(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _kib(pid: int, field: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1])
    return 0
