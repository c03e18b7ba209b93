# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How times are taken: whole processes, ours and the peers' in turn, medians with their spread, nothing left out."""

from __future__ import annotations

import hashlib
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Of all processors' time, and seconds to wait for it at most.
_IDLE, _PATIENCE = 0.1, 30


@dataclass(frozen=True, slots=True)
class Case:
    """One process to time. `throttled` reads how many 429 its API server has answered so far."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    throttled: Callable[[], int]
    # What its output must hold to count as a run at all, such as "changed=0".
    expect: str = "failed=0"
    # Brings the cluster to where the process starts from; not timed.
    prepare: Callable[[], None] | None = None
    # Fewer rounds than the others, and no warm-up, for what takes minutes.
    rounds: int | None = None


@dataclass(slots=True)
class Timed:
    """All runs of a case: `seconds` in the order they were taken, `throttled` answers of 429 over all of them."""

    seconds: list[float] = field(default_factory=list)
    throttled: int = 0

    def summary(self) -> dict[str, Any]:
        rounded = [round(value, 3) for value in self.seconds]
        return {
            "seconds": rounded,
            "median": round(self.median, 3),
            "min": min(rounded),
            "max": max(rounded),
            "spread": round((max(self.seconds) - min(self.seconds)) / self.median, 3),
            "throttled_429": self.throttled,
        }

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def measure(cases: Sequence[Case], *, runs: int, say: Callable[[str], None]) -> dict[str, Timed]:
    """Run every case `runs` times, in rounds whose order turns, after one round that is not counted.

    Among them a fixed piece of work, `machine`, whose spread says how busy the machine was meanwhile.
    Raises RuntimeError when a process fails, or does not do what the case expects of it.
    """
    timed = {case.name: Timed() for case in cases} | {"machine": Timed()}
    for turn in range(-1, runs):
        order = list(cases)
        shift = turn % len(order)
        for case in order[shift:] + order[:shift]:
            if case.rounds is not None and not 0 <= turn < case.rounds:
                continue
            if case.prepare:
                case.prepare()
                calm()
            throttled = case.throttled()
            seconds = run_once(case.name, case.command, case.env, case.expect)
            if turn >= 0:
                timed[case.name].seconds.append(seconds)
                timed[case.name].throttled += case.throttled() - throttled
            say(f"{'warm-up' if turn < 0 else f'round {turn + 1} of {runs}'}: {case.name} {seconds:.2f} s")
        if turn >= 0:
            timed["machine"].seconds.append(_machine())
    return timed


def run_once(name: str, command: Sequence[str], env: Mapping[str, str], expect: str = "failed=0") -> float:
    """Seconds that a process took. Raises RuntimeError when it failed or its output lacks `expect`."""
    started = time.perf_counter()
    done = subprocess.run(list(command), env=dict(env), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode or expect not in done.stdout:
        raise RuntimeError(f"{name}: exit {done.returncode}, {expect!r} wanted\n{done.stdout}\n{done.stderr}")
    return seconds


def calm() -> None:
    """Return once the machine is nearly idle: what was prepared may still be worked on by controllers."""
    for _second in range(_PATIENCE):
        before = _ticks()
        time.sleep(1)
        after = _ticks()
        busy, all_of_it = after[0] - before[0], after[1] - before[1]
        if busy < _IDLE * all_of_it:
            return


def _ticks() -> tuple[int, int]:
    """The kernel's ticks since it started: those that some process worked in, and all."""
    ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _machine() -> float:
    started = time.perf_counter()
    data = b"meshwright"
    for _round in range(300_000):
        data = hashlib.sha256(data).digest()
    return time.perf_counter() - started
