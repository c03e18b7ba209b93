# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy between a client and an API server that counts requests and makes chosen ones fail.

It speaks plain HTTP on loopback and passes requests on over TLS with the token it was given, so a client
needs no more than `host: http://127.0.0.1:PORT`:

    with FaultProxy(server, ca_file=..., token=...) as proxy:
        proxy.fail("PATCH", status=429, retry_after=1, times=3)
        ...
        assert proxy.count("PATCH") == 4
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length"}


@dataclass(frozen=True)
class Seen:
    """A request as it came in; `status` is what the client got, 0 for a dropped connection."""

    method: str
    path: str
    query: dict[str, list[str]]
    status: int

    @property
    def dry_run(self) -> bool:
        return "dryRun" in self.query


@dataclass
class Fault:
    """What happens to the next `times` requests whose `METHOD /path?query` the pattern matches."""

    pattern: re.Pattern[str]
    times: int
    status: int = 0
    retry_after: float | None = None
    message: str = ""
    delay: float = 0.0
    drop: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, request: str) -> bool:
        with self.lock:
            if self.times <= 0 or not self.pattern.search(request):
                return False
            self.times -= 1
            return True


class FaultProxy:
    """A context manager; `url` is where clients connect. Safe for many threads."""

    def __init__(self, server: str, *, token: str = "", ca_file: str | None = None) -> None:
        parts = urlsplit(server)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 443)
        self._token = token
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._local = threading.local()
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.seen: list[Seen] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(
        self,
        pattern: str,
        *,
        times: int = 1,
        status: int = 0,
        retry_after: float | None = None,
        message: str = "",
        delay: float = 0.0,
        drop: str = "",
    ) -> Fault:
        """Make the next `times` matching requests fail.

        `status` answers with it, `delay` waits so many seconds first (and then passes the request on),
        `drop` resets the connection: "before" the request reaches the server, or "after", so that only
        the answer is lost.
        """
        fault = Fault(re.compile(pattern), times, status, retry_after, message, delay, drop)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget faults and requests seen."""
        with self._lock:
            self._faults.clear()
            self.seen.clear()

    def count(self, method: str, pattern: str = "", *, dry_run: bool | None = None) -> int:
        """How many requests came of that method whose path matches; only dry runs, or none of them, if so asked."""
        with self._lock:
            seen = list(self.seen)
        return sum(
            one.method == method and bool(re.search(pattern, one.path)) and (dry_run is None or one.dry_run is dry_run)
            for one in seen
        )

    # -- used by the handler ---------------------------------------------------------------------------

    def fault_for(self, request: str) -> Fault | None:
        with self._lock:
            faults = list(self._faults)
        return next((fault for fault in faults if fault.takes(request)), None)

    def note(self, method: str, target: str, status: int) -> None:
        parts = urlsplit(target)
        with self._lock:
            self.seen.append(Seen(method, parts.path, parse_qs(parts.query), status))

    def forward(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Pass a request on over this thread's own connection, once more if the server had closed it."""
        if self._token:
            headers = {**headers, "Authorization": f"Bearer {self._token}"}
        for attempt in (1, 2):
            upstream: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
            if upstream is None:
                upstream = self._connect()
                self._local.connection = upstream
            try:
                upstream.request(method, target, body=body or None, headers=headers)
                answer = upstream.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (http.client.HTTPException, OSError):
                upstream.close()
                self._local.connection = None
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._address
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=60)
        return http.client.HTTPSConnection(host, port, timeout=60, context=self._tls)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are this server's business: no traces of them."""


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in two writes; without this they wait for each other.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: `proxy.seen` is the log."""

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.fault_for(f"{self.command} {self.path}")
            if fault is not None:
                time.sleep(fault.delay)
                if fault.drop == "before":
                    self._drop()
                    return
                if fault.status:
                    self._refuse(fault)
                    return
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            try:
                status, answer_headers, answer = proxy.forward(self.command, self.path, headers, body)
            except (http.client.HTTPException, OSError):
                # The server is away: the client sees what it would have seen itself.
                self._drop()
                return
            if fault is not None and fault.drop == "after":
                self._drop()
                return
            kept = [(name, value) for name, value in answer_headers if name.lower() not in _HOP_BY_HOP]
            self._answer(status, kept, answer)

        def _refuse(self, fault: Fault) -> None:
            message = fault.message or f"made to fail with {fault.status}"
            status = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": message,
                "code": fault.status,
            }
            headers = [("Content-Type", "application/json")]
            if fault.retry_after is not None:
                headers.append(("Retry-After", f"{fault.retry_after:g}"))
            self._answer(fault.status, headers, json.dumps(status).encode())

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            proxy.note(self.command, self.path, status)
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _drop(self) -> None:
            """Reset the connection, as a load balancer or a killed server does."""
            proxy.note(self.command, self.path, 0)
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    serve: Callable[[Any], None] = Handler._serve
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", serve)
    return Handler
