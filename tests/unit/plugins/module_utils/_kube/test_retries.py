# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is tried again, and after how long."""

from __future__ import annotations

import json
from functools import partial

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._kube import retries
from ansible_collections.meshwright.istio.plugins.module_utils._kube.answers import Response
from ansible_collections.meshwright.istio.plugins.module_utils._kube.retries import Policy, TransportError

READ, GUARDED, ONCE = Policy(idempotent=True), Policy(idempotent=True, precondition=True), Policy(idempotent=False)


def status(code: int, message: str = "", **headers: str) -> Response:
    return Response(code, json.dumps({"kind": "Status", "message": message}).encode(), headers)


OWNED = Response(
    409, json.dumps({"kind": "Status", "details": {"causes": [{"reason": "FieldManagerConflict"}]}}).encode()
)
WEBHOOK = status(500, 'failed calling webhook "v": connection refused')
TYPED = status(500, "failed to create typed patch object (n/c; /v1, Kind=X): .a: field not declared in schema")
REFUSED = TransportError("Connection refused", maybe_done=False)
BROKEN = TransportError("the connection broke")

AGAIN = {
    "429 of a read": (status(429), READ, 1, 0.0),
    "429 of a create": (status(429), ONCE, 1, 0.0),
    "429 after minutes": (status(429), ONCE, 50, 600.0),
    "another writer came between": (status(409, "the object has been modified"), READ, 1, 0.0),
    "503 of a read": (status(503), READ, 1, 0.0),
    "503 during a restart": (status(503), READ, 9, 60.0),
    "500 of a read": (status(500), READ, 1, 0.0),
    "a webhook is down, create": (WEBHOOK, ONCE, 1, 0.0),
    "refused, create": (REFUSED, ONCE, 1, 0.0),
    "broken, read": (BROKEN, READ, 1, 0.0),
    "refused during a restart": (REFUSED, READ, 9, 60.0),
}
FINAL = {
    "200": (status(200), READ, 1, 0.0),
    "404": (status(404), READ, 1, 0.0),
    "422": (status(422), READ, 1, 0.0),
    "another manager's field": (OWNED, READ, 1, 0.0),
    "a failed precondition": (status(409), GUARDED, 1, 0.0),
    "another writer, again and again": (status(409), READ, retries.CONTENTION_ATTEMPTS, 1.0),
    "a create that exists": (status(409), ONCE, 1, 0.0),
    "500 that says the object is wrong": (TYPED, READ, 1, 0.0),
    "500 of a create, which may have been carried out": (status(500), ONCE, 1, 0.0),
    "503 of a create": (status(503), ONCE, 1, 0.0),
    "broken, create": (BROKEN, ONCE, 1, 0.0),
    "500 for long": (status(500), READ, 9, retries.PATIENCE_SERVER_ERROR),
    "a webhook down for long": (WEBHOOK, READ, 9, retries.PATIENCE_WEBHOOK),
    "gone for long": (REFUSED, READ, 30, retries.PATIENCE_OUTAGE),
    "an untrusted certificate": (TransportError("certificate", maybe_done=False, fatal=True), READ, 1, 0.0),
}


@pytest.mark.parametrize(("outcome", "policy", "attempt", "elapsed"), AGAIN.values(), ids=AGAIN)
def test_tried_again(outcome: Response | TransportError, policy: Policy, attempt: int, elapsed: float) -> None:
    assert retries.delay(outcome, policy, attempt=attempt, elapsed=elapsed, server_seen=True) is not None


@pytest.mark.parametrize(("outcome", "policy", "attempt", "elapsed"), FINAL.values(), ids=FINAL)
def test_final(outcome: Response | TransportError, policy: Policy, attempt: int, elapsed: float) -> None:
    assert retries.delay(outcome, policy, attempt=attempt, elapsed=elapsed, server_seen=True) is None


def test_a_server_never_seen_is_given_up_sooner() -> None:
    elapsed = retries.PATIENCE_UNKNOWN_SERVER
    assert retries.delay(REFUSED, READ, attempt=9, elapsed=elapsed, server_seen=False) is None
    assert retries.delay(REFUSED, READ, attempt=9, elapsed=elapsed, server_seen=True) is not None


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("3", 3.0, 3.5), ("0", 0.0, 0.1), ("3600", 60.0, 60.5), ("nonsense", 0.05, 0.1), ("-1", 0.05, 0.1)],
)
def test_retry_after_is_a_lower_bound(header: str, low: float, high: float) -> None:
    outcome = status(429, **{"Retry-After": header})
    for jitter in (0.0, 0.5, 0.999):
        wait = retries.delay(outcome, READ, attempt=1, elapsed=0, server_seen=True, jitter=partial(float, jitter))
        assert wait is not None
        assert low <= wait <= high


def test_pauses_grow_up_to_a_limit() -> None:
    waits = [
        retries.delay(BROKEN, READ, attempt=attempt, elapsed=0, server_seen=True, jitter=lambda: 1.0) or 0.0
        for attempt in range(1, 20)
    ]
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(0.1)
    assert waits[-1] == pytest.approx(5.0)
