# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that outlive the command that started them, known by pid and start time.

A record `<name>.json` = {"pid", "start", "port", "command"} lies in the cluster's pids folder. A pid that the system
gave to another process since has another start time, so it is never signalled.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

STOP_SECONDS = 5.0
_ERROR_LINE = re.compile(r"^[EF]\d{4} |\b(?:error|fatal|panic|ERROR|CRITICAL|Error)\b")
_QUIET_LINE = re.compile(r"^[IW]\d{4} |\b(?:INFO|WARNING|info|warn)\b")


@dataclass(frozen=True, slots=True)
class Record:
    """A process that was started: `start` is its start time in clock ticks since boot."""

    name: str
    pid: int
    start: int
    port: int
    command: list[str]


def start_time(pid: int) -> int | None:
    """Clock ticks since boot at which the process started; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def resident_bytes(pid: int) -> int:
    """Resident memory of a process in bytes, 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def alive(record: Record) -> bool:
    return start_time(record.pid) == record.start


def records(folder: Path) -> list[Record]:
    """All records, in the order in which the processes were started; unreadable ones are skipped."""
    found = []
    for path in folder.glob("*.json"):
        try:
            found.append((path.stat().st_mtime_ns, Record(**json.loads(path.read_text()))))
        except (OSError, ValueError, TypeError):
            continue
    return [record for _when, record in sorted(found, key=lambda pair: pair[0])]


def start(
    folder: Path,
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    port: int = 0,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own and record it. Its output goes to `log`, written anew."""
    folder.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.truncate(0)
        process = subprocess.Popen(
            list(command),
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=cwd,
            start_new_session=True,
        )
    record = Record(name, process.pid, start_time(process.pid) or 0, port, list(command))
    scratch = folder / f".{name}"
    scratch.write_text(json.dumps(asdict(record)))
    scratch.rename(folder / f"{name}.json")
    return process


def _signal(record: Record, number: int) -> None:
    if alive(record):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)


def reap(pid: int) -> None:
    """Collect a child that ended, so that it does not stay a zombie; nothing for other processes."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def stop(folder: Path, targets: Iterable[Record], *, seconds: float = STOP_SECONDS) -> None:
    """SIGTERM each, wait, then SIGKILL what is left; their records are removed once they are gone."""
    targets = list(targets)
    for record in targets:
        _signal(record, signal.SIGTERM)
    for number, patience in ((signal.SIGKILL, seconds), (None, 5.0)):
        deadline = time.monotonic() + patience
        while any(map(alive, targets)) and time.monotonic() < deadline:
            for record in targets:
                reap(record.pid)
            time.sleep(0.02)
        for record in targets if number else ():
            _signal(record, number or 0)
    for record in targets:
        reap(record.pid)
        if not alive(record):
            (folder / f"{record.name}.json").unlink(missing_ok=True)


def tail(log: Path, size: int = 65536) -> list[str]:
    """The last lines of a log (of its last `size` bytes)."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - size))
            return stream.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _tells_error(line: str) -> bool:
    return bool(_ERROR_LINE.search(line)) and not _QUIET_LINE.search(line)


def last_error(log: Path) -> str:
    """The last line of a log that tells of an error, or an empty string."""
    return next((line.strip() for line in reversed(tail(log)) if _tells_error(line)), "")
