# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python tests/harness up | down | status | logs NAME | kubeconfig`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import cluster, processes, state
from .errors import HarnessError

MEBIBYTE = 1 << 20


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python tests/harness", description=__doc__)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--name", default=state.DEFAULT_NAME, help="which cluster (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", parents=[shared], help="bring a cluster up; fine when it is up already")
    up.add_argument("--port", type=int, help="port of the API server (default: any free one)")
    up.add_argument("--nodes", type=int, default=3, help="simulated nodes (default: %(default)s)")
    commands.add_parser("down", parents=[shared], help="stop a cluster and remove its state")
    commands.add_parser("status", parents=[shared], help="each process: pid, port, memory, last error")
    logs = commands.add_parser("logs", parents=[shared], help="print a process's log")
    logs.add_argument("process", help="its name as in status")
    commands.add_parser("kubeconfig", parents=[shared], help="print the path of the kubeconfig")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    known = cluster.up(arguments.name, port=arguments.port, nodes=arguments.nodes)
    print(f"kubeconfig  {known.kubeconfig}")
    print(f"context     {known.context}")
    print(f"charts      {known.charts} (Istio {', '.join(known.versions.values())})")
    print(f"look around: {known.programs['kubectl']} --kubeconfig {known.kubeconfig} get pods -A")
    return 0


def _status(name: str) -> int:
    folders = state.folders(name)
    found = processes.records(folders.pids)
    if not found:
        print(f"cluster {name} is not running")
        return 3
    rows = [("PROCESS", "PID", "PORT", "MEMORY", "LAST ERROR")]
    total, dead = 0, 0
    for record in found:
        running = processes.alive(record)
        memory = processes.resident_bytes(record.pid) if running else 0
        total += memory
        dead += not running
        error = processes.last_error(folders.logs / f"{record.name}.log")
        pid = str(record.pid) if running else "dead"
        rows.append((record.name, pid, str(record.port or "-"), f"{memory // MEBIBYTE} MiB", error[:120] or "-"))
    rows.append(("total", "", "", f"{total // MEBIBYTE} MiB", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), row[4]]).rstrip())
    return 1 if dead else 0


def _logs(name: str, process: str) -> int:
    folder = state.folders(name).logs
    path = folder / f"{Path(process).name}.log"
    if not path.exists():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.log"))) or "none"
        raise HarnessError(f"cluster {name} has no log of {process!r}; there are: {known}")
    with path.open(errors="replace") as stream:
        for line in stream:
            sys.stdout.write(line)
    return 0


def _kubeconfig(name: str) -> int:
    known = state.load(name)
    if known is None:
        raise HarnessError(f"cluster {name} is not up: python tests/harness up --name {name}")
    print(known.kubeconfig)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a failure with its reason on stderr, 3 that the cluster is not running."""
    parsed = _parser().parse_args(arguments)
    try:
        if parsed.command == "up":
            return _up(parsed)
        if parsed.command == "down":
            cluster.down(parsed.name)
            return 0
        if parsed.command == "status":
            return _status(parsed.name)
        if parsed.command == "logs":
            return _logs(parsed.name, parsed.process)
        return _kubeconfig(parsed.name)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
