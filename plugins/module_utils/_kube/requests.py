# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Carrying out one request: retries, the deadline, and typed errors. `client.py` says what to ask."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from .._errors import ApiError, Unreachable
from .answers import Request, Response, error_for, is_webhook_down, status_of
from .connection import Connection
from .deadline import Deadline
from .retries import Policy, TransportError, delay

_CONNECT_TIMEOUT = 10.0
# The API server itself gives up after 60 seconds.
_READ_TIMEOUT = 65.0
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Requests:
    """Sends requests over one connection. Shared by all threads of a task.

    `counts` tells what happened: requests by method (`PATCH`), and repeated ones by cause (`retried 429`).
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server_seen = False

    def send(
        self,
        method: str,
        path: str,
        request: Request,
        policy: Policy,
        deadline: Deadline,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> tuple[Response, int]:
        """The final answer, whatever its status, and how many attempts it took.

        `body` is JSON-able or bytes. Raises Unreachable when there is no answer by the deadline.
        """
        url = self.connection.server + path + (f"?{urlencode(query)}" if query else "")
        content = body if body is None or isinstance(body, bytes) else _encode(body).encode()
        sent_headers = [("Accept", "application/json"), ("User-Agent", "meshwright.istio"), *(headers or {}).items()]
        if headers and "Accept" in headers:
            del sent_headers[0]
        first_failure, attempt, outcome, maybe_done = 0.0, 0, None, False
        while True:
            if deadline.passed:
                raise self._too_late(request, deadline, attempt, outcome, maybe_done)
            attempt += 1
            asked_at = time.monotonic()
            outcome = self._attempt(method, url, sent_headers, content, deadline, timeout)
            self._count(method, outcome)
            maybe_done = maybe_done or _maybe_done(outcome)
            if isinstance(outcome, Response):
                if outcome.status == 401 and attempt == 1 and self.connection.reload(asked_at):
                    continue
                if outcome.status < 400:
                    return outcome, attempt
            first_failure = first_failure or time.monotonic()
            wait = delay(
                outcome,
                policy,
                attempt=attempt,
                elapsed=time.monotonic() - first_failure,
                server_seen=self._server_seen,
            )
            if wait is None:
                if isinstance(outcome, Response):
                    return outcome, attempt
                raise self._unreachable(request, outcome, attempt, policy, maybe_done)
            if wait > deadline.left():
                raise self._too_late(request, deadline, attempt, outcome, maybe_done)
            with self._lock:
                self.counts[f"retried {_cause(outcome)}"] += 1
            deadline.sleep(wait)

    def _attempt(
        self,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes | None,
        deadline: Deadline,
        timeout: float | None,
    ) -> Response | TransportError:
        left = max(0.05, deadline.left())
        try:
            return self.connection.send(
                method,
                url,
                headers=headers,
                body=body,
                connect_timeout=min(_CONNECT_TIMEOUT, left),
                read_timeout=min(timeout or _READ_TIMEOUT, left),
            )
        except TransportError as error:
            return error

    def _count(self, method: str, outcome: Response | TransportError) -> None:
        with self._lock:
            self.counts[method] += 1
            if isinstance(outcome, Response):
                self._server_seen = True

    def _unreachable(
        self, request: Request, cause: TransportError, attempts: int, policy: Policy, maybe_done: bool
    ) -> ApiError:
        tried = f" after {attempts} attempts" if attempts > 1 else ""
        hint = cause.hint or "Check that the address is right and the API server is running."
        if cause.maybe_done and not policy.idempotent:
            hint = "It may or may not have been carried out: run again, which looks first."
        error = Unreachable(
            f"Could not {request}: no answer from the API server {self.connection.server}{tried}: {cause}.",
            verb=request.verb,
            target=request.target,
            hint=hint,
        )
        error.maybe_done = maybe_done
        return error

    def _too_late(
        self,
        request: Request,
        deadline: Deadline,
        attempts: int,
        outcome: Response | TransportError | None,
        maybe_done: bool,
    ) -> ApiError:
        seconds = f"{deadline.seconds:g} s"
        if outcome is None:
            said, status = "nothing was sent", 0
        elif isinstance(outcome, Response):
            error = error_for(outcome, request)
            said, status = f"the last answer of {attempts} was {outcome.status} ({error.message})", outcome.status
        else:
            said, status = f"{attempts} attempts, the last: {outcome}", 0
        late = Unreachable(
            f"Could not {request} on {self.connection.server} within the task's {seconds}: {said}.",
            status=status,
            verb=request.verb,
            target=request.target,
            hint="Run again, or give the task more time.",
        )
        late.maybe_done = maybe_done
        return late


def _maybe_done(outcome: Response | TransportError) -> bool:
    """Whether the request may have been carried out, though this outcome does not say so."""
    if isinstance(outcome, TransportError):
        return outcome.maybe_done
    return outcome.status >= 500 and not is_webhook_down(status_of(outcome))


def _cause(outcome: Response | TransportError) -> str:
    return str(outcome.status) if isinstance(outcome, Response) else "no answer"
