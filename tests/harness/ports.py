# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free loopback ports. Loopback only: nothing of an embedded cluster listens elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a process could listen on this loopback port now."""
    with socket.socket() as probe:
        # As Go's net.Listen does: a port whose last connections linger in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """`count` distinct free ports, held together while choosing so that none is named twice."""
    sockets = [socket.socket() for _number in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def choose(names: Iterable[str], wanted: Mapping[str, int]) -> dict[str, int]:
    """A port per name: the wanted one (of an earlier run) while it is free, else any free one."""
    chosen: dict[str, int] = {}
    for name in names:
        port = wanted.get(name)
        if port is not None and port not in chosen.values() and is_free(port):
            chosen[name] = port
        else:
            chosen[name] = 0
    spare = iter(free_ports(sum(port == 0 for port in chosen.values())))
    return {name: port or next(spare) for name, port in chosen.items()}
