# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""HTTP to a pod's port through the API server's port-forward: nothing but the API server need be reachable.

One request, one websocket, in the caller's own thread: nothing is left when it returns.
"""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from .._errors import ApiError, Forbidden, Unreachable
from .answers import Request, Response, error_for
from .client import Client, Deadline
from .kinds import POD
from .retries import Policy, TransportError, delay
from .websockets import Refused, WebSocket, broken

# Data on channel 0, what went wrong on channel 1; each is opened by a message with the port's number.
_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_LONGEST_WAIT = 30.0
_CLOSE_WAIT = 1
_HINT = "Bind it a Role with the verbs get and create on pods/portforward."
_READ = Policy(idempotent=True)


@dataclass(frozen=True, slots=True)
class PodAnswer:
    """What the pod answered: `body` as it came."""

    status: int
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON; raises ValueError for anything else."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def pod_get(
    client: Client,
    namespace: str,
    pod: str,
    port: int,
    path: str,
    *,
    deadline: Deadline,
    query: Mapping[str, str] | None = None,
    most: int | None = None,
) -> PodAnswer:
    """GET http://pod:port/path, whatever its status.

    Raises Forbidden naming the missing verb on pods/portforward, NotFound when there is no such pod, and Unreachable
    naming pod and port when nothing answers there by the deadline, or more than `most` bytes.
    """
    request = Request("forward", f"to port {port} of Pod {namespace}/{pod}", client.connection.server)
    where = f"{POD.path(namespace, pod, 'portforward')}?ports={port}"
    target = path + (f"?{urlencode(query)}" if query else "")
    first_failure, attempt = 0.0, 0
    outcome: Response | TransportError | None = None
    while not deadline.passed:
        attempt += 1
        asked_at = time.monotonic()
        try:
            return _once(client, where, port, target, deadline, most)
        except Refused as error:
            outcome = error.response
            if outcome.status == 401 and attempt == 1 and client.connection.reload(asked_at):
                continue
        except TransportError as error:
            outcome = error
        except _TooMuch as error:
            raise Unreachable(
                f"Port {port} of Pod {namespace}/{pod} answers more than {error.most >> 20} MiB to {path}: it is not "
                "read.",
                verb="get",
                target=f"Pod {namespace}/{pod}:{port}",
            ) from error
        except _NothingThere as error:
            raise Unreachable(
                f"Nothing answers at port {port} of Pod {namespace}/{pod}: {error}.",
                verb="get",
                target=f"Pod {namespace}/{pod}:{port}",
                hint="See whether its containers run: the port-forward itself went through.",
            ) from error
        first_failure = first_failure or time.monotonic()
        elapsed = time.monotonic() - first_failure
        wait = delay(outcome, _READ, attempt=attempt, elapsed=elapsed, server_seen=True)
        if wait is None or wait > deadline.left():
            break
        deadline.sleep(wait)
    raise _error(outcome, request, deadline, attempt)


class _NothingThere(Exception):
    """The API server forwarded, the pod did not answer."""


class _TooMuch(Exception):
    """The pod answers more than was asked for."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} bytes")
        self.most = most


def _once(client: Client, where: str, port: int, target: str, deadline: Deadline, most: int | None) -> PodAnswer:
    """One websocket, one request, one answer."""
    opened = client.connection.websocket(where, protocol=_PROTOCOL, timeout=_wait(deadline))
    try:
        # The answer ends with the connection, or where its length says: either is HTTP/1.1 to a server in Go.
        lines = [f"GET {target} HTTP/1.1", f"Host: localhost:{port}", "User-Agent: meshwright.istio"]
        message = "\r\n".join([*lines, "Accept: */*", "Connection: close", "", ""])
        opened.settimeout(_wait(deadline))
        opened.send_binary(bytes([_DATA]) + message.encode())
        answer = http.client.HTTPResponse(_Socket(_Frames(opened, deadline)))  # type: ignore[arg-type]
        answer.begin()
        return PodAnswer(answer.status, answer.read() if most is None else _bounded(answer, most))
    except http.client.HTTPException as error:
        raise _NothingThere(f"what came is no whole HTTP answer ({type(error).__name__})") from error
    except (_NothingThere, _TooMuch, TransportError):
        raise
    except Exception as error:
        # The websocket package's exceptions have no base of their own that could be named without importing it.
        raise broken(error) from error
    finally:
        opened.close(timeout=_CLOSE_WAIT)


def _bounded(answer: http.client.HTTPResponse, most: int) -> bytes:
    body = answer.read(most + 1)
    if len(body) > most:
        raise _TooMuch(most)
    if answer.length:
        # Asked for so many bytes, it takes an answer that ends early for a whole one.
        raise http.client.IncompleteRead(body, answer.length)
    return body


def _wait(deadline: Deadline) -> float:
    return max(0.05, min(_LONGEST_WAIT, deadline.left()))


class _Frames(io.RawIOBase):
    """The data channel of a port-forward as a stream of bytes."""

    def __init__(self, opened: WebSocket, deadline: Deadline) -> None:
        self._opened, self._deadline = opened, deadline
        self._started: set[int] = set()
        self._rest = b""
        self._any = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            if self._deadline.passed:
                raise TransportError("it did not answer in time")
            self._opened.settimeout(_wait(self._deadline))
            message = self._opened.recv()
            if not message:
                return self._end()
            data = message.encode() if isinstance(message, str) else message
            channel = data[0]
            if channel not in self._started:
                self._started.add(channel)  # This one has the port's number.
            elif channel == _ERROR:
                raise _NothingThere(data[1:].decode(errors="replace").strip() or "it gave no reason")
            elif channel == _DATA:
                self._rest = data[1:]
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._any = True
        return count

    def _end(self) -> int:
        if not self._any:
            raise _NothingThere("it closed the connection without an answer")
        return 0


class _Socket:
    """As much of a socket as http.client asks for."""

    def __init__(self, frames: _Frames) -> None:
        self._frames = frames

    def makefile(self, *_args: Any, **_more: Any) -> io.BufferedReader:
        return io.BufferedReader(self._frames)


def _error(outcome: Response | TransportError | None, request: Request, deadline: Deadline, attempts: int) -> ApiError:
    if isinstance(outcome, Response):
        error = error_for(outcome, request)
        if isinstance(error, Forbidden):
            # GET opens the websocket; from Kubernetes 1.35 on, create is asked besides.
            error.hint = _HINT
        if outcome.status == 403 and (error.message.rstrip().endswith("is forbidden:") or not outcome.body):
            # That second refusal gives no reason, and old releases of the websocket package lose any.
            return Forbidden(
                f"Could not {request}: the user may not create pods/portforward there.",
                status=403,
                verb="create",
                target=request.target,
                hint=_HINT,
                details={"missing_permission": {"verb": "create", "resource": "pods/portforward"}},
            )
        return error
    tried = f" after {attempts} attempts" if attempts > 1 else ""
    said = f"nothing was sent within {deadline.seconds:g} s" if outcome is None else str(outcome)
    return Unreachable(
        f"Could not {request} on {request.server}{tried}: {said}.",
        verb=request.verb,
        target=request.target,
        hint=getattr(outcome, "hint", "") or "Run again, or give the task more time.",
    )
