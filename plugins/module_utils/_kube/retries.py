# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""When a request is sent again, and after how long: the one place that decides it. Pure.

A request is repeated if that cannot do harm: it is idempotent, or the server said (or the connection shows)
that it was not carried out.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from .answers import Response, is_contention, is_typed_patch_error, is_webhook_down, status_of

# Seconds. A server that never answered is probably the wrong address, so people hear of it soon;
# one that has answered is being restarted or failed over, and is waited for.
PATIENCE_UNKNOWN_SERVER = 8.0
PATIENCE_OUTAGE = 120.0
PATIENCE_WEBHOOK = 20.0
PATIENCE_SERVER_ERROR = 15.0
CONTENTION_ATTEMPTS = 8

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
_LONGEST_RETRY_AFTER = 60.0


class TransportError(Exception):
    """No answer came. `maybe_done`: the request may have been carried out; `fatal`: trying again cannot help."""

    def __init__(self, message: str, *, maybe_done: bool = True, fatal: bool = False, hint: str = "") -> None:
        super().__init__(message)
        self.maybe_done = maybe_done
        self.fatal = fatal
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Policy:
    """What is known of a request: `idempotent`, and whether it carries a precondition that a 409 may be about."""

    idempotent: bool
    precondition: bool = False


def delay(
    outcome: Response | TransportError,
    policy: Policy,
    *,
    attempt: int,
    elapsed: float,
    server_seen: bool,
    jitter: Callable[[], float] = random.random,
) -> float | None:
    """Seconds to wait before the next attempt, or None to take the outcome as final.

    `attempt` counts from 1, `elapsed` is the time since the first attempt failed, `server_seen` whether this
    process ever had an answer from the server, `jitter` a random number in [0, 1).
    """
    backoff = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(attempt - 1, 10)) * (0.5 + jitter() / 2)
    if isinstance(outcome, TransportError):
        if outcome.fatal or (outcome.maybe_done and not policy.idempotent):
            return None
        patience = PATIENCE_OUTAGE if server_seen else PATIENCE_UNKNOWN_SERVER
        return backoff if elapsed < patience else None
    code = outcome.status
    if code == 429:
        # Refused before anything was done: safe for every request, for as long as the task has time.
        return _retry_after(outcome, jitter) or backoff
    if code == 409:
        status = status_of(outcome)
        contended = policy.idempotent and not policy.precondition and is_contention(status)
        return backoff if contended and attempt < CONTENTION_ATTEMPTS else None
    if code < 500:
        return None
    status = status_of(outcome)
    if is_typed_patch_error(status):
        return None
    if is_webhook_down(status):
        return backoff if elapsed < PATIENCE_WEBHOOK else None
    if not policy.idempotent:
        return None
    patience = PATIENCE_OUTAGE if code in (502, 503, 504) else PATIENCE_SERVER_ERROR
    return (_retry_after(outcome, jitter) or backoff) if elapsed < patience else None


def _retry_after(response: Response, jitter: Callable[[], float]) -> float | None:
    """The server's Retry-After in seconds, with jitter on top so that threads do not come back together."""
    value = response.headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        return None
    if seconds < 0:
        return None
    return min(seconds, _LONGEST_RETRY_AFTER) + jitter() * max(0.1, min(seconds, 1.0) * 0.5)
