# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API server's way to webhooks and kubelets: an HTTP CONNECT proxy on a Unix socket.

A pod's address is no address of this machine. The proxy knows which of them have a process behind them, and answers 502
at once for the others, so that a call to a simulated pod fails as one to a dead pod would, and never leaves loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"


@dataclass
class Routes:
    """Which loopback port stands for an address. Written by the agent's main thread, read by the proxy's."""

    kubelet: int
    pods: dict[tuple[str, int], int] = field(default_factory=dict)

    def set_pod(self, address: str, ports: dict[int, int]) -> None:
        for port, local in ports.items():
            self.pods[address, port] = local

    def drop_pod(self, address: str) -> None:
        for key in [key for key in self.pods if key[0] == address]:
            self.pods.pop(key, None)

    def find(self, target: str) -> int | None:
        """The loopback port for "host:port", None when nothing is behind it."""
        host, _colon, text = target.rpartition(":")
        port = int(text) if text.isdigit() else 0
        if port == self.kubelet or host in (LOOPBACK, "localhost"):
            return port
        return self.pods.get((host.strip("[]"), port))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


async def _serve(routes: Routes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        request = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
        words = request.split()
        port = routes.find(words[1]) if len(words) > 1 and words[0] == "CONNECT" else None
        if port is None:
            raise OSError("nothing behind this address")
        upstream, downstream = await asyncio.open_connection(LOOPBACK, port)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.gather(_pipe(reader, downstream), _pipe(upstream, writer))


def start(socket: Path, routes: Routes) -> threading.Thread:
    """Serve in a thread of its own; returns once the socket accepts connections."""
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if socket.parent.stat().st_uid != os.getuid():
        raise OSError(f"{socket.parent} belongs to another user: remove it")
    socket.unlink(missing_ok=True)
    ready = threading.Event()

    async def run() -> None:
        server = await asyncio.start_unix_server(lambda r, w: _serve(routes, r, w), str(socket))
        socket.chmod(0o600)
        ready.set()
        async with server:
            await server.serve_forever()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="egress", daemon=True)
    thread.start()
    if not ready.wait(10):
        raise OSError(f"the egress proxy could not listen on {socket}")
    return thread
